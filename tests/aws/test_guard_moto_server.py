"""The guard before moto's own server, which takes an unknown DELETE for one of the whole bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from creative_s3.core.s3.connection import connect
from creative_s3.core.s3.endpoints import Capability, Provider
from creative_s3.errors import UnsupportedError
from creative_s3.settings import S3Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from creative_s3.core.s3.connection import Connection

BUCKET = "empty-bucket"


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A connection to moto's server, where the bucket is empty: nothing but the guard saves it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        made = connect(S3Config(bucket_name=BUCKET, endpoint_url=f"http://{host}:{port}"))
        made.client.create_bucket(Bucket=BUCKET)
        yield made
        made.client.close()
    finally:
        server.stop()


def test_it_is_recognised_and_has_what_moto_has(connection: Connection) -> None:
    assert connection.provider is Provider.MOTO
    for one in (Capability.REPLICATION, Capability.NOTIFICATION, Capability.ACCELERATE, Capability.LOGGING):
        connection.require(one)
    for other in (Capability.METRICS, Capability.INTELLIGENT_TIERING):
        with pytest.raises(UnsupportedError):
            connection.require(other)


def test_what_would_delete_the_bucket_does_not_leave(connection: Connection) -> None:
    client = connection.client
    calls: tuple[tuple[Any, dict[str, Any]], ...] = (
        (client.delete_bucket_metrics_configuration, {"Id": "EntireBucket"}),
        (client.delete_bucket_inventory_configuration, {"Id": "i"}),
        (client.delete_bucket_intelligent_tiering_configuration, {"Id": "i"}),
        (client.delete_bucket_analytics_configuration, {"Id": "i"}),
        (client.put_bucket_metrics_configuration, {"Id": "i", "MetricsConfiguration": {"Id": "i"}}),
        (client.put_bucket_request_payment, {"RequestPaymentConfiguration": {"Payer": "Requester"}}),
        (client.delete_bucket, {}),
    )
    for call, arguments in calls:
        with pytest.raises(UnsupportedError, match="not supported by this endpoint"):
            call(Bucket=BUCKET, **arguments)
    assert [one["Name"] for one in client.list_buckets()["Buckets"]] == [BUCKET]


def test_without_the_guard_the_bucket_is_gone(connection: Connection) -> None:
    """The trap itself, so that nobody thinks the guard is for nothing."""
    bare = boto3.client("s3", endpoint_url=connection.endpoint_url, region_name="us-east-1")
    bare.delete_bucket_metrics_configuration(Bucket=BUCKET, Id="EntireBucket")
    assert bare.list_buckets()["Buckets"] == []
    bare.close()
