#!/usr/bin/env bash
# How long a reply takes that a handler stages before it waits for 10 ms, beside the reply of a delegate: 50 connections
# with 500 lines per second together, so the loop is idle. Prints p50 and p99 of the time from sending a line to its reply,
# in microseconds, for each and as the ratio: the median and the range of rounds of two seconds, in turn.
# Needs lineperf and awaitserver built (-c Release). usage: perf/checks/reply-before-wait.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-9}
lineperf=perf/LineServer.Perf/bin/Release/net10.0/lineperf
server=perf/LineServer.Perf.AwaitServer/bin/Release/net10.0/awaitserver
declare -A ports=([echo]=7134 [reply-then-wait]=7135) ids=() p50=() p99=()
result=$(mktemp)
trap 'rm -f "$result"; kill "${ids[@]}" 2>/dev/null || true' EXIT

load() { "$lineperf" run --port "${ports[$1]}" --pid "${ids[$1]}" --connections 50 --rate 500 --seconds "$2" --warmup 0.5 --cores 1 --json >"$result" 2>/dev/null; }
figure() { sed -E "s/.*\"fromSent\":\{[^}]*\"$1\":([0-9.]+).*/\1/" "$result"; }
median_and_range() { tr ' ' '\n' | grep . | sort -n | awk '{ all[NR] = $1 } END { printf "%.2f [%.2f..%.2f]", all[int((NR + 1) / 2)], all[1], all[NR] }'; }

for handler in echo reply-then-wait; do
  taskset -c 0 "$server" --port "${ports[$handler]}" --handler "$handler" >/dev/null &
  ids[$handler]=$!
  until (exec 3<>"/dev/tcp/127.0.0.1/${ports[$handler]}") 2>/dev/null; do sleep 0.1; done
  load "$handler" 4
done
ratios50="" ratios99=""
for ((round = 0; round < rounds; round++)); do
  for handler in echo reply-then-wait; do
    load "$handler" 2
    p50[$handler]+="$(figure p50) "
    p99[$handler]+="$(figure p99) "
    [[ $handler == echo ]] && base50=$(figure p50) base99=$(figure p99)
  done
  ratios50+="$(awk -v a="$(figure p50)" -v b="$base50" 'BEGIN { printf "%.3f", a / b }') "
  ratios99+="$(awk -v a="$(figure p99)" -v b="$base99" 'BEGIN { printf "%.3f", a / b }') "
done
for handler in echo reply-then-wait; do
  echo "$handler: p50 $(median_and_range <<<"${p50[$handler]}") µs, p99 $(median_and_range <<<"${p99[$handler]}") µs"
done
echo "ratio: p50 $(median_and_range <<<"$ratios50"), p99 $(median_and_range <<<"$ratios99")"
