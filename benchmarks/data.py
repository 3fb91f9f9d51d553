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

    @property
    def tree(self) -> Path:
        """The same files once more, as links, under the names that their keys have."""
        return self.root / "tree"

    @property
    def keys(self) -> Path:
        """A list of all keys, one a line, in the order of a listing."""
        return self.root / "keys.txt"

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


def link_tree(workspace: Workspace, prefix: str) -> None:
    """Link each file under the path that its key has below `prefix`: what the peers move.

    All contenders then work on the same keys, and on the same bytes.
    """
    for path, _, key in assigned(workspace, prefix):
        link = workspace.tree / key.removeprefix(f"{prefix}/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.hardlink_to(workspace.root / path)


def make_large(root: Path, assets: int, size_bytes: int) -> Workspace:
    """Write an index of `assets` entries; their files are links to one file."""
    made = Workspace(root)
    write_index(made.cache, assets)
    content = made.scenes / "present.png"
    _write_random(content, size_bytes)
    for number in range(assets):
        if number != 1:
            os.link(content, made.scenes / f"scene_{number * 7919 % assets:07d}.png")
    return made


def assigned(workspace: Workspace, prefix: str) -> list[tuple[str, str, str]]:
    """Return file path, cache key and plain key of each asset of the index, in the order of the keys."""
    from creative_s3.core.assets.layout import key_of
    from creative_s3.core.index.index import Reference, assets_of, read_index, references

    index = read_index(workspace.cache / "index.json")
    found = [one for one in references(index, cache_dir=workspace.cache) if isinstance(one, Reference)]
    assets = [(asset.file_path, asset.cache_key, key_of(asset, prefix)) for asset in assets_of(found, prefix)]
    return sorted(assets, key=lambda asset: asset[2].encode())


def _write_random(path: Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        for start in range(0, size_bytes, _BLOCK):
            file.write(os.urandom(min(_BLOCK, size_bytes - start)))
