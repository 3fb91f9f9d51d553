"""Processes that register assets in one cache at once, and processes that are killed while they do."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from creative_s3 import AssetType, CacheManager, SemanticMetadata
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path
from tests.conftest import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

SCENE = SemanticMetadata(AssetType.SCENE_BACKGROUND, region="US")
ASSETS = 300
KILLS = 50

REGISTERING = """
import sys
from creative_s3 import AssetType, CacheManager, SemanticMetadata
scene = SemanticMetadata(AssetType.SCENE_BACKGROUND, region="US")
manager = CacheManager(sys.argv[1])
number = int(sys.argv[2])
print("ready", flush=True)
while True:
    manager.register_semantic_asset(f"asset-{number}", sys.argv[1] + "/scene.png", scene)
    print(number, flush=True)
    number += 1
    if number % 7 == 0:
        manager.flush()
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    directory = tmp_path / "work" / "cache"
    directory.mkdir(parents=True)
    (directory / "scene.png").write_bytes(b"picture")
    return directory


def register(cache: Path, name: str, assets: int) -> None:
    with CacheManager(cache) as manager:
        for number in range(assets):
            manager.register_semantic_asset(f"{name}-{number}", cache / "scene.png", SCENE)


def test_two_processes_that_register_at_once_lose_nothing(cache: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=register, args=(cache, name, ASSETS)) for name in ("left", "right")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    entries = json.loads((cache / "index.json").read_text())["semantic_assets"]
    wanted = {f"{name}-{number}" for name in ("left", "right") for number in range(ASSETS)}
    assert set(entries) == wanted
    with closing(Catalog(catalog_path(cache), bucket="any")) as catalog:
        assert {record.asset.cache_key for record in catalog.assets.all()} == wanted
        assert not catalog.journal.has_pending()


def test_killed_at_any_moment_nothing_that_was_registered_is_lost_and_nothing_is_half(cache: Path) -> None:
    chance = random.Random(11)  # noqa: S311 - the same moments each time
    registered = 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", REGISTERING, str(cache), str(registered)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        registered = max([registered, *(int(line) + 1 for line in said if line.isdigit())])
        if (cache / "index.json").exists():
            json.loads((cache / "index.json").read_text())  # old or new, never half
    with CacheManager(cache) as manager:
        manager.flush()
        for number in range(registered):
            assert manager.get_asset_path(f"asset-{number}") == cache / "scene.png"
    entries = json.loads((cache / "index.json").read_text())["semantic_assets"]
    assert registered > KILLS
    assert {f"asset-{number}" for number in range(registered)} <= set(entries)
    assert [path.name for path in cache.iterdir() if path.suffix == ".part"] == []
