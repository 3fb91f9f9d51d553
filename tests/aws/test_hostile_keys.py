"""Downloads of keys that lead anywhere: AWS stores any key, and of the servers here only moto does."""

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
INSIDE = "creative-assets/"
HOSTILE = {
    "../up.png": "another folder",
    f"{INSIDE}unsorted/../../../up.png": "another folder",
    "/up.png": "begins or ends with '/'",
    f"{INSIDE}/up.png": "begins or ends with '/'",
    f"{INSIDE}unsorted//up.png": "'//' in it",
    f"{INSIDE}..\\up.png": "backslash",
    f"{INSIDE}unsorted/C:/up.png": "like a drive",
    f"{INSIDE}unsorted/nul\0.png": "NUL",
    f"{INSIDE}unsorted/NUL": "device",
    f"{INSIDE}unsorted/{'x' * 256}": "255 bytes",
    f"{INSIDE}a/file/below.png": "is a file",
}
HARMLESS = {
    f"{INSIDE}a/file": "a/file",
    f"{INSIDE}unsorted/line\nbreak \x1b[31m.png": "unsorted/line\nbreak \x1b[31m.png",
    f"{INSIDE}unsorted/日本.png": "unsorted/日本.png",
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    """A bucket with hostile and harmless keys, each object holding its own key."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("S3_BUCKET_NAME", BUCKET)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        for key in (*HOSTILE, *HARMLESS):
            client.put_object(Bucket=BUCKET, Key=key, Body=key.encode(), ChecksumAlgorithm="CRC64NVME")
        yield client
        client.close()


@pytest.mark.usefixtures("aws")
def test_hostile_keys_are_refused_each_with_its_reason_and_the_others_arrive(tmp_path: Path) -> None:
    (tmp_path / "deep" / "out").mkdir(parents=True)
    call = ["download", "--prefix", "", "--output", "deep/out", "--engine", "classic"]
    result = CliRunner().invoke(app, [*call, "--json"])
    assert (result.exit_code, result.stderr) == (3, "")
    failed = {entry["key"]: entry for entry in json.loads(result.stdout)["data"]["failed"]}
    assert set(failed) == set(HOSTILE)
    assert {entry["code"] for entry in failed.values()} == {"unsafe-key"}
    for key, reason in HOSTILE.items():
        assert reason in failed[key]["message"]
    there = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    assert set(there) == {f"deep/out/{path}" for path in HARMLESS.values()}
    for key, path in HARMLESS.items():
        assert there[f"deep/out/{path}"].read_bytes() == key.encode()
    human = CliRunner().invoke(app, call)
    assert human.exit_code == 3
    assert "\x1b" not in human.stdout + human.stderr
    assert f"{len(HOSTILE)} objects failed" in human.stdout


def test_an_object_being_restored_says_so_and_a_restored_one_can_be_read(
    aws: S3Client, tmp_path: Path
) -> None:
    aws.put_object(
        Bucket=BUCKET, Key="cold", Body=b"cold", StorageClass="GLACIER", ChecksumAlgorithm="CRC64NVME"
    )
    call = ["download", "cold", "--engine", "classic"]
    before = CliRunner().invoke(app, call)
    assert before.exit_code == 10
    assert f"aws s3api restore-object --bucket {BUCKET} --key cold" in before.stderr
    assert "--endpoint-url" not in before.stderr
    aws.restore_object(Bucket=BUCKET, Key="cold", RestoreRequest={"Days": 1})
    after = CliRunner().invoke(app, call)
    assert after.exit_code == 0
    assert (tmp_path / "cold").read_bytes() == b"cold"
