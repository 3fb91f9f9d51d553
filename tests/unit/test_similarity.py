"""How alike descriptions are, and that the fast ranking finds what comparing everything finds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from creative_s3.core.assets.models import AssetType, Season, SemanticMetadata
from creative_s3.core.search.ranking import Effort, most_similar
from creative_s3.core.search.search import AssetSearch
from creative_s3.core.search.selection import Selection
from creative_s3.core.search.similarity import FULL, WEIGHTS, Likeness
from tests.unit.library_records import asset, memory, records, semantics
from tests.unit.test_search import few_at_once

if TYPE_CHECKING:
    from creative_s3.core.catalog.asset_rows import AssetRecord

MODEL = SemanticMetadata(
    AssetType.SCENE_BACKGROUND,
    product_category="dish_soap",
    region="US",
    visual_style="warm",
    season="summer",
    color_palette=("#ff0000", "#00ff00"),
    tags=("kitchen", "fresh"),
)
TINY = Effort(few=0, together=3, first=1)


def score(**changes: Any) -> float:  # noqa: ANN401 - of any field
    return Likeness(MODEL).score(replace(MODEL, **changes)).value


def test_the_weights_are_those_of_the_readme_and_make_one() -> None:
    assert dict(WEIGHTS) == {
        "style": 25,
        "season": 20,
        "category": 20,
        "region": 15,
        "palette": 10,
        "tags": 10,
    }
    assert sum(WEIGHTS.values()) == 100


@given(semantics)
def test_an_equal_description_has_the_score_1(semantic: SemanticMetadata) -> None:
    assert Likeness(semantic).score(semantic).value == 1


@given(semantics, semantics)
def test_a_score_lies_between_0_and_1_and_its_parts_make_it(
    model: SemanticMetadata, other: SemanticMetadata
) -> None:
    found = Likeness(model).score(other)
    assert 0 <= found.points <= found.most
    assert sum(found.parts.values()) == found.points
    assert sum(found.shares.values()) == pytest.approx(found.value)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"visual_style": "cool"}, 0.75),
        ({"visual_style": None}, 0.75),
        ({"visual_style": "WARM"}, 1),
        ({"season": "spring"}, 0.9),
        ({"season": "none"}, 0.9),
        ({"season": "winter"}, 0.8),
        ({"product_category": "hair_care"}, 0.8),
        ({"region": "EMEA"}, 0.85),
        ({"tags": ("fresh", "KITCHEN")}, 1),
        ({"tags": ("fresh",)}, 0.95),
        ({"tags": ("fresh", "a", "b")}, 0.925),
        ({"tags": ()}, 0.9),
        ({"color_palette": ()}, 0.9),
        ({"color_palette": ("#0F0", "FF0000")}, 1),
        ({"color_palette": ("#ff0000", "#00ff00", "no colour")}, 1),
        ({"color_palette": ("#0000ff",)}, 0.9),
        ({"aspect_ratio": "1x1", "dimensions": (1, 1), "asset_type": AssetType.COMPOSITE}, 1),
    ],
)
def test_each_part_counts_as_much_as_it_weighs(changes: dict[str, Any], expected: float) -> None:
    assert score(**changes) == pytest.approx(expected)


def test_near_colours_count_more_than_far_ones() -> None:
    same, near, far = (score(color_palette=(red, "#00ff00")) for red in ("#ff0000", "#f01010", "#e02020"))
    assert same == 1 > near > far > score(color_palette=("#0000ff", "#00ff00"))


def test_more_colours_than_the_model_has_are_less_alike() -> None:
    assert score(color_palette=("#ff0000", "#00ff00", "#0000ff")) == pytest.approx(0.9 + 0.1 * 4 / 5)


def test_what_the_model_does_not_say_does_not_count() -> None:
    model = SemanticMetadata(AssetType.COMPOSITE, region="US")
    found = Likeness(model).score(MODEL)
    assert found.parts == {"season": 10 * FULL, "region": 15 * FULL}
    assert found.value == pytest.approx(25 / 35)


def by_comparing_all(
    rows: list[AssetRecord], model: AssetRecord, found: list[str], limit: int
) -> list[tuple[str, int]]:
    assert model.asset.metadata is not None
    likeness = Likeness(model.asset.metadata)
    scored = [
        (likeness.score(row.asset.metadata).points, number, row.asset.cache_key)
        for number, row in enumerate(rows)
        if row.asset.metadata
        and row.asset.cache_key in found
        and row.asset.file_path != model.asset.file_path
    ]
    return [(name, points) for points, _, name in sorted(scored, reverse=True)[:limit]]


@given(records(most=40), few_at_once, st.integers(1, 8), st.sampled_from([Effort(), TINY]), st.data())
def test_the_fast_ranking_finds_what_comparing_everything_finds(
    rows: list[AssetRecord], selection: Selection, limit: int, effort: Effort, data: st.DataObject
) -> None:
    models = [row for row in rows if row.asset.metadata]
    assume(models)
    model = data.draw(st.sampled_from(models))
    assert model.asset.metadata is not None
    with memory(rows) as catalog:
        search = AssetSearch(catalog, selection)
        ranking = most_similar(
            search, model.asset.metadata, without=model.asset.file_path, limit=limit, effort=effort
        )
        expected = by_comparing_all(rows, model, list(search.cache_keys()), limit)
        assert [(one.record.asset.cache_key, one.score.points) for one in ranking.assets] == expected
        assert ranking.is_exact


@pytest.mark.parametrize("tags", [(), ("a",), ("a", "b"), ("a", "b", "c"), tuple("abcdefghij")])
def test_the_fast_ranking_finds_the_best_among_very_many_of_one_look(tags: tuple[str, ...]) -> None:
    colours = [f"#{number * 37 % 256:02x}{number * 91 % 256:02x}00" for number in range(200)]
    rows = [
        asset(f"a{number}", season=Season.NONE, tags=tags[number % 4 :: 2], color_palette=(colours[number],))
        for number in range(200)
    ]
    model = asset("model", season=Season.NONE, tags=tags, color_palette=("#802000",))
    rows.insert(100, model)
    assert model.asset.metadata is not None
    with memory(rows) as catalog:
        search = AssetSearch(catalog, Selection())
        ranking = most_similar(
            search, model.asset.metadata, without=model.asset.file_path, limit=5, effort=TINY
        )
        everything = list(search.cache_keys())
        assert [(one.record.asset.cache_key, one.score.points) for one in ranking.assets] == by_comparing_all(
            rows, model, everything, 5
        )
        assert ranking.is_exact


def test_where_too_much_is_alike_the_newest_are_compared_and_that_is_told() -> None:
    rows = [
        asset(f"a{number}", season=Season.NONE, color_palette=(f"#0000{number:02x}",))
        for number in range(200)
    ]
    model = SemanticMetadata(AssetType.SCENE_BACKGROUND, season=Season.NONE, color_palette=("#000000",))
    effort = Effort(few=10, together=10, first=10, most=200)
    with memory(rows) as catalog:
        ranking = most_similar(AssetSearch(catalog, Selection()), model, without="", limit=3, effort=effort)
        assert not ranking.is_exact
        names = [one.record.asset.cache_key for one in ranking.assets]
        assert len(names) == 3
        assert min(int(name[1:]) for name in names) > 100


def test_of_equally_similar_assets_the_newest_come_first() -> None:
    rows = [asset(f"a{number}", region="US") for number in range(50)]
    model = SemanticMetadata(AssetType.SCENE_BACKGROUND, region="US")
    with memory(rows) as catalog:
        for effort in (Effort(), TINY):
            ranking = most_similar(
                AssetSearch(catalog, Selection()), model, without="", limit=3, effort=effort
            )
            assert [one.record.asset.cache_key for one in ranking.assets] == ["a49", "a48", "a47"]
