"""The catalog at a million assets: taking in the index, one lookup, one access, statistics; time and memory.

Run it with ``python -m benchmarks.catalog --assets 1000000``. Every step is a process of its own, so that its
peak memory is its own. The index lies in memory-backed storage where there is any.
"""

from __future__ import annotations

import argparse
import json
import mmap
import multiprocessing
import os
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_SAMPLES = 2000
_CATEGORIES = ("laundry_detergent", "dish_soap", "hair_care", "oral_care", "personal_care", "general_cpg")
_REGIONS = ("US", "EMEA", "APAC", "LATAM")
_SEASONS = ("spring", "summer", "fall", "winter", "holiday", "none")
_STYLES = ("minimal", "vibrant", "elegant", "warm", "cool", None)
_WORDS = ("beach", "kitchen", "forest", "marble", "sunset", "linen", "tiles", "garden", "city", "snow")


def write_index(cache: Path, assets: int) -> None:
    """Write an index as large as asked for, entry by entry."""
    chance = random.Random(7)  # noqa: S311 - the same index each time
    (cache / "scenes").mkdir(parents=True, exist_ok=True)
    (cache / "scenes" / "present.png").write_bytes(b"picture")
    with (cache / "index.json").open("w", encoding="ascii") as file:
        file.write('{\n  "products": {},\n  "cache_entries": {},\n  "semantic_assets": {\n')
        for number in range(assets):
            name = f"scene_{number * 7919 % assets:07d}"
            day = f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}T10:00:00"
            campaign = f"campaign-{number % 400:03d}"
            entry = {
                "cache_key": name,
                "file_path": "cache/scenes/present.png" if number == 1 else f"cache/scenes/{name}.png",
                "semantic_metadata": {
                    "asset_type": "scene_background",
                    "product_category": chance.choice(_CATEGORIES),
                    "region": chance.choice(_REGIONS),
                    "visual_style": chance.choice(_STYLES),
                    "season": chance.choice(_SEASONS),
                    "color_palette": [f"#{chance.randrange(1 << 24):06X}" for _ in range(3)],
                    "tags": chance.sample(_WORDS, 2),
                    "dimensions": [1920, 1080],
                    "aspect_ratio": "16x9",
                },
                "campaign_id": campaign,
                "created_at": day,
                "last_used": day,
                "usage_count": 0,
                "campaigns_used": [campaign],
            }
            text = json.dumps(entry, indent=2).replace("\n", "\n    ")
            file.write(f'    "{name}": {text}{"," if number + 1 < assets else ""}\n')
        file.write("  }\n}\n")


def step_take_in(cache: Path) -> dict[str, float]:
    """Bring the catalog up to date with the index."""
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.catalog.intake import take_in
    from creative_s3.core.catalog.places import catalog_path
    from creative_s3.core.files.workspace import Workspace

    with Catalog(catalog_path(cache), bucket="benchmark") as catalog:
        started = time.perf_counter()
        take_in(catalog, Workspace(cache))
        return {"s": time.perf_counter() - started}


def step_touched(cache: Path) -> dict[str, float]:
    """Take in an index whose time changed and nothing else."""
    os.utime(cache / "index.json")
    return step_take_in(cache)


def step_changed(cache: Path) -> dict[str, float]:
    """Take in an index in which one entry changed."""
    path = cache / "index.json"
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        place = content.find(b'"campaign-001"')
        content[place : place + 14] = b'"campaign-xyz"'
    return step_take_in(cache)


def step_lookup(cache: Path) -> dict[str, float]:
    """Look assets up by their cache keys, one after the other."""
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.catalog.places import catalog_path

    chance = random.Random(3)  # noqa: S311 - no secret
    with Catalog(catalog_path(cache), bucket="benchmark") as catalog:
        names = [record.asset.cache_key for record in catalog.assets.by_id(range_of(catalog, chance))]
        return _each(catalog.assets.get, names)


def step_asset_path(cache: Path) -> dict[str, float]:
    """Ask for the path of a hot asset again and again, as the pipeline does."""
    from creative_s3 import CacheManager

    name = next(iter(_name_of_present(cache)))
    with CacheManager(cache) as manager:
        manager.get_asset_path(name)
        return _each(lambda _: manager.get_asset_path(name), list(range(_SAMPLES)))


def step_access(cache: Path) -> dict[str, float]:
    """Record one access durably."""
    from datetime import UTC, datetime

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.catalog.places import catalog_path

    with Catalog(catalog_path(cache), bucket="benchmark") as catalog:
        return _each(
            lambda number: catalog.usage.record({f"scene_{number:07d}": 1}, {}, at=datetime.now(UTC)),
            list(range(100)),
        )


def step_register(cache: Path) -> dict[str, float]:
    """Register assets durably, index.json still to follow."""
    from creative_s3 import AssetType, CacheManager, SemanticMetadata

    manager = CacheManager(cache)
    metadata = SemanticMetadata(AssetType.SCENE_BACKGROUND, region="US", tags=("beach",))
    file = cache / "scenes" / "present.png"
    manager.register_semantic_asset("warm-up", file, metadata)
    found = _each(lambda n: manager.register_semantic_asset(f"new-{n}", file, metadata), list(range(100)))
    started = time.perf_counter()
    manager.close()
    return found | {"flush s": time.perf_counter() - started}


def step_stats(cache: Path) -> dict[str, float]:
    """Gather the statistics."""
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.catalog.places import catalog_path
    from creative_s3.core.catalog.statistics import library_statistics

    with Catalog(catalog_path(cache), bucket="benchmark") as catalog:
        started = time.perf_counter()
        library_statistics(catalog)
        return {"s": time.perf_counter() - started}


STEPS: dict[str, Callable[[Path], dict[str, float]]] = {
    "first intake": step_take_in,
    "intake, nothing changed": step_take_in,
    "intake, only the time changed": step_touched,
    "intake, one entry changed": step_changed,
    "lookup": step_lookup,
    "get_asset_path, hot": step_asset_path,
    "one access record": step_access,
    "register": step_register,
    "stats": step_stats,
}


def range_of(catalog: Any, chance: random.Random) -> list[int]:  # noqa: ANN401 - a Catalog, imported late
    """Return row numbers at random."""
    highest = catalog.assets.highest_id()
    return [chance.randrange(1, highest + 1) for _ in range(_SAMPLES)]


def _name_of_present(cache: Path) -> list[str]:
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.catalog.places import catalog_path

    with Catalog(catalog_path(cache), bucket="benchmark") as catalog:
        return [record.asset.cache_key for record in catalog.assets.with_file("cache/scenes/present.png")]


def _each(function: Callable[[Any], object], values: list[Any]) -> dict[str, float]:
    times = []
    for value in values:
        started = time.perf_counter()
        function(value)
        times.append((time.perf_counter() - started) * 1000)
    return {"median ms": statistics.median(times), "worst ms": max(times)}


def _measured(name: str, cache: Path, answers: Any) -> None:  # noqa: ANN401 - a queue
    found = STEPS[name](cache)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers.put(found | {"peak MiB": peak / (2**20 if sys.platform == "darwin" else 2**10)})


def main() -> None:
    """Run all steps and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="use and keep this directory")
    arguments = parser.parse_args()
    memory = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory
    work = arguments.keep or Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    cache = work / "cache"
    try:
        if not (cache / "index.json").exists():
            write_index(cache, arguments.assets)
        size = (cache / "index.json").stat().st_size / 2**20
        print(f"{arguments.assets:,} assets, index.json {size:,.0f} MiB")
        spawn = multiprocessing.get_context("spawn")
        for name in STEPS:
            answers = spawn.Queue()
            process = spawn.Process(target=_measured, args=(name, cache, answers))
            process.start()
            process.join()
            if process.exitcode:
                print(f"{name:32} failed")
                continue
            found = answers.get()
            text = "  ".join(f"{value:10.3f} {unit}" for unit, value in found.items())
            print(f"{name:32} {text}", flush=True)
    finally:
        if not arguments.keep:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
