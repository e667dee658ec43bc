"""A thread that runs code in several interpreters at once."""
from __future__ import annotations

import pathlib

import pytest

from test_cli import look, report_of


def files(thread: dict) -> list[str]:
    return [pathlib.Path(frame["file"]).name for frame in thread["frames"]]


@pytest.mark.parametrize("interpreter", ["shared", "bullseye"])
def test_frames_of_all_of_them_in_the_order_of_the_stack(hang, interpreter):
    process = hang("gilstate_in_subinterpreter", interpreter)
    report = report_of(process.pid)
    assert report["problems"] == []
    main = next(thread for thread in report["threads"] if thread["lwp"] == process.pid)
    assert files(main) == ["application.py", "application.py", "entry.py"]


def test_says_whose_cure_it_is(hang):
    process = hang("gilstate_in_subinterpreter", "shared")
    text = " ".join(look(process.pid).stdout.split())
    assert text.startswith("DEADLOCK:"), text
    assert "PyGILState_Ensure" in text and "ufunc.divide" in text
    assert "WSGIApplicationGroup %{GLOBAL}" in text
