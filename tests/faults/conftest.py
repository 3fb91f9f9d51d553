"""What the fault tests share: a proxy before the shared server or one of the test's own, connections through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core import local
from tests.cli.program import Program
from tests.faults.proxy import FaultProxy
from tests.faults.workshop import SIZE, Cache, a_cache, through
from tests.s3.moving import EngineName, connection_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from creative_s3.core.aws import Connection
    from tests.conftest import S3Server


@pytest.fixture(params=["crt", "classic"])
def engine(request: pytest.FixtureRequest) -> EngineName:
    name: EngineName = request.param
    return name


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """A proxy before the shared server; without faults until it is told some."""
    with FaultProxy(s3_server.endpoint_url) as running:
        yield running


@pytest.fixture
def direct(s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A connection to the server itself, for what must not meet a fault."""
    return connection_to(s3_server.local, bucket, monkeypatch)


@pytest.fixture
def connection(direct: Connection, proxy: FaultProxy) -> Connection:
    """A connection through the proxy."""
    return through(direct, proxy)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[local.LocalServer]:
    """A server of this test alone, which it may stop and kill."""
    directory = tmp_path / "own-server"
    yield local.start(directory)
    local.remove(directory)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """A cache with twelve small files."""
    return a_cache(tmp_path / "studio", *[SIZE] * 12)


@pytest.fixture
def program(server_env: dict[str, str], cache: Cache, proxy: FaultProxy) -> Program:
    """The real program in the cache, on the bucket, through the proxy."""
    return Program({**server_env, "S3_ENDPOINT_URL": proxy.url}, cache.directory)
