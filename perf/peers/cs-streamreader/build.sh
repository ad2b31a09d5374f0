#!/usr/bin/env bash
# build.sh OUTPUT: publishes the peer to OUTPUT.d, and makes OUTPUT a script that runs it (exec). It leaves no
# build server running, which would disturb what is measured.
set -euo pipefail
cd "$(dirname "$0")"
dotnet publish -c Release -o "$1.d" -v quiet -nologo -nodeReuse:false -p:UseSharedCompilation=false
cat >"$1" <<'END'
#!/bin/sh
exec dotnet "$0.d/cs-streamreader.dll" "$@"
END
chmod +x "$1"
