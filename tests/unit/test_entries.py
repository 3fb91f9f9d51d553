"""The entries of an index: whose product they are, and what becomes of the bad ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from creative_s3.core.index.entries import SECTIONS
from creative_s3.core.index.index import ProblemKind, assets_of
from tests.unit.indexes import PREFIX, assets, composite, problem, product, walk

if TYPE_CHECKING:
    import random
    from pathlib import Path


# The slug of a product


def slug_of(name: str, entry: dict[str, Any], *registered: str) -> str | None:
    products = {slug: {"slug": slug} for slug in registered}
    return assets({"products": products, "semantic_assets": {name: entry}})[name].product_slug


def test_the_slug_comes_first_from_the_product_that_names_the_same_file() -> None:
    document = {
        "products": {"soap": product("soap")},
        "semantic_assets": {
            "other-thing": {
                "file_path": "cache/products/soap/product.png",
                "semantic_metadata": {"asset_type": "product_original", "product_slug": "explicit"},
            }
        },
    }
    assert assets(document)["other-thing"].product_slug == "soap"


def test_the_slug_comes_second_from_the_entry_itself() -> None:
    assert slug_of("soap_1x1", composite(product_slug="explicit"), "soap") == "explicit"
    assert slug_of("soap_1x1", {**composite(), "product_slug": "outer"}, "soap") == "outer"
    assert slug_of("soap_1x1", composite(slug="short"), "soap") == "short"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("soap_1x1", "soap"),
        ("soap-75ml_1x1", "soap-75ml"),
        ("soap-75ml-hero_1x1", "soap-75ml"),
        ("soap-7_1x1", "soap"),
        ("soap", "soap"),
        ("crème_1x1", "crème"),
        ("cre\u0300me_1x1", "crème"),
        ("日本_1x1", "日本"),
    ],
)
def test_the_slug_comes_third_from_the_longest_registered_one_that_begins_the_name(
    name: str, expected: str
) -> None:
    assert slug_of(name, composite(), "soap", "soap-75ml", "soap-75", "crème", "日本") == expected


@pytest.mark.parametrize(
    "name", ["soapbox_1x1", "soap2", "soapé_1x1", "soap\u0301_1x1", "sofa_soap", "日本の_1x1"]
)
def test_a_slug_begins_a_name_only_at_a_word_boundary(name: str) -> None:
    assert slug_of(name, composite(), "soap", "日本") == name


def test_a_background_has_a_slug_only_where_its_entry_says_so() -> None:
    entry = {"file_path": "cache/s.jpg", "semantic_metadata": {"asset_type": "scene_background"}}
    assert slug_of("soap_scene", entry, "soap") is None


# Bad entries


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../secret.png", "'..' part"),
        ("cache/../../secret.png", "'..' part"),
        ("/etc/passwd", "outside the workspace"),
        ("/studio-2/cache/x.png", "outside the workspace"),
        ("cache//x.png", "an empty part"),
        ("//studio/cache/x.png", "an empty part"),
        ("cache\\..\\..\\x.png", "'..' part"),
        ("C:\\x.png", "another machine"),
        ("C:/x.png", "another machine"),
        ("\\\\server\\share\\x.png", "another machine"),
        ("cache/x\0.png", "a NUL character"),
    ],
)
def test_a_path_that_leads_outside_is_refused_by_name(path: str, reason: str) -> None:
    for document in (
        {"semantic_assets": {"bad": composite(path)}},
        {"cache_entries": {"bad": {"file_path": path}}},
        {"bad": {"file_path": path}},
        {"products": {"bad": {"slug": "bad", "file_path": path}}},
    ):
        refused = problem(document)
        assert refused.kind is ProblemKind.REFUSED
        assert refused.stops
        assert refused.entry == "bad"
        assert reason in refused.reason


def test_a_cache_filename_that_leads_outside_is_refused() -> None:
    assert problem({"products": {"bad": {"cache_filename": "../../x.png"}}}).kind is ProblemKind.REFUSED


def test_an_absolute_path_inside_the_workspace_is_accepted() -> None:
    found = assets({"semantic_assets": {"a": composite("/studio/output/x.jpg")}})
    assert found["a"].file_path == "output/x.jpg"


def test_an_absolute_path_may_be_written_with_its_links_followed(tmp_path: Path) -> None:
    disk = tmp_path / "disk" / "store"
    disk.mkdir(parents=True)
    (tmp_path / "studio").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "studio")
    (tmp_path / "studio" / "cache").symlink_to(disk)
    document = {
        "semantic_assets": {
            "a": composite(str(tmp_path / "studio" / "output" / "a.jpg")),
            "b": composite(str(disk / "scenes" / "b.jpg")),
            "c": composite(str(tmp_path / "link" / "cache" / "c.jpg")),
        }
    }
    found = assets(document, tmp_path / "link" / "cache")
    assert [asset.file_path for asset in found.values()] == [
        "output/a.jpg",
        "cache/scenes/b.jpg",
        "cache/c.jpg",
    ]


def test_spare_dots_in_a_path_are_taken_out() -> None:
    assert assets({"semantic_assets": {"a": composite("./output/./x.jpg")}})["a"].file_path == "output/x.jpg"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (7, "is not an object but a number"),
        ([], "is not an object but a list"),
        (None, "is not an object but null"),
        ("x", "is not an object but 'x'"),
        ({}, "has no file_path"),
        ({"file_path": ""}, "has no file_path"),
        ({"file_path": 7}, "its file_path is not text but a number"),
        ({"file_path": "cache/"}, "its path names no file"),
        ({"file_path": "."}, "its path names no file"),
        ({"file_path": "/studio"}, "its path names no file"),
        ({"file_path": "x", "semantic_metadata": 7}, "its metadata is not an object but a number"),
        ({"file_path": "x"}, "its asset_type is unknown: null"),
        (composite(asset_type="hologram"), "its asset_type is unknown: 'hologram'"),
        (composite(asset_type=["composite"]), "its asset_type is unknown: a list"),
        (composite(region=7), "its region is not text but a number"),
        (composite(season={}), "its season is not text but an object"),
        (composite(tags="kitchen"), "its tags is not a list of texts"),
        (composite(tags=[1]), "its tags is not a list of texts"),
        (composite(color_palette={"a": 1}), "its color_palette is not a list of texts"),
        (composite(dimensions=[1]), "its dimensions are not two whole numbers"),
        (composite(dimensions=[1, 2.5]), "its dimensions are not two whole numbers"),
        (composite(dimensions=[1, -2]), "its dimensions are not two whole numbers"),
        (composite(dimensions=[True, False]), "its dimensions are not two whole numbers"),
        (composite(dimensions="4x5"), "its dimensions are not two whole numbers"),
        ({**composite(), "campaign_id": 7}, "its campaign_id is not text but a number"),
        ({**composite(), "created_at": True}, "its created_at is not text but true or false"),
        (composite("cache/\ud800.png"), "its file_path has half a surrogate pair"),
        (composite(region="\udfff"), "its region has half a surrogate pair"),
    ],
)
def test_a_bad_entry_is_set_aside_with_its_reason_and_the_others_go_on(entry: object, reason: str) -> None:
    found, problems = walk({"semantic_assets": {"bad": entry, "good": composite()}})
    assert [reference.entry for reference in found] == ["good"]
    assert [(each.kind, each.item) for each in problems] == [(ProblemKind.QUARANTINED, "semantic_assets.bad")]
    assert reason in problems[0].reason


@pytest.mark.parametrize(
    "entry",
    [
        7,
        {"slug": 7},
        {"file_path": ["x"]},
        {"tags": "cpg"},
        {"tags": 5},
        {"tags": {"a": 1}},
        {"campaigns_used": 7},
        {"campaigns_used": [7]},
        {"created_at": 5},
        {"slug": "\ud800"},
        {"tags": ["\ud800"]},
    ],
)
def test_a_bad_products_entry_is_set_aside_and_the_others_go_on(entry: object) -> None:
    bad = {**product("bad"), **entry} if isinstance(entry, dict) else entry
    found, problems = walk({"products": {"bad": bad, "good": product("good")}})
    assert {reference.entry for reference in found} == {"good"}
    assert [(each.kind, each.item) for each in problems] == [(ProblemKind.QUARANTINED, "products.bad")]


@pytest.mark.parametrize("section", ["products", "semantic_assets", "cache_entries"])
@pytest.mark.parametrize("value", [[1], "text", 7])
def test_a_section_that_is_no_object_is_set_aside(section: str, value: object) -> None:
    aside = problem({section: value})
    assert (aside.kind, aside.section, aside.entry) == (ProblemKind.QUARANTINED, section, "*")
    assert "is not an object" in aside.reason


@pytest.mark.parametrize("value", [None, [], {}, ""])
def test_an_empty_section_of_any_type_is_fine(value: object) -> None:
    assert walk(dict.fromkeys(SECTIONS, value)) == ([], [])


def test_names_that_no_file_can_hold_are_set_aside_and_can_be_printed() -> None:
    document = {
        "semantic_assets": {"": composite(), "a\ud800": composite()},
        "products": {"\udc00": product("x")},
    }
    found, problems = walk(document)
    assert found == []
    assert sorted(each.entry for each in problems) == ["", "\\udc00", "a\\ud800"]
    assert all(each.item.encode() for each in problems)


def test_unknown_words_are_carried_as_text() -> None:
    entry = composite(product_category="pet_food", season="monsoon", visual_style="brutalist")
    metadata = assets({"semantic_assets": {"a": entry}})["a"].metadata
    assert metadata is not None
    assert (metadata.product_category, metadata.season, metadata.visual_style) == (
        "pet_food",
        "monsoon",
        "brutalist",
    )


# Whatever stands there

FIELDS = [
    "file_path",
    "cache_key",
    "semantic_metadata",
    "metadata",
    "asset_type",
    "type",
    "slug",
    "tags",
    "dimensions",
    "campaigns_used",
    "created_at",
    "cache_filename",
    "product_cache_filename",
]
VALUES = ["product", "composite", "", "cache/x.png", "../z", "/studio/cache/x.png", "\ud800", "product:a"]
WORDS = st.sampled_from([*FIELDS, *VALUES, *sorted(SECTIONS)])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS
JSON = st.recursive(
    SCALARS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(WORDS, children, max_size=4),
    max_leaves=20,
)
ENTRY = st.dictionaries(WORDS, JSON, max_size=6) | st.builds(
    composite, st.sampled_from(["output/a.jpg", "cache/a.jpg", "cache/b.jpg"]), tags=JSON, region=JSON
)
ENTRIES = st.dictionaries(st.text(max_size=3) | WORDS, ENTRY | JSON, max_size=4)
DOCUMENT = st.builds(
    lambda sections, top: {**top, **sections},
    st.dictionaries(st.sampled_from(sorted(SECTIONS)), ENTRIES | JSON, max_size=4),
    ENTRIES,
)


@given(DOCUMENT)
@example({"products": {"a": {"tags": 5}}})
@example({"products": {"a": {"created_at": 5}}})
def test_whatever_stands_in_the_index_is_read_or_set_aside(document: dict[str, Any]) -> None:
    found, problems = walk(document)
    names = [reference.asset.cache_key for reference in found]
    assert len(set(names)) == len(names)
    for reference in found:
        path = reference.asset.file_path
        assert path
        assert not path.startswith("/")
        assert ".." not in path.split("/")
    merged = assets_of(found, PREFIX)
    identities = [name for asset in merged for name in (asset.cache_key, *asset.also_known_as)]
    assert sorted(identities) == sorted(names)
    for each in problems:
        assert each.item.encode()
        assert each.reason.encode()


@given(DOCUMENT, st.randoms(use_true_random=False))
def test_the_order_of_the_index_changes_nothing(document: dict[str, Any], source: random.Random) -> None:
    def shuffled(value: object) -> object:
        if not isinstance(value, dict):
            return value
        names = list(value)
        source.shuffle(names)
        return {name: shuffled(value[name]) for name in names}

    other = shuffled(document)
    assert isinstance(other, dict)
    assert assets_of(walk(document)[0], PREFIX) == assets_of(walk(other)[0], PREFIX)
