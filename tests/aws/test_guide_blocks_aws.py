"""The Python blocks of the users' guide for what AWS alone has, run against moto."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3

from tests.aws.conftest import BUCKET
from tests.guide import run_block

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MANAGER = """
    from s3_storage_manager import S3Config, S3StorageManager

    s3_manager = S3StorageManager(config=S3Config.from_env())
"""
LIFECYCLE = """
    s3_manager.setup_lifecycle_policy(
        transition_days=90,      # Move to Glacier after 90 days
        expiration_days=365,     # Delete after 1 year
        archive_storage_class="GLACIER"
    )
"""
CDN = """
    # Invalidate CloudFront cache after updates
    s3_manager.invalidate_cloudfront_cache(
        paths=["/products/*", "/backgrounds/*"]
    )
"""


def test_the_block_about_lifecycle_policies(aws_bucket: S3Client) -> None:
    aws_bucket.put_object(Bucket=BUCKET, Key="creative-assets/products/a.png", Body=b"a product")
    run_block(LIFECYCLE, **run_block(MANAGER))
    rules = aws_bucket.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert {rule["Filter"]["Prefix"] for rule in rules} == {
        f"creative-assets/{folder}/"
        for folder in ("products", "backgrounds", "composites", "cache", "unsorted")
    }
    for rule in rules:
        assert rule["Transitions"] == [{"Days": 90, "StorageClass": "GLACIER"}]
        assert rule["Expiration"]["Days"] == 365


def test_the_block_about_the_cdn(distribution: str) -> None:
    run_block(CDN, **run_block(MANAGER))
    client = boto3.client("cloudfront", region_name="us-east-1")
    (summary,) = client.list_invalidations(DistributionId=distribution)["InvalidationList"]["Items"]
    there = client.get_invalidation(DistributionId=distribution, Id=summary["Id"])["Invalidation"]
    client.close()
    assert there["InvalidationBatch"]["Paths"]["Items"] == ["/products/*", "/backgrounds/*"]
