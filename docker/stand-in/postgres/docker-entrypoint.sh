#!/bin/bash
# Does what the official image documents for its entrypoint: creates a cluster in an empty PGDATA with the password, user
# and database of the environment, runs the scripts of /docker-entrypoint-initdb.d once, and drops root.
set -Eeo pipefail

# The value of a variable, or of the file that its _FILE twin names.
setting() {
  local name=$1 file_name=$1_FILE
  if [ -n "${!name:-}" ] && [ -n "${!file_name:-}" ]; then
    echo >&2 "error: both $name and $file_name are set (but are exclusive)"
    exit 1
  fi
  if [ -n "${!file_name:-}" ]; then printf '%s' "$(<"${!file_name}")"; else printf '%s' "${!name:-$2}"; fi
}

sql() { psql --no-psqlrc -v ON_ERROR_STOP=1 -U "$user" -h /var/run/postgresql "$@"; }

make_cluster() {
  local user password database
  user=$(setting POSTGRES_USER postgres)
  password=$(setting POSTGRES_PASSWORD '')
  database=$(setting POSTGRES_DB "$user")
  if [ -z "$password" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
    echo >&2 'Error: Database is uninitialized and superuser password is not specified.'
    exit 1
  fi
  # Process substitution: the password is neither an argument nor a file on disk.
  eval initdb --username="$user" --pwfile=<(printf '%s\n' "$password") "${POSTGRES_INITDB_ARGS:-}"
  echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
  # Only the scripts below can reach this server: it has no TCP port.
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -c unix_socket_directories=/var/run/postgresql" -w start
  [ "$database" = postgres ] || echo "CREATE DATABASE :\"name\"" | sql -d postgres -v "name=$database"
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) sql -d "$database" -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | sql -d "$database" ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop
  echo 'PostgreSQL init process complete; ready for start up.'
}

if [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
if [ "$1" = postgres ]; then
  mkdir -p "$PGDATA"
  chmod 00700 "$PGDATA" || :
  if [ "$(id -u)" = 0 ]; then
    find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
    exec setpriv --reuid=postgres --regid=postgres --clear-groups "${BASH_SOURCE[0]}" "$@"
  fi
  [ -s "$PGDATA/PG_VERSION" ] || make_cluster
fi
exec "$@"
