"""The heads of direct requests, compared with the requests that botocore makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3transfer.crt import BotocoreCRTRequestSerializer

from creative_s3 import S3Config
from creative_s3.core.s3.connection import Connection, connect
from creative_s3.core.transfers.direct_requests import DirectRequests
from creative_s3.core.transfers.flights import Flight
from tests.unit.test_crt_serializer import asked

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=12)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
PUTS = st.fixed_dictionaries(
    {"ChecksumCRC64NVME": st.just("AAECAwQFBgc=")},
    optional={
        "ContentType": st.sampled_from(["image/png", "application/octet-stream"]),
        "StorageClass": st.sampled_from(["STANDARD", "GLACIER_IR"]),
        "Tagging": st.just("a=b&c=d%20e"),
        "Metadata": st.dictionaries(NAMES, TEXT, max_size=4),
        "ServerSideEncryption": st.just("aws:kms"),
        "SSEKMSKeyId": st.just("1234-abcd"),
    },
)
OF_SIGNING = {"authorization", "x-amz-content-sha256", "x-amz-date", "user-agent"}
OF_BOTOCORE = {"amz-sdk-invocation-id", "amz-sdk-request", "user-agent"}


@pytest.fixture(scope="module", params=["path", "us-east-1", "eu-central-1", "ap-southeast-5", "cn-north-1"])
def connection(request: pytest.FixtureRequest) -> Connection:
    endpoint = "http://127.0.0.1:9" if request.param == "path" else None
    region = "us-east-1" if request.param == "path" else request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        return connect(S3Config(bucket_name="a-bucket", endpoint_url=endpoint, region=region))


@pytest.fixture(scope="module")
def direct(connection: Connection) -> DirectRequests:
    return DirectRequests(connection)


@pytest.fixture(scope="module")
def botocores(connection: Connection) -> BotocoreCRTRequestSerializer:
    return BotocoreCRTRequestSerializer(connection.session, dict(connection.client_options))


def a_flight(
    key: str, size_bytes: int = 0, *, if_none_match: str | None = None, if_match: str | None = None
) -> Flight:
    return Flight(key, Path("file"), size_bytes, lambda _: None, lambda _: None, if_none_match, if_match)


def said(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    method, path, version = first.split(" ")
    assert version == "HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines)
    return method, path, {name: value for name, value in headers.items() if name not in OF_SIGNING}


def by_botocore(
    serializer: BotocoreCRTRequestSerializer, operation: str, key: str, arguments: dict[str, Any]
) -> tuple[str, str, dict[str, str]]:
    request = asked(serializer, operation, key, arguments)
    headers = {name.lower(): value for name, value in request.headers if name.lower() not in OF_BOTOCORE}
    if operation != "put_object":
        assert headers.pop("content-length") == "0"  # s3transfer adds it for the Common Runtime
    return request.method, request.path, headers


@given(key=KEYS, size_bytes=st.integers(0, 10**9), arguments=PUTS)
def test_an_upload_is_asked_for_as_botocore_does(
    direct: DirectRequests,
    botocores: BotocoreCRTRequestSerializer,
    key: str,
    size_bytes: int,
    arguments: dict[str, Any],
) -> None:
    head = direct.put(a_flight(key, size_bytes), arguments)
    if head is None:
        assert any(part in {"", ".", ".."} for part in key.split("/"))
        return
    assert said(direct.signed(head)) == by_botocore(
        botocores, "put_object", key, {**arguments, "ContentLength": size_bytes}
    )


@given(key=KEYS)
def test_a_download_and_a_look_are_asked_for_as_botocore_does(
    direct: DirectRequests, botocores: BotocoreCRTRequestSerializer, key: str
) -> None:
    with_checksum = {"ChecksumMode": "ENABLED"}
    if head := direct.get(a_flight(key)):
        assert said(direct.signed(head)) == by_botocore(botocores, "get_object", key, with_checksum)
    if head := direct.head(key):
        assert said(direct.signed(head)) == by_botocore(botocores, "head_object", key, with_checksum)


def test_conditions_are_part_of_the_request(direct: DirectRequests) -> None:
    new = direct.put(a_flight("k", if_none_match="*"), {})
    over = direct.put(a_flight("k", if_match='"abc"'), {})
    assert new is not None
    assert over is not None
    assert said(direct.signed(new))[2]["if-none-match"] == "*"
    assert said(direct.signed(over))[2]["if-match"] == '"abc"'
    assert b"if-none-match;" in direct.signed(new)  # and it is signed


def test_a_request_is_signed_when_it_is_sent(connection: Connection) -> None:
    times = [1_700_000_000.0]
    direct = DirectRequests(connection, clock=lambda: times[-1])
    waiting = direct.put(a_flight("k"), {})
    assert waiting is not None
    times.append(1_800_000_000.0)
    assert b"x-amz-date: 20270115T080000Z" in direct.signed(waiting)


@pytest.mark.parametrize("key", ["a//b", "../a", "a/./b", "/a", ""])
def test_keys_that_a_client_could_read_as_a_path_are_left_to_others(direct: DirectRequests, key: str) -> None:
    assert direct.put(a_flight(key), {}) is None
    assert direct.get(a_flight(key)) is None
    assert direct.head(key) is None


@pytest.mark.parametrize("value", ["a\r\nx-amz-acl: public-read", "a\nb", "a\rb", "schön", "\udcff"])
def test_no_value_becomes_a_header_of_its_own(direct: DirectRequests, value: str) -> None:
    assert direct.put(a_flight("k"), {"Metadata": {"name": value}}) is None


def test_an_argument_that_is_not_known_is_left_to_others(direct: DirectRequests) -> None:
    assert direct.put(a_flight("k"), {"ACL": "private"}) is None
