#!/usr/bin/env bash
# Unpacks the austin of a Debian release with all that it loads into DIR/root and prints
# the path of a program that starts it on its own libraries.
# usage: austin.sh [RELEASE] [DIR]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
release=${1:-trixie}
dir=${2:-$here/../../build/austin-$release}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
if [ ! -x "$dir/austin" ]; then
    "$here/../../fixtures/debian_root.sh" "$release" "$dir" austin
    cat > "$dir/austin.new" <<'WRAPPER'
#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/run" austin "$@"
WRAPPER
    chmod +x "$dir/austin.new"
    "$dir/austin.new" --version > /dev/null
    mv "$dir/austin.new" "$dir/austin"
fi
echo "$dir/austin"
