"""No request leaves that a server could misread: every write of S3's API is tried, what goes out is seen."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session
from botocore.validate import ParamValidator

from creative_s3.core.s3.connection import connect, hurried_client, presigning_client
from creative_s3.core.s3.endpoints import Capability, Provider, may_send
from creative_s3.errors import UnsupportedError
from creative_s3.settings import S3Config
from tests.cli.odd_server import OddServer, odd_server, s3_error
from tests.unit.test_endpoints import REQUESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection

KEY = "creative-assets/kept.bin"
WRITES = {name: (level, method, names) for name, level, method, names in REQUESTS}
EMPTY: dict[str, Any] = {"structure": {}, "list": [], "map": {}, "boolean": False, "timestamp": 0}


def arguments_for(client: Any, operation: str, bucket: str) -> dict[str, Any]:  # noqa: ANN401 - boto3's own
    """The least that botocore takes for an operation."""
    shape = client.meta.service_model.operation_model(operation).input_shape
    return {name: value_for(name, shape.members[name], bucket) for name in shape.required_members}


def value_for(name: str, shape: Any, bucket: str) -> Any:  # noqa: ANN401 - botocore's own
    if name in {"Bucket", "Key"}:
        return bucket if name == "Bucket" else KEY
    if shape.type_name == "structure":
        inside = shape.required_members or (list(shape.members)[:1] if shape.is_tagged_union else [])
        return {inner: value_for(inner, shape.members[inner], bucket) for inner in inside}
    if shape.type_name == "string":
        return shape.enum[0] if getattr(shape, "enum", None) else "x" * shape.metadata.get("min", 1)
    return 1 if shape.type_name in {"integer", "long"} else EMPTY.get(shape.type_name, b"x")


@pytest.fixture
def kept(s3: S3Client, bucket: str) -> Iterator[str]:
    """A bucket with an object that must be there at the end, as it was."""
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"the only copy")
    yield bucket
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"the only copy"


def send_every_write(connection: Connection, client: Any, bucket: str) -> dict[str, str]:  # noqa: ANN401 - boto3's own
    """Call every operation that writes; return those that were held back, by name, with why."""
    held = {}
    for operation, (_, method, names) in WRITES.items():
        if method in {"PUT", "POST"} and not names and operation != "CreateBucket":
            continue  # a plain PUT of the object is what it says
        if operation in {"DeleteObject", "DeleteObjects", "WriteGetObjectResponse"}:
            continue
        arguments = arguments_for(client, operation, bucket)
        validator = ParamValidator()
        model = connection.client.meta.service_model.operation_model(operation)
        assert not validator.validate(arguments, model.input_shape).has_errors(), operation
        try:
            client._make_api_call(operation, arguments)  # noqa: SLF001 - by name, all of them
        except UnsupportedError as error:
            held[operation] = error.message
        except (ClientError, BotoCoreError):
            pass
    return held


def own_client(connection: Connection) -> Any:  # noqa: ANN401 - boto3's own
    return connection.client


def impatient_client(connection: Connection) -> Any:  # noqa: ANN401 - boto3's own
    return hurried_client(connection, attempts=1)


def recorded(client: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - boto3's own
    """Return a list that fills with what reaches the network: the last handler before it."""
    sent: list[tuple[str, str]] = []
    client.meta.events.register_last(
        "before-send.s3", lambda request, **_: sent.append((request.method, request.url))
    )
    return sent


def is_dangerous(provider: Provider, method: str, url: str) -> bool:
    parts = urlsplit(url)
    _, _, key = parts.path.removeprefix("/").partition("/")
    names = frozenset(word.partition("=")[0] for word in parts.query.split("&") if word) - {"x-id"}
    return not may_send(provider, "object" if key else "bucket", method, names)


@pytest.mark.parametrize("make", [own_client, presigning_client, impatient_client])
def test_no_write_that_seaweedfs_lacks_leaves_any_of_our_clients(
    connection: Connection, kept: str, make: Callable[[Connection], Any], s3: S3Client
) -> None:
    client = make(connection)
    sent = recorded(client)
    held = send_every_write(connection, client, kept)
    assert [one for one in sent if is_dangerous(Provider.SEAWEEDFS, *one)] == []
    for operation in (
        "DeleteBucket",
        "DeleteBucketReplication",
        "DeleteBucketMetricsConfiguration",
        "DeleteBucketInventoryConfiguration",
        "DeleteBucketWebsite",
        "DeleteBucketIntelligentTieringConfiguration",
        "PutBucketReplication",
        "PutBucketNotificationConfiguration",
        "PutBucketAccelerateConfiguration",
        "PutBucketLogging",
        "PutBucketMetricsConfiguration",
        "PutObjectAnnotation",
        "UpdateObjectEncryption",
        "RestoreObject",
    ):
        assert "not supported by this endpoint" in held[operation]
    assert len(held) >= 25
    s3.head_bucket(Bucket=kept)


def test_an_unknown_server_gets_no_subresource_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with odd_server(501, s3_error("NotImplemented"), {"Server": "Nobody"}) as server:
        connection = connect_to(server, monkeypatch)
        assert connection.provider is Provider.UNKNOWN
        held = send_every_write(connection, connection.client, "a-bucket")
        connection.client.close()
    allowed = ("/a-bucket?delete", "uploadId=", "?uploads")
    writes = [line for line in server.asked if not line.startswith(("GET", "HEAD"))]
    assert [line for line in writes if "?" in line and not any(one in line for one in allowed)] == []
    assert [line for line in writes if line.startswith("DELETE") and "uploadId" not in line] == []
    assert len(held) >= 35


def test_an_unknown_server_that_answers_as_s3_does_gets_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    body = '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'
    with odd_server(200, body, {"Server": "Nobody"}) as server:
        connection = connect_to(server, monkeypatch)
        with closing(connection.client) as client:
            client.get_bucket_lifecycle_configuration(Bucket="a-bucket")
            with pytest.raises(UnsupportedError):  # it answered something else than rules
                client.put_bucket_lifecycle_configuration(
                    Bucket="a-bucket", LifecycleConfiguration={"Rules": []}
                )
            with pytest.raises(UnsupportedError):
                client.put_bucket_versioning(Bucket="a-bucket", VersioningConfiguration={"Status": "Enabled"})
            client.get_bucket_versioning(Bucket="a-bucket")
            client.put_bucket_versioning(Bucket="a-bucket", VersioningConfiguration={"Status": "Enabled"})
    assert [line for line in server.asked if line.startswith("PUT")] == ["PUT /a-bucket?versioning"]


def connect_to(server: OddServer, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    return connect(S3Config(bucket_name="a-bucket", endpoint_url=server.url))


def test_the_table_is_what_the_running_server_routes(connection: Connection, kept: str) -> None:
    """A PUT or DELETE that is not routed reaches the bucket: 409, as it exists and is not empty."""
    assert connection.provider is Provider.SEAWEEDFS
    for name in ("acl", "cors", "encryption", "lifecycle", "ownershipControls", "policy", "tagging"):
        for method in ("PUT", "DELETE"):
            allowed = may_send(Provider.SEAWEEDFS, "bucket", method, frozenset({name}))
            if allowed:
                assert raw(connection, method, f"{kept}?{name}") != 409, (method, name)


def raw(connection: Connection, method: str, path: str) -> int:
    """Send a request that no guard sees; the server is told never to delete a bucket that is not empty."""
    request = AWSRequest(method, f"{connection.endpoint_url}/{path}", {}, b"")
    credentials = connection.session.get_credentials()
    assert credentials is not None
    S3SigV4Auth(credentials, "s3", connection.region).add_auth(request)
    return int(URLLib3Session().send(request.prepare()).status_code)


def test_a_capability_is_required_without_sending_it(connection: Connection) -> None:
    connection.require(Capability.VERSIONING)
    sent = recorded(connection.client)
    with pytest.raises(UnsupportedError) as caught:
        connection.require(Capability.REPLICATION)
    assert caught.value.message.startswith("replication: not supported by this endpoint")
    assert sent == []
