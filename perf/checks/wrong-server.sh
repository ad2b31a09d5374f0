#!/usr/bin/env bash
# Checks that lineperf catches a server that is wrong on purpose. Once in 10 million lines (or in $1), the
# server drops a line, swaps two, or flips a bit. Needs lineperf (built with -c Release). The exit status is 0
# if all three were caught.
set -euo pipefail
cd "$(dirname "$0")/../.."
lineperf=perf/LineServer.Perf/bin/Release/net10.0/lineperf
every=${1:-10000000}
port=${PORT:-7107}
missed=0
trap 'kill "${server:-}" 2>/dev/null || true' EXIT

for fault in drop swap flip; do
  "$lineperf" wrong-server --port "$port" --fault "$fault" --every "$every" 2>/dev/null &
  server=$!
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
  echo "== $fault, once in $every lines"
  SECONDS=0
  status=0
  "$lineperf" run --port "$port" --connections 50 --window 64 --warmup 0 --seconds 600 || status=$?
  kill "$server"
  wait "$server" 2>/dev/null || true
  if ((status == 1)); then
    echo "caught after $SECONDS s"
  else
    echo "NOT CAUGHT: lineperf ended with status $status"
    missed=$((missed + 1))
  fi
done
((missed == 0))
