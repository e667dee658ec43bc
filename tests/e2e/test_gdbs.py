"""The gdb command in the gdbs of several Debian releases, by the native module and the helper; its
settings, its values for scripts, its MI command and gdb's auto-load."""
from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess

import pytest

import harness
from test_places import gdbserver
from test_verdicts import SOURCE, refused, report_of

INSTEAD = re.compile(r"^py-importlock: its native module .*; (\S+) looks in its place$", re.M)
VALUES = ("status", "verdict", "lock", "owner", "owner_thread", "waiters")
SHOWN = tuple(word for name in VALUES
              for word in ("-ex", "output $_py_importlock_%s" % name, "-ex", "echo \\n"))


@functools.cache
def gdb_of(release):
    """The gdb on PATH, or that of another Debian release."""
    if release == "this system":
        return harness.GDB
    if release == "python 2":
        built = harness.REPOSITORY / "build/gdb-python2"
        # Too long for every run.
        if not (built / "complete").exists() and os.environ.get("IMPORTLOCK_GDB_PYTHON2") != "1":
            pytest.skip("IMPORTLOCK_GDB_PYTHON2=1 builds a gdb with Python 2 inside, in some five minutes")
        harness.output(harness.FIXTURES / "gdb_python2.sh", timeout=3600)
        return str(built / "bin/gdb")
    harness.output(harness.FIXTURES / "other_gdb.sh", release, timeout=600)
    program = harness.REPOSITORY / "build" / ("gdb-" + release) / "bin" / "gdb"
    if subprocess.run([program, "--version"], capture_output=True, timeout=60).returncode != 0:
        harness.missing("%s does not run on this system" % program)
    return str(program)


@functools.cache
def versions(release):
    """Of gdb and of its Python."""
    ran = harness.run_gdb("-ex", "python import sys; print(gdb.VERSION); "
                          "print('%d.%d' % sys.version_info[:2])", program=gdb_of(release))
    return ran.stdout.split("\n")[:2]


@pytest.fixture(params=["this system", "bullseye", "trixie", "python 2"])
def release(request):
    gdb_of(request.param)
    return request.param


@pytest.fixture(params=["native module", "helper"])
def source(request, release, tmp_path):
    """What sources the plug-in so that this door is taken; the arguments of gdb."""
    build = harness.module().parent.parent
    if request.param == "native module" and release == "python 2":
        pytest.skip("pybind11 makes nothing for Python 2")
    if request.param == "native module":
        suffix = harness.module_suffix(gdb_of(release))
        if not (build / "gdb_plugin" / ("_py_importlock" + suffix)).exists():
            harness.missing("no native module %s: cmake --preset release -D \"GDB_EXECUTABLE=gdb;%s\""
                            % (suffix, gdb_of(release)))
        return SOURCE
    return helper_alone(tmp_path)


def helper_alone(folder):
    """The arguments of gdb that source a copy of the plug-in with no native module in reach."""
    (folder / "gdb_plugin").mkdir()
    (folder / "bin").symlink_to(harness.module().parent.parent / "bin")
    return "-ex", "source %s" % shutil.copy(harness.PLUGIN, folder / "gdb_plugin")


@pytest.fixture(scope="module")
def hung(tmp_path_factory):
    """The deadlock, and a core of it."""
    folder = tmp_path_factory.mktemp("hung")
    with harness.started("popen_in_import", "bullseye", folder / "run") as process:
        yield process, harness.gcore(process.pid, folder / "core")


@pytest.mark.parametrize("target", ["live", "core"])
def test_the_report(hung, release, source, target, gdb_table):
    process, core = hung
    opened = ("-p", str(process.pid)) if target == "live" else (str(process.executable), str(core))
    ran = harness.run_gdb(*opened, *source, "-ex", "py-importlock -json", *SHOWN,
                          program=gdb_of(release))
    assert "Traceback" not in ran.stderr and "Python Exception" not in ran.stderr
    report = report_of(ran)
    owner, waiter = process.lwps
    assert report["verdict"]["kind"] == "deadlock" and report["verdict"]["cycle"] == [owner, waiter]
    assert [len(thread["frames"]) for thread in report["threads"]] == [4, 6]
    instead = INSTEAD.search(ran.stderr)
    gdb, python = versions(release)
    assert bool(instead) == (source != SOURCE)
    status, verdict, lock, owner_value, thread, waiters = ran.stdout.splitlines()[-6:] \
        if target == "core" else [line for line in ran.stdout.splitlines()
                                  if not line.startswith("[")][-6:]
    assert (status, verdict, lock) == ("1", '"deadlock"', '"held"')
    assert (owner_value, waiters) == (str(owner), "1") and thread in ("1", "2")
    gdb_table.append({"gdb": gdb, "Python inside": python,
                      "door": "helper" if instead else "native module", "target": target,
                      "verdict": report["verdict"]["kind"]})


def test_text_graph_and_locals(hung, release, source):
    process, _ = hung
    text, graph, variables = (
        harness.run_gdb("-p", str(process.pid), *source, "-ex", "py-importlock " + options,
                        program=gdb_of(release)).stdout
        for options in ("-frames 1", "-dot", "-locals"))
    assert "DEADLOCK: " in text and "in _execute_child" not in text.replace("_execute_child", "", 1)
    assert "digraph" in graph and "listing" not in text
    assert len(variables.splitlines()) > len(text.splitlines())


@pytest.mark.parametrize("width", [40, 60, 132, 0])
def test_width(hung, release, source, width):
    process, _ = hung
    text = harness.run_gdb("-p", str(process.pid), *source, "-ex", "set width %d" % width, "-ex",
                           "py-importlock", program=gdb_of(release)).stdout
    lines = text[text.index("DEADLOCK: "):].split("\n[Inferior")[0].splitlines()
    # Without a terminal, 0 is a gdb's that was told no width.
    width = width or 80
    assert all(len(line) <= width or " " not in line.strip() for line in lines), lines
    assert max(map(len, lines)) > width - 20


def test_the_helper_without_a_process(tmp_path):
    refused("py-importlock: no process; attach", *helper_alone(tmp_path))


def test_the_helper_behind_gdbserver(hung, tmp_path):
    process, _ = hung
    with gdbserver(process.pid) as address:
        refused("it does not look through gdbserver", "-ex", "target remote %s" % address,
                *helper_alone(tmp_path))


def test_neither_module_nor_helper(hung, tmp_path):
    process, _ = hung
    plugin = shutil.copy(harness.PLUGIN, tmp_path)
    line = refused("is not built", "-p", str(process.pid), "-ex", "source %s" % plugin,
                   env={"PATH": "/usr/bin:/bin"})
    assert "no command py-importlock in its place" in line


def test_helper_on_the_path(hung, tmp_path):
    process, _ = hung
    plugin = shutil.copy(harness.PLUGIN, tmp_path)
    helper = harness.module().parent.parent / "bin"
    ran = harness.run_gdb("-p", str(process.pid), "-ex", "source %s" % plugin,
                          "-ex", "py-importlock", env={"PATH": "%s:/usr/bin:/bin" % helper})
    assert INSTEAD.search(ran.stderr).group(1) == str(helper / "py-importlock")
    assert "DEADLOCK: " in ran.stdout


def test_settings(hung, release):
    process, _ = hung
    ran = harness.run_gdb(
        "-p", str(process.pid), *SOURCE,
        "-ex", "set py-importlock frames 1", "-ex", "set py-importlock locals on",
        "-ex", "set py-importlock format dot", *SOURCE, "-ex", "show py-importlock",
        "-ex", "py-importlock", "-ex", "py-importlock -text -locals off",
        "-ex", "py-importlock -text -locals off -frames 0", program=gdb_of(release))
    assert ("py-importlock writes dot.\n"
            "py-importlock shows 1 frames of each thread (0 is all).\n"
            "That py-importlock shows local variables is on.\n") in ran.stdout
    shown = ran.stdout[ran.stdout.index("local variables is on."):]
    assert shown.index("digraph") < shown.index("DEADLOCK: ")
    _, one, every = shown.split("DEADLOCK: ")
    assert len(every.splitlines()) > len(one.splitlines())


@pytest.mark.parametrize("command", ["set py-importlock", "set py-importlock bogus 1",
                                     "set py-importlock frames -1", "set py-importlock format svg",
                                     "show py-importlock bogus"])
def test_wrong_settings(release, command):
    ran = harness.run_gdb(*SOURCE, "-ex", command, "-ex", "echo alive\\n", program=gdb_of(release))
    lines = [line for line in ran.stderr.splitlines() if not line.startswith("BFD")]
    assert len(lines) == 1 and "alive" in ran.stdout, ran.stderr


def mi(program, *arguments, commands):
    """What gdb answers to commands of its machine interface."""
    return subprocess.run(
        [program, "-q", "-nx", "--interpreter=mi2", *arguments], text=True, capture_output=True,
        input="".join(command + "\n" for command in [*commands, "-gdb-exit"]), timeout=60).stdout


def test_mi(hung, release):
    process, _ = hung
    answer = mi(gdb_of(release), "-p", str(process.pid), *SOURCE, commands=[
        '1-interpreter-exec console "py-importlock"', "2-py-importlock -frames 1",
        "3-py-importlock -bogus"])
    # What an editor's debug console shows.
    assert '~"DEADLOCK: ' in answer and "\n1^done" in answer
    if int(versions(release)[0].split(" ")[-1].split(".")[0]) < 12:
        assert '\n2^error,msg="Undefined MI command: py-importlock"' in answer
        return
    result = next(line for line in answer.splitlines() if line.startswith("2^"))
    assert result.startswith('2^done,status="1",report={schema="py-importlock/2"')
    assert 'verdict={kind="deadlock"' in result and result.count("{function=") == 2
    assert '\n3^error,msg="py-importlock: unknown option -bogus' in answer


def test_auto_load_beside_libpython(hung, tmp_path, release):
    """Both are loaded for the same interpreter, and one line of gdbinit is not needed."""
    process, _ = hung
    build = harness.module().parent.parent
    harness.output("cmake", "--install", build, "--prefix", tmp_path, timeout=120)
    folder = tmp_path / "share/gdb/auto-load"
    real = folder / str(process.executable).lstrip("/")
    real.parent.mkdir(parents=True)
    # The interpreter of the test is not in /usr/bin.
    shutil.copy(folder / "usr/bin/python2.7-gdb.gdb", "%s-gdb.gdb" % real)
    shutil.copy(harness.BULLSEYE / "root/usr/share/gdb/auto-load/usr/bin/python2.7-gdb.py",
                "%s-gdb.py" % real)
    ran = harness.run_gdb("-iex", "set auto-load scripts-directory $datadir/auto-load:%s" % folder,
                          "-iex", "set auto-load safe-path %s" % tmp_path,
                          "-p", str(process.pid), "-ex", "py-importlock", "-ex", "help py-bt",
                          program=gdb_of(release))
    assert "DEADLOCK: " in ran.stdout, ran.stderr
    assert "Display the current python frame and all" in ran.stdout and "Undefined" not in ran.stderr


def test_the_plug_in_is_python_2_as_well():
    """It compiles there, also where no gdb with Python 2 inside was built."""
    subprocess.run([harness.python("shared"), "-B", "-c",
                    "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')",
                    harness.PLUGIN], check=True, timeout=60)
