"""A listing may be in any order that a server is known to have, and repeats no key in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.s3.key_order import KNOWN_ORDERS, ListingCheck, by_bytes, by_parts, by_utf16

if TYPE_CHECKING:
    from creative_s3.core.s3.key_order import Order

NAMES = st.text(st.sampled_from("ab-./\ue000\U0001f3a8"), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("pages", "repeated"),
    [
        ([[], []], None),
        ([["a", "b"], ["c", "d"]], None),
        ([["a", "b"], ["b", "c"]], "b"),
        ([["a", "c"], ["b", "d"]], "b"),
        ([["a", "c", "b"]], "b"),
        ([["a", "a"]], "a"),
        ([["a", "b"], [], ["b"]], "b"),
        ([["z", "é", "日", "🎨"]], None),
        ([["\ue000", "\U0001f3a8"]], None),
        ([["\U0001f3a8", "\ue000"]], None),  # by UTF-16
        ([["spring/1", "spring/2"], ["spring-2025/1", "summer/1"]], None),  # by parts
        ([["spring/1", "spring-2025/1"], ["spring/2"]], "spring/2"),
        ([["spring-2025/1", "spring/1"], ["spring-2025/1"]], "spring-2025/1"),
    ],
)
def test_a_key_that_does_not_come_after_the_one_before_it_is_found(
    pages: list[list[str]], repeated: str | None
) -> None:
    check = ListingCheck()
    found = [check.repeated(page) for page in pages]
    assert [one for one in found if one is not None] == ([repeated] if repeated else [])


@given(st.sets(NAMES), st.sampled_from(KNOWN_ORDERS), st.integers(1, 5))
def test_every_known_order_is_accepted_and_a_page_that_comes_twice_is_not(
    names: set[str], order: Order, size: int
) -> None:
    keys = sorted(names, key=order)
    pages = [keys[start : start + size] for start in range(0, len(keys), size)]
    check = ListingCheck()
    assert [check.repeated(page) for page in pages] == [None] * len(pages)
    if keys:
        assert check.repeated(pages[-1]) == pages[-1][0]


@given(st.sets(NAMES))
def test_the_orders_are_those_of_bytes_parts_and_utf_16(names: set[str]) -> None:
    assert sorted(names, key=by_bytes) == sorted(names, key=str.encode)
    assert sorted(names, key=by_parts) == sorted(names, key=lambda name: name.split("/"))
    assert sorted(names, key=by_utf16) == sorted(names, key=lambda name: name.encode("utf-16-be"))


def test_without_an_order_only_a_page_that_begins_as_an_earlier_one_is_a_repetition() -> None:
    check = ListingCheck(())
    assert [check.repeated(page) for page in (["c", "a"], ["b", "d"], [], ["a", "c"])] == [None] * 4
    assert check.repeated(["c", "z"]) == "c"
