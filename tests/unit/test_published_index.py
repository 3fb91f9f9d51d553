"""The published index as a file, and the keys in it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from creative_s3.core.index.index import Index, Reference, references
from creative_s3.core.migration.publishing import (
    KEY_FIELDS,
    format_published,
    parse_published,
    published_keys,
    with_keys,
)
from creative_s3.errors import ExitCode, IndexFileError

SECTION = "semantic_assets"


def test_a_published_index_is_ascii_and_reads_back() -> None:
    document = {SECTION: {"日本": {"é": "\ud800", "n": 1.5}}}
    content = format_published(document)
    assert content.isascii()
    assert parse_published(content, "k") == document


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b"null", b'{"a":' + b"[" * 500 + b"]" * 500 + b"}"]
)
def test_a_damaged_published_index_is_never_replaced(content: bytes) -> None:
    with pytest.raises(IndexFileError, match="the published index is damaged") as caught:
        parse_published(content, "p/metadata/index.json")
    assert caught.value.item == "p/metadata/index.json"
    assert caught.value.exit_code is ExitCode.SETTINGS
    assert "creative-s3 assets download p/metadata/index.json" in str(caught.value.hint)


def test_numbers_that_json_does_not_have_are_published_as_null() -> None:
    assert parse_published(b'{"a": NaN, "b": 1e999}', "k") == {"a": None, "b": None}


def placed(document: dict[str, Any]) -> list[Reference]:
    index = Index(Path("/studio/cache/index.json"), document)
    return [
        thing for thing in references(index, cache_dir=Path("/studio/cache")) if isinstance(thing, Reference)
    ]


def test_every_place_that_names_a_file_gets_the_key_of_its_object() -> None:
    document = {
        "products": {
            "p": {
                "slug": "p",
                "file_path": "cache/p.png",
                "cache_filename": "other.png",
                "product_cache_filename": "o.png",
            }
        },
        SECTION: {
            "s": {
                "file_path": "output/s.png",
                "semantic_metadata": {"asset_type": "composite"},
                "unknown": [1],
            }
        },
        "cache_entries": {"c": {"file_path": "cache/c.png"}},
        "top": {"file_path": "cache/t.png"},
        "version": 3,
    }
    before = json.dumps(document)
    found = placed(document)
    keys = {reference.asset.cache_key: f"k/{reference.asset.cache_key}" for reference in found}
    result = with_keys(document, [(each, keys[each.asset.cache_key]) for each in found])
    assert json.dumps(document) == before
    assert result["products"]["p"]["product_s3_key"] == "k/product:p:original"
    assert {field for field in result["products"]["p"] if field in KEY_FIELDS.values()} == set(
        KEY_FIELDS.values()
    )
    assert result[SECTION]["s"] == {**document[SECTION]["s"], "s3_key": "k/s"}  # type: ignore[index]
    assert result["cache_entries"]["c"]["s3_key"] == "k/c"
    assert result["top"]["s3_key"] == "k/top"
    assert result["version"] == 3
    assert {
        (section, entry, field): key
        for section, entry, field, key in published_keys(io.BytesIO(format_published(result)), "k")
    } == {(one.section, one.entry, one.field): keys[one.asset.cache_key] for one in found}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"cache_entries": []},
        {"cache_entries": {"c": 7}},
        {"cache_entries": {"c": {"s3_key": 7}}},
        {"cache_entries": {"c": {"s3_key": ""}, "\ud800": {"s3_key": "k"}, "d": {"s3_key": "\ud800"}}},
    ],
)
def test_a_published_index_without_usable_keys_gives_none(document: dict[str, Any]) -> None:
    assert not list(published_keys(io.BytesIO(format_published(document)), "k"))
