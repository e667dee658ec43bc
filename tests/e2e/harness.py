"""Real Python processes, real gdb and real cores for the end-to-end tests."""
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
from collections.abc import Callable, Iterator, Mapping

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


def output(*command: str | os.PathLike, timeout: float, **options) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    assert ran.returncode == 0, f"{command}: {ran.stderr}"
    return ran.stdout.strip()


_BULLSEYE = {  # architecture and command
    "bullseye": ("amd64", "python2.7"),
    "bullseye-dbg": ("amd64", "python2.7-dbg"),
    "i386": ("i386", "python2.7"),
    "i386-dbg": ("i386", "python2.7-dbg"),
    "arm64": ("arm64", "python2.7"),
}
_BUILT = {  # script and command
    "shared": (("python27.sh", "--shared"), None),
    "ucs2": (("build_python27.sh",), None),
    "static": (("build_python27.sh", "--static"), None),
    "mutex": (("build_python27.sh", "--static"), "python2.7-mutex"),
    "musl": (("build_python27.sh", "--musl"), None),
    "python3": (("python3.sh",), None),
    "python3-shared": (("python3.sh", "--shared"), None),
}


@functools.cache
def python(name: str) -> pathlib.Path:
    """The command that starts this interpreter; the first call may fetch and build it."""
    if not name.startswith("python3"):
        output(FIXTURES / "bullseye.sh", timeout=600)
    if name == "musl" and not shutil.which("musl-gcc"):
        missing("no musl-gcc")
    if name in _BUILT:
        (script, *options), command = _BUILT[name]
        built = pathlib.Path(output(FIXTURES / script, *options, timeout=1800))
        return built.with_name(command) if command else built
    arch, command = _BULLSEYE[name]
    output(FIXTURES / "bullseye.sh", "--arch", arch, timeout=600)
    folder = BULLSEYE if arch == "amd64" else BULLSEYE.with_name(f"bullseye-{arch}")
    program = folder / "bin" / command
    if subprocess.run([program, "-c", ""], capture_output=True, timeout=60).returncode != 0:
        missing(f"{program} does not run on this system")
    return program


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
    interpreter: str | os.PathLike,
    folder: pathlib.Path,
    *,
    supervisor: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Process]:
    """Runs fixtures/NAME in folder, which must not exist yet and is removed at the end.

    interpreter: a name that python() knows, or the path of a program that takes its arguments.
    """
    if supervisor and not shutil.which("supervisord"):
        missing("no supervisord")
    pid = int(
        output(
            FIXTURES / "start.sh",
            *(["--supervisor"] if supervisor else []),
            name,
            python(interpreter) if interpreter in {*_BULLSEYE, *_BUILT} else interpreter,
            timeout=120,
            env={**os.environ, **(environment or {}), "IMPORTLOCK_DIR": str(folder)},
            preexec_fn=allow_cores,
        )
    )
    try:
        yield Process(pid, pathlib.Path(os.readlink(f"/proc/{pid}/exe")), folder)
    finally:
        output(FIXTURES / "stop.sh", folder, timeout=60)


def allow_cores() -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Polls until it holds; fails after the time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.02)


def read_ready(descriptor: int, process: subprocess.Popen) -> bool:
    """Whether the fixture has written that it is ready; the descriptor does not block."""
    assert process.poll() is None, "it ended before it was ready"
    with contextlib.suppress(BlockingIOError):
        return os.read(descriptor, 100).startswith(b"ready")
    return False


def all_in_futex(pid: int) -> bool:
    """Whether every thread of the x86-64 or i386 process waits in a futex."""
    calls = [(task / "syscall").read_text() for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return len(calls) > 1 and all(call.startswith(("202 ", "240 ")) for call in calls)


@functools.cache
def module_suffix(program: str = GDB) -> str:
    """How the name of a native module ends that fits the Python inside this gdb."""
    return output(program, "-nx", "-batch", "-ex",
                  "python import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))", timeout=60)


def module() -> pathlib.Path:
    """The native module for GDB that PLUGIN takes: the one beside it, or the newest that was built."""
    name = "_py_importlock" + module_suffix()
    built = REPOSITORY.glob(f"build*/**/gdb_plugin/{name}")
    return next(PLUGIN.parent.glob(name), None) or max(built, key=lambda path: path.stat().st_mtime)


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
    program: str = GDB,
) -> subprocess.CompletedProcess[str]:
    """One gdb in batch mode. env is added to this process's environment."""
    environment = {**os.environ, **(env or {})}
    environment.pop("DEBUGINFOD_URLS", None)
    directories = os.pathsep.join(map(str, debug_directories))
    return subprocess.run(
        [program, "-q", "-nx", "-batch", "-iex", f"set debug-file-directory {directories}", *arguments],
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
    wait_until(lambda: ended(process.pid))
    # With core_uses_pid it is core.PID.
    (core,) = process.folder.glob("core*")
    return pathlib.Path(shutil.move(core, path))


def qemu_core(
    python: pathlib.Path, fixture: str, folder: pathlib.Path
) -> tuple[pathlib.Path, tuple[int, int]]:
    """The core that qemu-user writes into the folder of a fixture with two threads that wait in a
    futex, and their LWPs. It lacks the files' names, code and first pages."""
    if not shutil.which("qemu-aarch64"):
        missing("no qemu-aarch64")
    os.mkfifo(folder / "ready")
    ready = os.open(folder / "ready", os.O_RDWR | os.O_NONBLOCK)
    process = subprocess.Popen(
        [python, "-B", FIXTURES / fixture / "entry.py"], cwd=folder,
        env={**os.environ, "IMPORTLOCK_READY": str(folder / "ready")},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=allow_cores)
    try:
        wait_until(lambda: read_ready(ready, process))
        wait_until(lambda: all_in_futex(process.pid))
        # qemu has a thread of its own, started before the guest's second.
        first, _, second = sorted(map(int, os.listdir(f"/proc/{process.pid}/task")))
        process.send_signal(signal.SIGABRT)
        process.wait(timeout=60)
    finally:
        os.close(ready)
        process.kill()
        process.wait()
    (core,) = folder.glob("qemu_*.core")
    return core, (first, second)


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
