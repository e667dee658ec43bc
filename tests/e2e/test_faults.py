"""What is damaged in a core costs certainty, never truth; tests/faults/faults.cpp does the damage.

IMPORTLOCK_FAULTS is how many reads or places each kind of fault befalls in a core, 0 for all; and
IMPORTLOCK_FAULT_FIXTURES names the fixtures, "all" for all that a gcore can be made of.
"""
from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

import harness

COLUMNS = ("fixture", "fault", "runs", "same", "less certain", "unknown", "error", "wrong")
SAMPLE = "popen_in_import three_parties long_import_queued fork_in_c"
NAMED = os.environ.get("IMPORTLOCK_FAULT_FIXTURES", SAMPLE)
FIXTURES = (sorted(path.parent.name for path in harness.FIXTURES.glob("*/settled"))
            if NAMED == "all" else NAMED.split())


def program() -> pathlib.Path:
    built = harness.REPOSITORY.glob("build/*/tests/faults")
    return max(built, key=lambda path: path.stat().st_mtime)


@pytest.mark.parametrize("fixture", FIXTURES)
def test_no_verdict_turns_into_another(hang, tmp_path, fault_table, fixture):
    process = hang(fixture, "shared")
    core = harness.gcore(process.pid, tmp_path / "core")
    most = os.environ.get("IMPORTLOCK_FAULTS", "200")
    ran = subprocess.run([program(), fixture, core, most, "1", *harness.DEBUG_DIRECTORIES],
                         capture_output=True, text=True, timeout=1200)
    assert ran.returncode in (0, 1), ran.stderr
    rows = [dict(zip(COLUMNS, line.split("\t"))) for line in ran.stdout.splitlines()]
    assert rows, ran.stderr
    fault_table.extend(rows)
    # Another bit can be as likely as the true one; the table counts what it changes.
    missing = [row for row in rows if "bit" not in row["fault"]]
    assert all(row["wrong"] == "0" for row in missing), ran.stderr
