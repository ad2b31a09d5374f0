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
# The other options are those of 'lineperf compare'. Exit status: 0; 1 when a server failed at work (what the others showed is written); 2 for a bad option,
# which is told before anything is built where it can be.
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
    --seconds) [[ ${2:-} =~ ^[0-9]+(\.[0-9]+)?$ && $2 == *[1-9]* ]] || wrong "$1 takes a number above 0, not '${2:-}'" ;;
    --warmup | --later-warmup) [[ ${2:-} =~ ^[0-9]+(\.[0-9]+)?$ ]] || wrong "$1 takes a number, not '${2:-}'" ;;
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
json=${file[--json]:-$PWD/docs/performance.json.gz} page=${file[--html]:-$PWD/docs/performance.html}
scale=${file[--scale-json]:-$PWD/docs/threads-or-events.json} scale_page=${file[--scale-html]:-$PWD/docs/threads-or-events.html}

# All four now: the first of them is written when a workload of all servers is over.
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

# A bad option of one comparison (2) takes nothing from the other, nor does a server that failed (1).
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
all=0 all_scale=0 # Whether there is something to make tables of.

echo "== measuring all workloads on all servers" >&2
compare "$("$lineperf" servers | names)" "$("$lineperf" workloads | grep -v '^scale-' | names)" --json "$json" --html "$page" && all=1
echo "== measuring: threads or events?" >&2
compare c-epoll,epoll,sockets,rust-threads,cs-threads "$("$lineperf" workloads | grep '^scale-' | names)" --json "$scale" --html "$scale_page" && all_scale=1

echo "== writing the tables" >&2
((all)) && report --json "$json" --into README.md --into docs/performance.md
((all_scale)) && report --json "$scale" --into docs/threads-or-events.md

printf 'took %d min %d s, of which %d s to build\n' $((SECONDS / 60)) $((SECONDS % 60)) "$built"
exit "$status"
