"""A bucket's configurations: what S3 calls each, how it is asked for, and how it is put. Data.

S3 replaces each of them as a whole (Amazon S3 API Reference, the `PutBucket…` operations), so that nothing
here is written before it was read. Reading and writing are in `core.bucket.configurations`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from creative_s3.core.s3.endpoints import NAMES, Capability

if TYPE_CHECKING:
    from collections.abc import Mapping

Document = dict[str, Any]
"""A configuration in boto3's form; a bucket policy as the JSON it is."""


class Aspect(StrEnum):
    """One configuration of a bucket, by the name that people type."""

    VERSIONING = "versioning"
    ENCRYPTION = "encryption"
    PUBLIC_ACCESS = "public-access"
    OWNERSHIP = "ownership"
    POLICY = "policy"
    LIFECYCLE = "lifecycle"
    LOGGING = "logging"
    REPLICATION = "replication"
    NOTIFICATION = "notification"
    ACCELERATION = "acceleration"

    @property
    def label(self) -> str:
        """What people call it."""
        return NAMES[WAYS[self].capability]


@dataclass(frozen=True, slots=True)
class Way:
    """How one configuration is read and written.

    Attributes:
        capability: What the endpoint must have.
        read: boto3's method that reads it.
        write: boto3's method that replaces it.
        argument: What the writing method calls the configuration.
        member: What the answer calls it; None when the whole answer is it.
        root: How the answer's XML begins; None for a JSON policy.
        none: What S3 answers where there is none (AWS: "Error responses").
        read_action: The permission to read it.
        write_action: The permission to write it.
    """

    capability: Capability
    read: str
    write: str
    argument: str
    member: str | None
    root: str | None
    none: str | None
    read_action: str
    write_action: str


WAYS: Mapping[Aspect, Way] = {
    Aspect.VERSIONING: Way(
        Capability.VERSIONING,
        "get_bucket_versioning",
        "put_bucket_versioning",
        "VersioningConfiguration",
        None,
        "VersioningConfiguration",
        None,
        "s3:GetBucketVersioning",
        "s3:PutBucketVersioning",
    ),
    Aspect.ENCRYPTION: Way(
        Capability.ENCRYPTION,
        "get_bucket_encryption",
        "put_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
        "s3:GetEncryptionConfiguration",
        "s3:PutEncryptionConfiguration",
    ),
    Aspect.PUBLIC_ACCESS: Way(
        Capability.PUBLIC_ACCESS,
        "get_public_access_block",
        "put_public_access_block",
        "PublicAccessBlockConfiguration",
        "PublicAccessBlockConfiguration",
        "PublicAccessBlockConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "s3:GetBucketPublicAccessBlock",
        "s3:PutBucketPublicAccessBlock",
    ),
    Aspect.OWNERSHIP: Way(
        Capability.OWNERSHIP,
        "get_bucket_ownership_controls",
        "put_bucket_ownership_controls",
        "OwnershipControls",
        "OwnershipControls",
        "OwnershipControls",
        "OwnershipControlsNotFoundError",
        "s3:GetBucketOwnershipControls",
        "s3:PutBucketOwnershipControls",
    ),
    Aspect.POLICY: Way(
        Capability.POLICY,
        "get_bucket_policy",
        "put_bucket_policy",
        "Policy",
        "Policy",
        None,
        "NoSuchBucketPolicy",
        "s3:GetBucketPolicy",
        "s3:PutBucketPolicy",
    ),
    Aspect.LIFECYCLE: Way(
        Capability.LIFECYCLE,
        "get_bucket_lifecycle_configuration",
        "put_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        None,
        "LifecycleConfiguration",
        "NoSuchLifecycleConfiguration",
        "s3:GetLifecycleConfiguration",
        "s3:PutLifecycleConfiguration",
    ),
    Aspect.LOGGING: Way(
        Capability.LOGGING,
        "get_bucket_logging",
        "put_bucket_logging",
        "BucketLoggingStatus",
        None,
        "BucketLoggingStatus",
        None,
        "s3:GetBucketLogging",
        "s3:PutBucketLogging",
    ),
    Aspect.REPLICATION: Way(
        Capability.REPLICATION,
        "get_bucket_replication",
        "put_bucket_replication",
        "ReplicationConfiguration",
        "ReplicationConfiguration",
        "ReplicationConfiguration",
        "ReplicationConfigurationNotFoundError",
        "s3:GetReplicationConfiguration",
        "s3:PutReplicationConfiguration",
    ),
    Aspect.NOTIFICATION: Way(
        Capability.NOTIFICATION,
        "get_bucket_notification_configuration",
        "put_bucket_notification_configuration",
        "NotificationConfiguration",
        None,
        "NotificationConfiguration",
        None,
        "s3:GetBucketNotification",
        "s3:PutBucketNotification",
    ),
    Aspect.ACCELERATION: Way(
        Capability.ACCELERATE,
        "get_bucket_accelerate_configuration",
        "put_bucket_accelerate_configuration",
        "AccelerateConfiguration",
        None,
        "AccelerateConfiguration",
        None,
        "s3:GetAccelerateConfiguration",
        "s3:PutAccelerateConfiguration",
    ),
}
