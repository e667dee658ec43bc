"""Sub-interpreters of CPython 3 that have their own GIL."""
from __future__ import annotations

import pathlib

import pytest

from test_patterns3 import by_command, of_release


@pytest.mark.parametrize("version", ["3.13", "3.14"])
def test_who_keeps_the_gil_of_a_subinterpreter(hang, version):
    process = hang("python3/own_gil_held", of_release(version))
    report, status = by_command(process.pid)
    verdict = report["verdict"]
    assert (verdict["kind"], verdict["lock"], status) == ("stalled", "GIL of a sub-interpreter", 1)
    assert report["problems"] == [] and report["gil"]["state"] == "free", report
    main, = (thread for thread in report["threads"] if thread["lwp"] == process.pid)
    sleeper, = (thread for thread in report["threads"] if thread["name"] == "sleeper")
    assert sleeper["holds"] == ["GIL of a sub-interpreter"]
    assert main["waits_for"]["lwp"] == sleeper["lwp"], report
    assert f"LWP {sleeper['lwp']}" in verdict["summary"] and "PyDLL" in verdict["advice"]
    # What entered the sub-interpreter comes after what that runs.
    files = [pathlib.Path(frame["file"]).name for frame in main["frames"]]
    assert (files[0], files[-1]) == ("videoin.py", "entry.py"), files
