"""The report of a core is that of the process it was made of, the target's description aside."""
from __future__ import annotations

import pytest

import harness
from test_verdicts import COMMAND, report_of


def aside_from_target(result):
    report = report_of(result)
    assert report.pop("target")["kind"] in ("process", "core")
    for thread in report["threads"]:
        del thread["gdb_thread"]  # gdb numbers the threads of a process and of a core as it meets them
    return report


@pytest.mark.parametrize("fixture", ["popen_in_import", "import_in_thread", "three_parties"])
def test_same_object_live_and_in_cores(hang, interpreter, tmp_path, fixture):
    process = hang(fixture, interpreter)
    live = aside_from_target(harness.run_gdb("-p", str(process.pid), *COMMAND))
    assert live["verdict"]["kind"] == "deadlock" and live["problems"] == []
    gcore = harness.gcore(process.pid, tmp_path / "gcore")
    kernel = harness.kernel_core(process, tmp_path / "kernel")
    for core in (gcore, kernel):
        for arguments in ((str(process.executable), str(core)), ("-c", str(core))):
            assert aside_from_target(harness.run_gdb(*arguments, *COMMAND)) == live
