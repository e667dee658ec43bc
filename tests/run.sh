#!/usr/bin/env bash
# Builds and runs every test; arguments pass on to ctest.
set -euo pipefail

cd "$(dirname "$0")/.."
fixtures/install_packages.sh build test
fixtures/bullseye.sh
fixtures/python27.sh --shared > /dev/null

for preset in release asan; do
    echo "== $preset"
    cmake --preset "$preset"
    cmake --build --preset "$preset"
    ctest --preset "$preset" --output-on-failure "$@"
done
