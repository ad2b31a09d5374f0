#!/usr/bin/env bash
# Loads an unmodified minimal API that sends HTTP plaintext with wrk: 50 connections, the server on core 0 and
# wrk on core 1. Prints the server's CPU time per request in microseconds over Kestrel's sockets, over epoll on
# the thread pool and over epoll inline, and its ratio to sockets: median and range of rounds of one second.
# The variants take turns. Each further SERVER is an httpserver of another build, which is measured over epoll
# on the thread pool, too.
# Needs wrk (Debian: wrk).
# usage: perf/checks/http-plaintext.sh [ROUNDS [SERVER...]]
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-9}
server=perf/LineServer.Perf.HttpServer/bin/Release/net10.0/httpserver
[[ -x $server ]] || { echo "build first: dotnet build perf/LineServer.Perf.HttpServer -c Release" >&2; exit 2; }
command -v wrk >/dev/null || { echo "wrk is not installed" >&2; exit 2; }
declare -A ports=() ids=() figures=() ratios=()
trap 'kill "${ids[@]}" 2>/dev/null || true' EXIT

# The time that the threads of a process have run, in nanoseconds.
cpu() { cat /proc/"$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f\n", sum }'; }
load() { taskset -c 1 wrk -t1 -c50 -d"$2" "http://127.0.0.1:${ports[$1]}/plaintext"; }
median_and_range() { tr ' ' '\n' | grep . | sort -n | awk '{ all[NR] = $1 } END { printf "%.2f [%.2f..%.2f]", all[int((NR + 1) / 2)], all[1], all[NR] }'; }

variants=(sockets epoll "epoll inline")
commands=("$server %s sockets" "$server %s epoll" "$server %s epoll inline")
for other in "${@:2}"; do
  variants+=("$other")
  commands+=("$other %s epoll")
done
for i in "${!variants[@]}"; do
  variant=${variants[i]}
  ports[$variant]=$((7120 + i))
  # shellcheck disable=SC2046,SC2059 # several words; the format is ours
  taskset -c 0 $(printf "${commands[i]}" "${ports[$variant]}") >/dev/null &
  ids[$variant]=$!
  until (exec 3<>"/dev/tcp/127.0.0.1/${ports[$variant]}") 2>/dev/null; do sleep 0.1; done
  load "$variant" 4 >/dev/null # compiles everything
done
for ((round = 0; round < rounds; round++)); do
  for variant in "${variants[@]}"; do
    before=$(cpu "${ids[$variant]}")
    requests=$(load "$variant" 1 | awk '/requests in/ { print $1 }')
    figure=$(awk -v time=$(($(cpu "${ids[$variant]}") - before)) -v n="$requests" 'BEGIN { printf "%.2f", time / 1000 / n }')
    figures[$variant]+="$figure "
    [[ $variant != sockets ]] && ratios[$variant]+="$(awk -v a="$figure" -v b="$base" 'BEGIN { printf "%.3f", a / b }') " || base=$figure
  done
done
for variant in "${variants[@]}"; do
  printf '%s: %s µs' "$variant" "$(median_and_range <<<"${figures[$variant]}")"
  [[ $variant == sockets ]] && echo || printf ', %s of sockets\n' "$(median_and_range <<<"${ratios[$variant]}")"
done
