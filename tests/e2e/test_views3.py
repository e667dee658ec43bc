"""The variables of CPython 3's frames, as a report shows them."""
from __future__ import annotations

import json

import pytest
from test_cli import look

import harness


@pytest.mark.parametrize("interpreter", ["python3", "python3-shared"])
def test_locals(hang, interpreter):
    process = hang("python3/rich_locals", interpreter)
    report = json.loads(look("--json", "--locals", process.pid).stdout)
    frames = [frame for thread in report["threads"] for frame in thread["frames"]]
    (frame,) = [frame for frame in frames if frame["function"] == "read_rates"]
    values = {variable["name"]: variable["value"] for variable in frame["locals"]}
    assert list(values)[:5] == ["path", "depth", "limit", "more", "options"]
    exact = {
        "path": "'/dev'", "depth": "-7", "more": "('more',)", "options": "{'key': 1}",
        "limit": "25", "cell": "7",
        "nothing": "None", "yes": "True", "ratio": "0.5", "big": "3298534883328",
        "raw": r"b'caf\xe9'", "latin": "'caf\xe9'", "wide": "'\u4e2d\u6587'",
        "beyond": "'\U0001f4f9'",
        "endless": "[1, [1, [...]]]", "nested": "{'a': {'b': {...}}}",
        "many": "[0, 1, 2, 3, 4, ...]", "single": "(1,)", "module": "<module threading>",
    }
    assert {name: values.get(name) for name in exact} == exact
    assert values["text"].startswith(r"'it\'s\nxxx") and len(values["text"]) < 80
    for name, kind in (("slots", "Slots"), ("rate", "Rate"), ("function", "function read_rates")):
        assert values[name].startswith(f"<{kind} at 0x")
    assert "unbound" not in values
