"""The picture of README.md is what the command shows today."""
from __future__ import annotations

import xml.etree.ElementTree

import harness

PICTURES = harness.REPOSITORY / "docs" / "pictures"
SVG = "{http://www.w3.org/2000/svg}"


def pieces(picture):
    """The words with their colours; where lines break depends on how long the process id was."""
    found = []
    for piece in xml.etree.ElementTree.fromstring(picture).iter(SVG + "tspan"):
        found += [(word, piece.attrib) for word in piece.text.split()]
    return found


def test_the_terminal():
    today = harness.output(PICTURES / "terminal.sh", harness.python("bullseye"), timeout=120)
    assert "DEADLOCK" in today
    assert pieces((PICTURES / "terminal.svg").read_text()) == pieces(today), \
        "docs/pictures/make.sh draws the pictures anew"
