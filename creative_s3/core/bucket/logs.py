"""Server access logs: where they go, and that S3 may write them there.

Amazon S3 User Guide, "Enabling Amazon S3 server access logging".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from creative_s3.core.bucket import configurations, wanted
from creative_s3.core.bucket.aspects import Aspect
from creative_s3.core.bucket.changes import Change
from creative_s3.core.bucket.setup import kept_statements
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.endpoints import Capability
from creative_s3.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from creative_s3.core.s3.connection import Connection

_ENABLED = "LoggingEnabled"


def plan_on(connection: Connection, target: str, *, prefix: str, account: str) -> tuple[Change, ...]:
    """Say what has to change for logs to go to `target`: its policy first, then the bucket's logging.

    Args:
        connection: Of the bucket that is logged.
        target: The bucket that gets the logs.
        prefix: What the logs' keys begin with.
        account: The account that both belong to.

    Raises:
        UsageError: The bucket would log into itself.
        RefusedError: The target cannot take logs.
        UnsupportedError: The endpoint has no logging; nothing was sent.
        CreativeS3Error: A request failed.
    """
    connection.require(Capability.LOGGING)
    if target == connection.bucket:
        raise UsageError(
            "a bucket that logs into itself logs its own logs, without end",
            item=target,
            hint="name another bucket of the same region and account",
        )
    _check_target(connection, target)
    policy = configurations.read(connection, Aspect.POLICY, bucket=target)
    statement = log_statement(
        target, connection.bucket, prefix, account, wanted.partition_of(connection.region)
    )
    allowed = wanted.policy(policy, [statement])
    logging = configurations.read(connection, Aspect.LOGGING)
    present = (logging or {}).get(_ENABLED, {})
    goal = {**(logging or {}), _ENABLED: {**present, "TargetBucket": target, "TargetPrefix": prefix}}
    return (
        Change(Aspect.POLICY, policy, allowed, kept_statements(policy, allowed), bucket=target),
        Change(
            Aspect.LOGGING,
            logging,
            goal,
            warnings=("the first logs come after some hours; they are paid for until a rule removes them",),
        ),
    )


def plan_off(connection: Connection) -> Change:
    """Say what has to change for logs to stop; those that are there stay, and so does the target's policy."""
    before = configurations.read(connection, Aspect.LOGGING)
    after = {name: value for name, value in (before or {}).items() if name != _ENABLED}
    return Change(Aspect.LOGGING, before, after)


def log_statement(
    target: str, source: str, prefix: str, account: str, partition: str = "aws"
) -> dict[str, Any]:
    """Return the statement that lets S3 write one bucket's logs into another."""
    return {
        "Sid": f"CreativeS3LogsOf{''.join(one for one in source if one.isalnum())}",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:{partition}:s3:::{target}/{prefix}*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:{partition}:s3:::{source}"},
            "StringEquals": {"aws:SourceAccount": account},
        },
    }


def _check_target(connection: Connection, target: str) -> None:
    client = connection.client
    try:
        answer = client.head_bucket(Bucket=target)
        payer = client.get_bucket_request_payment(Bucket=target).get("Payer")
        lock = _lock_of(client, target)
    except Exception as error:
        raise translate(error, item=target, endpoint_url=connection.endpoint_url) from error
    region = answer.get("BucketRegion") or connection.region
    if region != connection.region:
        raise _cannot(target, f"is in {region}, and the bucket in {connection.region}")
    if payer == "Requester":
        raise _cannot(target, "has Requester Pays")
    if lock.get("Rule", {}).get("DefaultRetention"):
        raise _cannot(target, "has a default retention period (Object Lock)")


def _lock_of(client: Any, target: str) -> dict[str, Any]:  # noqa: ANN401 - boto3's clients have no common type
    try:
        answer: dict[str, Any] = client.get_object_lock_configuration(Bucket=target)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ObjectLockConfigurationNotFoundError":
            return {}
        raise
    lock: dict[str, Any] = answer.get("ObjectLockConfiguration", {})
    return lock


def _cannot(target: str, why: str) -> RefusedError:
    return RefusedError(
        f"this bucket cannot take access logs: it {why}",
        item=target,
        hint="name another bucket of the same region and account",
    )
