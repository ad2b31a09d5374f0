#!/usr/bin/env bash
# build.sh OUTPUT: a script that becomes Debian's redis-server by exec, in memory only. The program is a server when it is called redis-server.
# It listens on 127.0.0.1 only; to its protected mode the generator's further addresses, 127.0.0.2 and so on, would be foreign.
set -euo pipefail
cat >"$1" <<'END'
#!/bin/bash
exec -a redis-server /usr/bin/redis-check-rdb "$@" --bind 127.0.0.1 --protected-mode no --tcp-backlog 4096 --maxclients 19500 --save '' --appendonly no --daemonize no --logfile '' --loglevel warning
END
chmod +x "$1"
