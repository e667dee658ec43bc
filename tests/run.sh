#!/usr/bin/env bash
# Builds and runs every test; arguments pass on to ctest.
set -euo pipefail

cd "$(dirname "$0")/.."
fixtures/install_packages.sh build test
fixtures/bullseye.sh
fixtures/bullseye.sh --arch i386
fixtures/bullseye.sh --arch arm64
fixtures/other_gdb.sh bullseye
fixtures/other_gdb.sh trixie
fixtures/python27.sh --shared > /dev/null
fixtures/python3.sh --shared > /dev/null
fixtures/debian_python3.sh bullseye 3.9 > /dev/null
fixtures/debian_python3.sh trixie 3.13 > /dev/null
fixtures/debian_python3.sh sid 3.14 > /dev/null
fixtures/build_python27.sh --static > /dev/null
fixtures/build_python27.sh --musl > /dev/null
[ "$(id -u)" -ne 0 ] || tests/clean_root.sh

for preset in static release asan fuzz; do
    echo "== $preset"
    gdbs=()
    [ "$preset" != release ] ||
        gdbs=("-DGDB_EXECUTABLE=gdb;$PWD/build/gdb-bullseye/bin/gdb;$PWD/build/gdb-trixie/bin/gdb")
    cmake --preset "$preset" -D IMPORTLOCK_WERROR=ON "${gdbs[@]}"
    cmake --build --preset "$preset"
done
for preset in release asan fuzz; do
    ctest --preset "$preset" -j 2 --output-on-failure "$@"
done
