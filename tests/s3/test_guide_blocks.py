"""The Python blocks of the users' guide about objects and migration, run against a real server."""

from __future__ import annotations

import configparser
import re
import secrets
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.guide import adapted, run_block

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

DIRECTLY = """
    from s3_storage_manager import S3Config, S3StorageManager
    from pathlib import Path

    # Initialize
    config = S3Config.from_env()
    s3_manager = S3StorageManager(config=config)

    # Upload single file
    result = s3_manager.upload_file(
        local_path=Path("image.png"),
        s3_key="products/transparent/dish_soap/image.png",
        metadata={"type": "product", "category": "dish_soap"},
        tags={"campaign": "spring_2025"}
    )

    if result.success:
        print(f"Uploaded: {result.s3_key}")
        print(f"Size: {result.size_bytes / 1024:.1f} KB")
        print(f"Duration: {result.duration_seconds:.2f}s")

    # Batch upload
    file_mappings = [
        (Path("image1.png"), "path/image1.png", {"type": "product"}),
        (Path("image2.png"), "path/image2.png", {"type": "background"}),
    ]

    results, progress = s3_manager.batch_upload(file_mappings)
    print(f"Uploaded {progress.uploaded}/{progress.total_files} files")
    print(f"Speed: {progress.upload_speed_mbps:.2f} MB/s")

    # List objects
    objects = s3_manager.list_objects(prefix="products/", max_keys=100)
    for obj in objects:
        print(f"{obj['s3_key']}: {obj['size_bytes']} bytes")

    # Download file
    success = s3_manager.download_file(
        s3_key="products/image.png",
        local_path=Path("downloads/image.png")
    )
"""
PROGRESSIVELY = """
    from s3_migration import S3MigrationManager
    from cache_manager import CacheManager
    from s3_storage_manager import S3Config, S3StorageManager

    cache_manager = CacheManager(cache_dir="cache")
    s3_manager = S3StorageManager(config=S3Config.from_env())
    migration_manager = S3MigrationManager(cache_manager, s3_manager)

    # Create plan
    plan = migration_manager.create_migration_plan()
    print(f"Total to migrate: {plan.total_size_mb:.2f} MB")

    # Migrate with progress tracking
    def progress_callback(progress):
        print(f"Progress: {progress.percent_complete:.1f}% "
              f"({progress.uploaded}/{progress.total_files} files)")

    result = migration_manager.execute_migration(
        plan,
        progress_callback=progress_callback
    )

    print(f"Migration complete: {result.success_rate:.1f}% success")
"""
PRESIGNED = """
    # For temporary public access without auth
    url = s3_manager.get_presigned_url(
        s3_key="products/image.png",
        expiration=3600  # 1 hour
    )
"""
COSTS = """
    # Estimate monthly costs
    stats = s3_manager.get_bucket_size()
    storage_cost = stats['total_size_gb'] * 0.023  # $0.023/GB/month for Standard
    print(f"Estimated monthly cost: ${storage_cost:.2f}")
"""
MANAGER = """
    from s3_storage_manager import S3Config, S3StorageManager

    s3_manager = S3StorageManager(config=S3Config.from_env())
"""
STORAGE_CLASS = """
    from s3_storage_manager import S3Config

    config = S3Config(
        bucket_name="bucket",
        storage_class="INTELLIGENT_TIERING"  # or GLACIER, DEEP_ARCHIVE
    )
"""
DEBUG = """
    import logging
    logging.basicConfig(level=logging.DEBUG)
"""


@pytest.fixture(autouse=True)
def _settings(server_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that the guide's .env would give."""
    for name, value in server_env.items():
        if name.startswith(("AWS_", "S3_")):
            monkeypatch.setenv(name, value)


@pytest.fixture
def images() -> dict[str, bytes]:
    """The images that the guide's block names, in the current directory."""
    contents = {name: secrets.token_bytes(3072) for name in ("image.png", "image1.png", "image2.png")}
    for name, content in contents.items():
        Path(name).write_bytes(content)
    return contents


def test_the_block_about_single_objects(
    s3: S3Client, bucket: str, images: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(Bucket=bucket, Key="products/image.png", Body=b"a product")

    names = run_block(DIRECTLY)

    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Uploaded: products/transparent/dish_soap/image.png", "Size: 3.0 KB"]
    assert re.fullmatch(r"Duration: \d+\.\d\ds", lines[2])
    assert lines[3] == "Uploaded 2/2 files"
    assert re.fullmatch(r"Speed: \d+\.\d\d MB/s", lines[4])
    assert lines[5:] == [
        "products/image.png: 9 bytes",
        "products/transparent/dish_soap/image.png: 3072 bytes",
    ]
    assert names["success"]
    assert Path("downloads/image.png").read_bytes() == b"a product"
    key = "products/transparent/dish_soap/image.png"
    there = s3.get_object(Bucket=bucket, Key=key)
    assert there["Body"].read() == images["image.png"]
    assert there["Metadata"] == {"type": "product", "category": "dish_soap"}
    assert s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] == [
        {"Key": "campaign", "Value": "spring_2025"}
    ]
    assert s3.head_object(Bucket=bucket, Key="path/image2.png")["Metadata"] == {"type": "background"}


def test_the_block_about_progressive_migration(
    s3: S3Client,
    bucket: str,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(workspace)

    names = run_block(PROGRESSIVELY)

    first, *reports, last = capsys.readouterr().out.splitlines()
    plan, result = names["plan"], names["result"]
    assert first == f"Total to migrate: {plan.total_size_bytes / 2**20:.2f} MB"
    assert all(re.fullmatch(r"Progress: \d+\.\d% \(\d+/\d+ files\)", line) for line in reports)
    assert reports[-1] == f"Progress: 100.0% ({plan.total_files}/{plan.total_files} files)"
    assert sum("100.0%" in line for line in reports) == 1
    assert last == "Migration complete: 100.0% success"
    assert (result.uploaded, result.uploaded_bytes) == (plan.total_files, plan.total_size_bytes)
    keys = {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert keys == {operation.key for operation in plan.uploads()} | {"creative-assets/metadata/index.json"}
    assert names["migration_manager"].validate_migration().exit_code() == 0


def test_the_block_about_presigned_urls(s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="products/image.png", Body=b"a product")
    names = run_block(PRESIGNED, **run_block(MANAGER))
    with urllib.request.urlopen(names["url"]) as answer:  # noqa: S310 - our own server's address
        assert answer.read() == b"a product"


def test_the_block_about_cost_tracking(s3: S3Client, bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=bytes(1 << 20))
    names = run_block(COSTS, **run_block(MANAGER))
    assert capsys.readouterr().out == "Estimated monthly cost: $0.00\n"
    assert names["stats"]["total_size_gb"] == 1 / 1024


def test_the_block_about_storage_classes() -> None:
    assert run_block(STORAGE_CLASS)["config"].storage_class == "INTELLIGENT_TIERING"


def test_the_block_about_debug_output_tells_much_and_no_secret(
    s3: S3Client, bucket: str, images: dict[str, bytes], server_env: dict[str, str]
) -> None:
    assert images
    s3.put_object(Bucket=bucket, Key="products/image.png", Body=b"a product")
    credentials = configparser.ConfigParser()
    credentials.read(server_env["AWS_SHARED_CREDENTIALS_FILE"], encoding="utf-8")
    secret = credentials[server_env["AWS_PROFILE"]]["aws_secret_access_key"]
    # In a process of its own: here, pytest has the root logger already.
    run = subprocess.run(
        [sys.executable, "-c", adapted(DEBUG) + adapted(DIRECTLY)],
        env=server_env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Uploaded 2/2 files" in run.stdout
    assert "DEBUG:botocore" in run.stderr
    assert secret not in run.stdout + run.stderr
