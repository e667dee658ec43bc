#!/usr/bin/env bash
# Writes the picture of README.md, terminal.svg, to standard output: what py-importlock shows of the
# real hang in a terminal of 80 columns, without the stacks. The process is called 4242.
# usage: terminal.sh [PYTHON]
set -euo pipefail

cd "$(dirname "$0")/../.."
python=${1:-$(fixtures/python27.sh)}
pid=$(fixtures/start.sh popen_in_import "$python")
trap 'fixtures/stop.sh "$pid"' EXIT
mapfile -t lwps < <(ls "/proc/$pid/task")
{
    echo "\$ py-importlock $pid"
    env -u COLUMNS -u NO_COLOR TERM=xterm-256color script -qec \
        "stty cols 80; exec build/release/bin/py-importlock $pid" /dev/null < /dev/null |
        sed '/^.\{0,8\}Thread .*LWP.*:/,$d' || [ $? -eq 1 ]  # the status of a hang
} | sed "s/\b${lwps[0]}\b/4242/g; s/\b${lwps[1]}\b/4243/g" | python3 docs/pictures/terminal.py
