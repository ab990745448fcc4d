#!/bin/sh
# Without arguments: a PostgreSQL server, with its database made where there is none. Else what they say, such as psql.
set -eu
[ $# -eq 0 ] || exec "$@"
data=/var/lib/postgresql
as='setpriv --reuid postgres --regid postgres --clear-groups'

mkdir -p "$data"
chown postgres "$data"
if [ ! -e "$data/db" ]; then
  # A start that was killed in between left a part of it.
  rm -rf "$data/new"
  $as initdb --no-locale --encoding UTF8 --auth trust -D "$data/new"
  echo 'host all all all trust' >> "$data/new/pg_hba.conf"
  mv "$data/new" "$data/db"
fi
# Asked by SIGTERM it would wait for its clients, which stay.
trap 'kill -INT "$server"' TERM
$as postgres -D "$data/db" -c 'listen_addresses=*' -c unix_socket_directories=/tmp &
server=$!
wait "$server" && exit 0
# It was the signal that ended the waiting, or the server's own end.
wait "$server"
