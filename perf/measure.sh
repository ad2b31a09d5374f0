#!/usr/bin/env bash
# Measures all there is to measure, in one command: builds the daemon, lineperf and every peer (as root it installs the Debian packages that they need; one
# that cannot be built is named in the tables with the reason), runs all workloads on all servers, then those of "threads or events?", and writes
#   docs/performance.json.gz, docs/performance.html            all workloads but scale-*: every round, and a page with charts
#   docs/threads-or-events.json, docs/threads-or-events.html   scale-*, in the same way
#   README.md, docs/performance.md, docs/threads-or-events.md  their tables, between the marks; what is written around them stays
#
# usage: perf/measure.sh [--quick] [--rounds N] [--seconds N] [--warmup N] [--later-warmup N] [--server-cpus LIST] [--generator-cpus LIST]
#                        [--json FILE] [--html FILE] [--scale-json FILE] [--scale-html FILE]
#   --quick    2 rounds of 0.5 s after 1 s of warm-up: to see that all of it works; not for figures to be published
# The other options are those of 'lineperf compare'. Exit status: 0; 1 when a server failed at work (what the others showed is written); 2 for a bad option.
set -uo pipefail

usage() { sed -n '/^# usage/,/^# The other/p' "$0" | sed -E 's/^# ?//' >&2; exit 2; }

declare -A option=() quick=([--rounds]=2 [--seconds]=0.5 [--warmup]=1 [--later-warmup]=0.5)
page=docs/performance.html json=docs/performance.json.gz scale=docs/threads-or-events.json scale_page=docs/threads-or-events.html
while (($#)); do
  case $1 in
    --quick)
      for name in "${!quick[@]}"; do option[$name]=${option[$name]:-${quick[$name]}}; done
      shift
      continue ;;
    --rounds | --seconds | --warmup | --later-warmup | --server-cpus | --generator-cpus) option[$1]=${2:-} ;;
    --json) json=$(realpath -m "${2:-}") ;;
    --html) page=$(realpath -m "${2:-}") ;;
    --scale-json) scale=$(realpath -m "${2:-}") ;;
    --scale-html) scale_page=$(realpath -m "${2:-}") ;;
    *) usage ;;
  esac
  (($# > 1)) || usage
  shift 2
done
options=()
for name in "${!option[@]}"; do options+=("$name" "${option[$name]}"); done
cd "$(dirname "$0")/.." || exit

SECONDS=0
echo "== building" >&2
dotnet build src/LineServer/LineServer.csproj -c Release -v quiet -nologo >&2 || exit 1
dotnet build perf/LineServer.Perf/LineServer.Perf.csproj -c Release -v quiet -nologo >&2 || exit 1
perf/peers/build.sh >&2 || echo "== going on without what could not be built" >&2
lineperf=perf/LineServer.Perf/bin/Release/net10.0/lineperf
built=$SECONDS

status=0
compare() { # SERVERS WORKLOADS OPTIONS...
  "$lineperf" compare --servers "$1" --workloads "$2" "${@:3}" "${options[@]}"
  local result=$?
  ((result < 2)) || exit "$result"
  ((result == 0)) || status=1
}
names() { paste -sd,; }

echo "== measuring all workloads on all servers" >&2
compare "$("$lineperf" servers | names)" "$("$lineperf" workloads | grep -v '^scale-' | names)" --json "$json" --html "$page"
echo "== measuring: threads or events?" >&2
# Each round has a new process here, and a JIT on one core is not done with it in the usual time.
[[ -n ${option[--warmup]:-} ]] || options+=(--warmup 6)
compare c-epoll,epoll,sockets,rust-threads,cs-threads "$("$lineperf" workloads | grep '^scale-' | names)" --json "$scale" --html "$scale_page"

echo "== writing the tables" >&2
"$lineperf" report --json "$json" --into README.md --into docs/performance.md || status=1
"$lineperf" report --json "$scale" --into docs/threads-or-events.md || status=1

printf 'took %d min %d s, of which %d s to build\n' $((SECONDS / 60)) $((SECONDS % 60)) "$built"
exit "$status"
