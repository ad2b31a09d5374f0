#!/usr/bin/env bash
# build.sh OUTPUT: compiles the peer with Debian's compiler and go-redis, even if others are in the path.
# Debian has its Go libraries in a GOPATH, and not as modules.
set -euo pipefail
cd "$(dirname "$0")"
export GOCACHE="$1.d" GOPATH=/usr/share/gocode GO111MODULE=off CGO_ENABLED=0
/usr/bin/go build -o "$1" .
chmod -R u+w "$1.d" && rm -rf "$1.d"
