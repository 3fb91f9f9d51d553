"""What the catalog offers for a word that was begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creative_s3.core.assets.models import Asset, AssetType, SemanticMetadata
from creative_s3.core.catalog.asset_rows import AssetRecord
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.search.suggestions import MOST, Beginning, Column, Suggestions, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SIDE = "aws|my-bucket|creative-assets"


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "catalog.sqlite3", bucket=SIDE) as catalog:
        yield catalog


def known(catalog: Catalog) -> Suggestions:
    return Suggestions(catalog.database)


def fill(catalog: Catalog, cache_keys: Iterable[str], *, region: str = "US") -> None:
    catalog.assets.put(
        AssetRecord(
            Asset(key, f"cache/{key}.png", SemanticMetadata(AssetType.SOLID_BACKGROUND, region=region)),
            "semantic_assets",
            key,
        )
        for key in cache_keys
    )


def is_whole(value: str) -> bool:
    return not isinstance(value, Beginning)


def test_few_keys_are_offered_whole_and_in_order(catalog: Catalog) -> None:
    fill(catalog, ["soap-b", "soap-a", "shampoo"])
    assert known(catalog).cache_keys("so") == ["soap-a", "soap-b"]
    assert all(map(is_whole, known(catalog).cache_keys("")))
    assert known(catalog).cache_keys("x") == []


def test_of_too_many_keys_only_how_they_go_on_is_offered(catalog: Catalog) -> None:
    fill(catalog, [f"{name}-{number}" for name in ("bg", "product") for number in range(MOST)])
    assert known(catalog).cache_keys("") == ["bg-", "product-"]
    assert not any(map(is_whole, known(catalog).cache_keys("")))
    assert len(known(catalog).cache_keys("bg-")) == MOST


def test_a_key_alone_among_its_kind_is_offered_whole(catalog: Catalog) -> None:
    fill(catalog, ["logo-final", "bg", *(f"bg-{number}" for number in range(MOST))])
    offered = known(catalog).cache_keys("")
    assert offered == ["bg", "bg-", "logo-final"]
    assert list(map(is_whole, offered)) == [True, False, True]


def test_keys_without_a_place_to_break_go_on_by_one_character(catalog: Catalog) -> None:
    fill(catalog, [f"a{number:04}" for number in range(1000)])
    assert known(catalog).cache_keys("") == [f"a0{digit}" for digit in range(10)]


def test_a_key_that_others_begin_with_is_offered_once(catalog: Catalog) -> None:
    fill(catalog, [f"a{number}" for number in range(1000)])
    offered = known(catalog).cache_keys("")
    assert offered == [f"a{digit}" for digit in range(10)]


def test_values_of_facets_are_found_in_whatever_case(catalog: Catalog) -> None:
    fill(catalog, ["a"], region="US")
    fill(catalog, ["b"], region="EMEA")
    assert known(catalog).facet("region", "us") == ["US"]
    assert known(catalog).facet("region", "") == ["EMEA", "US"]
    assert known(catalog).facet("season", "") == ["none"]


def test_a_value_that_no_asset_has_any_more_is_not_offered(catalog: Catalog) -> None:
    fill(catalog, ["a"], region="US")
    gone = catalog.assets.get("a")
    assert gone is not None
    catalog.assets.remove([gone.id or 0])
    assert known(catalog).facet("region", "") == []


def test_s3_keys_are_those_of_every_bucket_or_of_one(catalog: Catalog, tmp_path: Path) -> None:
    catalog.remember(assignments={"a": "creative-assets/a.png"})
    with Catalog(tmp_path / "catalog.sqlite3", bucket="http://localhost:1|other|x") as other:
        other.remember(assignments={"a": "x/a.png"})
    assert known(catalog).keys("") == ["creative-assets/a.png", "x/a.png"]
    assert known(catalog).keys("", "other") == ["x/a.png"]
    assert known(catalog).keys("", "unknown") == []
    assert known(catalog).buckets() == ["my-bucket", "other"]


def test_folders_are_offered_one_level_at_a_time(catalog: Catalog) -> None:
    keys = ["p/a/1.png", "p/a/2.png", "p/b/c/3.png", "p/top.png", "p/z/4.png"]
    catalog.remember(assignments={key: key for key in keys})
    assert known(catalog).folders("") == ["p/"]
    assert known(catalog).folders("p/") == ["p/a/", "p/b/", "p/z/"]
    assert known(catalog).folders("p/b") == ["p/b/"]
    assert known(catalog).folders("p/a/") == []


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.text("ab-_é", min_size=1, max_size=7), min_size=1, max_size=400), st.text("ab-", max_size=2)
)
def test_what_is_offered_leads_to_every_value_and_to_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, values: set[str], beginning: str
) -> None:
    with Catalog(tmp_path_factory.mktemp("c") / "c.sqlite3", bucket=SIDE) as catalog:
        catalog.remember(assignments={value: value for value in values})
        column = Column(catalog.database, "assigned", "key", where="bucket = ?", values=(SIDE,))
        wanted = {value for value in values if value.startswith(beginning)}
        offered = suggest(column, beginning, "-_")
    assert len(offered) <= MOST
    for value in wanted:
        assert any(value == one or (value.startswith(one) and not is_whole(one)) for one in offered)
    for one in offered:
        assert any(value == one if is_whole(one) else value.startswith(one) for value in wanted)
        assert is_whole(one) or len(one) > len(beginning)
