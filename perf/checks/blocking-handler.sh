#!/usr/bin/env bash
# Runs a handler that blocks its thread for 200 ms on every thousandth line, beside 1,000 quiet connections
# that send a line per second each. Prints the longest wait of the quiet connections in the first two seconds,
# in which the handler blocks for the first time, and in the two seconds after, and the server's warnings. For
# comparison, it does the same with a delegate, which stays on its event loop and blocks on every thousandth
# line of all connections, and with a handler that waits for a task that needs the loop, which would be a
# deadlock without the take-over. Fails if a handler was not moved, or if there was more than one warning.
# usage: perf/checks/blocking-handler.sh [HANDLER...]
set -euo pipefail
cd "$(dirname "$0")/../.."

server=perf/LineServer.Perf.AwaitServer/bin/Release/net10.0/awaitserver
lineperf=perf/LineServer.Perf/bin/Release/net10.0/lineperf
[[ -x $server && -x $lineperf ]] || { echo "build first: dotnet build LineServer.sln -c Release" >&2; exit 2; }
handlers=("$@")
((${#handlers[@]} > 0)) || handlers=(sleep deadlock sleep-delegate)
log=$(mktemp)
port=7117
status=0
quiet() { "$lineperf" run --port $port --connections 1000 --window 8 --rate 1000 --warmup 0 --seconds 2 2>/dev/null | grep 'from due'; }
for handler in "${handlers[@]}"; do
  "$server" --port $port --handler "$handler" >"$log" 2>&1 &
  id=$!
  until (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do sleep 0.05; done
  quiet >/dev/null # compiles everything
  "$lineperf" run --port $port --connections 1 --window 1 --rate 1000 --warmup 0 --seconds 5 >/dev/null 2>&1 &
  busy=$!
  echo "$handler, first:  $(quiet)"
  echo "$handler, later:  $(quiet)"
  wait $busy
  kill $id
  wait $id || true
  warnings=$(grep -c 'the event loop is blocked' "$log" || true)
  echo "$handler, $warnings warnings: $(grep -m 1 -o 'the event loop is blocked.*' "$log" || true)"
  [[ $handler == *-delegate || $warnings == 1 ]] || status=1
done
rm -f "$log"
exit $status
