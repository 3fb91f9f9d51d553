"""A small creative workspace made on the spot, for the demo and the tests: 60 real images and their index.

The index has the pipeline's own form, and the workspace its hard cases on purpose: names in Japanese and
French, a space, the same name with other bytes, the same bytes under two names, products and semantic assets
that name one file, a file that is gone, a file that no entry names. What is shown is listed in
``sample_brands`` and painted in ``sample_art``.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.models import AssetType, SemanticMetadata
from creative_s3.core.files.own_files import PRIVATE_DIRECTORY
from creative_s3.core.files.workspace import INDEX_NAME
from creative_s3.core.sample import art
from creative_s3.core.sample.brands import (
    GRADIENTS,
    HOLIDAY,
    LINES,
    PALETTES,
    PRODUCT_SIZE,
    RATIOS,
    REGIONS,
    ROOMS,
    SCENE_SIZE,
    SEASONS,
    SOLIDS,
    SPRING,
    SUMMER,
    WIDE_SIZE,
)
from creative_s3.core.sample.canvas import encode_png
from creative_s3.core.sample.landscape import landscape
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from creative_s3.core.sample.canvas import Picture

FIRST_CREATED_AT = datetime(2025, 3, 1, 9, 0, 0)  # noqa: DTZ001 - the pipeline writes local time without a zone
_MARKER = ".creative-s3-sample"
_INTERVAL = timedelta(seconds=37, microseconds=104_729)


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """What was made.

    Attributes:
        directory: The workspace.
        file_count: Distinct files that the index names and that exist.
        size_bytes: Their sizes, summed.
        missing: Files that the index names and that do not exist, relative to the workspace.
        unindexed: Files in the cache directory that no entry names, relative to the workspace.
    """

    directory: Path
    file_count: int
    size_bytes: int
    missing: tuple[str, ...]
    unindexed: tuple[str, ...]

    @property
    def cache_dir(self) -> Path:
        """The workspace's cache directory, where index.json lies."""
        return self.directory / "cache"


class _Workspace:
    """The workspace while it is being made: files as they are written, and the index as it grows."""

    def __init__(self, directory: Path, created_at: datetime) -> None:
        self.directory = directory
        self.sizes: dict[str, int] = {}
        self.products: dict[str, Any] = {}
        self.cache_entries: dict[str, Any] = {}
        self.semantic_assets: dict[str, Any] = {}
        self.reuse_patterns: dict[str, Any] = {}
        self.top_level: dict[str, Any] = {}
        self._times: Iterator[datetime] = (created_at + number * _INTERVAL for number in range(10_000))

    def time(self) -> str:
        """Return the next time at which something was made."""
        return next(self._times).isoformat()

    def paint(self, path: str, picture: Picture) -> str:
        """Write the picture to `path`, relative to the workspace; return the path."""
        return self.write(path, encode_png(picture))

    def write(self, path: str, content: bytes) -> str:
        """Write a file, noting first that it is ours; return its path."""
        target = self.directory / path
        with (self.directory / _MARKER).open("a", encoding="utf-8") as made:
            made.write(f"{path}\n")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self.sizes[path] = len(content)
        return path

    def add(self, key: str, path: str, metadata: SemanticMetadata, campaign: str | None = None) -> None:
        """Add a semantic asset as the pipeline's register call writes it."""
        self.semantic_assets[key] = {
            "cache_key": key,
            "file_path": path,
            "semantic_metadata": metadata.to_dict(),
            "campaign_id": campaign,
            "created_at": self.time(),
            "last_used": self.time(),
            "usage_count": 0,
            "campaigns_used": [campaign] if campaign else [],
        }

    def index(self) -> dict[str, Any]:
        """Return the index in the pipeline's order of sections."""
        return {
            "products": self.products,
            "cache_entries": self.cache_entries,
            "semantic_assets": self.semantic_assets,
            "asset_versions": {},
            "reuse_patterns": self.reuse_patterns,
            "background_library": {},
            **self.top_level,
        }


def make_workspace(directory: Path, *, created_at: datetime = FIRST_CREATED_AT) -> SampleSummary:
    """Make the sample workspace in `directory`: ``cache/`` with its index, and ``output/``.

    The same call writes the same bytes. Takes about a second and 1 MiB.

    Args:
        directory: Must be missing or empty.
        created_at: The first time stamp in the index; the others follow at even intervals.

    Raises:
        RefusedError: `directory` holds something, or is no directory.
    """
    _refuse_used(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MARKER).touch()
    workspace = _Workspace(directory, created_at)
    for section in _SECTIONS:
        section(workspace)
    missing, unindexed = _add_strays(workspace)
    indexed = {path: size for path, size in workspace.sizes.items() if path not in unindexed}
    workspace.write(f"cache/{INDEX_NAME}", json.dumps(workspace.index(), indent=2).encode())
    return SampleSummary(directory, len(indexed), sum(indexed.values()), missing, unindexed)


def remove_workspace(directory: Path) -> tuple[Path, ...]:
    """Remove what `make_workspace` made, our own catalog, and the folders that are empty then.

    Returns:
        What somebody else put there and was left alone; usually nothing, and the directory is gone too.

    Raises:
        RefusedError: `directory` is not a sample workspace.
    """
    check_is_sample(directory)
    if not directory.exists():
        return ()
    for path in (directory / _MARKER).read_text(encoding="utf-8").splitlines():
        (directory / path).unlink(missing_ok=True)
    shutil.rmtree(directory / "cache" / PRIVATE_DIRECTORY, ignore_errors=True)
    for folder in sorted((path for path in directory.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    left = tuple(path for path in directory.rglob("*") if not path.is_dir() and path.name != _MARKER)
    if not left:
        (directory / _MARKER).unlink()
        directory.rmdir()
    return left


def check_is_sample(directory: Path) -> None:
    """Make sure that a workspace, if there is one, is one of ours.

    Raises:
        RefusedError: It is somebody's own.
    """
    if directory.is_symlink() or (directory.exists() and not (directory / _MARKER).is_file()):
        raise RefusedError(
            f"{directory} is not a workspace that the demo made, so nothing was done",
            item=str(directory),
            hint="name another directory with --dir",
        )


def _refuse_used(directory: Path) -> None:
    if directory.is_dir():
        if not any(directory.iterdir()):
            return
        reason = "is not empty"
    elif directory.exists() or directory.is_symlink():
        reason = "is not a directory"
    else:
        return
    raise RefusedError(
        f"{directory} {reason}, so no sample workspace was made there",
        item=str(directory),
        hint="name a new or an empty directory",
    )


def _add_products(workspace: _Workspace) -> None:
    for line in LINES:
        folder = f"products/{line.slug}"
        cutout = art.product(line.look, *PRODUCT_SIZE)
        transparent = workspace.paint(f"cache/{folder}/transparent.png", cutout)
        original = workspace.paint(f"cache/{folder}/product.png", art.studio(cutout, line.look.accent))
        workspace.products[line.slug] = {
            "name": line.name,
            "slug": line.slug,
            "file_path": transparent,
            "cache_filename": f"{folder}/transparent.png",
            "product_cache_filename": f"{folder}/product.png",
            "created_at": workspace.time(),
            "campaigns_used": [line.campaign],
            "status": "ready",
            "tags": [line.category, "cpg"],
        }
        for suffix, path, asset_type in (
            ("transparent", transparent, AssetType.PRODUCT_TRANSPARENT),
            ("original", original, AssetType.PRODUCT_ORIGINAL),
        ):
            metadata = SemanticMetadata(
                asset_type,
                product_category=line.category,
                region="US",
                tags=(line.slug,) if suffix == "transparent" else (),
                dimensions=PRODUCT_SIZE,
                aspect_ratio="4x5",
            )
            workspace.add(f"{line.slug}-{suffix}", path, metadata, line.campaign)


def _add_scenes(workspace: _Workspace) -> None:
    campaigns = (SPRING, SUMMER, HOLIDAY)
    for number, (region, season) in enumerate((region, season) for region in REGIONS for season in SEASONS):
        path = f"cache/scenes/{region}/{season}/background.png"
        workspace.paint(path, landscape(season, region, *SCENE_SIZE))
        metadata = _scene(season, region)
        workspace.add(f"scene_{season}_{region}_{number:03d}", path, metadata, campaigns[number % 3])
    # The pipeline's reuse of one scene by another campaign.
    reused = "scene_summer_us_001"
    workspace.semantic_assets[reused] |= {"usage_count": 1, "campaigns_used": [SUMMER, HOLIDAY]}
    workspace.reuse_patterns[f"{reused}_{HOLIDAY}"] = {
        "source_asset": reused,
        "target_campaign": HOLIDAY,
        "reuse_count": 1,
        "success_rate": 1.0,
        "contexts": ["dish_soap_US"],
    }
    # The same place and file name as that scene with other bytes, and its bytes under another name.
    other = workspace.paint(
        "cache/scenes/alt/background.png", landscape("summer", "us", *SCENE_SIZE, variant=1.0)
    )
    workspace.add("scene_summer_us_alt", other, _scene("summer", "us"), SUMMER)
    same = (workspace.directory / "cache/scenes/us/summer/background.png").read_bytes()
    copy = workspace.write("cache/scenes/alt/copy.png", same)
    workspace.add("scene_summer_us_copy", copy, _scene("summer", "us"))


def _add_backdrops(workspace: _Workspace) -> None:
    for style, colours in GRADIENTS.items():
        path = workspace.paint(f"cache/scenes/gradient/{style}.png", art.gradient(colours, *WIDE_SIZE))
        workspace.add(
            f"gradient_{style}", path, SemanticMetadata(AssetType.GRADIENT_BACKGROUND, visual_style=style)
        )
    for code in SOLIDS:
        red, green, blue = bytes.fromhex(code)
        path = workspace.paint(f"cache/scenes/solid/{code}.png", art.solid((red, green, blue), 240, 240))
        metadata = SemanticMetadata(AssetType.SOLID_BACKGROUND, color_palette=(f"#{code}",))
        workspace.add(f"solid_{code}", path, metadata)


def _add_rooms(workspace: _Workspace) -> None:
    for name, (category, region, style, look) in ROOMS.items():
        path = workspace.paint(f"cache/scenes/contextual/{name}.png", art.room(look, *WIDE_SIZE))
        metadata = SemanticMetadata(
            AssetType.CONTEXTUAL_BACKGROUND,
            product_category=category,
            region=region,
            visual_style=style,
            dimensions=WIDE_SIZE,
            aspect_ratio="16x9",
        )
        workspace.add(f"ctx_{name.replace(' ', '_')}", path, metadata, HOLIDAY)


def _add_composites(workspace: _Workspace) -> None:
    for line in LINES:
        if not line.composites:
            continue
        season, region = line.composites
        for ratio, size in RATIOS.items():
            picture = art.composite(landscape(season, region, *size), line.look)
            path = workspace.paint(f"output/{line.slug}/hero/{region}/{ratio}/final.png", picture)
            metadata = SemanticMetadata(
                AssetType.COMPOSITE,
                region=region.upper(),
                tags=("hero",),
                dimensions=size,
                aspect_ratio=ratio,
            )
            workspace.add(f"{line.slug}_{ratio}", path, metadata, line.campaign)


def _add_cache_entries(workspace: _Workspace) -> None:
    fresh = art.text_overlay("FRESH", (220, 60, 80), 320, 120)
    new = art.text_overlay("NEW", (30, 120, 210), 240, 120)
    cards = art.layout(2, (40, 160, 140), 400, 300)
    grid = art.layout(3, (60, 110, 200), 400, 300)
    for key, path, picture, details in (
        ("a1b2c3d4", "cache/text/overlay one.png", fresh, {"type": "text_overlay", "campaign_id": SUMMER}),
        ("b2c3d4e5", "cache/text/new.png", new, {"type": "text_overlay", "campaign_id": SPRING}),
        ("c3d4e5f6", "cache/layouts/cards.png", cards, {"type": "layout", "campaign_id": HOLIDAY}),
    ):
        workspace.cache_entries[key] = _cache_entry(workspace, key, workspace.paint(path, picture), details)
    # The pipeline's register_cache_entry writes its entries beside the sections.
    key, path = "deadbeef01", workspace.paint("cache/layouts/grid.png", grid)
    details = {"type": "layout", "product_slug": "ultra-clean"}
    workspace.top_level[key] = _cache_entry(workspace, key, path, details)


_SECTIONS: tuple[Callable[[_Workspace], None], ...] = (
    _add_products,
    _add_scenes,
    _add_backdrops,
    _add_rooms,
    _add_composites,
    _add_cache_entries,
)


def _add_strays(workspace: _Workspace) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Add an entry whose file is gone, and a file without an entry; return their paths."""
    gone = "cache/scenes/us/gone.png"
    workspace.add(
        "gone_background",
        gone,
        SemanticMetadata(AssetType.SCENE_BACKGROUND, region="US", season="winter", visual_style="cool"),
        SUMMER,
    )
    stray = workspace.paint("cache/scenes/not_indexed.png", landscape("fall", "us", *WIDE_SIZE, variant=2.0))
    return (gone,), (stray,)


def _scene(season: str, region: str) -> SemanticMetadata:
    return SemanticMetadata(
        AssetType.SCENE_BACKGROUND,
        region=region.upper(),
        visual_style=SEASONS[season],
        season=season,
        color_palette=PALETTES[season],
        tags=("outdoor",),
        dimensions=SCENE_SIZE,
        aspect_ratio="1x1",
    )


def _cache_entry(workspace: _Workspace, key: str, path: str, details: Mapping[str, str]) -> dict[str, Any]:
    return {"file_path": path, "cache_key": key, "created_at": workspace.time(), "metadata": dict(details)}
