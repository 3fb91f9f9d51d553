"""What the tests as on AWS share: one bed for each worker and server, an office on a new bucket."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.as_aws.bed import Bed, Office, made
from tests.as_aws.names import S3_DOMAINS
from tests.as_aws.seaweed import seaweedfs
from tests.cli.program import Program
from tests.servers.moto_server import MOTO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Opens(Protocol):
    """Opens an office for a user in a directory, on a bucket of its own."""

    def __call__(
        self, cwd: Path, region: str = "eu-central-1", *, bucket: str = "", is_made: bool = True, **env: str
    ) -> Office: ...


@pytest.fixture(scope="session")
def seaweedfs_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """SeaweedFS behind AWS's names."""
    with (
        seaweedfs(tmp_path_factory.mktemp("seaweedfs"), S3_DOMAINS) as server,
        made(server, tmp_path_factory.mktemp("as-aws"), on_443=True) as bed,
    ):
        yield bed


@pytest.fixture(scope="session")
def moto_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """moto behind AWS's names: for what AWS alone has."""
    with (
        MOTO.run(tmp_path_factory.mktemp("moto")) as server,
        made(server, tmp_path_factory.mktemp("as-aws"), on_443=True) as bed,
    ):
        yield bed


@pytest.fixture
def opened_elsewhere(seaweedfs_bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opens]:
    """The same where this user may have neither port 443 nor mounts of his own."""
    directory = tmp_path_factory.mktemp("elsewhere")
    with made(seaweedfs_bed.server, directory, on_443=False) as bed:
        yield _opening(bed, tmp_path_factory)
        _check(bed)


@pytest.fixture
def opened(seaweedfs_bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opens]:
    """What opens offices; all that they sent went where AWS wants it."""
    yield _opening(seaweedfs_bed, tmp_path_factory)
    _check(seaweedfs_bed)


@pytest.fixture
def opened_on_moto(moto_bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opens]:
    """The same on moto."""
    yield _opening(moto_bed, tmp_path_factory)
    _check(moto_bed)


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
    """Every client asked for the name that it then sent requests to, and no request was malformed."""
    bed.end.follow()
    assert {one.request.head.field("host") for one in bed.end.passed()} <= set(bed.asked)
