#!/usr/bin/env bash
# Runs a daemon whose standard error, at information level, is a pipe that nobody reads, while clients send
# lines that are too long. Prints how many lines of a good client were served, and its longest wait. Then
# sends SIGTERM, and prints how long the end took. Fails if a client was not served within a second, or if the
# end took longer than DrainTimeout plus a second.
# Needs python3.
# usage: perf/checks/unread-log.sh [TRANSPORT] [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/../.."

transport=${1:-epoll} seconds=${2:-600}
daemon=src/LineServer/bin/Release/net10.0/lineserver
[[ -x $daemon ]] || { echo "build first: dotnet build src/LineServer -c Release" >&2; exit 2; }

exec python3 - "$daemon" "$transport" "$seconds" <<'PY'
import os, socket, subprocess, sys, tempfile, threading, time

daemon, transport, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
DRAIN_TIMEOUT = 10
folder = tempfile.mkdtemp()
path, notify_path = os.path.join(folder, "s"), os.path.join(folder, "notify")
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(notify_path)
unread, write_end = os.pipe()
os.set_blocking(write_end, False)
try:
    while True:
        os.write(write_end, b"x" * 4096)  # the pipe is full before the daemon writes its first line
except BlockingIOError:
    os.set_blocking(write_end, True)
server = subprocess.Popen(
    [daemon, "--listen", "unix:" + path, "--transport", transport, "--set", "Limits:MaxLineSize=20",
     "--set", f"Limits:DrainTimeout=00:00:{DRAIN_TIMEOUT}"],
    stderr=write_end, env={**os.environ, "NOTIFY_SOCKET": notify_path, "Logging__LogLevel__Default": "Information"})
notify.settimeout(30)
while b"READY=1" not in notify.recv(4096):
    pass

end = time.monotonic() + seconds
offenders = [0] * 4
failures = []

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(path)
    return s

def offend(index):
    try:
        while time.monotonic() < end:
            with connect() as s:
                s.sendall(b"a line that is much too long for this server\n")
                while s.recv(4096):
                    pass
            offenders[index] += 1
    except OSError as e:
        failures.append(f"an offender: {e}")

threads = [threading.Thread(target=offend, args=(i,)) for i in range(len(offenders))]
for thread in threads:
    thread.start()
good, served, longest = connect(), 0, 0.0
try:
    while time.monotonic() < end:
        start = time.monotonic()
        good.sendall(b"good\n")
        if good.recv(100) != b"good\n":
            raise OSError("the connection was closed")
        longest = max(longest, time.monotonic() - start)
        served += 1
        time.sleep(0.005)
except OSError as e:
    failures.append(f"the good client: {e}")
for thread in threads:
    thread.join()
start = time.monotonic()
server.terminate()
try:
    status = server.wait(DRAIN_TIMEOUT + 20)
except subprocess.TimeoutExpired:
    server.kill()
    status = "none: it had to be killed"
took = time.monotonic() - start
print(f"{transport}, {seconds:.0f} s: {sum(offenders)} connections with a line too long; {served} lines of a good client, longest wait {longest * 1000:.0f} ms; after SIGTERM: exit status {status} in {took:.1f} s")
for failure in failures:
    print(failure)
sys.exit(0 if not failures and longest < 1 and status == 0 and took < DRAIN_TIMEOUT + 1 else 1)
PY
