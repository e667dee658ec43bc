"""The plug-in away from the source tree: from a prefix, moved; beside a build folder's module; and what
it neither loads nor runs."""
from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

import pytest

import harness
from test_verdicts import report_of

BUILD = harness.module().parent.parent


def check(plugin, process):
    result = harness.run_gdb("-p", str(process.pid), "-ex", "source %s" % plugin,
                             "-ex", "py-importlock -json")
    assert report_of(result)["verdict"]["kind"] == "deadlock"


def test_a_prefix_with_a_space_that_was_moved(hang, tmp_path):
    prefix = tmp_path / "the prefix"
    harness.output("cmake", "--install", BUILD, "--prefix", prefix, timeout=120)
    moved = tmp_path / "moved prefix"
    prefix.rename(moved)
    plugin, = moved.rglob("py-importlock.py")
    check(plugin, hang("popen_in_import", "shared"))


def test_a_build_folder_elsewhere(hang, tmp_path):
    folder = tmp_path / "elsewhere" / "gdb_plugin"
    shutil.copytree(BUILD / "gdb_plugin", folder)
    check(folder / "py-importlock.py", hang("popen_in_import", "shared"))


def test_through_a_symbolic_link(hang, tmp_path):
    link = tmp_path / "importlock.py"
    link.symlink_to(harness.PLUGIN)
    check(link, hang("popen_in_import", "shared"))


# What another user could have put there


@pytest.fixture(scope="module")
def hung(tmp_path_factory):
    with harness.started("popen_in_import", "shared",
                         tmp_path_factory.mktemp("installed") / "run") as process:
        yield process


@pytest.fixture
def folder():
    """A folder below /tmp, which is everybody's, that everybody may pass."""
    made = pathlib.Path(harness.output("mktemp", "-d", "--tmpdir=/tmp", timeout=30))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def prefix(folder, *, module=True, helper=None):
    """The plug-in in an installed prefix; with the native module, with a helper that is a script."""
    place = folder / "lib/py-importlock"
    place.mkdir(parents=True)
    if module:
        shutil.copy(harness.module(), place)
    if helper:
        planted(folder / "bin", helper)
    return shutil.copy(harness.PLUGIN, place)


def planted(folder, script="touch %s; echo py-importlock 9"):
    """A command py-importlock in the folder, which leaves a mark where it is run."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "py-importlock"
    program.write_text("#!/bin/sh\n" + script.replace("%s", str(program) + ".ran") + "\n")
    program.chmod(0o755)
    return program


def run(process, plugin, *, path="/usr/bin:/bin", **options):
    ran = harness.run_gdb("-p", str(process.pid), "-ex", "source %s" % plugin,
                          "-ex", "py-importlock", env={"PATH": path}, **options)
    assert "Traceback" not in ran.stderr and "Python Exception" not in ran.stderr, ran.stderr
    return ran


def as_root():
    if os.geteuid() != 0:
        harness.missing("only root can give files away")


def not_used(ran):
    """The lines of what was not used, without the beginning."""
    return re.findall(r"^py-importlock: (.* is not used: .*)$", ran.stderr, re.M)


@pytest.mark.parametrize("what", ["module", "folder", "folder above"])
@pytest.mark.parametrize("how, why", [
    (lambda path: os.chown(path, 4321, 0), "belongs to user 4321"),
    (lambda path: path.chmod(0o757), "every user can write"),
    (lambda path: (os.chown(path, 0, 4321), path.chmod(0o775)), "group 4321 can write"),
])
def test_a_module_that_another_user_could_have_put_there(hung, folder, what, how, why):
    as_root()
    plugin = pathlib.Path(prefix(folder))
    module = plugin.with_name(harness.module().name)
    changed = {"module": module, "folder": plugin.parent, "folder above": folder}[what]
    how(changed)
    ran = run(hung, plugin)
    (line,) = not_used(ran)
    assert line.startswith("%s is not used: " % module) and why in line and str(changed) in line
    assert "its native module is not to be used; this gdb" in ran.stderr
    assert "DEADLOCK" not in ran.stdout


def test_a_module_behind_a_link_of_another_user(hung, folder, tmp_path):
    as_root()
    plugin = pathlib.Path(prefix(folder, module=False))
    link = plugin.with_name(harness.module().name)
    link.symlink_to(harness.module())
    assert "DEADLOCK" in run(hung, plugin).stdout
    os.chown(link, 4321, 4321, follow_symlinks=False)
    (line,) = not_used(run(hung, plugin))
    assert line.endswith("%s belongs to user 4321" % link)


def test_the_users_own_module_and_that_of_who_runs_gdb_with_sudo(hung, folder):
    as_root()
    plugin = pathlib.Path(prefix(folder))
    os.chown(plugin.with_name(harness.module().name), 4321, 4321)
    ran = harness.run_gdb("-p", str(hung.pid), "-ex", "source %s" % plugin, "-ex", "py-importlock",
                          env={"SUDO_UID": "4321"})
    assert "DEADLOCK" in ran.stdout and not not_used(ran)
    # What the user's own group alone may write is the user's.
    plugin.parent.chmod(0o775)
    ran = harness.run_gdb("-p", str(hung.pid), "-ex", "source %s" % plugin, "-ex", "py-importlock",
                          env={"SUDO_UID": "4321"})
    assert "DEADLOCK" in ran.stdout and not not_used(ran)


def test_the_module_beside_the_plug_in_wins(hung, folder):
    """However new another one is, in a build folder of the source tree or in none of it."""
    tree = folder / "tree"
    plugin = tree / "build/release/gdb_plugin/py-importlock.py"
    plugin.parent.mkdir(parents=True)
    (tree / "native/bindings").mkdir(parents=True)
    (tree / "native/bindings/module.cpp").touch()
    shutil.copy(harness.PLUGIN, plugin)
    shutil.copy(harness.module(), plugin.parent)
    other = tree / "build-other/gdb_plugin" / harness.module().name
    other.parent.mkdir(parents=True)
    other.write_bytes(b"no module")
    assert "DEADLOCK" in run(hung, plugin).stdout
    # And without one beside it, it is one of the tree's build folders.
    plugin.with_name(other.name).rename(other)
    assert "DEADLOCK" in run(hung, plugin).stdout
    (tree / "native/bindings/module.cpp").unlink()
    assert "its native module is not built" in run(hung, plugin).stderr


def test_nothing_of_the_folders_around_is_run(hung, folder):
    """Not /tmp/*/bin for a source tree or a copy in /tmp, nor a module in /tmp/build."""
    trap = [planted(folder / name) for name in ("other/bin", "bin", "build/bin", "build/release/bin")]
    module = folder / "build/gdb_plugin" / harness.module().name
    module.parent.mkdir()
    module.write_bytes(b"no module")
    for place in ("copy", "tree/gdb_plugin", "lib/other"):
        (folder / place).mkdir(parents=True)
        ran = run(hung, shutil.copy(harness.PLUGIN, folder / place))
        assert "no command py-importlock in its place" in ran.stderr
        assert "does not load" not in ran.stderr
    assert not [program for program in trap if program.with_suffix(".ran").exists()]


def test_relative_folders_of_path_do_not_count(hung, folder):
    program = planted(folder / "bin")
    plugin = prefix(folder / "prefix", module=False)
    ran = subprocess.run(
        [harness.GDB, "-q", "-nx", "-batch", "-p", str(hung.pid), "-ex", "source %s" % plugin,
         "-ex", "py-importlock"], cwd=program.parent, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=60, env={**os.environ, "PATH": ".::bin:/usr/bin:/bin"})
    assert "no command py-importlock in its place" in ran.stderr
    assert not program.with_suffix(".ran").exists()


def test_a_helper_that_another_user_could_have_put_there(hung, folder):
    as_root()
    mine = planted(folder / "prefix/bin")
    theirs = planted(folder / "path")
    for program in (mine, theirs):
        os.chown(program, 4321, 4321)
    ran = run(hung, prefix(folder / "prefix", module=False), path="%s:/usr/bin:/bin" % theirs.parent)
    assert [line.split()[0] for line in not_used(ran)] == [str(mine), str(theirs)]
    assert not mine.with_suffix(".ran").exists() and not theirs.with_suffix(".ran").exists()


@pytest.mark.parametrize("written", ["", "usage: none", "{}", "[1]", '{"schema": '])
def test_a_helper_that_writes_no_report(hung, folder, written):
    script = "[ \"$1\" != --version ] || exec echo py-importlock 9\necho '%s'" % written
    plugin = prefix(folder, module=False, helper=script)
    ran = run(hung, plugin)
    line = ran.stderr.splitlines()[-1]
    assert line.startswith("py-importlock: %s/bin/py-importlock writes no report" % folder), ran.stderr
    assert "a fault of its own" not in ran.stderr


def test_auto_load_takes_no_relative_folder(hung, folder):
    """$debugdir stands in gdb's own setting; the plug-in is that of the script's prefix."""
    harness.output("cmake", "--install", BUILD, "--prefix", folder / "prefix", timeout=120)
    scripts = folder / "prefix/share/gdb/auto-load"
    real = scripts / str(hung.executable).lstrip("/")
    real.parent.mkdir(parents=True)
    shutil.copy(scripts / "usr/bin/python2.7-gdb.gdb", "%s-gdb.gdb" % real)
    for above in (folder, folder / "a"):
        trap = above / "lib/py-importlock/py-importlock.py"
        trap.parent.mkdir(parents=True)
        trap.write_text("print('trapped')\n")
    below = folder / "a/b/c"
    (below / "$debugdir").mkdir(parents=True)
    (below / "auto-load").mkdir()
    for setting in ("$debugdir:$datadir/auto-load:%s" % scripts, "auto-load:.:%s" % scripts):
        ran = subprocess.run(
            [harness.GDB, "-q", "-nx", "-batch", "-iex",
             "set auto-load scripts-directory %s" % setting, "-iex",
             "set auto-load safe-path %s" % (folder / "prefix"), "-p", str(hung.pid),
             "-ex", "py-importlock"], cwd=below, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=60)
        assert "trapped" not in ran.stdout and "DEADLOCK: " in ran.stdout, ran.stdout + ran.stderr
