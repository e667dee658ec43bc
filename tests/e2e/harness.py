"""Real Python 2.7 processes, real gdb and real cores for the end-to-end tests."""
from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "fixtures"
BULLSEYE = REPOSITORY / "build" / "bullseye"
PLUGIN = pathlib.Path(
    os.environ.get("PY_IMPORTLOCK_PLUGIN", REPOSITORY / "gdb_plugin" / "py-importlock.py")
)
GDB = os.environ.get("GDB", "gdb")
DEBUG_DIRECTORIES = (BULLSEYE / "root/usr/lib/debug", pathlib.Path("/usr/lib/debug"))
INTERPRETERS = ("shared", "bullseye", "bullseye-dbg")


def missing(reason: str) -> None:
    """Skips the test; in CI, where nothing may be missing, fails it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _output(*command: str | os.PathLike, timeout: float, **options) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    assert ran.returncode == 0, f"{command}: {ran.stderr}"
    return ran.stdout.strip()


@functools.cache
def interpreters() -> Mapping[str, pathlib.Path]:
    """The commands that start each of INTERPRETERS; the first call may fetch and build."""
    _output(FIXTURES / "bullseye.sh", timeout=600)
    return {
        "shared": pathlib.Path(_output(FIXTURES / "python27.sh", "--shared", timeout=1800)),
        "bullseye": BULLSEYE / "bin/python2.7",
        "bullseye-dbg": BULLSEYE / "bin/python2.7-dbg",
    }


@dataclasses.dataclass(frozen=True)
class Process:
    """A fixture that has reached its state."""

    pid: int
    executable: pathlib.Path
    folder: pathlib.Path  # its working directory, with its log

    @property
    def lwps(self) -> list[int]:
        return sorted(int(task.name) for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir())


@contextlib.contextmanager
def started(
    name: str,
    interpreter: str,
    folder: pathlib.Path,
    *,
    supervisor: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Process]:
    """Runs fixtures/NAME in folder, which must not exist yet and is removed at the end."""
    if supervisor and not shutil.which("supervisord"):
        missing("no supervisord")
    pid = int(
        _output(
            FIXTURES / "start.sh",
            *(["--supervisor"] if supervisor else []),
            name,
            interpreters()[interpreter],
            timeout=120,
            env={**os.environ, **(environment or {}), "IMPORTLOCK_DIR": str(folder)},
            preexec_fn=_allow_cores,
        )
    )
    try:
        yield Process(pid, pathlib.Path(os.readlink(f"/proc/{pid}/exe")), folder)
    finally:
        _output(FIXTURES / "stop.sh", folder, timeout=60)


def _allow_cores() -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def ended(pid: int) -> bool:
    """Whether the process is gone, or would be if its parent asked."""
    try:
        return _status(f"/proc/{pid}")["State"][0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def run_gdb(
    *arguments: str | os.PathLike,
    timeout: float = 60,
    env: Mapping[str, str] | None = None,
    debug_directories: tuple[os.PathLike, ...] = DEBUG_DIRECTORIES,
) -> subprocess.CompletedProcess[str]:
    """One gdb in batch mode. env is added to this process's environment."""
    environment = {**os.environ, **(env or {})}
    environment.pop("DEBUGINFOD_URLS", None)
    directories = os.pathsep.join(map(str, debug_directories))
    return subprocess.run(
        [GDB, "-q", "-nx", "-batch", "-iex", f"set debug-file-directory {directories}", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
    )


def gcore(pid: int, path: pathlib.Path) -> pathlib.Path:
    """Has gdb write a core of the process, which lives on."""
    ran = run_gdb("-p", str(pid), "-ex", f"gcore {path}")
    assert path.exists(), ran.stdout + ran.stderr
    return path


def kernel_core(
    process: Process, path: pathlib.Path, signal_number: int = signal.SIGABRT
) -> pathlib.Path:
    """Ends the process by a signal and moves the core that the kernel wrote to path."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern != "core":
        missing(f"the kernel's core_pattern is '{pattern}', not 'core'")
    limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
    if "unlimited" not in next(x for x in limits.splitlines() if x.startswith("Max core")):
        missing("the limit on the size of cores cannot be lifted")
    os.kill(process.pid, signal_number)
    deadline = time.monotonic() + 60
    while not ended(process.pid):
        assert time.monotonic() < deadline, f"process {process.pid} did not end"
        time.sleep(0.02)
    # With core_uses_pid it is core.PID.
    (core,) = process.folder.glob("core*")
    return pathlib.Path(shutil.move(core, path))


_SIGNALS = ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")


@dataclasses.dataclass(frozen=True)
class ProcessState:
    """What a look from outside may not change."""

    tracer: int
    children: frozenset[int]
    tasks: Mapping[int, Mapping[str, str]]  # by lwp: State, the signal masks, syscall
    # Shared by all processes of the user, so no part of the comparison.
    queued_signals: str = dataclasses.field(compare=False)


def process_state(pid: int) -> ProcessState:
    tasks = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        status = _status(task)
        tasks[int(task.name)] = {
            **{key: status[key] for key in ("State", *_SIGNALS)},
            "syscall": (task / "syscall").read_text().strip(),
        }
    status = _status(f"/proc/{pid}")
    return ProcessState(
        tracer=int(status["TracerPid"]),
        children=_children(pid),
        tasks=tasks,
        queued_signals=status["SigQ"],
    )


def _children(pid: int) -> frozenset[int]:
    found = set()
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if int(_status(process)["PPid"]) == pid:
                found.add(int(process.name))
    return frozenset(found)


def _status(process: str | os.PathLike) -> dict[str, str]:
    lines = (pathlib.Path(process) / "status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
