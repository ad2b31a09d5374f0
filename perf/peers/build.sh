#!/usr/bin/env bash
# Builds the reference servers into perf/peers/bin: all of them, or those that are named. One that is newer than its sources is left as it is.
# Installs the compilers that it needs as root, or says what is missing.
set -euo pipefail
cd "$(dirname "$0")"

# What a peer needs of Debian: its name, then a file that the package brings, and the package.
needs() {
  case $1 in
    c-epoll) echo "/usr/bin/gcc gcc /usr/include/stdio.h libc6-dev" ;;
    *) echo "there is no peer '$1'" >&2; exit 2 ;;
  esac
}

peers=("$@")
if ((${#peers[@]} == 0)); then
  for script in */build.sh; do peers+=("$(dirname "$script")"); done
fi

missing=()
for peer in "${peers[@]}"; do
  list=$(needs "$peer")
  read -ra list <<<"$list"
  for ((i = 0; i < ${#list[@]}; i += 2)); do
    [[ -e ${list[i]} ]] || missing+=("${list[i + 1]}")
  done
done
if ((${#missing[@]})); then
  if ((EUID != 0)); then
    echo "missing: install ${missing[*]} (apt-get install ${missing[*]})" >&2
    exit 1
  fi
  apt-get update -q >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
fi

mkdir -p bin
for peer in "${peers[@]}"; do
  if [[ -x bin/$peer && -z $(find "$peer" -newer "bin/$peer" -type f) ]]; then continue; fi
  # Not in place: the old one may be running.
  "$peer/build.sh" "../bin/$peer.new"
  mv "bin/$peer.new" "bin/$peer"
  echo "built $peer"
done
