#!/usr/bin/env bash
# build.sh OUTPUT: compiles the peer with Debian's compiler and crates, even if others are in the path.
set -euo pipefail
cd "$(dirname "$0")"
export RUSTC=/usr/bin/rustc CARGO_TARGET_DIR="$1.d"
/usr/bin/cargo build --release --offline --quiet
mv "$1.d/release/tokio-codec" "$1"
rm -rf "$1.d"
