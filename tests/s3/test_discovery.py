"""Discovery on a real server: a second machine learns everything, and asks as little as it can."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.assets.layout import key_of, object_metadata
from creative_s3.core.assets.models import Asset
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path, remote_side
from creative_s3.core.discovery.discovered import Discovery, Standing
from creative_s3.core.discovery.syncing import compare_with_bucket, sync_with_bucket
from creative_s3.core.index.index import Index, Reference, references
from creative_s3.core.migration.migration import S3MigrationManager
from creative_s3.core.migration.planning import Reason
from creative_s3.core.migration.validation import State, ValidationReport
from creative_s3.core.published.publish import entries_of
from creative_s3.core.search.finder import Finder
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.errors import ExitCode, IndexFileError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.migration.planning import MigrationPlan
    from creative_s3.core.s3.connection import Connection

PREFIX = "creative-assets"
INDEX_KEY = f"{PREFIX}/metadata/index.json"
NEVER_UPLOADED = ("semantic_assets", "gone_background")
"""The one entry of the reference workspace whose file the pipeline had lost already."""


class Machine:
    """A workspace and its way to the bucket."""

    def __init__(self, connection: Connection, root: Path) -> None:
        self.root = root
        self.cache_dir = root / "cache"
        self.index_path = self.cache_dir / "index.json"
        self.connection = connection
        self.requests: Mapping[str, int] = {}

    def storage(self) -> S3StorageManager:
        return S3StorageManager(connection=self.connection)

    def migration(self) -> S3MigrationManager:
        return S3MigrationManager(self, self.storage(), prefix=PREFIX)

    def plan(self) -> MigrationPlan:
        return self.migration().create_migration_plan()

    def upload(self) -> ExitCode:
        manager = self.migration()
        return manager.execute_migration(manager.create_migration_plan()).exit_code()

    def validate(self, *, deep: bool = False) -> ValidationReport:
        return self.migration().validate_migration(deep=deep)

    def look(self) -> Discovery:
        return compare_with_bucket(self.storage(), self.cache_dir, prefix=PREFIX)

    def sync(self) -> Discovery:
        storage = self.storage()
        found, _ = sync_with_bucket(storage, self.cache_dir, prefix=PREFIX)
        assert found.requests == storage.requests
        return found

    def catalog(self) -> Catalog:
        return Catalog(catalog_path(self.cache_dir), bucket=remote_side(self.connection, PREFIX))

    def entries(self) -> dict[tuple[str, str], Any]:
        document = json.loads(self.index_path.read_bytes())
        return {name: value for name, value in entries_of(document) if isinstance(value, dict) and value}

    def write_index(self, document: Mapping[str, Any]) -> None:
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        self.index_path.write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def first(connection: Connection, studio_workspace: Path) -> Machine:
    """The machine that has all files, and has uploaded them."""
    machine = Machine(connection, studio_workspace)
    assert machine.upload() is ExitCode.OK
    return machine


@pytest.fixture
def second(connection: Connection, tmp_path: Path) -> Machine:
    """A machine without even a cache directory."""
    return Machine(connection, tmp_path / "second")


def put(s3: S3Client, bucket: str, asset: Asset, content: bytes = b"content") -> str:
    """Put an asset's object as an upload would, and publish nothing."""
    key = key_of(asset, PREFIX)
    s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata=object_metadata(asset))
    return key


def entry(path: str, asset_type: str = "scene_background", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"file_path": path, "semantic_metadata": {"asset_type": asset_type}, **more}


def test_an_empty_machine_gets_every_asset_that_is_in_the_bucket(first: Machine, second: Machine) -> None:
    found = second.sync()
    theirs, ours = first.entries(), second.entries()
    assert theirs.pop(NEVER_UPLOADED)
    assert ours == theirs
    assert found.amounts[Standing.NEW].count == 49
    assert not [one for one in found.found if one.standing is not Standing.NEW]
    with second.catalog() as catalog, first.catalog() as their_catalog:
        rows = list(catalog.assets.all())
        assert all(row.is_cold and row.size_bytes for row in rows)
        assert their_catalog.assignments().items() <= catalog.assignments().items()
        assert not catalog.journal.has_pending()
    problems = [
        thing
        for thing in references(
            Index(second.index_path, json.loads(second.index_path.read_bytes())), cache_dir=second.cache_dir
        )
        if not isinstance(thing, Reference)
    ]
    assert problems == []


def test_it_takes_one_listing_and_one_get_and_no_head(first: Machine, second: Machine) -> None:
    assert first.look().requests == {"ListObjectsV2": 1, "GetObject": 1}
    assert second.look().requests == {"ListObjectsV2": 1, "GetObject": 1}
    assert second.sync().requests == {"ListObjectsV2": 1, "GetObject": 1}


def test_only_what_the_published_index_lacks_is_asked_for(
    first: Machine, second: Machine, s3: S3Client, bucket: str
) -> None:
    asset = Asset("overlay-7", "cache/text/seven.png", cache_type="text_overlay", campaign_id="autumn")
    key = put(s3, bucket, asset)
    found = second.sync()
    assert found.requests == {"ListObjectsV2": 1, "GetObject": 1, "HeadObject": 1}
    (one,) = [one for one in found.of(Standing.NEW) if one.key == key]
    assert (one.cache_keys, one.detail) == (("overlay-7",), "from its metadata")
    written = second.entries()["", "overlay-7"]
    assert written.pop("created_at")
    assert written == {
        "file_path": "cache/text/seven.png",
        "cache_key": "overlay-7",
        "metadata": {"type": "text_overlay", "campaign_id": "autumn"},
    }
    assert first.root != second.root
    assert second.sync().requests == {"ListObjectsV2": 1, "GetObject": 1}


def test_looking_writes_nothing_at_all(first: Machine, second: Machine, tmp_path: Path) -> None:
    found = second.look()
    assert found.has_news
    assert len(found.newcomers) == len(first.entries()) - 2  # not the lost one, and not the reuse pattern
    assert not second.root.exists()
    assert not list(tmp_path.iterdir())  # where it runs: a catalog in memory has no folder
    before = first.index_path.read_bytes()
    assert not first.look().has_news
    assert first.index_path.read_bytes() == before


def test_a_second_sync_changes_nothing(first: Machine, second: Machine) -> None:
    assert first.index_path.exists()
    second.sync()
    before, stat = second.index_path.read_bytes(), second.index_path.stat()
    again = second.sync()
    assert not again.has_news
    assert again.amounts[Standing.KNOWN].count == 49
    assert second.index_path.read_bytes() == before
    assert second.index_path.stat() == stat


def test_the_second_machine_plans_uploads_and_validates_in_peace(
    first: Machine, second: Machine, s3: S3Client, bucket: str
) -> None:
    second.sync()
    published = s3.head_object(Bucket=bucket, Key=INDEX_KEY)["ETag"]
    plan = second.plan()
    assert plan.counts[Reason.COLD] == first.plan().total_operations - 1
    assert plan.counts[Reason.MISSING] == 0
    assert second.upload() is ExitCode.OK
    assert s3.head_object(Bucket=bucket, Key=INDEX_KEY)["ETag"] == published
    for deep in (False, True):
        report = second.validate(deep=deep)
        assert report.exit_code(strict=True) is ExitCode.OK
        assert report.counts[State.COLD] == plan.counts[Reason.COLD]
        assert not report.remarkable
        assert dict(report.requests or {}).get("HeadObject", 0) == (49 if deep else 0)


def test_a_download_works_at_once_by_the_name_of_the_asset(first: Machine, second: Machine) -> None:
    second.sync()
    finder = Finder(second.storage(), prefix=PREFIX, cache_dir=second.cache_dir)
    stored = finder.find("scene_summer_us_001")
    assert stored.size_bytes == (first.root / "cache/scenes/us/summer/background.jpg").stat().st_size


def test_a_cold_asset_whose_object_is_gone_fails_the_validation_by_name(
    first: Machine, second: Machine, s3: S3Client, bucket: str
) -> None:
    assert first.root.exists()
    second.sync()
    with second.catalog() as catalog:
        key = catalog.assignment("scene_summer_us_001")
    assert key
    s3.delete_object(Bucket=bucket, Key=key)
    report = second.validate()
    assert report.exit_code() is ExitCode.DIFFERENT
    assert [(one.state, one.cache_key) for one in report.differences] == [(State.LOST, "scene_summer_us_001")]
    plan = second.plan()
    assert [one.asset.cache_key for one in plan.lost] == ["scene_summer_us_001"]
    assert second.upload() is ExitCode.OK
    assert [one.key for one in second.look().of(Standing.GONE)] == [key]


def test_a_machine_that_lost_its_files_learns_that_they_are_in_s3_only(first: Machine) -> None:
    for name in ("output", "cache/scenes", "cache/products"):
        shutil.rmtree(first.root / name)
    shutil.rmtree(first.cache_dir / "text")
    shutil.rmtree(first.cache_dir / "layouts")
    with pytest.raises(RefusedError):
        first.plan()
    before = first.index_path.read_bytes()
    found = first.sync()
    assert len(found.cooled) >= 49
    assert first.index_path.read_bytes() == before
    assert first.validate().exit_code() is ExitCode.OK
    assert first.plan().counts[Reason.COLD] == 49


def test_a_cold_asset_whose_file_comes_back_is_cold_no_more(first: Machine, second: Machine) -> None:
    second.sync()
    path = "cache/scenes/us/summer/background.jpg"
    (second.root / path).parent.mkdir(parents=True)
    shutil.copy(first.root / path, second.root / path)
    plan = second.plan()
    assert plan.counts[Reason.UNCHANGED] == 1
    assert second.validate().exit_code() is ExitCode.OK
    assert second.sync().returned == ("scene_summer_us_001",)
    with second.catalog() as catalog:
        record = catalog.assets.get("scene_summer_us_001")
    assert record
    assert not record.is_cold


def test_a_file_that_is_here_already_is_not_cold_and_not_trusted(first: Machine, second: Machine) -> None:
    path = "cache/scenes/us/summer/background.jpg"
    (second.root / path).parent.mkdir(parents=True)
    (second.root / path).write_bytes(b"something else")
    assert first.root.exists()
    time.sleep(2)  # S3 tells whole seconds: newer than the object beyond doubt, and not in time to come
    (second.root / path).touch()
    found = second.sync()
    (one,) = [one for one in found.of(Standing.NEW) if "scene_summer_us_001" in one.cache_keys]
    assert one.detail == "from the published index; its file is here already, unproved"
    report = second.validate()
    assert [one.cache_key for one in report.differences] == ["scene_summer_us_001"]
    assert second.plan().replacing_unknown


def test_what_others_wrote_into_the_index_meanwhile_is_kept(first: Machine, second: Machine) -> None:
    own = entry("cache/own.png", campaign_id="mine", strange=[1, {"a": None}])
    mine = {"semantic_assets": {"own": own}, "settings": {"theme": "dark"}}
    second.write_index(mine)
    (second.cache_dir / "own.png").write_bytes(b"own")
    second.sync()
    assert second.entries()["semantic_assets", "own"] == own
    assert json.loads(second.index_path.read_bytes())["settings"] == {"theme": "dark"}
    assert len(second.entries()) == len(first.entries()) + 1  # without the lost one, with these two


def test_a_damaged_published_index_stops_everything(second: Machine, s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key=INDEX_KEY, Body=b'{"semantic_assets": {')
    with pytest.raises(IndexFileError, match="published index is damaged"):
        second.sync()
    assert not second.root.exists()


def test_objects_of_another_client_are_known_by_their_keys(
    second: Machine, s3: S3Client, bucket: str
) -> None:
    keys = (
        f"{PREFIX}/products/transparent/dish_soap/power-soap/cut.png",
        f"{PREFIX}/backgrounds/solid/ff0000/red.png",
        f"{PREFIX}/cache/layout/unspecified/grid.png",
        f"{PREFIX}/unsorted/odds/ends.bin",
    )
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"foreign")
    found = second.sync()
    assert [one.detail for one in found.of(Standing.NEW)] == ["from its key"] * 4
    below = [key.removeprefix(f"{PREFIX}/") for key in keys]
    entries = second.entries()
    assert {name for _, name in entries} == {f"s3:{key}" for key in below}
    assert {value["file_path"] for value in entries.values()} == {f"cache/s3/{key}" for key in below}
    product = entries["semantic_assets", f"s3:{below[0]}"]
    assert product["semantic_metadata"]["product_category"] == "dish_soap"
    assert product["product_slug"] == "power-soap"
    assert entries["semantic_assets", f"s3:{below[1]}"]["semantic_metadata"]["color_palette"] == ["#ff0000"]
    assert second.validate().exit_code() is ExitCode.OK
    assert second.plan().counts[Reason.COLD] == 4
    # It is published from here, and its keys stay what they are.
    assert second.upload() is ExitCode.OK
    with second.catalog() as catalog:
        assert sorted(catalog.assignments().values()) == sorted(keys)


def test_a_foreign_object_gets_a_file_that_collides_with_nothing(
    second: Machine, s3: S3Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}/unsorted/a.bin", Body=b"foreign")
    second.write_index({"semantic_assets": {"mine": entry("cache/s3/unsorted/a.bin")}})
    second.sync()
    path = second.entries()["", "s3:unsorted/a.bin"]["file_path"]
    assert path.startswith("cache/s3/unsorted/a-")
    assert path.endswith(".bin")


def test_unindexed_files_of_another_machine_come_with_their_own_names(
    first: Machine, second: Machine
) -> None:
    manager = first.migration()
    manager.execute_migration(manager.create_migration_plan(include_unindexed=True))
    assert not first.look().has_news
    second.sync()
    assert (
        second.entries()["", "unindexed:cache/scenes/not_indexed.jpg"]["file_path"]
        == "cache/scenes/not_indexed.jpg"
    )
    assert second.validate().exit_code(strict=True) is ExitCode.OK


def test_absolute_paths_of_another_machine_are_replaced_by_what_the_objects_say(
    connection: Connection, tmp_path: Path, second: Machine
) -> None:
    third = Machine(connection, tmp_path / "third")
    file, cut = third.cache_dir / "a.png", third.cache_dir / "cut.png"
    product = {"slug": "soap", "file_path": str(cut), "cache_filename": str(cut), "status": "ready"}
    third.write_index(
        {"semantic_assets": {"abs": entry(str(file), color="x")}, "products": {"soap": product}}
    )
    file.write_bytes(b"a")
    cut.write_bytes(b"cut")
    assert third.upload() is ExitCode.OK
    second.sync()
    assert second.entries()["semantic_assets", "abs"] == entry("cache/a.png", color="x")
    assert second.entries()["products", "soap"] == {
        **product,
        "file_path": "cache/cut.png",
        "cache_filename": "cache/cut.png",
    }
    assert second.upload() is ExitCode.OK
    assert not third.look().has_news
    published = json.loads(second.storage().read(INDEX_KEY)[1])  # type: ignore[index]
    assert published["semantic_assets"]["abs"]["file_path"] == str(file)


def test_the_index_that_went_away_is_made_again(first: Machine, second: Machine) -> None:
    second.sync()
    before = second.entries()
    second.index_path.unlink()
    second.sync()
    assert second.entries() == before
    assert first.index_path.exists()
    local = first.entries()
    assert not first.look().has_news  # which takes the index in
    first.index_path.unlink()
    first.sync()
    assert first.entries().keys() == local.keys()


def test_what_a_machine_synced_does_not_undo_what_another_one_changes(
    first: Machine, second: Machine
) -> None:
    second.sync()
    document = json.loads(first.index_path.read_bytes())
    document["semantic_assets"]["scene_summer_us_001"]["campaign_id"] = "billboard"
    first.write_index(document)
    assert first.upload() is ExitCode.OK
    assert second.upload() is ExitCode.OK
    published = json.loads(first.storage().read(INDEX_KEY)[1])  # type: ignore[index]
    assert published["semantic_assets"]["scene_summer_us_001"]["campaign_id"] == "billboard"


def test_an_object_that_somebody_replaced_is_changed(
    first: Machine, second: Machine, s3: S3Client, bucket: str
) -> None:
    second.sync()
    with first.catalog() as catalog:
        key = catalog.assignment("scene_summer_us_001")
    assert key
    s3.put_object(Bucket=bucket, Key=key, Body=b"replaced")
    for machine, how in ((first, "proved"), (second, "seen")):
        (one,) = machine.look().of(Standing.CHANGED)
        assert (one.key, one.detail) == (key, f"it is no longer the object that was {how} last")
    second.sync()
    assert not second.look().of(Standing.CHANGED)


def test_a_key_that_is_gone_and_belongs_to_nobody_is_forgotten(
    first: Machine, s3: S3Client, bucket: str
) -> None:
    document = json.loads(first.index_path.read_bytes())
    with first.catalog() as catalog:
        key = catalog.assignment("deadbeef01")
    del document["deadbeef01"]
    first.write_index(document)
    assert key
    s3.delete_object(Bucket=bucket, Key=key)
    assert [(one.key, one.detail) for one in first.sync().of(Standing.GONE)] == [
        (key, "no asset of the index has it")
    ]
    assert not first.look().of(Standing.GONE)


def test_an_edited_file_never_replaces_the_only_copy_of_a_cold_asset(
    connection: Connection, tmp_path: Path, s3: S3Client, bucket: str
) -> None:
    machine = Machine(connection, tmp_path / "shared")
    document = {"semantic_assets": {name: entry(f"cache/{name}/same.png") for name in ("one", "two")}}
    machine.write_index(document)
    for name in ("one", "two"):
        (machine.cache_dir / name).mkdir()
        (machine.cache_dir / name / "same.png").write_bytes(b"the same")
    assert machine.upload() is ExitCode.OK
    (key,) = {one.key for one in machine.plan().everything()}
    (machine.cache_dir / "two" / "same.png").unlink()
    machine.sync()
    (machine.cache_dir / "one" / "same.png").write_bytes(b"edited by now")
    assert machine.upload() is ExitCode.OK
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"the same"
    assert machine.validate().exit_code() is ExitCode.OK
