"""Keys, metadata and tags that a caller chose: what is sent is what S3 takes and what can be read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.assets.labels import checked_key, checked_tags, encoded_metadata
from creative_s3.core.assets.layout import decode_text
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)


@pytest.mark.parametrize(
    "key", ["a", "products/transparent/ü/日本 b.png", "a//b", "folder/", "x" * 1024, "a.b/..c"]
)
def test_a_key_that_s3_takes_is_left_as_it_is(key: str) -> None:
    assert checked_key(key) == key


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "empty"),
        ("é" * 513, "1,024 bytes"),
        ("/products/a.png", "begins with '/'"),
        ("a/../b", "'.' or '..'"),
        ("./a", "'.' or '..'"),
        ("a\nb", "control"),
        ("half \ud800", "text in UTF-8"),
        (b"bytes", "text in UTF-8"),
        (None, "text in UTF-8"),
    ],
)
def test_a_key_that_some_client_could_not_use_is_refused_with_the_reason(key: object, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        checked_key(key)


def test_plain_metadata_is_sent_as_it_is() -> None:
    metadata = {"Type": "product", "category": "dish_soap", "note": "a b, c=d; (1)"}
    assert encoded_metadata(metadata) == {"type": "product", "category": "dish_soap", "note": "a b, c=d; (1)"}


def test_numbers_become_text_and_none_is_left_out() -> None:
    assert encoded_metadata({"width": 1080, "ratio": 1.5, "hero": True, "region": None}) == {
        "width": "1080",
        "ratio": "1.5",
        "hero": "True",
    }
    assert encoded_metadata(None) == {}


@given(TEXTS)
def test_every_value_is_ascii_on_the_way_and_comes_back_exactly(value: str) -> None:
    (sent,) = encoded_metadata({"note": value}).values()
    assert sent.isascii()
    assert sent == sent.strip()
    assert decode_text(sent) == value


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"two words": "x"}, "letters, digits and hyphens"),
        ({"größe": "x"}, "letters, digits and hyphens"),
        ({"": "x"}, "letters, digits and hyphens"),
        ({"Type": "a", "type": "b"}, "differ only in case"),
        ({"note": "x" * 2045}, "2,049 bytes"),
        ({"note": "ü" * 400}, "2,404 bytes"),
    ],
)
def test_metadata_that_s3_would_refuse_is_refused_before(metadata: Mapping[str, object], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        encoded_metadata(metadata)


def test_two_kilobytes_of_metadata_are_not_too_much() -> None:
    assert encoded_metadata({"note": "x" * 2044})


def test_ten_tags_of_full_length_are_taken() -> None:
    tags = {f"{number}{'k' * 127}": "v" * 256 for number in range(10)}
    assert checked_tags(tags) == tags
    assert checked_tags({"Größe 1": "a+b-c=d.e_f:g/h@i 日本", "n": 7, "none": None})["n"] == "7"
    assert checked_tags(None) == {}


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({str(number): "x" for number in range(11)}, "11 tags"),
        ({"k" * 129: "x"}, "at most 128"),
        ({"k": "v" * 257}, "at most 256"),
        ({"aws:team": "x"}, "'aws:'"),
        ({"AWS:team": "x"}, "'aws:'"),
        ({"": "x"}, "not empty"),
        ({"k": "50%"}, "letters, digits"),
        ({"k&": "x"}, "letters, digits"),
        ({"k": "line\nbreak"}, "letters, digits"),
    ],
)
def test_tags_that_s3_would_refuse_are_refused_before(tags: Mapping[str, object], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        checked_tags(tags)


def test_tags_are_measured_in_utf_16_units() -> None:
    letters_beyond_16_bits = "\U00020000" * 128
    assert checked_tags({"k": letters_beyond_16_bits})
    with pytest.raises(UsageError, match="at most 256"):
        checked_tags({"k": letters_beyond_16_bits + "x"})
