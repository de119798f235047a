#!/bin/sh
# Runs the tests that need containers: `npm run test:docker [-- FILE…]`.
#
# Where an engine with Compose answers, it is used, and only what carries a test's own run id is touched. Otherwise, as
# root on Debian, an engine of its own is started under .cache/docker, with its own socket, data and pid file, and ended
# when the tests are done. Exit code 69: the tests were not run, and why.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
own=$root/.cache/docker
log=$own/log
PATH=$root/node_modules/.bin:$PATH:/usr/sbin:/sbin
export PATH
# The image of testcontainers' own reaper cannot be had everywhere; what a test starts it removes itself.
export TESTCONTAINERS_RYUK_DISABLED=true
mkdir -p "$log"

say() { printf '%s\n' "$*" >&2; }
not_run() {
  say "docker tests: not run: $1"
  say "  $2"
  exit 69
}
on_debian_as_root() { [ -e /etc/debian_version ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install_engine() {
  missing=
  command -v dockerd >/dev/null || missing="$missing docker.io"
  command -v iptables >/dev/null || missing="$missing iptables"
  command -v debootstrap >/dev/null || missing="$missing debootstrap"
  [ -n "$missing" ] || return 0
  say "docker tests: installing$missing …"
  # RUNLEVEL=1: no service is started by its installation.
  # shellcheck disable=SC2086  # one word per package
  { apt-get update -q && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends $missing; } >"$log/apt" 2>&1 ||
    not_run "apt-get could not install$missing" "Read $log/apt."
}

# Debian 12 has Compose 1 only; the plug-in of the next release runs on it, and is put beside this project's files.
install_compose() {
  export DOCKER_CONFIG="$own/config"
  plugin=$DOCKER_CONFIG/cli-plugins/docker-compose
  [ -x "$plugin" ] && return 0
  say "docker tests: fetching Compose …"
  work=$own/compose
  rm -rf "$work"
  mkdir -p "$work/lists/partial" "$work/archives/partial" "$DOCKER_CONFIG/cli-plugins"
  echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main' \
    >"$work/sources.list"
  apt="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::lists=$work/lists -o Dir::Cache=$work -o APT::Sandbox::User=root"
  # shellcheck disable=SC2086  # options
  (cd "$work" && apt-get $apt update -q && apt-get $apt download -q docker-compose) >"$log/compose" 2>&1 ||
    not_run 'Compose could not be fetched' "Read $log/compose."
  dpkg-deb -x "$work"/docker-compose_*.deb "$work/files"
  find "$work/files" -path '*/cli-plugins/docker-compose' -exec mv {} "$plugin" \;
  rm -rf "$work"
}

# Its own namespace of the engine: socket, data, pid file. What it changes of the machine is put back at the end.
start_engine() {
  socket=$own/docker.sock
  forwarding=$(cat /proc/sys/net/ipv4/ip_forward)
  had_bridge=$([ -e /sys/class/net/docker0 ] && echo yes || echo no)
  had_rules=$(iptables-save 2>/dev/null | grep -c '^-A' || true)
  if [ -f "$own/docker.pid" ] && [ "$(cat "/proc/$(cat "$own/docker.pid")/comm" 2>/dev/null)" = dockerd ]; then
    not_run 'another run has its engine there' "Wait for it, or end it: kill $(cat "$own/docker.pid")"
  fi
  rm -f "$own/docker.pid" "$socket"
  dockerd --data-root "$own/data" --exec-root "$own/exec" --pidfile "$own/docker.pid" --host "unix://$socket" \
    >"$log/dockerd" 2>&1 &
  engine=$!
  trap stop_engine EXIT
  trap 'exit 130' INT TERM
  export DOCKER_HOST="unix://$socket"
  tries=0
  until docker version >/dev/null 2>&1; do
    kill -0 "$engine" 2>/dev/null || not_run 'the engine ended' "$(tail -n 3 "$log/dockerd")"
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || not_run 'the engine does not answer' "Read $log/dockerd."
    sleep 0.2
  done
}

stop_engine() {
  trap - EXIT
  kill "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
  [ "$had_bridge" = yes ] || ip link delete docker0 2>/dev/null || true
  # Rules that were there before would be lost, so only a table that was empty is emptied again.
  if [ "$had_rules" = 0 ]; then
    for table in filter nat; do
      iptables -t "$table" -F && iptables -t "$table" -X
    done 2>/dev/null || true
    iptables -P FORWARD ACCEPT 2>/dev/null || true
  fi
  echo "$forwarding" >/proc/sys/net/ipv4/ip_forward 2>/dev/null || true
}

# The official images where they can be had, and stand-ins otherwise: never a mix.
choose_images() {
  official="postgres:18.4-bookworm apache/kafka:4.3.1 node:24.21.0-bookworm-slim quay.io/debezium/connect:3.5.0.Final"
  for image in $official; do
    if ! { docker image inspect "$image" || timeout 300 docker pull --quiet "$image"; } >"$log/pull" 2>&1; then
      say "docker tests: $image: $(tail -n 1 "$log/pull")"
      use_stand_ins
      return 0
    fi
  done
  images='the official images'
  DOCKER_BUILDKIT=0 docker build --quiet --tag cdc-lab:0.1.0 --file docker/Dockerfile . >/dev/null
  export CDC_LAB_IMAGE_POSTGRES=postgres:18.4-bookworm CDC_LAB_IMAGE_KAFKA=apache/kafka:4.3.1
  export CDC_LAB_IMAGE_LAB=cdc-lab:0.1.0 CDC_LAB_IMAGE_CONNECT=quay.io/debezium/connect:3.5.0.Final
}

use_stand_ins() {
  images='stand-ins built here; the official images (postgres, apache/kafka, node, debezium/connect) were NOT RUN'
  sh docker/stand-in/build.sh 2>"$log/stand-ins" ||
    not_run 'neither the official images nor their stand-ins can be had' "Read $log/stand-ins."
  export CDC_LAB_IMAGE_POSTGRES=cdc-lab-stand-in/postgres:18 CDC_LAB_IMAGE_KAFKA=cdc-lab-stand-in/kafka:4.3
  export CDC_LAB_IMAGE_LAB=cdc-lab-stand-in/lab:test
  # Without it, what is said of Debezium's profile is not run.
  if docker image inspect cdc-lab-stand-in/connect:3.5 >/dev/null 2>&1; then
    export CDC_LAB_IMAGE_CONNECT=cdc-lab-stand-in/connect:3.5
  fi
}

if [ "${CDC_LAB_TEST_ENGINE:-any}" = any ] && docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
  say 'docker tests: with the engine that answers here'
elif on_debian_as_root; then
  [ -d node_modules ] || not_run 'the packages are not installed' 'make setup'
  install_engine
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
CDC_LAB_TEST_RESULTS=$results vitest run --project docker "$@" || code=$?
say "docker tests: with $images"
node docker/count.mjs "$results" || [ "$code" -ne 0 ] || code=1
exit "$code"
