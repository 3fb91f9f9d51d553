"""Reading index.json: every shape the pipeline wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.assets.layout import key_of
from creative_s3.core.assets.models import AssetType, Kind, ProductCategory, Season, VisualStyle
from creative_s3.core.files.workspace import FileState, Workspace
from creative_s3.core.index.index import assets_of, read_index
from tests.unit.indexes import PREFIX, assets, composite, product, walk

if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_products_name_never_goes_to_a_plain_cache_entry() -> None:
    entry = product("x", product_cache_filename=None)
    document = {
        "products": {"x": entry},
        "semantic_assets": {"z-composite": composite(entry["file_path"])},
        "cache_entries": {"a": {"file_path": entry["file_path"]}},
    }
    found = assets(document)
    assert {name: asset.also_known_as for name, asset in found.items()} == {
        "a": (),
        "z-composite": ("product:x:transparent",),
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


# The pipeline's own


def test_the_workspace_that_the_pipeline_wrote_is_read_as_it_is(studio_workspace: Path) -> None:
    cache_dir = studio_workspace / "cache"
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


def test_the_files_of_the_workspace_that_the_pipeline_wrote_are_found(studio_workspace: Path) -> None:
    workspace = Workspace(studio_workspace / "cache")
    found, _ = walk(dict(read_index(workspace.index_path).document), workspace.cache_dir)
    located = {asset.cache_key: workspace.locate(asset.file_path) for asset in assets_of(found, PREFIX)}
    states = [file.state for file in located.values()]
    assert states.count(FileState.PRESENT) == 49
    assert located["gone_background"].state is FileState.MISSING
    named = {file.path for file in located.values()}
    spare = [file.path for file in workspace.files_in_cache() if file.path not in named]
    assert [workspace.relative(path) for path in spare] == ["cache/scenes/not_indexed.jpg"]
