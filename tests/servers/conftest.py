"""Servers for the tests of this folder: each is started once, and skipped by name where it cannot be."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.servers.known import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers.server import Running


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """Returns a server that runs, by its name."""
    running: dict[str, Running] = {}
    with contextlib.ExitStack() as stack:

        def started(name: str) -> Running:
            if obstacle := SERVERS[name].obstacle():
                pytest.skip(f"{name}: {obstacle}")
            if name not in running:
                directory: Path = tmp_path_factory.mktemp(name[:8]) / "server"
                running[name] = stack.enter_context(SERVERS[name].run(directory))
            return running[name]

        yield started
