#!/bin/sh
# As the official image's: options or a configuration file are redis-server's; root becomes redis.
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then set -- redis-server "$@"; fi
if [ "$1" = redis-server ]; then
  if [ "$(id -u)" = 0 ]; then
    find . ! -user redis -exec chown redis '{}' +
    exec setpriv --reuid redis --regid redis --init-groups "$0" "$@"
  fi
  [ "$(umask)" != 0022 ] || umask 0077
  # The official build has protected mode off unless a configuration says otherwise.
  case "$2" in
    *.conf) grep -q '^protected-mode' "$2" || set -- "$@" --protected-mode no ;;
    *) set -- "$@" --protected-mode no ;;
  esac
fi
exec "$@"
