"""Locks of C code on builds whose own locks, or objects, are made otherwise, and the words that a
report has for them."""
from __future__ import annotations

import re

import pytest

from test_cli import look, report_of

OF_C_CODE = ("fastlock_and_import", "pythread_lock_and_import", "mutex_and_import",
             "rwlock_and_import", "stream_and_import", "once_in_import", "barrier_in_import",
             "native_condition_in_import", "native_semaphore_in_import")


# With Py_DEBUG objects are longer; in the other a lock is a mutex with a condition variable.
@pytest.mark.parametrize("interpreter", ["bullseye-dbg", "mutex"])
@pytest.mark.parametrize("fixture", ["fastlock_and_import", "pythread_lock_and_import",
                                     "mutex_and_import", "native_condition_in_import"])
def test_on_other_builds(hang, interpreter, fixture):
    process = hang(fixture, interpreter)
    report = report_of(process.pid)
    verdict = report["verdict"]
    assert (verdict["kind"], verdict["certain"]) == ("deadlock", True), report
    assert verdict["lock"] == "import lock"
    assert sorted(verdict["cycle"]) == process.lwps
    assert report["problems"] == []


@pytest.mark.parametrize("fixture", OF_C_CODE)
def test_says_what_it_is_in_the_fields_words(hang, fixture):
    process = hang(fixture, "shared")
    result = look(process.pid)
    assert result.returncode == 1 and result.stdout.startswith("DEADLOCK:"), result.stdout
    assert not re.search(r"\bfutex\b", result.stdout, re.I), result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80, result.stdout


def test_names_the_function_of_c_code(hang):
    process = hang("fastlock_and_import", "shared")
    assert "fastlock.FastRLock.acquire" in look(process.pid).stdout


def test_the_main_thread_is_called_so_where_threading_has_named_none(hang):
    process = hang("mutex_twice", "shared")
    report = report_of(process.pid)
    assert report["threads"][0]["name"] == "MainThread"
    assert report["verdict"]["summary"].startswith("MainThread "), report["verdict"]
