"""What the fault tests share: a proxy before the server, and what works through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.local import server as local
from creative_s3.core.s3.dialect import Dialect
from tests.cli.program import Program
from tests.faults.proxy import FaultProxy
from tests.faults.workshop import SIZE, Bench, Site, a_cache, through
from tests.s3.moving import EngineName, connection_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection
    from tests.conftest import S3Server
    from tests.faults.running import Running


@pytest.fixture(params=["auto", "crt", "classic"])
def engine(request: pytest.FixtureRequest) -> EngineName:
    name: EngineName = request.param
    return name


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """A proxy before the shared server; without faults until it is told some, and known to store."""
    with FaultProxy(s3_server.endpoint_url) as running:
        Dialect(running.url).found_stored()
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
def bench(
    connection: Connection, direct: Connection, proxy: FaultProxy, engine: EngineName, s3: S3Client
) -> Bench:
    """Each engine in turn, through the proxy."""
    return Bench(engine, connection, direct, proxy, s3)


@pytest.fixture
def site(server_env: dict[str, str], proxy: FaultProxy, s3: S3Client, bucket: str, tmp_path: Path) -> Site:
    """The real program in a cache with twelve small files, through the proxy."""
    cache = a_cache(tmp_path / "studio", *[SIZE] * 12)
    program = Program({**server_env, "S3_ENDPOINT_URL": proxy.url}, cache.directory)
    return Site(program, cache, proxy, s3, bucket)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[local.LocalServer]:
    """A server of this test alone, which it may stop and kill."""
    directory = tmp_path / "own-server"
    yield local.start(directory)
    local.remove(directory)


@pytest.fixture
def running() -> Iterator[list[Running]]:
    """What a test starts is ended with it."""
    started: list[Running] = []
    yield started
    for one in started:
        one.process.kill()
        one.process.communicate()
