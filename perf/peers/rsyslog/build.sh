#!/usr/bin/env bash
# build.sh OUTPUT: makes OUTPUT a script that runs Debian's rsyslogd (exec) with imptcp on 127.0.0.1. Each line
# goes to DIRECTORY/lines.log as received; after each batch the file is synced. Nobody is told.
# Its own service is not started: only this script runs it.
set -euo pipefail
cat >"$1" <<'END'
#!/bin/bash
# --port N --directory DIRECTORY
port=$2 directory=$4
cat >"$directory/rsyslog.conf" <<CONF
global(workDirectory="$directory")
module(load="imptcp")
template(name="line" type="string" string="%rawmsg%\n")
input(type="imptcp" address="127.0.0.1" port="$port" ruleset="store")
ruleset(name="store") {
  action(type="omfile" file="$directory/lines.log" template="line" sync="on")
}
CONF
exec /usr/sbin/rsyslogd -n -f "$directory/rsyslog.conf" -i "$directory/pid"
END
chmod +x "$1"
