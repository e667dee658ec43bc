"""Every known shape of hang, and its healthy neighbours: expected and got, live, by the gdb command
and the stand-alone one, and in cores.

The expectations are those of fixtures/README.md and of the report's schema; threads are named by
their names in Python. The table of all of them is printed at the end of the run.
"""
from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
from collections.abc import Iterator, Mapping

import pytest

import harness
from test_cli import look

MAIN = "MainThread"
ANY = object()  # no part of the expectation
IMPORT_LOCK, GIL = "import lock", "GIL"
STATUS = {"deadlock": 1, "orphaned": 1, "stalled": 1, "importing": 0, "free": 0, "unknown": 2}
# With all symbols, and Debian bullseye's without any.
FOUND_BY = {"shared": "symtab", "stripped": "code"}


@dataclasses.dataclass(frozen=True)
class Wait:
    kind: object  # one, or several of which each is right
    on: object = ANY  # the thread that must act; None where there is none to name
    because: object = ANY
    within: int | None = None  # it goes on for so many seconds at most


RUNS = None


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a fixture by its text, so that an edit moves the expectation with it."""

    file: str
    text: str

    def shown(self, fixture: str) -> str:
        lines = (harness.FIXTURES / fixture / self.file).read_text().splitlines()
        if self.text not in lines:
            lines = [line.strip() for line in lines]
        assert lines.count(self.text) == 1, f"'{self.text}' in {fixture}/{self.file}"
        return f"{pathlib.Path(self.file).name}:{lines.index(self.text) + 1}"


@dataclasses.dataclass(frozen=True)
class Pattern:
    fixture: str
    verdict: str | tuple[str, ...]
    waits: Mapping[str, Wait | None]
    evidence: tuple[Line | str, ...] = ()  # what summary, evidence or advice must name
    cycle: object = ()
    certain: object = ANY
    lock: object = ANY  # the verdict's; of a program's lock a pattern, for it has several names
    held: bool = True  # the import lock
    owner: str | None = MAIN
    importing: tuple[str, ...] = ("videoin",)
    gil: tuple[str | None, set[str]] | None = None  # holder and waiters
    queued: int = 0  # threads that wait for the import lock besides those of waits
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def verdicts(self) -> tuple[str, ...]:
        return (self.verdict,) if isinstance(self.verdict, str) else self.verdict

    @property
    def id(self) -> str:
        return "-".join([self.fixture, *self.environment.values()])


def needs_lock(because: str = "import decimal", on: str | None = MAIN) -> Wait:
    return Wait("import-lock", on, because)


def source(text: str) -> Line:
    return Line("videoin.py", text)


def native(kind: str, on: object = ANY) -> Wait:
    """For what only its C code knows. It need not be told which kind it is, nor who can end it."""
    return Wait(("native-lock", kind), on)


IMPORT = source("import decimal")
READER = {"reader": needs_lock()}
LEFT_AND_RIGHT = {"left": needs_lock(), "right": needs_lock()}


def deadlock(fixture: str, cycle, waits, *evidence: Line | str, **others) -> Pattern:
    return Pattern(fixture, "deadlock", waits, evidence, cycle,
                   **{"certain": True, "lock": IMPORT_LOCK, **others})


def joins(
    fixture: str, because: str, where: Line | str, *, variable: str = "reader",
    name: str | None = None, file: str = "videoin.py", **others,
) -> Pattern:
    """The body of a module joins a thread that needs the import lock."""
    name = name or variable
    return deadlock(
        fixture, (MAIN, name),
        {MAIN: Wait("join", name, "Thread.join"), name: needs_lock(because)},
        Line(file, f"{variable}.start()"), Line(file, f"{variable}.join()"), where, **others,
    )


def awaits(fixture: str, kind: str, line: str, name: str = "reader", **others) -> Pattern:
    """The body of a module waits for what only a thread could do that imports."""
    return deadlock(fixture, (MAIN, name), {MAIN: Wait(kind), name: needs_lock()},
                    source(line), IMPORT, **others)


def both_locks(fixture: str, wait: Wait, line: str, name: str = "reader", **others) -> Pattern:
    """The body of a module wants a lock whose holder imports."""
    return deadlock(fixture, (MAIN, name), {MAIN: wait, name: needs_lock()},
                    source(line), IMPORT, **others)


WITHOUT_IMPORT = {"held": False, "owner": None, "importing": ()}


def apart(fixture: str, cycle, waits, *evidence: Line | str, **others) -> Pattern:
    """A deadlock in which the import lock has no part."""
    return deadlock(fixture, cycle, waits, *evidence,
                    **{**WITHOUT_IMPORT, "lock": ANY, **others})


def in_child(fixture: str, waits, lock: str, *evidence: Line | str, **others) -> Pattern:
    """A child forked while a thread held a lock that the child wants."""
    return Pattern(fixture, "orphaned", waits, evidence, lock=lock,
                   **{"certain": True, **WITHOUT_IMPORT, **others})


def stalled(
    fixture: str, kind: object, line: Line, waits, within: int | None = None, **others
) -> Pattern:
    # What the owner waits for may come from outside the process: nothing here is certain.
    return Pattern(fixture, "stalled", {MAIN: Wait(kind, within=within), **waits}, (line,),
                   **{"certain": False, **others})


def free(fixture: str, waits, *evidence: Line | str, **others) -> Pattern:
    return Pattern(fixture, "free", waits, evidence, **{**WITHOUT_IMPORT, **others})


PATTERNS = (
    joins("popen_in_import", "os.fork", "subprocess.py:", variable="lister", name="Thread-1"),
    joins("spool_worker", "os.fork", "subprocess.py:", variable="lister", name="Thread-1"),
    joins("import_in_thread", "import decimal", IMPORT, name="Thread-1"),
    joins("thread_subclass", "import decimal", IMPORT),
    joins("dunder_import", "import decimal", source('decimal = __import__("decimal")')),
    joins("import_module", "import decimal",
          source('decimal = importlib.import_module("decimal")')),
    joins("exec_import", "import decimal", "rates:1"),
    joins("idna_in_thread", "codec lookup",
          source('addresses.extend(socket.getaddrinfo(u"localhost", 80))'), variable="resolver"),
    joins("codec_in_thread", "codec lookup",
          source('titles.append(u"Caf\\xe9".encode("cp1252"))'), variable="encoder"),
    joins("library_in_thread", "import decimal", Line("captions.py", "import decimal")),
    joins("minidom_in_thread", "import xml.dom", "minidom.py:", variable="parser"),
    joins("nested_imports", "import decimal", Line("demuxer.py", "import decimal"),
          file="demuxer.py", importing=("videoin", "streams", "demuxer")),
    joins("package_star_import", "import decimal", Line("devices/camera.py", "import decimal"),
          file="devices/camera.py", importing=("devices", "devices.camera")),
    joins("many_queued", "import decimal", IMPORT, queued=10),
    awaits("event_in_import", "event", "rates_known.wait()"),
    awaits("condition_in_import", "condition", "rates_changed.wait()"),
    awaits("queue_in_import", "queue", "print rates.get()"),
    awaits("semaphore_in_import", "semaphore", "free_devices.acquire()", "finder"),
    awaits("queue_full_in_import", "queue", 'rates.put("25")'),
    awaits("queue_join_in_import", "queue", "rates.join()"),
    awaits("raw_lock_as_signal", "lock", "done.acquire()", "thread 2"),
    deadlock("condition_of_lock", (MAIN, "reader"),
             {MAIN: Wait("condition"), "cleaner": Wait("lock", "reader"), **READER},
             source("rates_changed.wait()"), IMPORT),
    deadlock("import_of_thread", ("loader", "reader"),
             {MAIN: Wait("join", "loader"), "loader": Wait("join", "reader"),
              "reader": needs_lock(on="loader")},
             source("reader.start()"), source("reader.join()"), IMPORT, owner="loader"),
    # That nothing in the heart's loop sets the Event cannot be told from outside.
    Pattern("event_and_heartbeat", ("deadlock", "stalled"),
            {MAIN: Wait("event"), "heart": Wait("sleep"), **READER},
            (source("rates_known.wait()"),), cycle=ANY, certain=False),
    deadlock("rlock_and_import", (MAIN, "reader"), {MAIN: Wait("rlock", "reader"), **READER},
             source("with lock:"), source("    with lock:"), IMPORT),
    deadlock("lock_and_import", (MAIN, "reader"), {MAIN: Wait("lock", "reader"), **READER},
             source("with lock:"), source("    with lock:"), IMPORT),
    deadlock("lock_in_finally", (MAIN, "reader"), {MAIN: Wait("lock", "reader"), **READER},
             source("with lock:"), source("lock.acquire()"), IMPORT),
    # Another process may hold such a lock.
    Pattern("process_lock_and_import", ("deadlock", "stalled"),
            {MAIN: Wait("process-lock"), **READER}, (source("with lock:"),), cycle=ANY),
    deadlock("logging_in_import", (MAIN, "reader"), {MAIN: Wait("rlock", "reader"), **READER},
             source('logging.error("one thread reads")'), IMPORT),
    both_locks("fastlock_and_import", native("semaphore"), "lock.acquire()"),
    both_locks("pythread_lock_and_import", native("semaphore"),
               "python.PyThread_acquire_lock(lock, WAIT_LOCK)"),
    *(both_locks("mutex_and_import", Wait("mutex", "reader"),
                 "c.pthread_mutex_lock(ctypes.byref(frames))",
                 environment={"IMPORTLOCK_MUTEX": kind} if kind else {})
      for kind in ("", "recursive", "errorcheck", "adaptive", "robust", "pi")),
    both_locks("rwlock_and_import", native("rwlock", "reader"), "want(ctypes.byref(frames))"),
    # Who has locked it for reading, its memory does not tell.
    both_locks("rwlock_and_import", native("rwlock"), "want(ctypes.byref(frames))",
               environment={"IMPORTLOCK_RWLOCK": "reader"}),
    both_locks("stream_and_import", native("mutex"), 'print "rates"', "reporter"),
    both_locks("once_in_import", native("once"),
               "c.pthread_once(ctypes.byref(once), open_camera)", "starter"),
    both_locks("native_condition_in_import", native("condition"),
               "c.pthread_cond_wait(ctypes.byref(frame_read), ctypes.byref(frames))"),
    both_locks("native_semaphore_in_import", native("semaphore"),
               "c.sem_wait(ctypes.byref(frames))"),
    both_locks("barrier_in_import", native("barrier"),
               "c.pthread_barrier_wait(ctypes.byref(frame_read))"),
    both_locks("native_thread_in_import", Wait("join", "thread 2", "pthread_join"),
               "c.pthread_join(camera, None)", "thread 2"),
    deadlock("three_parties", (MAIN, "recorder", "reader"),
             {MAIN: Wait("join", "recorder"), "recorder": Wait("rlock", "reader"), **READER},
             source("recorder.join()"), IMPORT),
    deadlock("join_timeout_loop", (MAIN, "reader"),
             {MAIN: Wait("join", "reader", "Thread.join", within=60), **READER},
             source("reader.join(60)"), IMPORT, certain=False),
    *(deadlock(fixture, (MAIN, "reader"), {MAIN: Wait("event", within=60), **READER},
               source(line), IMPORT, certain=False)
      for fixture, line in (("wait_timeout_loop", "while not rates_known.wait(60):"),
                            ("wait_timeout_retries", "return rates_known.wait(60)"))),
    # Either of the two may be the one shown. A thread of the pool wakes up now and then.
    Pattern("thread_pool_in_import", "deadlock",
            {MAIN: Wait("condition"), "Thread-1": needs_lock(), "Thread-2": needs_lock()},
            (source('rates = pool.map(read_rate, ["29.97", "25"])'),), cycle=ANY, certain=False),
    Pattern("fork_in_c", "orphaned", {"spawner": needs_lock(on=None)},
            certain=True, lock=IMPORT_LOCK, owner=None, importing=()),
    in_child("fork_without_gil", {"spawner": Wait("gil", None)}, GIL,
             source("pid = libc.fork()"), gil=(None, {"spawner"})),
    in_child("fork_under_rlock", {MAIN: Wait("rlock", None)}, "RLock cache_lock",
             source("cache_lock.acquire()")),
    # The thread that has the owner's id now shows nothing of the lock; the left-over frames do.
    in_child("fork_under_rlock_reused", {MAIN: Wait("rlock", None), "server": Wait("queue")},
             "RLock cache_lock", source("cache_lock.acquire()"), certain=ANY),
    in_child("fork_under_lock", {MAIN: Wait("lock", None)}, "Lock cache_lock",
             source("cache_lock.acquire()"), source("with cache_lock:")),
    in_child("fork_under_logging", {MAIN: Wait("rlock", None)}, r"RLock self\.lock",
             source('logging.error("no codec")')),
    Pattern("acquire_lock_and_exit", "orphaned",
            {MAIN: needs_lock(on=None), "server": Wait("queue")},
            # It cannot be excluded that "server" has called what called imp.acquire_lock().
            certain=False, lock=IMPORT_LOCK, owner=None, importing=()),
    stalled("event_wait_once", "event", source("if not rates_known.wait(600):"), READER, 600),
    stalled("join_once", "join", source("reader.join(600)"), READER, 600),
    stalled("queue_get_once", "queue", source("print rates.get(timeout=600)"), READER, 600),
    stalled("native_wait_once", ("native-lock", "semaphore"),
            source("c.sem_timedwait(ctypes.byref(frames), ctypes.byref("
                   "Timespec(int(time.time()) + 600, 0)))"), READER),
    stalled("acquire_lock_held", "sleep", source("time.sleep(10 ** 6)"), READER, importing=()),
    stalled("server_in_import", "io", source("connection = server.accept()[0]"),
            {"Thread-1": needs_lock("import json"), "Thread-2": needs_lock("import json")}),
    stalled("fifo_in_import", "io", source('device = open("device")'), LEFT_AND_RIGHT),
    stalled("read_in_import", "io", source("first = os.read(frames, 4096)"), LEFT_AND_RIGHT),
    stalled("child_in_import", "child-process", source("recorder.wait()"), READER),
    stalled("process_join_in_import", "child-process", source("recorder.join()"), READER),
    stalled("gil_held_in_import", ANY, source("driver.pause()"),
            {**READER, "ticker": Wait("gil", MAIN)}, gil=(MAIN, {"ticker"})),
    deadlock("native_join_in_import", (MAIN, "thread 2"),
             {MAIN: Wait("join", "thread 2", "pthread_join"), "thread 2": Wait("gil", MAIN)},
             source("libc.pthread_join(camera, None)"), lock=GIL, gil=(MAIN, {"thread 2"})),
    apart("gilstate_in_subinterpreter", (MAIN,),
          {MAIN: Wait("gil", MAIN), "ticker": Wait("gil", MAIN)},
          Line("application.py", "return ufunc.divide(frames, seconds)"), "ufunc.divide",
          "PyGILState_Ensure", "%{GLOBAL}", lock=GIL, gil=(MAIN, {MAIN, "ticker"})),
    deadlock("callback_in_subinterpreter", (MAIN,),
             {MAIN: Wait("gil", MAIN), "ticker": Wait("gil", MAIN)},
             source("libc.qsort(frames, len(frames), ctypes.sizeof(ctypes.c_int), earlier)"),
             "PyGILState_Ensure", "%{GLOBAL}", lock=GIL, gil=(MAIN, {MAIN, "ticker"})),
    # The owner waits for a thread that runs; whether that is a stall or a slow import, it is
    # no deadlock.
    Pattern("queue_of_computing", ("stalled", "importing"),
            {MAIN: Wait("queue"), "computer": RUNS, **READER}),
    Pattern("event_of_computing", "importing", {MAIN: Wait("event"), "computer": RUNS}),
    Pattern("long_import", "importing", {MAIN: RUNS}),
    Pattern("long_import_queued", "importing", {MAIN: RUNS, **READER}),
    *(apart(fixture, ("audio", "video"),
            {MAIN: Wait("join", "audio"), "audio": Wait(kind, "video"),
             "video": Wait(kind, "audio")},
            source("    with audio_lock:"), source("        with video_lock:"),
            source("    with video_lock:"), source("        with audio_lock:"),
            lock=f"{what} (audio|video)_lock")
      for fixture, kind, what in (("two_rlocks", "rlock", "RLock"), ("two_locks", "lock", "Lock"))),
    apart("two_mutexes", ("audio", "video"),
          {MAIN: Wait("join", "audio"), "audio": Wait("mutex", "video"),
           "video": Wait("mutex", "audio")},
          source("c.pthread_mutex_lock(ctypes.byref(other_mutex))"), lock=".*mutex.*"),
    apart("three_locks", ("audio", "video", "text"),
          {MAIN: Wait("join", "text"), "audio": Wait("rlock", "video"),
           "video": Wait("lock", "text"), "text": Wait("lock", "audio")},
          source("    with audio_lock:"), source("        with video_lock:"),
          source("    with video_lock:"), source("        with text_lock:"),
          source("    with text_lock:"), source("        with audio_lock:"),
          lock="R?Lock (audio|video|text)_lock"),
    apart("lock_twice", (MAIN,), {MAIN: Wait("lock", MAIN)},
          source("with self.lock:"), source("with device.lock:"), lock=r"Lock (self|device)\.lock"),
    apart("lock_twice_plain", (MAIN,), {MAIN: Wait("lock")}, source("lock.acquire()"),
          lock="Lock (frames_)?lock", certain=ANY),
    apart("mutex_twice", (MAIN,), {MAIN: Wait("mutex", MAIN)},
          source("c.pthread_mutex_lock(mutex)"), lock=".*mutex.*"),
    apart("join_each_other", ("audio", "video"),
          {MAIN: Wait("join", "audio"), "audio": Wait("join", "video"),
           "video": Wait("join", "audio")},
          source("video.join()"), source("audio.join()")),
    apart("join_under_lock", (MAIN, "writer"),
          {MAIN: Wait("join", "writer"), "writer": Wait("lock", MAIN)},
          source("writer.join()"), source("with frames_lock:"), source("frames_lock.acquire()"),
          lock="Lock frames_lock"),
    apart("mutex_and_gil", (MAIN, "reader"),
          {MAIN: Wait("mutex", "reader"), "reader": Wait("gil", MAIN)},
          source("careless.pthread_mutex_lock(ctypes.byref(frames))"),
          source("time.sleep(0.01)"), lock=GIL, gil=(MAIN, {"reader"})),
    # Nobody is left who could end these waits: a cycle, if of threads that wait for anybody.
    apart("event_of_nobody", ANY,
          {MAIN: Wait("event"), "left": Wait("event"), "right": Wait("event")},
          source("camera_open.wait()")),
    apart("queue_join_not_done", ANY,
          {MAIN: Wait("queue"), "left": Wait("queue"), "right": Wait("queue")},
          source("frames.join()")),
    Pattern("lock_left_locked", "orphaned", {MAIN: Wait("lock"), "reader": Wait("lock")},
            (source("lock.acquire()  # which nobody lets go"),), lock="Lock lock",
            **WITHOUT_IMPORT),
    # The main thread is alone: it waits for itself as much as for those who have ended.
    Pattern("queue_join_worker_died", ("deadlock", "orphaned"), {MAIN: Wait("queue")},
            (source("frames.join()"),), cycle=ANY, certain=True, **WITHOUT_IMPORT),
    apart("native_pool_stuck", ANY, {MAIN: native("condition")},
          source("pool.wait_for_result()"), "pool.wait_for_result"),
    free("popen_corrected", {"Thread-1": Wait("queue")}),
    free("spool_worker_corrected", {MAIN: Wait("sleep")}),
    free("strptime_in_thread", {}),
    free("daemon_thread_in_import", {"server": Wait("queue")}),
    free("process_in_import", {}),
    free("healthy_pool", {"left": Wait("queue"), "right": Wait("queue")}),
    free("pool_beside_select",
         {MAIN: Wait("io"), "left": Wait("queue"), "right": Wait("queue")}),
    free("fork_works_on", {MAIN: Wait("io"), "server": Wait("queue")}),
    free("join_computing", {MAIN: Wait("join", "computer"), "computer": RUNS}),
    free("lock_not_had",
         {MAIN: Wait("join", "reader"), "reader": Wait("lock"), "computer": RUNS}),
    free("rlock_of_computing", {MAIN: Wait("rlock", "computer"), "computer": RUNS}),
    free("mutex_of_computing", {MAIN: Wait("mutex", "computer"), "computer": RUNS}),
    free("fastlock_of_reading", {MAIN: native("semaphore"), "reader": Wait("io")}),
    free("process_lock_of_living", {MAIN: Wait("process-lock")}),
    free("native_pool", {MAIN: Wait("sleep")}),
    free("native_pool_computing", {MAIN: native("condition")}),
    # Each has the GIL or waits for it.
    free("two_computing", {}),
    free("gil_of_computing", {MAIN: RUNS, "ticker": Wait("gil", MAIN)}),
    free("timed_waits",
         {MAIN: Wait("event", within=60), "server": Wait("queue", within=60),
          "watcher": Wait("condition", within=60), "reader": native("semaphore")}),
)


class Comparison:
    """One report against its pattern; threads are compared by name."""

    CORES_TELL_TIME_LEFT = True

    def __init__(
        self, pattern: Pattern, report: dict, status: int, interpreter: str, main: int
    ) -> None:
        self.mismatches: list[str] = []
        self.report = report
        # A program that has not imported threading has named no thread.
        living = sorted((thread for thread in report["threads"] if thread["lwp"]),
                        key=lambda thread: thread["lwp"])
        self.names = {
            thread["lwp"]: thread["name"]
            or (MAIN if thread["lwp"] == main else f"thread {number}")
            for number, thread in enumerate(living, start=1)
        }
        self._equal("schema", "py-importlock/2", report["schema"])
        self._verdict(pattern, status)
        self._locks(pattern, interpreter)
        for name, wait in pattern.waits.items():
            self._wait(name, wait)
            if wait and wait.kind in ("lock", "rlock", "mutex"):
                self._program_lock(name, wait)
        self._equal("problems", [], report["problems"])

    def _equal(self, what: str, expected: object, got: object) -> None:
        if expected is not ANY and expected != got:
            self.mismatches.append(f"{what}: expected {expected!r}, got {got!r}")

    def _name(self, lwp: int | None) -> str | None:
        return None if lwp is None else self.names.get(lwp) or f"LWP {lwp}"

    def _verdict(self, pattern: Pattern, status: int) -> None:
        verdict = self.report["verdict"]
        if verdict["kind"] not in pattern.verdicts:
            self._equal("verdict", pattern.verdict, verdict["kind"])
        self._equal("certain", pattern.certain, verdict["certain"])
        self._equal("status", STATUS[verdict["kind"]], status)
        if pattern.lock is not ANY and not re.fullmatch(pattern.lock, verdict["lock"] or ""):
            self._equal("lock", pattern.lock, verdict["lock"])
        cycle = [self._name(lwp) for lwp in verdict["cycle"]]
        if pattern.cycle is not ANY:
            # A cycle begins anywhere; shown from the same thread on, it is one sequence.
            if cycle and pattern.cycle and pattern.cycle[0] in cycle:
                first = cycle.index(pattern.cycle[0])
                cycle = cycle[first:] + cycle[:first]
            self._equal("cycle", list(pattern.cycle), cycle)
        said = "\n".join([verdict["summary"], verdict["advice"], *verdict["evidence"]])
        for expected in pattern.evidence:
            shown = expected if isinstance(expected, str) else expected.shown(pattern.fixture)
            if not re.search(re.escape(shown) + (r"\b" if shown[-1].isdigit() else ""), said):
                self.mismatches.append(f"neither evidence nor advice names {shown}")
        if pattern.gil and "GIL" not in said:
            self.mismatches.append("neither evidence nor advice names the GIL")

    def _locks(self, pattern: Pattern, interpreter: str) -> None:
        lock, gil = self.report["import_lock"], self.report["gil"]
        self._equal("found_by", FOUND_BY[interpreter], lock["found_by"])
        self._equal("held", pattern.held, lock["state"] == "held")
        self._equal("owner", pattern.owner, self._name(lock["owner"]))
        holders = [self._name(thread["lwp"]) for thread in self.report["threads"]
                   if "import lock" in thread["holds"]]
        self._equal("holds the import lock", [pattern.owner] if pattern.owner else [], holders)
        if pattern.owner:
            owner = self._thread(pattern.owner)
            self._equal("importing", list(pattern.importing), owner and owner["importing"])
        waiters = [self._name(lwp) for lwp in lock["waiters"]]
        expected = {name for name, wait in pattern.waits.items()
                    if wait and wait.kind == "import-lock"}
        if not expected <= set(waiters) or len(waiters) != len(expected) + pattern.queued:
            self._equal("waiters", sorted(expected), sorted(map(str, waiters)))
        if pattern.gil:
            self._equal("GIL", pattern.gil, (
                self._name(gil["holder"]), {self._name(lwp) for lwp in gil["waiters"]}))

    def _program_lock(self, name: str, wait: Wait) -> None:
        owners = [self._name(lock["owner"]) for lock in self.report["locks"]
                  if lock["kind"] == wait.kind and name in map(self._name, lock["waiters"])]
        if len(owners) != 1 or wait.on not in (ANY, *owners):
            self._equal(f"owners of {name}'s {wait.kind}", wait.on, owners)

    def _thread(self, name: str) -> dict | None:
        found = [thread for thread in self.report["threads"]
                 if thread["lwp"] and self._name(thread["lwp"]) == name]
        if len(found) != 1:
            self.mismatches.append(f"{len(found)} threads are named {name}")
            return None
        return found[0]

    def _wait(self, name: str, expected: Wait | None) -> None:
        thread = self._thread(name)
        if thread is None:
            return
        got = thread["waits_for"]
        if expected is RUNS or got is None:
            self._equal(f"{name} waits for", expected, got)
            return
        kinds = expected.kind if isinstance(expected.kind, tuple) else (expected.kind,)
        if got["kind"] not in kinds:
            self._equal(f"{name} waits for", expected.kind, got["kind"])
        told = self.CORES_TELL_TIME_LEFT or self.report["target"]["kind"] != "core"
        if expected.within and told and not 0 < (got["seconds_left"] or 0) <= expected.within:
            self._equal(f"{name}, seconds left", expected.within, got["seconds_left"])
        self._equal(f"{name} waits for thread", expected.on, self._name(got["lwp"]))
        self._equal(f"{name} because", expected.because, got["because"])


# How reports are known to differ from their pattern.
MISMATCHES: Mapping[str, str] = {}


REPORT = ("-ex", "py-importlock -json", "-ex", 'printf "status %d\\n", $_py_importlock_status')


def reports(*arguments: str | os.PathLike) -> Iterator[tuple[dict, int]]:
    """The reports that one gdb prints, each with its status."""
    result = harness.run_gdb(
        "-ex", f"source {harness.PLUGIN}", *arguments, debug_directories=())
    found = list(re.finditer(r'^\{\n  "schema".*?^\}\nstatus (\d)$', result.stdout, re.M | re.S))
    assert len(found) == arguments.count(REPORT[1]), result.stdout + result.stderr
    for match in found:
        yield json.JSONDecoder().raw_decode(match[0])[0], int(match[1])


@pytest.fixture(scope="session", params=FOUND_BY)
def build(request: pytest.FixtureRequest, tmp_path_factory) -> tuple[str, str]:
    """An interpreter's name here, and its command."""
    if request.param == "shared":
        return request.param, str(harness.python("shared"))
    folder = tmp_path_factory.mktemp("interpreter") / "copy"
    return request.param, harness.output(
        harness.FIXTURES / "stripped.sh", harness.python("bullseye"), folder, timeout=60)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(
            pattern,
            id=pattern.id,
            marks=pytest.mark.xfail(strict=True, reason=MISMATCHES[pattern.id])
            if pattern.id in MISMATCHES
            else (),
        )
        for pattern in PATTERNS
    ],
)
def test_pattern(hang, build, pattern, tmp_path, verdict_table):
    interpreter, python = build
    process = hang(pattern.fixture, python, environment=pattern.environment)
    gcore, kernel = tmp_path / "gcore", tmp_path / "kernel"
    looks = list(reports("-p", str(process.pid), *REPORT, "-ex", f"gcore {gcore}"))
    by_command = look("--json", process.pid)
    looks.append((json.loads(by_command.stdout), by_command.returncode))
    harness.kernel_core(process, kernel)
    looks += reports(str(process.executable), str(gcore), *REPORT,
                     "-ex", f"core-file {kernel}", *REPORT)

    mismatches = []
    got = {}
    doors = ("live", "command", "gcore", "kernel core")
    for door, (report, status) in zip(doors, looks, strict=True):
        found = Comparison(pattern, report, status, interpreter, process.pid).mismatches
        mismatches += [f"{door}: {mismatch}" for mismatch in found]
        got[door] = report["verdict"]["kind"] + (" but" if found else "")
    verdict_table.append(
        {"pattern": pattern.id, "interpreter": interpreter,
         "expected": " or ".join(pattern.verdicts), **got})
    assert not mismatches, "\n".join([*mismatches, json.dumps(looks[0][0], indent=1)])


def test_every_fixture_has_its_row():
    folders = {entry.parent.name for entry in harness.FIXTURES.glob("*/entry.py")}
    # Those are for the variables shown and for the benchmark, and hang like others.
    others = {"rich_locals", "many_threads", "big_process"}
    assert folders - others == {pattern.fixture for pattern in PATTERNS}


def test_a_thousand_queued_threads_fit_one_screen(hang):
    process = hang("many_queued", "shared", environment={"IMPORTLOCK_QUEUED": "1000"})
    assert len(process.lwps) == 1002
    result = harness.run_gdb("-p", str(process.pid), "-ex", "set width 80",
                             "-ex", f"source {harness.PLUGIN}", "-ex", "py-importlock")
    text = result.stdout[result.stdout.index("DEADLOCK"):result.stdout.index("[Inferior 1")]
    lines = text.splitlines()
    assert len(lines) <= 44 and max(map(len, lines)) <= 80, text
    assert "reader.join()" in text and "import decimal" in text
    assert re.search(r"\b1000 threads\b", text), text
