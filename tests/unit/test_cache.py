"""The pipeline's library on local disk: registering, finding, flushing, and old pipeline code beside it."""

from __future__ import annotations

import json
import os
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3 import AssetType, CacheManager, ProductCategory, Season, SemanticMetadata
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.catalog.usage import HITS, MISSES
from creative_s3.core.library.given_files import slug_of_product
from creative_s3.errors import (
    FileVanishedError,
    IndexFileError,
    ObjectNotFoundError,
    RefusedError,
    UsageError,
)
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

SCENE = SemanticMetadata(AssetType.SCENE_BACKGROUND, region="US", season=Season.SPRING, tags=("beach",))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    directory = tmp_path / "work" / "cache"
    directory.mkdir(parents=True)
    return directory


def a_file(cache: Path, name: str = "scene.png", content: bytes = b"picture") -> Path:
    path = cache / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def index_of(cache: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((cache / "index.json").read_text(encoding="utf-8"))
    return document


def old_pipeline_saves(cache: Path, document: dict[str, Any]) -> None:
    """Write as the pipeline's own code does: in place, from what it has in memory."""
    with (cache / "index.json").open("w") as file:
        json.dump(document, file, indent=2)


def test_a_registered_asset_is_in_the_index_as_the_pipeline_writes_it(cache: Path) -> None:
    file = a_file(cache)
    with CacheManager(cache) as manager:
        registered = manager.register_semantic_asset("scene_us_1", file, SCENE, "spring_2025")
    assert registered.path == file
    entry = index_of(cache)["semantic_assets"]["scene_us_1"]
    times = {entry.pop("created_at"), entry.pop("last_used")}
    assert len(times) == 1
    assert entry == {
        "cache_key": "scene_us_1",
        "file_path": "cache/scene.png",
        "semantic_metadata": SCENE.to_dict(),
        "campaign_id": "spring_2025",
        "usage_count": 0,
        "campaigns_used": ["spring_2025"],
    }


def test_a_plain_entry_goes_to_the_top_level(cache: Path) -> None:
    with CacheManager(cache) as manager:
        manager.register_cache_entry("a1b2", a_file(cache, "text/a.png"), {"type": "text_overlay", "size": 7})
        assert manager.get_asset_path("a1b2") == cache / "text/a.png"
    entry = index_of(cache)["a1b2"]
    assert entry["metadata"] == {"type": "text_overlay", "size": 7}
    assert entry["file_path"] == "cache/text/a.png"


def test_a_product_can_be_looked_up_by_its_name(cache: Path) -> None:
    file = a_file(cache, "products/crème/cut.png")
    with CacheManager(cache) as manager:
        slug = manager.register_product("Crème Éclat!", file, "spring", tags=["hair_care"])
        found = manager.lookup_product("crème  éclat")
        assert manager.register_product("Crème Éclat!", file, "summer") == slug
        assert manager.lookup_product("nothing") is None
    assert slug == "crème-éclat"
    assert found is not None
    assert found["name"] == "Crème Éclat!"
    entry = index_of(cache)["products"][slug]
    assert entry["campaigns_used"] == ["spring", "summer"]
    assert entry["file_path"] == "cache/products/crème/cut.png"
    assert {key: entry[key] for key in ("slug", "status", "tags")} == {
        "slug": slug,
        "status": "ready",
        "tags": ["hair_care"],
    }


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Power Dish Soap", "power-dish-soap"),
        ("  Ultra_Clean -- 2.0 ", "ultra-clean-20"),
        ("Señor's Café", "señors-café"),
        ("日本 Soap", "日本-soap"),
        ("!!!", ""),
    ],
)
def test_a_product_has_the_slug_that_the_pipeline_gives_it(name: str, slug: str) -> None:
    assert slug_of_product(name) == slug


def test_registering_again_keeps_when_it_was_made_and_what_others_added(cache: Path) -> None:
    file = a_file(cache)
    with CacheManager(cache) as manager:
        manager.register_semantic_asset("a", file, SCENE, "spring")
        manager.flush()
        document = index_of(cache)
        document["semantic_assets"]["a"] |= {"usage_count": 9, "note": "mine"}
        made = document["semantic_assets"]["a"]["created_at"]
        old_pipeline_saves(cache, document)
        manager.register_semantic_asset("a", file, SCENE, "summer")
    entry = index_of(cache)["semantic_assets"]["a"]
    assert (entry["usage_count"], entry["note"], entry["created_at"]) == (9, "mine", made)
    assert entry["campaign_id"] == "summer"


def test_it_is_durable_before_the_index_is_written(cache: Path) -> None:
    manager = CacheManager(cache)
    manager.register_semantic_asset("a", a_file(cache), SCENE)
    with closing(Catalog(catalog_path(cache), bucket="any")) as other:
        assert other.assets.get("a") is not None
        assert [change.entry for change in other.journal.pending()] == ["a"]
    manager.close()
    assert "a" in index_of(cache)["semantic_assets"]


def test_the_index_follows_by_itself_within_two_seconds(cache: Path) -> None:
    manager = CacheManager(cache)
    manager.register_semantic_asset("a", a_file(cache), SCENE)
    wait_until((cache / "index.json").exists)
    assert "a" in index_of(cache)["semantic_assets"]
    manager.close()


def test_what_a_dead_process_left_is_finished_by_the_next(cache: Path) -> None:
    pid = os.fork()
    if pid == 0:
        CacheManager(cache).register_semantic_asset("a", a_file(cache), SCENE)
        os._exit(0)
    os.waitpid(pid, 0)
    assert not (cache / "index.json").exists()
    with CacheManager(cache) as manager:
        assert manager.get_asset_path("a") == cache / "scene.png"
    assert "a" in index_of(cache)["semantic_assets"]


def test_an_old_copy_of_the_index_does_not_drop_what_we_registered(cache: Path) -> None:
    old_pipeline_saves(cache, {"products": {}, "semantic_assets": {}})
    stale = index_of(cache)
    with CacheManager(cache) as manager:
        manager.register_semantic_asset("ours", a_file(cache), SCENE)
        manager.flush()
        a_file(cache, "theirs.png")
        stale["semantic_assets"]["theirs"] = {
            "cache_key": "theirs",
            "file_path": "cache/theirs.png",
            "semantic_metadata": SCENE.to_dict(),
        }
        old_pipeline_saves(cache, stale)
        assert manager.get_asset_path("theirs") == cache / "theirs.png"
        assert manager.get_asset_path("ours") == cache / "scene.png"
    assert set(index_of(cache)["semantic_assets"]) == {"ours", "theirs"}


def test_an_unknown_asset_and_a_missing_file_are_named(cache: Path) -> None:
    file = a_file(cache)
    with CacheManager(cache) as manager:
        manager.register_semantic_asset("a", file, SCENE)
        file.unlink()
        with pytest.raises(ObjectNotFoundError, match="not on local disk") as caught:
            manager.get_asset_path("a")
        assert caught.value.item == "a"
        with pytest.raises(ObjectNotFoundError, match="there is no such asset"):
            manager.get_asset_path("b")


def test_uses_are_counted(cache: Path) -> None:
    with CacheManager(cache) as manager:
        manager.register_semantic_asset("a", a_file(cache), SCENE)
        for _ in range(3):
            manager.get_asset_path("a")
        with pytest.raises(ObjectNotFoundError):
            manager.get_asset_path("b")
    with closing(Catalog(catalog_path(cache), bucket="any")) as catalog:
        totals = catalog.usage.totals()
        assert (totals[HITS].times, totals[HITS].size_bytes, totals[MISSES].times) == (3, 21, 1)
        access = catalog.usage.access("a")
        assert access is not None
        assert access.uses == 3


def test_files_are_found_relative_to_the_workspace_and_to_the_current_directory(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = a_file(cache)
    with CacheManager(cache) as manager:
        assert manager.register_semantic_asset("a", "cache/scene.png", SCENE).path == file
        monkeypatch.chdir(cache)
        assert manager.register_semantic_asset("b", "scene.png", SCENE).path == file


def test_bad_input_registers_nothing(cache: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"x")
    (cache / "link.png").symlink_to(outside)
    with CacheManager(cache) as manager:
        with pytest.raises(FileVanishedError):
            manager.register_semantic_asset("a", "cache/none.png", SCENE)
        with pytest.raises(RefusedError, match="outside the workspace"):
            manager.register_semantic_asset("a", outside, SCENE)
        with pytest.raises(Exception, match="link leads out"):
            manager.register_semantic_asset("a", cache / "link.png", SCENE)
        with pytest.raises(UsageError, match="empty name"):
            manager.register_semantic_asset("", a_file(cache), SCENE)
        with pytest.raises(UsageError, match="surrogate"):
            manager.register_semantic_asset("\udc80", a_file(cache), SCENE)
    assert not (cache / "index.json").exists()


def test_an_index_that_cannot_be_read_is_left_alone_and_loses_nothing(cache: Path) -> None:
    manager = CacheManager(cache)
    manager.register_semantic_asset("a", a_file(cache), SCENE)
    (cache / "index.json").write_text("{ broken")
    with pytest.raises(IndexFileError):
        manager.flush()
    assert (cache / "index.json").read_text() == "{ broken"
    (cache / "index.json").unlink()
    manager.close()
    assert "a" in index_of(cache)["semantic_assets"]


def test_many_threads_register_at_once(cache: Path) -> None:
    with CacheManager(cache) as manager:

        def work(number: int) -> None:
            for step in range(10):
                file = a_file(cache, f"{number}/{step}.png")
                manager.register_semantic_asset(f"a-{number}-{step}", file, SCENE)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(index_of(cache)["semantic_assets"]) == 80


def test_a_product_names_the_slug_of_its_composites(cache: Path) -> None:
    metadata = SemanticMetadata(AssetType.COMPOSITE, product_category=ProductCategory.DISH_SOAP)
    with CacheManager(cache) as manager:
        manager.register_product("Power Dish Soap", a_file(cache, "cut.png"))
        manager.register_semantic_asset("power-dish-soap-us-16x9", a_file(cache, "c.png"), metadata)
        manager.flush()
        manager.close()
        with closing(Catalog(catalog_path(cache), bucket="any")) as catalog:
            record = catalog.assets.get("power-dish-soap-us-16x9")
    assert record is not None
    assert record.asset.product_slug == "power-dish-soap"


@pytest.mark.parametrize(
    "metadata",
    [
        {"score": float("nan")},
        {"score": float("inf")},
        {"raw": b"bytes"},
        {"deep": json.loads("[" * 99 + "]" * 99)},
    ],
    ids=["nan", "inf", "bytes", "deep"],
)
def test_what_the_index_could_not_hold_is_refused_and_blocks_nothing(
    cache: Path, metadata: dict[str, Any]
) -> None:
    with CacheManager(cache) as manager:
        with pytest.raises(UsageError, match="cannot be registered"):
            manager.register_cache_entry("bad", a_file(cache), metadata)
        manager.register_cache_entry("good", a_file(cache), {"type": "layout"})
    assert set(index_of(cache)) >= {"good"}
    assert "bad" not in index_of(cache)


@pytest.mark.parametrize("given", [None, 5, b"bytes"])
def test_arguments_of_another_type_are_named(cache: Path, given: Any) -> None:  # noqa: ANN401 - the point
    file = a_file(cache)
    with CacheManager(cache) as manager:
        for call in (
            lambda: manager.register_semantic_asset(given, file, SCENE),
            lambda: manager.register_semantic_asset("a", given, SCENE),
            lambda: manager.register_semantic_asset("a", file, given),
            lambda: manager.register_product(given, file),
            lambda: manager.get_asset_path(given),
        ):
            with pytest.raises(UsageError):
                call()


def test_our_own_files_are_no_assets(cache: Path) -> None:
    with CacheManager(cache) as manager:
        manager.register_semantic_asset("a", a_file(cache), SCENE)
        manager.flush()
        for own in (cache / "index.json", catalog_path(cache)):
            with pytest.raises(RefusedError, match="belongs to the cache itself"):
                manager.register_semantic_asset("b", own, SCENE)


def test_flushing_brings_back_what_old_code_dropped(cache: Path) -> None:
    old_pipeline_saves(cache, {"semantic_assets": {}})
    stale = index_of(cache)
    with CacheManager(cache) as manager:
        manager.register_semantic_asset("ours", a_file(cache), SCENE)
        manager.flush()
        old_pipeline_saves(cache, stale)
        manager.flush()
        assert set(index_of(cache)["semantic_assets"]) == {"ours"}


def test_no_season_is_the_season_none() -> None:
    metadata = SemanticMetadata(AssetType.SCENE_BACKGROUND, season=None)  # type: ignore[arg-type]
    assert metadata.season is Season.NONE
    assert metadata.to_dict()["season"] == "none"
