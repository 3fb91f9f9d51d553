"""The pipeline's library with a real S3 server behind it."""

from __future__ import annotations

import json
import secrets
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3 import (
    AssetType,
    S3CacheManager,
    S3Config,
    S3MigrationManager,
    S3StorageManager,
    SemanticMetadata,
)
from creative_s3.errors import (
    CreativeS3Error,
    ItemError,
    ObjectNotFoundError,
    RefusedError,
    SettingsError,
    UnsafeKeyError,
)
from tests.s3.moving import connection_to

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection
    from tests.conftest import S3Server

SCENE = SemanticMetadata(AssetType.SCENE_BACKGROUND, region="US", tags=("beach",))


@pytest.fixture
def connection(s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    return connection_to(s3_server.local, bucket, monkeypatch)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    directory = tmp_path / "work" / "cache"
    directory.mkdir(parents=True)
    return directory


def manager_of(cache: Path, connection: Connection, **options: Any) -> S3CacheManager:  # noqa: ANN401 - passed on
    return S3CacheManager(cache, s3_manager=S3StorageManager(connection=connection), **options)


def a_file(cache: Path, name: str = "scene.png", content: bytes = b"picture") -> Path:
    path = cache / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def index_of(cache: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((cache / "index.json").read_text(encoding="utf-8"))
    return document


def keys(s3: S3Client, bucket: str) -> list[str]:
    return sorted(entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", []))


def test_a_registered_asset_is_uploaded_proved_and_comes_back(
    cache: Path, connection: Connection, s3: S3Client, bucket: str
) -> None:
    file = a_file(cache)
    with manager_of(cache, connection) as manager:
        registered = manager.register_semantic_asset("scene_1", file, SCENE, "spring")
        assert registered.upload
        assert registered.upload.s3_key == "creative-assets/backgrounds/scene/us/none/scene.png"
        assert keys(s3, bucket) == [registered.upload.s3_key]
        file.unlink()
        assert manager.get_asset_path("scene_1") == file
        assert file.read_bytes() == b"picture"
        assert manager.get_asset_path("scene_1") == file
        stats = manager.get_s3_stats()
    assert (stats["uploads"], stats["downloads"], stats["hits"], stats["misses"]) == (1, 1, 1, 1)
    assert stats["cache_hit_rate"] == 50.0
    assert stats["s3_assets"] == 1


def test_the_next_upload_has_nothing_left_to_send(cache: Path, connection: Connection) -> None:
    with manager_of(cache, connection) as manager:
        manager.register_semantic_asset("scene_1", a_file(cache), SCENE)
    storage = S3StorageManager(connection=connection)
    plan = S3MigrationManager(manager, storage).create_migration_plan()
    assert plan.total_files == 0
    assert len(list(plan.everything())) == 1


def test_what_could_not_be_uploaded_is_sent_by_the_next_upload(
    cache: Path, connection: Connection, s3: S3Client, bucket: str
) -> None:
    s3.delete_bucket(Bucket=bucket)
    with manager_of(cache, connection) as manager:
        registered = manager.register_semantic_asset("scene_1", a_file(cache), SCENE)
    assert registered.upload is not None
    assert not registered.upload
    assert registered.upload.exception is not None
    s3.create_bucket(Bucket=bucket)
    storage = S3StorageManager(connection=connection)
    migration = S3MigrationManager(manager, storage)
    report = migration.execute_migration(migration.create_migration_plan())
    assert report.success_rate == 100.0
    assert "creative-assets/backgrounds/scene/us/none/scene.png" in keys(s3, bucket)


def test_without_a_bucket_it_works_on_local_disk(cache: Path) -> None:
    with S3CacheManager(cache, s3_config=S3Config(bucket_name=None)) as manager:
        assert not manager.s3_enabled
        registered = manager.register_semantic_asset("a", a_file(cache), SCENE)
        assert registered.upload is None
        assert manager.get_asset_path("a") == registered.path
        registered.path.unlink()
        with pytest.raises(SettingsError, match="no bucket"):
            manager.get_asset_path("a")
    assert "a" in index_of(cache)["semantic_assets"]


def test_threads_that_ask_at_once_share_one_download(cache: Path, connection: Connection) -> None:
    content = secrets.token_bytes(3 * 2**20)
    file = a_file(cache, content=content)
    with manager_of(cache, connection) as manager:
        manager.register_semantic_asset("a", file, SCENE)
        file.unlink()
        sent: Counter[str] = Counter()
        connection.client.meta.events.register(
            "before-send.s3", lambda event_name, **_: sent.update([event_name])
        )
        barrier = threading.Barrier(32)

        def get() -> bytes:
            barrier.wait()
            return manager.get_asset_path("a").read_bytes()

        with ThreadPoolExecutor(32) as pool:
            found = list(pool.map(lambda _: get(), range(32)))
        assert all(one == content for one in found)
        assert sent["before-send.s3.GetObject"] == 1
    assert [path.name for path in cache.iterdir() if path.suffix == ".part"] == []


def test_an_asset_only_the_bucket_knows_is_found_and_kept(
    cache: Path, connection: Connection, tmp_path: Path
) -> None:
    with manager_of(cache, connection) as manager:
        manager.register_semantic_asset("scene_1", a_file(cache, content=b"theirs"), SCENE, "spring")
        S3MigrationManager(manager, manager.s3_manager)
        migration = S3MigrationManager(manager, manager.s3_manager)
        migration.execute_migration(migration.create_migration_plan())
    other = tmp_path / "other" / "cache"
    other.mkdir(parents=True)
    with manager_of(other, connection) as manager:
        path = manager.get_asset_path("scene_1")
        assert path == other / "scene.png"
        assert path.read_bytes() == b"theirs"
    assert index_of(other)["semantic_assets"]["scene_1"]["campaign_id"] == "spring"


def test_unknown_and_gone_assets_are_named(
    cache: Path, connection: Connection, s3: S3Client, bucket: str
) -> None:
    file = a_file(cache)
    with manager_of(cache, connection) as manager:
        with pytest.raises(ObjectNotFoundError) as caught:
            manager.get_asset_path("nothing")
        assert caught.value.item == "nothing"
        registered = manager.register_semantic_asset("a", file, SCENE)
        file.unlink()
        with pytest.raises(ObjectNotFoundError, match="auto_download is off"):
            manager.get_asset_path("a", auto_download=False)
        assert registered.upload is not None
        s3.delete_object(Bucket=bucket, Key=registered.upload.s3_key)
        with pytest.raises(ObjectNotFoundError, match="is gone"):
            manager.get_asset_path("a")


def test_an_object_that_is_another_assets_by_now_is_refused(
    cache: Path, connection: Connection, s3: S3Client, bucket: str
) -> None:
    file = a_file(cache)
    with manager_of(cache, connection) as manager:
        registered = manager.register_semantic_asset("a", file, SCENE)
        manager.register_semantic_asset("b", a_file(cache, "b.png", b"other"), SCENE, upload_to_s3=False)
        file.unlink()
        assert registered.upload is not None
        key = registered.upload.s3_key
        s3.put_object(Bucket=bucket, Key=key, Body=b"other", Metadata={"cache-key": "b"})
        with pytest.raises(ItemError, match="belongs to another asset"):
            manager.get_asset_path("a")
    assert not file.exists()


def test_content_of_another_machine_is_not_replaced_unseen(
    cache: Path, connection: Connection, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "cache"
    with manager_of(cache, connection) as manager:
        manager.register_semantic_asset("a", a_file(cache, content=b"first"), SCENE)
    with manager_of(other, connection) as manager:
        registered = manager.register_semantic_asset("a", a_file(other, content=b"second"), SCENE)
        assert registered.upload is not None
        assert isinstance(registered.upload.exception, RefusedError)
    with manager_of(cache, connection) as manager:
        # Our own, made anew, is replaced.
        again = manager.register_semantic_asset("a", a_file(cache, content=b"third"), SCENE)
        assert again.upload


def test_a_folder_that_became_a_link_is_not_followed(
    cache: Path, connection: Connection, tmp_path: Path
) -> None:
    file = a_file(cache, "scenes/a.png")
    with manager_of(cache, connection) as manager:
        manager.register_semantic_asset("a", file, SCENE)
        file.unlink()
        file.parent.rmdir()
        (tmp_path / "elsewhere").mkdir()
        file.parent.symlink_to(tmp_path / "elsewhere")
        with pytest.raises((UnsafeKeyError, CreativeS3Error)):
            manager.get_asset_path("a")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_older_copy_never_replaces_what_another_machine_stored_since(
    cache: Path, connection: Connection, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "cache"
    other.mkdir(parents=True)
    with manager_of(cache, connection) as manager:
        manager.register_semantic_asset("a", a_file(cache, content=b"first"), SCENE)
    with manager_of(other, connection) as behind:
        assert behind.get_asset_path("a").read_bytes() == b"first"
    with manager_of(cache, connection) as manager:
        assert manager.register_semantic_asset("a", a_file(cache, content=b"second"), SCENE).upload
    migration = S3MigrationManager(behind, S3StorageManager(connection=connection))
    plan = migration.create_migration_plan()
    (operation,) = plan.everything()
    assert not operation.is_upload
    assert "newer content" in operation.detail
    report = migration.execute_migration(plan)
    assert report.exit_code() == 3
    answer = connection.client.get_object(Bucket=connection.bucket, Key=operation.key)
    assert answer["Body"].read() == b"second"
    answer["Body"].close()
