"""A copy in a second region: both sides checked, one rule merged among those of others.

S3 copies what is stored from then on; what is there already needs a batch job. Amazon S3 User Guide,
"Replicating objects" and "Replicating existing objects".
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.core.bucket import configurations, wanted
from creative_s3.core.bucket.aspects import Aspect, Document
from creative_s3.core.bucket.changes import Change
from creative_s3.core.bucket.setup import kept_rules
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.connection import account_of, batch_client
from creative_s3.core.s3.endpoints import Capability
from creative_s3.errors import AccessDeniedError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.s3.connection import Connection

RULE_LIMIT = 1_000
_ID_LIMIT = 255
_MINUTES = 15
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+")


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be copied where.

    Attributes:
        destination: The bucket that gets the copies.
        role_arn: The role that S3 takes for it.
        prefix: What the keys begin with; empty for all.
        is_timed: Replication Time Control: 15 minutes, with metrics; it is paid for.
        kms_key_arn: Encrypts the copies; needed for objects under KMS.
        copies_delete_markers: Whether a deletion in the source hides the copy, too.
    """

    destination: str
    role_arn: str
    prefix: str = ""
    is_timed: bool = False
    kms_key_arn: str | None = None
    copies_delete_markers: bool = False


def rule_id(wish: Wish) -> str:
    """Return the name of our rule for a destination and a prefix."""
    name = f"creative-s3:{wish.destination}:{wish.prefix}"
    if len(name) <= _ID_LIMIT:
        return name
    return f"creative-s3:{hashlib.sha256(name.encode()).hexdigest()}"


def rule_for(wish: Wish, *, priority: int, partition: str = "aws") -> dict[str, Any]:
    """Return the rule, in boto3's form."""
    destination: dict[str, Any] = {"Bucket": f"arn:{partition}:s3:::{wish.destination}"}
    if wish.is_timed:
        destination["ReplicationTime"] = {"Status": "Enabled", "Time": {"Minutes": _MINUTES}}
        destination["Metrics"] = {"Status": "Enabled", "EventThreshold": {"Minutes": _MINUTES}}
    rule: dict[str, Any] = {
        "ID": rule_id(wish),
        "Priority": priority,
        "Filter": {"Prefix": wish.prefix},
        "Status": "Enabled",
        "Destination": destination,
        "DeleteMarkerReplication": {"Status": "Enabled" if wish.copies_delete_markers else "Disabled"},
    }
    if wish.kms_key_arn:
        rule["SourceSelectionCriteria"] = {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
        destination["EncryptionConfiguration"] = {"ReplicaKmsKeyID": wish.kms_key_arn}
    return rule


def merged(before: Document | None, wish: Wish, *, partition: str = "aws") -> Document:
    """Merge our rule into a bucket's replication; the rules of others stay.

    Raises:
        RefusedError: Others use another role, or the older form of rules, or there are too many.
    """
    present = list((before or {}).get("Rules", ()))
    name = rule_id(wish)
    others = [rule for rule in present if rule.get("ID") != name]
    role = (before or {}).get("Role")
    if others and role and role != wish.role_arn:
        raise RefusedError(
            f"the bucket's other rules use the role {role}, and a bucket has one role for all",
            item=wish.role_arn,
            hint=f"give --role {role}, after letting it write to {wish.destination}",
        )
    if any("Filter" not in rule for rule in others):
        raise RefusedError(
            "the bucket has rules of the older form, without a filter, and S3 takes no mixture",
            item=wish.destination,
            hint="rewrite those rules with a filter and a priority first",
        )
    mine = next((rule for rule in present if rule.get("ID") == name), None)
    taken = [int(rule.get("Priority") or 0) for rule in others]
    priority = (
        int(mine["Priority"]) if mine and mine.get("Priority") is not None else max(taken, default=0) + 1
    )
    rules = wanted.merged_by_id(
        present,
        rule_for(wish, priority=priority, partition=partition),
        limit=RULE_LIMIT,
        what="replication rules",
    )
    return {**(before or {}), "Role": wish.role_arn, "Rules": rules}


def plan_replication(connection: Connection, wish: Wish) -> Change:
    """Check both sides, and say what would change. Changes nothing.

    Raises:
        UsageError: The role is no role, or source and destination are one bucket.
        RefusedError: A side does not keep versions; or the rules of others cannot be kept.
        UnsupportedError: The endpoint has no replication; nothing was sent.
        CreativeS3Error: A request failed.
    """
    connection.require(Capability.REPLICATION)
    check_wish(wish, source=connection.bucket)
    _check_versioned(connection, connection.bucket)
    warnings = [*_check_destination(connection, wish), *_about_encryption(connection, wish)]
    warnings.append("lifecycle rules are not copied: set them on both sides")
    warnings.append("objects that are there already are not copied; --existing prepares a batch job for them")
    if wish.is_timed:
        warnings.append("Replication Time Control is billed for every byte and its metrics")
    before = configurations.read(connection, Aspect.REPLICATION)
    after = merged(before, wish, partition=wanted.partition_of(connection.region))
    return Change(Aspect.REPLICATION, before, after, kept_rules(before, after), tuple(warnings))


def check_wish(wish: Wish, *, source: str) -> None:
    """Return when a wish makes sense by itself. Pure.

    Raises:
        UsageError: It does not.
    """
    if not _ROLE.fullmatch(wish.role_arn):
        raise UsageError(
            "this is no role", item=wish.role_arn, hint="--role arn:aws:iam::111122223333:role/NAME"
        )
    if wish.destination == source:
        raise UsageError("a bucket cannot be copied into itself", item=source, hint="name another bucket")
    if wish.kms_key_arn and not wish.kms_key_arn.startswith("arn:"):
        raise UsageError(
            "the key of another region needs its full ARN",
            item=wish.kms_key_arn,
            hint="--kms arn:aws:kms:REGION:111122223333:key/ID",
        )


def _check_versioned(connection: Connection, bucket: str) -> None:
    status = configurations.read(connection, Aspect.VERSIONING, bucket=bucket) or {}
    if status.get("Status") != "Enabled":
        raise RefusedError(
            "replication needs versioning on both sides, and this bucket does not keep versions",
            item=bucket,
            hint=f"creative-s3 bucket apply --only versioning --bucket {bucket}",
        )


def _check_destination(connection: Connection, wish: Wish) -> list[str]:
    try:
        answer = connection.client.head_bucket(Bucket=wish.destination)
        _check_versioned(connection, wish.destination)
    except RefusedError:
        raise
    except Exception as error:
        ours = translate(error, item=wish.destination, endpoint_url=connection.endpoint_url)
        if isinstance(ours, AccessDeniedError):
            return [f"{wish.destination} may not be looked at: check that it keeps versions"]
        raise ours from error
    region = answer.get("BucketRegion") or answer["ResponseMetadata"]["HTTPHeaders"].get(
        "x-amz-bucket-region"
    )
    warnings = []
    if region == connection.region:
        warnings.append(f"{wish.destination} is in {region} too: the copies are not in a second region")
    if wish.kms_key_arn and region and f":{region}:" not in wish.kms_key_arn:
        raise UsageError(
            f"the key has to be in the destination's region, {region}",
            item=wish.kms_key_arn,
            hint=f"--kms arn:aws:kms:{region}:111122223333:key/ID",
        )
    return warnings


def _about_encryption(connection: Connection, wish: Wish) -> list[str]:
    found = configurations.read(connection, Aspect.ENCRYPTION) or {}
    rules = found.get("Rules") or [{}]
    algorithm = rules[0].get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "")
    if algorithm.startswith("aws:kms") and not wish.kms_key_arn:
        return ["objects under KMS are not copied without --kms KEY, and this bucket encrypts with KMS"]
    return []


def role_policy(source: str, wish: Wish, *, partition: str = "aws") -> dict[str, Any]:
    """Return what the role has to be allowed (User Guide, "Setting up permissions for live replication")."""
    arn = f"arn:{partition}:s3:::"
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"],
            "Resource": f"{arn}{source}",
        },
        {
            "Effect": "Allow",
            "Action": [
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionTagging",
            ],
            "Resource": f"{arn}{source}/{wish.prefix}*",
        },
        {
            "Effect": "Allow",
            "Action": ["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"],
            "Resource": f"{arn}{wish.destination}/{wish.prefix}*",
        },
    ]
    if wish.kms_key_arn:
        statements.append({"Effect": "Allow", "Action": "kms:Encrypt", "Resource": wish.kms_key_arn})
    return {"Version": "2012-10-17", "Statement": statements}


def batch_job(account: str, source: str, wish: Wish, *, partition: str = "aws") -> dict[str, Any]:
    """Return the arguments of the job that copies what is there already; it waits for a confirmation.

    Amazon S3 API Reference, "CreateJob" (S3 Control).
    """
    chosen: dict[str, Any] = {
        "EligibleForReplication": True,
        "ObjectReplicationStatuses": ["NONE", "FAILED"],
    }
    if wish.prefix:
        chosen["KeyNameConstraint"] = {"MatchAnyPrefix": [wish.prefix]}
    return {
        "AccountId": account,
        "ConfirmationRequired": True,
        "Operation": {"S3ReplicateObject": {}},
        "Report": {"Enabled": False},
        "ClientRequestToken": secrets.token_hex(16),
        "Description": f"creative-s3: existing objects of {source} to {wish.destination}",
        "Priority": 10,
        "RoleArn": wish.role_arn,
        "ManifestGenerator": {
            "S3JobManifestGenerator": {
                "SourceBucket": f"arn:{partition}:s3:::{source}",
                "EnableManifestOutput": False,
                "Filter": chosen,
            }
        },
    }


def prepare_job(connection: Connection, wish: Wish) -> tuple[str, str]:
    """Have S3 prepare the job for existing objects; it does nothing before somebody confirms it.

    Returns:
        The job's ID, and the account it is in.

    Raises:
        UnsupportedError: The settings name another server than AWS.
        CreativeS3Error: A request failed; needs ``s3:CreateJob`` and ``iam:PassRole``.
    """
    account = account_of(connection)
    partition = wanted.partition_of(connection.region)
    try:
        with closing(batch_client(connection)) as client:
            job = batch_job(account, connection.bucket, wish, partition=partition)
            return str(client.create_job(**job)["JobId"]), account
    except Exception as error:
        raise translate(error, item=wish.destination, service="S3 Batch Operations") from error


def statuses_of(connection: Connection, objects: Iterable[StoredObject]) -> Mapping[str, int]:
    """Ask S3 for the replication status of objects, one HEAD each; ``NONE`` where no rule applied."""
    found: Counter[str] = Counter()
    for stored in objects:
        try:
            answer = connection.client.head_object(Bucket=connection.bucket, Key=stored.key)
        except Exception as error:
            raise translate(error, item=stored.key, endpoint_url=connection.endpoint_url) from error
        found[str(answer.get("ReplicationStatus") or "NONE")] += 1
    return dict(found)
