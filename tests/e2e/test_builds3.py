"""Two hangs on every build of CPython 3 that is at hand: the same verdict, cycle and frames by both
doors, live and in cores.

The deadlock of a module's lock, and a child forked in the midst of an import. The table of all of
them is printed at the end of the run; docs/support.md explains it.
"""
from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import sys
from collections.abc import Callable, Iterable

import pytest
from test_patterns3 import PATTERNS, RELEASES, Pattern3, by_command, compared_elsewhere, looks_at

import harness

OWN = "3.%d" % sys.version_info[1]  # Debian's own Python runs the tests
FIXTURES = ("python3/import_in_thread", "python3/fork_in_import")
DOORS = ("gdb", "command", "gdb, gcore", "command, gcore", "gdb, kernel core",
         "command, kernel core")


@dataclasses.dataclass(frozen=True)
class Program:
    """What start.sh runs."""

    path: str | os.PathLike
    environment: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Build:
    name: str
    version: str
    found_by: str  # the import lock
    make: Callable[[pathlib.Path], Program]  # makes it in an empty folder, where that is needed


def unpacked(version: str, *options: str) -> pathlib.Path:
    return pathlib.Path(harness.output(
        harness.FIXTURES / "debian_python3.sh", *options, RELEASES[version], version, timeout=900))


def of_debian(version: str, *options: str) -> Callable[[pathlib.Path], Program]:
    return lambda folder: Program(unpacked(version, *options))


def without_debug_file(version: str) -> Callable[[pathlib.Path], Program]:
    """The same in a root that has all but usr/lib/debug."""

    def make(folder: pathlib.Path) -> Program:
        command = unpacked(version)
        original = command.parents[1]
        (folder / "root/usr/lib").mkdir(parents=True)
        (folder / "root/usr/bin").mkdir()
        for entry in (original / "root/usr/lib").iterdir():
            if entry.name != "debug":
                (folder / "root/usr/lib" / entry.name).symlink_to(entry)
        shutil.copy(original / "root/usr/bin" / command.name, folder / "root/usr/bin")
        if (original / "libraries").exists():
            (folder / "libraries").symlink_to(original / "libraries")
        shutil.copy(original / "run", folder)
        (folder / "bin").mkdir()
        wrapper = pathlib.Path(shutil.copy(command, folder / "bin"))
        wrapper.write_text(command.read_text().replace(str(original), str(folder)))
        return Program(wrapper)

    return make


def debian_library() -> tuple[pathlib.Path, str]:
    """The libpython of Debian's python3-dev, and the options to link it with."""
    config = pathlib.Path(f"/usr/bin/python{OWN}-config")
    if not config.exists():
        harness.missing("no python3-dev")
    link = harness.output(config, "--embed", "--cflags", "--ldflags", timeout=60)
    (library,) = pathlib.Path("/usr/lib").glob(f"*/libpython{OWN}.so.1.0")
    return library, link


def linked(folder: pathlib.Path) -> Program:
    harness.output("cc", harness.FIXTURES / "embed/interpreter3.c", "-o", folder / "appserver",
                   *debian_library()[1].split(), timeout=60)
    return Program(folder / "appserver")


def loaded(folder: pathlib.Path) -> Program:
    harness.output("cc", harness.FIXTURES / "embed/loaded.c", "-o", folder / "appserver", "-ldl",
                   timeout=60)
    return Program(folder / "appserver", {"LIBPYTHON": str(debian_library()[0])})


def pyenv(version: str, *, strip: bool = False) -> Callable[[pathlib.Path], Program]:
    def make(folder: pathlib.Path) -> Program:
        found = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv"))
        python = next(iter(sorted(found.glob(f"versions/{version}.*/bin/python3"))), None)
        if python is None:
            pytest.skip(f"no {version} of pyenv")
        if not strip:
            return Program(python)
        return Program(harness.output(harness.FIXTURES / "stripped.sh", python, folder / "copy",
                                      timeout=60))
    return make


# Since 2.42 glibc guards a thread's stack by pages that no mapping of its own shows, and gcore of
# gdb 13 gives up a mapping of which it cannot read the beginning.
WITHOUT_STACKS = ("3.14", "3.15")
GCORES = ("gdb, gcore", "command, gcore")


def lock_found_by(version: str, means: str) -> str:
    """Since 3.12 the import lock is in the interpreter."""
    return means if int(version.removeprefix("3.")) < 12 else "runtime"


BUILDS = (
    Build("Debian's own: static, stripped, LTO", OWN, lock_found_by(OWN, "code"),
          lambda folder: Program("/usr/bin/python3")),
    Build("Debian's own libpython, linked", OWN, lock_found_by(OWN, "code"), linked),
    Build("Debian's own libpython, loaded", OWN, lock_found_by(OWN, "code"), loaded),
    *(Build(f"Debian {release}{kind}", version, lock_found_by(version, means), make)
      for version, release in RELEASES.items()
      for kind, means, make in (
          ("", "debug-file", of_debian(version)),
          (", no debug file", "code", without_debug_file(version)),
          (", pydebug", "symtab", of_debian(version, "--debug")))),
    *(Build(f"pyenv: shared libpython{kind}", f"3.{minor}", lock_found_by(f"3.{minor}", means),
            pyenv(f"3.{minor}", strip=bool(kind)))
      for minor in range(6, 14)
      for kind, means in (("", "symtab"), (", stripped", "code"))),
)


def told(report: dict) -> dict:
    """What is to be the same wherever it is told."""
    frames = {thread["lwp"]: [(frame["function"], frame["file"], frame["line"])
                              for frame in thread["frames"]] for thread in report["threads"]}
    return {"verdict": report["verdict"]["kind"], "cycle": report["verdict"]["cycle"],
            "frames": frames, "python": report["python"], "problems": report["problems"]}


def pattern_of(fixture: str) -> Pattern3:
    return next(pattern for pattern in PATTERNS if pattern.fixture == fixture)


def named(builds: Iterable[Build]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "build", builds, ids=lambda build: f"{build.name}, {build.version}")


@named(BUILDS)
def test_build(hang, build, tmp_path, build3_table):
    row = {"build": build.name, "version": build.version, "lock found by": "-",
           **dict.fromkeys(DOORS, "-"), "why not": ""}
    build3_table.append(row)
    home = tmp_path / "build"
    home.mkdir()
    try:
        program = build.make(home)
    except pytest.skip.Exception as why:
        row["why not"] = str(why)
        raise
    wrong = []
    for fixture in FIXTURES:
        pattern = pattern_of(fixture)
        process = hang(fixture, program.path, environment=program.environment)
        folder = tmp_path / pathlib.Path(fixture).name
        folder.mkdir()
        looks = looks_at(process, folder)
        live, status = looks["command"]
        row["version"] = live["python"]["version"]
        row["lock found by"] = live["import_lock"]["found_by"] or "-"
        wrong += compared_elsewhere(pattern, live, status, process)
        for door, (report, its_status) in looks.items():
            if door in GCORES and build.version in WITHOUT_STACKS:
                row["why not"] = "gdb's gcore lacks the stacks of threads"
                verdict = report["verdict"]
                if not report["problems"] or verdict["kind"] in ("free", "importing"):
                    wrong.append(f"{door}: {verdict['kind']} of a core that lacks so much")
                continue
            agrees = (told(report), its_status) == ({**told(live), "problems": []}, status)
            kind = report["verdict"]["kind"] + ("" if agrees else " but")
            row[door] = kind if row[door] == "-" else f"{row[door]}, {kind}"
            if not agrees:
                wrong.append(f"{door}: {told(report)}; of the process the command says {told(live)}")
    assert not wrong, "\n".join(wrong)
    assert row["lock found by"] == build.found_by
    assert row["version"].startswith(f"{build.version}.")


@named(build for build in BUILDS if build.found_by == "code")
def test_old_lock_without_a_symbol(hang, build, tmp_path):
    program = build.make(tmp_path)
    pattern = pattern_of("python3/acquire_lock_and_fork")
    process = hang(pattern.fixture, program.path, environment=program.environment)
    report, status = by_command(process.pid)
    assert compared_elsewhere(pattern, report, status, process) == []
    lock = report["import_lock"]
    assert (lock["found_by"], lock["owner"], lock["level"]) == ("code", process.pid, 1)


@pytest.mark.parametrize("strip", [False, True])
def test_gil_of_static_variables(hang, strip, tmp_path):
    """Only 3.6 has it so; later ones have it in _PyRuntime or in the interpreter."""
    process = hang("python3/native_join_in_import", pyenv("3.6", strip=strip)(tmp_path).path)
    report, _ = by_command(process.pid)
    assert report["import_lock"]["found_by"] == ("code" if strip else "symtab")
    assert (report["gil"]["state"], report["gil"]["holder"]) == ("held", process.pid)
    assert report["problems"] == []
