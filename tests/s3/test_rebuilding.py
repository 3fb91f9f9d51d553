"""Rebuilding a catalog: what is set aside, what is rescued, and what index.json and the bucket give back."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from creative_s3 import AssetType, CacheManager, SemanticMetadata
from creative_s3.cli.views import discovery
from creative_s3.core.catalog.asset_rows import Source
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.catalog.runs import RunRecord
from creative_s3.core.catalog.salvage import TABLES, salvage
from creative_s3.core.catalog.state import examine
from creative_s3.core.catalog.usage import HITS, Access, Tally
from creative_s3.core.discovery.rebuild import Rebuilt, rebuild
from creative_s3.core.files.locks import exclusive
from creative_s3.core.migration.planning import Reason
from creative_s3.errors import CatalogError, ExitCode, IndexFileError, LockedError, RefusedError
from tests.s3.test_discovery import PREFIX, Machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection

SCENE = SemanticMetadata(AssetType.SCENE_BACKGROUND, region="US")
RUN = RunRecord("migrate upload", "side", "2026-05-01T10:00:00+00:00", 1.5, 0, 3, 300, 0, {"PutObject": 3})


@pytest.fixture
def machine(connection: Connection, studio_workspace: Path) -> Machine:
    """A machine that has uploaded, and whose assets were used."""
    made = Machine(connection, studio_workspace)
    assert made.upload() is ExitCode.OK
    made.look()
    with made.catalog() as catalog:
        at = datetime(2026, 5, 1, 12, tzinfo=UTC)
        catalog.usage.record({"scene_summer_us_001": 3}, {HITS: Tally(3, 900)}, at=at)
        catalog.runs.end(RUN)
        catalog.journal.add(
            "semantic_assets",
            "late",
            {"file_path": "cache/late.png", "semantic_metadata": {"asset_type": "composite"}},
        )
    return made


def rebuilt(machine: Machine) -> Rebuilt:
    return rebuild(
        machine.cache_dir,
        machine.storage(),
        prefix=PREFIX,
        validate=machine.migration().validate_migration,
    )


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite_a_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(os.urandom(4096 * 3))


def replace_all(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


@pytest.mark.parametrize("damage", [cut_off, overwrite_a_page, replace_all])
def test_a_damaged_catalog_is_set_aside_and_the_next_one_knows_the_assets_and_their_keys(
    machine: Machine, damage: Callable[[Path], None]
) -> None:
    path = catalog_path(machine.cache_dir)
    with machine.catalog() as catalog:
        before = catalog.assignments()
    damage(path)
    damaged = path.read_bytes()
    assert examine(path, "integrity_check").problems
    made = rebuilt(machine)
    assert made.problems
    assert made.set_aside
    assert made.set_aside.name.startswith("catalog.sqlite3.damaged-2")
    assert made.set_aside.read_bytes() == damaged
    assert not examine(path, "integrity_check").problems
    assert made.bucket_problem is None
    assert made.proved == 49
    with machine.catalog() as catalog:
        assert before.items() <= catalog.assignments().items()
        assert catalog.assets.get("scene_summer_us_001")
        assert len(catalog.objects()) == 49
    # Nothing has to be asked again, and nothing is sent again.
    assert machine.plan().total_files == 0
    assert not list(path.parent.glob("*.rebuilding*"))


def test_a_catalog_that_is_whole_loses_nothing(machine: Machine) -> None:
    with machine.catalog() as catalog:
        runs, totals = catalog.runs.last(9), catalog.usage.totals()
    made = rebuilt(machine)
    assert not made.problems
    assert not made.incomplete
    assert made.set_aside
    assert (made.rescued["access"], made.rescued["run"], made.pending) == (1, len(runs), 1)
    with machine.catalog() as catalog:
        assert catalog.usage.access("scene_summer_us_001") == Access(3, "2026-05-01T12:00:00+00:00")
        assert catalog.usage.totals() == totals
        assert totals[HITS] == Tally(3, 900)
        assert catalog.runs.last(9) == runs
        assert RUN in [replace(run, number=0, token="") for run in runs]
        assert not catalog.journal.has_pending()
    assert "late" in json.loads(machine.index_path.read_bytes())["semantic_assets"]


def test_what_lies_around_a_damaged_page_is_rescued(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    at = datetime(2026, 5, 1, 12, tzinfo=UTC)
    names = [f"asset-{number:05d}" for number in range(5000)]
    with Catalog(path, bucket="b") as catalog:
        catalog.usage.record(dict.fromkeys(names, 2), {}, at=at)
    content = path.read_bytes()
    spot = content.index(b"asset-02500") // 4096 * 4096
    path.write_bytes(content[:spot] + bytes(4096) + content[spot + 4096 :])
    found = salvage(path)
    rescued = {row[0] for row in found.rows["access"]}
    assert 4000 < len(rescued) < 5000
    assert {names[0], names[-1]} <= rescued
    assert "access" in found.incomplete


def test_every_table_that_is_rescued_has_words() -> None:
    assert discovery.RESCUED.keys() == TABLES.keys()


def test_rows_that_are_not_well_formed_are_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    with Catalog(path, bucket="b") as catalog, catalog.database.transaction() as database:
        rows = [
            ("good", "2026-05-01", 1, "2026-05-01T00:00:00"),
            ("day", "yesterday", 1, "2026-05-01"),
            ("uses", "2026-05-01", -1, "2026-05-01"),
            (b"\xff", "2026-05-01", 1, "2026-05-01"),
        ]
        database.executemany("INSERT INTO access VALUES (?, ?, ?, ?)", rows)
        database.execute("INSERT INTO journal VALUES (1, '2026-05-01', 'index', '', 'x', 'no json')")
    found = salvage(path)
    assert [row[0] for row in found.rows["access"]] == ["good"]
    assert not found.rows["journal"]
    assert {"access", "journal"} <= set(found.incomplete)


@pytest.mark.parametrize("seed", range(12))
def test_no_damage_whatever_stops_a_rebuild(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - the same damage each time
    cache = tmp_path / "cache"
    cache.mkdir()
    names = {f"a{number}": {"file_path": f"cache/{number}.png", "metadata": {}} for number in range(300)}
    (cache / "index.json").write_text(json.dumps(names), encoding="utf-8")
    rebuild(cache, None, prefix=PREFIX)
    path = catalog_path(cache)
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 3, 30])):
        start = rng.randrange(len(content))
        content[start : start + rng.choice([1, 100, 5000])] = rng.randbytes(rng.choice([1, 100, 5000]))
    path.write_bytes(content)
    made = rebuild(cache, None, prefix=PREFIX)
    assert made.assets == 300
    assert not examine(path, "integrity_check").problems


def registered(cache: Path, *names: str) -> None:
    with CacheManager(cache) as manager:
        for name in names:
            manager.register_semantic_asset(name, cache / "scene.png", SCENE)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    directory = tmp_path / "work" / "cache"
    directory.mkdir(parents=True)
    (directory / "scene.png").write_bytes(b"picture")
    (directory / "index.json").write_text('{"semantic_assets": {}}', encoding="utf-8")
    return directory


@pytest.mark.parametrize("drops_before", [False, True])
def test_what_was_registered_survives_a_stale_save_around_a_rebuild(
    cache: Path, *, drops_before: bool
) -> None:
    stale = (cache / "index.json").read_bytes()
    with CacheManager(cache) as manager:
        manager.register_semantic_asset("beach", cache / "scene.png", SCENE)
        manager.register_product("Soap", cache / "scene.png")
        manager.register_cache_entry("overlay", cache / "scene.png", {"type": "text_overlay", "odd": 1})
    whole = json.loads((cache / "index.json").read_bytes())
    if drops_before:
        (cache / "index.json").write_bytes(stale)
    rebuild(cache, None, prefix=PREFIX)
    if not drops_before:
        assert json.loads((cache / "index.json").read_bytes()) == whole
        (cache / "index.json").write_bytes(stale)
        registered(cache, "other")
        del (kept := json.loads((cache / "index.json").read_bytes()))["semantic_assets"]["other"]
    else:
        kept = json.loads((cache / "index.json").read_bytes())
    assert kept == whole
    with Catalog(catalog_path(cache), bucket="b") as catalog:
        assert {row.source for row in catalog.assets.all()} == {Source.REGISTERED}


def test_what_the_pipeline_itself_removed_stays_removed_by_a_rebuild(cache: Path) -> None:
    entry = {"file_path": "cache/scene.png", "semantic_metadata": SCENE.to_dict()}
    (cache / "index.json").write_text(json.dumps({"semantic_assets": {"theirs": entry}}), encoding="utf-8")
    rebuild(cache, None, prefix=PREFIX)
    (cache / "index.json").write_text('{"semantic_assets": {}}', encoding="utf-8")
    assert rebuild(cache, None, prefix=PREFIX).assets == 0


def test_without_an_index_the_old_catalog_is_the_source_of_the_assets(cache: Path) -> None:
    registered(cache, "beach")
    (cache / "index.json").unlink()
    assert rebuild(cache, None, prefix=PREFIX).assets == 1


def test_a_library_that_is_open_during_a_rebuild_goes_on_with_the_new_catalog(cache: Path) -> None:
    with CacheManager(cache) as manager:
        manager.register_semantic_asset("before", cache / "scene.png", SCENE)
        rebuild(cache, None, prefix=PREFIX)
        manager.register_semantic_asset("after", cache / "scene.png", SCENE)
    (cache / "index.json").write_text('{"semantic_assets": {}}', encoding="utf-8")
    with CacheManager(cache) as manager:
        assert manager.get_asset_path("before") == manager.get_asset_path("after") == cache / "scene.png"
    assert set(json.loads((cache / "index.json").read_bytes())["semantic_assets"]) == {"before", "after"}


def test_rows_of_assets_that_are_not_well_formed_are_left_behind(cache: Path) -> None:
    registered(cache, "good", "bytes", "source", "list")
    with closing(sqlite3.connect(catalog_path(cache))) as database, database:
        database.execute("UPDATE asset SET file_path=x'00ff' WHERE entry='bytes'")
        database.execute("UPDATE asset SET source='elsewhere' WHERE entry='source'")
        database.execute("UPDATE asset SET tags='[' WHERE entry='list'")
    (cache / "index.json").write_text('{"semantic_assets": {}}', encoding="utf-8")
    assert [row.entry for row in salvage(catalog_path(cache)).assets] == ["good"]
    assert rebuild(cache, None, prefix=PREFIX).assets == 1


def test_without_a_bucket_the_index_and_the_rescued_keys_are_the_source(machine: Machine) -> None:
    made = rebuild(machine.cache_dir, None, prefix=PREFIX)
    assert made.discovery is None
    assert made.assets
    with machine.catalog() as catalog:
        assert len(catalog.assignments()) >= 49


def test_a_bucket_that_does_not_answer_is_told_and_stops_nothing(machine: Machine, s3: S3Client) -> None:
    storage = machine.storage()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=storage.bucket):
        for one in page["Contents"]:
            s3.delete_object(Bucket=storage.bucket, Key=one["Key"])
    s3.delete_bucket(Bucket=storage.bucket)
    made = rebuild(machine.cache_dir, storage, prefix=PREFIX)
    assert "bucket" in (made.bucket_problem or "")
    assert made.assets
    assert not examine(made.path, "integrity_check").problems


def test_cold_assets_are_cold_again(machine: Machine, connection: Connection, tmp_path: Path) -> None:
    second = Machine(connection, tmp_path / "second")
    second.sync()
    assert machine.root.exists()
    path = catalog_path(second.cache_dir)
    # With the old one readable even offline; with nothing readable, the bucket says so.
    rebuild(second.cache_dir, None, prefix=PREFIX)
    assert second.plan().counts[Reason.COLD] == 49
    replace_all(path)
    assert rebuilt(second).cold == 49
    assert second.plan().counts[Reason.COLD] == 49
    assert second.validate().exit_code(strict=True) is ExitCode.OK


def test_a_rebuild_waits_for_no_other_run_and_disturbs_none(machine: Machine) -> None:
    path = catalog_path(machine.cache_dir)
    before = path.read_bytes()
    with exclusive(path.with_name("lock")), pytest.raises(LockedError):
        rebuilt(machine)
    assert path.read_bytes() == before


def test_a_damaged_index_leaves_the_catalog_where_it_is(machine: Machine) -> None:
    path = catalog_path(machine.cache_dir)
    before = sorted(one.name for one in path.parent.iterdir())
    machine.index_path.write_bytes(b"{")
    with pytest.raises(IndexFileError):
        rebuilt(machine)
    assert sorted(one.name for one in path.parent.iterdir() if one.name != "lock") == [
        one for one in before if one != "lock"
    ]


def test_a_newer_catalog_is_not_touched(machine: Machine) -> None:
    path = catalog_path(machine.cache_dir)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(CatalogError, match="newer"):
        rebuilt(machine)


def test_a_cache_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        rebuild(tmp_path / "cache", None, prefix=PREFIX)
    assert not (tmp_path / "cache").exists()


def test_a_cache_without_a_catalog_gets_one(machine: Machine) -> None:
    shutil.rmtree(catalog_path(machine.cache_dir).parent)
    made = rebuilt(machine)
    assert made.set_aside is None
    assert made.proved == 49


def test_two_rebuilds_in_one_second_set_both_aside(machine: Machine) -> None:
    aside = {rebuild(machine.cache_dir, None, prefix=PREFIX).set_aside for _ in range(3)}
    assert len(aside) == 3
    assert all(path and path.is_file() for path in aside)


def test_a_hot_journal_of_a_killed_writer_goes_with_its_catalog(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "index.json").write_text('{"a": {"file_path": "cache/a.png", "metadata": {}}}', encoding="utf-8")
    rebuild(cache, None, prefix=PREFIX)
    path = catalog_path(cache)
    replace_all(path)
    journal = path.with_name(f"{path.name}-journal")
    journal.write_bytes(bytes.fromhex("d9d505f920a163d7") + bytes(504))
    made = rebuild(cache, None, prefix=PREFIX)
    assert made.set_aside
    assert not journal.exists()
    assert made.assets == 1
    assert not examine(path, "integrity_check").problems
