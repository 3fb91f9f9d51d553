"""The doctor's look at how the bucket is set up: what guards it, what it keeps, what it copies elsewhere.

Only questions are sent, and only those that the endpoint is known to have. Nothing here stops an upload, so
that nothing is a problem but an acceleration that the settings ask for and the bucket does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from creative_s3.core.bucket import configurations, wanted
from creative_s3.core.bucket.aspects import WAYS, Aspect
from creative_s3.core.checks.checks import Check, Group, Topic, advice, told
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.endpoints import Capability, supports
from creative_s3.errors import AccessDeniedError, CreativeS3Error, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from creative_s3.core.bucket.aspects import Document
    from creative_s3.core.checks.connection import Visit
    from creative_s3.core.s3.connection import Connection

PUBLIC = Topic(Group.SETUP, "public access")
OWNERSHIP = Topic(Group.SETUP, "ownership")
POLICY = Topic(Group.SETUP, "policy")
TLS = Topic(Group.SETUP, "TLS only")
LOGGING = Topic(Group.SETUP, "access logging")
LIFECYCLE = Topic(Group.SETUP, "leftovers")
REPLICATION = Topic(Group.SETUP, "replication")
ACCELERATION = Topic(Group.SETUP, "acceleration")

_TOPICS = (PUBLIC, OWNERSHIP, POLICY, TLS, LOGGING, LIFECYCLE, REPLICATION, ACCELERATION)
_LACKING = "not supported by this endpoint"


def checks(visit: Visit | None) -> tuple[Check, ...]:
    """Look at the configurations, one after the other; without a usable bucket, say so."""
    if visit is None or visit.connection is None or visit.error is not None:
        return tuple(topic.not_tried("the bucket cannot be looked at yet") for topic in _TOPICS)
    connection = visit.connection
    policy = _ask(connection, Aspect.POLICY)
    return (
        _judged(PUBLIC, _ask(connection, Aspect.PUBLIC_ACCESS), public_access),
        _judged(OWNERSHIP, _ask(connection, Aspect.OWNERSHIP), ownership),
        _policy(connection, policy),
        tls(connection, policy) if not isinstance(policy, CreativeS3Error) else _unseen(TLS, policy),
        _judged(LOGGING, _ask(connection, Aspect.LOGGING), logging),
        _lifecycle(connection),
        _judged(REPLICATION, _ask(connection, Aspect.REPLICATION), replication),
        _acceleration(connection),
    )


def public_access(found: Document | None) -> Check:
    """Judge Block Public Access."""
    missing = [name for name in wanted.PUBLIC_ACCESS if not (found or {}).get(name)]
    if not missing:
        return PUBLIC.ok("blocked in all four ways")
    what = "not blocked" if len(missing) == len(wanted.PUBLIC_ACCESS) else f"without {', '.join(missing)}"
    return PUBLIC.warning(what, _apply("public-access"))


def ownership(found: Document | None) -> Check:
    """Judge Object Ownership."""
    rules: Sequence[Document] = (found or {}).get("Rules") or ({},)
    owner = rules[0].get("ObjectOwnership")
    if owner == "BucketOwnerEnforced":
        return OWNERSHIP.ok("the bucket's owner owns every object; ACLs do nothing")
    return OWNERSHIP.warning(f"{owner or 'not set'}: ACLs of single objects count", _apply("ownership"))


def tls(connection: Connection, found: Document | None) -> Check:
    """Judge whether requests without TLS are denied."""
    partition = wanted.partition_of(connection.region)
    if wanted.denies_plain_http(found, connection.bucket, partition):
        return TLS.ok("requests without TLS are denied, for the bucket and its objects")
    if (connection.endpoint_url or "").startswith("http:"):
        return TLS.not_tried("the endpoint is plain http")
    return TLS.warning("requests without TLS are allowed", _apply("tls"))


def logging(found: Document | None) -> Check:
    """Say where access logs go."""
    target = (found or {}).get("LoggingEnabled")
    if not target:
        return LOGGING.ok("off; `creative-s3 bucket logging on --target BUCKET` switches it on")
    return LOGGING.ok(f"to s3://{target.get('TargetBucket')}/{target.get('TargetPrefix', '')}")


def lifecycle(found: Document | None, *, is_versioned: bool) -> Check:
    """Judge what nobody removes: parts of unfinished uploads, and old versions."""
    rules = (found or {}).get("Rules", ())
    old = any(rule.get("NoncurrentVersionExpiration") and rule.get("Status") == "Enabled" for rule in rules)
    if not wanted.aborts_uploads(found):
        return LIFECYCLE.warning("no rule removes unfinished uploads", _apply("unfinished-uploads"))
    if is_versioned and not old:
        return LIFECYCLE.warning(
            "no rule removes old versions: each is kept, and paid for, as long as the bucket is",
            "creative-s3 lifecycle set --noncurrent-expire 90",
        )
    return LIFECYCLE.ok(
        "a rule removes unfinished uploads" + (", and one old versions" if is_versioned else "")
    )


def replication(found: Document | None) -> Check:
    """Say what is copied where."""
    rules = (found or {}).get("Rules", ())
    active = [rule for rule in rules if rule.get("Status") == "Enabled"]
    if not rules:
        return REPLICATION.ok("none")
    if not active:
        return REPLICATION.warning(
            f"{len(rules)} rules, all disabled", "creative-s3 bucket replication status"
        )
    targets = sorted({str(rule["Destination"]["Bucket"]).rpartition(":")[2] for rule in active})
    return REPLICATION.ok(f"to {', '.join(targets)}")


def acceleration(found: Document | None, *, is_asked: bool) -> Check:
    """Compare Transfer Acceleration with the settings."""
    is_on = (found or {}).get("Status") == "Enabled"
    if is_asked and not is_on:
        return ACCELERATION.problem(
            "off, and S3_USE_ACCELERATE asks for it: transfers will fail", _apply("acceleration")
        )
    if is_on and not is_asked:
        return ACCELERATION.ok("on; S3_USE_ACCELERATE does not use it")
    return ACCELERATION.ok("on" if is_on else "off")


def _apply(part: str) -> str:
    return f"creative-s3 bucket apply --only {part}"


def _ask(connection: Connection, aspect: Aspect) -> Document | CreativeS3Error | None:
    try:
        return configurations.read(connection, aspect)
    except AccessDeniedError as error:
        return AccessDeniedError(
            error.message, hint=f"allow {WAYS[aspect].read_action} for these credentials"
        )
    except CreativeS3Error as error:
        return error


def _judged(topic: Topic, found: Document | CreativeS3Error | None, judge: Any) -> Check:  # noqa: ANN401 - a function of found
    if isinstance(found, CreativeS3Error):
        return _unseen(topic, found)
    check: Check = judge(found)
    return check


def _unseen(topic: Topic, error: CreativeS3Error) -> Check:
    """Say why a configuration cannot be seen; uploads work without."""
    if isinstance(error, UnsupportedError):
        return topic.not_tried(_LACKING)
    return topic.warning(told(error), advice(error))


def _policy(connection: Connection, found: Document | CreativeS3Error | None) -> Check:
    if isinstance(found, CreativeS3Error):
        return _unseen(POLICY, found)
    count = len((found or {}).get("Statement", ()))
    said = f"{count} statement{'' if count == 1 else 's'}" if count else "none"
    if count and _is_public(connection):
        return POLICY.warning(
            f"{said}; it makes the bucket public", "creative-s3 bucket apply --only public-access"
        )
    return POLICY.ok(said)


def _is_public(connection: Connection) -> bool:
    if not supports(connection.provider, Capability.POLICY_STATUS):
        return False
    try:
        answer = connection.client.get_bucket_policy_status(Bucket=connection.bucket)
    except Exception as error:  # noqa: BLE001 - translate raises what it does not know
        translate(error)
        return False
    return bool(answer.get("PolicyStatus", {}).get("IsPublic"))


def _lifecycle(connection: Connection) -> Check:
    found = _ask(connection, Aspect.LIFECYCLE)
    if isinstance(found, CreativeS3Error):
        return _unseen(LIFECYCLE, found)
    status = _ask(connection, Aspect.VERSIONING)
    is_versioned = isinstance(status, dict) and bool(status.get("Status"))
    return lifecycle(found, is_versioned=is_versioned)


def _acceleration(connection: Connection) -> Check:
    is_asked = connection.config.use_accelerate
    if not supports(connection.provider, Capability.ACCELERATE):
        if is_asked:
            return ACCELERATION.warning(
                f"{_LACKING}; S3_USE_ACCELERATE has no effect", "set S3_USE_ACCELERATE=false"
            )
        return ACCELERATION.not_tried(_LACKING)
    found = _ask(connection, Aspect.ACCELERATION)
    if isinstance(found, CreativeS3Error):
        return _unseen(ACCELERATION, found)
    return acceleration(found, is_asked=is_asked)
