#!/usr/bin/env bash
# Sends SIGTERM to the daemon at many moments of its start, STEP ms apart, and counts its exit statuses. 0 is
# an orderly end. 143 means that the signal came before the runtime had a handler. Any other status is a
# fault; with one, this script ends with status 1.
# usage: perf/checks/sigterm-start.sh [MOMENTS] [STEP]
set -euo pipefail
cd "$(dirname "$0")/../.."

moments=${1:-200} step=${2:-1}
daemon=src/LineServer/bin/Release/net10.0/lineserver
[[ -x $daemon ]] || { echo "build first: dotnet build src/LineServer -c Release" >&2; exit 2; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT
declare -A ended
faults=0
for ((ms = 0; ms < moments * step; ms += step)); do
  # --preserve-status gives the daemon's own status, not 124. A daemon that is still running after 30 s is
  # killed: 137.
  status=0
  seconds=$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))
  # To timeout(1), 0 means "never".
  [[ $ms == 0 ]] && seconds=0.0001
  env --default-signal timeout --preserve-status --kill-after=30 "$seconds" "$daemon" --listen tcp://127.0.0.1:0 >"$log" 2>&1 || status=$?
  ended[$status]=$((${ended[$status]:-0} + 1))
  if [[ $status != 0 && $status != 143 ]]; then
    faults=$((faults + 1))
    echo "after $ms ms: $status: $(head -c 300 "$log" | tr '\n' ' ')"
  fi
done
for status in "${!ended[@]}"; do echo "exit status $status: ${ended[$status]}"; done
((faults == 0))
