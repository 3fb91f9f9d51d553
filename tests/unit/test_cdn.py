"""Invalidation paths: CloudFront's spelling, nothing paid twice, nothing sent that could match nothing."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.cdn.planning import caller_reference, invalidation_paths, path_of_key
from creative_s3.errors import UsageError

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="~"), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("given_path", "sent"),
    [
        ("/products/*", "/products/*"),
        ("products/*", "/products/*"),
        ("*", "/*"),
        ("/a b.png", "/a%20b.png"),
        ("/a%20b.png", "/a%20b.png"),
        ("/100%.png", "/100%25.png"),
        ("/ü/日.png", "/%C3%BC/%E6%97%A5.png"),
        ('/<">#{}|\\^[]`', "/%3C%22%3E%23%7B%7D%7C%5C%5E%5B%5D%60"),
        ("/a.png?size=2&v=1", "/a.png?size=2&v=1"),
        ("/it's-(1)!;,$@=+:_.-.png", "/it's-(1)!;,$@=+:_.-.png"),
        ("/folder/", "/folder/"),
        ("/star%2A.png", "/star%2A.png"),
        ("/tab\there", "/tab%09here"),
    ],
)
def test_a_path_is_written_as_cloudfront_wants_it(given_path: str, sent: str) -> None:
    assert invalidation_paths([given_path]) == (sent,)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/~user/a.png", "'~'"),
        ("/%7Euser/a.png", "'~'"),
        ("/a*b", "can only be its end"),
        ("/**", "can only be its end"),
        ("#product:soap", "cache tag"),
        ("", "a path is text"),
        (None, "a path is text"),
        ("/" + "x" * 4000, "4,000 characters"),
        ("/\ud800", "UTF-8"),
    ],
)
def test_a_path_that_cannot_be_invalidated_is_refused_with_the_reason(path: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        invalidation_paths(["/ok", path])


def test_one_path_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(UsageError, match="not a list"):
        invalidation_paths("/products/*")


def test_no_path_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="no path"):
        invalidation_paths([])


def test_no_path_is_paid_twice() -> None:
    paths = ["/products/a.png", "/x", "products/*", "/products/b/*", "/x", "/products", "/y?a=1"]
    assert invalidation_paths(paths) == ("/x", "/products/*", "/products", "/y?a=1")


def test_the_limits_count_paths_and_wildcards_apart() -> None:
    most = [f"/{number}" for number in range(3000)] + [f"/w{number}/*" for number in range(15)]
    assert len(invalidation_paths(most)) == 3015
    with pytest.raises(UsageError, match="3,001 paths"):
        invalidation_paths([*most, "/one-more"])
    with pytest.raises(UsageError, match="16 wildcards"):
        invalidation_paths([*most, "/one-more/*"])


@given(TEXTS)
def test_a_keys_path_decodes_to_the_key(key: str) -> None:
    path = path_of_key(key)
    assert path.isascii()
    assert unquote(path) == f"/{key}"
    assert invalidation_paths([path]) == (path,)


def test_the_reference_is_the_same_for_the_same_call_only() -> None:
    first = caller_reference(["/a", "/b"], "token")
    assert first == caller_reference(["/a", "/b"], "token")
    others = {caller_reference(["/a", "/b"], "other"), caller_reference(["/a"], "token"), first}
    assert len(others) == 3
