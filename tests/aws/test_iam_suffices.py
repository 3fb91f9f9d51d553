"""The IAM policies suffice, and no more: commands run on moto as a user who is allowed exactly that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.core import set_initial_no_auth_action_count
from typer.testing import CliRunner

from creative_s3.cli.app import app
from creative_s3.core.bucket.iam import policy_for
from creative_s3.settings import S3Config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from types_boto3_s3 import S3Client

# moto takes the TLS statement for a Deny of everything, and asks for s3:CreateBucket instead of the right to
# set encryption, ownership and public access.
PARTS = ("--only", "versioning", "--only", "unfinished-uploads")
UPLOAD = ("migrate", "upload", "--yes", "--engine", "classic")


def become(monkeypatch: pytest.MonkeyPatch, *commands: str) -> None:
    """Make a user who is allowed what `commands` need, and take that user's keys."""
    iam: Any = boto3.client("iam", region_name="us-east-1")
    name = "-".join(commands).replace(" ", "-")
    iam.create_user(UserName=name)
    document = json.dumps(policy_for(S3Config.from_env(), commands))
    iam.put_user_policy(UserName=name, PolicyName="creative-s3", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])


def run(arguments: Sequence[str]) -> tuple[int, dict[str, Any]]:
    """Run a command while moto asks IAM for every request."""

    @set_initial_no_auth_action_count(0)
    def authorized() -> tuple[int, str]:
        result = CliRunner().invoke(app, [*arguments, "--json"])
        return result.exit_code, result.stdout

    code, text = authorized()
    return code, json.loads(text)


@pytest.mark.usefixtures("aws_bucket")
def test_the_policy_for_uploads_suffices_for_them_and_for_nothing_else(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHE_DIR", str(workspace / "cache"))
    become(monkeypatch, "upload")
    code, envelope = run(UPLOAD)
    assert (code, envelope["error"]) == (0, None)
    code, envelope = run(("bucket", "apply", "--only", "versioning", "--yes"))
    assert (code, envelope["error"]["message"]) == (5, "S3 denies s3:GetBucketVersioning")


def test_without_the_right_to_write_nothing_is_uploaded(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, aws_bucket: S3Client
) -> None:
    monkeypatch.setenv("CACHE_DIR", str(workspace / "cache"))
    become(monkeypatch, "validate")
    assert run(UPLOAD)[0] in {3, 5}
    assert "Contents" not in aws_bucket.list_objects_v2(Bucket="creative-assets-somewhere")


def test_each_bucket_command_is_allowed_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, aws_bucket: S3Client
) -> None:
    bucket = "creative-assets-somewhere"
    aws_bucket.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for content in (b"first", b"second"):
        aws_bucket.put_object(Bucket=bucket, Key="creative-assets/a.txt", Body=content)
    versions = aws_bucket.list_object_versions(Bucket=bucket)["Versions"]
    first = next(one["VersionId"] for one in versions if not one["IsLatest"])
    aws_bucket.create_multipart_upload(Bucket=bucket, Key="creative-assets/b.bin")
    for name, arguments in (
        ("bucket apply", ("apply", *PARTS, "--yes")),
        ("bucket versions", ("versions", "a.txt")),
        ("bucket uploads", ("uploads", "--abort-older", "1d", "--yes")),
        ("bucket notify", ("notify", "--eventbridge", "--dry-run")),
        ("bucket accelerate", ("accelerate", "on", "--yes")),
        ("bucket logging", ("logging", "status")),
    ):
        with pytest.MonkeyPatch.context() as patch:
            become(patch, name)
            code, envelope = run(("bucket", *arguments))
        assert (code, envelope["error"]) == (0, None), name
    become(monkeypatch, "bucket recover")
    code, envelope = run(("bucket", "recover", "a.txt", "--version", first, "--yes"))
    assert (code, envelope["error"]) == (0, None)
