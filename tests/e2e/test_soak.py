"""Many looks at programs that are busy, not hung: no false verdict, no crash, no hang.

The stand-alone command reads while they run on; tests/soak holds the programs.
IMPORTLOCK_SOAK is how many seconds it looks at each.
"""
from __future__ import annotations

import collections
import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

import harness
from test_cli import COMMAND

PROGRAMS = harness.REPOSITORY / "tests" / "soak"
SECONDS = float(os.environ.get("IMPORTLOCK_SOAK", "2.5"))
LONGEST_LOOK = 60  # seconds; what is bounded is bounded far below, but the host may be busy
STATUS = {"deadlock": 1, "orphaned": 1, "stalled": 1, "importing": 0, "free": 0, "unknown": 2}


@contextlib.contextmanager
def running(interpreter: str, folder: pathlib.Path, program: str, *arguments: str
            ) -> Iterator[subprocess.Popen]:
    """A program of tests/soak in its second round or later; ended by a signal."""
    folder.mkdir()
    rounds = folder / "rounds"
    with open(rounds, "w") as out, open(folder / "errors", "w") as errors:
        process = subprocess.Popen(
            [harness.python(interpreter), "-B", PROGRAMS / f"{program}.py", *arguments],
            stdin=subprocess.DEVNULL, stdout=out, stderr=errors, cwd=folder,
            env={**os.environ, "IMPORTLOCK_DIR": str(folder)})
    try:
        harness.wait_until(lambda: rounds.stat().st_size > 0)
        yield process
    finally:
        process.kill()
        process.wait()


class Looks:
    """Looks at processes, what each look said, and what may not be."""

    def __init__(self, name: str):
        self.name = name
        self.kinds = collections.Counter()
        self.number = self.ended = 0
        self.false_verdicts: list[str] = []
        self.errors: list[str] = []

    def start(self, *pids: int) -> subprocess.Popen:
        return subprocess.Popen([COMMAND, "--json", *map(str, pids)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, look: subprocess.Popen) -> None:
        self.number += 1
        try:
            written, said = look.communicate(timeout=LONGEST_LOOK)
        except subprocess.TimeoutExpired:
            look.kill()
            look.communicate()
            self.errors.append("a look did not end")
            return
        if look.returncode not in (0, 1, 2):
            self.errors.append(f"exit status {look.returncode}: {said}")
        elif written:
            self.take(written, look.returncode)
        elif look.returncode == 2 and said:
            self.ended += 1
        else:
            self.errors.append(f"nothing written, exit status {look.returncode}: {said}")

    def take(self, written: str, status: int) -> None:
        try:
            report = json.loads(written)
        except ValueError as error:
            self.errors.append(f"{error}: {written}")
            return
        verdict = report["verdict"]
        kind = verdict["kind"]
        self.kinds[kind] += 1
        if status != STATUS[kind]:
            self.errors.append(f"exit status {status} with {kind}")
        if kind == "unknown" and not report["problems"]:
            self.errors.append("unknown, and no problem says why")
        if kind in ("deadlock", "orphaned"):
            self.false_verdicts.append(written)

    @property
    def row(self) -> dict[str, str]:
        return {
            "program": self.name,
            "looks": str(self.number),
            **{kind: str(self.kinds[kind]) for kind in STATUS},
            "ended": str(self.ended),
            "false": str(len(self.false_verdicts)),
            "errors": str(len(self.errors)),
        }

    def check(self) -> None:
        assert self.errors == []
        assert not self.false_verdicts, self.false_verdicts[0]


@pytest.fixture
def looks(request, soak_table):
    looks = Looks(request.node.callspec.id if hasattr(request.node, "callspec")
                  else request.node.originalname.removeprefix("test_"))
    yield looks
    soak_table.append(looks.row)


def children(pid: int) -> list[int]:
    """Those there are at the moment, of all its threads."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


@pytest.mark.parametrize("program", ("imports", "long_imports", "threads", "native_locks",
                                     "children", "replaced"))
def test_a_busy_program(looks, tmp_path, program):
    with running("shared", tmp_path / "run", program) as process:
        rounds = tmp_path / "run" / "rounds"
        before = rounds.stat().st_size
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            looks.finish(looks.start(process.pid))
            for child in children(process.pid):
                looks.finish(looks.start(child))
        # It got on all the while, so whatever says that it hung is false.
        harness.wait_until(lambda: rounds.stat().st_size > before)
        assert process.poll() is None, (tmp_path / "run" / "errors").read_text()
    assert looks.kinds.total() > 0
    looks.check()


@pytest.mark.parametrize("program", ("ends", "killed"))
def test_a_program_that_ends_under_the_look(looks, tmp_path, program):
    chance = random.Random(1)
    end = time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < end:
        number += 1
        seconds = "0.02" if program == "ends" else "60"
        with running("shared", tmp_path / str(number), "ends", seconds) as process:
            for _ in range(50):
                look = looks.start(process.pid)
                time.sleep(chance.uniform(0, 0.03))
                if program == "killed":
                    process.kill()
                looks.finish(look)
                if process.poll() is not None:
                    break
    looks.check()


# Of CPython's own tests those that start threads and processes, import in them, and fork.
REGRESSION = ("test_threading", "test_thread", "test_threaded_import", "test_import", "test_queue",
              "test_fork1", "test_subprocess", "test_multiprocessing")


def test_the_regression_tests_of_cpython(looks, tmp_path):
    """Where they are installed; what they do is no hang as long as they get on."""
    python = harness.python("shared")
    if subprocess.run([python, "-c", "import test.test_threaded_import"], capture_output=True,
                      timeout=60).returncode != 0:
        pytest.skip(f"{python} has no regression tests")
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        suite = subprocess.Popen([python, "-B", "-m", "test.regrtest", *REGRESSION],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, cwd=tmp_path, start_new_session=True)
        try:
            while time.monotonic() < end and suite.poll() is None:
                with contextlib.suppress(FileNotFoundError):
                    for pid in (suite.pid, *children(suite.pid)):
                        looks.finish(looks.start(pid))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(suite.pid, signal.SIGKILL)
            suite.wait()
    looks.check()
