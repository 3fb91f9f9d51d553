"""What the catalog's asset rows hold, and what an asset is found by. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.layout import known
from creative_s3.core.assets.models import (
    Asset,
    AssetType,
    Kind,
    ProductCategory,
    Season,
    SemanticMetadata,
    VisualStyle,
)
from creative_s3.core.catalog.scales import UNKNOWN, instant, intervals, step_of_day, step_of_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COLUMNS = (
    "section",
    "entry",
    "field",
    "source",
    "digest",
    "cache_key",
    "file_path",
    "kind",
    "asset_type",
    "product_category",
    "region",
    "season",
    "visual_style",
    "aspect_ratio",
    "campaign_id",
    "product_slug",
    "slug_is_derived",
    "color_palette",
    "tags",
    "width",
    "height",
    "created_at",
    "last_used",
    "size_bytes",
    "is_cold",
)
"""The columns of ``asset`` after its id, in the order of `row_of`."""

TAG_FACET = "tag"
FACETS = (
    "kind",
    "asset_type",
    "product_category",
    "region",
    "season",
    "visual_style",
    "aspect_ratio",
    "campaign_id",
    "product_slug",
    TAG_FACET,
)
"""The names under which assets can be selected by value."""
SIZE_FACET = "size"
MADE_FACET = "made"
USED_FACET = "used"
"""The values of these three are intervals (see `core.catalog.scales`): of bytes, and of the days of creation
and of the last use in index.json. What has no size or no day of creation has the value ``UNKNOWN``."""
PLACE_FACET = "place"
COLD = "cold"
"""The one value of ``place``; the assets without it are hot."""
LOOK_FACET = "look"
"""Its values are whole descriptions, as `look_of` writes them."""
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_ASSET_TYPES = frozenset(str(member) for member in AssetType)


class Source(StrEnum):
    """How the catalog came to know an asset."""

    INDEX = "index"
    REGISTERED = "registered"
    DISCOVERED = "discovered"


@dataclass(frozen=True, slots=True)
class AssetRecord:
    """A row of the catalog's assets.

    Attributes:
        asset: What is known of the asset.
        section: Where index.json names it; empty for the top level.
        entry: The entry's name.
        field: The field that names the file.
        source: How we came to know it.
        digest: Of the entry's text in index.json; None while it is not there.
        slug_is_derived: Whether the product slug was found out by us, and is not in the entry.
        size_bytes: Of the file when it was last looked at, or of the object of a cold asset.
        is_cold: Whether it is in S3 only, and meant to be.
        id: The row's number; None before it is written.
    """

    asset: Asset
    section: str
    entry: str
    field: str = "file_path"
    source: Source = Source.INDEX
    digest: bytes | None = None
    slug_is_derived: bool = False
    size_bytes: int | None = None
    is_cold: bool = False
    id: int | None = None


def row_of(record: AssetRecord) -> tuple[object, ...]:
    """Return the values of `COLUMNS`."""
    asset = record.asset
    semantic = asset.metadata
    width, height = (semantic.dimensions if semantic else None) or (None, None)
    return (
        record.section,
        record.entry,
        record.field,
        str(record.source),
        record.digest,
        asset.cache_key,
        asset.file_path,
        str(asset.kind),
        asset.asset_type,
        _text(semantic.product_category) if semantic else None,
        semantic.region if semantic else None,
        str(semantic.season) if semantic else None,
        _text(semantic.visual_style) if semantic else None,
        semantic.aspect_ratio if semantic else None,
        asset.campaign_id,
        asset.product_slug,
        record.slug_is_derived,
        _list(semantic.color_palette) if semantic else None,
        _list(semantic.tags) if semantic else None,
        width,
        height,
        asset.created_at,
        asset.last_used,
        record.size_bytes,
        record.is_cold,
    )


def record_of(row: Sequence[Any]) -> AssetRecord:
    """Invert `row_of`; `row` begins with the id."""
    value = dict(zip(COLUMNS, row[1:], strict=True))
    semantic = None
    # A plain cache entry keeps its own type, which may be spelled like anything but an asset type.
    if value["kind"] in _SEMANTIC_KINDS and value["asset_type"] in _ASSET_TYPES:
        semantic = SemanticMetadata(
            asset_type=AssetType(value["asset_type"]),
            product_category=known(ProductCategory, value["product_category"]),
            region=value["region"],
            visual_style=known(VisualStyle, value["visual_style"]),
            season=known(Season, value["season"]) or Season.NONE,
            color_palette=tuple(json.loads(value["color_palette"] or "[]")),
            tags=tuple(json.loads(value["tags"] or "[]")),
            dimensions=(value["width"], value["height"]) if value["width"] is not None else None,
            aspect_ratio=value["aspect_ratio"],
        )
    declared = value["asset_type"]
    return AssetRecord(
        asset=Asset(
            cache_key=value["cache_key"],
            file_path=value["file_path"],
            metadata=semantic,
            cache_type=None if semantic or declared in {"unspecified", "unsorted"} else declared,
            product_slug=value["product_slug"],
            campaign_id=value["campaign_id"],
            created_at=value["created_at"],
            last_used=value["last_used"],
            indexed=value["kind"] != Kind.UNSORTED,
        ),
        section=value["section"],
        entry=value["entry"],
        field=value["field"],
        source=Source(value["source"]),
        digest=value["digest"],
        slug_is_derived=bool(value["slug_is_derived"]),
        size_bytes=value["size_bytes"],
        is_cold=bool(value["is_cold"]),
        id=row[0],
    )


def facets_of(record: AssetRecord) -> tuple[tuple[str, str], ...]:
    """Return the facets of an asset: name and value, each once.

    The search index forgets a row only when it is told the same again: what this returns for a row may change
    only together with a step of the schema that makes the index anew.
    """
    return tuple(_facets(record))


def look_of(semantic: SemanticMetadata) -> str:
    """Return style, season, category and region in one text, which `json.loads` takes apart."""
    return _look(semantic.visual_style, semantic.season, semantic.product_category, semantic.region)


def words_of(record: AssetRecord) -> str:
    """Return the text by which an asset is found; the same caution as for `facets_of`."""
    asset = record.asset
    semantic = asset.metadata
    parts: list[str | None] = [
        asset.cache_key,
        asset.file_path,
        asset.asset_type,
        asset.product_slug,
        asset.campaign_id,
    ]
    if semantic:
        parts += [
            _text(semantic.product_category),
            semantic.region,
            str(semantic.season),
            _text(semantic.visual_style),
            *semantic.tags,
        ]
    return " ".join(part for part in parts if part)


def _facets(record: AssetRecord) -> Iterator[tuple[str, str]]:
    asset = record.asset
    semantic = asset.metadata
    yield "kind", str(asset.kind)
    if asset.asset_type:
        yield "asset_type", asset.asset_type
    if semantic:
        for name, value in (
            ("product_category", semantic.product_category),
            ("region", semantic.region),
            ("season", semantic.season),
            ("visual_style", semantic.visual_style),
            ("aspect_ratio", semantic.aspect_ratio),
        ):
            if value:
                yield name, str(value)
        # Case makes no difference to SQLite here, for ASCII letters.
        for tag in {tag.encode().lower(): tag for tag in semantic.tags}.values():
            yield TAG_FACET, tag
        yield LOOK_FACET, look_of(semantic)
    if asset.campaign_id:
        yield "campaign_id", asset.campaign_id
    if asset.product_slug:
        yield "product_slug", asset.product_slug
    yield from _number_facets(record)


def _number_facets(record: AssetRecord) -> Iterator[tuple[str, str]]:
    if record.is_cold:
        yield PLACE_FACET, COLD
    for value in _size_intervals(record.size_bytes):
        yield SIZE_FACET, value
    for value in _day_intervals(record.asset.created_at) or (UNKNOWN,):
        yield MADE_FACET, value
    for value in _day_intervals(record.asset.last_used):
        yield USED_FACET, value


def _size_intervals(size_bytes: int | None) -> tuple[str, ...]:
    return (UNKNOWN,) if size_bytes is None else intervals(step_of_size(size_bytes))


def _day_intervals(text: str | None) -> tuple[str, ...]:
    time = instant(text)
    return intervals(step_of_day(time)) if time else ()


@lru_cache(maxsize=4096)
def _look(*parts: str | None) -> str:
    return _ENCODER.encode([_text(part) for part in parts])


_SEMANTIC_KINDS = frozenset({str(Kind.PRODUCT), str(Kind.BACKGROUND), str(Kind.COMPOSITE)})


def _text(value: str | None) -> str | None:
    return str(value) if value else None


def _list(values: Sequence[str]) -> str | None:
    return _ENCODER.encode(values) if values else None
