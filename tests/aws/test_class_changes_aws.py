"""Another storage class where archives are archives: on moto, and what is sent to AWS itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from creative_s3.cli.app import app
from creative_s3.core.classes.changes import ClassChanger
from creative_s3.core.s3.connection import connect
from creative_s3.core.s3.object_store import ObjectStore
from creative_s3.settings import S3Config
from tests.aws.conftest import BUCKET

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

KEY = "creative-assets/products/original/dish-soap/soap/soap.png"


def put(aws: S3Client, storage_class: Any = "STANDARD", key: str = KEY) -> None:  # noqa: ANN401 - a literal of boto3's
    aws.put_object(
        Bucket=BUCKET, Key=key, Body=b"soap", StorageClass=storage_class, ChecksumAlgorithm="CRC64NVME"
    )


def run(*arguments: str) -> Any:  # noqa: ANN401 - Typer's own result
    return CliRunner().invoke(app, ["lifecycle", "class", *arguments])


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_ends_with_10_and_names_the_restore(
    aws_bucket: S3Client, storage_class: str
) -> None:
    put(aws_bucket, storage_class)
    result = run(KEY, "--to", "STANDARD", "--yes")
    assert result.exit_code == 10
    assert f"creative-s3 tiers restore {KEY}" in " ".join(result.stderr.split())
    assert aws_bucket.head_object(Bucket=BUCKET, Key=KEY)["StorageClass"] == storage_class


def test_a_selection_of_archived_objects_only_ends_with_10(aws_bucket: S3Client) -> None:
    put(aws_bucket, "GLACIER")
    put(aws_bucket, "GLACIER", key=KEY.replace("soap.png", "b.png"))
    result = run("--prefix", KEY.rpartition("/")[0], "--to", "STANDARD_IA", "--yes", "--json")
    assert result.exit_code == 10


def test_what_is_not_archived_moves_all_the_same(aws_bucket: S3Client) -> None:
    other = KEY.replace("soap.png", "b.png")
    put(aws_bucket, "GLACIER")
    put(aws_bucket, key=other)
    result = run("--prefix", KEY.rpartition("/")[0], "--to", "STANDARD_IA", "--yes", "--json")
    assert result.exit_code == 10
    assert aws_bucket.head_object(Bucket=BUCKET, Key=other)["StorageClass"] == "STANDARD_IA"


def test_a_restored_object_can_be_moved(aws_bucket: S3Client) -> None:
    put(aws_bucket, "GLACIER")
    aws_bucket.restore_object(Bucket=BUCKET, Key=KEY, RestoreRequest={"Days": 1})
    result = run(KEY, "--to", "STANDARD_IA", "--yes", "--json")
    assert result.exit_code == 0, result.output
    assert aws_bucket.head_object(Bucket=BUCKET, Key=KEY)["StorageClass"] == "STANDARD_IA"


def test_the_copy_on_aws_is_conditional_and_keeps_what_a_copy_would_lose(aws_bucket: S3Client) -> None:
    """AWS, "CopyObject": encryption, redirect and lock are not copied; moto checks no condition, so look."""
    aws_bucket.put_object(
        Bucket=BUCKET,
        Key=KEY,
        Body=b"soap",
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId="alias/ours",
        WebsiteRedirectLocation="/elsewhere",
        ChecksumAlgorithm="CRC64NVME",
    )
    store = ObjectStore(connection=connect(S3Config.from_env(env_file=None, bucket_name=BUCKET)))
    sent: dict[str, Any] = {}
    store.connection.client.meta.events.register(
        "provide-client-params.s3.CopyObject", lambda params, **_: sent.update(params)
    )
    stored = store.head(KEY)
    assert stored is not None
    result = ClassChanger(store, "GLACIER_IR").change(stored)
    assert result.error is None
    assert sent["IfMatch"] == sent["CopySourceIfMatch"] == f'"{stored.etag}"'
    assert (sent["MetadataDirective"], sent["TaggingDirective"]) == ("COPY", "COPY")
    assert sent["ChecksumAlgorithm"] == "CRC64NVME"
    assert (sent["ServerSideEncryption"], sent["WebsiteRedirectLocation"]) == ("aws:kms", "/elsewhere")
    assert sent["SSEKMSKeyId"]


def test_leaving_an_archive_early_is_priced(aws_bucket: S3Client) -> None:
    """GLACIER has 90 days: its object, with 32 KB, is billed for all of them when it leaves today."""
    put(aws_bucket, "GLACIER_IR")
    result = run(KEY, "--to", "STANDARD", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "1 object billed for leaving a class before its minimum days" in result.output
    assert "early delete" in result.output
