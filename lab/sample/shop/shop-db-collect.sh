# Collects, inside a lab host's image, what PostgreSQL needs to run in an empty image: into the folder that is named.
set -eu
out=$1
programs=/usr/lib/postgresql/15/bin
libraries=/usr/lib/postgresql/15/lib

take() {
  for file in "$@"; do
    mkdir -p "$out$(dirname "$file")"
    # A link becomes the file that it leads to.
    cp -rL "$file" "$out$file"
  done
}

set -- "$programs/postgres" "$programs/initdb" "$programs/psql" "$programs/pg_isready" "$programs/pg_dump" \
  "$programs/pg_restore" \
  "$libraries/plpgsql.so" "$libraries/dict_snowball.so" \
  /usr/bin/setpriv /bin/sh /bin/chown /bin/mkdir /bin/mv /bin/rm
take "$@"
for library in $(ldd "$@" | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' | sort -u); do take "$library"; done
for part in extension/plpgsql.control extension/plpgsql--1.0.sql timezonesets tsearch_data; do
  take "/usr/share/postgresql/15/$part"
done
for file in /usr/share/postgresql/15/*.*; do
  if [ -f "$file" ]; then take "$file"; fi
done
