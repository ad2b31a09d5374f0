#!/usr/bin/env bash
# Checks that the open loop measures right. 200 connections with one line in flight each send 10,000 lines per
# second for 10 s, and the server is stopped (SIGSTOP) for one second. Timed from due, one line in ten is late
# by up to a second: p99 must be over 500 ms. Timed from sent, only the 200 lines in flight are late: p99 must
# be under 20 ms. The server is perf/peers/bin/c-epoll, or the command that the arguments give, with {port} in
# it. Needs lineperf (built with -c Release). The exit status is 0 if both hold.
set -euo pipefail
cd "$(dirname "$0")/../.."
lineperf=perf/LineServer.Perf/bin/Release/net10.0/lineperf
port=${PORT:-7108}
if (($# == 0)); then
  perf/peers/build.sh c-epoll >&2
  set -- perf/peers/bin/c-epoll --port '{port}'
fi
result=$(mktemp)
trap 'rm -f "$result"; kill -CONT "${server:-}" 2>/dev/null && kill "$server" || true' EXIT

taskset -c 0 "${@//\{port\}/$port}" >/dev/null &
server=$!
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done

"$lineperf" run --port "$port" --pid "$server" --connections 200 --window 1 --rate 10000 --seconds 10 --warmup 1 --cores 1 --json >"$result" &
load=$!
sleep 6
kill -STOP "$server"
sleep 1
kill -CONT "$server"
wait "$load"

# figure FROM NAME: a figure from the line of JSON, in microseconds.
figure() { sed -E "s/.*\"$1\":\{[^}]*\"$2\":([0-9.]+).*/\1/" "$result"; }
for from in fromSent fromDue; do
  printf '%-9s p50 %10.1f µs, p99 %10.1f, p99.9 %10.1f, max %10.1f\n' "$from" "$(figure $from p50)" "$(figure $from p99)" "$(figure $from p999)" "$(figure $from max)"
done
sed -E 's/.*"lines":([0-9]+).*"lateLines":([0-9]+).*/\1 lines in the 10 s, \2 late/' "$result"
awk -v due="$(figure fromDue p99)" -v sent="$(figure fromSent p99)" 'BEGIN {
  holds = due > 500e3 && sent < 20e3
  print holds ? "it holds: p99 from due is over 500 ms, from sent under 20 ms" : "IT DOES NOT HOLD: p99 from due must be over 500 ms, from sent under 20 ms"
  exit !holds
}'
