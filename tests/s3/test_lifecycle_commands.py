"""The `lifecycle` commands on a real server, which has expiration and no archive classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client


def test_rules_come_and_go_and_the_bucket_stays(
    server_env: dict[str, str], tmp_path: Path, s3: S3Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="logs/x", Body=b"x")
    program = Program(server_env, tmp_path)
    done = program(
        "lifecycle",
        "set",
        "--under",
        "logs/",
        "--expire",
        "30d",
        "--min-size",
        "1B",
        "--name",
        "logs",
        "--yes",
    )
    assert done.code == 0, done.err
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["Filter"] == {"And": {"Prefix": "logs/", "ObjectSizeGreaterThan": 0}}
    again = program(
        "lifecycle", "set", "--under", "logs/", "--expire", "30d", "--min-size", "1B", "--name", "logs"
    )
    assert (again.code, again.out) == (0, "The rules are that way already: nothing was changed.\n")

    refused = program("lifecycle", "set", "--transition", "GLACIER:90d", "--yes")
    assert refused.code == 4
    assert "does not carry out these lifecycle rules" in refused.err
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule]

    gone = program("lifecycle", "remove", "logs", "--yes")
    assert gone.code == 0, gone.err
    assert program("lifecycle", "show").out == "The bucket has no lifecycle rules.\n"
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["logs/x"]


def test_removing_the_last_rule_of_an_empty_bucket_does_not_remove_the_bucket(
    server_env: dict[str, str], tmp_path: Path, s3: S3Client, bucket: str
) -> None:
    program = Program(server_env, tmp_path)
    assert program("lifecycle", "set", "--under", "a/", "--expire", "9d", "--name", "a", "--yes").code == 0
    assert program("lifecycle", "remove", "a", "--yes").code == 0
    assert bucket in {entry["Name"] for entry in s3.list_buckets()["Buckets"]}
