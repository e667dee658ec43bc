"""What is damaged in a core costs certainty, never truth; tests/faults/faults.cpp does the damage.

IMPORTLOCK_FAULTS is how many reads or places each kind of fault befalls in a core, 0 for all;
IMPORTLOCK_FAULT_FIXTURES names the fixtures, "all" for all that a gcore can be made of;
IMPORTLOCK_FAULTS_PROGRAM is the build of faults.cpp, else the newest.
"""
from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

import harness

COLUMNS = ("fixture", "fault", "runs", "same", "less certain", "unknown", "error",
           "another", "wrong")
SAMPLE = """acquire_lock_and_exit child_in_import condition_of_lock event_wait_once
    fastlock_and_import fork_in_c fork_under_lock fork_without_gil gil_held_in_import
    gilstate_in_subinterpreter join_timeout_loop lock_and_import long_import_queued
    mutex_and_import mutex_of_computing native_join_in_import popen_corrected popen_in_import
    queue_in_import queue_join_not_done three_parties two_locks two_mutexes"""
KERNEL_CORES = ("popen_in_import", "three_parties")
NAMED = os.environ.get("IMPORTLOCK_FAULT_FIXTURES", SAMPLE)
FIXTURES = (sorted(path.parent.name for path in harness.FIXTURES.glob("*/settled"))
            if NAMED == "all" else NAMED.split())


def program() -> pathlib.Path:
    if named := os.environ.get("IMPORTLOCK_FAULTS_PROGRAM"):
        return pathlib.Path(named)
    built = harness.REPOSITORY.glob("build/*/tests/faults")
    return max(built, key=lambda path: path.stat().st_mtime)


def check(name: str, core: pathlib.Path, table: list[dict[str, str]]) -> None:
    most = os.environ.get("IMPORTLOCK_FAULTS", "40")
    ran = subprocess.run([program(), name, core, most, "1", *harness.DEBUG_DIRECTORIES],
                         capture_output=True, text=True, timeout=3600)
    rows = [dict(zip(COLUMNS, line.split("\t"))) for line in ran.stdout.splitlines()]
    table.extend(rows)
    assert ran.returncode in (0, 1), ran.stderr
    assert len(rows) == 12, ran.stderr
    for row in rows:
        assert int(row["wrong"]) == 0, ran.stderr


@pytest.mark.parametrize("fixture", FIXTURES)
def test_no_verdict_turns_into_another(hang, tmp_path, fault_table, fixture):
    process = hang(fixture, "shared")
    check(fixture, harness.gcore(process.pid, tmp_path / "core"), fault_table)


@pytest.mark.parametrize("fixture", KERNEL_CORES)
def test_nor_in_a_core_of_the_kernel(hang, tmp_path, fault_table, fixture):
    process = hang(fixture, "shared")
    check(fixture + ", kernel", harness.kernel_core(process, tmp_path / "core"), fault_table)
