"""CloudFront invalidations: moto holds them; what moto gets wrong is answered at botocore's own seam."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError

from creative_s3 import S3Config, S3StorageManager
from creative_s3.errors import (
    AccessDeniedError,
    CreativeS3Error,
    ItemError,
    SettingsError,
    TemporaryError,
    UnsupportedError,
    UsageError,
)
from tests.cli.odd_server import odd_server

if TYPE_CHECKING:
    from collections.abc import Iterator


CREATED = (
    "<Invalidation><Id>I2J0I21PCUYOIK</Id><Status>InProgress</Status>"
    "<CreateTime>2026-11-22T12:00:00Z</CreateTime><InvalidationBatch><Paths><Quantity>1</Quantity></Paths>"
    "<CallerReference>x</CallerReference></InvalidationBatch></Invalidation>"
)


def answering(storage: S3StorageManager, *answers: tuple[int, str] | Exception) -> list[ET.Element]:
    """Let CloudFront give these answers, one after the other; return what it is sent."""
    sent: list[ET.Element] = []

    def answer(request: Any, **_: Any) -> Any:  # noqa: ANN401 - botocore's own
        sent.append(ET.fromstring(request.body))  # noqa: S314 - our own request
        given = answers[len(sent) - 1]
        if isinstance(given, Exception):
            raise given
        return _response(request.url, *given)

    session: Any = storage.connection.session
    session.register("before-send.cloudfront.CreateInvalidation", answer)
    return sent


def _response(url: str, status: int, body: str) -> AWSResponse:
    return AWSResponse(url, status, HTTPHeaders(), _Raw(body.encode()))


class _Raw(io.BytesIO):
    """A body in the form that botocore reads."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def _error(code: str, status: int) -> tuple[int, str]:
    return (
        status,
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>",
    )


def _reference(body: ET.Element) -> str:
    return next(element.text or "" for element in body.iter() if element.tag.endswith("CallerReference"))


def test_an_invalidation_names_its_id_status_and_paths(distribution: str) -> None:
    storage = S3StorageManager(S3Config.from_env())
    result = storage.invalidate_cloudfront_cache(["products/*", "/products/a.png", "/ü.png"])
    client = boto3.client("cloudfront", region_name="us-east-1")
    there = client.get_invalidation(DistributionId=distribution, Id=result.id)["Invalidation"]
    client.close()
    assert there["InvalidationBatch"]["Paths"] == {"Quantity": 2, "Items": ["/products/*", "/%C3%BC.png"]}
    assert there["InvalidationBatch"]["CallerReference"] == result.caller_reference
    assert result.paths == ("/products/*", "/%C3%BC.png")
    assert (result.distribution_id, result.status) == (distribution, there["Status"])
    assert result.created_at is not None


def test_a_repetition_after_a_lost_answer_is_the_same_request_and_another_call_is_not(
    distribution: str,
) -> None:
    storage = S3StorageManager(S3Config.from_env())
    lost = ReadTimeoutError(endpoint_url="https://cloudfront.amazonaws.com")
    sent = answering(storage, lost, (201, CREATED), (201, CREATED), (201, CREATED), (201, CREATED))
    result = storage.invalidate_cloudfront_cache(["/a"])
    assert (result.id, result.status, result.distribution_id) == (
        "I2J0I21PCUYOIK",
        "InProgress",
        distribution,
    )
    assert _reference(sent[0]) == _reference(sent[1]) == result.caller_reference
    assert storage.invalidate_cloudfront_cache(["/a"]).caller_reference != result.caller_reference
    first = storage.invalidate_cloudfront_cache(["/a"], token="release 7")  # noqa: S106 - no secret
    assert first.caller_reference == _reference(sent[-1])
    again = storage.invalidate_cloudfront_cache(["/a"], token="release 7")  # noqa: S106 - no secret
    assert again.caller_reference == first.caller_reference


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (_error("NoSuchDistribution", 404), SettingsError, "distribution does not exist"),
        (_error("AccessDenied", 403), AccessDeniedError, "CloudFront denies access"),
        (_error("TooManyInvalidationsInProgress", 400), TemporaryError, "too many invalidations"),
        (_error("BatchTooLarge", 413), ItemError, "fewer paths"),
        (_error("InvalidArgument", 400), ItemError, "CloudFront answered InvalidArgument"),
    ],
)
def test_every_refusal_becomes_a_named_error(
    distribution: str, answer: tuple[int, str], kind: type[CreativeS3Error], words: str
) -> None:
    storage = S3StorageManager(S3Config.from_env())
    answering(storage, answer)
    with pytest.raises(kind, match=words) as caught:
        storage.invalidate_cloudfront_cache(["/a"])
    assert caught.value.item == distribution
    assert caught.value.hint


@pytest.mark.usefixtures("aws_bucket")
def test_without_a_distribution_the_setting_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        S3StorageManager(S3Config.from_env()).invalidate_cloudfront_cache(["/a"])
    assert caught.value.item == "CLOUDFRONT_DISTRIBUTION_ID"


def test_paths_are_checked_before_anything_is_sent(distribution: str) -> None:
    assert distribution
    storage = S3StorageManager(S3Config.from_env())
    sent = answering(storage)
    with pytest.raises(UsageError):
        storage.invalidate_cloudfront_cache("/products/*")
    assert sent == []


@pytest.mark.parametrize("where", ["S3_ENDPOINT_URL", "AWS_ENDPOINT_URL"])
def test_another_server_than_aws_is_never_sent_an_invalidation(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("S3_BUCKET_NAME", "some-bucket")
    monkeypatch.setenv("CLOUDFRONT_DISTRIBUTION_ID", "EDFDVBD632BHDS5")
    with odd_server(200, CREATED) as server:
        monkeypatch.setenv(where, server.url)
        with pytest.raises(UnsupportedError, match="nothing was sent"):
            S3StorageManager(S3Config.from_env()).invalidate_cloudfront_cache(["/a"])
        assert server.asked == []
