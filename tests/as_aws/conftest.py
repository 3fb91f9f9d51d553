"""What the tests as on AWS share: one bed for each worker and server, offices on buckets of their own."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.as_aws.bed import Bed, Office, made
from tests.as_aws.names import S3_DOMAINS
from tests.as_aws.seaweed import seaweedfs
from tests.cli.program import Program
from tests.servers.known import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.servers.server import Running

SEAWEEDFS = "seaweedfs"


class Opens(Protocol):
    """Opens an office for a user in a directory, on a bucket of its own."""

    def __call__(
        self, cwd: Path, region: str = "eu-central-1", *, bucket: str = "", is_made: bool = True, **env: str
    ) -> Office: ...


@pytest.fixture(scope="session")
def beds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Bed]]:
    """Return a server behind AWS's names, by its name; skip by its name where it cannot be started."""
    known: dict[str, Bed] = {}
    with contextlib.ExitStack() as stack:

        def bed(name: str) -> Bed:
            if name not in known:
                server = stack.enter_context(_server(name, tmp_path_factory.mktemp("server")))
                directory = tmp_path_factory.mktemp("bed")
                known[name] = stack.enter_context(made(server, directory, on_443=True))
            return known[name]

        yield bed


@pytest.fixture
def opened_on(
    beds: Callable[[str], Bed], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Opens]]:
    """What opens offices on a server; all that they sent went where its TLS had been asked for."""
    used: list[Bed] = []

    def opens(name: str) -> Opens:
        used.append(beds(name))
        return _opening(used[-1], tmp_path_factory)

    yield opens
    for bed in used:
        _check(bed)


@pytest.fixture
def opened(opened_on: Callable[[str], Opens]) -> Opens:
    """The same on SeaweedFS, which checks signatures and checksums."""
    return opened_on(SEAWEEDFS)


@pytest.fixture
def opened_on_moto(opened_on: Callable[[str], Opens]) -> Opens:
    """The same on moto: for what AWS alone has."""
    return opened_on("moto")


@pytest.fixture
def opened_elsewhere(beds: Callable[[str], Bed], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opens]:
    """The same on SeaweedFS where this user may have neither port 443 nor mounts of his own."""
    with made(beds(SEAWEEDFS).server, tmp_path_factory.mktemp("bed"), on_443=False) as bed:
        yield _opening(bed, tmp_path_factory)
        _check(bed)


def _server(name: str, directory: Path) -> AbstractContextManager[Running]:
    if name == SEAWEEDFS:
        return seaweedfs(directory, S3_DOMAINS)
    if obstacle := SERVERS[name].obstacle():
        pytest.skip(f"{name}: {obstacle}")
    return SERVERS[name].run(directory)


def _opening(bed: Bed, directories: pytest.TempPathFactory) -> Opens:
    def open_office(
        cwd: Path, region: str = "eu-central-1", *, bucket: str = "", is_made: bool = True, **env: str
    ) -> Office:
        name = bucket or f"as-aws-{secrets.token_hex(6)}"
        if is_made:
            bed.s3.create_bucket(Bucket=name)
        home = directories.mktemp("home")
        told = bed.environment(home, name, region) | env
        program = Program(told, cwd, bed.python(home / "names", (name,)))
        return Office(bed, program, name, region, len(bed.end.passed()))

    return open_office


def _check(bed: Bed) -> None:
    """Make sure that TLS began with each name that requests were sent to; let no fault stay."""
    bed.end.follow()
    assert {one.request.head.field("host") for one in bed.end.passed()} <= set(bed.asked)
