#!/usr/bin/env bash
# Makes build/clean-root: Debian bookworm's smallest root with gdb, supervisor, and bullseye's
# Python 2.7 in opt/python2.7, as a new user's machine would have them. As root.
# usage: clean_root.sh
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
"$repository/fixtures/bullseye.sh"
root=$repository/build/clean-root
mkdir -p "$repository/build"
exec 9> "$repository/build/clean-root.lock"
flock 9
[ ! -e "$root/complete" ] || exit 0

rm -rf "$root" "$root.new"
# What the .deb depends on too; debootstrap does not see that libboost-regex serves gdb.
packages=gdb,supervisor,procps,libboost-regex1.74.0,libcapstone4,libfmt9
debootstrap --variant=minbase "--include=$packages" bookworm "$root.new" \
    > "$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
rm -rf "$root.new"/var/cache/apt/archives/*.deb "$root.new"/var/lib/apt/lists/*
cp -a "$repository/build/bullseye/." "$root.new/opt/python2.7"
touch "$root.new/complete"
mv "$root.new" "$root"
