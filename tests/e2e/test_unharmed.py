"""After a look the process is as it was: its state, its signals, its children."""
from __future__ import annotations

import os
import signal
import time

import pytest

import harness
from test_verdicts import COMMAND, report_of


@pytest.fixture
def parent(hang, tmp_path):
    """The deadlock, in a process with a child and with a blocked signal pending."""
    wrapper = tmp_path / "python"
    wrapper.write_text('#!/bin/sh\nsleep 1000 &\nexec env --block-signal=USR1 %s "$@"\n'
                       % harness.python("shared"))
    wrapper.chmod(0o755)
    process = hang("popen_in_import", wrapper)
    os.kill(process.pid, signal.SIGUSR1)
    child, = harness.process_state(process.pid).children
    yield process
    os.kill(child, signal.SIGKILL)


def look(process):
    """By both ways to attach; and an error midway, which may not leave it stopped either."""
    for way in (("-p", str(process.pid)), ("attach", str(process.pid))):
        assert report_of(harness.run_gdb(*way, *COMMAND))["verdict"]["kind"] == "deadlock"
    harness.run_gdb("-p", str(process.pid), *COMMAND[:2], "-ex", "py-importlock -bogus")


def reaches(process, wanted):
    deadline = time.monotonic() + 60
    while not wanted(state := harness.process_state(process.pid)):
        assert time.monotonic() < deadline, state


def test_state_signals_and_children(parent):
    before = harness.process_state(parent.pid)
    assert len(before.children) == 1 and before.tracer == 0
    pending = 1 << (signal.SIGUSR1 - 1)
    assert all(int(task["ShdPnd"], 16) & pending for task in before.tasks.values())
    look(parent)
    assert harness.process_state(parent.pid) == before


def test_a_stopped_process_stays_stopped(parent):
    before = harness.process_state(parent.pid)

    def stopped(state):
        return all(task["State"][0] == "T" for task in state.tasks.values())

    os.kill(parent.pid, signal.SIGSTOP)
    reaches(parent, stopped)
    look(parent)
    assert stopped(harness.process_state(parent.pid))
    # gdb leaves a SIGSTOP of its own pending in each thread, which SIGCONT discards.
    os.kill(parent.pid, signal.SIGCONT)
    reaches(parent, lambda state: state == before)


def test_gdb_killed_midway_lets_go(hang):
    """The kernel detaches when a tracer dies; the process goes on in its futex."""
    process = hang("popen_in_import", "shared")
    before = harness.process_state(process.pid)
    harness.run_gdb("-p", str(process.pid), *COMMAND,
                    "-ex", "python import os; os.kill(os.getpid(), 9)")
    reaches(process, lambda state: state == before)
