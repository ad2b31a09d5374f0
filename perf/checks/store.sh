#!/usr/bin/env bash
# Measures the store, each figure beside its comparator in the same run, in turn: LS1 (Synced and Written) beside Redis'
# XADD with appendfsync always, rsyslog with sync on, LS1 that keeps nothing, and discard; the store in one process beside a loop of pwrite and
# fdatasync in C; commits while checkpoints run; a start with a full log. Prints the tables, then each goal with its median
# and its range [smallest..largest round]. Takes about ten minutes. Needs python3.
# usage: perf/checks/store.sh [DIRECTORY]    DIRECTORY is on the disk to be measured; the default is perf/results
# ROUNDS=5 SECONDS_EACH=2 may be set. As root it installs the Debian packages of redis and rsyslog.
set -euo pipefail
cd "$(dirname "$0")/../.."

directory=$(realpath -m -- "${1:-perf/results}")/store-check
rounds=${ROUNDS:-5} each=${SECONDS_EACH:-2}
lineperf=perf/LineServer.Perf/bin/Release/net10.0/lineperf
store=(dotnet perf/LineServer.Benchmarks/bin/Release/net10.0/LineServer.Benchmarks.dll store)
loop=perf/peers/bin/fdatasync-loop
for project in src/LineServer/LineServer.csproj perf/LineServer.Perf/LineServer.Perf.csproj perf/LineServer.Perf.AwaitServer/LineServer.Perf.AwaitServer.csproj \
  perf/LineServer.Benchmarks/LineServer.Benchmarks.csproj; do
  dotnet build "$project" -c Release -v q -nologo >&2
done
perf/peers/build.sh redis rsyslog fdatasync-loop >&2
mkdir -p "$directory"
trap 'rm -rf "$directory"' EXIT
echo "The stores are in $directory, on $(findmnt -no FSTYPE,SOURCE -T "$directory"). Load: $(cut -d' ' -f1-3 /proc/loadavg)."

compare=("$lineperf" compare --rounds "$rounds" --seconds "$each" --warmup 2 --later-warmup 0.5 --store-directory "$directory" --reference redis-xadd)
"${compare[@]}" --servers redis-xadd,ls1-synced,ls1-written,ls1-no-store,rsyslog,discard --workloads store-pipelined --json "$directory/pipelined.json"
"${compare[@]}" --servers redis-xadd,ls1-synced,ls1-written --workloads store-many,store-request-reply,store-lock-step,store-deep --json "$directory/others.json"

# In turn: NAME and the figures of one round on a line.
for ((round = 1; round <= rounds; round++)); do
  echo "in this process, round $round of $rounds" >&2
  echo "loop $("$loop" "$directory" "$each")"
  echo "lock-step $("${store[@]}" lock-step "$directory" "$each")"
  echo "slow-loop $("$loop" "$directory" "$each" 4096 10)"
  echo "slow-lock-step $("${store[@]}" lock-step "$directory" "$each" 10)"
  echo "checkpoints $("${store[@]}" checkpoints "$directory" "$each")"
  ((round > 3)) || echo "start $("${store[@]}" start "$directory" 1000 4)"
done >"$directory/process"

python3 - "$directory" <<'PY'
import json, statistics, sys

folder = sys.argv[1]
rounds = {}
for name in ("pipelined", "others"):
    for m in json.load(open(f"{folder}/{name}.json"))["measurements"]:
        rounds.setdefault((m["workload"], m["server"]), {})[m["number"]] = m["measured"]
process = {}
for line in open(f"{folder}/process"):
    name, *figures = line.split()
    process.setdefault(name, []).append([float(figure) for figure in figures])

def text(values, form):
    return f"{statistics.median(values):{form}} [{min(values):{form}}..{max(values):{form}}]"

def row(what, goal, values, form=",.2f", least=True):
    if not values:
        print(f"| {what} | {goal} | not measured | |")
        return
    met = "" if goal is None else "yes" if (statistics.median(values) >= goal if least else statistics.median(values) <= goal) else "no"
    bound = "" if goal is None else f"{'≥' if least else '≤'} {goal:,}"
    print(f"| {what} | {bound} | {text(values, form)} | {met} |")

def ratio(workload, server, other, figure, otherworkload=None):
    ours, theirs = rounds.get((workload, server), {}), rounds.get((otherworkload or workload, other), {})
    return [figure(ours[n]) / figure(theirs[n]) for n in ours if n in theirs]

lines = lambda m: m["linesPerSecond"]
cpu = lambda m: m["serverCpuNanosecondsPerLine"]
print("\n| what | goal | measured | met |\n| --- | ---: | ---: | --- |")
row("50 × 128, Synced ÷ Redis, lines/s", 5, ratio("store-pipelined", "ls1-synced", "redis-xadd", lines))
row("50 × 128, Synced ÷ Redis, CPU a line", 0.2, ratio("store-pipelined", "ls1-synced", "redis-xadd", cpu), least=False)
row("1,000 × 16, Synced ÷ Redis, lines/s", 2.5, ratio("store-many", "ls1-synced", "redis-xadd", lines))
row("50 × 1, Synced ÷ Redis, lines/s", 1, ratio("store-request-reply", "ls1-synced", "redis-xadd", lines))
row("1 × 1, Synced ÷ Redis, lines/s", 0.8, ratio("store-lock-step", "ls1-synced", "redis-xadd", lines))
row("50 × 128, Synced ÷ Written, lines/s", 0.6, ratio("store-pipelined", "ls1-synced", "ls1-written", lines))
row("50 × 2,048, Synced ÷ Written, lines/s", 0.7, ratio("store-deep", "ls1-synced", "ls1-written", lines))
row("50 × 128, Written ÷ LS1 that keeps nothing, lines/s", 0.5, ratio("store-pipelined", "ls1-written", "ls1-no-store", lines))
row("50 × 128, Written ÷ discard without a window, lines/s", None, ratio("store-pipelined", "ls1-written", "discard", lines))
row("50 × 128, Synced ÷ rsyslog, CPU a line", 1, ratio("store-pipelined", "ls1-synced", "rsyslog", cpu), least=False)
pairs = lambda a, b: [x[0] / y[0] for x, y in zip(process.get(a, []), process.get(b, []))]
row("one producer ÷ the loop in C, commits/s", 0.8, pairs("lock-step", "loop"))
row("the same with 10 ms more a sync", 0.9, pairs("slow-lock-step", "slow-loop"))
row("commits of 64 KiB while checkpoints run, p99.9 ÷ p50", 5, [x[3] / x[1] for x in process.get("checkpoints", [])], least=False)
row("start with a full log, and 4,000 segments of 1,000 streams, s", 2, [x[0] for x in process.get("start", [])], least=False)
row("bytes allocated a commit, one producer", None, [x[4] for x in process.get("lock-step", [])], ",.0f")
row("bytes allocated a commit of 640 lines, with checkpoints", None, [x[4] for x in process.get("checkpoints", [])], ",.0f")
row("the loop in C: pwrite 4 KiB + fdatasync a second", None, [x[0] for x in process.get("loop", [])], ",.0f")
row("the store, one producer: commits a second", None, [x[0] for x in process.get("lock-step", [])], ",.0f")
for workload, title in (("store-pipelined", "50 × 128"), ("store-many", "1,000 × 16"), ("store-request-reply", "50 × 1"), ("store-lock-step", "1 × 1"), ("store-deep", "50 × 2,048")):
    for server in ("redis-xadd", "ls1-synced", "ls1-written"):
        if figures := list(rounds.get((workload, server), {}).values()):
            row(f"{title}, {server}: lines/s", None, [lines(m) for m in figures], ",.0f")
            row(f"{title}, {server}: CPU ns a line", None, [cpu(m) for m in figures], ",.0f")
PY
