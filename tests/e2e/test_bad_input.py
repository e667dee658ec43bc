"""What cannot be analysed: one clear line, status 2, gdb alive, the target let go and unharmed."""
from __future__ import annotations

import os
import pathlib
import shutil
import struct
import subprocess

import pytest

import harness
from test_verdicts import SOURCE, STATUS, refused

@pytest.fixture
def sleeper():
    started = []

    def start(*command):
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


# Targets


def test_without_a_process():
    refused("no process; attach to one with 'attach PID' or open a core with 'core FILE'", *SOURCE)


def test_a_process_that_is_not_python(sleeper):
    process = sleeper("sleep", "60")
    refused("no CPython in the target: /usr/bin/sleep", "-p", str(process.pid), *SOURCE)
    assert harness.process_state(process.pid).tracer == 0


def test_a_process_that_has_exited():
    refused("no process", "/bin/true", "-ex", "run", *SOURCE)


def test_a_process_that_runs(hang):
    process = hang("popen_in_import", "shared")
    refused("the process is running; stop it first, with 'interrupt'", "-iex", "set non-stop on",
            "-p", str(process.pid), "-ex", "continue -a&", *SOURCE)


@pytest.fixture
def i386_program(tmp_path):
    """A program of some bytes that waits in pause(2)."""
    source, unlinked, program = (tmp_path / name for name in ("pause.s", "pause.o", "pause"))
    # Linux arch/x86/entry/syscalls/syscall_32.tbl: pause is 29.
    source.write_text(".globl _start\n_start: movl $29, %eax\nint $0x80\njmp _start\n")
    subprocess.run(["as", "--32", source, "-o", unlinked], check=True)
    subprocess.run(["ld", "-m", "elf_i386", unlinked, "-o", program], check=True)
    return program


def test_a_program_of_32_bits(i386_program, sleeper):
    try:
        process = sleeper(i386_program)
    except OSError as error:
        harness.missing("this kernel runs no i386 programs: %s" % error)
    refused("no CPython in the target", "-p", str(process.pid), *SOURCE)


def test_another_architecture(sleeper):
    process = sleeper("sleep", "60")
    refused("the target is i386:x64-32; py-importlock reads ", "-p", str(process.pid), *SOURCE,
            "-ex", "set architecture i386:x64-32")


def test_without_permission(sleeper):
    if os.geteuid() != 0:
        harness.missing("only root can become somebody else")
    process = sleeper("sleep", "60")
    # Where nobody may read: the folders above the source tree can be closed to others.
    folder = pathlib.Path(subprocess.run(
        ["mktemp", "-d", "--tmpdir=/tmp"], check=True, capture_output=True, text=True).stdout.strip())
    try:
        shutil.copy(harness.PLUGIN, folder)
        shutil.copy(harness.module(), folder)
        folder.chmod(0o755)
        result = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
             harness.GDB, "-q", "-nx", "-batch", "-p", str(process.pid),
             "-ex", "source %s" % (folder / harness.PLUGIN.name), "-ex", "py-importlock", *STATUS],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=folder)
    finally:
        shutil.rmtree(folder)
    assert "Operation not permitted" in result.stderr  # gdb's own words
    assert "py-importlock: no process" in result.stderr and "status 2" in result.stdout
    assert harness.process_state(process.pid).tracer == 0


# Cores


@pytest.fixture(scope="module")
def cores(tmp_path_factory):
    """The interpreter, and a gcore and a kernel core of the deadlock."""
    folder = tmp_path_factory.mktemp("core")
    with harness.started("popen_in_import", "shared", folder / "run") as process:
        return {"executable": process.executable,
                "gcore": harness.gcore(process.pid, folder / "gcore"),
                "kernel": harness.kernel_core(process, folder / "kernel")}


def program_headers(path):
    """(type, offset, file size) of each, and the offset of the table; of a 64-bit ELF file."""
    header = path.read_bytes()[:64]
    table, = struct.unpack_from("<Q", header, 32)
    size, count = struct.unpack_from("<HH", header, 54)
    with path.open("rb") as stream:
        stream.seek(table)
        data = stream.read(size * count)
    rows = [struct.unpack_from("<IIQQQQ", data, number * size) for number in range(count)]
    return [(kind, offset, length) for kind, _, offset, _, _, length in rows], table + size * count


@pytest.mark.parametrize("kind", ["gcore", "kernel"])
@pytest.mark.parametrize("place", ["header", "program headers", "notes", "memory", "last page"])
def test_a_core_cut_short(cores, tmp_path, kind, place):
    """One line where gdb refuses the core or nothing can be said, else a report that names what
    it could not read."""
    whole = cores[kind]
    headers, table_end = program_headers(whole)
    size = {"header": 40, "program headers": table_end - 100,
            "notes": next(offset + length // 2 for kind, offset, length in headers if kind == 4),
            "memory": whole.stat().st_size // 2, "last page": whole.stat().st_size - 4096}[place]
    short = tmp_path / "short"
    shutil.copy(whole, short)
    os.truncate(short, size)
    for arguments in ((str(cores["executable"]), str(short)), ("-c", str(short))):
        result = harness.run_gdb(*arguments, *SOURCE, "-ex", "py-importlock", *STATUS)
        everything = result.stdout + result.stderr
        assert "Traceback" not in everything and "Python Exception" not in everything
        lines = [x for x in result.stderr.splitlines() if x.startswith("py-importlock: ")]
        if place == "header":
            assert "py-importlock: no process" in lines[0]
        if lines:
            assert len(lines) == 1 and "status 2" in result.stdout
        else:
            assert "DEADLOCK: " in result.stdout or "UNKNOWN: " in result.stdout
            lost = any(offset + length > size for kind, offset, length in headers if kind == 1)
            assert ("Problem: the core is cut short" in result.stdout) == lost


def test_a_core_whose_executable_is_gone(hang, tmp_path):
    python = harness.python("bullseye").parent.parent / "root/usr/bin/python2.7"
    moved = tmp_path / "python2.7"
    shutil.copy(python, moved)
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(harness.python("bullseye").read_text().replace(
        'root=$(dirname "$(readlink -f "$0")")/../root', "root=%s" % (harness.BULLSEYE / "root")
    ).replace('"$root/usr/bin/python2.7"', str(moved)))
    wrapper.chmod(0o755)
    process = hang("popen_in_import", wrapper)
    saved = harness.gcore(process.pid, tmp_path / "core")
    moved.unlink()
    assert str(moved) in refused("", "-c", str(saved), *SOURCE)
    # Another program in its place is not believed either.
    shutil.copy("/bin/sleep", moved)
    refused("", "-c", str(saved), *SOURCE)
    shutil.copy(harness.BULLSEYE / "root/usr/bin/python2.7-dbg", moved)
    assert "build" in refused("", "-c", str(saved), *SOURCE)


# Usage


@pytest.mark.parametrize("arguments, message", [
    ("-bogus", "unknown option -bogus"),
    ("-json -json", "option -json is given twice"),
    ("1234", "argument '1234' is one too many"),
    ("-json extra", "argument 'extra' is one too many"),
    ("-frames", "-frames needs a number"),
    ("-frames -1", "-frames needs a number"),
    ("-json -dot", "-json and -dot exclude each other"),
    ("'", "argument '' is one too many"),
    ("-frames 99999999999999999999999", "no process"),
])
def test_wrong_usage(arguments, message):
    refused(message, *SOURCE, command="py-importlock " + arguments)


def test_options_complete():
    result = harness.run_gdb(*SOURCE, "-ex", "complete py-importlock -j")
    assert result.stdout.splitlines()[-1] == "py-importlock -json"


# Files


def test_a_debug_file_that_cannot_be_read(hang, tmp_path):
    """Of the right name and no ELF file: it is named as refused."""
    process = hang("popen_in_import", "bullseye")
    places = harness.BULLSEYE / "root/usr/lib/debug/.build-id"
    for real in places.rglob("*.debug"):
        broken = tmp_path / ".build-id" / real.relative_to(places)
        broken.parent.mkdir(parents=True, exist_ok=True)
        broken.write_bytes(real.read_bytes()[:1000])
    result = harness.run_gdb("-p", str(process.pid), *SOURCE, "-ex", "py-importlock -json",
                             debug_directories=(tmp_path,))
    assert "Traceback" not in result.stderr and "Python Exception" not in result.stderr
    assert '"kind": "deadlock"' in result.stdout or '"problems": [\n' in result.stdout


def test_a_module_that_is_not_there(tmp_path):
    plugin = shutil.copy(harness.PLUGIN, tmp_path)
    line = refused("its native module is not built", "-ex", "source %s" % plugin)
    assert "this gdb embeds Python 3." in line and "cmake --preset release" in line


def test_a_module_for_another_python(tmp_path):
    plugin = shutil.copy(harness.PLUGIN, tmp_path)
    shutil.copy(harness.module(), tmp_path / "_py_importlock.cpython-39-x86_64-linux-gnu.so")
    line = refused("is built for another Python (_py_importlock.cpython-39-", "-ex",
                   "source %s" % plugin)
    assert "this gdb embeds Python 3." in line and "-DGDB_EXECUTABLE=/" in line


def test_a_module_that_is_damaged(tmp_path):
    plugin = shutil.copy(harness.PLUGIN, tmp_path)
    (tmp_path / harness.module().name).write_bytes(b"no module")
    refused("does not load into gdb's Python", "-ex", "source %s" % plugin)
