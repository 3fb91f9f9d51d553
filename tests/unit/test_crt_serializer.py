"""The lean way of making requests, compared with botocore's own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3transfer.crt import BotocoreCRTRequestSerializer

from creative_s3 import S3Config
from creative_s3.core.s3.connection import Connection, connect
from creative_s3.core.transfers.crt_serializer import LeanSerializer
from creative_s3.core.transfers.flights import Flight

HEADER_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
NAMES = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz-0123456789"), min_size=1, max_size=12)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
PUTS = st.fixed_dictionaries(
    {"ContentLength": st.integers(0, 10**9)},
    optional={
        "ContentType": st.sampled_from(["image/png", "application/octet-stream"]),
        "StorageClass": st.sampled_from(["STANDARD", "GLACIER_IR"]),
        "Tagging": st.just("a=b&c=d%20e"),
        "Metadata": st.dictionaries(NAMES, HEADER_TEXT, max_size=4),
        "ServerSideEncryption": st.just("aws:kms"),
        "SSEKMSKeyId": st.just("1234-abcd"),
        "ChecksumCRC64NVME": st.just("AAECAwQFBgc="),
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
    return LeanSerializer(connection)


@pytest.fixture(scope="module")
def botocores(connection: Connection) -> BotocoreCRTRequestSerializer:
    return BotocoreCRTRequestSerializer(connection.session, dict(connection.client_options))


def a_flight(*, if_none_match: str | None = None, if_match: str | None = None) -> Flight:
    return Flight("k", Path("file"), 3, lambda _: None, lambda _: None, if_none_match, if_match)


def asked(
    serializer: BotocoreCRTRequestSerializer, operation: str, key: str, arguments: dict[str, Any]
) -> Any:  # noqa: ANN401 - awscrt's
    if operation == "put_object":
        arguments = {**arguments, "ContentMD5": "override-to-be-removed"}
    call = SimpleNamespace(bucket="a-bucket", key=key, extra_args=arguments)
    transfer: Any = SimpleNamespace(meta=SimpleNamespace(call_args=call))
    return serializer.serialize_http_request(operation, transfer)


def said(request: Any) -> tuple[str, str, dict[str, str]]:  # noqa: ANN401 - awscrt's
    once = {"amz-sdk-invocation-id", "amz-sdk-request", "user-agent"}
    headers = {name.lower(): value for name, value in request.headers if name.lower() not in once}
    return request.method, request.path, headers


@given(key=KEYS, arguments=PUTS)
def test_an_upload_is_asked_for_as_botocore_does(
    lean: LeanSerializer, botocores: BotocoreCRTRequestSerializer, key: str, arguments: dict[str, Any]
) -> None:
    ours = lean.request("put_object", key, arguments, a_flight())
    assert said(ours) == said(asked(botocores, "put_object", key, arguments))


@given(key=KEYS, operation=st.sampled_from(["get_object", "head_object"]))
def test_a_download_and_a_look_are_asked_for_as_botocore_does(
    lean: LeanSerializer, botocores: BotocoreCRTRequestSerializer, key: str, operation: str
) -> None:
    arguments = {"ChecksumMode": "ENABLED"}
    ours = lean.request(operation, key, arguments, a_flight())
    assert said(ours) == said(asked(botocores, operation, key, arguments))


def test_what_is_unusual_goes_through_botocore(
    lean: LeanSerializer, botocores: BotocoreCRTRequestSerializer
) -> None:
    arguments = {"ContentLength": 3, "CacheControl": "no-cache"}
    ours = lean.request("put_object", "k", arguments, a_flight())
    assert said(ours) == said(asked(botocores, "put_object", "k", arguments))
    assert said(ours)[2]["cache-control"] == "no-cache"


@pytest.mark.parametrize("key", ["k", "a//b"])
def test_conditions_are_added(lean: LeanSerializer, key: str) -> None:
    arguments = {"ContentLength": 3}
    request = lean.request("put_object", key, arguments, a_flight(if_none_match="*"))
    assert request.headers.get("If-None-Match") == "*"
    request = lean.request("put_object", key, arguments, a_flight(if_match='"abc"'))
    assert request.headers.get("If-Match") == '"abc"'
