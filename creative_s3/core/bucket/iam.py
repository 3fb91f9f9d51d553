"""The IAM policy that suffices for what somebody runs, and no more. Pure.

Which action each request needs is from the Service Authorization Reference, "Actions, resources, and
condition keys" for Amazon S3, CloudFront, CloudWatch, KMS, IAM and Price List; a test compares every action
and its resource with that list. `s3:ListBucket` has no condition on the prefix: without it S3 answers a HEAD
of a missing object with 403 instead of 404, and uploads could not tell the one from the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from creative_s3.core.bucket.wanted import partition_of
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from creative_s3.settings import S3Config


class On(StrEnum):
    """What an action's resource is."""

    BUCKET = "bucket"
    OBJECTS = "objects"
    EVERYTHING = "everything"
    DISTRIBUTION = "distribution"
    KEY = "key"
    ROLE = "role"


@dataclass(frozen=True, slots=True)
class Need:
    """What one command sends, as IAM actions by what they are about.

    Attributes:
        bucket: On the bucket.
        objects: On the objects under the prefix.
        everything: Without a resource of their own.
        distribution: On the CloudFront distribution.
        kms: On the KMS key, where one is set.
        role: On the role that S3 takes.
    """

    bucket: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    everything: tuple[str, ...] = ()
    distribution: tuple[str, ...] = ()
    kms: tuple[str, ...] = ()
    role: tuple[str, ...] = ()

    def by_resource(self) -> Mapping[On, tuple[str, ...]]:
        """Return the actions of each kind of resource."""
        return {
            On.BUCKET: self.bucket,
            On.OBJECTS: self.objects,
            On.EVERYTHING: self.everything,
            On.DISTRIBUTION: self.distribution,
            On.KEY: self.kms,
            On.ROLE: self.role,
        }


_LIST = ("s3:ListBucket",)
_READ = ("s3:GetObject",)
_DECRYPT = ("kms:Decrypt",)
_ENCRYPT = ("kms:Decrypt", "kms:GenerateDataKey")
_PUT = (
    "s3:AbortMultipartUpload",
    "s3:GetObject",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
    "s3:PutObjectTagging",
)
_LOOK = Need(bucket=_LIST)
_FETCH = Need(bucket=_LIST, objects=_READ, kms=_DECRYPT)
_CHECK = (
    "s3:GetAccelerateConfiguration",
    "s3:GetBucketLogging",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPolicyStatus",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
)
_SET_UP = (
    "s3:PutAccelerateConfiguration",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
)
_DOCTOR = Need(bucket=_CHECK, objects=(*_PUT,), kms=_ENCRYPT)
_DEMOTE = Need(
    bucket=("s3:GetLifecycleConfiguration", *_LIST),
    objects=("s3:GetObject", "s3:GetObjectTagging"),
    kms=_DECRYPT,
)
_HISTORY = Need(
    bucket=("s3:ListBucket", "s3:ListBucketVersions"),
    objects=("s3:GetObject", "s3:GetObjectVersion"),
    kms=_DECRYPT,
)
_LIFECYCLE = Need(
    bucket=(
        "s3:GetBucketVersioning",
        "s3:GetLifecycleConfiguration",
        "s3:ListBucket",
        "s3:PutLifecycleConfiguration",
    ),
    objects=("s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"),
    kms=_ENCRYPT,
)
_NOTHING = Need()

NEEDS: Mapping[str, Need] = {
    "migrate estimate": _LOOK,
    "migrate plan": Need(bucket=_LIST, objects=_READ, kms=_DECRYPT),
    "migrate upload": Need(bucket=(*_LIST, "s3:ListBucketMultipartUploads"), objects=_PUT, kms=_ENCRYPT),
    "migrate validate": _FETCH,
    "migrate history": _HISTORY,
    "status": _HISTORY,
    "assets list": _LOOK,
    "assets show": Need(bucket=_LIST, objects=("s3:GetObject", "s3:GetObjectTagging"), kms=_DECRYPT),
    "assets download": _FETCH,
    "assets upload": Need(bucket=_LIST, objects=_PUT, kms=_ENCRYPT),
    "assets find": _NOTHING,
    "assets discover": _FETCH,
    "assets url": _FETCH,
    "assets retire": Need(bucket=_LIST, objects=("s3:GetObject", "s3:PutObject"), kms=_ENCRYPT),
    "assets stats": _LOOK,
    "tiers status": Need(bucket=("s3:GetLifecycleConfiguration", *_LIST)),
    "tiers manage": _DEMOTE,
    "tiers demote": _DEMOTE,
    "tiers promote": _FETCH,
    "tiers undo": Need(bucket=_LIST, objects=(*_READ, "s3:GetObjectVersion"), kms=_DECRYPT),
    "tiers restore": Need(bucket=_LIST, objects=("s3:GetObject", "s3:RestoreObject"), kms=_DECRYPT),
    "tiers pin": _NOTHING,
    "tiers unpin": _NOTHING,
    "tiers log": _NOTHING,
    "lifecycle": _LIFECYCLE,
    "cdn": Need(
        bucket=("s3:GetBucketPolicy", *_LIST),
        everything=("cloudfront:GetOriginAccessControl", "cloudfront:ListDistributions"),
        distribution=(
            "cloudfront:CreateInvalidation",
            "cloudfront:GetDistribution",
            "cloudfront:GetInvalidation",
            "cloudfront:ListInvalidations",
        ),
    ),
    "catalog rebuild": _FETCH,
    "doctor": _DOCTOR,
    "init": _DOCTOR,
    "bucket check": _DOCTOR,
    "bucket create": Need(bucket=("s3:CreateBucket", *_CHECK, *_SET_UP)),
    "bucket apply": Need(bucket=(*_CHECK, *_SET_UP)),
    "bucket policy": Need(bucket=("s3:GetBucketPolicy", "s3:PutBucketPolicy")),
    "bucket versions": Need(bucket=("s3:ListBucketVersions",)),
    "bucket recover": Need(
        bucket=("s3:GetBucketVersioning", "s3:ListBucket", "s3:ListBucketVersions"),
        objects=(
            "s3:AbortMultipartUpload",
            "s3:DeleteObjectVersion",
            "s3:GetObject",
            "s3:GetObjectTagging",
            "s3:GetObjectVersion",
            "s3:GetObjectVersionTagging",
            "s3:PutObject",
            "s3:PutObjectTagging",
        ),
        kms=_ENCRYPT,
    ),
    "bucket uploads": Need(
        bucket=("s3:ListBucketMultipartUploads",),
        objects=("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
    ),
    "bucket replicate": Need(
        bucket=(
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetReplicationConfiguration",
            "s3:ListBucket",
            "s3:PutReplicationConfiguration",
        ),
        everything=("s3:CreateJob",),
        role=("iam:PassRole",),
    ),
    "bucket replication": Need(bucket=("s3:GetReplicationConfiguration", "s3:ListBucket"), objects=_READ),
    "bucket notify": Need(bucket=("s3:GetBucketNotification", "s3:PutBucketNotification")),
    "bucket logging": Need(bucket=("s3:GetBucketLogging", "s3:PutBucketLogging", "s3:ListBucket")),
    "bucket accelerate": Need(bucket=("s3:GetAccelerateConfiguration", "s3:PutAccelerateConfiguration")),
    "bucket metrics": Need(
        bucket=("s3:GetMetricsConfiguration", "s3:PutMetricsConfiguration"),
        everything=("cloudwatch:GetMetricData", "cloudwatch:ListMetrics"),
    ),
    "costs": Need(
        bucket=_LIST,
        everything=("pricing:DescribeServices", "pricing:GetAttributeValues", "pricing:GetProducts"),
    ),
}
"""What each command, or every command of a group, needs; ``costs`` is for prices that are fetched anew."""

SHORT: Mapping[str, str] = {
    "estimate": "migrate estimate",
    "plan": "migrate plan",
    "upload": "migrate upload",
    "validate": "migrate validate",
    "list": "assets list",
    "show": "assets show",
    "download": "assets download",
    "discover": "assets discover",
    "url": "assets url",
    "stats": "assets stats",
    "tier-manage": "tiers manage",
    "invalidate": "cdn",
}
"""Names that people type for short."""

DAILY = (
    "migrate estimate",
    "migrate plan",
    "migrate upload",
    "migrate validate",
    "migrate history",
    "status",
    "assets list",
    "assets show",
    "assets download",
    "assets upload",
    "assets discover",
    "assets url",
    "assets stats",
    "tiers status",
    "tiers manage",
    "tiers demote",
    "tiers promote",
    "tiers undo",
)
"""What an operator runs from day to day."""

_ORDER = (On.BUCKET, On.OBJECTS, On.EVERYTHING, On.DISTRIBUTION, On.KEY, On.ROLE)
_SIDS = {
    On.BUCKET: "CreativeS3Bucket",
    On.OBJECTS: "CreativeS3Objects",
    On.EVERYTHING: "CreativeS3Services",
    On.DISTRIBUTION: "CreativeS3Distribution",
    On.KEY: "CreativeS3Key",
    On.ROLE: "CreativeS3Role",
}


def policy_for(config: S3Config, commands: Iterable[str] = ()) -> dict[str, Any]:
    """Return the IAM policy for commands, as a JSON document.

    Args:
        config: Names the bucket, the prefix, the KMS key and the distribution.
        commands: Such as ``migrate upload``, ``upload`` or a whole group; none for what runs every day.

    Raises:
        UsageError: There is no such command.
        SettingsError: No bucket is set.
    """
    chosen = tuple(commands) or (*DAILY, *(("cdn",) if config.cloudfront_distribution_id else ()))
    actions: dict[On, set[str]] = {on: set() for on in On}
    for command in chosen:
        for need in _needs_of(command):
            for on, names in need.by_resource().items():
                actions[on] |= set(names)
    resources = _resources(config)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": _SIDS[on],
                "Effect": "Allow",
                "Action": sorted(actions[on]),
                "Resource": resources[on],
                **_condition(on),
            }
            for on in _ORDER
            if actions[on] and (on is not On.KEY or config.kms_key_id)
        ],
    }


def _needs_of(command: str) -> tuple[Need, ...]:
    name = " ".join(command.split()).removeprefix("creative-s3 ")
    name = SHORT.get(name, name)
    found = tuple(need for known, need in NEEDS.items() if known == name or known.startswith(f"{name} "))
    if not found:  # a command of a group whose members all need the same
        found = tuple(need for known, need in NEEDS.items() if name.startswith(f"{known} "))
    if not found:
        raise UsageError(
            f"there is no such command: {command}",
            hint=f"one of {', '.join(sorted({*NEEDS, *SHORT}))}",
        )
    return found


def _resources(config: S3Config) -> Mapping[On, str]:
    partition = partition_of(config.region)
    bucket = f"arn:{partition}:s3:::{config.require_bucket()}"
    key = config.kms_key_id or "*"
    return {
        On.BUCKET: bucket,
        On.OBJECTS: f"{bucket}/{config.prefix}/*" if config.prefix else f"{bucket}/*",
        On.EVERYTHING: "*",
        On.DISTRIBUTION: (
            f"arn:{partition}:cloudfront::*:distribution/{config.cloudfront_distribution_id or '*'}"
        ),
        On.KEY: key if key.startswith("arn:") else f"arn:{partition}:kms:{config.region}:*:key/{key}",
        On.ROLE: f"arn:{partition}:iam::*:role/*",
    }


def _condition(on: On) -> dict[str, Any]:
    if on is not On.ROLE:
        return {}
    services = ["s3.amazonaws.com", "batchoperations.s3.amazonaws.com"]
    return {"Condition": {"StringEquals": {"iam:PassedToService": services}}}


def oac_statement(bucket: str, distribution: str, account: str, partition: str = "aws") -> dict[str, Any]:
    """Return the statement that lets one CloudFront distribution read the objects.

    CloudFront Developer Guide, "Restricting access to an Amazon S3 origin" (origin access control).
    """
    return {
        "Sid": f"CreativeS3Cdn{distribution}",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": f"arn:{partition}:s3:::{bucket}/*",
        "Condition": {
            "StringEquals": {
                "AWS:SourceArn": f"arn:{partition}:cloudfront::{account}:distribution/{distribution}"
            }
        },
    }
