# Sourced by docker/test.sh: a separate Docker engine, for root on Debian. It has its own socket, data and pid file in
# $engine_dir, and ends with the shell that has started it, however that ends. Images stay there for the next run.

on_debian_as_root() { [ -e /etc/debian_version ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# Each argument is COMMAND=PACKAGE.
install() {
  missing=
  for one in "$@"; do
    command -v "${one%=*}" >/dev/null || missing="$missing ${one#*=}"
  done
  [ -n "$missing" ] || return 0
  say "docker tests: installing$missing …"
  # RUNLEVEL=1: installing a package starts no service.
  # shellcheck disable=SC2086  # one word per package
  { apt-get update -q && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends $missing; } >"$log/apt" 2>&1 ||
    not_run "apt-get could not install$missing" "$(tail -n 3 "$log/apt")"
}

# Debian 12 has only Compose 1. The next release's plug-in runs on it, and is put beside the engine's files.
install_compose() {
  export DOCKER_CONFIG="$engine_dir/config"
  plugin=$DOCKER_CONFIG/cli-plugins/docker-compose
  docker compose version >/dev/null 2>&1 && return 0
  say "docker tests: fetching Compose …"
  work=$engine_dir/compose
  rm -rf "$work"
  mkdir -p "$work/lists/partial" "$work/archives/partial" "$DOCKER_CONFIG/cli-plugins"
  echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main' \
    >"$work/sources.list"
  apt="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null -o Acquire::Languages=none
    -o Dir::State::lists=$work/lists -o Dir::Cache=$work -o APT::Sandbox::User=root"
  # shellcheck disable=SC2086  # options
  (cd "$work" && apt-get $apt update -q && apt-get $apt download -q docker-compose) >"$log/compose" 2>&1 ||
    not_run 'Compose could not be fetched' "$(tail -n 3 "$log/compose")"
  dpkg-deb -x "$work"/docker-compose_*.deb "$work/files"
  find "$work/files" -path '*/cli-plugins/docker-compose' -exec mv {} "$plugin" \;
  rm -rf "$work"
  docker compose version >/dev/null 2>&1 || not_run 'Compose does not run' "Try $plugin version"
}

# One run at a time. An engine that exists although we have the lock was left by a killed run.
claim_engine() {
  mkdir -p "$engine_dir"
  exec 9>"$engine_dir/lock"
  flock --nonblock 9 || {
    say 'docker tests: another run has the engine; waiting for it …'
    flock --wait 1800 9 || not_run 'another run has the engine' "$engine_dir/lock is held."
  }
  left=$(cat "$engine_dir/docker.pid" 2>/dev/null || true)
  if [ -n "$left" ] && tr '\0' ' ' <"/proc/$left/cmdline" 2>/dev/null | grep -q "^dockerd .*$engine_dir/data "; then
    say "docker tests: ending the engine of a killed run (pid $left)"
    kill "$left"
    tail --pid="$left" -f /dev/null
  fi
  rm -f "$engine_dir/docker.pid" "$socket"
}

# An engine's bridges: `docker0`, and one for each network.
bridges() { (cd /sys/class/net && ls | grep -E '^(docker0|br-[0-9a-f]{12})$' | tr '\n' ' '); }

# Records what an engine changes on the machine, to restore it at the end. A record left by a killed run is kept: it says
# how the machine was before. A reboot removes it, and the changes too.
remember_machine() {
  [ -f "$machine" ] && return 0
  {
    echo "forwarding=$(cat /proc/sys/net/ipv4/ip_forward)"
    echo "had_bridges='$(bridges)'"
    echo "had_rules=$(iptables-save 2>/dev/null | grep -c '^-A' || true)"
  } >"$machine"
}

restore_machine() {
  . "$machine"
  for bridge in $(bridges); do
    case " $had_bridges " in
      *" $bridge "*) ;;
      *) ip link delete "$bridge" 2>/dev/null || true ;;
    esac
  done
  # Flushing would lose rules that were there before, so it is done only if there were none.
  if [ "$had_rules" = 0 ]; then
    for table in filter nat; do
      iptables -t "$table" -F && iptables -t "$table" -X
    done 2>/dev/null || true
    iptables -P FORWARD ACCEPT 2>/dev/null || true
  fi
  echo "$forwarding" >/proc/sys/net/ipv4/ip_forward 2>/dev/null || true
  rm -f "$machine"
}

# If the engine cannot start with the kept data, it is started once more without.
start_engine() {
  export DOCKER_HOST="unix://$socket"
  remember_machine
  launch_engine || {
    say "docker tests: the engine does not start: $(tail -n 1 "$log/dockerd"); once more, without what was kept"
    stop_engine
    remove_data
    remember_machine
    launch_engine || not_run 'no engine starts' "$(tail -n 3 "$log/dockerd")"
  }
  # Everything in this engine belongs to the tests: remove what a killed run left, and images unused for days.
  docker container prune --force >/dev/null
  docker network prune --force >/dev/null
  docker volume prune --force >/dev/null
  docker image prune --force --filter until=72h >/dev/null
}

# The kernel ends the engine if this shell is killed.
launch_engine() {
  setpriv --pdeathsig TERM dockerd --data-root "$engine_dir/data" --exec-root "$engine_dir/exec" \
    --pidfile "$engine_dir/docker.pid" --host "unix://$socket" >"$log/dockerd" 2>&1 9>&- &
  engine=$!
  tries=0
  until docker version >/dev/null 2>&1; do
    kill -0 "$engine" 2>/dev/null && [ "$tries" -lt 300 ] || return 1
    tries=$((tries + 1))
    sleep 0.2
  done
}

remove_data() {
  awk -v "under=$engine_dir/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount
  rm -rf --one-file-system "$engine_dir/data" "$engine_dir/exec"
}

# The engine stops its containers.
stop_engine() {
  kill "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
  engine=
  restore_machine
}
