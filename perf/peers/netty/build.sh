#!/usr/bin/env bash
# build.sh OUTPUT: compiles the peer to OUTPUT.d, and makes OUTPUT a script that runs it (exec).
set -euo pipefail
cd "$(dirname "$0")"
jars=$(printf ':/usr/share/java/netty-%s.jar' common buffer resolver transport handler codec codec-redis)
javac -Xlint:all -Werror -cp "${jars#:}" -d "$1.d" ./*.java
cat >"$1" <<END
#!/bin/sh
exec java -cp "\$0.d$jars" EchoServer "\$@"
END
chmod +x "$1"
