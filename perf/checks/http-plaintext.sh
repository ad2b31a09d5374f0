#!/usr/bin/env bash
# Loads an unmodified minimal API that sends HTTP plaintext with wrk: 50 connections, the server on core 0 and
# wrk on core 1. Prints the server's CPU time per request in microseconds, the median and each round, over
# Kestrel's sockets, over epoll on the thread pool, and over epoll inline. The three take turns.
# Needs wrk (Debian: wrk).
# usage: perf/checks/http-plaintext.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-3} port=7120
server=perf/LineServer.Perf.HttpServer/bin/Release/net10.0/httpserver
[[ -x $server ]] || { echo "build first: dotnet build perf/LineServer.Perf.HttpServer -c Release" >&2; exit 2; }
command -v wrk >/dev/null || { echo "wrk is not installed" >&2; exit 2; }
ticks_per_second=$(getconf CLK_TCK)
declare -A figures
cpu() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
load() { taskset -c 1 wrk -t1 -c50 -d3 "http://127.0.0.1:$port/plaintext"; }
variants=("sockets" "epoll" "epoll inline")
for ((round = 0; round < rounds; round++)); do
  for variant in "${variants[@]}"; do
    # shellcheck disable=SC2086 # two words
    taskset -c 0 "$server" $port $variant >/dev/null &
    id=$!
    until (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do sleep 0.1; done
    load >/dev/null # compiles everything
    before=$(cpu $id)
    requests=$(load | awk '/requests in/ { print $1 }')
    figures[$variant]+=$(awk -v ticks=$(($(cpu $id) - before)) -v n="$requests" -v hz="$ticks_per_second" 'BEGIN { printf "%.2f ", ticks * 1e6 / hz / n }')
    kill $id
    wait $id || true
  done
done
for variant in "${variants[@]}"; do
  median=$(tr ' ' '\n' <<<"${figures[$variant]}" | grep . | sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }')
  echo "$variant: median $median µs (rounds: ${figures[$variant]% })"
done
