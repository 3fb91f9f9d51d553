"""Another storage class for objects that are there, on a real server: nothing else about them changes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.classes.changes import ClassChanger, change_classes
from creative_s3.core.transfers.outcomes import Proof
from creative_s3.errors import PreconditionFailedError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from types_boto3_s3 import S3Client

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.classes.changes import ClassChanged
    from creative_s3.core.storage.manager import S3StorageManager

MIB = 2**20
KEY = "products/a b/soap é.png"


def put(s3: S3Client, bucket: str, content: bytes, key: str = KEY, **more: Any) -> None:  # noqa: ANN401 - boto3 checks them
    arguments: dict[str, Any] = {
        "Body": content,
        "ContentType": "image/png",
        "CacheControl": "max-age=60",
        "ContentDisposition": "inline",
        "Metadata": {"cache-key": "soap", "tags": "a%20b"},
        "Tagging": "campaign=spring&kind=product",
        **more,
    }
    s3.put_object(Bucket=bucket, Key=key, **arguments)


def seen(storage: S3StorageManager, key: str = KEY) -> StoredObject:
    stored = storage.head(key)
    assert stored is not None
    return stored


def everything(s3: S3Client, bucket: str, key: str = KEY) -> dict[str, Any]:
    answer = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    names = ("ContentType", "CacheControl", "ContentDisposition", "Metadata", "ContentLength")
    tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return {name: answer.get(name) for name in names} | {"tags": tags, "content": content}


def change(storage: S3StorageManager, stored: StoredObject, **more: int) -> ClassChanged:
    return ClassChanger(storage, "STANDARD_IA", **more).change(stored)


def test_content_metadata_and_tags_stay_and_the_class_changes(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    put(s3, bucket, b"soap" * 1000, ChecksumAlgorithm="CRC64NVME")
    before = everything(s3, bucket)
    result = change(storage, seen(storage))
    assert (result.error, result.proof) == (None, Proof.CHECKSUM)
    assert everything(s3, bucket) == before
    assert seen(storage).storage_class == "STANDARD_IA"


def test_a_large_object_is_copied_in_parts_and_proved_as_a_whole(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    put(s3, bucket, os.urandom(12 * MIB), ChecksumAlgorithm="CRC64NVME")
    before = everything(s3, bucket)
    changer = ClassChanger(storage, "GLACIER_IR", copy_limit_bytes=MIB, part_bytes=5 * MIB)
    result = changer.change(seen(storage))
    assert (result.error, result.proof) == (None, Proof.CHECKSUM)
    assert everything(s3, bucket) == before
    assert seen(storage).storage_class == "GLACIER_IR"
    sent = changer.sent["GLACIER_IR"]
    assert (sent["CreateMultipartUpload"], sent["UploadPartCopy"], sent["CompleteMultipartUpload"]) == (
        1,
        3,
        1,
    )
    assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_an_object_that_changed_since_the_plan_is_left_alone(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    put(s3, bucket, b"old")
    planned = seen(storage)
    put(s3, bucket, b"new")
    result = change(storage, planned)
    assert isinstance(result.error, PreconditionFailedError)
    assert everything(s3, bucket)["content"] == b"new"
    assert seen(storage).storage_class == "STANDARD"


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_writer_between_the_look_and_the_copy_wins(
    storage: S3StorageManager, s3: S3Client, bucket: str, *, in_parts: bool
) -> None:
    """The copy is conditional: on its source, and on what it replaces."""
    put(s3, bucket, b"x" * 6 * MIB, ChecksumAlgorithm="CRC64NVME")
    planned = seen(storage)

    def overwrite(**_: object) -> None:
        events.unregister(event, overwrite)
        put(s3, bucket, b"newer", ChecksumAlgorithm="CRC64NVME")

    events = storage.connection.client.meta.events
    event = f"before-call.s3.{'CompleteMultipartUpload' if in_parts else 'CopyObject'}"
    events.register(event, overwrite)
    limits = {"copy_limit_bytes": MIB, "part_bytes": 5 * MIB} if in_parts else {}
    result = change(storage, planned, **limits)
    assert isinstance(result.error, PreconditionFailedError)
    assert everything(s3, bucket)["content"] == b"newer"
    assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [({"Body": b"sOap"}, "checksum-mismatch"), ({"Metadata": {}}, "item-failed")],
)
def test_a_copy_that_is_not_what_it_was_is_never_a_success(
    storage: S3StorageManager, s3: S3Client, bucket: str, spoilt: dict[str, Any], code: str
) -> None:
    """The server is asked afterwards: for the content by its checksum, and for the metadata."""
    put(s3, bucket, b"soap", ChecksumAlgorithm="CRC64NVME")
    planned = seen(storage)

    def spoil(**_: object) -> None:
        put(s3, bucket, b"soap", StorageClass="STANDARD_IA", ChecksumAlgorithm="CRC64NVME", **spoilt)

    storage.connection.client.meta.events.register("after-call.s3.CopyObject", spoil)
    result = change(storage, planned)
    assert result.error is not None
    assert (result.error.code, result.proof) == (code, None)


def test_an_object_without_a_checksum_is_proved_by_its_etag(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    """What other clients put without a checksum has the MD5 of its content as ETag."""
    events = s3.meta.events
    event = "before-sign.s3.PutObject"

    def without(request: AWSRequest, **_: object) -> None:
        for name in [name for name in request.headers if name.lower().startswith("x-amz-checksum")]:
            del request.headers[name]
        for name in ("x-amz-sdk-checksum-algorithm",):
            if name in request.headers:
                del request.headers[name]

    events.register(event, without)
    try:
        put(s3, bucket, b"plain", ChecksumAlgorithm="CRC32")
    finally:
        events.unregister(event, without)
    planned = seen(storage)
    result = change(storage, planned)
    assert result.error is None
    assert result.proof in {Proof.MD5, Proof.CHECKSUM}
    assert (result.proof is Proof.MD5) == (planned.crc64nvme is None)
    assert everything(s3, bucket)["content"] == b"plain"


def test_a_second_change_sends_nothing_but_a_look(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    put(s3, bucket, b"soap")
    planned = seen(storage)
    change(storage, planned)
    again = ClassChanger(storage, "STANDARD_IA")
    result = again.change(seen(storage))
    assert (result.error, result.proof) == (None, None)
    assert again.sent == {"STANDARD_IA": {"HeadObject": 1}}


def test_one_failure_does_not_stop_the_others(storage: S3StorageManager, s3: S3Client, bucket: str) -> None:
    for name in "abc":
        put(s3, bucket, name.encode(), key=name)
    planned = [seen(storage, name) for name in "abc"]
    s3.delete_object(Bucket=bucket, Key="b")
    results: list[ClassChanged] = []
    change_classes(ClassChanger(storage, "STANDARD_IA"), planned, workers=2, note=results.append)
    assert [result.error and result.error.code for result in results] == [None, "object-not-found", None]
    assert [seen(storage, name).storage_class for name in "ac"] == ["STANDARD_IA"] * 2


def test_in_a_versioned_bucket_the_version_before_stays(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(s3, bucket, b"soap")
    result = change(storage, seen(storage))
    assert result.error is None
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [(one["IsLatest"], one["StorageClass"]) for one in versions] == [
        (True, "STANDARD_IA"),
        (False, "STANDARD"),
    ]
