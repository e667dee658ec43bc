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
    # On a status without any package, install means all that it depends on.
    "$here/../../fixtures/debian_apt.sh" "$release" "$dir/apt" install --yes --download-only \
        --no-install-recommends austin > "$dir/download.log" 2>&1 || {
        cat "$dir/download.log" >&2
        exit 1
    }
    mkdir -p "$dir"/root/usr/{bin,sbin,lib,lib64}
    for name in bin sbin lib lib64; do
        ln -sfn "usr/$name" "$dir/root/$name"
    done
    for deb in "$dir"/apt/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$dir/root"
    done
    cat > "$dir/austin.new" <<'WRAPPER'
#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/root
libraries=$root/usr/lib/x86_64-linux-gnu
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$root/usr/bin/austin" "$@"
WRAPPER
    chmod +x "$dir/austin.new"
    "$dir/austin.new" --version > /dev/null
    rm -rf "$dir/apt"
    mv "$dir/austin.new" "$dir/austin"
fi
echo "$dir/austin"
