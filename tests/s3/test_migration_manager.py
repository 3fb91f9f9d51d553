"""`S3MigrationManager` as a library: what it is made of, what its progress tells, what it counts."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from creative_s3 import S3MigrationManager, S3StorageManager
from creative_s3.core.events import Event, Failed
from creative_s3.errors import ExitCode, FileVanishedError, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.transfers.progress import TransferProgress


@pytest.fixture
def cache(tmp_path: Path) -> SimpleNamespace:
    """A cache of six composites, in the form of a cache manager."""
    cache_dir = tmp_path / "workspace" / "cache"
    cache_dir.mkdir(parents=True)
    entries = {}
    for number in range(6):
        (cache_dir / f"{number}.png").write_bytes(bytes([number]) * 1000)
        entries[f"asset-{number}"] = {
            "cache_key": f"asset-{number}",
            "file_path": f"cache/{number}.png",
            "semantic_metadata": {"asset_type": "composite", "aspect_ratio": "1x1"},
            "campaign_id": "spring",
        }
    (cache_dir / "index.json").write_text(json.dumps({"semantic_assets": entries}))
    return SimpleNamespace(cache_dir=cache_dir)


def keys(s3: S3Client, bucket: str) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_the_prefix_is_the_settings_own_unless_another_is_given(
    cache: SimpleNamespace, connection: Connection
) -> None:
    storage = S3StorageManager(connection=connection)
    plan = S3MigrationManager(cache, storage).create_migration_plan()
    assert {operation.key.split("/")[0] for operation in plan.everything()} == {"creative-assets"}
    plan = S3MigrationManager(cache, storage, prefix="").create_migration_plan()
    assert {operation.key.split("/")[0] for operation in plan.everything()} == {"composites"}


def test_a_plan_needs_no_bucket_and_carrying_it_out_does(
    cache: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_PREFIX", "team")
    manager = S3MigrationManager(cache)
    plan = manager.create_migration_plan()
    assert (plan.total_files, plan.compared, plan.bucket) == (6, False, None)
    assert all(operation.key.startswith("team/") for operation in plan.everything())
    with pytest.raises(SettingsError):
        manager.execute_migration(plan)


def test_progress_counts_what_was_sent_what_was_there_and_what_failed(
    cache: SimpleNamespace, connection: Connection, s3: S3Client, bucket: str
) -> None:
    manager = S3MigrationManager(cache, S3StorageManager(connection=connection))
    plan = manager.create_migration_plan()
    first, second, *_ = plan.uploads()
    s3.put_object(Bucket=bucket, Key=first.key, Body=first.path.read_bytes())
    second.path.unlink()
    seen: list[TransferProgress] = []

    result = manager.execute_migration(plan, progress_callback=seen.append)

    last = seen[-1]
    assert (last.uploaded, last.skipped, last.failed, last.total_files) == (4, 1, 1, 6)
    assert (last.uploaded_bytes, last.settled_bytes, last.percent_complete) == (4000, 2000, 100)
    assert (result.uploaded, result.confirmed, len(result.failures)) == (4, 1, 1)
    assert result.success_rate == pytest.approx(500 / 6)


def test_an_asset_that_left_the_index_since_the_plan_is_told_and_the_others_are_sent(
    cache: SimpleNamespace, connection: Connection
) -> None:
    storage = S3StorageManager(connection=connection)
    plan = S3MigrationManager(cache, storage).create_migration_plan()
    path = cache.cache_dir / "index.json"
    index = json.loads(path.read_text())
    del index["semantic_assets"]["asset-3"]
    path.write_text(json.dumps(index))
    S3MigrationManager(cache, storage).create_migration_plan()  # it takes the index in

    result = S3MigrationManager(cache, storage).execute_migration(plan)

    assert result.uploaded == 5
    assert [(failure.item, failure.error.code) for failure in result.failures] == [("index.json", "changed")]
    assert result.exit_code() == ExitCode.ITEMS_FAILED


def test_what_a_progress_callback_raises_surfaces_and_the_next_run_goes_on(
    cache: SimpleNamespace, connection: Connection
) -> None:
    manager = S3MigrationManager(cache, S3StorageManager(connection=connection))

    def callback(_progress: TransferProgress) -> None:
        raise LookupError("no screen")

    with pytest.raises(LookupError, match="no screen"):
        manager.execute_migration(manager.create_migration_plan(), callback)
    result = manager.execute_migration(manager.create_migration_plan())
    assert result.success_rate == 100
    assert manager.validate_migration().exit_code() == 0


def test_a_file_that_is_gone_when_its_key_is_planned_again_is_a_failure(
    cache: SimpleNamespace, connection: Connection, s3: S3Client, bucket: str
) -> None:
    storage = S3StorageManager(connection=connection)
    plan = S3MigrationManager(cache, storage).create_migration_plan()
    taken = next(plan.uploads())
    s3.put_object(Bucket=bucket, Key=taken.key, Body=b"somebody else's")

    def emit(event: Event) -> None:
        if isinstance(event, Failed) and event.key == taken.key:
            taken.path.unlink()

    seen: list[TransferProgress] = []
    result = S3MigrationManager(cache, storage, emit=emit).execute_migration(plan, seen.append)

    (failure,) = result.failures
    assert failure.item == taken.asset.cache_key
    assert isinstance(failure.error, FileVanishedError)
    assert (seen[-1].uploaded, seen[-1].failed, seen[-1].percent_complete) == (5, 1, 100)
    assert s3.get_object(Bucket=bucket, Key=taken.key)["Body"].read() == b"somebody else's"


def test_the_report_counts_the_requests_of_its_own_run(
    cache: SimpleNamespace, connection: Connection, s3: S3Client, bucket: str
) -> None:
    storage = S3StorageManager(connection=connection)
    manager = S3MigrationManager(cache, storage)
    storage.list_objects()
    storage.upload_file(cache.cache_dir / "0.png", "elsewhere")
    plan = manager.create_migration_plan()
    result = manager.execute_migration(plan)
    assert dict(result.requests) == {"PutObject": 7, "GetObject": 1}
    assert len(keys(s3, bucket)) == 8
    assert set(manager.validate_migration().requests or {}) <= {"ListObjectsV2", "HeadObject"}
