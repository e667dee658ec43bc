#!/usr/bin/env bash
# Makes build/clean-root: Debian bookworm's smallest root with gdb, supervisor, systemd-coredump, and
# bullseye's Python 2.7 in opt/python2.7, as a new user's machine would have them. As root.
# usage: clean_root.sh
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
"$repository/fixtures/bullseye.sh"
root=$repository/build/clean-root
# What the .deb depends on too; debootstrap does not see that libboost-regex serves gdb.
packages=gdb,supervisor,procps,libboost-regex1.74.0,libcapstone4,libfmt9
unpacked=systemd-coredump
mkdir -p "$repository/build"
exec 9> "$repository/build/clean-root.lock"
flock 9
[ "$(cat "$root/complete" 2> /dev/null)" != "$packages $unpacked" ] || exit 0

rm -rf "$root" "$root.new"
debootstrap --variant=minbase "--include=$packages" bookworm "$root.new" \
    > "$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
rm -rf "$root.new"/var/cache/apt/archives/*.deb "$root.new"/var/lib/apt/lists/*
# Not installed: core_pattern is of the kernel and all its roots, and no script shall touch it.
"$repository/fixtures/debian_apt.sh" bookworm "$root.apt" \
    -o "Dir::State::status=$root.new/var/lib/dpkg/status" -o Debug::NoLocking=true install --yes \
    --no-install-recommends --download-only "$unpacked" >> "$root.log" 2>&1 ||
    { tail -n 20 "$root.log" >&2; exit 1; }
for deb in "$root.apt"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$root.new"
done
rm -rf "$root.apt"
cp -a "$repository/build/bullseye/." "$root.new/opt/python2.7"
echo "$packages $unpacked" > "$root.new/complete"
mv "$root.new" "$root"
