#!/bin/sh
# Installs what the lab needs, and names what it cannot install. Run by `make setup`, on which every other target
# depends. When there is nothing to do it must be fast, so it reads one stamp first.
# With ENGINES=all it also fetches Debezium, which is otherwise fetched when it is first needed.
# POSIX sh, because nothing else is installed yet.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
cache=$root/.cache
jars=$cache/kafka-libs
sums=$root/harness/setup/kafka-jars.sha256
stamp=$cache/setup.stamp
joined=$cache/packages
needed_mb=2048

say() { printf '%s\n' "$*" >&2; }
# One sentence, one remedy, exit code 69 (EX_UNAVAILABLE).
give_up() {
  say "setup: $1"
  say "  $2"
  exit 69
}
on_debian_as_root() { [ -e /etc/debian_version ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# A checksum of everything that the installed state depends on.
fingerprint() { cat package-lock.json pom.xml "$sums" harness/setup/*.sh harness/setup/*.ts | sha256sum; }

# Runs the pinned Node, or the system's if there is none for this platform.
run_node() {
  node=$root/node_modules/.bin/node
  [ -x "$node" ] || node=node
  "$node" "$@"
}

java_major() { java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1; }

is_current() {
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint) $root" ] &&
    [ -d "$jars" ] && [ -d node_modules ] && command -v java >/dev/null && ! joined_is_stale
}

# True if npm has installed something since the packages were joined: the joined ones are not used then. False if joining
# failed, since there are none.
joined_is_stale() {
  [ -e "$joined/index.json" ] && [ -n "$(find node_modules/.package-lock.json -newer "$joined/index.json")" ]
}

check_platform() {
  [ "$(uname -s)" = Linux ] || give_up "the lab's own servers run on Linux only, and this is $(uname -s)." \
    "Use a Linux machine, a virtual machine or WSL 2."
  probe=$root/.cache/.writable
  { mkdir -p "$cache" && : >"$probe"; } 2>/dev/null || give_up "the folder $root is not writable." \
    "Clone the project to a folder of your own."
  rm -f "$probe"
}

check_disk() {
  free_mb=$(($(df -Pk "$root" | awk 'NR == 2 { print $4 }') / 1024))
  [ "$free_mb" -ge "$needed_mb" ] || give_up "only $free_mb MB are free on the disk of $root; $needed_mb are needed." \
    "Make room, or clone the project to another disk."
}

check_node() {
  command -v node >/dev/null && command -v npm >/dev/null || give_up "Node.js and npm are not installed." \
    "Install Node.js 18 or newer with npm: https://nodejs.org/en/download (Debian: apt-get install nodejs npm)."
  node_major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$node_major" -ge 18 ] || give_up "Node.js $(node --version) is too old to install packages." \
    "Install Node.js 18 or newer: https://nodejs.org/en/download"
}

# Java and Maven are installed here only if that takes one plain command.
check_java_and_maven() {
  missing=
  major=$(command -v java >/dev/null && java_major || echo 0)
  [ "${major:-0}" -ge 17 ] || missing="$missing openjdk-17-jre-headless"
  command -v mvn >/dev/null || missing="$missing maven"
  [ -n "$missing" ] || return 0
  if on_debian_as_root; then
    say "setup: installing$missing …"
    # shellcheck disable=SC2086  # one word per package
    { apt-get install -y -q $missing || { apt-get update -q && apt-get install -y -q $missing; }; } \
      >"$cache/apt.log" 2>&1 || give_up "apt-get could not install$missing." "Read $cache/apt.log."
    return 0
  fi
  give_up "Java 17 or newer and Maven are needed; missing:$missing." \
    "Debian, Ubuntu: sudo apt-get install$missing · Fedora: sudo dnf install java-17-openjdk-headless maven"
}

install_packages() {
  if node harness/setup/packages-current.mjs; then return 0; fi
  say "setup: installing npm packages …"
  npm ci --no-audit --no-fund >"$cache/npm.log" 2>&1 || give_up "npm ci failed." "Read $cache/npm.log."
}

# True if exactly the listed jars are there, each with its checksum.
jars_verified() {
  (cd "$1" && sha256sum --check --status --strict "$sums") &&
    [ "$(find "$1" -name '*.jar' | wc -l)" = "$(wc -l <"$sums")" ]
}

install_jars() {
  if [ -d "$jars" ] && jars_verified "$jars" 2>/dev/null; then return 0; fi
  say "setup: resolving Kafka's jars with Maven …"
  fresh=$jars.fresh
  rm -rf "$fresh"
  mvn --batch-mode --quiet dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$fresh" \
    >"$cache/maven.log" 2>&1 || give_up "Maven could not resolve Kafka's jars." "Read $cache/maven.log."
  jars_verified "$fresh" || give_up "the jars that Maven resolved are not those of harness/setup/kafka-jars.sha256." \
    "Compare them in $fresh; after an intended change of pom.xml: (cd $fresh && sha256sum *.jar) > $sums"
  rm -rf "$jars"
  mv "$fresh" "$jars"
}

# Lets the broker start in half the time. Optional: without it everything works, only slower.
archive_classes() {
  run_node harness/setup/archive-kafka.ts >"$cache/class-archive.log" 2>&1 ||
    say "setup: no archive of Kafka's classes (see $cache/class-archive.log); the broker starts a second slower."
}

# Lets the lab's own processes start in half the time. Optional too.
join_packages() {
  run_node harness/setup/join-packages.ts >"$cache/join-packages.log" 2>&1 && return 0
  rm -rf "$joined"
  say "setup: packages are not joined (see $cache/join-packages.log); each process starts half a second slower."
}

# Runs last, because it needs the rest.
install_engines() {
  [ "${ENGINES:-}" = all ] || return 0
  sh harness/setup/engines.sh || exit
}

if is_current; then
  install_engines
  exit 0
fi
check_platform
check_disk
check_node
check_java_and_maven
install_packages
join_packages
install_jars
archive_classes
printf '%s %s' "$(fingerprint)" "$root" >"$stamp"
install_engines
say "setup: done."
