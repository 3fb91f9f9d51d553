"""AWS's names: those that this program may use, and the certificate's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NEW_REGION = "ap-southeast-5"
"""Opened after March 2019: the global host refuses its buckets."""
REGIONS = ("us-east-1", "eu-central-1", NEW_REGION)
ACCELERATED = "s3-accelerate.amazonaws.com"
FIPS = "s3-fips.us-east-1.amazonaws.com"
DUALSTACK = "s3.dualstack.us-east-1.amazonaws.com"
FAST_DUALSTACK = "s3-accelerate.dualstack.amazonaws.com"
S3_DOMAINS = (
    *(f"s3.{region}.amazonaws.com" for region in REGIONS),
    ACCELERATED,
    FIPS,
    DUALSTACK,
    FAST_DUALSTACK,
)
"""What a bucket's name stands before."""
OTHER_HOSTS = (
    *(f"{name}.{region}.amazonaws.com" for name in ("sts", "monitoring", "s3-control") for region in REGIONS),
    "cloudfront.amazonaws.com",
)
CERTIFIED = (*S3_DOMAINS, *(f"*.{domain}" for domain in S3_DOMAINS), *OTHER_HOSTS)
"""As in AWS's own certificates: a wildcard stands for one label, so that no dotted bucket is covered."""


def hosts(buckets: Iterable[str]) -> tuple[str, ...]:
    """Return the hosts that lead to the tests' own server; the global host is not among them."""
    named = (f"{bucket}.{domain}" for bucket in buckets for domain in S3_DOMAINS)
    return (*S3_DOMAINS, *OTHER_HOSTS, *named)


def host_of(bucket: str, region: str) -> str:
    """Return the host of the requests about a bucket, as AWS names it."""
    return f"s3.{region}.amazonaws.com" if "." in bucket else f"{bucket}.s3.{region}.amazonaws.com"
