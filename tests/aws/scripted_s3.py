"""AWS as far as a bucket's configurations go: a PUT replaces one whole, a GET gives it back as it was put.

moto stores some of them in models of its own and gives other ones back. This keeps the XML. Requests are
made, serialized and parsed by botocore; only the network is not there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from botocore.awsrequest import AWSResponse, HeadersDict

from creative_s3.core.s3.connection import connect
from creative_s3.settings import S3Config

if TYPE_CHECKING:
    import pytest

    from creative_s3.core.s3.connection import Connection

NOTHING = {
    "policy": "NoSuchBucketPolicy",
    "lifecycle": "NoSuchLifecycleConfiguration",
    "replication": "ReplicationConfigurationNotFoundError",
    "encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "publicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
    "ownershipControls": "OwnershipControlsNotFoundError",
}
EMPTY = {
    "notification": "NotificationConfiguration",
    "logging": "BucketLoggingStatus",
    "versioning": "VersioningConfiguration",
    "accelerate": "AccelerateConfiguration",
    "requestPayment": "RequestPaymentConfiguration",
}
XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class _Body:
    """The stream that botocore expects of an answer."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self._content]


@dataclass
class ScriptedS3:
    """The buckets of an account, by name; each holds its configurations by S3's name of them.

    `region_of` says where each bucket is, `puts` what was written, in order.
    """

    region_of: dict[str, str]
    held: dict[tuple[str, str], str] = field(default_factory=dict)
    puts: list[tuple[str, str, str]] = field(default_factory=list)

    def __call__(self, request: Any, **_: Any) -> AWSResponse:  # noqa: ANN401 - botocore's own
        parts = urlsplit(request.url)
        host = str(parts.hostname).partition(".s3")[0]
        bucket = host if host != parts.hostname else parts.path.strip("/").partition("/")[0]
        name = next(iter(dict(parse_qsl(parts.query, keep_blank_values=True))), "")
        if bucket not in self.region_of:
            return answer(request, 404, _error("NoSuchBucket"))
        headers = {"x-amz-bucket-region": self.region_of[bucket]}
        if request.method == "HEAD":
            return answer(request, 200, "", headers)
        if request.method == "PUT":
            text = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
            self.puts.append((bucket, name, text))
            self.held[bucket, name] = text
            return answer(request, 200, "", headers)
        text = self.held.get((bucket, name), "")
        if text:
            return answer(request, 200, text, headers)
        if name in EMPTY:
            return answer(request, 200, f"<{EMPTY[name]} {XMLNS}/>", headers)
        return answer(
            request, 404, _error(NOTHING.get(name, "ObjectLockConfigurationNotFoundError")), headers
        )


def _error(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>"


def answer(request: Any, status: int, text: str, headers: dict[str, str] | None = None) -> AWSResponse:  # noqa: ANN401
    """Return what botocore takes for an answer from the network."""
    of_http: Any = HeadersDict(headers or {})
    return AWSResponse(request.url, status, of_http, _Body(text.encode()))


def connection_to(
    s3: ScriptedS3, bucket: str, monkeypatch: pytest.MonkeyPatch, *, kms_key_id: str | None = None
) -> Connection:
    """Connect to a scripted bucket as to AWS."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    connection = connect(S3Config(bucket_name=bucket, region=s3.region_of[bucket], kms_key_id=kms_key_id))
    connection.client.meta.events.register("before-send.s3", s3)
    return connection
