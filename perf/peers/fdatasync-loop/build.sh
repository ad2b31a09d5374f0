#!/usr/bin/env bash
# build.sh OUTPUT: builds the loop of pwrite and fdatasync with Debian's gcc.
set -euo pipefail
exec /usr/bin/gcc -O2 -Wall -Wextra -Werror -o "$1" "$(dirname "$0")/fdatasync-loop.c"
