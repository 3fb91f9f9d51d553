"""Searching the catalog: what a selection means, whatever is asked for together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.catalog.asset_rows import AssetRecord, words_of
from creative_s3.core.catalog.scales import instant
from creative_s3.core.catalog.schema import MIGRATIONS
from creative_s3.core.search.search import AssetSearch, Matches
from creative_s3.core.search.selection import SHORTEST_BEGINNING, Selection
from creative_s3.core.search.words import TOKENIZER, words_in
from tests.unit.library_records import DAYS, TAGS, asset, memory, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from creative_s3.core.catalog.catalog import Catalog

NOON = datetime(2025, 2, 1, 12, tzinfo=UTC)
TIMES = [NOON, *(datetime.fromisoformat(day[:10]).replace(tzinfo=UTC) for day in DAYS)]
VALUES: Mapping[str, tuple[str, ...]] = {
    "types": ("scene_background", "composite", "background", "cache", "layout", "unspecified", "nonsense"),
    "categories": ("dish_soap", "own SORT", "hair_care"),
    "regions": ("US", "us", "EMEA", "UK"),
    "seasons": ("none", "spring", "monsoon", "fall"),
    "styles": ("warm", "cool", "minimal"),
    "campaigns": ("spring 2025", "winter", "gone"),
    "products": ("dish-soap", "hair-care"),
    "tags": (*TAGS, "none of these"),
    "aspect_ratios": ("1x1", "16:9", "4x5"),
}


def found(catalog: Catalog, **wanted: object) -> list[str]:
    """Return the cache keys, the newest first, in whichever way they are asked for."""
    search = AssetSearch(catalog, Selection(**wanted))  # type: ignore[arg-type]
    page = search.page(1000)
    names = [record.asset.cache_key for record in page.records]
    assert page.matches == Matches(len(names), is_exact=True) == search.count()
    assert [record.asset.cache_key for record in search.all()] == list(search.cache_keys()) == names
    return names


selections = st.builds(
    Selection,
    **{name: st.lists(st.sampled_from(values), max_size=2).map(tuple) for name, values in VALUES.items()},
    larger_than_bytes=st.none() | st.sampled_from([0, 126, 127, 128, 999, 1000, 1001, 4_999_999]),
    made_before=st.none() | st.sampled_from(TIMES),
    unused_since=st.none() | st.sampled_from(TIMES),
    is_cold=st.none() | st.booleans(),
    text=st.sampled_from(["", "", "asset", "us", "spring -2025", "ET", "kitchen asse", '"', "png cache"]),
)
# With everything at once, next to nothing matches: mostly only a few are asked for.
few_at_once = st.builds(
    lambda whole, kept: Selection(**{name: getattr(whole, name) for name in kept}),
    selections,
    st.sets(st.sampled_from(sorted(Selection.__dataclass_fields__)), max_size=3),
)


@given(records(), few_at_once | selections, st.lists(st.tuples(st.integers(0, 24), st.sampled_from(TIMES))))
def test_a_search_finds_what_looking_at_every_asset_finds(
    rows: list[AssetRecord], selection: Selection, uses: list[tuple[int, datetime]]
) -> None:
    with memory(rows) as catalog:
        for number, at in uses:
            catalog.usage.record({f"asset-{number}": 1}, {}, at=at)
        accesses = {f"asset-{number}": max(at for one, at in uses if one == number) for number, _ in uses}
        expected = [row.asset.cache_key for row in rows if is_meant(row, rows, selection, accesses)]
        assert [record.asset.cache_key for record in AssetSearch(catalog, selection).all()] == expected[::-1]


def is_meant(
    row: AssetRecord, rows: list[AssetRecord], selection: Selection, accesses: Mapping[str, datetime]
) -> bool:
    """Say what a selection means, one asset at a time."""
    one, semantic = row.asset, row.asset.metadata
    of: dict[str, list[str | None]] = {
        "types": [one.asset_type, one.kind],
        "campaigns": [one.campaign_id],
        "products": [one.product_slug],
    }
    if semantic:
        of |= {
            "categories": [semantic.product_category],
            "regions": [semantic.region],
            "seasons": [semantic.season],
            "styles": [semantic.visual_style],
            "tags": list(semantic.tags),
            "aspect_ratios": [semantic.aspect_ratio],
        }
    for name in VALUES:
        asked = {value.lower().replace(":", "x") for value in getattr(selection, name)}
        if asked and not asked & {str(value).lower() for value in of.get(name, ()) if value}:
            return False
    return (
        not is_told_by_another(row, rows)
        and has_words(row, selection.text)
        and selection.is_cold in {None, row.is_cold}
        and (selection.is_cold is not False or row.size_bytes is not None)
        and (
            selection.larger_than_bytes is None
            or (row.size_bytes is not None and row.size_bytes > selection.larger_than_bytes)
        )
        and is_before(selection.made_before, [one.created_at])
        and is_before(selection.unused_since, [one.created_at, one.last_used])
        and not (selection.unused_since and accesses.get(one.cache_key, NEVER) >= selection.unused_since)
    )


NEVER = datetime.min.replace(tzinfo=UTC)


def is_before(time: datetime | None, texts: Iterable[str | None]) -> bool:
    known = [at for text in texts if (at := instant(text))]
    return time is None or (bool(known) and max(known) < time)


def has_words(row: AssetRecord, text: str) -> bool:
    words, there = words_in(text), words_in(words_of(row))
    if not words:
        return not text.strip()
    last = words[-1]
    return all(word in there for word in words[:-1]) and any(
        word == last or (len(last) >= SHORTEST_BEGINNING and word.startswith(last)) for word in there
    )


def is_told_by_another(row: AssetRecord, rows: list[AssetRecord]) -> bool:
    return row.section == "products" and any(
        other.section != "products" and other.asset.metadata and other.asset.file_path == row.asset.file_path
        for other in rows
    )


def test_values_of_one_facet_are_alternatives_and_facets_must_all_be_true() -> None:
    with memory(
        [asset("a", region="US", tags=("x",)), asset("b", region="EMEA"), asset("c", region="APAC")]
    ) as catalog:
        assert found(catalog, regions=("US", "APAC")) == ["c", "a"]
        assert found(catalog, regions=("US", "APAC"), tags=("x",)) == ["a"]
        assert found(catalog, regions=("EMEA",), tags=("x",)) == []


def test_without_any_wish_everything_is_found_the_newest_first() -> None:
    with memory([asset("a"), asset("b"), asset("c", asset_type=None, section="cache_entries")]) as catalog:
        assert found(catalog) == ["c", "b", "a"]


def test_an_empty_catalog_finds_nothing() -> None:
    with memory() as catalog:
        assert found(catalog) == found(catalog, is_cold=False) == found(catalog, text="x") == []
        assert found(catalog, larger_than_bytes=1) == found(catalog, made_before=NOON) == []


def test_a_kind_is_a_type_too() -> None:
    with memory([asset("a"), asset("b", asset_type=None, cache_type="layout")]) as catalog:
        assert found(catalog, types=("background",)) == found(catalog, types=("scene_background",)) == ["a"]
        assert found(catalog, types=("cache",)) == found(catalog, types=("layout",)) == ["b"]


def test_what_is_cold_is_found_as_it_changes() -> None:
    rows = [asset("a", size_bytes=1), asset("b", size_bytes=1, is_cold=True), asset("never seen")]
    with memory(rows) as catalog:
        assert (found(catalog, is_cold=True), found(catalog, is_cold=False)) == (["b"], ["a"])
        catalog.assets.set_cold(["a", "no such asset"], is_cold=True)
        catalog.assets.set_cold(["b"], is_cold=False)
        assert (found(catalog, is_cold=True), found(catalog, is_cold=False)) == (["a"], ["b"])
        assert catalog.assets.get("a") == catalog.assets.by_id([1])[0]


def test_a_product_whose_picture_another_entry_describes_is_left_out() -> None:
    product = asset("product:p", "cache/p.png", section="products", asset_type="product_transparent")
    described = asset("p-us", "cache/p.png", region="US")
    with memory([product, described]) as catalog:
        assert found(catalog) == ["p-us"]
    with memory([product, asset("entry", "cache/p.png", asset_type=None, section="")]) as catalog:
        assert found(catalog) == ["entry", "product:p"]


# Whichever are fewer decide how the index is asked: those that are meant, or the others.
@pytest.mark.parametrize("filler", [1, 10**9])
def test_larger_than_a_size_is_exact(filler: int) -> None:
    sizes = [None, 0, 1, 126, 127, 128, 999, 1000, 1001, 1023, 4_999_999, 5_000_000, *[filler] * 20]
    with memory(asset(f"a{number}", size_bytes=size) for number, size in enumerate(sizes)) as catalog:
        for limit in (0, 1, 126, 127, 999, 1000, 1001, 4_999_999, 10**10):
            expected = [
                f"a{number}" for number, size in enumerate(sizes) if size is not None and size > limit
            ]
            assert found(catalog, larger_than_bytes=limit) == expected[::-1]


@pytest.mark.parametrize("filler", ["2001-01-01", "2039-01-01"])
@pytest.mark.parametrize("field", ["created_at", "last_used"])
def test_before_a_time_is_exact(filler: str, field: str) -> None:
    start = datetime(2025, 1, 30, tzinfo=UTC)
    times = [start + timedelta(hours=7 * number) for number in range(20)]
    texts = [None, *(time.isoformat() for time in times), *[filler] * 30]
    rows = [asset(f"a{number}", None, **{field: text}) for number, text in enumerate(texts)]
    with memory(rows) as catalog:
        for limit in (*times[::3], start + timedelta(days=2), datetime(2030, 1, 1, tzinfo=UTC)):
            expected = [
                f"a{number}" for number, text in enumerate(texts) if (at := instant(text)) and at < limit
            ][::-1]
            assert found(catalog, unused_since=limit) == expected
            assert found(catalog, made_before=limit) == (expected if field == "created_at" else [])


def test_an_asset_is_unused_since_a_time_only_if_nothing_at_all_happened_since() -> None:
    made = "2025-01-01T00:00:00"
    rows = [
        asset("the-index-knows", created_at=made, last_used="2025-03-05T00:00:00"),
        asset("unused", created_at=made),
        asset("young", created_at="2026-01-01T00:00:00"),
        asset("nobody-knows"),
    ]
    march = datetime(2025, 3, 1, 10, tzinfo=UTC)
    with memory(rows) as catalog:
        assert found(catalog, unused_since=march) == ["unused"]
        catalog.usage.record({"unused": 1}, {}, at=march - timedelta(seconds=1))
        assert found(catalog, unused_since=march) == ["unused"]
        catalog.usage.record({"unused": 1}, {}, at=march)
        assert found(catalog, unused_since=march) == []
        assert found(catalog, unused_since=march + timedelta(days=5)) == ["unused", "the-index-knows"]


def test_an_asset_does_not_inherit_the_uses_of_one_that_is_gone() -> None:
    made = "2025-01-01T00:00:00"
    march = datetime(2025, 3, 1, tzinfo=UTC)
    with memory([asset("a", created_at=made), asset("gone", created_at=made)]) as catalog:
        catalog.usage.record({"gone": 1}, {}, at=march + timedelta(days=9))
        catalog.assets.remove([2])
        catalog.assets.put([asset("b", created_at=made)])
        assert found(catalog, unused_since=march) == ["b", "a"]
        catalog.assets.put([asset("gone", created_at=made)])
        assert found(catalog, unused_since=march) == ["b", "a"]


@pytest.mark.parametrize(
    "text",
    ['"', "'", "*", "a* OR b", "facets:f1", "f1", "NEAR(a b)", "-a", "(", "^x", "{x}:y", "\0", "\ud800"],
)
def test_no_character_means_anything_to_the_query_language(text: str) -> None:
    with memory([asset("plain")]) as catalog:
        assert found(catalog, text=text) == []


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("SPRING", True),
        ("ete", True),
        ("Été", True),
        ("spring hero", True),
        ("hero-spring", True),
        ("spring her", True),
        ("sprin hero", False),
        ("h", False),
        ("日本", True),
        ("---", False),
    ],
)
def test_all_words_must_occur_and_the_last_may_go_on(text: str, is_there: bool) -> None:  # noqa: FBT001 - a table
    with memory([asset("spring_hero.日本", tags=("été",)), asset("other")]) as catalog:
        assert found(catalog, text=text) == ["spring_hero.日本"] * is_there


def test_the_words_of_a_text_are_taken_as_the_index_takes_them() -> None:
    assert any(TOKENIZER in step for step in MIGRATIONS)


@pytest.mark.parametrize("value", ["", "\ud800", "UK\0", "%", "u_"])
def test_odd_values_are_unknown_and_nothing_worse(value: str) -> None:
    with memory([asset("a", region="UK", aspect_ratio="1x1")]) as catalog:
        assert found(catalog, regions=(value,)) == found(catalog, aspect_ratios=(value,)) == []


def test_a_value_that_no_asset_has_is_named_with_those_that_there_are() -> None:
    rows = [asset(f"a{number}", region=region) for number, region in enumerate(["US", "US", "EMEA", "LATAM"])]
    with memory(rows) as catalog:
        search = AssetSearch(catalog, Selection(regions=("latm", "US"), types=("x",)))
        assert search.page(10).records == ()
        kind, region = search.unknown
        assert (region.what, region.value, region.close) == ("region", "latm", ("LATAM",))
        assert (region.frequent, region.more) == (("US", "EMEA", "LATAM"), 0)
        assert (kind.what, kind.frequent) == ("type", ("background", "scene_background"))
        assert found(catalog, regions=("latm", "US")) == ["a1", "a0"]


def test_a_value_is_unknown_again_when_its_last_asset_has_gone() -> None:
    with memory([asset("a", region="US"), asset("b", region="EMEA")]) as catalog:
        catalog.assets.remove([1])
        search = AssetSearch(catalog, Selection(regions=("US",)))
        assert [value.frequent for value in search.unknown] == [("EMEA",)]


def test_large_numbers_of_assets_are_counted_up_to_a_limit() -> None:
    with memory(asset(f"a{number}", region="US") for number in range(30)) as catalog:
        search = AssetSearch(catalog, Selection(regions=("US",)))
        assert search.count(29) == Matches(29, is_exact=False)
        assert search.count(30) == Matches(30, is_exact=True)
        page = search.page(2)
        assert [record.asset.cache_key for record in page.records] == ["a29", "a28"]
        assert page.matches == Matches(30, is_exact=True)


def test_more_assets_than_are_fetched_at_once_are_all_yielded() -> None:
    with memory(asset(f"a{number}") for number in range(10_050)) as catalog:
        search = AssetSearch(catalog, Selection(types=("background",)))
        names = list(search.cache_keys())
        assert names == [f"a{number}" for number in reversed(range(10_050))]
        assert search.page(1).matches == Matches(10_000, is_exact=False)
        assert [record.asset.cache_key for record in search.all()] == names
