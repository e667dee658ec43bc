#!/usr/bin/env bash
# Draws the pictures of README.md and docs/verdicts.md anew, each from the real hang of its name.
# usage: make.sh [PYTHON]
set -euo pipefail

cd "$(dirname "$0")/../.."
python=${1:-$(fixtures/python27.sh)}

pid=$(fixtures/start.sh popen_in_import "$python")
{
    echo "\$ py-importlock $pid"
    # In a terminal of 80 columns, for its colours; without the stacks.
    TERM=xterm-256color script -qec \
        "stty cols 80; exec build/release/bin/py-importlock $pid" /dev/null < /dev/null |
        sed '/^.\{0,8\}Thread .*LWP.*:/,$d' || true
} | python3 docs/pictures/terminal.py > docs/pictures/terminal.svg
fixtures/stop.sh "$pid"

for name in popen_in_import rlock_and_import three_parties; do
    pid=$(fixtures/start.sh "$name" "$python")
    build/release/bin/py-importlock --dot "$pid" > "docs/pictures/$name.dot" || [ $? -eq 1 ]
    fixtures/stop.sh "$pid"
    dot -Tsvg -o "docs/pictures/$name.svg" "docs/pictures/$name.dot"
    rm "docs/pictures/$name.dot"
done
