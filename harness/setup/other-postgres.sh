#!/bin/sh
# Another major version of PostgreSQL than the lab's own, for the tests that verify across versions. Debian's package,
# without the cluster that it would start; nothing where one is installed already.
set -eu

for postgres in /usr/lib/postgresql/*/bin/postgres; do
  [ -x "$postgres" ] && exit 0
done
[ -e /etc/debian_version ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || {
  echo 'setup: no other version of PostgreSQL; as root on Debian: apt-get install postgresql' >&2
  exit 69
}
echo 'setup: installing Debian’s PostgreSQL …' >&2
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] ||
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends postgresql; }
{ install || { apt-get update -q && install; }; } >/dev/null 2>&1 || {
  echo 'setup: apt-get could not install postgresql' >&2
  exit 69
}
