"""How the lock's variables are found: by which rung, and what is refused on the way."""
from __future__ import annotations

import lzma
import os
import pathlib
import shutil

import pytest
from test_embedded import compiled
from test_verdicts import COMMAND, check_popen_deadlock, report_of

import harness

LIBRARY = "libpython2.7.so.1.0"
BUILD_IDS = harness.BULLSEYE / "root/usr/lib/debug/.build-id"


def stripped(interpreter: str, folder: pathlib.Path, *options: str) -> pathlib.Path:
    """The command that starts a copy of an interpreter without its symbols."""
    return pathlib.Path(harness.output(
        harness.FIXTURES / "stripped.sh", harness.python(interpreter), folder, *options,
        timeout=60))


def look(*arguments: str | os.PathLike, debug_directories: tuple[os.PathLike, ...] = ()) -> dict:
    return report_of(
        harness.run_gdb(*arguments, *COMMAND, debug_directories=debug_directories))


def frames(report: dict) -> dict[int, list]:
    return {thread["lwp"]: thread["frames"] for thread in report["threads"]}


def build_id(file: pathlib.Path) -> str:
    notes = harness.output("readelf", "-n", file, timeout=10)
    return notes.split("Build ID: ")[1].split()[0]


@pytest.mark.parametrize("name, build", [
    ("ucs2", "shared libpython, stripped"),
    ("mutex", "static, mutex locks, stripped"),
    ("bullseye", "Debian bullseye, no debug files"),
    ("bullseye-dbg", "Debian bullseye, pydebug, stripped"),
    ("i386", "Debian bullseye, no debug files"),
])
def test_without_any_symbol(hang, tmp_path, build_table, name, build):
    process = hang("popen_in_import", stripped(name, tmp_path / "copy"))
    row = {"build": build, "arch": "-", "found by": "-",
           "live": "-", "gcore": "-", "kernel core": "-"}
    build_table.append(row)
    live = look("-p", str(process.pid))
    row["arch"] = live["python"]["arch"]
    row["found by"] = live["import_lock"]["found_by"] or "-"
    row["live"] = live["verdict"]["kind"]
    assert live["import_lock"]["found_by"] == "code"
    check_popen_deadlock(live, process)
    assert live["gil"]["state"] == "free"
    cores = {
        "gcore": harness.gcore(process.pid, tmp_path / "gcore"),
        "kernel core": harness.kernel_core(process, tmp_path / "kernel"),
    }
    for way, path in cores.items():
        core = look("-c", path)
        row[way] = core["verdict"]["kind"]
        assert core["verdict"] == live["verdict"]
        assert core["import_lock"] == live["import_lock"]
        assert core["gil"] == live["gil"]
        assert frames(core) == frames(live)
        assert core["problems"] == []


def test_only_local_symbols_gone(hang, tmp_path):
    process = hang("popen_in_import", stripped("shared", tmp_path / "copy", "--discard-all"))
    report = look("-p", str(process.pid))
    assert report["import_lock"]["found_by"] == "code"
    check_popen_deadlock(report, process)


def test_debug_file_of_another_build_is_refused_by_name(hang, tmp_path):
    process = hang("popen_in_import", stripped("bullseye", tmp_path / "copy"))
    wanted, other = (build_id(file) for file in (
        process.executable, harness.BULLSEYE / "root/usr/lib/x86_64-linux-gnu" / LIBRARY))
    wrong = tmp_path / "debug/.build-id" / wanted[:2] / f"{wanted[2:]}.debug"
    wrong.parent.mkdir(parents=True)
    shutil.copy(BUILD_IDS / other[:2] / f"{other[2:]}.debug", wrong)
    report = look("-p", str(process.pid), debug_directories=(tmp_path / "debug",))
    assert report["import_lock"]["found_by"] == "code"
    (problem,) = report["problems"]
    assert str(wrong) in problem and "of another build" in problem
    check_popen_deadlock({**report, "problems": []}, process)


def test_debug_link_counts_with_its_checksum_alone(hang, tmp_path):
    """Files without a build id."""
    start = stripped("shared", tmp_path / "copy", "--remove-section=.note.gnu.build-id")
    library, debug = start.with_name(LIBRARY), tmp_path / "libpython.debug"
    original = harness.python("shared").parent.parent / "lib" / LIBRARY
    harness.output("objcopy", "--only-keep-debug", "--compress-debug-sections",
                   "--remove-section=.note.gnu.build-id", original, debug, timeout=60)
    harness.output("objcopy", f"--add-gnu-debuglink={debug}", library, timeout=60)
    debug.rename(library.with_name(debug.name))
    debug = library.with_name(debug.name)
    process = hang("popen_in_import", start)
    report = look("-p", str(process.pid))
    assert report["import_lock"]["found_by"] == "debug-file"
    check_popen_deadlock(report, process)

    with debug.open("ab") as file:
        file.write(b"\0")
    report = look("-p", str(process.pid))
    assert report["import_lock"]["found_by"] == "code"
    (problem,) = report["problems"]
    assert str(debug) in problem and "of another build" in problem
    check_popen_deadlock({**report, "problems": []}, process)


def test_what_gdb_has_loaded_serves(hang):
    """As after a download by debuginfod: known to gdb, and in none of the debug directories."""
    process = hang("popen_in_import", "bullseye")
    report = look("-p", str(process.pid), "-ex", "set debug-file-directory /nonexistent",
                  debug_directories=harness.DEBUG_DIRECTORIES)
    assert report["import_lock"]["found_by"] == "debug-file"
    check_popen_deadlock(report, process)


def test_debug_files_that_dwz_made_share_a_part(hang, tmp_path):
    if not shutil.which("dwz"):
        harness.missing("no dwz")
    debug = []
    for kind in ("bin/python2.7", "bin/python2.7-mutex"):
        original = harness.python("static").parent.parent / kind
        identity = build_id(original)
        debug.append(tmp_path / "debug/.build-id" / identity[:2] / f"{identity[2:]}.debug")
        debug[-1].parent.mkdir(parents=True, exist_ok=True)
        harness.output("objcopy", "--only-keep-debug", original, debug[-1], timeout=60)
    harness.output("dwz", "-m", tmp_path / "shared.debug", *debug, timeout=120)
    assert ".gnu_debugaltlink" in harness.output("readelf", "-S", "-W", debug[0], timeout=10)
    process = hang("popen_in_import", stripped("static", tmp_path / "copy"))
    for shared_part in ("there", "gone"):
        report = look("-p", str(process.pid), debug_directories=(tmp_path / "debug",))
        assert report["import_lock"]["found_by"] == "debug-file", shared_part
        check_popen_deadlock(report, process)
        (tmp_path / "shared.debug").unlink(missing_ok=True)


def test_names_of_functions_alone(hang, tmp_path):
    """.gnu_debugdata, as distributions add it to stripped files; gdb shows it as a debug file."""
    start = stripped("ucs2", tmp_path / "copy")
    original = harness.python("ucs2").parent.parent / "lib" / LIBRARY
    functions, mini, packed = (tmp_path / name for name in ("functions", "mini", "mini.xz"))
    symbols = harness.output("nm", "--format=posix", "--defined-only", original, timeout=60)
    names = [line.split()[0] for line in symbols.splitlines() if line.split()[1] in "Tt"]
    functions.write_text("\n".join(names))
    harness.output("objcopy", "--only-keep-debug", original, mini, timeout=60)
    harness.output("objcopy", "--strip-all", f"--keep-symbols={functions}",
                   "--remove-section=.comment", mini, timeout=60)
    packed.write_bytes(lzma.compress(mini.read_bytes()))
    library = start.with_name(LIBRARY)
    harness.output("objcopy", f"--add-section=.gnu_debugdata={packed}", library, timeout=60)
    process = hang("popen_in_import", start)
    ran = harness.run_gdb("-p", str(process.pid), "-ex", "info symbol imp_release_lock", *COMMAND,
                          debug_directories=())
    assert "imp_release_lock in section .text" in ran.stdout, ran.stdout + ran.stderr
    report = report_of(ran)
    assert report["import_lock"]["found_by"] == "code"
    check_popen_deadlock(report, process)


DECOYS = """
static void *import_lock __attribute__((used));
static long import_lock_thread __attribute__((used)) = -1;
static int import_lock_level __attribute__((used));
static void *interp_head __attribute__((used));
static char interpreter_lock[96] __attribute__((used));
"""


def test_of_several_symbols_of_a_name_the_interpreters_is_taken(hang, tmp_path):
    """A program that links libpython and has variables of its own by these names."""
    prefix = harness.python("static").parent.parent
    source, decoys = tmp_path / "decoys.c", tmp_path / "decoys.o"
    source.write_text(DECOYS)
    harness.output("cc", "-c", source, "-o", decoys, timeout=60)
    archive = prefix / "lib/python2.7/config/libpython2.7.a"
    program = compiled("linked", tmp_path, "static", [
        "-no-pie", "-Wl,--export-dynamic", decoys, archive, "-lpthread", "-lutil", "-lm"])
    process = hang("popen_in_import", program, environment={"PYTHONHOME": str(prefix)})
    report = look("-p", str(process.pid))
    assert report["import_lock"]["found_by"] == "symtab"
    check_popen_deadlock(report, process)
