"""Keeps the rooms in order: no file includes upwards (docs/how-it-works.md)."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALLOWED = {
    "base": set(),
    "model": {"base"},
    "elf": {"base"},
    "target": {"base", "model", "elf"},
    "cpython": {"base", "model", "elf", "target"},
    "diagnosis": {"base", "model"},
    "render": {"base", "model"},
    "bindings": {"base", "model", "elf", "target", "cpython", "diagnosis", "render"},
    "cli": {"base", "model", "elf", "target", "cpython", "diagnosis", "render"},
}


def test_includes_follow_the_rooms():
    wrong, seen = [], 0
    for path in sorted((ROOT / "native").rglob("*.[ch]pp")):
        room = path.relative_to(ROOT / "native").parts[0]
        for other in re.findall(r'^#include "(\w+)/', path.read_text(), re.M):
            seen += 1
            if other != room and other not in ALLOWED[room]:
                wrong.append("%s includes %s/" % (path.relative_to(ROOT), other))
    assert seen > 20
    assert wrong == []


def test_versions_are_chosen_in_one_place():
    """What is common to all versions of CPython knows none; a version knows no other."""
    room = ROOT / "native" / "cpython"
    wrong = []
    for path in sorted(room.rglob("*.[ch]pp")):
        own = path.relative_to(room).parts[0]
        for other in re.findall(r'^#include "cpython/(layouts|v2|v3)/', path.read_text(), re.M):
            if own in ("layouts", "v2", "v3"):
                allowed = other == own or (other == "layouts" and own != "layouts")
            else:
                allowed = path.name == "interpreter.cpp"
            if not allowed:
                wrong.append("%s includes %s/" % (path.relative_to(ROOT), other))
    assert (room / "v2").is_dir()
    assert wrong == []


def test_only_the_doors_know_python_and_gdb():
    for path in (ROOT / "native").rglob("*.[ch]pp"):
        if "bindings" not in path.parts:
            assert not re.search(r"#include <(Python\.h|pybind11)", path.read_text()), path
    for path in ROOT.rglob("*.py"):
        if "build" not in path.parts and "gdb_plugin" not in path.parts:
            assert not re.search(r"^import gdb\b", path.read_text(), re.M), path
