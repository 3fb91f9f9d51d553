"""Lifecycle rules with archive classes, which of the servers here only moto holds.

moto drops size filters and always answers one minimum size, so what is sent is looked at, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from creative_s3 import S3Config, S3StorageManager
from creative_s3.errors import AccessDeniedError, ArchivedError
from tests.aws.conftest import BUCKET

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

THEIRS: Any = {
    "ID": "theirs",
    "Status": "Enabled",
    "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "k", "Value": "v"}]}},
    "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
}


@pytest.fixture
def storage(aws_bucket: S3Client) -> S3StorageManager:  # noqa: ARG001 - the bucket that the settings name
    return S3StorageManager(config=S3Config.from_env())


def test_assets_move_after_90_days_and_are_never_deleted_unless_asked_for(
    storage: S3StorageManager, aws_bucket: S3Client
) -> None:
    result = storage.setup_lifecycle_policy()
    rules = aws_bucket.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert len(rules) == len(result.rule_ids) == 5
    assert {str(rule["Transitions"]) for rule in rules} == {"[{'Days': 90, 'StorageClass': 'GLACIER'}]"}
    assert not any("Expiration" in rule for rule in rules)
    assert result.objects is None


def test_rules_of_others_and_the_minimum_size_are_sent_back_as_they_were(
    storage: S3StorageManager, aws_bucket: S3Client
) -> None:
    aws_bucket.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [THEIRS]})
    sent: list[dict[str, Any]] = []
    storage.connection.client.meta.events.register(
        "provide-client-params.s3.PutBucketLifecycleConfiguration",
        lambda params, **_: sent.append(params),
    )
    result = storage.setup_lifecycle_policy(90, 365, "GLACIER")
    assert result.before[0] == result.after[0] == sent[0]["LifecycleConfiguration"]["Rules"][0]
    assert result.before[0]["Filter"] == THEIRS["Filter"]
    assert sent[0]["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    assert storage.setup_lifecycle_policy(90, 365, "GLACIER").changed is False
    assert len(sent) == 1


def test_without_rules_before_no_minimum_size_is_sent(storage: S3StorageManager) -> None:
    sent: list[dict[str, Any]] = []
    storage.connection.client.meta.events.register(
        "provide-client-params.s3.PutBucketLifecycleConfiguration",
        lambda params, **_: sent.append(params),
    )
    result = storage.setup_lifecycle_policy()
    assert "TransitionDefaultMinimumObjectSize" not in sent[0]
    assert any("under 128 KB do not move" in warning for warning in result.warnings)


@pytest.mark.parametrize("operation", ["GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration"])
def test_a_permission_that_is_missing_names_the_bucket(storage: S3StorageManager, operation: str) -> None:
    def deny(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

    storage.connection.client.meta.events.register(f"before-send.s3.{operation}", deny)
    with pytest.raises(AccessDeniedError) as caught:
        storage.setup_lifecycle_policy()
    assert caught.value.item == BUCKET


def test_an_archived_object_is_data_with_the_command_that_restores_it(
    storage: S3StorageManager, aws_bucket: S3Client, tmp_path: Path
) -> None:
    aws_bucket.put_object(Bucket=BUCKET, Key="cold", Body=b"cold", StorageClass="GLACIER")
    result = storage.download("cold", tmp_path / "cold")
    assert not result
    assert isinstance(result.exception, ArchivedError)
    assert f"aws s3api restore-object --bucket {BUCKET} --key cold" in (result.exception.hint or "")
    assert list(tmp_path.iterdir()) == []
