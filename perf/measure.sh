#!/usr/bin/env bash
# Measures everything with one command: builds the daemon, lineperf and every peer (as root it installs the Debian packages that they need; the tables name a
# peer that cannot be built, with the reason), runs the workloads on the servers, then those of "threads or events?", and writes
#   perf/results/performance.json.gz, performance.html             all workloads except scale-* and await-*: every round, and a page with charts
#   perf/results/threads-or-events.json.gz, threads-or-events.html scale-*, in the same way
#   README.md, docs/performance.md, docs/threads-or-events.md      their tables, between the marks; the text around the marks stays
# Git ignores perf/results.
#
# usage: perf/measure.sh [--quick] [--rounds N] [--seconds TIME] [--warmup TIME] [--later-warmup TIME] [--server-cpus LIST] [--generator-cpus LIST]
#                        [--json FILE] [--html FILE] [--scale-json FILE] [--scale-html FILE]
#   --quick    2 rounds of 0.5 s after 1 s of warm-up: shows that everything works; its figures are not for publication
# The other options are those of 'lineperf compare'. Exit status: 0; 1 when a server failed at work (the results of the others are written); 2 for a bad
# option, which is reported before anything is built where possible.
set -uo pipefail

usage() { sed -nE '/^# usage/,/^[^#]/s/^# ?//p' "$0"; }
wrong() { echo "measure.sh: $*" >&2; exit 2; }

declare -A option=() file=() quick=([--rounds]=2 [--seconds]=0.5 [--warmup]=1 [--later-warmup]=0.5)
while (($#)); do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --quick)
      for name in "${!quick[@]}"; do option[$name]=${option[$name]:-${quick[$name]}}; done
      shift
      continue ;;
    --rounds) [[ ${2:-} =~ ^[1-9][0-9]{0,2}$|^1000$ ]] || wrong "$1 takes a whole number from 1 to 1000, not '${2:-}'" ;;
    --seconds) [[ ${2:-} =~ ^[0-9]+(\.[0-9]+)?(ms|s|m|h)?$ && $2 == *[1-9]* ]] || wrong "$1 takes a time above 0, not '${2:-}'" ;;
    --warmup | --later-warmup) [[ ${2:-} =~ ^[0-9]+(\.[0-9]+)?(ms|s|m|h)?$ ]] || wrong "$1 takes a time, not '${2:-}'" ;;
    --server-cpus | --generator-cpus) [[ ${2:-} =~ ^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$ ]] || wrong "$1: '${2:-}' is no list of cores such as 0,2-3" ;;
    --json | --html | --scale-json | --scale-html) [[ -n ${2:-} ]] || wrong "$1: which file?" ;;
    *)
      usage >&2
      wrong "there is no option '$1'" ;;
  esac
  case $1 in
    *json | *html) file[$1]=$(realpath -m -- "$2") ;;
    *) option[$1]=$2 ;;
  esac
  shift 2
done
options=()
for name in "${!option[@]}"; do options+=("$name" "${option[$name]}"); done
cd "$(dirname "$0")/.." || exit 1
results=$PWD/perf/results
mkdir -p "$results" || wrong "$results cannot be made"
json=${file[--json]:-$results/performance.json.gz} page=${file[--html]:-$results/performance.html}
scale=${file[--scale-json]:-$results/threads-or-events.json.gz} scale_page=${file[--scale-html]:-$results/threads-or-events.html}

# All four are checked now: lineperf writes the first of them only after all servers have run a workload.
declare -A seen=()
for written in "$json" "$page" "$scale" "$scale_page"; do
  [[ ! -d $written ]] || wrong "$written is a folder"
  [[ -d ${written%/*}/ ]] || wrong "there is no folder for $written"
  [[ -w ${written%/*}/ ]] || wrong "the folder of $written cannot be written to"
  [[ -z ${seen[$written]:-} ]] || wrong "$written is given for two files"
  seen[$written]=1
done

SECONDS=0
echo "== building" >&2
dotnet build src/LineServer/LineServer.csproj -c Release -v quiet -nologo >&2 || exit 1
dotnet build perf/LineServer.Perf/LineServer.Perf.csproj -c Release -v quiet -nologo >&2 || exit 1
perf/peers/build.sh >&2 || echo "== going on without what could not be built" >&2
lineperf=perf/LineServer.Perf/bin/Release/net10.0/lineperf
built=$SECONDS

# A comparison that ends with a bad option (2) or a failed server (1) does not stop the other.
status=0
note() { if (($1 == 2)); then status=2; elif (($1 != 0 && status == 0)); then status=1; fi; }
compare() { # SERVERS WORKLOADS OPTIONS...
  "$lineperf" compare --servers "$1" --workloads "$2" "${@:3}" "${options[@]}"
  local result=$?
  note "$result"
  ((result < 2))
}
report() { "$lineperf" report "$@" || note 1; }
names() { paste -sd,; }
all=0 all_scale=0 # 1: there are results to make tables of.

echo "== measuring the workloads on the servers" >&2
compare "$("$lineperf" servers | grep -v '^awaits-' | names)" "$("$lineperf" workloads | grep -Ev '^(scale|await)-' | names)" --json "$json" --html "$page" && all=1
echo "== measuring: threads or events?" >&2
compare c-epoll,epoll,sockets,rust-threads,cs-threads "$("$lineperf" workloads | grep '^scale-' | names)" --json "$scale" --html "$scale_page" && all_scale=1

echo "== writing the tables" >&2
((all)) && report --json "$json" --into README.md --into docs/performance.md
((all_scale)) && report --json "$scale" --into docs/threads-or-events.md

printf 'took %d min %d s, of which %d s to build\n' $((SECONDS / 60)) $((SECONDS % 60)) "$built"
exit "$status"
