#!/usr/bin/env bash
# build.sh OUTPUT: compiles the peer.
set -euo pipefail
cd "$(dirname "$0")"
exec gcc -std=gnu17 -O2 -march=native -Wall -Wextra -Werror -o "$1" main.c -luring
