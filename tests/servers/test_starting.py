"""Each server starts, takes a bucket and an object, and is gone when it is stopped."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from tests.servers.known import SERVERS

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from tests.servers.server import Running


def client_of(server: Running) -> S3Client:
    """Return a client of the tests' own."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.mark.parametrize("name", SERVERS)
def test_it_keeps_an_object_while_it_runs(name: str, tmp_path: Path) -> None:
    if obstacle := SERVERS[name].obstacle():
        pytest.skip(f"{name}: {obstacle}")
    with SERVERS[name].run(tmp_path / "server") as running:
        with contextlib.closing(client_of(running)) as client:
            client.create_bucket(Bucket="first-bucket")
            client.put_object(Bucket="first-bucket", Key="a/b", Body=b"content")
            assert client.get_object(Bucket="first-bucket", Key="a/b")["Body"].read() == b"content"
        for pid in running.pids:
            os.kill(pid, 0)
    for pid in running.pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
