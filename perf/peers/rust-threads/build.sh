#!/usr/bin/env bash
# build.sh OUTPUT: compiles the peer with Debian's compiler, even if others are in the path.
set -euo pipefail
cd "$(dirname "$0")"
exec /usr/bin/rustc --edition 2021 -C opt-level=3 -D warnings -o "$1" main.rs
