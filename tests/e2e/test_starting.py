"""An interpreter that is only starting imports from C code, with no Python frame that shows it: no
hang, and no orphan. A fifo in the place of a module is a disk that does not answer."""
from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest

import harness
from test_cli import COMMAND

WAYS = {  # the module that is slow, and how the interpreter is started
    "site": ("site", ["-c", "pass"]),
    "module": ("runpy", ["-S", "-m", "foo"]),
}


@contextlib.contextmanager
def starting(interpreter: str, folder: pathlib.Path, way: str, *, by_exec: bool
             ) -> Iterator[int]:
    """A Python that reads the module's fifo, which nobody writes."""
    slow, arguments = WAYS[way]
    folder.mkdir(exist_ok=True)
    fifo = folder / f"{slow}.py"
    os.mkfifo(fifo)
    python = harness.python(interpreter)
    # A program that has imported and run threads before it becomes another.
    before = "import os, sys, threading; threading.Thread(target=len, args=[[]]).start(); "
    by = [python, "-S", "-c", f"{before}os.environ['PYTHONPATH'] = {str(folder)!r}; "
          "os.execv(sys.argv[1], sys.argv[1:])"] if by_exec else []
    process = subprocess.Popen([*by, python, *arguments], stdin=subprocess.DEVNULL,
                               env={**os.environ, "PYTHONPATH": "" if by_exec else str(folder)},
                               preexec_fn=harness.allow_cores, cwd=folder.parent)
    try:
        opens = ("2 ", "257 ")  # open, openat
        call = pathlib.Path(f"/proc/{process.pid}/syscall")
        harness.wait_until(lambda: call.read_text().startswith(opens)
                           and str(fifo) in path_of(process.pid, call.read_text()))
        yield process.pid
    finally:
        process.kill()
        process.wait()


def path_of(pid: int, call: str) -> str:
    """The path that an open or openat of /proc/PID/syscall names."""
    fields = call.split()
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(int(fields[1 if fields[0] == "2" else 2], 16))
        return memory.read(200).split(b"\0")[0].decode(errors="replace")


def verdict(written: str) -> tuple[str, int | None]:
    report, _ = json.JSONDecoder().raw_decode(written[written.index("{"):])
    return report["verdict"]["kind"], report["import_lock"]["owner"]


@pytest.mark.parametrize("by_exec", (False, True), ids=("started", "execs"))
@pytest.mark.parametrize("way", WAYS)
def test_an_interpreter_that_starts_imports(interpreter, tmp_path, way, by_exec):
    with starting(interpreter, tmp_path / "run", way, by_exec=by_exec) as pid:
        live = subprocess.run([COMMAND, "--json", str(pid)], capture_output=True, text=True)
        assert (verdict(live.stdout), live.returncode) == (("importing", pid), 0), live.stdout
        core = harness.gcore(pid, tmp_path / "core")
        in_gdb = harness.run_gdb("-p", str(pid), "-x", harness.PLUGIN, "-ex", "py-importlock -json")
        assert verdict(in_gdb.stdout) == ("importing", pid), in_gdb.stdout
    dead = subprocess.run([COMMAND, "--json", core], capture_output=True, text=True)
    assert (verdict(dead.stdout), dead.returncode) == (("importing", pid), 0), dead.stdout
