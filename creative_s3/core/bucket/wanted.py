"""What a bucket should be, and how that is merged into what it is. Pure.

Each function takes a configuration as it is (None where there is none) and returns it as it shall be; all
that it does not concern stays.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from creative_s3.core.bucket.lifecycle_rules import RULE_LIMIT
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from creative_s3.core.bucket.aspects import Document

ABORT_RULE_ID = "creative-s3:abort-unfinished-uploads"
ABORT_AFTER_DAYS = 7
PUBLIC_ACCESS = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_POLICY_VERSION = "2012-10-17"
_POLICY_LIMIT_BYTES = 20 * 1024


def versioning(before: Document | None) -> Document:
    """Switch versioning on."""
    if before and before.get("MFADelete") == "Enabled" and before.get("Status") != "Enabled":
        raise RefusedError(
            "the bucket has MFA Delete, so that its versioning is changed with a code from the device",
            hint="use `aws s3api put-bucket-versioning --mfa`",
        )
    return {**(before or {}), "Status": "Enabled"}


def encryption(before: Document | None, kms_key_id: str | None) -> Document:
    """Encrypt by default: with a KMS key and a bucket key, or with S3's own keys.

    What is encrypted better than wanted stays; so does the rest of the rule, such as the block on SSE-C.
    """
    rules = deepcopy(list((before or {}).get("Rules", ())))
    rule: dict[str, Any] = rules[0] if rules else {}
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    if kms_key_id:
        if not same_key(kms_key_id, str(default.get("KMSMasterKeyID", ""))):
            rule["ApplyServerSideEncryptionByDefault"] = {
                "SSEAlgorithm": "aws:kms",
                "KMSMasterKeyID": kms_key_id,
            }
        if rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms":
            rule["BucketKeyEnabled"] = True  # AWS: "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys"
    elif not default.get("SSEAlgorithm"):
        rule["ApplyServerSideEncryptionByDefault"] = {"SSEAlgorithm": "AES256"}
    return {**(before or {}), "Rules": [rule, *rules[1:]]}


def same_key(wanted: str, found: str) -> bool:
    """Tell whether two names mean one KMS key; a bare id and its full ARN do."""
    return wanted == found or wanted.rpartition("/")[2] == found.rpartition("/")[2] != ""


def public_access(before: Document | None) -> Document:
    """Block public access in all four ways."""
    return {**(before or {}), **PUBLIC_ACCESS}


def ownership(before: Document | None) -> Document:
    """Let the bucket's owner own every object, so that ACLs do nothing (AWS: "Controlling ownership")."""
    return {**(before or {}), "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def acceleration(before: Document | None) -> Document:
    """Switch Transfer Acceleration on."""
    return {**(before or {}), "Status": "Enabled"}


def policy(before: Document | None, statements: Iterable[Mapping[str, Any]]) -> Document:
    """Put statements in the place of those with the same Sid, or at the end; all others stay.

    Raises:
        RefusedError: S3 takes no more than 20 KB.
    """
    ours = {str(statement["Sid"]): dict(statement) for statement in statements}
    present: Sequence[Mapping[str, Any]] = (before or {}).get("Statement", ())
    merged = [ours.pop(str(statement.get("Sid")), statement) for statement in present]
    made = {**(before or {"Version": _POLICY_VERSION}), "Statement": [*merged, *ours.values()]}
    if len(json.dumps(made, separators=(",", ":"), default=str).encode()) > _POLICY_LIMIT_BYTES:
        raise RefusedError(
            "the bucket policy would be larger than the 20 KB that S3 takes",
            hint="remove statements that nobody needs",
        )
    return made


def abort_rule(before: Document | None, *, days: int = ABORT_AFTER_DAYS) -> Document:
    """Have unfinished uploads removed after some days; a rule of others that does it counts."""
    rules = list((before or {}).get("Rules", ()))
    if any(_aborts_everything(rule) for rule in rules):
        return dict(before or {})
    ours = {
        "ID": ABORT_RULE_ID,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days},
    }
    return {**(before or {}), "Rules": merged_by_id(rules, ours, limit=RULE_LIMIT, what="lifecycle rules")}


def merged_by_id(
    present: Sequence[Mapping[str, Any]], ours: Mapping[str, Any], *, limit: int, what: str
) -> list[Mapping[str, Any]]:
    """Put a rule in the place of the one with its ID, or at the end.

    Raises:
        RefusedError: There would be more than S3 takes.
    """
    merged = [ours if rule.get("ID") == ours["ID"] else rule for rule in present]
    if ours not in merged:
        merged.append(ours)
    if len(merged) > limit:
        raise RefusedError(
            f"the bucket would have {len(merged):,} {what}, and S3 takes {limit:,}",
            hint="remove rules that nobody needs",
        )
    return merged


def aborts_uploads(before: Document | None) -> bool:
    """Tell whether a rule removes every unfinished upload some day."""
    return any(_aborts_everything(rule) for rule in (before or {}).get("Rules", ()))


def _aborts_everything(rule: Mapping[str, Any]) -> bool:
    chosen = rule.get("Filter")
    everything = not rule.get("Prefix") and (
        chosen is None or not chosen or (set(chosen) == {"Prefix"} and not chosen["Prefix"])
    )
    return bool(rule.get("Status") == "Enabled" and rule.get("AbortIncompleteMultipartUpload") and everything)


def tls_statement(bucket: str, partition: str = "aws") -> dict[str, Any]:
    """Return the statement that denies every request without TLS, on the bucket and on its objects."""
    arn = f"arn:{partition}:s3:::{bucket}"
    return {
        "Sid": "CreativeS3TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def denies_plain_http(document: Document | None, bucket: str, partition: str = "aws") -> bool:
    """Tell whether a policy denies every request without TLS, to the bucket and to its objects."""
    arn = f"arn:{partition}:s3:::{bucket}"
    covered: set[str] = set()
    for statement in (document or {}).get("Statement", ()):
        condition = statement.get("Condition", {})
        secure = {key.lower(): value for key, value in condition.get("Bool", {}).items()}
        value = secure.get("aws:securetransport")
        denies = statement.get("Effect") == "Deny" and set(condition) == {"Bool"} and len(secure) == 1
        everybody = statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        everything = {"*", "s3:*"} & set(_words(statement.get("Action")))
        if denies and everybody and everything and str(_words(value)[:1]).lower() == "['false']":
            covered |= set(_words(statement.get("Resource")))
    return "*" in covered or {arn, f"{arn}/*"} <= covered or f"{arn}*" in covered


_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
}
"""What the names of their regions begin with (botocore: "partitions")."""


def partition_of(region: str) -> str:
    """Return the part of AWS that a region is in, as ARNs name it."""
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def _words(value: object) -> list[str]:
    """Return what may be one word or a list of them as a list."""
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
