"""Where the files of the target are: deleted, replaced, moved, in another root, or remote."""
from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from test_verdicts import COMMAND, SOURCE, check_popen_deadlock, refused, report_of

import harness


def static_python() -> pathlib.Path:
    return harness.python("static")


def home(python: pathlib.Path) -> dict[str, str]:
    """The environment in which a copy of the interpreter finds its library."""
    return {"PYTHONHOME": str(python.parent.parent)}


@pytest.fixture
def copied(hang, tmp_path):
    """The hang in a copy of the static interpreter, which the test may take away."""
    executable = tmp_path / "bin" / "python2.7"
    executable.parent.mkdir()
    shutil.copy(static_python(), executable)
    return hang("popen_in_import", executable, environment=home(static_python()))


def report_on(process: harness.Process, *arguments: str | os.PathLike) -> dict:
    report = report_of(harness.run_gdb(*arguments, "-p", str(process.pid), *COMMAND))
    check_popen_deadlock(report, process)
    return report


def build_id(path: os.PathLike) -> str:
    notes = harness.output("readelf", "-n", path, timeout=30)
    return notes.partition("Build ID: ")[2].split()[0]


def test_executable_deleted_after_start(copied):
    copied.executable.unlink()
    report = report_on(copied)
    assert report["target"]["executable"] == str(copied.executable)
    assert report["import_lock"]["found_by"] == "symtab"


def test_executable_replaced_after_start(copied):
    before = build_id(copied.executable)
    other = copied.executable.with_name("other")
    shutil.copy(harness.BULLSEYE / "root/usr/bin/python2.7", other)
    other.replace(copied.executable)
    assert build_id(copied.executable) != before
    assert report_on(copied)["python"]["build_id"] == before


def test_library_replaced_after_start(hang, tmp_path):
    python = harness.python("shared")
    name = "libpython2.7.so.1.0"
    ours = tmp_path / "lib" / name
    ours.parent.mkdir()
    shutil.copy(python.parent.parent / "lib" / name, ours)
    process = hang("popen_in_import", "shared",
                   environment={"LD_LIBRARY_PATH": str(ours.parent)})
    before = build_id(ours)
    kept = tmp_path / "kept" / name
    kept.parent.mkdir()
    shutil.copy(ours, kept)
    ours.unlink()
    report = report_on(process)
    assert (report["python"]["image"], report["python"]["build_id"]) == (str(ours), before)

    core = harness.gcore(process.pid, tmp_path / "core")
    refused(f"{ours} is not on this machine", "-c", core, *SOURCE)
    shutil.copy(harness.BULLSEYE / "root/usr/lib/x86_64-linux-gnu" / name, ours)
    refused(f"{ours} is not the file that the target runs (build id {build_id(ours)} here, "
            f"{before} there)", "-c", core, *SOURCE)
    search = ("-iex", f"set solib-search-path {kept.parent}")
    check_popen_deadlock(report_of(harness.run_gdb(*search, "-c", core, *COMMAND)), process)
    assert report_on(process)["python"]["build_id"] == before


def test_core_without_its_executable(copied, tmp_path):
    executable, lwps = copied.executable, copied.lwps
    core = harness.kernel_core(copied, tmp_path / "core")
    here = build_id(executable)

    def found(*arguments: str | os.PathLike) -> None:
        report = report_of(harness.run_gdb(*arguments, *COMMAND))
        assert report["verdict"]["cycle"] == lwps
        assert report["target"]["executable"] == str(executable)

    found("-c", core)
    moved = tmp_path / "root" / executable.relative_to("/")
    moved.parent.mkdir(parents=True)
    executable.rename(moved)
    refused(f"{executable} is not on this machine (build id {here}); give it with", "-c", core,
            *SOURCE)
    found(moved, core)
    found("-iex", f"set sysroot {tmp_path}/root", "-c", core)
    found("-iex", f"set solib-search-path {moved.parent}", "-c", core)
    other = (harness.BULLSEYE / "root/usr/bin/python2.7").resolve()
    refused(f"{other} is not the file that the target runs (build id {build_id(other)} here, "
            f"{here} there)", other, core, *SOURCE)


@contextlib.contextmanager
def contained(folder: pathlib.Path, python: pathlib.Path) -> Iterator[harness.Process]:
    """popen_in_import in a root and in mount, pid and user namespaces of its own."""
    if not shutil.which("unshare"):
        harness.missing("no unshare")
    root, run = folder / "root", folder / "run"
    for path in ("usr", "old", "proc", "run", "opt/python", "srv/app"):
        (root / path).mkdir(parents=True)
    run.mkdir()
    os.mkfifo(run / "ready")
    for link in ("bin", "lib", "lib32", "lib64"):
        (root / link).symlink_to(f"usr/{link}")
    (root / "srv/current").symlink_to("/srv/app")  # absolute: of the container's root, not of ours
    script = """
        mount --bind "$1" "$1" && cd "$1" &&
        mount --rbind /usr usr && mount --bind "$2" opt/python && mount --bind "$3" srv/app &&
        mount --bind "$4" run &&
        mount -t proc proc proc && pivot_root . old && cd / && umount --lazy /old &&
        exec /usr/bin/env --chdir=/run IMPORTLOCK_READY=/run/ready PYTHONHOME=/opt/python \
            /opt/python/bin/python2.7 -B /srv/current/popen_in_import/entry.py
    """
    ready = os.open(run / "ready", os.O_RDWR | os.O_NONBLOCK)
    outer = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child",
         "sh", "-c", script, "sh", root, python.parent.parent, harness.FIXTURES, run],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        harness.wait_until(lambda: harness.read_ready(ready, outer))
        (inner,) = pathlib.Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        harness.wait_until(lambda: harness.all_in_futex(int(inner)))
        yield harness.Process(int(inner), pathlib.Path("/opt/python/bin/python2.7"), run)
    finally:
        os.close(ready)
        outer.kill()
        outer.communicate()


@pytest.mark.parametrize("interpreter", ["static", "i386"])
def test_container_with_its_own_python(tmp_path, interpreter):
    with contained(tmp_path, harness.python(interpreter)) as process:
        assert not pathlib.Path("/opt/python").exists()
        report = report_on(process)
        assert report["target"]["executable"].startswith("/opt/python/")
        assert not pathlib.Path("/srv/app").exists()
        sources = {frame["file"]: frame["source"] for thread in report["threads"]
                   for frame in thread["frames"] if frame["file"].startswith("/srv/current/")}
        assert "/srv/current/popen_in_import/entry.py" in sources and all(sources.values())
        # i386 has its threads by the ids of their own namespace.
        (inner,) = (line.split()[-1] for line in
                    pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
                    if line.startswith("NSpid:"))
        assert int(inner) != process.pid


def test_core_of_a_container_with_its_root_as_sysroot(tmp_path):
    with contained(tmp_path, static_python()) as process:
        core = harness.gcore(process.pid, tmp_path / "core")
        root = tmp_path / "copy"
        (root / "opt").mkdir(parents=True)
        (root / "opt/python").symlink_to(static_python().parent.parent)
        refused("give it with", "-c", core, *SOURCE)
        report = report_of(harness.run_gdb("-iex", f"set sysroot {root}", "-c", core, *COMMAND))
        assert report["verdict"]["cycle"] == process.lwps


@contextlib.contextmanager
def gdbserver(pid: int) -> Iterator[str]:
    """A gdbserver attached to the process; gives its address."""
    if not shutil.which("gdbserver"):
        harness.missing("no gdbserver")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(["gdbserver", "--attach", f"127.0.0.1:{port}", str(pid)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    try:
        while "Listening on port" not in (line := server.stderr.readline()):
            assert line, "gdbserver ended"
        yield f"127.0.0.1:{port}"
        server.wait(timeout=30)
    finally:
        server.kill()
        server.communicate()


def test_sysroot_of_a_live_process(copied, tmp_path):
    kept = tmp_path / "root" / copied.executable.relative_to("/")
    kept.parent.mkdir(parents=True)
    shutil.copy(copied.executable, kept)
    report_on(copied, "-iex", f"set sysroot {tmp_path}/root")


def test_remote_target_whose_files_are_not_here(copied, tmp_path):
    kept = tmp_path / "kept"
    shutil.copy(copied.executable, kept)
    copied.executable.unlink()
    with gdbserver(copied.pid) as address:
        result = harness.run_gdb(
            "-ex", f"target remote {address}", *SOURCE, "-ex", "py-importlock",
            "-ex", f"file {kept}", *COMMAND[2:], "-ex", "detach")
    assert f"is not on this machine any more (build id {build_id(kept)}); give it with 'file FILE'" \
        in result.stderr
    check_popen_deadlock(report_of(result), copied)


@pytest.mark.parametrize("interpreter", ["shared", "static", "bullseye", "i386"])
def test_remote_target(hang, interpreter):
    process = hang("popen_in_import", interpreter)
    before = harness.process_state(process.pid)
    with gdbserver(process.pid) as address:
        report = report_of(harness.run_gdb("-ex", f"target remote {address}", *COMMAND,
                                           "-ex", "detach"))
    check_popen_deadlock(report, process)
    assert report["target"]["kind"] == "remote"
    # Let go, its threads go back into their calls as they come to run.
    harness.wait_until(lambda: harness.process_state(process.pid) == before)
