#!/usr/bin/env bash
# Replays the corpus of a fuzz target and the seeds, then fuzzes on from them.
# usage: run.sh [--seconds N] [--seed N] --in BUILD TARGET
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
seconds=60
seed=0  # another one each time
build=
while [ $# -gt 1 ]; do
    case $1 in
        --seconds) seconds=$2; shift 2 ;;
        --seed) seed=$2; shift 2 ;;
        --in) build=$2; shift 2 ;;
        *) break ;;
    esac
done
[ $# -eq 1 ] && [ -x "$build/tests/fuzz/fuzz_$1" ] ||
    { sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2; }
program=$build/tests/fuzz/fuzz_$1
folder=$build/tests/fuzz/found/$1
mkdir -p "$folder/inputs" "$folder/seeds"
python3 -B "$here/make_seeds.py" "$1" "$folder/seeds"
inputs=("$folder/inputs" "$folder/seeds")
[ ! -d "$here/corpus/$1" ] || inputs+=("$here/corpus/$1")
# An input has 10 s: the machines of CI are slow and shared.
"$program" -max_total_time="$seconds" -seed="$seed" -timeout=10 -malloc_limit_mb=64 -rss_limit_mb=1024 \
    -max_len=65536 -print_final_stats=1 -verbosity=1 -artifact_prefix="$folder/" \
    "${inputs[@]}" 2>&1 | grep -v '# Uses: ' | tail -n 60
