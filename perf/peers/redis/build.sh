#!/usr/bin/env bash
# build.sh OUTPUT: makes OUTPUT a script that runs Debian's redis-server (exec), in memory only,
# unless its arguments say otherwise.
# redis-check-rdb is the same program, and is the server if it is called redis-server. It listens on 127.0.0.1
# only. Its protected mode is off, because it would refuse the generator's further addresses, 127.0.0.2 and so
# on.
set -euo pipefail
cat >"$1" <<'END'
#!/bin/bash
exec -a redis-server /usr/bin/redis-check-rdb --bind 127.0.0.1 --protected-mode no --tcp-backlog 4096 --maxclients 19500 --save '' --appendonly no --daemonize no --logfile '' --loglevel warning "$@"
END
chmod +x "$1"
