"""Each server starts, takes a bucket and an object, and is gone when it is stopped."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from tests.servers.known import SERVERS
from tests.servers.site import client_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.operation("start, stop")
def test_it_keeps_an_object_while_it_runs(server_name: str, tmp_path: Path) -> None:
    if obstacle := SERVERS[server_name].obstacle():
        pytest.skip(obstacle)
    with SERVERS[server_name].run(tmp_path / "server") as running:
        with contextlib.closing(client_of(running)) as client:
            client.create_bucket(Bucket="first-bucket")
            client.put_object(Bucket="first-bucket", Key="a/b", Body=b"content")
            assert client.get_object(Bucket="first-bucket", Key="a/b")["Body"].read() == b"content"
        for pid in running.pids:
            os.kill(pid, 0)
    for pid in running.pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
