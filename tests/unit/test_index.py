"""Reading index.json: every shape the pipeline wrote, and whatever else may stand there."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from creative_s3.core.index import (
    SECTIONS,
    Index,
    IndexProblem,
    ProblemKind,
    Reference,
    assets_of,
    read_index,
    references,
)
from creative_s3.core.layout import key_of
from creative_s3.core.models import Asset, AssetType, Kind, ProductCategory, Season, VisualStyle
from creative_s3.core.workspace import FileState, Workspace
from creative_s3.errors import ExitCode, IndexFileError

if TYPE_CHECKING:
    import random

PREFIX = "creative-assets"
CACHE = Path("/studio/cache")


def walk(document: dict[str, Any], cache_dir: Path = CACHE) -> tuple[list[Reference], list[IndexProblem]]:
    found: list[Reference] = []
    problems: list[IndexProblem] = []
    for thing in references(Index(cache_dir / "index.json", document), cache_dir=cache_dir):
        if isinstance(thing, Reference):
            found.append(thing)
        else:
            problems.append(thing)
    return found, problems


def assets(document: dict[str, Any], cache_dir: Path = CACHE) -> dict[str, Asset]:
    found, problems = walk(document, cache_dir)
    assert problems == []
    return {asset.cache_key: asset for asset in assets_of(found, PREFIX)}


def problem(document: dict[str, Any]) -> IndexProblem:
    found, problems = walk(document)
    assert found == []
    assert len(problems) == 1
    return problems[0]


def composite(file_path: object = "output/final.jpg", **details: object) -> dict[str, Any]:
    return {"file_path": file_path, "semantic_metadata": {"asset_type": "composite", **details}}


def product(slug: str, **fields: object) -> dict[str, Any]:
    folder = f"products/{slug}"
    return {
        "name": slug,
        "slug": slug,
        "file_path": f"cache/{folder}/transparent.png",
        "cache_filename": f"{folder}/transparent.png",
        "product_cache_filename": f"{folder}/product.png",
        "tags": ["hair_care", "cpg"],
        "campaigns_used": ["spring"],
        "created_at": "2025-01-01T00:00:00",
        **fields,
    }


# The file


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty: line 1, column 1"),
        (b" \n\t\n", "is empty: line 1, column 1"),
        (b"\xef\xbb\xbf", "is empty: line 1, column 1"),
        (b'{\n  "products": {\n    "a"', "is not valid JSON: line 3, column 8: Expecting ':' delimiter"),
        (b'{"a" 1}', "line 1, column 6: Expecting ':' delimiter"),
        (b'{"a": 1} x', "is not valid JSON: line 1, column 10: Extra data"),
        (b"[]", "is not a JSON object: line 1, column 1"),
        (b"null", "is not a JSON object"),
        (b"NaN", "is not a JSON object"),
        (b'{\n"a": "\xff"}', "is not UTF-8 text: line 2, column 7"),
        ('{"a": 1}'.encode("utf-16"), "is UTF-16 text"),
        ('{"a": 1}'.encode("utf-16-le"), "is UTF-16 text"),
        ('{"a": 1}'.encode("utf-16-be"), "is UTF-16 text"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is nested too deeply: line 1, column 106"),
        (b'{\n"a": ' + b'{"x":' * 99 + b"[" + b"]" + b"}" * 100, "is nested too deeply: line 2, column 501"),
    ],
)
def test_a_file_that_is_no_index_is_refused_with_its_line_and_column(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(content)
    with pytest.raises(IndexFileError) as caught:
        read_index(path)
    assert expected in caught.value.message
    assert caught.value.item == str(path)
    assert caught.value.hint is not None
    assert str(path) in caught.value.hint
    assert caught.value.exit_code is ExitCode.SETTINGS
    assert path.read_bytes() == content


def test_a_missing_index_says_so(tmp_path: Path) -> None:
    with pytest.raises(IndexFileError, match=r"there is no index\.json"):
        read_index(tmp_path / "index.json")


def test_a_directory_in_place_of_the_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.json").mkdir()
    with pytest.raises(IndexFileError, match="is not a regular file"):
        read_index(tmp_path / "index.json")


def test_a_pipe_in_place_of_the_index_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "index.json")
    with pytest.raises(IndexFileError, match="is not a regular file"):
        read_index(tmp_path / "index.json")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_index_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text("{}")
    path.chmod(0)
    with pytest.raises(IndexFileError, match="cannot be read: Permission denied"):
        read_index(path)


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_bytes(b'\xef\xbb\xbf{"a": "\xc3\xa9"}')
    assert read_index(tmp_path / "index.json").document == {"a": "é"}


def test_what_is_no_strict_json_is_read_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text(
        '{"n": NaN, "i": -Infinity, "big": 1e999, "long": '
        + "9" * 5000
        + ', "a": {"x": 1, "x": 2}, "e": 1e3}'
    )
    index = read_index(path)
    assert index.document == {"n": None, "i": None, "big": None, "long": None, "a": {"x": 2}, "e": 1000.0}
    assert {problem.kind for problem in index.problems} == {ProblemKind.WARNING}
    assert sorted(problem.entry for problem in index.problems) == ["-Infinity", "1e999", "9" * 20, "NaN", "x"]
    assert not any(problem.stops for problem in index.problems)


def test_many_names_of_which_one_stands_twice_are_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    names = [str(number) for number in range(100_000)]
    path.write_text("{" + ",".join(f'"{name}": 1' for name in [*names, "7"]) + "}")
    assert [problem.entry for problem in read_index(path).problems] == ["7"]


# The shapes


def test_a_semantic_asset_is_read_with_all_it_says() -> None:
    document = {
        "semantic_assets": {
            "kitchen": {
                "cache_key": "kitchen",
                "file_path": "cache/scenes/kitchen.jpg",
                "semantic_metadata": {
                    "asset_type": "contextual_background",
                    "product_category": "dish_soap",
                    "region": "EMEA",
                    "visual_style": "warm",
                    "season": "holiday",
                    "color_palette": ["#AABBCC"],
                    "tags": ["kitchen", ""],
                    "dimensions": [1920, 1080],
                    "aspect_ratio": "16x9",
                },
                "campaign_id": "summer_2025",
                "created_at": "2025-01-01T00:00:00",
                "last_used": "2025-02-01T00:00:00",
                "usage_count": 3,
            }
        }
    }
    asset = assets(document)["kitchen"]
    assert asset.file_path == "cache/scenes/kitchen.jpg"
    assert asset.campaign_id == "summer_2025"
    assert (asset.created_at, asset.last_used) == ("2025-01-01T00:00:00", "2025-02-01T00:00:00")
    assert asset.metadata is not None
    assert asset.metadata.asset_type is AssetType.CONTEXTUAL_BACKGROUND
    assert asset.metadata.product_category is ProductCategory.DISH_SOAP
    assert asset.metadata.visual_style is VisualStyle.WARM
    assert asset.metadata.season is Season.HOLIDAY
    assert asset.metadata.tags == ("kitchen",)
    assert asset.metadata.dimensions == (1920, 1080)


def test_an_entry_at_the_top_level_is_an_asset() -> None:
    document = {
        "deadbeef": {
            "file_path": "cache/layouts/grid.png",
            "cache_key": "deadbeef",
            "metadata": {"type": "layout", "product_slug": "ultra-clean", "campaign_id": "fall"},
        },
        "statistics": {"hits": 3},
        "version": 2,
    }
    asset = assets(document)["deadbeef"]
    assert asset.kind is Kind.CACHE
    assert (asset.cache_type, asset.product_slug, asset.campaign_id) == ("layout", "ultra-clean", "fall")


def test_the_older_flat_form_is_read() -> None:
    document = {
        "product:ultra-clean": {
            "key": "product:ultra-clean",
            "file_path": "cache/products/ultra-clean.png",
            "metadata": {"name": "Ultra Clean"},
            "created_at": "2024-01-01T00:00:00",
            "accessed_at": "2024-02-01T00:00:00",
            "size_bytes": 12,
        },
        "overlay": {"key": "overlay", "file_path": "cache/text/one.png", "metadata": {}},
    }
    found = assets(document)
    old = found["product:ultra-clean"]
    assert old.metadata is not None
    assert old.metadata.asset_type is AssetType.PRODUCT_ORIGINAL
    assert old.product_slug == "ultra-clean"
    assert old.last_used == "2024-02-01T00:00:00"
    assert found["overlay"].kind is Kind.CACHE


def test_a_cache_entry_is_read_with_its_type() -> None:
    document = {
        "cache_entries": {
            "a1": {
                "file_path": "cache/text/one.png",
                "metadata": {"type": "text_overlay", "campaign_id": "c"},
            },
            "a2": {"file_path": "cache/text/two.png"},
            "a3": {"file_path": "cache/text/three.png", "metadata": {"type": "unspecified"}},
        }
    }
    found = assets(document)
    assert (found["a1"].cache_type, found["a1"].campaign_id) == ("text_overlay", "c")
    assert found["a2"].cache_type is found["a3"].cache_type is None


def test_a_products_entry_names_its_two_files() -> None:
    found = assets({"products": {"ultra-clean": product("ultra-clean")}})
    assert {name: asset.file_path for name, asset in found.items()} == {
        "product:ultra-clean:original": "cache/products/ultra-clean/product.png",
        "product:ultra-clean:transparent": "cache/products/ultra-clean/transparent.png",
    }
    for asset in found.values():
        assert asset.product_slug == "ultra-clean"
        assert asset.campaign_id == "spring"
        assert asset.metadata is not None
        assert asset.metadata.product_category is ProductCategory.HAIR_CARE


@pytest.mark.parametrize(
    "cache_filename",
    [
        "cache/products/x/transparent.png",
        "products/x/transparent.png",
        "/studio/cache/products/x/transparent.png",
    ],
)
def test_a_cache_filename_may_be_written_in_three_ways(cache_filename: str) -> None:
    entry = product("x", cache_filename=cache_filename, product_cache_filename=None)
    assert [asset.file_path for asset in assets({"products": {"x": entry}}).values()] == [
        "cache/products/x/transparent.png"
    ]


def test_a_product_and_a_semantic_asset_that_name_one_file_are_one_asset_with_both_names() -> None:
    entry = product("x", product_cache_filename=None)
    document = {
        "products": {"x": entry},
        "semantic_assets": {
            "x-transparent": {
                "file_path": entry["file_path"],
                "semantic_metadata": {"asset_type": "product_transparent", "region": "US"},
            }
        },
    }
    found = assets(document)
    assert list(found) == ["x-transparent"]
    assert found["x-transparent"].also_known_as == ("product:x:transparent",)
    assert found["x-transparent"].product_slug == "x"


def test_a_file_indexed_twice_under_one_key_is_one_asset() -> None:
    document = {"semantic_assets": {"b": composite(), "a": composite()}}
    document["semantic_assets"]["a"]["campaign_id"] = document["semantic_assets"]["b"]["campaign_id"] = "c"
    document["semantic_assets"]["a"]["product_slug"] = document["semantic_assets"]["b"]["product_slug"] = "s"
    found = assets(document)
    assert list(found) == ["a"]
    assert found["a"].also_known_as == ("b",)


def test_a_file_that_two_entries_describe_differently_is_two_assets() -> None:
    document = {
        "semantic_assets": {"a": composite(aspect_ratio="1x1"), "b": composite(aspect_ratio="16x9")},
        "cache_entries": {"c": {"file_path": "output/final.jpg"}},
    }
    found = assets(document)
    assert list(found) == ["a", "b", "c"]
    assert len({key_of(asset, PREFIX) for asset in found.values()}) == 3


def test_a_products_name_goes_to_one_asset_only_when_its_file_has_several() -> None:
    entry = product("x", product_cache_filename=None)
    path = entry["file_path"]
    document = {
        "products": {"x": entry},
        "semantic_assets": {
            "a-composite": composite(path),
            "b-product": {"file_path": path, "semantic_metadata": {"asset_type": "product_transparent"}},
        },
        "cache_entries": {"c": {"file_path": path}},
    }
    found = assets(document)
    assert {name: asset.also_known_as for name, asset in found.items()} == {
        "a-composite": (),
        "b-product": ("product:x:transparent",),
        "c": (),
    }


def test_identities_are_never_shared_by_two_assets() -> None:
    document = {
        "products": {
            "one": product("same"),
            "two": {**product("same"), "file_path": "cache/other.png", "cache_filename": "third.png"},
            "same": {"file_path": "cache/fourth.png"},
        },
        "semantic_assets": {
            "twice": composite("output/1.jpg"),
            "cache_entries:twice": composite("output/2.jpg"),
            "product:same:transparent": composite("output/3.jpg"),
        },
        "cache_entries": {"twice": {"file_path": "cache/4.png"}},
        "twice": {"file_path": "cache/5.png"},
        "index:twice": {"file_path": "cache/6.png"},
    }
    found, problems = walk(document)
    assert problems == []
    names = [reference.asset.cache_key for reference in found]
    assert len(set(names)) == len(names)
    assert len(
        {(name, reference.asset.file_path) for name, reference in zip(names, found, strict=True)}
    ) == len(names)
    # The product that is named as its slug has the plain identity, wherever it stands in the file.
    plain = next(each for each in found if each.asset.cache_key == "product:same:transparent")
    assert plain.asset.file_path == "cache/fourth.png"


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
        ("cache\\x.png", "a backslash"),
        ("C:\\x.png", "a backslash"),
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


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_the_reader_raises_nothing_but_its_own_error(content: bytes) -> None:
    path = Path("index.json")
    path.write_bytes(content)
    with contextlib.suppress(IndexFileError):
        assert isinstance(read_index(path).document, dict)


# The pipeline's own


def test_the_workspace_that_the_pipeline_wrote_is_read_as_it_is(reference_workspace: Path) -> None:
    cache_dir = reference_workspace / "cache"
    index = read_index(cache_dir / "index.json")
    found, problems = walk(dict(index.document), cache_dir)
    assert index.problems == ()
    assert problems == []
    merged = {asset.cache_key: asset for asset in assets_of(found, PREFIX)}
    keys = {name: key_of(asset, PREFIX).removeprefix(f"{PREFIX}/") for name, asset in merged.items()}
    assert len(merged) == 50
    assert keys["crème-éclat-shampooing-transparent"] == (
        "products/transparent/hair_care/creme-eclat-shampooing/transparent.png"
    )
    assert keys["日本の石けん-original"] == (
        "products/original/personal_care/e697a5e69cace381aee79fb3e38191e38293/product.png"
    )
    assert keys["power-dish-soap_16x9"] == "composites/cleanwavespring2025/power-dish-soap/16x9/final.jpg"
    assert keys["ctx_kitchen"] == "backgrounds/contextual/dish_soap/emea/none/kitchen.jpg"
    assert keys["solid_00aaFF"] == "backgrounds/solid/00aaff/00aaff.jpg"
    assert keys["gradient_warm"] == "backgrounds/gradient/warm/warm.jpg"
    assert keys["a1b2c3d4"] == "cache/text_overlay/summer_2025/overlay-one.png"
    assert keys["deadbeef01"] == "cache/layout/unspecified/grid.png"
    # Two scenes want one key: the only ones that do.
    assert keys["scene_summer_us_001"] == keys["scene_summer_us_alt"]
    assert len(set(keys.values())) == 49
    assert all(asset.also_known_as for asset in merged.values() if asset.kind is Kind.PRODUCT), (
        "each product file is named by a semantic asset, too"
    )


def test_the_files_of_the_workspace_that_the_pipeline_wrote_are_found(reference_workspace: Path) -> None:
    workspace = Workspace(reference_workspace / "cache")
    found, _ = walk(dict(read_index(workspace.index_path).document), workspace.cache_dir)
    located = {asset.cache_key: workspace.locate(asset.file_path) for asset in assets_of(found, PREFIX)}
    states = [file.state for file in located.values()]
    assert states.count(FileState.PRESENT) == 49
    assert located["gone_background"].state is FileState.MISSING
    named = {file.path for file in located.values()}
    spare = [file.path for file in workspace.files_in_cache() if file.path not in named]
    assert [workspace.relative(path) for path in spare] == ["cache/scenes/not_indexed.jpg"]
