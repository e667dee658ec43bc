"""CPython built with --disable-gil, of which Debian has no package: fixtures/build_python3.sh makes
one by hand. Where it is made, all fixtures of fixtures/python3 are run on it."""
from __future__ import annotations

import dataclasses
import functools
import os
import pathlib

import pytest
from test_cli import look
from test_patterns import MAIN, REPORT, Wait, reports
from test_patterns3 import (
    IN_THREAD,
    PATTERNS,
    Pattern3,
    by_command,
    compared_elsewhere,
    each_pattern,
)

import harness

# The Debian release whose source package is built.
RELEASES = {"3.13": "trixie", "3.14": "sid"}
# There a thread waits for the GIL; without one the latter's waits for the world to stop.
OF_THE_GIL = {"python3/gil_in_subinterpreter", "python3/native_join_in_import"}


@functools.cache
def build(version: str) -> pathlib.Path:
    built = harness.REPOSITORY / f"build/built-python{version}t"
    wanted = os.environ.get("IMPORTLOCK_FREE_THREADED", "").split()
    # Too long for every run.
    if not (built / "complete").exists() and version not in wanted:
        pytest.skip(f"IMPORTLOCK_FREE_THREADED={version} builds a free-threaded CPython {version}, "
                    "in some ten minutes")
    return pathlib.Path(harness.output(
        harness.FIXTURES / "build_python3.sh", RELEASES[version], version, timeout=3600))


def without_gil(report: dict) -> list[str]:
    expected = {"state": "none", "holder": None, "holder_ident": None, "waiters": []}
    threads = [thread["lwp"] for thread in report["threads"]
               if "GIL" in thread["holds"] or (thread["waits_for"] or {}).get("kind") == "gil"]
    return [f"{what}: {got}" for what, right, got in (
        ("free_threaded", True, report["python"]["free_threaded"]),
        ("gil", expected, report["gil"]),
        ("threads with the GIL", [], threads)) if right != got]


@each_pattern
@pytest.mark.parametrize("version", RELEASES)
def test_without_a_gil(hang, version, pattern, tmp_path, free_threaded_table):
    program = str(build(version))
    if pattern.fixture in OF_THE_GIL:
        pytest.skip("it hangs otherwise without a GIL, or not at all")
    process = hang(pattern.fixture, program)
    looks = {"live": by_command(process.pid)}
    looks["kernel core"] = by_command(harness.kernel_core(process, tmp_path / "core"))
    got, mismatches = {}, []
    for door, (report, status) in looks.items():
        found = compared_elsewhere(pattern, report, status, process) + without_gil(report)
        mismatches += [f"{door}: {mismatch}" for mismatch in found]
        got[door] = report["verdict"]["kind"] + (" but" if found else "")
    free_threaded_table.append({"pattern": pathlib.Path(pattern.fixture).name, "version": version,
                                "expected": " or ".join(pattern.verdicts), **got})
    assert not mismatches, "\n".join(mismatches)


@pytest.mark.parametrize("version", RELEASES)
def test_one_without_symbols_and_by_gdb(hang, version):
    program = build(version)
    process = hang(IN_THREAD.fixture, str(program.with_name(program.name + "-stripped")))
    found, = reports("-p", str(process.pid), *REPORT)
    for report, status in (by_command(process.pid), found):
        assert compared_elsewhere(IN_THREAD, report, status, process) + without_gil(report) == []


def pattern_of(fixture: str) -> Pattern3:
    found, = (each for each in PATTERNS if each.fixture == fixture)
    return found


@pytest.mark.parametrize("version", RELEASES)
def test_a_gil_that_is_asked_for(hang, version):
    pattern = pattern_of("python3/long_import")
    process = hang(pattern.fixture, str(build(version)), environment={"PYTHON_GIL": "1"})
    report, status = by_command(process.pid)
    assert compared_elsewhere(pattern, report, status, process) == []
    assert report["python"]["free_threaded"]
    assert (report["gil"]["state"], report["gil"]["holder"]) == ("held", process.pid)


@pytest.mark.parametrize("version", RELEASES)
def test_c_code_that_stays_attached_keeps_the_world_from_stopping(hang, version):
    """A new thread stops the world for a larger table of threads (Python/qsbr.c)."""
    pattern = dataclasses.replace(
        pattern_of("python3/native_join_in_import"), gil=None, lock="attached thread state",
        waits={MAIN: Wait("join", "thread 2", "pthread_join"),
               "thread 2": Wait("native-lock", MAIN)})
    process = hang(pattern.fixture, str(build(version)))
    # It waits a millisecond at a time.
    for _ in range(10):
        report, status = by_command(process.pid)
        assert compared_elsewhere(pattern, report, status, process) + without_gil(report) == []


@pytest.mark.parametrize("version", RELEASES)
def test_the_text_says_that_there_is_no_gil(hang, version):
    process = hang(IN_THREAD.fixture, str(build(version)))
    assert "GIL none." in " ".join(look(process.pid).stdout.split())
