"""Listings as values: pages, kinds, what the metadata says, how much there is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.assets.layout import key_of, object_metadata
from creative_s3.core.assets.models import (
    KIND_OF_TYPE,
    Asset,
    AssetType,
    Kind,
    SemanticMetadata,
    StoredObject,
)
from creative_s3.core.storage.additions import Description, describe
from creative_s3.core.storage.assets import FOLDER_OF_KIND, ListedAsset, first_page, listed_asset
from creative_s3.core.storage.inventory import Amount, take_inventory
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREFIX = "creative-assets"
SOLID = Asset(
    "red", "cache/red.png", SemanticMetadata(AssetType.SOLID_BACKGROUND, color_palette=("#ff0000",))
)


def stored(key: str, size_bytes: int = 1, storage_class: str = "STANDARD") -> StoredObject:
    return StoredObject(key, size_bytes, "e", datetime(2025, 3, 1, tzinfo=UTC), storage_class)


def numbered(count: int) -> Iterator[ListedAsset]:
    return (ListedAsset(stored(f"{number:06}"), None, None) for number in range(count))


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_the_folder_that_the_layout_gives_it(kind: Kind) -> None:
    types = [asset_type for asset_type, of_kind in KIND_OF_TYPE.items() if of_kind is kind]
    assets = [Asset("a", "cache/a.png", SemanticMetadata(asset_type)) for asset_type in types]
    if kind is Kind.CACHE:
        assets = [Asset("a", "cache/a.png", cache_type="layout")]
    if kind is Kind.UNSORTED:
        assets = [Asset("a", "cache/a.png", indexed=False)]
    assert assets
    for asset in assets:
        assert key_of(asset, PREFIX).startswith(f"{PREFIX}/{FOLDER_OF_KIND[kind]}/")


@pytest.mark.parametrize(
    ("there", "limit", "shown", "more", "complete"),
    [
        (3, 100, 3, 0, True),
        (100, 100, 100, 0, True),
        (250, 100, 100, 150, True),
        (1000, 100, 100, 900, False),
        (5000, 100, 100, 900, False),
        (5000, 1000, 1000, 0, False),
        (1500, 1000, 1000, 0, False),
        (2500, 0, 2500, 0, True),
        (0, 100, 0, 0, True),
    ],
)
def test_a_page_counts_what_needs_no_other_request(
    there: int, limit: int, shown: int, more: int, *, complete: bool
) -> None:
    listing = numbered(there)
    page = first_page(listing, limit)
    assert (len(page.entries), page.more, page.is_complete) == (shown, more, complete)
    taken = there - sum(1 for _ in listing)
    assert taken <= max(-(-limit // 1000) * 1000, there if limit == 0 else 0)


def test_an_object_of_another_client_is_listed_without_a_kind() -> None:
    listed = listed_asset(stored(f"{PREFIX}/products/product.png"), PREFIX)
    assert (listed.kind, listed.asset_type, listed.asset) == (None, None, None)
    assert listed.to_dict()["kind"] == "other"


def test_a_listed_object_says_what_its_key_and_its_metadata_say() -> None:
    key = key_of(SOLID, PREFIX)
    seen = StoredObject(key, 1, "e", metadata=object_metadata(SOLID))
    listed = listed_asset(seen, PREFIX)
    assert (listed.kind, listed.asset_type, listed.asset) == (Kind.BACKGROUND, "solid_background", SOLID)
    assert listed.to_dict()["asset"]["color_palette"] == ["#ff0000"]
    assert "asset" not in listed_asset(stored(key), PREFIX).to_dict()


def test_an_inventory_counts_by_kind_and_class_and_leaves_nothing_out(tmp_path: Path) -> None:
    objects = [
        stored(key_of(SOLID, PREFIX), 10),
        stored(f"{PREFIX}/unsorted/a/b.png", 5, "GLACIER"),
        stored(f"{PREFIX}/metadata/index.json", 7),
        stored(f"{PREFIX}/somebody.txt", 3, "GLACIER"),
    ]
    counted = take_inventory(objects, prefix=PREFIX, cache_dir=tmp_path / "cache")
    assert counted.sorts == ("background", "unsorted", "other", "index")
    assert counted.classes == ("GLACIER", "STANDARD")
    assert counted.stored() == Amount(4, 25)
    assert counted.stored(storage_class="GLACIER") == Amount(2, 8)
    assert counted.stored(sort="unsorted", storage_class="STANDARD") == Amount()
    assert counted.local is None
    assert counted.to_dict()["by_kind"]["index"] == {
        "objects": 1,
        "size_bytes": 7,
        "by_storage_class": {"STANDARD": {"objects": 1, "size_bytes": 7}},
    }


def test_a_cache_that_cannot_be_read_is_a_remark_and_no_failure(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "index.json").write_text("{broken")
    counted = take_inventory([], prefix=PREFIX, cache_dir=tmp_path / "cache")
    assert counted.local is None
    assert "index.json" in str(counted.local_problem)


def described(path: Path, tmp_path: Path, **more: str) -> Asset:
    description = Description(SOLID.metadata or SemanticMetadata(AssetType.COMPOSITE), **more)
    return describe(path, description, cache_dir=tmp_path / "ws" / "cache", created_at="2025-03-01")


def test_a_new_asset_in_the_workspace_keeps_its_place(tmp_path: Path) -> None:
    (tmp_path / "ws" / "cache").mkdir(parents=True)
    asset = described(tmp_path / "ws" / "output" / "Été.png", tmp_path)
    assert (asset.cache_key, asset.file_path) == ("Été", "output/Été.png")
    assert key_of(asset, PREFIX) == f"{PREFIX}/backgrounds/solid/ff0000/ete.png"


@pytest.mark.parametrize("folder", ["elsewhere", "ws/../elsewhere"])
def test_a_new_asset_from_elsewhere_gets_the_place_that_the_layout_gives_it(
    folder: str, tmp_path: Path
) -> None:
    (tmp_path / "ws" / "cache").mkdir(parents=True)
    asset = described(tmp_path / folder / "Été.png", tmp_path)
    assert asset.file_path == "cache/backgrounds/solid/ff0000/Été.png"
    assert key_of(asset, PREFIX) == f"{PREFIX}/backgrounds/solid/ff0000/ete.png"


def test_without_a_cache_nothing_counts_as_in_the_workspace(tmp_path: Path) -> None:
    asset = described(tmp_path / "ws" / "a.png", tmp_path)
    assert asset.file_path == "cache/backgrounds/solid/ff0000/a.png"


def test_a_new_product_without_a_product_is_its_own(tmp_path: Path) -> None:
    cutout = Description(SemanticMetadata(AssetType.PRODUCT_TRANSPARENT), cache_key="soap-7")
    asset = describe(tmp_path / "a.png", cutout, cache_dir=tmp_path / "cache", created_at="2025-03-01")
    assert key_of(asset, PREFIX) == f"{PREFIX}/products/transparent/unspecified/soap-7/a.png"


@pytest.mark.parametrize("cache_key", ["", "\udc80"], ids=ascii)
def test_a_cache_key_that_is_no_text_is_refused(cache_key: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        described(tmp_path / "a.png", tmp_path, cache_key=cache_key)
