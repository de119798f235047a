#!/bin/sh
# Runs the tests that need containers: `npm run test:docker [-- FILE…]`.
#
# If an engine with Compose answers, it is used, and only what has a test's run id is touched. Otherwise, as root on
# Debian, a separate engine is started, and stopped when the tests are done (docker/own-engine.sh). Compose and images are
# kept for the next run in ~/.cache/cdc-lab/docker, or in the folder CDC_LAB_DOCKER_CACHE.
# Exit code 69: the tests were not run; the output says why.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
engine_dir=${CDC_LAB_DOCKER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/cdc-lab/docker}
socket=$engine_dir/docker.sock
machine=/run/cdc-lab-machine
log=$root/.cache/docker
PATH=$root/node_modules/.bin:$PATH:/usr/sbin:/sbin
export PATH
# The image of testcontainers' reaper is not available everywhere; each test removes what it starts.
export TESTCONTAINERS_RYUK_DISABLED=true
mkdir -p "$log"

say() { printf '%s\n' "$*" >&2; }
not_run() {
  say "docker tests: NOT RUN: $1"
  say "  $2"
  exit 69
}

. docker/own-engine.sh

engine=
child=
trap at_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

at_exit() {
  trap - EXIT
  if [ -n "$child" ]; then
    kill "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  [ -z "$engine" ] || stop_engine
}

# Runs a command in the background, so that a signal is handled at once, not when the command ends.
attend() {
  "$@" &
  child=$!
  attended=0
  wait "$child" || attended=$?
  child=
  return "$attended"
}

# Uses the official images if all can be pulled, otherwise the stand-ins: never a mix.
choose_images() {
  official="postgres:18.4-bookworm apache/kafka:4.4.0 node:24.21.0-bookworm-slim quay.io/debezium/connect:3.6.0.Final"
  for image in $official; do
    if ! { docker image inspect "$image" || attend timeout 300 docker pull --quiet "$image"; } >"$log/pull" 2>&1; then
      say "docker tests: $image: $(tail -n 1 "$log/pull")"
      use_stand_ins
      return 0
    fi
  done
  images='the official images'
  DOCKER_BUILDKIT=0 attend docker build --quiet --tag cdc-lab:0.1.0 --file docker/Dockerfile . >/dev/null
  export CDC_LAB_IMAGE_POSTGRES=postgres:18.4-bookworm CDC_LAB_IMAGE_KAFKA=apache/kafka:4.4.0
  export CDC_LAB_IMAGE_LAB=cdc-lab:0.1.0 CDC_LAB_IMAGE_CONNECT=quay.io/debezium/connect:3.6.0.Final
}

use_stand_ins() {
  images='stand-ins built here; the official images (postgres, apache/kafka, node, debezium/connect) were NOT RUN'
  ! on_debian_as_root || install debootstrap=debootstrap
  built=0
  attend sh docker/stand-in/build.sh 2>"$log/stand-ins" || built=$?
  [ "$built" != 69 ] ||
    not_run 'neither the official images nor their stand-ins are available' "$(tail -n 5 "$log/stand-ins")"
  if [ "$built" != 0 ]; then
    tail -n 20 "$log/stand-ins" >&2
    say "docker tests: the lab's own image cannot be built"
    exit 1
  fi
  export CDC_LAB_IMAGE_POSTGRES=cdc-lab-stand-in/postgres:18 CDC_LAB_IMAGE_KAFKA=cdc-lab-stand-in/kafka:4.4
  export CDC_LAB_IMAGE_LAB=cdc-lab-stand-in/lab:test
  # Without this image the tests of Debezium's profile are not run.
  if docker image inspect cdc-lab-stand-in/connect:3.6 >/dev/null 2>&1; then
    export CDC_LAB_IMAGE_CONNECT=cdc-lab-stand-in/connect:3.6
  fi
}

if [ "${CDC_LAB_TEST_ENGINE:-any}" = any ] && docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
  say 'docker tests: with the engine that answers here'
elif on_debian_as_root; then
  [ -d node_modules ] || not_run 'the packages are not installed' 'make setup'
  claim_engine
  install dockerd=docker.io docker=docker.io iptables=iptables ip=iproute2
  install_compose
  start_engine
else
  not_run 'no engine with Compose answers, and none can be installed here' \
    'Start Docker, or run this as root on Debian.'
fi
choose_images
say "docker tests: with $images"
results=${CDC_LAB_TEST_RESULTS:-$root/reports/docker}
mkdir -p "$results"
rm -f "$results"/vitest-*.json
code=0
CDC_LAB_TEST_RESULTS=$results attend vitest run --project docker "$@" || code=$?
say "docker tests: with $images"
node docker/count.mjs "$results" || [ "$code" -ne 0 ] || code=1
exit "$code"
