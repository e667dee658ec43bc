"""The plug-in away from the source tree: from a prefix, moved; beside a build folder's module."""
from __future__ import annotations

import shutil

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
