"""What the benchmarks move: workspaces with an index, as many files of one size as wanted."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.catalog import write_index

_BLOCK = 1 << 20
_REGIONS = ("US", "EMEA", "APAC", "LATAM")
_SEASONS = ("spring", "summer", "fall", "winter")


def memory_backed(name: str) -> Path:
    """Return a place for files that no disk slows down, where the system has one.

    Raises:
        SystemExit: It has none; a benchmark on a disk would measure the disk.
    """
    place = Path("/dev/shm")  # noqa: S108 - memory-backed storage is the point
    if not place.is_dir():
        raise SystemExit("no memory-backed storage here (/dev/shm)")
    return place / name


@dataclass(frozen=True, slots=True)
class Files:
    """Equal files to move.

    Attributes:
        count: How many.
        size_bytes: Of each.
    """

    count: int
    size_bytes: int

    @property
    def label(self) -> str:
        """The form of the tables: ``5,000 x 64 KiB``."""
        for unit, one in (("MiB", 1 << 20), ("KiB", 1 << 10)):
            if self.size_bytes >= one:
                return f"{self.count:,} x {self.size_bytes // one} {unit}"
        return f"{self.count:,} x {self.size_bytes} B"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A pipeline's workspace: files and the index that describes each of them."""

    root: Path

    @property
    def cache(self) -> Path:
        """The cache directory."""
        return self.root / "cache"

    @property
    def scenes(self) -> Path:
        """Where the files lie."""
        return self.cache / "scenes"

    def forget(self) -> None:
        """Remove what creative-s3 remembers of it."""
        shutil.rmtree(self.cache / ".creative-s3", ignore_errors=True)


def make_workspace(root: Path, files: Files) -> Workspace:
    """Write random files and an index with an entry for each: every entry has its own key in the layout."""
    made = Workspace(root)
    made.scenes.mkdir(parents=True)
    entries = {}
    for number in range(files.count):
        name = f"scene_{number:07d}"
        _write_random(made.scenes / f"{name}.png", files.size_bytes)
        entries[name] = {
            "cache_key": name,
            "file_path": f"cache/scenes/{name}.png",
            "semantic_metadata": {
                "asset_type": "scene_background",
                "product_category": "dish_soap",
                "region": _REGIONS[number % 4],
                "season": _SEASONS[number // 4 % 4],
                "visual_style": "minimal",
                "color_palette": ["#0A0B0C", "#AABBCC"],
                "tags": ["benchmark", "scene"],
                "dimensions": [1920, 1080],
                "aspect_ratio": "16x9",
            },
            "campaign_id": f"campaign-{number % 40:02d}",
            "created_at": "2026-03-04T10:00:00",
        }
    index = {"products": {}, "cache_entries": {}, "semantic_assets": entries}
    (made.cache / "index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
    return made


def make_large_index(root: Path, assets: int) -> Workspace:
    """Write an index of `assets` entries whose files are elsewhere, all but one."""
    made = Workspace(root)
    write_index(made.cache, assets)
    return made


def _write_random(path: Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        for start in range(0, size_bytes, _BLOCK):
            file.write(os.urandom(min(_BLOCK, size_bytes - start)))
