"""Text of a target is data: what its names, paths and source lines hold reaches no terminal raw."""
from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pathlib
import resource
import shutil
import subprocess

import pytest

import harness
from test_cli import COMMAND, DEBUG

# Colours and titles of a terminal, in seven bits and in eight; a new line, a right-to-left override,
# and bytes that are no UTF-8.
HOSTILE = b"\x1b[31m\x1b]0;owned\x07\x9b2J\n\xe2\x80\xae\xff\xc3(\x00\x7f<b>\"\\"
IN_A_PATH = HOSTILE.replace(b"\0", b"")
IN_A_LINE = IN_A_PATH.replace(b"\n", b"")

PROGRAM = b'''
import os, sys, threading, types
folder, ready = sys.argv[1:]
name, in_path, in_line = HOSTILE

def named(function):
    c = function.func_code
    code = types.CodeType(c.co_argcount, c.co_nlocals, c.co_stacksize, c.co_flags, c.co_code,
                          c.co_consts, c.co_names, c.co_varnames, c.co_filename, name,
                          c.co_firstlineno, c.co_lnotab)
    return types.FunctionType(code, function.func_globals, name)

def compiled(path, text):
    scope = {"__name__": name, "never": never, "arrived": arrived}
    exec compile(text, path, "exec") in scope
    return named(scope["wait"])

never, arrived = threading.Event(), threading.Semaphore(0)
waits = "def wait():\\n    arrived.release()\\n    never.wait()\\n"
for path in ("fifo", "device", "sparse", "folder"):
    threading.Thread(target=compiled(os.path.join(folder, path), waits), name=path).start()
source = "def wait():\\n    arrived.release()\\n    import decimal  # %s\\n" % in_line
script = os.path.join(folder, "source" + in_path)
with open(script, "wb") as stream:
    stream.write(source)
importer = threading.Thread(target=compiled(script, source), name=name)

def hang():
    importer.start()
    for _ in range(5):
        arrived.acquire()
    os.write(os.open(ready, os.O_WRONLY), "ready")
    importer.join()

sys.modules["__main__"].hang = named(hang)
sys.path.insert(0, folder)
import videoin
'''


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The folder, and the pid of a deadlock all of whose texts are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    os.mkfifo(folder / "fifo")
    try:
        os.mknod(folder / "device", 0o20644, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        (folder / "device").symlink_to("/dev/zero")
    with open(folder / "sparse", "wb") as stream:
        stream.truncate(1 << 40)
    (folder / "folder").mkdir()
    (folder / "videoin.py").write_text("import __main__\n__main__.hang()\n")
    program = folder / "program.py"
    program.write_bytes(b"# coding: latin-1" + PROGRAM.replace(
        b"HOSTILE", repr((HOSTILE, IN_A_PATH, IN_A_LINE)).encode()))
    os.mkfifo(folder / "ready")
    ready = os.open(folder / "ready", os.O_RDONLY | os.O_NONBLOCK)
    process = subprocess.Popen([harness.python("shared"), "-B", program, folder, folder / "ready"],
                               stdin=subprocess.DEVNULL)
    try:
        harness.wait_until(lambda: harness.read_ready(ready, process))
        harness.wait_until(lambda: harness.all_in_futex(process.pid))
        yield folder, process.pid
    finally:
        process.kill()
        process.wait()
        os.close(ready)


@pytest.fixture(scope="module", params=("process", "core"))
def target(request, hostile, tmp_path_factory):
    """What the doors are given: for gdb, and for the stand-alone command."""
    _, pid = hostile
    if request.param == "process":
        return ("-p", str(pid)), str(pid)
    core = harness.gcore(pid, tmp_path_factory.mktemp("cores") / "core")
    return ("-c", str(core)), str(core)


@contextlib.contextmanager
def unopened(*paths: os.PathLike):
    """Nobody opens these meanwhile; inotify(7)."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    opened = 0x20  # IN_OPEN
    for path in paths:
        assert libc.inotify_add_watch(descriptor, os.fsencode(path), opened) >= 0, path
    try:
        yield
        with pytest.raises(BlockingIOError):
            os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def written(door: str, target, folder: pathlib.Path, option: str) -> bytes:
    """What a door writes of the target."""
    for_gdb, for_command = target
    if door == "gdb":
        result = folder / "written"
        shown = ["py-importlock", *([f"-{option}"] if option else [])]
        ran = harness.run_gdb(*for_gdb, "-ex", f"source {harness.PLUGIN}", "-ex",
                              f"pipe {' '.join(shown)} | cat > {result}")
        assert "Traceback" not in ran.stderr, ran.stderr
        return result.read_bytes()
    if not COMMAND.exists():
        harness.missing(f"{COMMAND} is not built")

    def bounded():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    ran = subprocess.run([COMMAND, *DEBUG, *([f"--{option}"] if option else []), for_command],
                         stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                         preexec_fn=bounded)
    assert ran.returncode == 1, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("option", ("", "json", "dot"))
@pytest.mark.parametrize("door", ("gdb", "command"))
def test_no_control_byte_gets_out(hostile, target, tmp_path, door, option):
    folder, _ = hostile
    with unopened(folder / "fifo", folder / "device", folder / "folder"):
        text = written(door, target, tmp_path, option)
    assert text
    assert all(byte == 0x0a or 0x20 <= byte < 0x7f for byte in text), text
    if option == "json":
        report = json.loads(text.decode("utf-8", errors="strict"))
        assert report["verdict"]["kind"] == "deadlock"
        importer = next(thread for thread in report["threads"]
                        if (thread["waits_for"] or {}).get("kind") == "import-lock")
        assert "\x1b[31m" in importer["name"]
        assert "\x1b[31m" in importer["frames"][0]["file"]
        assert "\x1b[31m" in importer["frames"][0]["source"]
        others = {frame["file"]: frame["source"] for thread in report["threads"]
                  for frame in thread["frames"]}
        assert [others[str(folder / name)] for name in ("fifo", "device", "sparse", "folder")] == [
            None] * 4
    elif option == "dot":
        if not shutil.which("dot"):
            harness.missing("no dot: apt-get install graphviz")
        subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, check=True, timeout=60)
    else:
        assert text.startswith(b"DEADLOCK: ") and b"\\x1b[31m" in text
