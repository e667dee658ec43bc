#!/usr/bin/env bash
# Measures which lines of native/ the tests reach: unit and contract tests, the corpora and seeds of
# the fuzz targets, the faults, and the stand-alone command in the end-to-end tests. Prints the
# lines of each room, of each file, and which functions none reached. The module for gdb
# (native/bindings) is not part of it: gdb is no program of ours.
set -euo pipefail

cd "$(dirname "$0")/.."
build=$PWD/build/coverage
cmake --preset coverage > /dev/null
cmake --build --preset coverage
rm -rf "$build/profiles"
mkdir "$build/profiles"
# One file a program, into which all its runs are merged.
export LLVM_PROFILE_FILE=$build/profiles/%4m.profraw

programs=("$build/tests/unit_tests" "$build/tests/contract_tests" "$build/tests/faults"
          "$build/bin/py-importlock")
"${programs[0]}" > /dev/null
"${programs[1]}" > /dev/null
for source in tests/fuzz/*.cpp; do
    target=$(basename "$source" .cpp)
    programs+=("$build/tests/fuzz/fuzz_$target")
    inputs=$build/seeds/$target
    mkdir -p "$inputs"
    python3 -B tests/fuzz/make_seeds.py "$target" "$inputs"
    [ ! -d "tests/fuzz/corpus/$target" ] || cp "tests/fuzz/corpus/$target"/* "$inputs"
    "$build/tests/fuzz/fuzz_$target" -runs=0 "$inputs" 2> /dev/null
done
export PY_IMPORTLOCK=$build/bin/py-importlock
export IMPORTLOCK_FAULTS=20 IMPORTLOCK_FAULTS_PROGRAM=$build/tests/faults
failed=0
# One test has the command write nothing: its counts are a file.
/usr/bin/python3 -B -m pytest -q -p no:cacheprovider -k "not traces and not without_permission" \
    tests/e2e/test_{cli,embedded,faults,hostile_text,rungs}.py \
    > "$build/e2e.txt" 2>&1 || failed=1
# Here it runs as nobody too, who cannot add to root's files.
chmod 1777 "$build/profiles"
LLVM_PROFILE_FILE=$build/profiles/%p.profraw /usr/bin/python3 -B -m pytest -q -p no:cacheprovider \
    -k "not test_cli or without_permission" tests/e2e/test_{cli,places}.py \
    >> "$build/e2e.txt" 2>&1 || failed=1

llvm-profdata-14 merge -o "$build/profile" "$build"/profiles/*.profraw
llvm-cov-14 export -summary-only -instr-profile "$build/profile" \
    "${programs[0]}" "${programs[@]/#/-object=}" > "$build/coverage.json"
python3 - "$build/coverage.json" "$PWD/native/" << 'END'
import collections
import json
import sys

export, native = sys.argv[1:]
files = {entry["filename"].removeprefix(native): entry["summary"]["lines"]
         for entry in json.load(open(export))["data"][0]["files"]
         if entry["filename"].startswith(native)}
rooms = collections.defaultdict(lambda: [0, 0])
for name, lines in files.items():
    for room in (name.split("/")[0], "native"):
        rooms[room][0] += lines["covered"]
        rooms[room][1] += lines["count"]
for room, (covered, count) in sorted(rooms.items()):
    print(f"{room:12} {covered:6} of {count:6} lines  {100 * covered / count:5.1f} %")
print("\nFiles of which less than 95 % was reached:")
for name, lines in sorted(files.items(), key=lambda item: item[1]["percent"]):
    if lines["percent"] < 95:
        print(f"  {name:36} {lines['covered']:5} of {lines['count']:5}  {lines['percent']:5.1f} %")
END
echo "Lines that were not reached: $build/uncovered.txt"
llvm-cov-14 show -instr-profile "$build/profile" "${programs[0]}" "${programs[@]/#/-object=}" \
    native | awk '/^\// { file = $0 } /^ *[0-9]+\| +0\|/ { print file $0 }' > "$build/uncovered.txt"
[ "$failed" -eq 0 ] || { tail -n 20 "$build/e2e.txt"; exit 1; }
