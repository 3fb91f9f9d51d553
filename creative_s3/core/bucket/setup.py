"""Setting a bucket up: what the settings ask for, and what guards it; for a new bucket and for an old one.

`plan_setup` looks and decides, `set_up` carries out exactly that. What an endpoint lacks is told and left
out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from creative_s3.core.bucket import configurations, wanted
from creative_s3.core.bucket.aspects import WAYS, Aspect, Document
from creative_s3.core.bucket.changes import PROOF_LIMIT_S, Change, Done, carry_out
from creative_s3.core.bucket.names import check_new_name
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.endpoints import NAMES, supports
from creative_s3.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    CreativeS3Error,
    NotS3Error,
    ObjectNotFoundError,
    RefusedError,
    SettingsError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from creative_s3.core.s3.connection import Connection
    from creative_s3.settings import S3Config

_NO_LOCATION = "us-east-1"
_LOCKED_OUT = "the endpoint is plain http, so that the policy would lock everybody out"


class Part(StrEnum):
    """One thing that can be set up, by the name that people type."""

    VERSIONING = "versioning"
    ENCRYPTION = "encryption"
    ACCELERATION = "acceleration"
    OWNERSHIP = "ownership"
    PUBLIC_ACCESS = "public-access"
    TLS = "tls"
    ABORT_UPLOADS = "unfinished-uploads"


_ASPECTS = {
    Part.VERSIONING: Aspect.VERSIONING,
    Part.ENCRYPTION: Aspect.ENCRYPTION,
    Part.ACCELERATION: Aspect.ACCELERATION,
    Part.OWNERSHIP: Aspect.OWNERSHIP,
    Part.PUBLIC_ACCESS: Aspect.PUBLIC_ACCESS,
    Part.TLS: Aspect.POLICY,
    Part.ABORT_UPLOADS: Aspect.LIFECYCLE,
}
_PARTS = {aspect: part for part, aspect in _ASPECTS.items()}
GUARDS = (Part.OWNERSHIP, Part.PUBLIC_ACCESS, Part.TLS, Part.ABORT_UPLOADS)
"""What a new bucket gets, whatever the settings are."""


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """What would be changed.

    Attributes:
        bucket: Its name.
        changes: One for each part that the endpoint has, needed or not.
        left_out: Parts that cannot be set up here, each with why.
        parts: What was asked for.
    """

    bucket: str
    changes: tuple[Change, ...]
    left_out: tuple[tuple[Part, str], ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def needed(self) -> tuple[Change, ...]:
        """The changes that have to be written."""
        return tuple(change for change in self.changes if change.is_needed)


@dataclass(frozen=True, slots=True)
class SetupResult:
    """What was done.

    Attributes:
        done: The changes that were carried out, each with how it ended.
        failed: Those that were not, each with why.
        lacking: Parts that the server turned out to lack, each with why.
    """

    done: tuple[Done, ...] = ()
    failed: tuple[tuple[Change, CreativeS3Error], ...] = ()
    lacking: tuple[tuple[Part, str], ...] = ()


def parts_of_settings(config: S3Config) -> tuple[Part, ...]:
    """Return what the settings say about the bucket, and only that."""
    asked = (
        (Part.VERSIONING, config.enable_versioning),
        (Part.ENCRYPTION, config.enable_encryption),
        (Part.ACCELERATION, config.use_accelerate),
    )
    return tuple(part for part, is_asked in asked if is_asked)


def plan_setup(connection: Connection, parts: Sequence[Part]) -> SetupPlan:
    """Read what is there, and say what has to change. Changes nothing.

    Raises:
        CreativeS3Error: A configuration cannot be read.
    """
    changes: list[Change] = []
    left_out: list[tuple[Part, str]] = []
    for part in dict.fromkeys(parts):
        aspect = _ASPECTS[part]
        if part is Part.TLS and _is_plain_http(connection):
            left_out.append((part, "the endpoint is plain http, so that the policy would lock everybody out"))
            continue
        try:
            before = configurations.read(connection, aspect)
        except UnsupportedError as error:
            left_out.append((part, error.message.removesuffix(", so nothing was sent")))
            continue
        changes.append(changed(connection, part, before))
    return SetupPlan(connection.bucket, tuple(changes), tuple(left_out), tuple(parts))


def plan_new(connection: Connection, parts: Sequence[Part]) -> SetupPlan:
    """Say what a bucket gets that is not there yet. Asks nobody but who runs the endpoint."""
    changes: list[Change] = []
    left_out: list[tuple[Part, str]] = []
    for part in dict.fromkeys(parts):
        capability = WAYS[_ASPECTS[part]].capability
        if part is Part.TLS and _is_plain_http(connection):
            left_out.append((part, _LOCKED_OUT))
        elif not supports(connection.provider, capability):
            left_out.append((part, f"{NAMES[capability]}: not supported by this endpoint"))
        else:
            changes.append(changed(connection, part, None))
    return SetupPlan(connection.bucket, tuple(changes), tuple(left_out), tuple(parts))


def changed(connection: Connection, part: Part, before: Document | None) -> Change:
    """Merge one part into a configuration as it is. Sends nothing."""
    after: Document
    match part:
        case Part.VERSIONING:
            after = wanted.versioning(before)
        case Part.ENCRYPTION:
            after = wanted.encryption(before, connection.config.kms_key_id)
        case Part.ACCELERATION:
            after = wanted.acceleration(before)
        case Part.OWNERSHIP:
            after = wanted.ownership(before)
        case Part.PUBLIC_ACCESS:
            after = wanted.public_access(before)
        case Part.TLS:
            return with_tls(connection, before)
        case Part.ABORT_UPLOADS:
            after = wanted.abort_rule(before)
        case _:
            assert_never(part)
    kept = kept_rules(before, after) if part is Part.ABORT_UPLOADS else ()
    return Change(_ASPECTS[part], before, after, kept)


def with_tls(connection: Connection, before: Document | None) -> Change:
    """Merge the TLS-only statement into a policy; a statement of others that says the same counts."""
    partition = wanted.partition_of(connection.region)
    if wanted.denies_plain_http(before, connection.bucket, partition):
        return Change(Aspect.POLICY, before, dict(before or {}))
    after = wanted.policy(before, [wanted.tls_statement(connection.bucket, partition)])
    return Change(Aspect.POLICY, before, after, kept_statements(before, after))


def kept_statements(before: Document | None, after: Document) -> tuple[str, ...]:
    """Name the statements that stay as they are."""
    later = after.get("Statement", ())
    return tuple(
        str(one.get("Sid") or f"statement {number}")
        for number, one in enumerate((before or {}).get("Statement", ()), start=1)
        if one in later
    )


def kept_rules(before: Document | None, after: Document) -> tuple[str, ...]:
    """Name the rules that stay as they are."""
    later = after.get("Rules", ())
    return tuple(
        str(one.get("ID") or f"rule {number}")
        for number, one in enumerate((before or {}).get("Rules", ()), start=1)
        if one in later
    )


def set_up(
    connection: Connection, plan: SetupPlan, *, limit_s: float | None = None, may_lack: bool = False
) -> SetupResult:
    """Carry out a plan, one part after the other; one that fails does not stop the others.

    Args:
        connection: Of the bucket.
        plan: What to do.
        limit_s: How long S3 may take to show a change.
        may_lack: Whether what another server than AWS does not support is left out and no failure.
    """
    done: list[Done] = []
    failed: list[tuple[Change, CreativeS3Error]] = []
    lacking: list[tuple[Part, str]] = []
    for change in plan.needed:
        try:
            done.append(carry_out(connection, change, limit_s=PROOF_LIMIT_S if limit_s is None else limit_s))
        except CreativeS3Error as error:
            if may_lack and not connection.is_aws and isinstance(error, UnsupportedError):
                lacking.append((_PARTS[change.aspect], error.message))
            else:
                failed.append((change, error))
    return SetupResult(tuple(done), tuple(failed), tuple(lacking))


def check_absent(connection: Connection) -> None:
    """Return when a bucket of this name can be made.

    Raises:
        RefusedError: It is there already.
        AccessDeniedError: It is there, and these credentials may not see it.
        SettingsError: The name breaks a rule of S3.
        CreativeS3Error: The request failed.
    """
    name = connection.bucket
    check_new_name(name)
    try:
        connection.client.head_bucket(Bucket=name)
    except Exception as error:
        ours = translate(error, item=name, endpoint_url=connection.endpoint_url)
        if isinstance(ours, BucketNotFoundError | ObjectNotFoundError):
            return
        if isinstance(ours, AccessDeniedError):
            raise _taken(name) from error
        if isinstance(ours, SettingsError) and not isinstance(ours, NotS3Error):
            raise RefusedError(
                f"a bucket of this name exists in another region: {ours.message}",
                item=name,
                hint="choose another name, or set S3_REGION to its region",
            ) from error
        raise ours from error
    raise RefusedError(
        "the bucket exists already, so nothing was made",
        item=name,
        hint=f"creative-s3 bucket check --bucket {name}",
    )


def create(connection: Connection) -> None:
    """Make the connection's bucket in the connection's region, with ACLs switched off.

    Raises:
        AccessDeniedError: Somebody else has the name, or it may not be made.
        CreativeS3Error: The request failed.
    """
    name = connection.bucket
    arguments: dict[str, Any] = {}
    if connection.region != _NO_LOCATION:  # AWS: "CreateBucket", us-east-1 is not to be named
        arguments["CreateBucketConfiguration"] = {"LocationConstraint": connection.region}
    if connection.is_aws:
        arguments["ObjectOwnership"] = "BucketOwnerEnforced"
    try:
        connection.client.create_bucket(Bucket=name, **arguments)
    except Exception as error:
        if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in {
            "BucketAlreadyExists",
            "BucketAlreadyOwnedByYou",
        }:
            raise _taken(name) from error
        ours = translate(error, item=name, endpoint_url=connection.endpoint_url)
        if isinstance(ours, AccessDeniedError):
            ours = AccessDeniedError(
                "S3 denies s3:CreateBucket", item=name, hint=f"allow s3:CreateBucket on arn:aws:s3:::{name}"
            )
        raise ours from error


def _taken(name: str) -> AccessDeniedError:
    return AccessDeniedError(
        "a bucket of this name exists already, and these credentials may not see it",
        item=name,
        hint="choose another name",
    )


def _is_plain_http(connection: Connection) -> bool:
    return urlsplit(connection.endpoint_url or "").scheme == "http"
