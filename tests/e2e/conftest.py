from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import harness
import pytest


@pytest.fixture(scope="session", params=harness.INTERPRETERS)
def interpreter(request: pytest.FixtureRequest) -> str:
    """The name of an interpreter; a test that asks for it runs once with each."""
    return request.param


@pytest.fixture
def hang(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., harness.Process]]:
    """hang(name, interpreter, ...) starts a fixture; it ends with the test."""
    with contextlib.ExitStack() as processes:

        def start(name: str, interpreter: str, **options) -> harness.Process:
            folder = tmp_path_factory.mktemp(name) / "run"
            return processes.enter_context(
                harness.started(name, interpreter, folder, **options)
            )

        yield start
