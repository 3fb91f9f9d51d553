"""The lean way of making requests, compared with botocore's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3transfer.crt import BotocoreCRTRequestSerializer

from creative_s3 import S3Config
from creative_s3.core.aws import Connection, connect
from creative_s3.core.transfers.crt_serializer import LeanSerializer

if TYPE_CHECKING:
    from creative_s3.core.transfers.flights import Flight


HEADER_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
NAMES = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz-0123456789"), min_size=1, max_size=12)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
PUTS = st.fixed_dictionaries(
    {"ContentLength": st.integers(0, 10**9), "ContentMD5": st.just("override-to-be-removed")},
    optional={
        "ContentType": st.sampled_from(["image/png", "application/octet-stream"]),
        "StorageClass": st.sampled_from(["STANDARD", "GLACIER_IR"]),
        "Tagging": st.just("a=b&c=d%20e"),
        "Metadata": st.dictionaries(NAMES, HEADER_TEXT, max_size=4),
        "ServerSideEncryption": st.just("aws:kms"),
        "SSEKMSKeyId": st.just("1234-abcd"),
    },
)


@pytest.fixture(scope="module", params=["path", "virtual"])
def connection(request: pytest.FixtureRequest) -> Connection:
    endpoint = "http://127.0.0.1:9" if request.param == "path" else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        return connect(S3Config(bucket_name="a-bucket", endpoint_url=endpoint))


@pytest.fixture(scope="module")
def lean(connection: Connection) -> LeanSerializer:
    return LeanSerializer(connection, {})


@pytest.fixture(scope="module")
def botocores(connection: Connection) -> BotocoreCRTRequestSerializer:
    return BotocoreCRTRequestSerializer(connection.session, dict(connection.client_options))


def a_transfer(key: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - stands for s3transfer's future
    flight = SimpleNamespace(if_none_match=None, if_match=None)
    call = SimpleNamespace(bucket="a-bucket", key=key, extra_args=arguments, subscribers=[flight])
    return SimpleNamespace(meta=SimpleNamespace(call_args=call))


def said(request: Any) -> tuple[str, str, dict[str, str]]:  # noqa: ANN401 - awscrt's
    once = {"amz-sdk-invocation-id", "amz-sdk-request", "user-agent"}
    headers = {name.lower(): value for name, value in request.headers if name.lower() not in once}
    return request.method, request.path, headers


@given(key=KEYS, arguments=PUTS)
def test_an_upload_is_asked_for_as_botocore_does(
    lean: LeanSerializer, botocores: BotocoreCRTRequestSerializer, key: str, arguments: dict[str, Any]
) -> None:
    ours = lean.serialize_http_request("put_object", a_transfer(key, dict(arguments)))
    theirs = botocores.serialize_http_request("put_object", a_transfer(key, dict(arguments)))
    assert said(ours) == said(theirs)


@given(key=KEYS)
def test_a_download_is_asked_for_as_botocore_does(
    lean: LeanSerializer, botocores: BotocoreCRTRequestSerializer, key: str
) -> None:
    arguments = {"ChecksumMode": "ENABLED"}
    ours = lean.serialize_http_request("get_object", a_transfer(key, dict(arguments)))
    theirs = botocores.serialize_http_request("get_object", a_transfer(key, dict(arguments)))
    assert said(ours) == said(theirs)


def test_what_is_unusual_goes_through_botocore(
    lean: LeanSerializer, botocores: BotocoreCRTRequestSerializer
) -> None:
    arguments = {"ContentLength": 3, "ContentMD5": "x", "CacheControl": "no-cache"}
    ours = lean.serialize_http_request("put_object", a_transfer("k", dict(arguments)))
    theirs = botocores.serialize_http_request("put_object", a_transfer("k", dict(arguments)))
    assert said(ours) == said(theirs)
    assert said(ours)[2]["cache-control"] == "no-cache"


def test_conditions_are_added_and_the_request_is_noted(connection: Connection) -> None:
    flights: dict[int, Flight] = {}
    serializer = LeanSerializer(connection, flights)
    transfer = a_transfer("k", {"ContentLength": 3})
    (flight,) = transfer.meta.call_args.subscribers
    flight.if_none_match = "*"
    request = serializer.serialize_http_request("put_object", transfer)
    assert request.headers.get("If-None-Match") == "*"
    assert flights[id(request)] is flight
