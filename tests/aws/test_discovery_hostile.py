"""Discovering a bucket full of hostile keys, metadata and index entries: moto takes them all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from creative_s3.core.discovery.discovered import Discovery, Standing
from creative_s3.core.discovery.syncing import compare_with_bucket, sync_with_bucket
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.errors import ExitCode
from creative_s3.settings import S3Config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from types_boto3_s3 import S3Client

BUCKET = "creative-assets-somewhere"
PREFIX = "creative-assets"
CACHE = f"{PREFIX}/cache/layout/unspecified"
HOSTILE_KEYS = {
    f"{PREFIX}/unsorted/../../../up.png": "another folder",
    f"{PREFIX}//up.png": "'//' in it",
    f"{PREFIX}/unsorted//up.png": "'//' in it",
    f"{PREFIX}/unsorted/..\\up.png": "backslash",
    f"{PREFIX}/unsorted/C:/up.png": "like a drive",
    f"{PREFIX}/unsorted/nul\0.png": "NUL",
    f"{PREFIX}/unsorted/CON": "device",
    f"{PREFIX}/unsorted/dot.": "ends with a dot",
    f"{PREFIX}/unsorted/line\nbreak.png": "control characters",
    f"{PREFIX}/unsorted/esc\x1b[31m.png": "control characters",
    f"{PREFIX}/unsorted/{'x' * 256}": "255 bytes",
    f"{PREFIX}/unsorted/.creative-s3/catalog.sqlite3": "our own folder",
    f"{PREFIX}/unsorted/a/file/below.png": "the folder that its file needs is the file of the asset",
}
HOSTILE_METADATA = {
    f"{CACHE}/outside.png": ({"file-path": "../outside.png"}, "outside the workspace"),
    f"{CACHE}/absolute.png": ({"file-path": "/etc/cron.d/x"}, "outside the workspace"),
    f"{CACHE}/backslash.png": ({"file-path": "cache%5C..%5Cx.png"}, "outside the workspace"),
    f"{CACHE}/zero.png": ({"file-path": "cache/x%00.png"}, "outside the workspace"),
    f"{CACHE}/none.png": ({}, "outside the workspace, or none"),
    f"{CACHE}/drive.png": ({"file-path": "cache/C:/x.png"}, "no safe place"),
    f"{CACHE}/device.png": ({"file-path": "cache/nul.txt"}, "no safe place"),
    f"{CACHE}/newline.png": ({"file-path": "cache/a%0Ab.png"}, "control characters"),
    f"{CACHE}/taken.png": ({"file-path": "cache/mine.png"}, "that of the asset mine"),
    f"{CACHE}/below.png": ({"file-path": "cache/mine.png/x"}, "needs is a file: cache/mine.png"),
    f"{CACHE}/above.png": ({"file-path": "cache/high"}, "a folder of the asset deep"),
    f"{CACHE}/through-a-link.png": ({"file-path": "cache/link/x.png"}, "a link leads out"),
}
HARMLESS = {
    f"{PREFIX}/unsorted/a/file": "cache/s3/unsorted/a/file",
    f"{PREFIX}/unsorted/日本.png": "cache/s3/unsorted/日本.png",
}
ENTRIES: dict[str, Any] = {
    "outside": "../../outside.png",
    "passwd": "/etc/passwd",
    "reserved": "cache/nul",
    "mine-too": "cache/mine.png",
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client
        client.close()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A cache with two assets of its own, and a link that leads out."""
    cache = tmp_path / "work" / "cache"
    cache.mkdir(parents=True)
    (cache / "mine.png").write_bytes(b"mine")
    (cache / "link").symlink_to(tmp_path)
    index = {
        "semantic_assets": {
            "mine": {
                "file_path": "cache/mine.png",
                "semantic_metadata": {"asset_type": "scene_background"},
            },
            "deep": {
                "file_path": "cache/high/x.png",
                "semantic_metadata": {"asset_type": "scene_background"},
            },
        }
    }
    (cache / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return tmp_path / "work"


def storage() -> S3StorageManager:
    return S3StorageManager(S3Config.from_env(env_file=None, bucket_name=BUCKET))


def sync(workspace: Path) -> Discovery:
    return sync_with_bucket(storage(), workspace / "cache", prefix=PREFIX)[0]


def index_of(workspace: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((workspace / "cache" / "index.json").read_bytes())
    return document


def files_in(directory: Path) -> set[str]:
    found = {path.relative_to(directory).as_posix() for path in directory.rglob("*")}
    return {name for name in found if "/.creative-s3" not in name}


def test_hostile_keys_are_named_with_their_reasons_and_left_out(aws: S3Client, workspace: Path) -> None:
    for key in (*HOSTILE_KEYS, *HARMLESS):
        aws.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    before = files_in(workspace)
    found = sync(workspace)
    refused = {one.key: one.detail for one in found.of(Standing.REFUSED)}
    assert refused.keys() == HOSTILE_KEYS.keys()
    for key, reason in HOSTILE_KEYS.items():
        assert reason in refused[key], key
    assert found.exit_code(synced=True) is ExitCode.ITEMS_FAILED
    assert found.exit_code(synced=False) is ExitCode.OK
    index = index_of(workspace)
    assert {value["file_path"] for name, value in index.items() if name.startswith("s3:")} == set(
        HARMLESS.values()
    )
    assert files_in(workspace) == before
    # No key that is refused by itself is asked for.
    asked = len(HARMLESS) + sum("folder that its file" in reason for reason in HOSTILE_KEYS.values())
    assert found.requests["HeadObject"] == asked


def test_hostile_metadata_is_named_and_left_out(aws: S3Client, workspace: Path) -> None:
    for key, (metadata, _) in HOSTILE_METADATA.items():
        owner = key.rpartition("/")[2]
        aws.put_object(Bucket=BUCKET, Key=key, Body=b"x", Metadata={"cache-key": owner, **metadata})
    before = index_of(workspace)
    found = sync(workspace)
    refused = {one.key: one.detail for one in found.of(Standing.REFUSED)}
    assert refused.keys() == HOSTILE_METADATA.keys()
    for key, (_, reason) in HOSTILE_METADATA.items():
        assert reason in refused[key], key
    assert index_of(workspace) == before


def test_two_objects_never_become_one_asset_or_one_file(aws: S3Client, workspace: Path) -> None:
    for name, owner, path in (
        ("a.png", "twin", "cache/a.png"),
        ("b.png", "twin", "cache/b.png"),
        ("c.png", "other", "cache/a.png"),
        ("d.png", "mine", "cache/d.png"),
    ):
        metadata = {"cache-key": owner, "file-path": path}
        aws.put_object(Bucket=BUCKET, Key=f"{CACHE}/{name}", Body=name.encode(), Metadata=metadata)
    found = sync(workspace)
    refused = {one.key.rpartition("/")[2]: one.detail for one in found.of(Standing.REFUSED)}
    assert refused == {
        "b.png": "another object is the asset twin already",
        "c.png": "its file 'cache/a.png' is that of the asset twin",
        "d.png": "the index has another file for the asset mine",
    }
    assert index_of(workspace)["twin"]["file_path"] == "cache/a.png"


def test_no_object_can_take_the_name_of_a_section_or_of_a_setting(aws: S3Client, workspace: Path) -> None:
    document = {**index_of(workspace), "version": "2.1"}
    (workspace / "cache" / "index.json").write_text(json.dumps(document), encoding="utf-8")
    for owner in ("products", "version"):
        metadata = {"cache-key": owner, "file-path": f"cache/{owner}.png"}
        aws.put_object(Bucket=BUCKET, Key=f"{CACHE}/{owner}.png", Body=b"x", Metadata=metadata)
    found = sync(workspace)
    index = index_of(workspace)
    assert index["version"] == "2.1"
    assert set(index["cache_entries"]) == {"products", "version"}
    assert not index.get("products")
    assert not found.of(Standing.REFUSED)


def test_a_hostile_published_index_adds_nothing_outside_and_takes_no_file(
    aws: S3Client, workspace: Path
) -> None:
    for name in ENTRIES:
        aws.put_object(Bucket=BUCKET, Key=f"{CACHE}/{name}.png", Body=b"content")
    aws.put_object(Bucket=BUCKET, Key="elsewhere/secret.png", Body=b"x")
    published: dict[str, Any] = {
        name: {"file_path": path, "cache_key": name, "s3_key": f"{CACHE}/{name}.png"}
        for name, path in ENTRIES.items()
    }
    published["elsewhere"] = {"file_path": "cache/e.png", "s3_key": "elsewhere/secret.png"}
    published["gone"] = {"file_path": "cache/g.png", "s3_key": f"{CACHE}/gone.png"}
    published["odd"] = {"file_path": ["cache"], "s3_key": {"a": 1}}
    published["products"] = {"bad": {"slug": 7, "file_path": "cache/p.png", "s3_key": f"{CACHE}/bad.png"}}
    published["semantic_assets"] = ["no", "object"]
    body = json.dumps(published).encode()
    aws.put_object(Bucket=BUCKET, Key=f"{PREFIX}/metadata/index.json", Body=body)
    before = index_of(workspace)
    found = sync(workspace)
    refused = {one.key.rpartition("/")[2]: one.detail for one in found.of(Standing.REFUSED)}
    assert refused.keys() == {f"{name}.png" for name in ENTRIES} - {"passwd.png"}
    assert "'..' part" in refused["outside.png"]
    assert "no safe place" in refused["reserved.png"]
    assert "that of the asset mine" in refused["mine-too.png"]
    # The path of another machine: the object itself says nothing of it, so its key decides.
    added = index_of(workspace)
    assert added.pop("passwd")["file_path"] == "cache/s3/cache/layout/unspecified/passwd.png"
    assert added == before


def test_archived_objects_are_told_apart(aws: S3Client, workspace: Path) -> None:
    key = f"{PREFIX}/backgrounds/solid/ff0000/old.png"
    aws.put_object(Bucket=BUCKET, Key=key, Body=b"x", StorageClass="DEEP_ARCHIVE")
    found = compare_with_bucket(storage(), workspace / "cache", prefix=PREFIX)
    assert found.archived == 1
    (one,) = found.of(Standing.NEW)
    assert (one.storage_class, one.is_archived) == ("DEEP_ARCHIVE", True)


def test_folder_markers_and_other_peoples_objects_are_no_failure(aws: S3Client, workspace: Path) -> None:
    for key in (f"{PREFIX}/backgrounds/", f"{PREFIX}/reports/2026/may.pdf", f"{PREFIX}/backgrounds/solid/x"):
        aws.put_object(Bucket=BUCKET, Key=key, Body=b"" if key.endswith("/") else b"x")
    found = sync(workspace)
    assert {one.standing for one in found.found} == {Standing.FOREIGN}
    assert found.exit_code(synced=True) is ExitCode.OK
    assert "HeadObject" not in found.requests
