"""The examples of docs/verdicts.md are what the command says today.

PY_IMPORTLOCK_UPDATE=1 writes them anew.
"""
from __future__ import annotations

import os
import re
import textwrap

import pytest

import harness

PAGE = harness.REPOSITORY / "docs" / "verdicts.md"
EXAMPLE = re.compile(r"^```text fixture=(\w+)\n(.*?)^```$", re.M | re.S)


def example(process: harness.Process) -> str:
    """The report as far as the stacks, with numbers that do not change from run to run."""
    result = harness.run_gdb(
        "-p", str(process.pid), "-ex", "set width 1000",
        "-ex", f"source {harness.PLUGIN}", "-ex", "py-importlock",
    )
    report = re.search(
        r"^(?:DEADLOCK|ORPHANED|STALLED|IMPORTING|FREE|UNKNOWN)\b.*?"
        r"(?=\n\n(?:Thread \d|\d+ threads \(|Python 2))", result.stdout, re.M | re.S)
    assert report, result.stdout + result.stderr
    text = report[0]
    numbers = list(map(str, process.lwps))
    numbers += [n for n in re.findall(r"\bprocess (\d+)", text) if n not in numbers]
    for place, number in enumerate(numbers):
        text = re.sub(rf"\b(LWP|process) {number}\b", rf"\1 {4242 + place}", text)
    text = re.sub(r"\b0x[0-9a-f]{8,}\b", "0x7f3e9a1c2700", text)
    text = re.sub(r":\[\d+\]", ":[35171]", text)
    text = re.sub(r"\b\d+ more seconds\b", "60 more seconds", text)
    return "\n".join(map(_wrapped, text.splitlines())) + "\n"


def _wrapped(line: str) -> str:
    indent = "    " if line.startswith("  ") else "  " if line.startswith("What to do") else ""
    return textwrap.fill(line, 80, subsequent_indent=indent, break_on_hyphens=False)


@pytest.mark.parametrize("fixture", EXAMPLE.findall(PAGE.read_text()), ids=lambda found: found[0])
def test_example(hang, fixture):
    name, shown = fixture
    today = example(hang(name, "shared"))
    if os.environ.get("PY_IMPORTLOCK_UPDATE") == "1":
        block = f"```text fixture={name}\n"
        PAGE.write_text(re.sub(
            re.escape(block) + r".*?(?=^```$)", lambda _: block + today, PAGE.read_text(),
            count=1, flags=re.M | re.S))
        return
    assert shown == today, "PY_IMPORTLOCK_UPDATE=1 writes the examples of docs/verdicts.md anew"
