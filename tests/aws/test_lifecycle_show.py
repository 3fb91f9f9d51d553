"""`lifecycle show` on moto, which holds rules for archive classes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from creative_s3.cli.app import app
from tests.aws.conftest import BUCKET

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

RULES: Any = [
    {
        "ID": "theirs",
        "Status": "Enabled",
        "Filter": {"Prefix": "logs/"},
        "Expiration": {"Days": 30},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    },
    {
        "ID": "ours",
        "Status": "Disabled",
        "Filter": {"Prefix": "creative-assets/"},
        "Transitions": [{"Days": 90, "StorageClass": "GLACIER"}],
    },
]


@pytest.fixture
def with_rules(aws_bucket: S3Client) -> S3Client:
    aws_bucket.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": RULES})
    for number in range(3):
        aws_bucket.put_object(Bucket=BUCKET, Key=f"logs/{number}", Body=b"x" * 1000)
    return aws_bucket


def test_rules_are_shown_in_words_with_what_they_will_do(with_rules: S3Client) -> None:  # noqa: ARG001 - the bucket
    result = CliRunner().invoke(app, ["lifecycle", "show"], env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.stderr
    assert "theirs" in result.stdout
    assert "objects under logs/" in result.stdout
    assert "deletes them 30 days after they were stored" in result.stdout
    assert "3 objects, 2.9 KiB, on " in result.stdout
    assert "aborts unfinished uploads 7 days after they began" in result.stdout
    assert "ours  disabled" in result.stdout


def test_a_script_gets_the_rules_and_the_effects(with_rules: S3Client) -> None:  # noqa: ARG001 - the bucket
    result = CliRunner().invoke(app, ["lifecycle", "show", "--json"])
    found = json.loads(result.stdout)["data"]
    assert [rule["ID"] for rule in found["rules"]] == ["theirs", "ours"]
    assert [(one["rule"], one["action"], one["objects"]) for one in found["effects"]] == [
        ("theirs", "expire", 3),
        ("theirs", "abort-uploads", 0),
    ]


def test_a_bucket_without_rules_says_so(aws_bucket: S3Client) -> None:  # noqa: ARG001 - the bucket
    result = CliRunner().invoke(app, ["lifecycle", "show"])
    assert result.stdout == "The bucket has no lifecycle rules.\n"


def test_a_rule_for_the_whole_bucket_is_not_counted_among_those_of_folders(aws_bucket: S3Client) -> None:
    rules: Any = [
        {
            "ID": f"creative-s3:{prefix}",
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        }
        for prefix in ("", "creative-assets/products/", "creative-assets/cache/")
    ]
    aws_bucket.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": rules})
    result = CliRunner().invoke(app, ["lifecycle", "show"], env={"COLUMNS": "120"})
    said = [line.strip() for line in result.stdout.splitlines() if "objects" in line]
    assert said[:2] == [
        "all objects of the bucket",
        "objects under creative-assets/products/, creative-assets/cache/",
    ]
