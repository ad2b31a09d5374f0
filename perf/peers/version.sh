#!/usr/bin/env bash
# version.sh NAME: prints what a peer is made of and built with, on one line. The exit status is 1 if that is
# unknown. It asks Debian's compilers, as the build scripts do, even if others are in the path.
set -euo pipefail

# package NAME: the upstream version of a Debian package.
package() { dpkg-query -W -f '${source:Upstream-Version}' "$1"; }

case ${1:-} in
  c-epoll) echo "gcc $(gcc -dumpfullversion)" ;;
  c-uring) echo "liburing $(package liburing-dev), gcc $(gcc -dumpfullversion)" ;;
  libevent) echo "libevent $(package libevent-dev), gcc $(gcc -dumpfullversion)" ;;
  tokio | tokio-codec) echo "tokio $(package librust-tokio-dev), $(/usr/bin/rustc --version | cut -d' ' -f1,2)" ;;
  rust-threads) /usr/bin/rustc --version | cut -d' ' -f1,2 ;;
  go) echo "$(/usr/bin/go version | sed -E 's/^go version go([^ ]+).*/go \1/'), go-redis $(package golang-gopkg-redis.v5-dev)" ;;
  netty) echo "Netty $(package libnetty-java), $(java -version 2>&1 | head -n1 | sed -E 's/"//g')" ;;
  rsyslog) echo "rsyslog $(package rsyslog)" ;;
  fdatasync-loop) echo "gcc $(gcc -dumpfullversion)" ;;
  redis) echo "redis $(package redis-tools)" ;;
  kestrel-pipelines)
    redis=$(sed -nE 's/.*"StackExchange.Redis" Version="([^"]+)".*/\1/p' "$(dirname "$0")/../../Directory.Packages.props")
    echo ".NET SDK $(dotnet --version), StackExchange.Redis $redis" ;;
  cs-threads | cs-streamreader) echo ".NET SDK $(dotnet --version)" ;;
  *) exit 1 ;;
esac
