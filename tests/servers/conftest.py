"""Servers for the tests of this folder: each is started once, and skipped by name where it cannot be.

Every day only those run that the tests' own requirements bring; ``TEST_SERVERS_RUN=all`` runs all. What a
test of an operation finds is written down for `tests.servers.matrix`, where ``TEST_SERVERS_FOUND`` names a
directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.known import EVERY_DAY, SERVERS
from tests.servers.site import Site, client_of, copy_workspace
from tests.studio import make_studio

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from tests.servers.server import Running

NAMES = tuple(SERVERS) if os.environ.get("TEST_SERVERS_RUN") == "all" else EVERY_DAY
FOUND = os.environ.get("TEST_SERVERS_FOUND")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for a server with each of them, all of one server in one worker."""
    if "server_name" in metafunc.fixturenames:
        marks = {name: pytest.mark.xdist_group(name) for name in NAMES}
        metafunc.parametrize(
            "server_name", [pytest.param(name, marks=marks[name], id=name) for name in NAMES], scope="session"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],  # noqa: ARG001 - pytest's signature
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write down how an operation went on a server."""
    report = yield
    params = getattr(getattr(item, "callspec", None), "params", {})
    mark = item.get_closest_marker("operation")
    if FOUND and mark and "server_name" in params and (report.when == "call" or not report.passed):
        told = [str(value) for name, value in item.user_properties if name == "told"]
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
        found = {
            "server": params["server_name"],
            "operation": mark.args[0],
            "outcome": report.outcome,
            "told": told,
            "reason": reason.removeprefix("Skipped: "),
        }
        path = Path(FOUND) / f"{params['server_name']}-{item.name.partition('[')[0]}.json"
        path.write_text(json.dumps(found), encoding="utf-8")
    return report


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """Returns a server that runs, by its name."""
    running: dict[str, Running] = {}
    with contextlib.ExitStack() as stack:

        def started(name: str) -> Running:
            if obstacle := SERVERS[name].obstacle():
                pytest.skip(obstacle)
            if name not in running:
                directory: Path = tmp_path_factory.mktemp(name[:8]) / "server"
                running[name] = stack.enter_context(SERVERS[name].run(directory))
            return running[name]

        yield started


@pytest.fixture
def server(server_name: str, start: Callable[[str], Running]) -> Running:
    """Each of the servers."""
    return start(server_name)


@pytest.fixture(scope="session")
def whole_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of the pipeline, with odd files: only for reading."""
    source = tmp_path_factory.mktemp("studio") / "workspace"
    make_studio(source)
    return copy_workspace(source, tmp_path_factory.mktemp("whole") / "workspace")


@pytest.fixture
def site(server: Running, whole_workspace: Path, tmp_path: Path) -> Iterator[Site]:
    """A copy of the workspace, and a new bucket on a server."""
    yield from site_on(server, whole_workspace, tmp_path)


def site_on(server: Running, whole_workspace: Path, tmp_path: Path) -> Iterator[Site]:
    """Yield a copy of a workspace with a new bucket on a server."""
    cwd, home = tmp_path / "workspace", tmp_path / "home"
    cwd.mkdir()
    home.mkdir()
    for path in whole_workspace.rglob("*"):
        target = cwd / path.relative_to(whole_workspace)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(path.read_bytes())
    bucket = f"test-{secrets.token_hex(6)}"
    with contextlib.closing(client_of(server)) as client:
        client.create_bucket(Bucket=bucket)
        yield Site(server, bucket, cwd, home, client)
