"""Programs written for the guide's modules, in their other usual forms: by position, and with text."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path
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
from creative_s3.errors import ObjectNotFoundError, UsageError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


PREFIX = "creative-assets"


@pytest.fixture(autouse=True)
def _settings(server_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that the guide's .env would give."""
    for name, value in server_env.items():
        if name.startswith(("AWS_", "S3_")):
            monkeypatch.setenv(name, value)


@pytest.fixture
def storage(bucket: str) -> S3StorageManager:
    return S3StorageManager(S3Config(bucket))


def test_a_download_is_true_and_nothing_else(s3: S3Client, bucket: str, storage: S3StorageManager) -> None:
    s3.put_object(Bucket=bucket, Key="products/image.png", Body=b"a product")
    assert storage.download_file("products/image.png", Path("image.png")) is True
    assert Path("image.png").read_bytes() == b"a product"


def test_a_failed_download_is_false_and_its_reason_is_in_the_log(
    storage: S3StorageManager, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert storage.download_file("products/nothing.png", Path("nothing.png")) is False
    assert "products/nothing.png was not downloaded: the object does not exist" in caplog.text
    assert isinstance(storage.download("products/nothing.png", "nothing.png").exception, ObjectNotFoundError)


def test_an_uploads_error_is_text(storage: S3StorageManager) -> None:
    result = storage.upload_file(Path("nothing.png"), "products/nothing.png")
    assert result.success is False
    assert result.error == "there is no such file"
    assert json.loads(json.dumps({"error": result.error})) == {"error": "there is no such file"}
    assert f"S3 upload failed: {result.error}".endswith("no such file")
    assert "no such" in result.error
    assert result.exception is not None
    assert result.exception.hint


def test_an_upload_without_a_failure_has_no_error(storage: S3StorageManager) -> None:
    Path("image.png").write_bytes(b"a product")
    assert storage.upload_file(Path("image.png"), "products/image.png").error is None


def test_the_media_type_may_be_given_by_position(
    s3: S3Client, bucket: str, storage: S3StorageManager
) -> None:
    Path("image.bin").write_bytes(b"a product")
    assert storage.upload_file(Path("image.bin"), "k", {"type": "product"}, {"a": "b"}, "image/png")
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "image/png"


def test_a_batchs_callback_may_be_given_by_position(storage: S3StorageManager) -> None:
    Path("image.png").write_bytes(b"a product")
    seen: list[float] = []
    results, progress = storage.batch_upload(
        [(Path("image.png"), "k", {"type": "product"})], lambda now: seen.append(now.percent_complete)
    )
    assert (results[0].success, progress.uploaded, seen[-1]) == (True, 1, 100.0)


def test_a_listing_is_below_the_prefix_of_the_settings(
    s3: S3Client, bucket: str, storage: S3StorageManager
) -> None:
    for key in (f"{PREFIX}/products/a.png", f"{PREFIX}-of-others/b.png", "c.png"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert [one["s3_key"] for one in storage.list_objects()] == [f"{PREFIX}/products/a.png"]
    assert [one["s3_key"] for one in storage.list_objects(max_keys=1, prefix="")] == ["c.png"]
    assert len(storage.list_objects("")) == 3
    assert len(S3StorageManager(S3Config(bucket, prefix="")).list_objects()) == 3


def test_a_listings_times_are_there_as_text_too(s3: S3Client, bucket: str, storage: S3StorageManager) -> None:
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}/a", Body=b"x")
    (one,) = storage.list_objects()
    assert one["last_modified_iso"] is not None
    assert datetime.fromisoformat(one["last_modified_iso"]) == one["last_modified"]


def test_the_manager_tells_its_settings(bucket: str, storage: S3StorageManager) -> None:
    assert storage.config.bucket_name == bucket
    assert storage.config.prefix == PREFIX


def test_the_cache_manager_takes_its_settings_by_position(s3: S3Client, bucket: str, workspace: Path) -> None:
    file = workspace / "cache" / "one.png"
    file.write_bytes(b"one")
    config = S3Config(bucket, prefix="elsewhere")
    with S3CacheManager(str(workspace / "cache"), config, True, 5.0) as manager:  # noqa: FBT003 - as the guide's readers do
        manager.register_semantic_asset(
            "one",
            str(file),
            SemanticMetadata(AssetType.PRODUCT_TRANSPARENT),
            "spring",
            True,  # noqa: FBT003 - the same
        )
        assert manager.local_cache_size_limit_gb == 5.0
        assert manager.get_asset_path("one", True) == file  # noqa: FBT003 - the same
        file.unlink()
        with pytest.raises(ObjectNotFoundError):
            manager.get_asset_path("one", False)  # noqa: FBT003 - the same
        assert manager.get_asset_path("one", True).read_bytes() == b"one"  # noqa: FBT003 - the same
        assert manager.manage_cache_tiers(True, False, 30).demoted == 0  # noqa: FBT003 - the same
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert sum(key.startswith("elsewhere/products/transparent/") for key in keys) == 1


def test_s3_that_is_neither_on_nor_off_is_on(workspace: Path) -> None:
    with S3CacheManager(workspace / "cache", enable_s3=None) as manager:
        assert manager.s3_enabled


@pytest.mark.parametrize("wrong", ["my-bucket", True, {"bucket_name": "my-bucket"}])
def test_settings_that_are_none_are_refused(
    wrong: Any,  # noqa: ANN401 - whatever a caller passes
    workspace: Path,
) -> None:
    with pytest.raises(UsageError, match="no S3Config"):
        S3CacheManager(workspace / "cache", wrong)
    with pytest.raises(UsageError, match="no S3Config"):
        S3StorageManager(wrong)


@pytest.mark.parametrize("wrong", ["10", -1, float("nan"), float("inf"), True])
def test_a_limit_that_is_none_is_refused(wrong: Any, workspace: Path) -> None:  # noqa: ANN401 - the same
    with pytest.raises(UsageError, match="local_cache_size_limit_gb"):
        S3CacheManager(workspace / "cache", enable_s3=False, local_cache_size_limit_gb=wrong)
    S3CacheManager(workspace / "cache", enable_s3=False, local_cache_size_limit_gb=0).close()


@pytest.mark.parametrize("wrong", ["cache", None])
def test_what_is_no_cache_manager_is_refused(wrong: Any, storage: S3StorageManager) -> None:  # noqa: ANN401 - the same
    with pytest.raises(UsageError, match="no cache manager"):
        S3MigrationManager(wrong, storage)
    with pytest.raises(UsageError, match="no cache manager"):
        S3MigrationManager(storage, storage)  # type: ignore[arg-type]


def test_what_is_no_callback_is_refused_before_anything_is_sent(
    s3: S3Client, bucket: str, workspace: Path, storage: S3StorageManager
) -> None:
    manager = S3MigrationManager(S3CacheManager(workspace / "cache", enable_s3=False), storage)
    plan = manager.create_migration_plan()
    a_dry_run: Any = True
    with pytest.raises(UsageError, match="nothing was sent"):
        manager.execute_migration(plan, a_dry_run)
    with pytest.raises(UsageError, match="nothing was sent"):
        storage.batch_upload([], a_dry_run)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
