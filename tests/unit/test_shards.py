"""A listing in ranges says what a listing in one says."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.catalog.catalog import Catalog, ProvedObject
from creative_s3.core.s3.key_order import by_bytes, by_parts
from creative_s3.core.s3.listing import Page
from creative_s3.core.s3.shards import MOST_SHARDS, SHARD_KEYS, shard_count, sharded_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from creative_s3.core.s3.key_order import Order

TEXT = st.text(
    st.one_of(st.sampled_from("a-./"), st.characters(codec="utf-8", exclude_characters="\0")),
    min_size=1,
    max_size=4,
)


def page_of(keys: Sequence[str], *, more: bool) -> Page:
    many = len(keys)
    return Page(keys, range(many), keys, ["STANDARD"] * many, [""] * many, more, "token" if more else None)


class Bucket:
    """Answers as S3 does, a few keys a page."""

    def __init__(
        self, keys: Sequence[str], size: int = 3, *, knows_after: bool = True, order: Order = by_bytes
    ) -> None:
        self.keys = sorted(keys, key=order)
        self.order = order
        self.size = size
        self.knows_after = knows_after
        self.asked: list[str | None] = []

    def ask(self, after: str | None) -> Iterator[Page]:
        self.asked.append(after)
        left = [
            key
            for key in self.keys
            if after is None or not self.knows_after or self.order(key) > self.order(after)
        ]
        for start in range(0, max(1, len(left)), self.size):
            yield page_of(left[start : start + self.size], more=start + self.size < len(left))


@given(
    st.sets(TEXT, max_size=30),
    st.sets(TEXT, max_size=6),
    st.integers(1, 7),
    st.sampled_from(["knows", "ignores"]),
    st.sampled_from([by_bytes, by_parts]),
)
def test_ranges_bring_every_key_once_with_what_belongs_to_it(
    keys: set[str], marks: set[str], size: int, server: str, order: Order
) -> None:
    bucket = Bucket(sorted(keys), size, knows_after=server == "knows", order=order)

    pages = list(sharded_pages(bucket.ask, sorted(marks), order))

    assert sorted(key for page in pages for key in page.keys) == sorted(keys)
    assert all(list(page.keys) == sorted(page.keys, key=order) == list(page.etags) for page in pages)
    assert all(len(page.sizes) == len(page.keys) == len(page.times) for page in pages)


def test_each_range_is_asked_for_and_none_goes_past_its_end() -> None:
    bucket = Bucket([f"{number:02d}" for number in range(40)], size=4)

    pages = list(sharded_pages(bucket.ask, ["09", "19", "29"]))

    assert sorted(bucket.asked, key=str) == ["09", "19", "29", None]
    assert sum(len(page.keys) for page in pages) == 40


def test_a_server_that_cannot_begin_after_a_key_is_listed_in_one_range() -> None:
    bucket = Bucket([f"{number:02d}" for number in range(10)], knows_after=False)

    pages = list(sharded_pages(bucket.ask, ["04", "07"]))

    assert [key for page in pages for key in page.keys] == bucket.keys
    assert bucket.asked == ["07", None]


def test_the_failure_of_one_range_is_the_failure_of_the_listing() -> None:
    bucket = Bucket([f"{number:02d}" for number in range(40)], size=4)

    def ask(after: str | None) -> Iterator[Page]:
        yield from bucket.ask(after)
        if after == "19":
            raise ConnectionError("cut")

    # The page that ends a range is its last: what goes wrong behind it is nobody's business.
    assert sum(len(page.keys) for page in sharded_pages(ask, ["09", "19", "29"])) == 40
    with pytest.raises(ConnectionError, match="cut"):
        list(sharded_pages(ask, ["09", "19"]))


def test_who_stops_taking_stops_the_asking() -> None:
    begun = threading.active_count()
    bucket = Bucket([f"{number:04d}" for number in range(4_000)], size=1)
    pages = sharded_pages(bucket.ask, ["1000", "2000", "3000"])
    next(pages)
    next(pages)
    pages.close()  # type: ignore[attr-defined]

    for thread in threading.enumerate():
        if thread.name.startswith("transfer-"):
            thread.join(5)
    assert threading.active_count() <= begun


@pytest.mark.parametrize(
    ("keys", "shards"),
    [(0, 1), (2 * SHARD_KEYS - 1, 1), (2 * SHARD_KEYS, 2), (10**7, MOST_SHARDS)],
)
def test_only_what_is_large_is_cut(keys: int, shards: int) -> None:
    assert shard_count(keys) == shards


def test_the_catalog_marks_where_its_keys_are_cut(tmp_path: Path) -> None:
    names = [f"creative-assets/{number:05d}" for number in range(2 * SHARD_KEYS)]
    with Catalog(tmp_path / "catalog.sqlite3", bucket="bucket") as catalog:
        assert catalog.marks() == ()
        catalog.remember(
            objects=[
                ProvedObject(name, 1, "e", "c", None, "STANDARD", None, "checksum", "2026-01-01")
                for name in names
            ]
        )
        assert catalog.marks() == (names[SHARD_KEYS],)
