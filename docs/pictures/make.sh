#!/usr/bin/env bash
# Draws the pictures of README.md and docs/verdicts.md anew, each from the real hang of its name.
# usage: make.sh [PYTHON]
set -euo pipefail

cd "$(dirname "$0")/../.."
python=${1:-$(fixtures/python27.sh)}

docs/pictures/terminal.sh "$python" > docs/pictures/terminal.svg.new
mv docs/pictures/terminal.svg.new docs/pictures/terminal.svg

for name in popen_in_import rlock_and_import three_parties; do
    pid=$(fixtures/start.sh "$name" "$python")
    build/release/bin/py-importlock --dot "$pid" > "docs/pictures/$name.dot" || [ $? -eq 1 ]
    fixtures/stop.sh "$pid"
    dot -Tsvg -o "docs/pictures/$name.svg" "docs/pictures/$name.dot"
    rm "docs/pictures/$name.dot"
done
