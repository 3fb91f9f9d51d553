"""Changes to the text of index.json: what they change, and that nothing else does."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from creative_s3.core.index.documents import DocumentError, parse_document
from creative_s3.core.index.edits import EMPTY_INDEX, IndexEdits, merged
from creative_s3.core.index.entries import SECTIONS
from creative_s3.core.index.json_walk import StreamedEntry, stream_events

Changes = dict[str, dict[str, dict[str, Any] | None]]

NAMES = st.sampled_from(["a", "b", "c", "é", '"', ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 1) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=5,
)
ENTRIES = st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3) | VALUES, max_size=4)
SECTION_NAMES = st.sampled_from(["products", "semantic_assets", "cache_entries"])
DOCUMENTS = st.dictionaries(NAMES | SECTION_NAMES, ENTRIES | VALUES, max_size=6)
FIELDS = st.none() | st.dictionaries(NAMES, VALUES, max_size=3)
CHANGES = st.dictionaries(SECTION_NAMES | st.just(""), st.dictionaries(NAMES, FIELDS, max_size=4), max_size=3)
LAYOUTS = st.sampled_from([(None, None), (None, (",", ":")), (0, None), (2, None), ("\t", (" ,\r\n", " : "))])


def edited(raw: bytes, changes: Changes, block_bytes: int = 5) -> tuple[bytes, int]:
    """Return the text with the changes in it, and how many entries it has."""
    edits = IndexEdits(changes)
    parts, done = [], 0
    events = stream_events(io.BytesIO(raw).read, sections=SECTIONS, block_bytes=block_bytes)
    for splice in edits.splices(events):
        assert done <= splice.start <= splice.end
        parts += [raw[done : splice.start], splice.text]
        done = splice.end
    return b"".join([*parts, raw[done:]]), edits.entries


def changed(document: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """Make the same changes to the parsed document.

    Raises:
        DocumentError: A section to which something should be added is no object, and not empty either.
    """
    document = json.loads(json.dumps(document))
    for section, entries in changes.items():
        target = document if section == "" else document.get(section)
        is_any_set = any(fields is not None for fields in entries.values())
        if not isinstance(target, dict):
            if not is_any_set:
                continue
            if target or isinstance(target, float):
                raise DocumentError
            target = document[section] = {}
        for name, fields in entries.items():
            if fields is None:
                target.pop(name, None)
            else:
                old = target.get(name)
                target[name] = {**old, **fields} if isinstance(old, dict) else fields
    return document


def entries_of(raw: bytes) -> list[StreamedEntry]:
    events = stream_events(io.BytesIO(raw).read, sections=SECTIONS)
    return [event for event in events if isinstance(event, StreamedEntry)]


def top_level_first(changes: Changes) -> Changes:
    return dict(sorted(changes.items(), key=lambda item: item[0] != ""))


@given(DOCUMENTS, CHANGES.map(top_level_first), LAYOUTS, st.integers(1, 40))
def test_a_document_is_changed_as_if_it_were_parsed_and_written_again(
    document: dict[str, Any], changes: Changes, layout: tuple[Any, Any], block_bytes: int
) -> None:
    indent, separators = layout
    raw = json.dumps(document, indent=indent, separators=separators, ensure_ascii=False).encode()
    try:
        expected = changed(document, changes)
    except DocumentError:
        with pytest.raises(DocumentError, match=r"cannot be added to: its .* is no object but"):
            edited(raw, changes, block_bytes)
        return
    result, entries = edited(raw, changes, block_bytes)
    assert json.dumps(json.loads(result)) == json.dumps(expected)
    assert entries == len(entries_of(result))
    assert edited(result, changes) == (result, entries)
    parse_document(result)


@given(DOCUMENTS, CHANGES.map(top_level_first))
def test_the_new_text_is_the_one_that_the_pipeline_would_write(
    document: dict[str, Any], changes: Changes
) -> None:
    try:
        expected = changed(document, changes)
    except DocumentError:
        assume(False)  # noqa: FBT003 - hypothesis's own form
    result, _ = edited(json.dumps(document, indent=2).encode(), changes)
    assert result.decode() == json.dumps(expected, indent=2)


@given(DOCUMENTS, CHANGES, LAYOUTS)
def test_what_no_change_names_stays_byte_for_byte(
    document: dict[str, Any], changes: Changes, layout: tuple[Any, Any]
) -> None:
    indent, separators = layout
    raw = json.dumps(document, indent=indent, separators=separators, ensure_ascii=False).encode()
    try:
        result, _ = edited(raw, changes)
    except DocumentError:
        return

    def untouched(text: bytes) -> list[tuple[str, str, str]]:
        return [
            (entry.section, entry.name, entry.raw)
            for entry in entries_of(text)
            if entry.name not in changes.get(entry.section, {}) and entry.name not in SECTIONS
        ]

    assert untouched(result) == untouched(raw)


def test_unknown_fields_of_an_entry_keep_their_very_text() -> None:
    raw = '{ "n": NaN,"n":1.50,  "long": ' + "9" * 5000 + ', "name" :"old", "x": {"deep": [1e3]} }'
    text = merged(raw, {"name": "new", "more": {"é": []}}, level=2)
    assert text is not None
    assert text.decode() == (
        raw.replace('"old"', '"new"').removesuffix(" }")
        + ',\n      "more": {\n        "\\u00e9": []\n      } }'
    )


def test_a_field_that_has_its_value_already_changes_nothing() -> None:
    raw = '{"a":1.0,"b":{"c":[1,2]},"d":null}'
    assert merged(raw, {"b": {"c": (1, 2)}, "a": 1.0, "d": None}, level=2) is None
    assert merged(raw, {"a": 1}, level=2) == raw.replace("1.0", "1").encode()
    assert merged('{"a":1}', {"a": True}, level=2) == b'{"a":true}'


def test_what_stands_twice_is_changed_in_both_places() -> None:
    raw = b'{"products": {"a": {"n": 1}, "a": {"n": 2, "k": 1}}, "products": {"b": {}}}'
    result, _ = edited(raw, {"products": {"a": {"n": 3}, "b": None}})
    assert json.loads(result) == {"products": {"a": {"n": 3}}}
    assert result.startswith(b'{"products": {"a": {"n": 3}, "a": {"n": 3, "k": 1}}, "products": {')
    result, _ = edited(raw, {"products": {"a": None}})
    assert result == b'{"products": {}, "products": {"b": {}}}'


def test_a_byte_order_mark_does_not_shift_anything() -> None:
    result, _ = edited(b'\xef\xbb\xbf{"products": {"\xc3\xa9": {"n": 1}}}', {"products": {"é": {"n": 2}}})
    assert result == b'\xef\xbb\xbf{"products": {"\xc3\xa9": {"n": 2}}}'


def test_a_value_that_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        edited(EMPTY_INDEX, {"products": {"a": {"n": float("nan")}}})


def test_a_half_surrogate_can_be_written() -> None:
    result, _ = edited(EMPTY_INDEX, {"products": {"\ud800": {"n": "\udfff"}}})
    assert json.loads(result)["products"] == {"\ud800": {"n": "\udfff"}}
