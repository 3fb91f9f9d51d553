"""The IAM policies name no action that does not exist, each on a resource that it can be about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from creative_s3.cli.app import app
from creative_s3.core.bucket.iam import DAILY, NEEDS, SHORT, On, oac_statement, policy_for
from creative_s3.errors import UsageError
from creative_s3.settings import S3Config
from tests.cli.test_help import commands_of

REAL = json.loads((Path(__file__).parents[1] / "data" / "iam_actions.json").read_text(encoding="utf-8"))[
    "actions"
]
CONFIG = S3Config(
    bucket_name="assets",
    kms_key_id="arn:aws:kms:us-east-1:111122223333:key/k",
    cloudfront_distribution_id="E2EXAMPLE",
)
RESOURCE_TYPE = {
    On.BUCKET: "bucket",
    On.OBJECTS: "object",
    On.DISTRIBUTION: "distribution",
    On.KEY: "key",
    On.ROLE: "role",
}
OFFLINE = {"local", "demo", "config", "catalog check", "assets find", "tiers pin", "tiers unpin", "tiers log"}


@pytest.mark.parametrize("command", NEEDS)
def test_every_action_exists_and_can_be_about_its_resource(command: str) -> None:
    for on, actions in NEEDS[command].by_resource().items():
        for action in actions:
            service, _, name = action.partition(":")
            assert name in REAL[service], action
            if on in RESOURCE_TYPE:
                assert RESOURCE_TYPE[on] in REAL[service][name], f"{action} is never about a {on}"


def test_the_seeds_action_is_known_to_be_none() -> None:
    for invented in (
        "GetObjectMetadata",
        "HeadObject",
        "HeadBucket",
        "ListObjects",
        "ListObjectsV2",
        "CopyObject",
    ):
        assert invented not in REAL["s3"]


def test_every_command_that_talks_to_s3_is_covered() -> None:
    paths = {path.removeprefix("creative-s3 ") for path, _, _ in commands_of(app)}
    online = {
        path for path in paths if not any(path == one or path.startswith(f"{one} ") for one in OFFLINE)
    } - set(SHORT)
    lacking = {
        path for path in online if path not in NEEDS and not any(path.startswith(f"{one} ") for one in NEEDS)
    }
    assert lacking == set()


def test_without_a_command_the_policy_is_for_every_day() -> None:
    policy = policy_for(CONFIG)
    by_sid = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert by_sid["CreativeS3Bucket"]["Resource"] == "arn:aws:s3:::assets"
    assert by_sid["CreativeS3Objects"]["Resource"] == "arn:aws:s3:::assets/creative-assets/*"
    assert by_sid["CreativeS3Key"]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert "cloudfront:CreateInvalidation" in by_sid["CreativeS3Distribution"]["Action"]
    assert not any("Delete" in action for one in by_sid.values() for action in one["Action"])
    assert set(DAILY) <= set(NEEDS)


def test_an_upload_needs_the_least() -> None:
    policy = policy_for(S3Config(bucket_name="assets", prefix="", region="cn-north-1"), ["upload"])
    assert policy == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "CreativeS3Bucket",
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
                "Resource": "arn:aws-cn:s3:::assets",
            },
            {
                "Sid": "CreativeS3Objects",
                "Effect": "Allow",
                "Action": [
                    "s3:AbortMultipartUpload",
                    "s3:GetObject",
                    "s3:ListMultipartUploadParts",
                    "s3:PutObject",
                    "s3:PutObjectTagging",
                ],
                "Resource": "arn:aws-cn:s3:::assets/*",
            },
        ],
    }


@pytest.mark.parametrize(
    "given", ["tiers", "creative-s3 migrate upload", "bucket replication status", "invalidate"]
)
def test_groups_full_names_and_short_names_are_understood(given: str) -> None:
    assert policy_for(CONFIG, [given])["Statement"]


def test_a_command_that_does_not_exist_is_named() -> None:
    with pytest.raises(UsageError, match="uplaod"):
        policy_for(CONFIG, ["uplaod"])


def test_only_the_one_distribution_may_read() -> None:
    statement = oac_statement("assets", "E2EXAMPLE", "111122223333")
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {
        "AWS:SourceArn": "arn:aws:cloudfront::111122223333:distribution/E2EXAMPLE"
    }
