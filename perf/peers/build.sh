#!/usr/bin/env bash
# Builds the peers into perf/peers/bin: all of them, or the named ones. A peer that is newer than its sources
# is not built again. As root it installs the Debian packages that they need; otherwise it names the missing
# ones. A peer that cannot be built does not stop the others: the reason goes to standard error and to
# bin/NAME.reason, and the exit status is 1.
set -uo pipefail
cd "$(dirname "$0")" || exit

# needs PEER: what a peer needs from Debian, as pairs of a file (or pattern) and the package that has it.
needs() {
  local c="/usr/bin/gcc gcc /usr/include/stdio.h libc6-dev"
  local rust="/usr/bin/rustc rustc /usr/bin/gcc gcc /usr/include/stdio.h libc6-dev"
  local cargo="$rust /usr/bin/cargo cargo /usr/share/cargo/registry/tokio-[0-9]* librust-tokio-dev"
  case $1 in
    c-epoll) echo "$c" ;;
    c-uring) echo "$c /usr/include/liburing.h liburing-dev" ;;
    libevent) echo "$c /usr/include/event2/event.h libevent-dev" ;;
    tokio) echo "$cargo" ;;
    tokio-codec) echo "$cargo /usr/share/cargo/registry/tokio-util-[0-9]* librust-tokio-util-dev /usr/share/cargo/registry/futures-0* librust-futures-dev" ;;
    rust-threads) echo "$rust" ;;
    go) echo "/usr/bin/go golang-go /usr/share/gocode/src/gopkg.in/redis.v5/redis.go golang-gopkg-redis.v5-dev" ;;
    netty) echo "/usr/bin/javac openjdk-17-jdk-headless /usr/share/java/netty-codec.jar libnetty-java" ;;
    # Not redis-server: that package would start a server of its own. The program is the same file.
    redis) echo "/usr/bin/redis-check-rdb redis-tools" ;;
    rsyslog) echo "/usr/sbin/rsyslogd rsyslog" ;;
    fdatasync-loop) echo "$c" ;;
    # The SDK that lineperf itself is built with.
    kestrel-pipelines | cs-threads | cs-streamreader) ;;
    *) echo "there is no peer '$1'" >&2; return 2 ;;
  esac
}

# missing PEER...: the packages that these peers need and that are not installed.
missing() {
  local peer i list packages=()
  for peer in "$@"; do
    read -ra list <<<"$(needs "$peer")"
    for ((i = 0; i < ${#list[@]}; i += 2)); do
      compgen -G "${list[i]}" >/dev/null || packages+=("${list[i + 1]}")
    done
  done
  ((${#packages[@]} == 0)) || printf '%s\n' "${packages[@]}" | sort -u
}

install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
}

not_built() { # PEER REASON
  echo "$1: not built: $2" >&2
  echo "$2" >"bin/$1.reason"
  # An old program would pass for one built from the current sources.
  rm -rf "bin/$1" "bin/$1.d"
  status=1
}

peers=("$@")
if ((${#peers[@]} == 0)); then
  for script in */build.sh; do peers+=("$(dirname "$script")"); done
fi
for peer in "${peers[@]}"; do needs "$peer" >/dev/null || exit; done

mapfile -t packages < <(missing "${peers[@]}")
if ((${#packages[@]} && EUID == 0)); then
  apt-get update -q >&2
  # A package that Debian does not have must not prevent the installation of the others.
  install "${packages[@]}" || for package in "${packages[@]}"; do install "$package"; done
fi

status=0
mkdir -p bin
# One build at a time: two would write the same files.
exec {lock}>bin/.lock
flock "$lock"
for peer in "${peers[@]}"; do
  mapfile -t packages < <(missing "$peer")
  if ((${#packages[@]})); then
    not_built "$peer" "missing: ${packages[*]} (apt-get install ${packages[*]})"
    continue
  fi
  if [[ -x bin/$peer && -z $(find "$peer" \( -name bin -o -name obj \) -prune -o -newer "bin/$peer" -type f -print) ]]; then continue; fi
  # Not built in place, because the old program may be running. Other files of a peer are in a folder with the
  # program's name and '.d'.
  new=bin/$peer.new
  rm -rf "$new" "$new.d"
  if "$peer/build.sh" "$PWD/$new" >"bin/$peer.log" 2>&1 && [[ -x $new ]]; then
    rm -rf "bin/$peer.d" "bin/$peer.reason"
    [[ ! -e $new.d ]] || mv "$new.d" "bin/$peer.d"
    mv "$new" "bin/$peer"
    echo "built $peer"
  else
    cat "bin/$peer.log" >&2
    reason=$(grep -im1 'error' "bin/$peer.log" || tail -n1 "bin/$peer.log")
    not_built "$peer" "${reason:-its build.sh failed}"
  fi
done
exit "$status"
