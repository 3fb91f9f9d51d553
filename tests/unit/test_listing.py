"""Pages of a LIST: what is read from the XML is what botocore's own parser reads, whatever the keys hold."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from botocore.parsers import create_parser
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.s3.listing import parse_page
from creative_s3.errors import UnsupportedError

SPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
KEYS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"], min_codepoint=1),
        st.sampled_from(list(" \n\r\t+%&<>\"'/é日🎨")),
    ),
    min_size=1,
    max_size=30,
)
ENTRIES = st.fixed_dictionaries(
    {"Key": KEYS, "Size": st.integers(0, 5 << 40)},
    optional={
        "ETag": st.sampled_from(['"d41d8cd98f00b204e9800998ecf8427e"', '"abc-12"', ""]),
        "StorageClass": st.sampled_from(["STANDARD", "GLACIER"]),
        "LastModified": st.sampled_from(["2026-03-04T10:00:00.000Z", "2025-12-31T23:59:59Z"]),
    },
)


def xml(
    entries: list[dict[str, Any]], *, rest: str = "<IsTruncated>false</IsTruncated>", space: str = SPACE
) -> bytes:
    """Write a page as S3 does when it is asked for keys in URL encoding."""
    parts = [f'<ListBucketResult xmlns="{space}"><EncodingType>url</EncodingType>{rest}']
    for entry in entries:
        fields = "".join(
            f"<{name}>{escape(quote(value) if name == 'Key' else str(value))}</{name}>"
            for name, value in entry.items()
        )
        parts.append(f"<Contents>{fields}</Contents>")
    return ("".join(parts) + "</ListBucketResult>").encode()


@cache
def shape_of_a_page() -> Any:  # noqa: ANN401 - botocore keeps the type to itself
    return Session().get_service_model("s3").operation_model("ListObjectsV2").output_shape


def read_by_botocore(body: bytes) -> dict[str, Any]:
    answer = {"status_code": 200, "headers": {}, "body": body}
    page: dict[str, Any] = create_parser("rest-xml").parse(answer, shape_of_a_page())
    return page


@given(st.lists(ENTRIES, max_size=6))
def test_a_page_says_what_botocore_reads_in_it(entries: list[dict[str, Any]]) -> None:
    body = xml(entries)
    page = parse_page(body)
    assert page is not None
    assert list(page.keys) == [entry["Key"] for entry in entries]
    for stored, theirs in itertools.zip_longest(page.objects(), read_by_botocore(body).get("Contents", ())):
        assert stored.size_bytes == theirs["Size"]
        assert stored.etag == theirs.get("ETag", "").strip('"')
        assert stored.last_modified == theirs.get("LastModified")
        assert stored.storage_class == theirs.get("StorageClass", "STANDARD")


def test_the_way_to_the_next_page_is_read() -> None:
    page = parse_page(
        xml([], rest="<IsTruncated>true</IsTruncated><NextContinuationToken>a+b%2F</NextContinuationToken>")
    )
    assert page is not None
    assert (page.is_truncated, page.token) == (True, "a+b%2F")


def test_keys_that_the_server_did_not_encode_stay_as_they_are() -> None:
    body = b"<ListBucketResult><Contents><Key>a+b%20c</Key><Size>1</Size></Contents></ListBucketResult>"
    page = parse_page(body)
    assert page is not None
    assert list(page.keys) == ["a+b%20c"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>not S3</html>",
        b"<Error><Code>SlowDown</Code></Error>",
        xml([{"Key": "k", "Size": 1}])[:-9],
    ],
)
def test_what_is_no_whole_listing_is_left_to_botocore(body: bytes) -> None:
    assert parse_page(body) is None


@pytest.mark.parametrize(
    "entry",
    [
        {"Key": "k", "Size": "many"},
        {"Key": "k", "Size": -1},
        {"Key": "k", "Size": 10**20},
        {"Key": "k"},
        {"Key": "", "Size": 1},
        {"Size": 1},
    ],
)
def test_a_listing_with_an_object_without_key_or_size_is_not_trusted(entry: dict[str, object]) -> None:
    with pytest.raises(UnsupportedError, match="cannot be trusted"):
        parse_page(xml([{"Key": "a", "Size": 1}, entry]))
