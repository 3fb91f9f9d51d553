"""The doctor on AWS itself, whose region header, default encryption and KMS only moto has here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from creative_s3.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from types_boto3_s3 import S3Client

BUCKET = "creative-assets-somewhere"
KEY = "arn:aws:kms:eu-west-3:123456789012:key/11111111-2222-3333-4444-555555555555"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, workspace: Path) -> Iterator[S3Client]:
    """An empty bucket in eu-west-3, and settings that fit it."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "S3_BUCKET_NAME": BUCKET,
        "S3_REGION": "eu-west-3",
        "CACHE_DIR": str(workspace / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        client = boto3.client("s3", region_name="eu-west-3")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
        yield client
        client.close()


def doctor() -> tuple[int, dict[str, dict[str, str | None]]]:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.stderr == ""
    return result.exit_code, {check["name"]: check for check in json.loads(result.stdout)["data"]["checks"]}


def test_a_bucket_set_up_as_the_settings_want_has_nothing_to_mend(aws: S3Client) -> None:
    aws.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    code, found = doctor()
    assert code == 0
    assert found["region"]["detail"] == "eu-west-3, the bucket's own"
    assert {check["status"] for check in found.values() if check["group"] == "bucket"} == {"ok"}
    assert found["encryption"]["detail"] == "SSE-S3"
    assert "Versions" not in aws.list_object_versions(Bucket=BUCKET)


def test_suspended_versioning_is_told_with_the_command_that_mends_it(aws: S3Client) -> None:
    aws.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    code, found = doctor()
    assert code == 0
    assert found["versioning"]["detail"] == "suspended, and S3_ENABLE_VERSIONING asks for it"
    assert found["versioning"]["fix"] == "creative-s3 bucket apply --only versioning"


def test_a_default_key_is_compared_with_the_setting(aws: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_KMS_KEY_ID", KEY)
    _, found = doctor()
    assert found["encryption"]["status"] == "warning"
    fix = str(found["encryption"]["fix"])
    assert CliRunner().invoke(app, [*fix.split()[1:], "--yes"]).exit_code == 0
    rule = aws.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["BucketKeyEnabled"] is True
    code, found = doctor()
    assert (code, found["encryption"]["status"]) == (0, "ok")
    assert found["encryption"]["detail"] == f"SSE-KMS with {KEY}"


@pytest.mark.usefixtures("aws")
def test_a_bucket_in_another_region_ends_with_4_and_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_REGION", "us-east-1")
    code, found = doctor()
    assert code == 4
    assert found["region"]["detail"] == "the bucket is in eu-west-3, and S3_REGION is us-east-1"


@pytest.mark.usefixtures("aws")
def test_a_missing_bucket_is_made_in_the_region_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_BUCKET_NAME", "not-yet-there")
    code, found = doctor()
    assert code == 5
    assert found["bucket"]["fix"] == ("creative-s3 bucket create not-yet-there  # or correct S3_BUCKET_NAME")


def test_old_unfinished_uploads_under_the_prefix_alone_are_counted(aws: S3Client) -> None:
    aws.create_multipart_upload(Bucket=BUCKET, Key="creative-assets/a.bin")
    aws.create_multipart_upload(Bucket=BUCKET, Key="elsewhere/b.bin")
    _, found = doctor()
    # moto says that every upload was begun in 2010.
    assert str(found["unfinished uploads"]["detail"]).startswith("1 with 0.0 MiB, the oldest ")
    assert found["unfinished uploads"]["fix"] == "creative-s3 bucket uploads --abort-older 1d"
