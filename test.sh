#!/usr/bin/env bash
# Installs what the tests need, builds with warnings as errors, checks the format, and runs every test.
# Needs Debian 12 and the .NET SDK of global.json; installs packages as root, or with sudo.
# Ends with a line "N passed, N failed"; the exit status is 0 if nothing failed.
set -euo pipefail
cd "$(dirname "$0")"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

# The real clients and tools that the tests use: command, package.
needed=(
  "nc.openbsd netcat-openbsd"
  "ncat ncat"
  "socat socat"
  "systemd-analyze systemd"
  "systemd-socket-activate systemd"
  "strace strace"
  "setpriv util-linux"
  "taskset util-linux"
  "gcc gcc"
  "chromium chromium"
)
missing=()
for entry in "${needed[@]}"; do
  read -r command package <<<"$entry"
  command -v "$command" >/dev/null || missing+=("$package")
done
# The C library's headers are no command, and gcc does not bring them.
[[ -e /usr/include/stdio.h ]] || missing+=(libc6-dev)
if ((${#missing[@]})); then
  echo "== installing: ${missing[*]}"
  as_root=()
  if ((EUID != 0)); then as_root=(sudo); fi
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

echo "== building"
dotnet build LineServer.sln -c Release -warnaserror

echo "== checking the format"
dotnet format LineServer.sln --verify-no-changes --no-restore

echo "== checking the scripts"
bash -n test.sh tests/full.sh .ci/run perf/measure.sh perf/peers/build.sh perf/peers/version.sh perf/peers/*/build.sh perf/checks/*.sh

echo "== testing"
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
status=0
# One project after the other: the end-to-end tests start processes of their own, and there may be two cores.
# A test that hangs is ended, and fails: nobody waits for CI's own limit.
dotnet test LineServer.sln -c Release --no-build -m:1 --logger trx --results-directory "$results" \
  --blame-hang-timeout 4m --blame-hang-dump-type none || status=$?

# What the daemon's tests see from outside holds for every transport, not only for the default one.
LINESERVER_TESTS_TRANSPORT=sockets dotnet test tests/LineServer.Tests -c Release --no-build --logger trx --results-directory "$results" \
  --blame-hang-timeout 4m --blame-hang-dump-type none || status=$?

passed=0 failed=0
for file in "$results"/*.trx; do
  [[ -e $file ]] || { echo "no test was run"; exit 1; }
  counters=$(grep -o '<Counters [^>]*>' "$file")
  p=$(sed -E 's/.* passed="([0-9]+)".*/\1/' <<<"$counters")
  # What neither passed nor was skipped for a reason has failed, whatever the runner calls it.
  t=$(sed -E 's/.* executed="([0-9]+)".*/\1/' <<<"$counters")
  passed=$((passed + p)) failed=$((failed + t - p))
done
if ((status != 0 && failed == 0)); then failed=1; fi
echo "$passed passed, $failed failed"
((failed == 0))
