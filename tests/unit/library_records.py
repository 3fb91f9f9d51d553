"""Small catalogs with all sorts of assets, and strategies that make them."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from creative_s3.core.assets.models import (
    Asset,
    AssetType,
    ProductCategory,
    Season,
    SemanticMetadata,
    VisualStyle,
)
from creative_s3.core.catalog.asset_rows import AssetRecord
from creative_s3.core.catalog.catalog import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterable

DAYS = (
    "2025-01-31",
    "2025-02-01T00:00:00",
    "2025-02-01T23:59:59+02:00",
    "2025-06-15T12:00:00Z",
    "2025-12-24",
)
TAGS = ("fresh", "Fresh", "kitchen", "été", "eco")
PALETTES = ("#ff0000", "#FE0101", "#00f", "#123456", "no colour")


def memory(records: Iterable[AssetRecord] = ()) -> Catalog:
    """Return a catalog in memory, which closes itself."""
    catalog = Catalog(Path(":memory:"), bucket="b")
    weakref.finalize(catalog, catalog.database.close)
    catalog.assets.put(records)
    return catalog


def asset(name: str, file_path: str | None = None, **fields: Any) -> AssetRecord:  # noqa: ANN401 - of three classes
    """Return a record; `fields` are of the metadata, the asset or the record."""
    row = {field: fields.pop(field) for field in ("size_bytes", "is_cold", "section") if field in fields}
    own = ("campaign_id", "product_slug", "created_at", "last_used", "cache_type")
    about = {field: fields.pop(field) for field in own if field in fields}
    kind = fields.pop("asset_type", AssetType.SCENE_BACKGROUND)
    semantic = SemanticMetadata(kind, **fields) if kind else None
    made = Asset(name, file_path or f"cache/{name}.png", metadata=semantic, **about)
    return AssetRecord(made, row.pop("section", "semantic_assets"), name, **row)


semantics = st.builds(
    SemanticMetadata,
    st.sampled_from([AssetType.SCENE_BACKGROUND, AssetType.COMPOSITE, AssetType.PRODUCT_ORIGINAL]),
    product_category=st.sampled_from([None, ProductCategory.DISH_SOAP, "Own sort"]),
    region=st.sampled_from([None, "US", "us", "EMEA"]),
    visual_style=st.sampled_from([None, VisualStyle.WARM, VisualStyle.COOL]),
    season=st.sampled_from([Season.NONE, Season.SPRING, Season.SUMMER, Season.WINTER, "monsoon"]),
    color_palette=st.lists(st.sampled_from(PALETTES), max_size=3).map(tuple),
    tags=st.lists(st.sampled_from(TAGS), max_size=4).map(tuple),
    aspect_ratio=st.sampled_from([None, "1x1", "16x9"]),
)


@st.composite
def records(draw: st.DrawFn, most: int = 25) -> list[AssetRecord]:
    """Draw the records of a catalog."""
    found = []
    for number in range(draw(st.integers(0, most))):
        semantic = draw(st.none() | semantics)
        # Some files have two names; products name the pictures of others.
        file_path = f"cache/{draw(st.integers(0, most))}.png"
        is_product = semantic is not None and draw(st.integers(0, 4)) == 0
        one = Asset(
            f"asset-{number}",
            file_path,
            metadata=semantic,
            cache_type=None if semantic else draw(st.sampled_from([None, "layout"])),
            campaign_id=draw(st.sampled_from([None, "Spring 2025", "winter"])),
            product_slug=draw(st.sampled_from([None, "dish-soap"])),
            created_at=draw(st.sampled_from([None, "not a time", *DAYS])),
            last_used=draw(st.sampled_from([None, *DAYS])),
        )
        section = "products" if is_product else "semantic_assets" if semantic else "cache_entries"
        size_bytes = draw(st.sampled_from([None, 0, 127, 128, 1000, 1001, 5_000_000]))
        found.append(
            AssetRecord(one, section, one.cache_key, size_bytes=size_bytes, is_cold=draw(st.booleans()))
        )
    return found
