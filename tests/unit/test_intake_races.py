"""index.json taken in by several at once, and while others write it: the newest counts, and nobody fails."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from typing import TYPE_CHECKING

import pytest

from creative_s3 import AssetType, CacheManager, SemanticMetadata
from creative_s3.core.assets.models import Asset
from creative_s3.core.catalog.asset_rows import AssetRecord, Source
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.catalog.settling import entry_of
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.index.entries import SEMANTIC_SECTION
from tests.unit.indexes import composite

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event
    from pathlib import Path

ENTRIES = 8_500
"""Three transactions' worth."""
ROWS = "SELECT count(*), min(file_path), max(file_path) FROM asset"
SCENE = SemanticMetadata(AssetType.SCENE_BACKGROUND, region="US")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    directory = tmp_path / "work" / "cache"
    directory.mkdir(parents=True)
    (directory / "scene.png").write_bytes(b"picture")
    return directory


def index(folder: str, entries: int = ENTRIES, padding: str = "") -> str:
    assets = {
        f"c-{number:05}": {**composite(f"{folder}/{number}.jpg"), "padding": padding}
        for number in range(entries)
    }
    return json.dumps({"semantic_assets": assets})


def replace_index(cache: Path, text: str) -> None:
    (cache / "new").write_text(text, encoding="utf-8")
    (cache / "new").rename(cache / "index.json")


def take_in_alone(cache: Path, has_begun: Event | None = None) -> None:
    """Take the index in, as a process of its own does."""
    with Catalog(catalog_path(cache), bucket="b") as catalog:
        take_in(catalog, Workspace(cache), emit=lambda _: has_begun.set() if has_begun else None)


def begun_intake(cache: Path) -> multiprocessing.process.BaseProcess:
    """Start a process that takes the index in; it has written some rows when this returns."""
    process = multiprocessing.get_context("spawn").Process(target=take_in_alone, args=(cache,))
    with Catalog(catalog_path(cache), bucket="b") as catalog:
        before = catalog.database.rows(ROWS)
        process.start()
        deadline = time.monotonic() + 60
        while catalog.database.rows(ROWS) == before:
            assert time.monotonic() < deadline
            assert process.is_alive()
            time.sleep(0.005)
    return process


def test_an_older_intake_leaves_the_rows_of_a_newer_index_alone(cache: Path) -> None:
    replace_index(cache, index("output/old"))
    older = begun_intake(cache)
    replace_index(cache, index("output/new"))
    take_in_alone(cache)
    older.join()
    assert older.exitcode == 0
    with Catalog(catalog_path(cache), bucket="b") as catalog:
        take_in(catalog, Workspace(cache))
        assert {row.asset.file_path.rpartition("/")[0] for row in catalog.assets.all()} == {"output/new"}


def test_an_intake_that_was_overtaken_takes_nothing_for_gone(cache: Path) -> None:
    replace_index(cache, index("output", ENTRIES + 1))
    take_in_alone(cache)
    replace_index(cache, index("output/less", ENTRIES))
    older = begun_intake(cache)
    replace_index(cache, index("output/more", ENTRIES + 1))
    older.join()
    with Catalog(catalog_path(cache), bucket="b") as catalog:
        assert catalog.assets.count() == ENTRIES + 1
        take_in(catalog, Workspace(cache))
        assert {row.asset.file_path.rpartition("/")[0] for row in catalog.assets.all()} == {"output/more"}


def test_first_intakes_at_once_find_nothing_twice(cache: Path) -> None:
    replace_index(cache, index("output"))
    spawn = multiprocessing.get_context("spawn")
    others = [spawn.Process(target=take_in_alone, args=(cache,)) for _ in range(3)]
    for process in others:
        process.start()
    for process in others:
        process.join()
    assert [process.exitcode for process in others] == [0, 0, 0]
    with Catalog(catalog_path(cache), bucket="b") as catalog:
        assert catalog.assets.count() == ENTRIES
        assert catalog.problems() == ((), ())


@pytest.mark.parametrize("padding", ["", "x" * 700], ids=["with indexes", "in bulk"])
def test_what_is_registered_during_an_intake_is_newer_than_the_index(cache: Path, padding: str) -> None:
    replace_index(cache, index("output", padding=padding))
    name = f"c-{ENTRIES - 1:05}"
    record = AssetRecord(
        Asset(name, "cache/scene.png", SCENE), SEMANTIC_SECTION, name, source=Source.REGISTERED
    )
    spawn = multiprocessing.get_context("spawn")
    has_begun = spawn.Event()
    intake = spawn.Process(target=take_in_alone, args=(cache, has_begun))
    with Catalog(catalog_path(cache), bucket="b") as catalog:
        # What `register_semantic_asset` does, without its own look at the index, which waits for its turn.
        with catalog.database.transaction():
            intake.start()
            assert has_begun.wait(60)
            catalog.journal.add(SEMANTIC_SECTION, name, entry_of(record))
            catalog.assets.put([record])
        intake.join()
        assert catalog.assets.count() == ENTRIES
        found = catalog.assets.at([(SEMANTIC_SECTION, name)])
        assert [row.asset.file_path for row in found] == ["cache/scene.png"]
    with CacheManager(cache) as manager:
        manager.flush()
        assert manager.get_asset_path(name) == cache / "scene.png"
    assert json.loads((cache / "index.json").read_text())["semantic_assets"][name] == {
        "padding": padding,
        **entry_of(record),
    }


def test_the_library_waits_while_the_pipeline_rewrites_the_index_in_place(cache: Path) -> None:
    text = index("output", 40)
    replace_index(cache, text)
    stop = threading.Event()
    is_cut = threading.Event()

    def pipeline() -> None:
        while not stop.is_set():
            with (cache / "index.json").open("w") as file:
                for start in range(0, len(text), 1500):
                    file.write(text[start : start + 1500])
                    file.flush()
                    is_cut.set()
                    time.sleep(0.01)  # a slow writer is the subject
            stop.wait(0.15)

    thread = threading.Thread(target=pipeline)
    thread.start()
    try:
        is_cut.wait()
        for number in range(6):
            with CacheManager(cache) as manager:
                manager.register_semantic_asset(f"ours-{number}", cache / "scene.png", SCENE)
                assert manager.get_asset_path(f"ours-{number}") == cache / "scene.png"
    finally:
        stop.set()
        thread.join()
    with CacheManager(cache) as manager:
        manager.get_asset_path("ours-0")  # sees what the pipeline's last copy lacks
    kept = json.loads((cache / "index.json").read_text())["semantic_assets"]
    assert {f"ours-{number}" for number in range(6)} <= set(kept)
