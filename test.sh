#!/usr/bin/env bash
# Installs what the tests need, builds with warnings as errors, checks the format, and runs every test.
# Needs Debian 12 and the .NET SDK of global.json; installs packages as root, or with sudo. The daemons of others that send
# lines are unpacked below tests/LineServer.Tests/bin, and PostgreSQL below /tmp, not installed.
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
  "unshare util-linux"
  "nsenter util-linux"
  "ip iproute2"
  "gcc gcc"
  "chromium chromium"
  "redis-check-rdb redis-tools"
  "logger bsdutils"
  "mkfs.ext4 e2fsprogs"
  "mkfs.xfs xfsprogs"
  "mount mount"
)
missing=()
for entry in "${needed[@]}"; do
  read -r command package <<<"$entry"
  command -v "$command" >/dev/null || missing+=("$package")
done
# The C library's headers are no command, and gcc does not bring them.
[[ -e /usr/include/stdio.h ]] || missing+=(libc6-dev)
as_root=()
if ((EUID != 0)); then as_root=(sudo); fi
if ((${#missing[@]})); then
  echo "== installing: ${missing[*]}"
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

# The daemons that send lines to ours: command, package. Two of the packages conflict, and an installed one may start its
# daemon. So they are only unpacked, with the libraries that this machine lacks.
senders=(
  "rsyslogd rsyslog"
  "syslog-ng syslog-ng-core"
  "collectd collectd-core"
)
unpacked=tests/LineServer.Tests/bin/senders
missing=()
for entry in "${senders[@]}"; do
  read -r command package <<<"$entry"
  [[ -x $unpacked/usr/sbin/$command ]] || missing+=("$package")
done
# unpack DIRECTORY PACKAGE...
unpack() {
  local unpacked=$1 plan needed_too download
  shift
  local packages=("$@")
  "${as_root[@]}" apt-get update -q
  for package in "$@"; do
    plan=$(apt-get install -s --no-install-recommends "$package") || return
    # A package that is there in another version has its version in brackets: "Inst libc6 [2.36] (2.37 ...".
    while read -r needed_too; do packages+=("$needed_too"); done < <(sed -n 's/^Inst \([^ ]*\) (.*/\1/p' <<<"$plan")
  done
  mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
  download=$(mktemp -d)
  (cd "$download" && apt-get download -q -o APT::Sandbox::User=root "${packages[@]}") || return
  mkdir -p "$unpacked"
  for file in "$download"/*.deb; do dpkg-deb -x "$file" "$unpacked" || return; done
  rm -rf "$download"
}
if ((${#missing[@]})); then
  echo "== unpacking: ${missing[*]}"
  unpack "$unpacked" "${missing[@]}" || echo "== NOT unpacked: ${missing[*]}. The tests with these programs are skipped."
fi

# PostgreSQL, unless it is installed. It does not run as root, and whom it runs as may not look into root's folders.
if ! compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; then
  export LINESERVER_TESTS_POSTGRESQL=/tmp/lineserver-postgresql-$EUID
  if ! compgen -G "$LINESERVER_TESTS_POSTGRESQL/usr/lib/postgresql/*/bin/initdb" >/dev/null; then
    echo "== unpacking: postgresql-15"
    unpack "$LINESERVER_TESTS_POSTGRESQL" postgresql-15 && chmod 755 "$LINESERVER_TESTS_POSTGRESQL" ||
      echo "== NOT unpacked: postgresql-15. The tests with PostgreSQL are skipped."
  fi
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
passed=0 failed=0

# How often an attribute of <Counters> adds up to in a result file; 0 if there is no file, because the run was ended.
count() { sed -nE "s/.*<Counters .* ?$1=\"([0-9]+)\".*/\1/p" "$results/$2.trx" 2>/dev/null | head -n 1 | grep . || echo 0; }

# run NAME PROJECT: the tests of a project. A test that hangs is ended, and so is a run; what was found and did not run has failed.
run() {
  local name=$1 project=$2 found status=0
  found=$(timeout 2m dotnet test "$project" -c Release --no-build --list-tests | grep -c '^    ' || true)
  # Signals as in a terminal, whatever started this script ignores: `(trap '' INT; ./test.sh)`, nohup.
  timeout --kill-after=1m 15m env --default-signal dotnet test "$project" -c Release --no-build \
    --logger "trx;LogFileName=$name.trx" --results-directory "$results" --blame-hang-timeout 4m --blame-hang-dump-type none || status=$?
  local p executed total f
  p=$(count passed "$name") executed=$(count executed "$name") total=$(count total "$name")
  f=$((executed - p))
  if ((total < found)); then
    echo "$name: $((found - total)) of $found tests did not run"
    f=$((f + found - total))
  fi
  if ((status != 0 && f == 0)); then
    echo "$name: ended with $status"
    f=1
  fi
  passed=$((passed + p)) failed=$((failed + f))
}

# One project after the other: the end-to-end tests start processes of their own, and there may be two cores.
for project in tests/*.Tests; do
  run "$(basename "$project")" "$project"
done

# What the daemon's tests see from outside holds for every transport, not only for the default one.
LINESERVER_TESTS_TRANSPORT=sockets run LineServer.Tests.sockets tests/LineServer.Tests

echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
