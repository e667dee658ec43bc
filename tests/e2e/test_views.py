"""The other views of a report: its picture, the variables, the number of frames."""

import json
import shutil
import subprocess

import pytest

import harness


def shown(process, *options):
    result = harness.run_gdb("-p", str(process.pid), "-ex", "source %s" % harness.PLUGIN,
                             "-ex", " ".join(("py-importlock",) + options))
    assert "Traceback" not in result.stderr
    return result.stdout


@pytest.fixture
def rich(hang, interpreter):
    return hang("rich_locals", interpreter)


def test_locals(rich):
    text = shown(rich, "-json", "-locals")
    report = json.JSONDecoder().raw_decode(text[text.index('{\n  "schema"'):])[0]
    frames = [frame for thread in report["threads"] for frame in thread["frames"]]
    (frame,) = [frame for frame in frames if frame["function"] == "list_devices"]
    values = {variable["name"]: variable["value"] for variable in frame["locals"]}
    assert [variable["name"] for variable in frame["locals"]][:4] == [
        "path", "depth", "more", "options"]
    exact = {
        "path": "'/dev'", "depth": "-7", "more": "('more',)", "options": "{'key': 1}",
        "nothing": "None", "yes": "True", "ratio": "0.5", "big": "3298534883328L",
        "wide": u"u'caf\xe9'", "endless": "[1, [1, [...]]]", "nested": "{'a': {'b': {...}}}",
        "many": "[0, 1, 2, 3, 4, ...]", "single": "(1,)", "module": "<module subprocess>",
    }
    assert {name: values[name] for name in exact} == exact
    assert values["text"].startswith("'it\\'s\\nxxx") and len(values["text"]) < 80
    assert values["old"].startswith("<OldStyle instance at 0x")
    assert values["new"].startswith("<NewStyle at 0x")
    assert values["function"].startswith("<function list_devices at 0x")
    assert "unbound" not in values


def test_locals_are_off_by_default(rich):
    assert '"locals":' not in shown(rich, "-json")
    assert "depth = -7" in shown(rich, "-locals")
    assert "depth = -7" not in shown(rich)


def test_frames(rich):
    text = shown(rich, "-frames", "1")
    assert "frames further out" in text and "_execute_child" in text and "list_devices" not in text
    assert "frames further out" not in shown(rich, "-frames", "0")


@pytest.mark.parametrize("options, message", [
    (("-frames",), "-frames needs a number"),
    (("-frames", "-1"), "-frames needs a number"),
    (("-frames", "many"), "-frames needs a number"),
    (("-json", "-dot"), "exclude each other"),
])
def test_options_that_do_not_fit(options, message):
    result = harness.run_gdb("-ex", "source %s" % harness.PLUGIN,
                             "-ex", " ".join(("py-importlock",) + options), "-ex", "echo alive\\n")
    assert message in result.stderr and "Traceback" not in result.stderr
    assert "alive" in result.stdout


@pytest.mark.parametrize("fixture", ["popen_in_import", "rlock_and_import", "three_parties"])
def test_picture(hang, fixture, tmp_path):
    if not shutil.which("dot"):
        harness.missing("no dot: apt-get install graphviz")
    process = hang(fixture, "shared")
    text = shown(process, "-dot")
    graph = text[text.index("digraph"):text.index("\n}\n") + 3]
    drawn = subprocess.run(["dot", "-Tplain"], input=graph, capture_output=True, text=True,
                           timeout=60, check=True).stdout.splitlines()
    nodes = [line for line in drawn if line.startswith("node ")]
    edges = [line.split() for line in drawn if line.startswith("edge ")]
    assert len(nodes) == len(process.lwps)
    # The cycle is red, each thread of it waiting for the next.
    red = {edge[1]: edge[2] for edge in edges if edge[-1] == "red"}
    assert len(red) == len(process.lwps) and set(red) == set(red.values())
