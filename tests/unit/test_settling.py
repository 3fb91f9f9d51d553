"""Settling: the journal reaches index.json, and what an older pipeline dropped comes back whole."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.assets.models import Asset, AssetType, Season, SemanticMetadata
from creative_s3.core.catalog.asset_rows import AssetRecord, Source
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.catalog.product_table import ProductTable
from creative_s3.core.catalog.settling import entry_of, settle
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.index.entries import EntryReader
from creative_s3.errors import IndexFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEMANTIC = SemanticMetadata(
    AssetType.SCENE_BACKGROUND,
    product_category="dish_soap",
    region="US",
    season=Season.SUMMER,
    color_palette=("#FF0000",),
    tags=("beach",),
    dimensions=(10, 20),
    aspect_ratio="1x2",
)
BACKGROUND = AssetRecord(
    Asset("beach", "cache/beach.png", SEMANTIC, campaign_id="c1", created_at="2026-05-01T10:00:00"),
    "semantic_assets",
    "beach",
    source=Source.REGISTERED,
    is_cold=True,
)
OVERLAY = AssetRecord(
    Asset("over", "cache/over.png", cache_type="text_overlay", campaign_id="c1", created_at="2026-05-01"),
    "",
    "over",
    source=Source.REGISTERED,
    is_cold=True,
)


class Place:
    """A cache with an open catalog."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root / "cache")
        self.workspace.cache_dir.mkdir(parents=True)
        self.catalog = Catalog(catalog_path(self.workspace.cache_dir), bucket="b")

    def register(self, record: AssetRecord, value: dict[str, Any]) -> None:
        with self.catalog.database.transaction():
            self.catalog.assets.put([record])
            self.catalog.journal.add(record.section, record.entry, value)

    def settle(self) -> None:
        settle(self.catalog, self.workspace)

    def index(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.workspace.index_path.read_bytes())
        return document

    def write(self, document: dict[str, Any]) -> None:
        self.workspace.index_path.write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "work")
    with made.catalog:
        yield made


def test_what_was_pending_is_in_the_index_and_is_pending_no_more(place: Place) -> None:
    place.register(BACKGROUND, entry_of(BACKGROUND))
    place.settle()
    assert place.index()["semantic_assets"] == {"beach": entry_of(BACKGROUND)}
    assert not place.catalog.journal.has_pending()
    record = place.catalog.assets.get("beach")
    assert record
    assert record.digest is not None
    assert record.is_cold


def test_settling_what_is_settled_changes_nothing(place: Place) -> None:
    place.register(BACKGROUND, entry_of(BACKGROUND))
    place.settle()
    before = place.workspace.index_path.stat()
    place.settle()
    assert place.workspace.index_path.stat() == before


def test_what_is_pending_adds_to_what_the_pipeline_wrote(place: Place) -> None:
    place.write({"semantic_assets": {"beach": {**entry_of(BACKGROUND), "odd": [1]}}, "theme": "dark"})
    place.register(BACKGROUND, {"campaign_id": "c2"})
    place.settle()
    assert place.index() == {
        "semantic_assets": {"beach": {**entry_of(BACKGROUND), "odd": [1], "campaign_id": "c2"}},
        "theme": "dark",
    }


def test_a_damaged_index_keeps_the_changes_waiting(place: Place) -> None:
    place.register(BACKGROUND, entry_of(BACKGROUND))
    place.workspace.index_path.write_bytes(b"[]")
    with pytest.raises(IndexFileError):
        place.settle()
    assert place.catalog.journal.has_pending()
    assert place.workspace.index_path.read_bytes() == b"[]"


@pytest.mark.parametrize(
    ("record", "extra"),
    [
        (BACKGROUND, {}),
        (BACKGROUND, {"usage_count": 3, "campaigns_used": ["c1", "c2"], "ours": {"a": None}}),
        (OVERLAY, {}),
        (OVERLAY, {"metadata": {"type": "text_overlay", "campaign_id": "c1", "font": "Inter"}}),
    ],
)
def test_an_entry_that_an_older_pipeline_dropped_comes_back_whole(
    place: Place, record: AssetRecord, extra: dict[str, Any]
) -> None:
    value = {**entry_of(record), **extra}
    place.register(record, value)
    place.settle()
    place.write({"semantic_assets": {}, "later": {"file_path": "cache/later.png", "metadata": {}}})
    place.settle()
    index = place.index()
    assert (index[record.section] if record.section else index)[record.entry] == value
    assert "later" in index


def test_a_later_change_of_a_dropped_entry_counts(place: Place) -> None:
    place.register(BACKGROUND, {**entry_of(BACKGROUND), "ours": 1})
    place.settle()
    row = place.catalog.assets.get("beach")
    assert row
    changed = replace(row, asset=replace(row.asset, campaign_id="c2"))
    place.register(changed, {"campaign_id": "c2", "campaigns_used": ["c2"]})
    place.settle()
    place.write({})
    place.settle()
    entry = place.index()["semantic_assets"]["beach"]
    assert (entry["campaign_id"], entry["campaigns_used"], entry["ours"]) == ("c2", ["c2"], 1)
    rows = place.catalog.database.rows("SELECT count(*) FROM journal")
    assert rows == [(1,)]


def test_a_dropped_product_comes_back_with_all_its_files(place: Place) -> None:
    product = {
        "name": "The Soap",
        "slug": "soap",
        "file_path": "cache/soap/cut.png",
        "product_cache_filename": "soap/photo.png",
        "status": "ready",
        "tags": ["dish_soap"],
    }
    with place.catalog.database.transaction():
        for field, asset in EntryReader(place.workspace.cache_dir).product("soap", product):
            record = AssetRecord(asset, "products", "soap", field, Source.REGISTERED, is_cold=True)
            place.catalog.assets.put([record])
        ProductTable(place.catalog.database).put("soap", product)
        place.catalog.journal.add("products", "soap", product)
    place.settle()
    place.write({})
    place.settle()
    assert place.index()["products"] == {"soap": product}


def test_threads_that_settle_at_once_write_every_entry_once(place: Place) -> None:
    for number in range(40):
        name = f"a{number}"
        asset = replace(BACKGROUND.asset, cache_key=name, file_path=f"cache/{name}.png")
        record = replace(BACKGROUND, asset=asset, entry=name)
        place.register(record, entry_of(record))
    threads = [threading.Thread(target=place.settle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(place.index()["semantic_assets"]) == 40
    assert place.catalog.assets.count() == 40


@pytest.mark.parametrize("record", [BACKGROUND, OVERLAY])
def test_an_entry_reads_back_as_the_asset_it_was_made_of(place: Place, record: AssetRecord) -> None:
    read = EntryReader(place.workspace.cache_dir).asset(record.section, record.entry, entry_of(record))
    assert replace(read, last_used=None) == record.asset


def test_a_product_slug_of_ours_is_written_and_a_derived_one_is_not() -> None:
    composite = SemanticMetadata(AssetType.COMPOSITE)
    record = replace(BACKGROUND, asset=replace(BACKGROUND.asset, metadata=composite, product_slug="soap"))
    assert entry_of(record)["product_slug"] == "soap"
    assert "product_slug" not in entry_of(replace(record, slug_is_derived=True))


def test_taking_in_alone_leaves_the_index_as_it_is(place: Place) -> None:
    place.register(BACKGROUND, entry_of(BACKGROUND))
    take_in(place.catalog, place.workspace)
    assert not place.workspace.index_path.exists()
