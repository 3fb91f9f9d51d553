"""Merging the published index: what two machines write is never lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.published import PublishedDigests
from creative_s3.core.index.entries import SECTIONS, TOP_LEVEL
from creative_s3.core.published.publish import digest
from creative_s3.core.published.tombstones import TOMBSTONES, buried_keys
from tests.unit.merges import bury, merge, model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.unit.merges import Known

SECTION = "semantic_assets"
NAMES = st.sampled_from(["a", "b", ""])
TIMES = st.sampled_from(["2025-01-01", "2025-02-01T00:00:00Z", "never", 5])
SCALARS = st.none() | st.integers(0, 3) | st.sampled_from(["x", "\ud800"])
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "x": SCALARS,
        "y": SCALARS,
        "s3_key": st.sampled_from("kl"),
        "last_used": TIMES,
        "created_at": TIMES,
    },
)


class Machine:
    """One pipeline with its own index.json and its own memory of what it published."""

    def __init__(self, **entries: object) -> None:
        self.index: dict[str, Any] = {SECTION: dict(entries)}
        self.known: Known = {}

    def publish(self, published: Mapping[str, Any]) -> Mapping[str, Any]:
        merged = merge(self.index, published, self.known)
        self.known = merged.digests
        return merged.document


def merged_entry(ours: object, theirs: object) -> tuple[Any, tuple[str, ...]]:
    merged = merge({SECTION: {"a": ours}}, {SECTION: {"a": theirs}}, {})
    return merged.document[SECTION]["a"], merged.conflicts


# One merge


def test_the_first_one_publishes_the_index_as_it_is() -> None:
    document = {"products": {}, SECTION: {"a": {"x": 1}}, "deadbeef": {"file_path": "f"}, "version": 3}
    merged = merge(document, {}, {})
    assert merged.document == document
    assert list(merged.document) == list(document)
    assert merged.conflicts == ()
    assert set(merged.digests) == {(SECTION, "a"), (TOP_LEVEL, "deadbeef"), (TOP_LEVEL, "version")}


def test_entries_that_only_one_side_has_stay() -> None:
    merged = merge(
        {SECTION: {"ours": {"x": 1}}, "top": {"y": 1}, "products": {"p": {}}},
        {SECTION: {"theirs": {"x": 2}}, "other": 5, "cache_entries": {}},
        {},
    )
    assert merged.document == {
        SECTION: {"ours": {"x": 1}, "theirs": {"x": 2}},
        "top": {"y": 1},
        "products": {"p": {}},
        "other": 5,
        "cache_entries": {},
    }
    assert merged.conflicts == ()


def test_an_entry_with_an_empty_name_or_with_null_is_an_entry_like_others() -> None:
    theirs = {SECTION: {"": None, "b": None}, "": None}
    assert merge({SECTION: {}}, theirs, {}).document == theirs
    assert merge(theirs, {SECTION: {}}, {}).document == theirs


def test_of_two_unknown_entries_the_one_used_later_wins_and_the_others_fields_are_kept() -> None:
    early = {"last_used": "2025-01-01T00:00:00", "tags": ["early"], "only_early": 1}
    late = {"last_used": "2025-02-01T00:00:00", "tags": ["late"], "only_late": 2}
    expected = {"last_used": "2025-02-01T00:00:00", "tags": ["late"], "only_early": 1, "only_late": 2}
    assert merged_entry(early, late) == (expected, (f"{SECTION}.a",))
    assert merged_entry(late, early) == (expected, (f"{SECTION}.a",))


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ("2025-01-01T10:00:00", "2025-01-01T10:00:00.5"),
        ("2025-01-01T10:00:00.5Z", "2025-01-01T10:00:01Z"),
        ("2025-01-01T10:00:00+02:00", "2025-01-01T09:00:00Z"),
        ("2025-01-01T10:00:00+02:00", "2025-01-01T09:00:00"),
        ("2025-01-01", "2025-01-01T00:00:01"),
        ("yesterday", "2025-01-01"),
        (None, "2025-01-01"),
        (20250101, "2025-01-01"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:01"),
    ],
)
def test_times_are_compared_as_times(early: object, late: object) -> None:
    older, newer = {"created_at": early, "x": "older"}, {"created_at": late, "x": "newer"}
    assert merged_entry(older, newer)[0]["x"] == "newer"
    assert merged_entry(newer, older)[0]["x"] == "newer"


def test_a_different_time_or_key_alone_is_no_conflict() -> None:
    ours = {"last_used": "2025-01-01", "s3_key": "p/a"}
    theirs = {"last_used": "2025-02-01", "s3_key": "p/b"}
    assert merged_entry(ours, theirs) == (theirs, ())


@pytest.mark.parametrize("other", [[], None, "text", 7, [1]])
def test_a_section_that_is_no_object_on_one_side_never_loses_the_others_entries(other: object) -> None:
    entries = {"a": {"x": 1}}
    for ours, theirs in (({SECTION: entries}, {SECTION: other}), ({SECTION: other}, {SECTION: entries})):
        merged = merge(ours, theirs, {})
        assert merged.document == {SECTION: entries}
        assert merged.conflicts == ((SECTION,) if other else ())
        assert merge(ours, merged.document, merged.digests).document == merged.document


# Edits since


def test_our_edit_survives_their_stale_copy() -> None:
    a, b = Machine(e={"x": 1}), Machine(e={"x": 1})
    published = b.publish(a.publish({}))
    a.index[SECTION]["e"] = {"x": 2}
    published = b.publish(a.publish(published))
    assert published[SECTION]["e"] == {"x": 2}


def test_their_edit_survives_our_stale_copy_even_if_ours_was_used_later() -> None:
    a, b = Machine(e={"x": 1}), Machine(e={"x": 1})
    published = b.publish(a.publish({}))
    b.index[SECTION]["e"] = {"x": 2}
    published = a.publish(b.publish(published))
    assert published[SECTION]["e"] == {"x": 2}


def test_edits_of_different_fields_of_one_entry_both_survive() -> None:
    start = {"x": 1, "y": 1, "last_used": "2025-01-01"}
    a, b = Machine(e=start), Machine(e=start)
    published = b.publish(a.publish({}))
    b.index[SECTION]["e"] = {**start, "x": 2, "last_used": "2025-03-01"}
    published = b.publish(published)
    published = a.publish(published)
    a.index[SECTION]["e"] = {**start, "y": 2}
    published = b.publish(a.publish(published))
    assert published[SECTION]["e"] == {"x": 2, "y": 2, "last_used": "2025-03-01"}


def test_an_edit_of_a_plain_value_survives_a_stale_copy_of_it() -> None:
    a, b = Machine(), Machine()
    a.index = {"version": 1}
    b.index = {"version": 1}
    published = b.publish(a.publish({}))
    b.index = {"version": 2}
    published = a.publish(b.publish(published))
    assert published["version"] == 2


def test_when_both_edited_a_field_the_later_entry_wins_and_it_is_told() -> None:
    a, b = Machine(e={"x": 1}), Machine(e={"x": 1})
    published = b.publish(a.publish({}))
    b.index[SECTION]["e"] = {"x": "b", "last_used": "2025-02-01"}
    published = b.publish(published)
    a.index[SECTION]["e"] = {"x": "a", "last_used": "2025-03-01"}
    merged = merge(a.index, published, a.known)
    assert merged.document[SECTION]["e"] == {"x": "a", "last_used": "2025-03-01"}
    assert merged.conflicts == (f"{SECTION}.e",)


def test_a_field_that_one_side_took_out_is_out() -> None:
    a, b = Machine(e={"x": 1, "y": 1}), Machine(e={"x": 1, "y": 1})
    published = b.publish(a.publish({}))
    del a.index[SECTION]["e"]["y"]
    published = b.publish(a.publish(published))
    assert published[SECTION]["e"] == {"x": 1}


def test_an_edit_counts_more_than_taking_the_field_out() -> None:
    a, b = Machine(e={"x": 1, "y": 1}), Machine(e={"x": 1, "y": 1})
    published = b.publish(a.publish({}))
    del a.index[SECTION]["e"]["y"]
    b.index[SECTION]["e"]["y"] = 2
    published = a.publish(b.publish(published))
    assert published[SECTION]["e"] == {"x": 1, "y": 2}


def test_an_entry_that_one_side_took_out_stays_published() -> None:
    a = Machine(e={"x": 1})
    published = a.publish({})
    del a.index[SECTION]["e"]
    assert a.publish(published)[SECTION]["e"] == {"x": 1}


def test_a_published_key_stays_when_our_file_is_missing() -> None:
    a, b = Machine(e={"x": 1, "s3_key": "p/k"}), Machine(e={"x": 1})
    published = b.publish(a.publish({}))
    assert published[SECTION]["e"]["s3_key"] == "p/k"
    a.index[SECTION]["e"] = {"x": 2}
    published = b.publish(a.publish(published))
    assert published[SECTION]["e"] == {"x": 2, "s3_key": "p/k"}


def test_a_record_of_another_form_counts_as_none() -> None:
    known = {(SECTION, "a"): PublishedDigests("0123456789abcdef", "=x")}
    ours, theirs = {SECTION: {"a": {"x": 1, "o": 1}}}, {SECTION: {"a": {"x": 1, "t": 1}}}
    assert merge(ours, theirs, known).document[SECTION]["a"] == {"x": 1, "o": 1, "t": 1}


def test_the_record_can_be_kept_in_the_catalog_whatever_the_names(tmp_path: Path) -> None:
    ours = {SECTION: {"\ud800": {"x": 1}, "a\0b": {}, "日本": {"y": 1}}, "": 1}
    merged = merge(ours, {}, {})
    assert merged.document == ours
    with Catalog(tmp_path / "catalog", bucket="b") as catalog:
        catalog.published.replace(merged.digests.items)
        assert {name: catalog.published.get(*name) for name in merged.digests} == merged.digests
        assert set(merged.digests) == {(SECTION, "a\0b"), (SECTION, "日本"), (TOP_LEVEL, "")}


def test_a_time_neither_goes_back_nor_away() -> None:
    times = {"last_used": "2025-02-01", "created_at": "2025-01-01"}
    a, b = Machine(e={"x": 1, **times}), Machine(e={"x": 1, **times})
    published = b.publish(a.publish({}))
    a.index[SECTION]["e"] = {"x": 2, "created_at": "2024-01-01"}
    published = a.publish(published)
    assert published[SECTION]["e"] == {"x": 2, **times}
    b.index[SECTION]["e"] = {"x": 1, "last_used": "yesterday", "created_at": "2025-01-02"}
    assert b.publish(published)[SECTION]["e"] == {"x": 2, **times, "created_at": "2025-01-02"}


# Tombstones


def retired(document: Mapping[str, Any], *names: str, at: str = "2025-03-01") -> dict[str, Any]:
    return bury(document, *names, at=datetime.fromisoformat(at).replace(tzinfo=UTC))


def test_what_was_retired_is_not_brought_back_by_an_older_copy() -> None:
    entry = {"x": 1, "s3_key": "p/k", "last_used": "2025-02-01"}
    a, b = Machine(e=entry, f={"x": 2}), Machine(e=entry)
    published = retired(b.publish(a.publish({})), "e")
    assert published[SECTION] == {"f": {"x": 2}}
    for machine in (a, b, Machine(e={**entry, "x": 3})):
        published = dict(machine.publish(published))
        assert published[SECTION] == {"f": {"x": 2}}
    assert list(buried_keys(published)) == ["p/k"]


def test_what_was_used_after_it_was_retired_comes_back() -> None:
    a = Machine(e={"x": 1, "last_used": "2025-02-01"})
    published = retired(a.publish({}), "e")
    a.index[SECTION]["e"]["last_used"] = "2025-03-02"
    published = dict(a.publish(published))
    assert published == {SECTION: {"e": {"x": 1, "last_used": "2025-03-02"}}}


def test_an_entry_from_a_clock_that_is_ahead_is_retired_too() -> None:
    document = {SECTION: {"e": {"last_used": "2999-01-01"}}}
    assert retired(document, "e")[SECTION] == {}


def test_names_are_entries_cache_keys_and_keys() -> None:
    document = {
        "products": {"soap": {"s3_key": "p/soap", "product_s3_key": "p/raw"}},
        "top": {"cache_key": "hero"},
    }
    assert retired(document, "p/raw", "hero").keys() == {"products", "tombstones"}
    assert retired(document, "soap")["top"] == {"cache_key": "hero"}
    assert retired(document, "nothing") == document


@given(st.dictionaries(NAMES, ENTRY, max_size=3), st.dictionaries(NAMES, ENTRY, max_size=3), st.sets(NAMES))
def test_merging_with_tombstones_again_changes_nothing_and_the_order_of_machines_does_not_matter(
    ours: dict[str, Any], theirs: dict[str, Any], names: set[str]
) -> None:
    document = retired({SECTION: theirs}, *names)
    first = merge({SECTION: ours}, document, {})
    assert merge({SECTION: ours}, first.document, first.digests).document == first.document
    assert merge({SECTION: ours}, first.document, {}).document == first.document
    for name in names.intersection(theirs, ours):
        assert name not in first.document[SECTION]  # nothing here is newer than the tombstones


# Whatever they write

DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        SECTION: st.dictionaries(NAMES, ENTRY | SCALARS, max_size=3) | SCALARS,
        "products": st.dictionaries(NAMES, ENTRY, max_size=2),
        "deadbeef": ENTRY | SCALARS,
        "": ENTRY,
    },
)


def names_in(document: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the names of all entries; a section that is no object has none."""
    return {
        pair
        for name, value in document.items()
        for pair in (
            [(TOP_LEVEL, name)]
            if name not in SECTIONS
            else [(name, entry) for entry in (value if isinstance(value, dict) else ())]
        )
    }


@given(DOCUMENT, DOCUMENT, DOCUMENT)
@example({SECTION: {"a": {"x": 1}}}, {SECTION: 3}, {})
@example({SECTION: 3}, {SECTION: {"a": {"x": 1}}}, {})
def test_no_entry_of_either_side_is_ever_lost(
    ours: dict[str, Any], theirs: dict[str, Any], before: dict[str, Any]
) -> None:
    known = merge(before, theirs, {}).digests
    merged = merge(ours, theirs, known)
    assert set(merged.document) == set(ours) | set(theirs)
    assert names_in(merged.document) == names_in(ours) | names_in(theirs)


@given(DOCUMENT, DOCUMENT, DOCUMENT)
@example(
    {"": {"x": None}},
    {SECTION: None, "products": {}, "": {"last_used": "2025-02-01T00:00:00Z", "y": None, "x": 0}},
    {"": {"x": 1, "last_used": "2025-02-01T00:00:00Z"}},
)
@example(  # our later time is the one that they took back
    {"": {"x": 2, "last_used": "2025-02-01", "created_at": "2025-01-01"}},
    {"": {"x": 3, "last_used": "2025-01-01", "created_at": "2025-03-01"}},
    {"": {"x": 1, "last_used": "2025-02-01", "created_at": "2025-03-01"}},
)
def test_merging_again_changes_nothing(
    ours: dict[str, Any], theirs: dict[str, Any], before: dict[str, Any]
) -> None:
    known = merge(before, theirs, {}).digests
    first = merge(ours, theirs, known)
    assert merge(ours, first.document, first.digests).document == first.document
    assert list(merge(ours, first.document, first.digests).document) == list(first.document)
    # The same when the machine died before it could remember what it published.
    assert merge(ours, first.document, known).document == first.document


STONES = st.dictionaries(
    st.sampled_from([SECTION, "products", "", "elsewhere"]),
    st.dictionaries(
        st.sampled_from(["a", "deadbeef", "nothing"]),
        st.fixed_dictionaries({}, optional={"removed_at": TIMES, "removed_by": st.just("m")}),
        max_size=2,
    ),
    max_size=2,
)
WITH_STONES = st.builds(
    lambda document, stones: document if stones is None else {**document, TOMBSTONES: stones},
    DOCUMENT,
    st.none() | STONES | SCALARS,
)


@given(WITH_STONES, WITH_STONES, DOCUMENT)
@example({SECTION: {}, "top": True}, {"top": 1}, {})
@example({TOMBSTONES: 5}, {TOMBSTONES: {}}, {})
def test_a_merge_is_what_it_is_in_memory(
    ours: dict[str, Any], theirs: dict[str, Any], before: dict[str, Any]
) -> None:
    known = merge(before, theirs, {}).digests
    merged, expected = merge(ours, theirs, known), model(ours, theirs, known)
    # Through JSON: 1 and true are one value to Python.
    assert json.dumps(merged.document, sort_keys=True) == json.dumps(expected.document, sort_keys=True)
    assert [*entries(merged.document)] == [*entries(expected.document)]
    assert merged.digests == expected.digests
    assert sorted(merged.conflicts) == sorted(expected.conflicts)
    assert merged.is_different == expected.is_different


def entries(document: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield names in their order."""
    for name, value in document.items():
        yield name, list(value) if name in SECTIONS and isinstance(value, dict) else []


@given(DOCUMENT)
def test_merging_with_nothing_or_with_itself_changes_nothing(document: dict[str, Any]) -> None:
    assert merge(document, {}, {}).document == document
    assert merge({}, document, {}).document == document
    assert merge(document, document, {}).document == document
    assert merge(document, document, {}).conflicts == ()


@given(DOCUMENT, DOCUMENT)
def test_who_publishes_first_makes_no_difference_where_nothing_is_contested(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    one, other = merge(first, second, {}), merge(second, first, {})
    assert bool(one.conflicts) == bool(other.conflicts)
    assume(not one.conflicts)
    assume(not any(_same_time_other_key(first, second)))
    assert one.document == other.document


def _same_time_other_key(first: dict[str, Any], second: dict[str, Any]) -> list[bool]:
    """Times and keys are settled without a conflict: of two equally old entries, the last one counts."""
    settled = []
    for section in (SECTION, "products", None):
        ones, others = (
            document if section is None else document.get(section) for document in (first, second)
        )
        if isinstance(ones, dict) and isinstance(others, dict):
            settled += [
                isinstance(ones[name], dict)
                and isinstance(others[name], dict)
                and any(
                    ones[name].get(field) != others[name].get(field)
                    for field in ("s3_key", "last_used", "created_at")
                )
                for name in set(ones) & set(others)
            ]
    return settled


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["edit", "publish", "publish"]),
        st.sampled_from([0, 1]),
        st.sampled_from(["e", "f"]),
        st.sampled_from(["x", "y", "z"]),
    ),
    max_size=25,
)


@given(STEPS)
@example([("edit", 1, "e", "x"), ("publish", 1, "e", "x"), ("edit", 0, "e", "y"), ("publish", 0, "e", "x")])
def test_two_machines_that_publish_in_turn_lose_no_edit_that_only_one_of_them_made(
    steps: list[tuple[str, int, str, str]],
) -> None:
    entry = {"x": 0, "y": 0, "z": 0, "last_used": "2025-01-01T00:00:00"}
    machines = [Machine(e=dict(entry)), Machine(f=dict(entry))]
    machines[0].index[SECTION]["f"] = dict(entry)
    published: Mapping[str, Any] = machines[0].publish({})
    published = machines[1].publish(published)
    editors: dict[tuple[str, str], set[int]] = {}
    latest: dict[tuple[str, str], int] = {}
    for count, (action, number, name, field) in enumerate(steps, start=1):
        machine = machines[number]
        if action == "publish":
            published = machine.publish(published)
        elif name in machine.index[SECTION]:
            edited = {**machine.index[SECTION][name], field: count}
            if count % 2:
                edited["last_used"] = f"2025-01-01T00:00:{count:02}"
            machine.index[SECTION][name] = edited
            editors.setdefault((name, field), set()).add(number)
            latest[name, field] = count
    for machine in machines:
        published = machine.publish(published)
    assert set(published[SECTION]) == {"e", "f"}
    for (name, field), who in editors.items():
        if len(who) == 1:
            assert published[SECTION][name][field] == latest[name, field]
        else:
            assert published[SECTION][name][field] != 0
    assert machines[0].publish(published) == machines[1].publish(published) == published


@given(DOCUMENT)
def test_a_digest_does_not_depend_on_the_order_of_fields(document: dict[str, Any]) -> None:
    again = json.loads(json.dumps(document))
    assert digest(dict(reversed(again.items()))) == digest(document)
