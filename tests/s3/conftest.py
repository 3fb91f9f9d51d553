"""What the tests on a real server share: each engine in turn, a connection, a server to be ill-treated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.local import server as local
from creative_s3.core.storage.manager import S3StorageManager
from tests.s3.moving import EngineName, connection_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from creative_s3.core.s3.connection import Connection
    from tests.conftest import S3Server


@pytest.fixture(params=["auto", "crt", "classic"])
def engine(request: pytest.FixtureRequest) -> EngineName:
    name: EngineName = request.param
    return name


@pytest.fixture
def connection(s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    return connection_to(s3_server.local, bucket, monkeypatch)


@pytest.fixture
def storage(connection: Connection) -> S3StorageManager:
    return S3StorageManager(connection=connection)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[local.LocalServer]:
    """A server of this test alone, which it may stop and kill."""
    directory = tmp_path / "own-server"
    yield local.start(directory)
    local.remove(directory)
