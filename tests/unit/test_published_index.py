"""The published index as a file, and the keys in it."""

from __future__ import annotations

import io
import json
import resource
import tracemalloc
from typing import Any

import pytest

from creative_s3.core.published.merge import IndexMerge
from creative_s3.core.published.publish import parse_published, published_events, published_keys
from creative_s3.errors import ExitCode, IndexFileError, TemporaryError
from tests.unit.merges import merge, written

SECTION = "semantic_assets"


def file_of(document: dict[str, Any]) -> io.BytesIO:
    return io.BytesIO(json.dumps(document).encode())


def test_a_published_index_is_ascii_with_a_line_for_each_entry() -> None:
    document = {SECTION: {"日本": {"é": "\ud800", "n": [1.5, {}]}, "\ud800": 1}, "products": {}, "": None}
    text = merge(document, {}, {}).text
    assert text.isascii()
    assert json.loads(text) == document
    assert text.splitlines() == [
        "{",
        '  "semantic_assets": {',
        '    "\\u65e5\\u672c": {"\\u00e9": "\\ud800", "n": [1.5, {}]},',
        '    "\\ud800": 1',
        "  },",
        '  "products": {},',
        '  "": null',
        "}",
    ]
    assert merge({}, {}, {}).text == "{}"


def test_what_others_wrote_in_many_lines_or_not_quite_as_json_becomes_a_line() -> None:
    theirs = b'{"a": {\n "x":\n NaN}, "b": [1e999, "\xc3\xa9"], "c": {"x":1}, "c": {"x":2}, "a": {"x": 3}}'
    with IndexMerge(lambda *_: None) as merging:
        merging.take_theirs(published_events(io.BytesIO(theirs), "k", decoder=merging.decoder))
        merged = written(merging)
    assert merged.text == '{\n  "a": {"x": 3},\n  "b": [null, "\\u00e9"],\n  "c": {"x":2}\n}'
    assert not merged.is_different


def test_a_section_that_stands_twice_loses_no_entry() -> None:
    twice = b'{"products": {"a": 1}, "x": 1, "products": {"b": {}}, "products": 3, "cache_entries": 4}'
    with IndexMerge(lambda *_: None) as merging:
        events = published_events(io.BytesIO(twice), "k", decoder=merging.decoder)
        assert merging.take_ours(events, lambda _: {("products", "b"): {"s3_key": "k"}})
        merging.take_theirs([])
        merged = written(merging)
    assert merged.document == {"products": {"a": 1, "b": {"s3_key": "k"}}, "x": 1, "cache_entries": 4}


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


def test_the_keys_in_a_published_index_are_found_where_they_are() -> None:
    entry = {"s3_key": "k/1", "product_s3_key": "k/2", "cache_s3_key": "k/3", "other": "k/4"}
    document = {"products": {"p": entry}, SECTION: {"s": {"s3_key": "k/5"}}, "top": {"s3_key": "k/6"}}
    assert set(published_keys(file_of(document), "k")) == {
        ("products", "p", "file_path", "k/1"),
        ("products", "p", "product_cache_filename", "k/2"),
        ("products", "p", "cache_filename", "k/3"),
        (SECTION, "s", "file_path", "k/5"),
        ("", "top", "file_path", "k/6"),
    }


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
    assert not list(published_keys(file_of(document), "k"))


def test_merging_costs_no_memory_for_the_size_of_the_indexes() -> None:
    text = "x" * 4000
    ours = json.dumps({SECTION: {f"ours-{number}": {"text": text} for number in range(3000)}}).encode()
    theirs = json.dumps({SECTION: {f"theirs-{number}": {"text": text} for number in range(3000)}}).encode()
    out = Counted()
    tracemalloc.start()
    try:
        with IndexMerge(lambda *_: None) as merging:
            for file, take in (
                (io.BytesIO(ours), lambda events: merging.take_ours(events, lambda _: {})),
                (io.BytesIO(theirs), merging.take_theirs),
            ):
                take(published_events(file, "k", decoder=merging.decoder))
            merging.write(out)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert out.size_bytes > len(ours) + len(theirs)
    assert peak_bytes < out.size_bytes / 2


def test_a_full_disk_is_told_as_such() -> None:
    entries = {f"name-{number}": "x" * 4000 for number in range(4000)}
    content = io.BytesIO(json.dumps(entries).encode())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with IndexMerge(lambda *_: None) as merging:
        events = published_events(content, "k", decoder=merging.decoder)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        try:
            with pytest.raises(TemporaryError, match="no room for merging the index"):
                merging.take_theirs(events)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Counted(io.BytesIO):
    """Takes what is written, and keeps how much it was."""

    size_bytes = 0

    def write(self, content: Any, /) -> int:  # noqa: ANN401 - what a file takes
        self.size_bytes += len(content)
        return len(content)
