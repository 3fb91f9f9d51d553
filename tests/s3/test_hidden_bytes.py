"""What a plain listing does not show, on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from creative_s3.core.costs.costs import SizeTotals
from creative_s3.core.storage.hidden_bytes import hidden_bytes

if TYPE_CHECKING:
    import pytest
    from types_boto3_s3 import S3Client

    from creative_s3.core.storage.manager import S3StorageManager

MIB = 2**20


def test_older_versions_are_counted_and_current_ones_are_not(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for size_bytes in (1_000, 200_000, 50):
        s3.put_object(Bucket=bucket, Key="p/a", Body=b"x" * size_bytes)
    s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"x")
    s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"y")
    found = hidden_bytes(storage, "p/")
    assert found.versions == {"STANDARD": SizeTotals(2, 201_000, 1, 200_000)}
    assert found.problems == ()


def test_unfinished_uploads_are_counted_with_their_parts(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="p/big", StorageClass="GLACIER")["UploadId"]
    for number in (1, 2):
        s3.upload_part(Bucket=bucket, Key="p/big", UploadId=upload, PartNumber=number, Body=b"x" * 5 * MIB)
    found = hidden_bytes(storage, "p/")
    assert [(totals.objects, totals.size_bytes) for totals in found.uploads.values()] == [(1, 10 * MIB)]
    s3.abort_multipart_upload(Bucket=bucket, Key="p/big", UploadId=upload)
    assert hidden_bytes(storage, "p/").uploads == {}


def test_what_may_not_be_read_is_named_and_stops_nothing(
    storage: S3StorageManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetBucketVersioning")

    monkeypatch.setattr(storage.connection.client, "get_bucket_versioning", denied)
    found = hidden_bytes(storage, "p/")
    assert found.versions == {}
    assert found.problems[0].startswith("older versions are not counted")
