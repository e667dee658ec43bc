from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import harness
import pytest

_TABLES = pytest.StashKey[dict[str, list[dict[str, str]]]]()


@pytest.fixture(scope="session", params=harness.INTERPRETERS)
def interpreter(request: pytest.FixtureRequest) -> str:
    """The name of an interpreter; a test that asks for it runs once with each."""
    return request.param


@pytest.fixture
def hang(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., harness.Process]]:
    """hang(name, interpreter, ...) starts a fixture; it ends with the test."""
    with contextlib.ExitStack() as processes:

        def start(name: str, interpreter, **options) -> harness.Process:
            folder = tmp_path_factory.mktemp(name.replace("/", "-")) / "run"
            return processes.enter_context(
                harness.started(name, interpreter, folder, **options)
            )

        yield start


def _rows_of(title: str):
    """A fixture that gives the rows, by column, of a table that the end of the run prints."""

    @pytest.fixture(scope="session")
    def rows(request: pytest.FixtureRequest) -> list[dict[str, str]]:
        return _table(request.config, title)

    return rows


verdict_table = _rows_of("verdicts, expected and got")
verdict3_table = _rows_of("verdicts on Python 3, expected and got")
version_table = _rows_of("verdicts on other versions of Python 3, expected and got")
arch3_table = _rows_of("verdicts on Python 3 of other architectures, and how the lock was found")
free_threaded_table = _rows_of("verdicts on Python 3 without a GIL, expected and got")
build_table = _rows_of("builds, how the lock was found, and the verdicts")
build3_table = _rows_of("builds of Python 3, how the import lock was found, and what agrees")
gdb_table = _rows_of("gdbs, the Python inside, the door, and the verdicts")
fault_table = _rows_of("faults, and the verdicts that they changed")
claim_table = _rows_of("cores that claim too much, and what a look at them took")
soak_table = _rows_of("looks at programs that are not hung, and the verdicts")


def _table(config: pytest.Config, title: str) -> list[dict[str, str]]:
    return config.stash.setdefault(_TABLES, {}).setdefault(title, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for title, rows in config.stash.get(_TABLES, {}).items():
        if not rows:
            continue
        columns = list(rows[0])
        widths = [max(len(row[column]) for row in [*rows, dict(zip(columns, columns))])
                  for column in columns]
        terminalreporter.section(title)
        for row in [dict(zip(columns, columns)), *rows]:
            cells = (row[column].ljust(width) for column, width in zip(columns, widths))
            terminalreporter.write_line("  ".join(cells).rstrip())
