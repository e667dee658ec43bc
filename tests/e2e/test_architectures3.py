"""CPython 3 on other architectures than x86-64: the deadlock of a module's lock and the lock that a
fork leaves held, read by the command and in gdb, live and in cores.

The table of all of them is printed at the end of the run; docs/support.md explains it.
"""
from __future__ import annotations

import json
import pathlib
import shutil
import subprocess

import pytest
from test_patterns3 import PATTERNS, Pattern3, by_command, compared_elsewhere, looks_at
from test_verdicts import COMMAND, report_of

import harness

ROWS = {pathlib.Path(pattern.fixture).name: pattern for pattern in PATTERNS
        if pattern.fixture in ("python3/import_in_thread", "python3/fork_in_import")}
JOINED_IN_C = next(pattern for pattern in PATTERNS
                   if pattern.fixture == "python3/native_join_in_import")
RELEASES = {"3.9": "bullseye", "3.11": "bookworm", "3.13": "trixie", "3.14": "sid"}
# Up to 3.11 the import lock has variables, and these builds come without their debug files.
FOUND_BY = {"3.9": "code", "3.11": "code", "3.13": "runtime", "3.14": "runtime"}
# glibc 2.42 and later guard a thread's stack by MADV_GUARD_INSTALL, and gdb 13's gcore leaves out a
# mapping of which it cannot read a part: the thread's memory and its stack.
GCORE_LOSES_STACKS = {"3.14"}
DOORS = ("command", "gdb", "gdb, gcore", "gdb, kernel core", "command, gcore", "command, kernel core")


def program(arch: str, version: str) -> pathlib.Path:
    """The command that starts Debian's build of that version."""
    python = pathlib.Path(harness.output(
        harness.FIXTURES / "debian_python3.sh", "--arch", arch, RELEASES[version], version,
        timeout=600))
    if subprocess.run([python, "-c", ""], capture_output=True, timeout=60).returncode != 0:
        harness.missing(f"{python} does not run on this system")
    return python


def check(
    pattern: Pattern3, process: harness.Process, arch: str, version: str, report: dict, status: int
) -> None:
    mismatches = compared_elsewhere(pattern, report, status, process)
    assert not mismatches, "\n".join([*mismatches, json.dumps(report, indent=1)])
    python = report["python"]
    assert python["arch"] == arch and python["version"].startswith(f"{version}.")
    assert report["import_lock"]["found_by"] == FOUND_BY[version]


@pytest.mark.parametrize("fixture", ROWS)
@pytest.mark.parametrize("version", RELEASES)
def test_i386(hang, tmp_path, arch3_table, version, fixture):
    pattern = ROWS[fixture]
    process = hang(pattern.fixture, program("i386", version))
    looks = looks_at(process, tmp_path)
    if version in GCORE_LOSES_STACKS:
        looks = {door: look for door, look in looks.items() if "gcore" not in door}
    arch3_table.append({"pattern": fixture, "version": version, "arch": "i386",
                        "found by": looks["command"][0]["import_lock"]["found_by"] or "-",
                        **{door: looks[door][0]["verdict"]["kind"] if door in looks else "-"
                           for door in DOORS}})
    for report, status in looks.values():
        check(pattern, process, "i386", version, report, status)


@pytest.mark.parametrize("version", ["3.13", "3.14"])
def test_i386_pthread_join(hang, version):
    """glibc 2.43, which sid's 3.14 runs on, has the joiner wait for another word."""
    process = hang(JOINED_IN_C.fixture, program("i386", version))
    check(JOINED_IN_C, process, "i386", version, *by_command(process.pid))


@pytest.mark.parametrize("version", ["3.11", "3.13"])
def test_aarch64_core_of_qemu(tmp_path, arch3_table, version):
    """A core of a child would do for the other row too, but qemu-user gives its thread the id of one
    of the parent's."""
    if not shutil.which("gdb-multiarch"):
        harness.missing("no gdb-multiarch")
    pattern = ROWS["import_in_thread"]
    python = program("arm64", version)
    core, (owner, waiter) = harness.qemu_core(python, pattern.fixture, tmp_path)
    executable = python.parents[1] / f"root/usr/bin/python{version}"
    result = harness.run_gdb(executable, core, *COMMAND, program="gdb-multiarch",
                             debug_directories=())
    report = report_of(result)
    arch3_table.append({"pattern": "import_in_thread", "version": version, "arch": "aarch64",
                        "found by": report["import_lock"]["found_by"] or "-",
                        **dict.fromkeys(DOORS, "-"),
                        "gdb, kernel core": f"{report['verdict']['kind']} (qemu's)"})
    check(pattern, harness.Process(owner, executable, tmp_path), "aarch64", version, report, 1)
    assert report["verdict"]["cycle"] == [owner, waiter]
