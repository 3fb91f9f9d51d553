"""What the tests against moto share: an empty bucket, a distribution, and settings that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_s3 import S3Client

BUCKET = "creative-assets-somewhere"


@pytest.fixture
def aws_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    """A client beside an empty bucket that the settings name."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("S3_BUCKET_NAME", BUCKET)
    monkeypatch.setenv("S3_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client
        client.close()


@pytest.fixture
def distribution(aws_bucket: S3Client, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: ARG001 - it starts moto
    """A distribution on moto that the settings name."""
    client: Any = boto3.client("cloudfront", region_name="us-east-1")
    origin: Any = {
        "Id": "s3",
        "DomainName": "assets.s3.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    answer = client.create_distribution(
        DistributionConfig={
            "CallerReference": "x",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "s3",
                "ViewerProtocolPolicy": "https-only",
                "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
            },
        }
    )
    name: str = answer["Distribution"]["Id"]
    client.close()
    monkeypatch.setenv("CLOUDFRONT_DISTRIBUTION_ID", name)
    return name
