#!/usr/bin/env bash
# Connects clients that never read to a daemon in a memory cgroup. Prints the longest wait of a good client
# beside them, the cgroup's peak memory, and its memory after they have gone. Fails if the daemon died, if the
# good client waited longer than a second, or if clients were not served afterwards.
# Needs python3, and root to make the cgroup.
# usage: perf/checks/limited-memory.sh [TRANSPORT] [MIB] [CLIENTS]
set -euo pipefail
cd "$(dirname "$0")/../.."

transport=${1:-epoll} mib=${2:-128} clients=${3:-3000}
daemon=src/LineServer/bin/Release/net10.0/lineserver
[[ -x $daemon ]] || { echo "build first: dotnet build src/LineServer -c Release" >&2; exit 2; }
if [[ -d /sys/fs/cgroup/memory ]]; then
  group=/sys/fs/cgroup/memory/lineserver-check.$$ limit=memory.limit_in_bytes used=memory.usage_in_bytes peak=memory.max_usage_in_bytes
else
  group=/sys/fs/cgroup/lineserver-check.$$ limit=memory.max used=memory.current peak=memory.peak
fi
mkdir "$group"
trap 'sleep 0.2; rmdir "$group"' EXIT
echo $((mib << 20)) >"$group/$limit"
ulimit -n "$(ulimit -Hn)"

python3 - "$daemon" "$transport" "$clients" "$group" "$used" "$peak" <<'PY'
import collections, os, re, socket, subprocess, sys, threading, time

daemon, transport, clients, group, used, peak = sys.argv[1:7]
clients = int(clients)
LINES = b"never read, never read, never read\n" * 2000
# The shell enters the cgroup, and the daemon replaces it (exec).
server = subprocess.Popen(
    ["sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', group, daemon, "--listen", "tcp://127.0.0.1:0", "--transport", transport],
    stderr=subprocess.PIPE, text=True)
port = next(int(m.group(1)) for m in (re.search(r"accepts on tcp://127\.0\.0\.1:(\d+)", line) for line in server.stderr) if m)
last_words = collections.deque(maxlen=20)
threading.Thread(target=lambda: last_words.extend(server.stderr), daemon=True).start()

def memory(name):
    with open(os.path.join(group, name)) as f:
        return int(f.read()) >> 20

def connect():
    s = socket.socket()
    s.settimeout(30)
    s.connect(("127.0.0.1", port))
    return s

def send_what_is_taken(s):
    try:
        while s.send(LINES) > 0:
            pass
    except OSError:
        pass  # full, or closed because this connection held the most memory

good, longest, failure, hostile = connect(), 0.0, None, []
before = memory(used)
try:
    for i in range(clients):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.connect(("127.0.0.1", port))
        s.setblocking(False)
        hostile.append(s)
        for each in hostile if i % 100 == 99 else hostile[-1:]:
            send_what_is_taken(each)
        if i % 10 == 0:
            start = time.monotonic()
            good.sendall(b"good\n")
            if good.recv(100) != b"good\n":
                raise OSError("the good client's connection was closed")
            longest = max(longest, time.monotonic() - start)
except OSError as e:
    failure = str(e)
full = memory(used)
for s in hostile:
    s.close()
if failure is None:
    try:
        for _ in range(1000):
            with connect() as s:
                s.sendall(b"after\n")
                if s.recv(100) != b"after\n":
                    raise OSError("a client afterwards was not served")
    except OSError as e:
        failure = str(e)
after, highest = memory(used), memory(peak)
server.terminate()
status = server.wait(30)
print(f"{transport}, {clients} clients that never read: the good client waited {longest * 1000:.0f} ms at most; "
      f"the cgroup used {before} MiB before, {full} MiB with them, {after} MiB after, {highest} MiB at its peak; exit status {status}")
if failure:
    print(failure)
if status != 0:
    print("its last words:", "".join(last_words)[-4000:])
sys.exit(0 if failure is None and longest < 1 and status == 0 else 1)
PY
