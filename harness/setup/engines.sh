#!/bin/sh
# Fetches Kafka Connect, Debezium's PostgreSQL connector and its JDBC sink: about 75 MB.
# Run by `make setup ENGINES=all`, and by the lab itself when `--source debezium` or `--sink jdbc` needs them and they
# are missing. When there is nothing to do, it only reads one stamp.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
cache=$root/.cache
engines=$cache/engines
sums=$root/harness/setup/engines-jars.sha256
pom=$root/harness/setup/engines.pom.xml
log=$cache/engines-maven.log
needed_mb=512

give_up() {
  printf 'engines: %s\n  %s\n' "$1" "$2" >&2
  exit 69
}

# True if exactly the listed jars are there, each with its checksum.
verified() {
  (cd "$1" && sha256sum --check --status --strict "$sums") &&
    [ "$(find "$1" -name '*.jar' | wc -l)" = "$(wc -l <"$sums")" ]
}

# Each profile is a separate class path, so each is resolved separately.
resolve() {
  mvn --batch-mode --quiet --file "$pom" -P "$1" dependency:copy-dependencies -DincludeScope=runtime \
    "-DoutputDirectory=$2" >>"$log" 2>&1 ||
    give_up "Maven could not fetch the jars of $1." "Check the network, read $log, and try again."
}

mkdir -p "$cache"
# Two runs at once would write to each other's folder.
exec 9>"$cache/engines.lock"
flock 9
fingerprint=$(sha256sum <"$sums" | cut -d ' ' -f 1)
archive=$cache/connect.jsa

# Saves a worker a third of its work at start. Optional: without it everything works, only slower.
archive_classes() {
  node=$root/node_modules/.bin/node
  [ -x "$node" ] || node=node
  "$node" harness/setup/archive-connect.ts >"$cache/connect-archive.log" 2>&1 ||
    printf 'engines: no archive of Connect'"'"'s classes (see %s); it starts a second slower.\n' \
      "$cache/connect-archive.log" >&2
}

if [ "$(cat "$engines/verified" 2>/dev/null)" = "$fingerprint" ]; then
  [ -f "$archive" ] || archive_classes
  exit 0
fi

command -v mvn >/dev/null || give_up 'Maven is not installed, and Debezium is fetched with it.' 'Run `make setup`.'
free_mb=$(($(df -Pk "$cache" | awk 'NR == 2 { print $4 }') / 1024))
[ "$free_mb" -ge "$needed_mb" ] || give_up "only $free_mb MB are free on the disk of $cache; $needed_mb are needed." \
  'Make room, or clone the project to another disk.'
fresh=$engines.fresh
rm -rf "$fresh"
: >"$log"
resolve connect "$fresh/connect"
resolve debezium-postgres "$fresh/plugins/debezium-postgres"
resolve debezium-jdbc "$fresh/plugins/debezium-jdbc"
verified "$fresh" || give_up 'the jars that Maven resolved are not those of harness/setup/engines-jars.sha256.' \
  "Compare them in $fresh; after an intended change: (cd $fresh && find . -name '*.jar' | sort | xargs sha256sum) > $sums"
rm -rf "$engines"
mv "$fresh" "$engines"
printf '%s' "$fingerprint" >"$engines/verified"
rm -f "$archive"
archive_classes
