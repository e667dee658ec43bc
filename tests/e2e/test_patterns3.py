"""The shapes of hang of CPython 3, and their healthy neighbours: expected and got, by both doors,
live and in cores.

The expectations are those of fixtures/README.md, "Python 3", and of the report's schema; threads
are named by their names in Python. The table of all of them is printed at the end of the run.
"""
from __future__ import annotations

import dataclasses
import functools
import json
import os
import pathlib
import re
import subprocess
from collections.abc import Mapping

import pytest
from test_cli import look
from test_patterns import (
    ANY,
    GIL,
    IMPORT_LOCK,
    MAIN,
    REPORT,
    RUNS,
    Comparison,
    Line,
    Pattern,
    Wait,
    reports,
    source,
)

import harness

# Debian's own, stripped, and one with a shared libpython.
BUILDS = {"static": "python3", "shared": "python3-shared"}
# Debian's of other versions, by release.
RELEASES = {"3.9": "bullseye", "3.13": "trixie", "3.14": "sid", "3.15": "sid"}
NEWER = ("3.13", "3.14", "3.15")
MODULE_LOCK = "module lock of videoin"


@dataclasses.dataclass(frozen=True)
class ModuleLock:
    owner: str | None
    waiters: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Pattern3(Pattern):
    module_locks: Mapping[str, ModuleLock] = dataclasses.field(default_factory=dict)
    # Those of which some versions hold the locks too, for whom nobody waits.
    also_locked: tuple[str, ...] = ()


def pattern(
    fixture: str, verdict: str | tuple[str, ...], waits: Mapping[str, Wait | None],
    *evidence: Line | str, importer: str | None = MAIN, **others,
) -> Pattern3:
    """importer imports videoin; those of waits that wait for a module's lock wait for that one."""
    waiters = tuple(name for name, wait in waits.items() if wait and wait.kind == "module-lock")
    locks = {"videoin": ModuleLock(importer, waiters)} if importer or waiters else {}
    # The old import lock is free, which an import takes for moments alone.
    return Pattern3(f"python3/{fixture}", verdict, waits, evidence, **{
        "held": False, "owner": None, "importing": (), "module_locks": locks, **others})


def old_lock(fixture: str, name: str, because: str, *evidence: Line | str) -> Pattern3:
    """The main thread holds the old import lock and joins a thread that needs it."""
    return deadlock(fixture, (MAIN, name),
                    {MAIN: Wait("join", name, "Thread.join"),
                     name: Wait("import-lock", MAIN, because)},
                    source(f"{name}.join()"), *evidence,
                    importer=None, held=True, owner=MAIN, lock=IMPORT_LOCK)


def needs_module(because: object = "import videoin", on: str | None = MAIN) -> Wait:
    return Wait("module-lock", on, because)


IMPORT = source("import videoin")
READER = {"reader": needs_module()}


def deadlock(fixture: str, cycle, waits, *evidence: Line | str, **others) -> Pattern3:
    return pattern(fixture, "deadlock", waits, *evidence,
                   **{"cycle": cycle, "certain": True, "lock": MODULE_LOCK, **others})


def apart(fixture: str, cycle, waits, *evidence: Line | str, **others) -> Pattern3:
    """A deadlock in which no module's lock has a part."""
    return deadlock(fixture, cycle, waits, *evidence, **{"importer": None, "lock": ANY, **others})


def in_child(
    fixture: str, wait: Wait, line: Line, lock: str, certain: object = True
) -> Pattern3:
    """A child forked while a thread held a lock that the child wants."""
    return pattern(fixture, "orphaned", {MAIN: wait}, line, certain=certain, lock=lock,
                   importer=None)


def joins(
    fixture: str, because: str, where: Line | str, *, name: str = "reader",
    file: str = "videoin.py", **others,
) -> Pattern3:
    """The body of a module joins a thread that needs the module."""
    return deadlock(
        fixture, (MAIN, name),
        {MAIN: Wait("join", name, "Thread.join"), name: needs_module(because)},
        Line(file, f"{name}.start()"), Line(file, f"{name}.join()"), where, **others,
    )


def of_package(fixture: str, because: str, line: str, **others) -> Pattern3:
    file = "videoin/__init__.py"
    return joins(fixture, because, Line(file, line), file=file, **others)


def awaits(fixture: str, kind: object, line: str, name: str = "reader", **others) -> Pattern3:
    """The body of a module waits for what only a thread could do that imports the module."""
    return deadlock(fixture, (MAIN, name), {MAIN: Wait(kind), name: needs_module()},
                    source(line), IMPORT, **others)


def wants_lock(fixture: str, kind: str, take: str, **others) -> Pattern3:
    """The body of a module wants the lock of a thread that imports the module."""
    return deadlock(fixture, (MAIN, "reader"), {MAIN: Wait(kind, "reader"), **READER},
                    source(take), IMPORT, **others)


def pickles(fixture: str, kind: object, line: str, feeder: str) -> Pattern3:
    """The body of a module waits for another process, whose task is pickled in a thread of this.
    That no process ends the wait without a task cannot be told from outside."""
    waits = {MAIN: Wait(kind), feeder: needs_module("pickling videoin")}
    return pattern(fixture, "deadlock", waits, source(line), cycle=(MAIN, feeder), lock=MODULE_LOCK)


def stalled(fixture: str, kind: object, line: str, waits) -> Pattern3:
    # What the owner waits for may come from outside the process: nothing here is certain.
    return pattern(fixture, "stalled", {MAIN: Wait(kind), **waits}, source(line), certain=False)


def free(fixture: str, waits, *evidence: Line | str, **others) -> Pattern3:
    return pattern(fixture, "free", waits, *evidence, importer=None, **others)


TWO_ORDERS = tuple(source(line) for line in (
    "    with audio_lock:", "        with video_lock:",
    "    with video_lock:", "        with audio_lock:"))


def opposite(fixture: str, kind: str, what: str) -> Pattern3:
    return apart(fixture, ("audio", "video"),
                 {MAIN: Wait("join", "audio"), "audio": Wait(kind, "video"),
                  "video": Wait(kind, "audio")}, *TWO_ORDERS, lock=f"{what} (audio|video)_lock")


PATTERNS = (
    joins("import_in_thread", "import videoin", IMPORT),
    # Since 3.14 importlib waits for the package with the submodule's lock held.
    of_package("import_submodule", "import videoin.camera", "import videoin.camera",
               also_locked=("videoin.camera",)),
    of_package("find_spec_in_thread", "importlib.util.find_spec('videoin.camera')",
               'if importlib.util.find_spec("videoin.camera"):', name="finder"),
    of_package("resources_in_thread", "importlib.resources.files('videoin')",
               'files = importlib.resources.files("videoin")'),
    joins("import_module", "importlib.import_module('videoin')",
          source('videoin = importlib.import_module("videoin")')),
    joins("unpickle_in_thread", "unpickling videoin", source("rates.append(pickle.loads(stored))")),
    joins("library_in_thread", "import videoin",
          Line("captions.py", "from videoin import DEFAULT_RATE")),
    joins("many_queued", "import videoin", IMPORT, module_locks={"videoin": ModuleLock(
        MAIN, (*(f"queued-{number}" for number in range(10)), "reader"))}),
    deadlock("join_timeout_loop", (MAIN, "reader"),
             {MAIN: Wait("join", "reader", "Thread.join", within=60), **READER},
             source("reader.join(60)"), IMPORT, certain=False),
    wants_lock("lock_and_import", "lock", "    with lock:"),
    wants_lock("rlock_and_import", "rlock", "    with lock:"),
    wants_lock("lock_in_finally", "lock", "lock.acquire()"),
    wants_lock("logging_in_import", "rlock", 'logging.error("one thread reads")'),
    deadlock("three_parties", (MAIN, "recorder", "reader"),
             {MAIN: Wait("join", "recorder"), "recorder": Wait("rlock", "reader"), **READER},
             source("recorder.join()"), IMPORT),
    awaits("event_in_import", "event", "rates_known.wait()"),
    awaits("condition_in_import", "condition", "rates_changed.wait()"),
    awaits("semaphore_in_import", "semaphore", "free_devices.acquire()"),
    awaits("barrier_in_import", "condition", "both_ready.wait()"),
    awaits("queue_in_import", "queue", "known.get()"),
    awaits("simple_queue_in_import", "queue", "known.get()"),
    awaits("future_in_import", "future", "rate = pool.submit(read_rate).result()", "reader_0"),
    # Either of the two may be the one shown; another thread of the pool looks after it.
    pattern("thread_pool_in_import", "deadlock",
            {MAIN: Wait(ANY), "Thread-1 (worker)": needs_module(),
             "Thread-2 (worker)": needs_module()},
            source('rates = pool.map(read_rate, ["29.97", "25"])'), IMPORT, cycle=ANY),
    pickles("process_pool_in_import", "future", "rate = pool.submit(read_rate).result()",
            "QueueFeederThread"),
    pickles("spawned_pool_in_import", "future", "rate = pool.submit(read_rate).result()",
            "QueueFeederThread"),
    pickles("pool_in_import", ANY, 'rates = pool.map(read_rate, ["29.97", "25"])',
            "Thread-2 (_handle_tasks)"),
    deadlock("native_join_in_import", (MAIN, "thread 2"),
             {MAIN: Wait("join", "thread 2", "pthread_join"), "thread 2": Wait("gil", MAIN)},
             source("libc.pthread_join(camera, None)"), lock=GIL, gil=(MAIN, {"thread 2"})),
    old_lock("acquire_lock_and_fork", "spawner", "os.fork", source("if os.fork() == 0:")),
    old_lock("acquire_lock_and_import", "reader", "import decimal", source("import decimal")),
    apart("gil_in_subinterpreter", (MAIN,), {MAIN: Wait("gil", MAIN)},
          source("libc.qsort(frames, ctypes.c_size_t(2), ctypes.c_size_t(4), compare)"),
          lock=GIL, gil=(MAIN, {MAIN})),
    opposite("two_locks", "lock", "Lock"),
    opposite("two_rlocks", "rlock", "RLock"),
    apart("lock_taken_twice", (MAIN,), {MAIN: Wait("lock", MAIN)},
          source("    with lock:"), source("        with lock:"), lock="Lock lock"),
    # Nothing on the stack shows that the lock is this thread's own.
    pattern("lock_acquired_twice", ("deadlock", "orphaned"), {MAIN: Wait("lock")},
            source("lock.acquire()  # again"), cycle=ANY, lock="Lock lock", importer=None),
    # No thread is left that could release it; that the holder is a coroutine need not be told.
    pattern("coroutine_lock", ("deadlock", "orphaned"), {MAIN: Wait("lock")},
            source("    with lock:  # held by record()"), cycle=ANY, importer=None),
    in_child("fork_in_import", needs_module(on=None), Line("entry.py", "    import videoin  # too"),
             MODULE_LOCK),
    # 3.x clears what a fork leaves of the other threads, so no frame shows who held it.
    in_child("lock_and_fork", Wait("lock", None), source("        with lock:"), "Lock lock", ANY),
    in_child("rlock_and_fork", Wait("rlock", None), source("        with lock:"), "RLock lock"),
    stalled("fifo_in_import", "io", 'device = open("device")',
            {"left": needs_module(), "right": needs_module()}),
    stalled("child_in_import", "child-process", "recorder.wait()", READER),
    stalled("server_in_import", "io", "connection = server.accept()[0]",
            {"left": needs_module(), "right": needs_module()}),
    pattern("long_import", "importing", {MAIN: RUNS}),
    pattern("long_import_queued", "importing", {MAIN: RUNS, **READER}),
    pattern("process_in_import", "importing", {}),
    pattern("concurrent_imports", "importing", {MAIN: Wait("join", "load_audio")}, importer=None,
            module_locks={"audio": ModuleLock("load_audio"), "video": ModuleLock("load_video")}),
    pattern("chained_imports", "importing", {
        MAIN: Wait("join", "load_again"), "load_tables": RUNS,
        "load_video": needs_module("import tables", "load_tables"),
        "load_again": needs_module("import video", "load_video")}, importer=None,
        module_locks={"tables": ModuleLock("load_tables", ("load_video",)),
                      "video": ModuleLock("load_video", ("load_again",))}),
    pattern("lock_left_locked", "orphaned", {MAIN: Wait("lock"), "reader": Wait("lock")},
            source("lock.acquire()  # which nobody lets go"), lock="Lock lock", importer=None),
    free("cross_imports", {}),
    free("popen_in_import", {}),
    free("import_corrected", {"server": Wait("queue")}),
    free("daemon_thread_in_import", {"server": Wait("queue")}),
    free("healthy_pool", {"worker_0": Wait("queue"), "worker_1": Wait("queue")}),
    free("event_loop_idle", {MAIN: Wait("io")}),
    free("exit_waits", {MAIN: Wait("join", "server"), "server": Wait("queue")}),
    free("join_computing", {MAIN: Wait("join", "computer"), "computer": RUNS}),
    free("lock_not_had",
         {MAIN: Wait("join", "reader"), "reader": Wait("lock"), "computer": RUNS}),
    free("join_until_signal", {MAIN: Wait("join", "server"), "server": Wait("event")}),
)


# How reports are known to differ from their pattern.
OTHER_PROCESS = "a thread that waits for another process is believed to end the wait by itself"
MISMATCHES: Mapping[str, str] = {
    "python3/process_pool_in_import": OTHER_PROCESS,
    "python3/spawned_pool_in_import": OTHER_PROCESS,
    "python3/pool_in_import": OTHER_PROCESS,
}


# 3.2 and later wait for the GIL 5 ms at a time (take_gil in ceval_gil.c). A live process is looked at
# again; a core shows one moment.
SOMETIMES: Mapping[str, str] = dict.fromkeys(
    ("python3/gil_in_subinterpreter", "python3/native_join_in_import"),
    "a core of a moment between two of the waits shows a thread that runs")


def known_mismatch(fixture: str) -> list[pytest.MarkDecorator]:
    reason = MISMATCHES.get(fixture) or SOMETIMES.get(fixture)
    return [pytest.mark.xfail(strict=fixture in MISMATCHES, reason=reason)] if reason else []


def has_symbols(image: str) -> bool:
    """Whether the variables of CPython's import.c have names in this file."""
    names = subprocess.run(["nm", image], capture_output=True, text=True, timeout=60).stdout
    return " import_lock\n" in names


class Comparison3(Comparison):
    # A wait lasts until a moment, and a core does not tell which moment it shows.
    CORES_TELL_TIME_LEFT = False

    def _locks(self, pattern: Pattern3, interpreter: str) -> None:
        super()._locks(pattern, interpreter)
        self._equal("module locks", dict(pattern.module_locks), {
            lock["module"]: ModuleLock(self._name(lock["owner"]),
                                       tuple(sorted(map(self._name, lock["waiters"]))))
            for lock in self.report["module_locks"]
            if lock["module"] not in pattern.also_locked or lock["waiters"]})
        for module, lock in pattern.module_locks.items():
            owner = self._thread(lock.owner) if lock.owner else None
            if owner:
                self._equal(f"{lock.owner} imports", [module], owner["importing"])
                held = f"module lock of {module}"
                self._equal(f"{lock.owner} holds the {held}", True, held in owner["holds"])


def compared(pattern: Pattern3, report: dict, status: int, process: harness.Process) -> list[str]:
    """Where the report differs from the pattern."""
    symbols = "shared" if has_symbols(report["python"]["image"]) else "stripped"
    return Comparison3(pattern, report, status, symbols, process.pid).mismatches


def compared_elsewhere(
    pattern: Pattern3, report: dict, status: int, process: harness.Process
) -> list[str]:
    """The same of another build: its import lock may be no variable of its own, as since 3.12, and
    it may have a debug file."""
    known = report["import_lock"]["found_by"] in ("runtime", "debug-file")
    return [line for line in compared(pattern, report, status, process)
            if not (known and line.startswith("found_by"))]


def by_command(target: object) -> tuple[dict, int]:
    result = look("--json", target)
    assert result.stdout and not result.stderr, result.stdout + result.stderr
    return json.loads(result.stdout), result.returncode


@pytest.fixture(scope="session", params=BUILDS)
def build(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A build's name here, and its command."""
    return request.param, str(harness.python(BUILDS[request.param]))


def looks_at(process: harness.Process, folder: pathlib.Path) -> dict[str, tuple[dict, int]]:
    """Its reports by the way they were got; the process is ended for the last ones."""
    gcore, kernel = folder / "gcore", folder / "kernel"
    found = {"command": by_command(process.pid)}
    found["gdb"], = reports("-p", str(process.pid), *REPORT, "-ex", f"gcore {gcore}")
    harness.kernel_core(process, kernel)
    found["gdb, gcore"], found["gdb, kernel core"] = reports(
        str(process.executable), str(gcore), *REPORT, "-ex", f"core-file {kernel}", *REPORT)
    found["command, gcore"] = by_command(gcore)
    found["command, kernel core"] = by_command(kernel)
    return found


each_pattern = pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(pattern, id=pathlib.Path(pattern.fixture).name,
                     marks=known_mismatch(pattern.fixture))
        for pattern in PATTERNS
    ],
)


@each_pattern
def test_pattern(hang, build, pattern, tmp_path, verdict3_table):
    name, python = build
    process = hang(pattern.fixture, python)
    mismatches = []
    got = {}
    looks = looks_at(process, tmp_path)
    for door, (report, status) in looks.items():
        found = compared(pattern, report, status, process)
        mismatches += [f"{door}: {mismatch}" for mismatch in found]
        got[door] = report["verdict"]["kind"] + (" but" if found else "")
    verdict3_table.append({"pattern": pathlib.Path(pattern.fixture).name, "build": name,
                           "expected": " or ".join(pattern.verdicts), **got})
    assert not mismatches, "\n".join([*mismatches, json.dumps(looks["command"][0], indent=1)])


# The versions on which a fixture hangs, or runs at all, where that is not each.
MINORS = {
    # From 3.12 on each interpreter has a thread state of its own for C's callbacks to find.
    "python3/gil_in_subinterpreter": range(8, 12),
    "python3/resources_in_thread": range(9, 16),
    "python3/simple_queue_in_import": range(7, 16),
    # 3.6 imports no module to unpickle a class of it.
    "python3/unpickle_in_thread": range(7, 16),
}


def of_release(version: str) -> str:
    return harness.output(harness.FIXTURES / "debian_python3.sh", RELEASES[version], version,
                          timeout=900)


@functools.cache
def named(version: str) -> str:
    """The program of a version in Debian's own or pyenv's."""
    found = subprocess.run([harness.FIXTURES / "python3.sh", "--version", version],
                           capture_output=True, text=True, timeout=60)
    if found.returncode != 0:
        pytest.skip(found.stderr.strip())
    return found.stdout.strip()


def of_version(pattern: Pattern3, minor: int) -> Pattern3:
    """Up to 3.9 the name that a thread is given does not say what it runs."""
    if minor >= 10:
        return pattern
    return dataclasses.replace(pattern, waits={
        re.sub(r" \(.*\)$", "", name): wait for name, wait in pattern.waits.items()},
        module_locks={module: ModuleLock(lock.owner, tuple(
            re.sub(r" \(.*\)$", "", name) for name in lock.waiters))
            for module, lock in pattern.module_locks.items()})


@each_pattern
@pytest.mark.parametrize("version", ["3.6", "3.7", *NEWER])
def test_pattern_of_another_version(hang, version, pattern, version_table):
    minor = int(version.removeprefix("3."))
    if minor not in MINORS.get(pattern.fixture, range(6, 16)):
        pytest.skip(f"it does not hang on {version}")
    pattern = of_version(pattern, minor)
    process = hang(pattern.fixture, (of_release if version in NEWER else named)(version))
    report, status = by_command(process.pid)
    mismatches = compared_elsewhere(pattern, report, status, process)
    version_table.append({"pattern": pathlib.Path(pattern.fixture).name, "version": version,
                          "expected": " or ".join(pattern.verdicts),
                          "got": report["verdict"]["kind"] + (" but" if mismatches else "")})
    assert not report["problems"] and not mismatches, json.dumps(report, indent=1)


def test_every_fixture_has_its_row():
    folders = {str(entry.parent.relative_to(harness.FIXTURES))
               for entry in harness.FIXTURES.glob("python3/*/entry.py")}
    # Those are for the variables shown and for the benchmark, and hang like others; the last runs on
    # 3.13 and later alone (test_subinterpreters3.py).
    others = {"python3/rich_locals", "python3/many_threads", "python3/own_gil_held"}
    assert folders - others == {pattern.fixture for pattern in PATTERNS}


def texts(process: harness.Process, first: str) -> tuple[str, str]:
    """What the command and gdb print of it, 80 columns wide."""
    mine = look(process.pid, env={**os.environ, "COLUMNS": "80"}).stdout
    theirs = harness.run_gdb("-p", str(process.pid), "-ex", "set width 80",
                             "-ex", f"source {harness.PLUGIN}", "-ex", "py-importlock").stdout
    assert first in mine and first in theirs, mine + theirs
    return mine, theirs[theirs.index(first):theirs.index("[Inferior 1")]


@pytest.mark.parametrize("fixture, first, shown", [
    ("import_in_thread", "DEADLOCK", ("reader.join()", "import videoin", "MainThread", "reader")),
    ("lock_and_import", "DEADLOCK", ("with lock:", "import videoin", "MainThread", "reader")),
    ("fork_in_import", "ORPHANED", ("import videoin", "fork")),
])
def test_the_text_fits_a_terminal(hang, build, fixture, first, shown):
    process = hang(f"python3/{fixture}", build[1])
    for text in texts(process, first):
        assert all(part in text for part in shown), text
        assert max(map(len, text.splitlines())) <= 80, text


def test_a_thousand_queued_threads_are_shown_once(hang, build):
    process = hang("python3/many_queued", build[1], environment={"IMPORTLOCK_QUEUED": "1000"})
    assert len(process.lwps) == 1002
    for text in texts(process, "DEADLOCK"):
        lines = text.splitlines()
        assert len(lines) <= 70 and max(map(len, lines)) <= 80, text
        assert "reader.join()" in text and "import videoin" in text
        assert re.search(r"\b1000 threads\b", text), text


IN_THREAD = PATTERNS[0]


def test_a_program_that_runs_a_library_of_debian(hang, monkeypatch, tmp_path):
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.delenv("PYTHON3", raising=False)
    program = harness.output(harness.FIXTURES / "python3.sh", "--shared", timeout=120)
    process = hang(IN_THREAD.fixture, program)
    report, status = by_command(process.pid)
    assert "/libpython3" in report["python"]["image"]
    assert compared(IN_THREAD, report, status, process) == []


@pytest.mark.parametrize("version, program", [
    *(pytest.param(f"3.{minor}", named, id=f"3.{minor}") for minor in range(6, 16)),
    *(pytest.param(version, of_release, id=release) for version, release in RELEASES.items()),
])
def test_every_version_is_read_or_named(hang, version, program):
    process = hang(IN_THREAD.fixture, program(version))
    result = look("--json", process.pid)
    if result.returncode == 2:
        line, = result.stderr.splitlines()
        assert program is named and re.search(rf"CPython {version}\b", line), line
    else:
        report = json.loads(result.stdout)
        assert report["python"]["version"].startswith(f"{version}.")
        assert compared_elsewhere(IN_THREAD, report, result.returncode, process) == []


def later(*arguments: str) -> str:
    """Debian's newest that says it is of the version after that."""
    newest = NEWER[-1]
    after = f"3.{int(newest.removeprefix('3.')) + 1}"
    return harness.output(harness.FIXTURES / "later_python3.sh", RELEASES[newest], newest, after,
                          *arguments, timeout=900)


@pytest.mark.parametrize("pattern", [PATTERNS[0], *(
    each for each in PATTERNS
    if each.fixture in ("python3/lock_and_import", "python3/fifo_in_import"))],
    ids=lambda pattern: pathlib.Path(pattern.fixture).name)
def test_a_version_after_the_newest_is_read_as_that(hang, pattern):
    process = hang(pattern.fixture, later())
    report, status = by_command(process.pid)
    problem = report["problems"].pop()
    doubtful = dataclasses.replace(pattern, certain=False)
    assert compared_elsewhere(doubtful, report, status, process) == []
    assert re.search(r"CPython 3\.16 is newer .* read as 3\.15", problem)


@pytest.mark.parametrize("at, value, told", [
    ("384", "120", "its debug offset at 384 is 120 and not 112"),  # co_filename
    ("376", "224", "its debug offset at 376 is 224 and not 216"),  # sizeof(PyCodeObject)
    ("176", "896", None),  # sizeof(PyThreadState), which is its own in each version
    ("96", "7600", "its modules have no sys|modules is no dict|cannot be read|unreadable"),
])
def test_a_version_after_the_newest_that_is_laid_out_otherwise(hang, at, value, told):
    process = hang(IN_THREAD.fixture, later(at, value))
    result = look("--json", process.pid)
    if told is None:
        assert result.returncode == 1 and not result.stderr, result.stderr
        return
    line, = result.stderr.splitlines()
    assert result.returncode == 2 and not result.stdout
    assert re.search(rf"CPython 3\.16\b.*\b3\.15\b.*({told})", line), line


def test_threads_that_take_turns_do_not_hang(hang, build):
    """Looks at a moving process find the GIL handed over between any two of their reads."""
    process = hang("python3/concurrent_imports", build[1])
    for _ in range(100):
        report, status = by_command(process.pid)
        assert (report["verdict"]["kind"], status) == ("importing", 0), report["verdict"]
