#!/usr/bin/env bash
# Measures what a burst leaves in memory. 2,000 connections at once send 64 KiB each and read it back. Prints
# the resident memory before, at the end, and 5 s later, under several settings of the garbage collector.
# docs/decisions/0006 has the figures. Needs python3.
# usage: perf/checks/memory-after-burst.sh [TRANSPORT]
set -euo pipefail
cd "$(dirname "$0")/../.."

transport=${1:-sockets}
daemon=src/LineServer/bin/Release/net10.0/lineserver
[[ -x $daemon ]] || { echo "build first: dotnet build src/LineServer -c Release" >&2; exit 2; }
ulimit -n "$(ulimit -Hn)"

burst() {
  python3 - "$daemon" "$transport" <<'PY'
import asyncio, re, subprocess, sys

CONNECTIONS, SIZE = 2000, 64 * 1024
server = subprocess.Popen([sys.argv[1], "--listen", "tcp://127.0.0.1:0", "--transport", sys.argv[2]], stderr=subprocess.PIPE, text=True)
port = next(int(m.group(1)) for m in (re.search(r"accepts on tcp://127\.0\.0\.1:(\d+)", line) for line in server.stderr) if m)

def status(field):
    with open(f"/proc/{server.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(field)) // 1024

async def client(start):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await start.wait()
    writer.write((b"x" * 63 + b"\n") * (SIZE // 64))
    await reader.readexactly(SIZE)
    writer.close()

async def main():
    before = status("VmRSS")
    for _ in range(3):
        start = asyncio.Event()
        clients = [asyncio.create_task(client(start)) for _ in range(CONNECTIONS)]
        await asyncio.sleep(0.5)
        start.set()
        await asyncio.wait_for(asyncio.gather(*clients), 60)
    at_end = status("VmRSS")
    await asyncio.sleep(5)
    cpu = sum(int(x) for x in open(f"/proc/{server.pid}/stat").read().rsplit(")", 1)[1].split()[11:13]) / 100
    print(f"before {before} MiB, at the end {at_end} MiB, 5 s later {status('VmRSS')} MiB, peak {status('VmHWM')} MiB, CPU {cpu:.1f} s")

try:
    asyncio.run(main())
finally:
    server.terminate()
    server.wait(30)
PY
}

for setting in "" "DOTNET_gcConcurrent=0" "DOTNET_GCConserveMemory=5" "DOTNET_GCConserveMemory=9" "DOTNET_GCgen0size=0x800000" "DOTNET_GCgen0size=0x800000 DOTNET_GCConserveMemory=5"; do
  # shellcheck disable=SC2086
  ([[ -z $setting ]] || export $setting; printf '%-55s' "${setting:-as the runtime has it}"; burst)
done
