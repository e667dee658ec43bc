"""One hang on every build of CPython 2.7: the same verdict, cycle and frames, live and in cores.

The table of all of them is printed at the end of the run; docs/support.md explains it.
"""
from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Callable

import pytest
from test_embedded import compiled
from test_verdicts import COMMAND, SOURCE, check_popen_deadlock, refused, report_of

import harness


@dataclasses.dataclass(frozen=True)
class Program:
    """What start.sh runs."""

    path: pathlib.Path
    environment: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Build:
    name: str
    found_by: str
    make: Callable[[pathlib.Path], Program]  # makes it in an empty folder, where that is needed
    arch: str = "x86_64"
    unicode: str = "ucs4"
    pydebug: bool = False


def ready(name: str) -> Callable[[pathlib.Path], Program]:
    return lambda folder: Program(harness.python(name))


def bullseye_library(folder: pathlib.Path) -> Program:
    """A program that links Debian's libpython2.7, which its python2.7 does not."""
    root = harness.BULLSEYE / "root"
    libraries = root / "usr/lib/x86_64-linux-gnu"
    program = compiled("linked", folder, "static", [libraries / "libpython2.7.so.1.0"])
    return Program(program, {"PYTHONHOME": str(root / "usr"), "LD_LIBRARY_PATH": ":".join(
        map(str, (libraries, root / "lib/x86_64-linux-gnu")))})


def mutex_among_semaphores(folder: pathlib.Path) -> Program:
    """A program with semaphores of its own around an interpreter whose locks are none."""
    prefix = harness.python("static").parents[1]
    program = compiled("linked", folder, "static", [
        "-no-pie", "-Wl,--export-dynamic", "-Wl,--undefined=sem_wait",
        prefix / "src/libpython2.7.a", "-lpthread", "-lutil", "-lm"])
    return Program(program, {"PYTHONHOME": str(prefix)})


BUILDS = (
    Build("2.7.18, shared libpython", "symtab", ready("ucs2"), unicode="ucs2"),
    Build("2.7.18, static, no PIE", "symtab", ready("static")),
    Build("2.7.18, static, mutex locks", "symtab", ready("mutex")),
    Build("2.7.18, mutex locks, embedded", "symtab", mutex_among_semaphores),
    Build("2.7.18, static, for musl", "symtab", ready("musl")),
    Build("Debian bullseye", "debug-file", ready("bullseye")),
    Build("Debian bullseye, pydebug", "symtab", ready("bullseye-dbg"), pydebug=True),
    Build("Debian bullseye, its libpython", "debug-file", bullseye_library),
    Build("Debian bullseye", "debug-file", ready("i386"), arch="i386"),
    Build("Debian bullseye, pydebug", "symtab", ready("i386-dbg"), arch="i386", pydebug=True),
)


def kinds(report: dict) -> dict[int, list[tuple[str, int]]]:
    return {thread["lwp"]: [(frame["function"], frame["line"]) for frame in thread["frames"]]
            for thread in report["threads"]}


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: f"{build.name}, {build.arch}")
def test_build(hang, build, tmp_path, build_table):
    program = build.make(tmp_path)
    process = hang("popen_in_import", program.path, environment=program.environment)
    lwps = process.lwps
    row = {"build": build.name, "arch": build.arch, "found by": "-",
           "live": "-", "gcore": "-", "kernel core": "-"}
    build_table.append(row)

    def look(way: str, *arguments: str | os.PathLike) -> dict:
        report = report_of(harness.run_gdb(*arguments, *COMMAND))
        row[way] = report["verdict"]["kind"]
        return report

    live = look("live", "-p", str(process.pid))
    row["found by"] = live["import_lock"]["found_by"] or "-"
    check_popen_deadlock(live, process)
    python = live["python"]
    assert live["import_lock"]["found_by"] == build.found_by
    assert (python["arch"], python["unicode"], python["pydebug"]) == \
        (build.arch, build.unicode, build.pydebug)
    assert python["version"] == "2.7.18"
    assert live["gil"]["state"] == "free"

    gcore = look("gcore", "-c", harness.gcore(process.pid, tmp_path / "gcore"))
    kernel = look("kernel core", "-c", harness.kernel_core(process, tmp_path / "kernel"))
    for core in (gcore, kernel):
        assert core["verdict"] == live["verdict"]
        assert core["import_lock"] == live["import_lock"]
        assert core["gil"] == live["gil"]
        assert core["python"] == python
        assert core["verdict"]["cycle"] == lwps
        assert kinds(core) == kinds(live)
        assert core["problems"] == []


def test_arm64_core_of_qemu(tmp_path, build_table):
    if not shutil.which("gdb-multiarch"):
        harness.missing("no gdb-multiarch")
    python = harness.python("arm64")
    core, (owner, waiter) = harness.qemu_core(python, "popen_in_import", tmp_path)
    executable = python.parents[1] / "root/usr/bin/python2.7"
    result = harness.run_gdb(executable, core, *COMMAND, program="gdb-multiarch")
    report = report_of(result)
    build_table.append({"build": "Debian bullseye, under qemu-user", "arch": "aarch64",
                        "found by": report["import_lock"]["found_by"] or "-", "live": "-",
                        "gcore": "-", "kernel core": f"{report['verdict']['kind']} (qemu's)"})
    assert report["python"]["arch"] == "aarch64"
    assert report["import_lock"]["found_by"] == "debug-file"
    assert report["verdict"]["kind"] == "deadlock"
    assert report["verdict"]["cycle"] == [owner, waiter]
    frames = {thread["lwp"]: thread["frames"][0]["function"] for thread in report["threads"]}
    assert frames == {owner: "wait", waiter: "_execute_child"}
    assert report["problems"] == []

    # A copy of the executable has no debug file beside it.
    copy = shutil.copy(executable, tmp_path)
    by_code = report_of(harness.run_gdb(
        copy, core, *COMMAND, program="gdb-multiarch", debug_directories=()))
    assert by_code["import_lock"] == {**report["import_lock"], "found_by": "code"}
    assert by_code["verdict"] == report["verdict"]
    assert by_code["problems"] == report["problems"]

    refused(f"core {core} does not name the files that were mapped; give the executable", "-c", core,
            *SOURCE, program="gdb-multiarch")
    other = executable.with_name("python2.7-dbg").resolve()
    refused(f"{other} is not the executable of core", other, core, *SOURCE, program="gdb-multiarch")
