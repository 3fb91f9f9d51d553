"""A small workspace as the pipeline leaves it: every section and shape of its index, files of a few bytes.

Entries for one file in two sections, a product's two files, names in other scripts and with spaces, a file
that no entry names, an entry whose file is gone, two assets of the same bytes, one that was used again.
"""

from __future__ import annotations

import hashlib
import json
from itertools import cycle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTS = {
    "cleanwave-original-liquid-detergent": ("CleanWave Original Liquid Detergent", "laundry_detergent"),
    "power-dish-soap": ("Power Dish Soap", "dish_soap"),
    "crème-éclat-shampooing": ("Crème Éclat Shampooing", "hair_care"),
    "fresh-mint-toothpaste-75ml": ("Fresh Mint Toothpaste 75ml", "oral_care"),
    "ultra-clean": ("Ultra Clean", "laundry_detergent"),
    "日本の石けん": ("日本の石けん", "personal_care"),
}
CAMPAIGNS = ("CleanWaveSpring2025", "summer_2025", "holiday-2025")
REGIONS = ("US", "LATAM", "APAC", "EMEA")
SEASONS = ("spring", "summer", "holiday", "none")
FORMATS = {"1x1": (480, 480), "9x16": (270, 480), "16x9": (480, 270)}
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"


class _Studio:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._seconds = 0
        self.semantic: dict[str, dict[str, Any]] = {}

    def now(self) -> str:
        self._seconds += 1
        return f"2026-11-22T16:45:{self._seconds // 3:02d}.{self._seconds:06d}"

    def file(self, path: str, like: str | None = None) -> str:
        """Write a file of some hundred bytes; with `like`, of the same bytes as that one's."""
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        seed = (like or path).encode()
        blocks = range(1 + seed[-5] % 40)
        body = b"".join(hashlib.sha256(seed + bytes([number])).digest() for number in blocks)
        target.write_bytes((_PNG if path.endswith(".png") else _JPEG) + body)
        return path

    def asset(  # noqa: PLR0913 - the fields of an entry
        self,
        key: str,
        path: str,
        kind: str,
        *,
        campaign: str | None = None,
        category: str | None = None,
        region: str | None = None,
        style: str | None = None,
        season: str = "none",
        **more: Any,  # noqa: ANN401 - JSON
    ) -> None:
        then = self.now()
        described = {"color_palette": [], "tags": [], "dimensions": None, "aspect_ratio": None, **more}
        self.semantic[key] = {
            "cache_key": key,
            "file_path": path,
            "semantic_metadata": {
                "asset_type": kind,
                "product_category": category,
                "region": region,
                "visual_style": style,
                "season": season,
                **described,
            },
            "campaign_id": campaign,
            "created_at": then,
            "last_used": self.now(),
            "usage_count": 0,
            "campaigns_used": [campaign] if campaign else [],
        }


def make_studio(root: Path) -> None:
    """Fill an empty directory: 55 entries in 4 sections, 49 files that they name, one more that none does."""
    studio, campaigns = _Studio(root), cycle(CAMPAIGNS)
    products = {slug: _product(studio, slug, next(campaigns)) for slug in PRODUCTS}
    _scenes(studio)
    for slug in tuple(PRODUCTS)[:4]:
        category = PRODUCTS[slug][1]
        for ratio, dimensions in FORMATS.items():
            path = studio.file(f"output/{slug}/hero/us/{ratio}/final.jpg")
            told: dict[str, Any] = {"tags": ["hero"], "dimensions": dimensions, "aspect_ratio": ratio}
            told |= {"campaign": CAMPAIGNS[0], "category": category, "region": "US"}
            studio.asset(f"{slug}_{ratio}", path, "composite", **told)
    studio.asset(
        "gone_background",
        "cache/scenes/us/gone.jpg",
        "scene_background",
        campaign="summer_2025",
        category="dish_soap",
        region="US",
        style="cool",
        season="fall",
    )
    studio.file("cache/scenes/not_indexed.jpg")
    overlay, grid = studio.file("cache/text/overlay one.png"), studio.file("cache/layouts/grid.png")
    index = {
        "products": products,
        "cache_entries": {
            "a1b2c3d4": {
                "file_path": overlay,
                "cache_key": "a1b2c3d4",
                "created_at": "2025-03-01T10:00:00",
                "metadata": {"type": "text_overlay", "campaign_id": "summer_2025"},
            }
        },
        "semantic_assets": studio.semantic,
        "asset_versions": {},
        "reuse_patterns": {
            "scene_summer_us_001_summer_2025": {
                "source_asset": "scene_summer_us_001",
                "target_campaign": "summer_2025",
                "reuse_count": 1,
                "success_rate": 1.0,
                "contexts": ["dish_soap_US"],
            }
        },
        "background_library": {},
        "deadbeef01": {
            "file_path": grid,
            "cache_key": "deadbeef01",
            "created_at": studio.now(),
            "metadata": {"type": "layout", "product_slug": "ultra-clean"},
        },
    }
    (root / "cache" / "index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")


def _product(studio: _Studio, slug: str, campaign: str) -> dict[str, Any]:
    """Make a product's two files, with an entry for each; return the product's own."""
    folder, (name, category) = f"products/{slug}", PRODUCTS[slug]
    told: dict[str, Any] = {"campaign": campaign, "category": category, "region": "US"}
    form: dict[str, Any] = {"dimensions": [400, 500], "aspect_ratio": "4x5"}
    cut_out = studio.file(f"cache/{folder}/transparent.png")
    studio.asset(f"{slug}-transparent", cut_out, "product_transparent", **told, **form, tags=[slug])
    studio.asset(
        f"{slug}-original", studio.file(f"cache/{folder}/product.png"), "product_original", **told, **form
    )
    return {
        "name": name,
        "slug": slug,
        "file_path": cut_out,
        "cache_filename": f"{folder}/transparent.png",
        "product_cache_filename": f"{folder}/product.png",
        "created_at": studio.now(),
        "campaigns_used": [campaign],
        "status": "ready",
        "tags": [category, "cpg"],
    }


def _scenes(studio: _Studio) -> None:
    """Make backgrounds of all sorts."""
    categories = cycle(["personal_care", "oral_care", "laundry_detergent", "dish_soap", "hair_care"])
    styles, campaigns = cycle(["minimal", "vibrant", "elegant", "warm", "cool"]), cycle(CAMPAIGNS)
    number = 0
    for region in REGIONS:
        for season in SEASONS:
            place = region.lower()
            studio.asset(
                f"scene_{season}_{place}_{number:03d}",
                studio.file(f"cache/scenes/{place}/{season}/background.jpg"),
                "scene_background",
                campaign=next(campaigns),
                category=next(categories),
                region=region,
                style=next(styles),
                season=season,
                color_palette=["#FFE5B4", "#87CEEB"],
                tags=["outdoor"],
                dimensions=[640, 640],
                aspect_ratio="1x1",
            )
            number += 1
    used = studio.semantic["scene_summer_us_001"]
    campaigns_used = [used["campaign_id"], "holiday-2025"]
    used |= {"usage_count": 1, "campaigns_used": campaigns_used, "last_used": studio.now()}
    told: dict[str, Any] = {"category": "dish_soap", "region": "US", "style": "warm", "season": "summer"}
    alt = studio.file("cache/scenes/alt/background.jpg")
    more: dict[str, Any] = {"campaign": "summer_2025", "aspect_ratio": "1x1"}
    studio.asset("scene_summer_us_alt", alt, "scene_background", **told, **more)
    copy = studio.file("cache/scenes/alt/copy.jpg", like="cache/scenes/us/summer/background.jpg")
    studio.asset("scene_summer_us_copy", copy, "scene_background", **told)
    for style in ("minimal", "warm"):
        path = studio.file(f"cache/scenes/gradient/{style}.jpg")
        studio.asset(f"gradient_{style}", path, "gradient_background", style=style)
    for color in ("FF0000", "00aaFF"):
        path = studio.file(f"cache/scenes/solid/{color}.jpg")
        studio.asset(f"solid_{color}", path, "solid_background", color_palette=[f"#{color}"])
    studio.asset(
        "ctx_kitchen",
        studio.file("cache/scenes/contextual/kitchen.jpg"),
        "contextual_background",
        campaign="holiday-2025",
        category="dish_soap",
        region="EMEA",
        style="casual",
        aspect_ratio="16x9",
    )
