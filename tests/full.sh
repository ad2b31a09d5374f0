#!/usr/bin/env bash
# The tests that have a full size, in full size: the transport conformance suite (100 MB each way, 15,000 connections,
# uploads of 1 GB, clients in processes of their own and from several loopback addresses; at most two minutes a case),
# then the daemon on each transport under clients that never read and under torture (two minutes each).
# Needs 20,000 descriptors. With arguments, only the conformance suite, which gets them: -class '*EpollPoolTcp+*'.
set -euo pipefail
cd "$(dirname "$0")/.."
ulimit -n "$(ulimit -Hn)"
export LINESERVER_TESTS=full

dotnet build tests/LineServer.Transports.Tests -c Release -warnaserror
suite=tests/LineServer.Transports.Tests/bin/Release/net10.0/LineServer.Transports.Tests
if (($# > 0)); then exec "$suite" "$@"; fi
status=0
"$suite" || status=1

dotnet build tests/LineServer.Tests -c Release -warnaserror
daemon=tests/LineServer.Tests/bin/Release/net10.0/LineServer.Tests
for transport in epoll sockets; do
  echo "== $transport"
  LINESERVER_TESTS_TRANSPORT=$transport "$daemon" -diagnostics -class LineServer.Tests.NeverReadingTests -class LineServer.Tests.TortureTests || status=1
done
exit "$status"
