"""Fault 43: the server is killed and started again while the program works."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.local import server as local
from tests.cli.program import Program
from tests.faults.programme import Hold, Rule, Way
from tests.faults.proxy import FaultProxy
from tests.faults.workshop import GET, KIB, PUT, SIZE, Site, a_cache
from tests.s3.moving import connection_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def killed_and_started_again(server: local.LocalServer) -> None:
    os.kill(server.pid, signal.SIGKILL)
    assert local.start(server.directory).endpoint_url == server.endpoint_url


@pytest.fixture
def mortal(
    server_env: dict[str, str], own_server: local.LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """The program before a server that may die."""
    client = connection_to(own_server, own_server.bucket, monkeypatch).client
    cache = a_cache(tmp_path / "studio", *[SIZE] * 12)
    with FaultProxy(own_server.endpoint_url) as proxy:
        env = {**server_env, **local.environment(own_server), "S3_ENDPOINT_URL": proxy.url}
        yield Site(Program(env, cache.directory), cache, proxy, client, own_server.bucket)


def test_an_upload_goes_on_by_itself_when_the_server_comes_back(
    mortal: Site, own_server: local.LocalServer
) -> None:
    mortal.proxy.follow(Rule(Hold(Way.UP, 10 * KIB), PUT, skip=5))
    process = mortal.program.start("migrate", "upload")
    mortal.proxy.until_struck(3)
    killed_and_started_again(own_server)
    mortal.proxy.follow()
    mortal.proxy.release()

    assert process.wait(60) == 0
    assert mortal.program("migrate", "validate", "--strict").code == 0
    assert mortal.stored() == mortal.cache.content


def test_a_download_goes_on_by_itself_when_the_server_comes_back(
    mortal: Site, own_server: local.LocalServer, tmp_path: Path
) -> None:
    content = {f"{n}.png": bytes([n]) * 50_000 for n in range(6)}
    for name, data in content.items():
        mortal.s3.put_object(Bucket=mortal.bucket, Key=f"creative-assets/{name}", Body=data)
    folder = tmp_path / "out"
    mortal.proxy.follow(Rule(Hold(Way.DOWN, 10 * KIB), GET, skip=2))
    process = mortal.program.start("assets", "download", "--prefix", "creative-assets/", "-o", str(folder))
    mortal.proxy.until_struck(2)
    killed_and_started_again(own_server)
    mortal.proxy.follow()
    mortal.proxy.release()

    assert process.wait(60) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == content
