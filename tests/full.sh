#!/usr/bin/env bash
# The transport conformance suite in full size: 100 MB each way, 15,000 connections, uploads of 1 GB, clients in processes of their own and from
# several loopback addresses; at most two minutes a case. Needs 20,000 descriptors. Arguments go to the test program, for instance -class '*EpollPoolTcp+*'.
set -euo pipefail
cd "$(dirname "$0")/.."
ulimit -n "$(ulimit -Hn)"
dotnet build tests/LineServer.Transports.Tests -c Release -warnaserror
LINESERVER_TESTS=full exec tests/LineServer.Transports.Tests/bin/Release/net10.0/LineServer.Transports.Tests "$@"
