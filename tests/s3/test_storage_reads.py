"""`S3StorageManager` on a real server: what brings objects back, and what only looks."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.files.checksums import crc64nvme_of_file
from creative_s3.core.transfers.outcomes import Proof
from creative_s3.errors import (
    ObjectNotFoundError,
    UsageError,
    WouldOverwriteError,
)
from tests.s3.moving import KIB, MIB, SIZES, a_file, leftovers

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.storage.manager import S3StorageManager


# -- down


@pytest.mark.parametrize("size_bytes", SIZES)
def test_a_download_is_proved_and_makes_the_folders(
    storage: S3StorageManager, tmp_path: Path, size_bytes: int
) -> None:
    path = a_file(tmp_path, size_bytes)
    storage.upload_file(path, "products/image.png")
    target = tmp_path / "deep" / "er" / "image.png"

    result = storage.download("products/image.png", target)

    assert result
    assert (result.proof, result.already_there) == (Proof.CHECKSUM, False)
    assert (result.size_bytes, result.crc64nvme) == (size_bytes, crc64nvme_of_file(path))
    assert target.read_bytes() == path.read_bytes()
    assert leftovers(target.parent) == []


def test_the_same_content_is_a_success_and_other_content_is_left_alone(
    storage: S3StorageManager, tmp_path: Path
) -> None:
    path = a_file(tmp_path, KIB)
    storage.upload_file(path, "k")
    assert storage.download("k", path).already_there
    target = tmp_path / "other"
    target.write_text("mine")
    refused = storage.download("k", target)
    assert isinstance(refused.exception, WouldOverwriteError)
    assert "replace=True" in (refused.exception.hint or "")
    assert target.read_text() == "mine"
    assert storage.download("k", target, replace=True)
    assert target.read_bytes() == path.read_bytes()


def test_a_missing_object_is_data(storage: S3StorageManager, tmp_path: Path) -> None:
    result = storage.download("nothing/here", tmp_path / "new")
    assert not result
    assert isinstance(result.exception, ObjectNotFoundError)
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_nothing_can_prove_is_there_but_no_success(
    storage: S3StorageManager, s3: S3Client, bucket: str, tmp_path: Path
) -> None:
    # Two parts of no program's size: the ETag is no MD5, and another checksum than ours is all there is.
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    content = [b"a" * (5 * MIB + 4321), b"b"]
    parts = [
        s3.upload_part(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=part, ChecksumAlgorithm="SHA256"
        )
        for number, part in enumerate(content, 1)
    ]
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="k",
        UploadId=upload,
        MultipartUpload={
            "Parts": [
                {"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}
                for number, part in enumerate(parts, 1)
            ]
        },
    )
    result = storage.download("k", tmp_path / "new")
    assert (tmp_path / "new").read_bytes() == b"".join(content)
    assert (result.success, result.proof) == (False, Proof.UNVERIFIABLE)
    assert result.exception is not None
    assert str(tmp_path / "new") in (result.exception.hint or "")


def test_a_directory_in_place_of_the_file_is_data(storage: S3StorageManager, tmp_path: Path) -> None:
    storage.upload_file(a_file(tmp_path, 1), "k")
    assert isinstance(storage.download("k", tmp_path).exception, UsageError)


def test_what_a_killed_download_left_is_swept(storage: S3StorageManager, tmp_path: Path) -> None:
    storage.upload_file(a_file(tmp_path, 1), "k")
    stray = tmp_path / "in" / ".image.png.creative-s3-ffffff00.part"  # no process has so high a number
    stray.parent.mkdir()
    stray.touch()
    assert storage.download("k", stray.with_name("image.png"))
    assert [path.name for path in stray.parent.iterdir()] == ["image.png"]


# -- looking


def test_a_listing_has_the_full_keys_in_order(storage: S3StorageManager, s3: S3Client, bucket: str) -> None:
    for key in ("products/b", "products/a", "other"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    listed = storage.list_objects(prefix="products/")
    assert [entry["s3_key"] for entry in listed] == ["products/a", "products/b"]
    assert [entry["size_bytes"] for entry in listed] == [10, 10]
    first = listed[0]
    assert set(first) == {
        "s3_key",
        "size_bytes",
        "last_modified",
        "last_modified_iso",
        "etag",
        "storage_class",
    }
    assert first["last_modified"] is not None
    assert first["last_modified"].tzinfo is not None
    assert (len(first["etag"]), first["storage_class"]) == (32, "STANDARD")
    assert len(storage.list_objects(prefix="")) == 3
    assert [entry["s3_key"] for entry in storage.list_objects("", max_keys=1)] == ["other"]
    assert storage.list_objects("nothing/") == []


@pytest.mark.parametrize("max_keys", [0, -1, 1.5, True, "all"])
def test_a_strange_number_of_keys_is_refused(storage: S3StorageManager, max_keys: Any) -> None:  # noqa: ANN401
    with pytest.raises(UsageError):
        storage.list_objects(max_keys=max_keys)


def test_the_size_is_told_in_bytes_mb_and_gb_and_by_class(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="a/1", Body=b"x" * MIB)
    s3.put_object(Bucket=bucket, Key="a/2", Body=b"x" * MIB, StorageClass="STANDARD_IA")
    s3.put_object(Bucket=bucket, Key="b", Body=b"xyz")
    size = storage.get_bucket_size()
    assert (size["total_objects"], size["total_size_bytes"]) == (3, 2 * MIB + 3)
    assert size["total_size_mb"] == (2 * MIB + 3) / 2**20
    assert size["total_size_gb"] == (2 * MIB + 3) / 2**30
    assert size["by_storage_class"] == {
        "STANDARD": {"objects": 2, "size_bytes": MIB + 3},
        "STANDARD_IA": {"objects": 1, "size_bytes": MIB},
    }
    assert storage.get_bucket_size("a/")["total_objects"] == 2
    assert storage.get_bucket_size("none/")["total_size_gb"] == 0


def test_a_presigned_address_reads_the_object_without_credentials(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="products/image.png", Body=b"picture")
    url = storage.get_presigned_url(s3_key="products/image.png", expiration=60)
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own server's address
        assert answer.read() == b"picture"


@pytest.mark.parametrize("expiration", [0, 604_801, 1.5, True])
def test_an_address_lives_from_a_second_to_seven_days(storage: S3StorageManager, expiration: Any) -> None:  # noqa: ANN401
    with pytest.raises(UsageError, match="7 days"):
        storage.get_presigned_url("k", expiration)
    assert "X-Amz-Expires=604800" in storage.get_presigned_url("k", 604_800)


NASTY_KEYS = (
    "a b",
    "a\nb",
    "a+b",
    "a%20b",
    "a&b<c>d",
    "a\"b'c",
    "é/日本/🎨.png",
    "e\u0301.png",
    "\ue000",
    "plain/key.png",
)


def test_a_listing_says_what_boto3s_paginator_says_also_of_strange_keys(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    for key in NASTY_KEYS:
        s3.put_object(Bucket=bucket, Key=f"nasty/{key}", Body=key.encode())
    theirs = [
        (entry["Key"], entry["Size"], entry["ETag"].strip('"'), entry["LastModified"], entry["StorageClass"])
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="nasty/")
        for entry in page["Contents"]
    ]
    ours = [
        (one.key, one.size_bytes, one.etag, one.last_modified, one.storage_class)
        for one in storage.objects("nasty/")
    ]
    assert ours == theirs
    assert {key for key, *_ in ours} == {f"nasty/{key}" for key in NASTY_KEYS}
    # The client itself still answers as boto3's own does.
    assert len(storage.connection.client.list_objects_v2(Bucket=bucket, Prefix="nasty/")["Contents"]) == 10


# -- in ranges


def test_a_listing_in_ranges_is_the_listing(storage: S3StorageManager, tmp_path: Path) -> None:
    path = a_file(tmp_path, 1)
    for key in ("p/a", "p/a b", "p/b+", "p/é", "p/z/1", "p/z/2", "q"):
        assert storage.upload_file(path, key)

    for marks in ((), ("p/a",), ("p/a", "p/b", "p/z/1"), ("p/é",), ("p/zz",)):
        pages = storage.sharded_pages("p/", marks)
        assert sorted(stored.key for page in pages for stored in page.objects()) == sorted(
            stored.key for stored in storage.objects("p/")
        )


def test_folders_of_which_one_begins_as_the_other_are_listed_whole(
    s3: S3Client, bucket: str, storage: S3StorageManager
) -> None:
    """The server keeps keys as paths: there ``spring/`` comes before ``spring-2025/``, on AWS after it."""
    folders = ("spring", "spring-2025", "spring.x", "spring 2", "spring0", "spring/deep", "spring-2025/deep")
    keys = {f"p/{folder}/{number}.png" for folder in folders for number in range(3)} | {"p/spring-file"}
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")

    assert {stored.key for stored in storage.objects("p/")} == keys
    for mark in sorted(keys):
        listed = [key for page in storage.sharded_pages("p/", [mark]) for key in page.keys]
        assert (len(listed), set(listed)) == (len(keys), keys)
