"""A bucket's lifecycle rules, read and written as a whole, because S3 knows no other way.

A PUT replaces everything. So the rules are read first; where this version cannot read them in full, or the
server does not answer as S3 does, there is no PUT. What the rules should be is decided in `lifecycle.rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from creative_s3.core.bucket.aspects import WAYS, Aspect
from creative_s3.core.bucket.changes import PROOF_LIMIT_S, holds, shown
from creative_s3.core.bucket.lifecycle_rules import Rule, canonical
from creative_s3.core.costs.pricing import load_bundled
from creative_s3.core.faults.translation import translate
from creative_s3.core.lifecycle.rules import Policy, asset_prefixes, due_at, merge, rules_for, warnings_for
from creative_s3.core.s3.answer_shapes import root_of, unknown_part
from creative_s3.core.s3.answers import collected
from creative_s3.core.s3.genuine import check_beginning
from creative_s3.errors import (
    AccessDeniedError,
    NotKeptError,
    RefusedError,
    UnintelligibleError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from datetime import datetime

    from creative_s3.core.s3.object_store import ObjectStore

_READ = "GetBucketLifecycleConfiguration"
_ROOT = "LifecycleConfiguration"
_SMALL_OBJECTS_MOVE = "varies_by_storage_class"


@dataclass(frozen=True, slots=True)
class LifecycleResult:
    """What a change of the lifecycle rules did.

    Attributes:
        bucket: The bucket's name.
        before: All rules that were there, in boto3's form.
        after: All rules that are there now.
        rule_ids: The rules that are ours.
        changed: Whether anything had to be written.
        objects: Assets that the rules apply to today; None when nothing expires, so that nobody counted.
        size_bytes: Their size; None likewise.
        warnings: What the rules mean, in words for a person.
    """

    bucket: str
    before: tuple[Rule, ...]
    after: tuple[Rule, ...]
    rule_ids: tuple[str, ...]
    changed: bool
    objects: int | None = None
    size_bytes: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BucketRules:
    """The rules as they are.

    Attributes:
        rules: In boto3's form.
        minimum: The header that says which small objects move; None when the server sends none.
    """

    rules: tuple[Rule, ...] = ()
    minimum: str | None = None

    @property
    def moves_small_objects(self) -> bool:
        """Whether objects under 128 KB move to GLACIER and DEEP_ARCHIVE without a size in the rule."""
        return self.minimum == _SMALL_OBJECTS_MOVE


def read_rules(store: ObjectStore) -> tuple[Rule, ...]:
    """Return all lifecycle rules of the bucket, in boto3's form; none when it has none.

    Raises:
        UnintelligibleError: The server's answer is none of S3's; there may be rules.
        UnsupportedError: The server has no lifecycle rules.
        RefusedError: A rule has a part that this version does not know.
        CreativeS3Error: The request failed; needs ``s3:GetLifecycleConfiguration``.
    """
    return read(store).rules


def set_policy(
    store: ObjectStore, policy: Policy, *, prefix: str, now: datetime, expire_existing: bool = False
) -> LifecycleResult:
    """Give the assets under `prefix` this policy; every rule of others stays as it is.

    Args:
        store: The bucket.
        policy: What is wanted.
        prefix: What the assets' keys begin with.
        now: Objects that are too old by then would be deleted at once.
        expire_existing: Let that happen.

    Raises:
        RefusedError: Objects would be deleted at once; or the bucket's rules cannot be kept as they are.
        UnsupportedError: The server has no lifecycle rules, or not these.
        NotKeptError: It accepted them, and has others.
        CreativeS3Error: A request failed.
    """
    connection = store.connection
    present = read(store)
    ours = rules_for(policy, prefix)
    after = merge(present.rules, ours)
    objects = size_bytes = None
    if policy.expiration_days is not None:
        objects, size_bytes = _count(
            store, prefix, policy.expiration_days, now=now, expire_existing=expire_existing
        )
    changed = after != present.rules
    if changed:
        write(store, after, present.minimum)
    return LifecycleResult(
        bucket=store.bucket,
        before=present.rules,
        after=after,
        rule_ids=tuple(rule["ID"] for rule in ours),
        changed=changed,
        objects=objects,
        size_bytes=size_bytes,
        warnings=warnings_for(
            policy,
            stored_as=connection.config.storage_class,
            rules_of={
                name: entry.rules for name, entry in load_bundled().region(connection.region).classes.items()
            },
            is_versioned=is_versioned(store) if policy.expiration_days is not None else None,
            moves_small_objects=present.moves_small_objects,
        ),
    )


def read(store: ObjectStore) -> BucketRules:
    """Read all rules, or raise: nothing may be written over what was not read in full."""
    connection = store.connection
    store.count({_READ: 1})
    try:
        with collected() as bodies:
            answer = connection.client.get_bucket_lifecycle_configuration(Bucket=store.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return BucketRules()
        raise translate(error, item=store.bucket, endpoint_url=connection.endpoint_url) from error
    except ResponseParserError as error:
        check_beginning(_READ, bodies[-1], _ROOT, connection.endpoint_url)
        raise translate(error, item=store.bucket, endpoint_url=connection.endpoint_url) from error
    except Exception as error:
        raise translate(error, item=store.bucket, endpoint_url=connection.endpoint_url) from error
    check_beginning(_READ, bodies[-1], _ROOT, connection.endpoint_url)
    root = root_of(bodies[-1])
    unknown = None if root is None else unknown_part(connection.client, WAYS[Aspect.LIFECYCLE].read, root)
    if unknown is not None:
        raise RefusedError(
            f"a lifecycle rule of this bucket has a part that this version does not know ({unknown}), and"
            " would lose it",
            item=store.bucket,
            hint="upgrade boto3 (pip install --upgrade boto3), then try again",
        )
    return BucketRules(tuple(answer.get("Rules", ())), answer.get("TransitionDefaultMinimumObjectSize"))


def read_if_any(store: ObjectStore) -> tuple[BucketRules, str | None]:
    """Read all rules where the server has such; else say in a sentence that it has none.

    Raises:
        CreativeS3Error: As for `read`.
    """
    try:
        return read(store), None
    except UnintelligibleError:
        raise
    except UnsupportedError as error:
        return BucketRules(), (
            f"this server has no lifecycle rules, so it would carry out none of these: {error.message}"
        )


def write(store: ObjectStore, rules: tuple[Rule, ...], minimum: str | None) -> None:
    """Replace all rules of the bucket by these, none of them lost: `minimum` is what `read` found.

    Raises:
        UnsupportedError: The server does not carry out such rules; it keeps those it had.
        NotKeptError: It accepted them, and shows others.
        CreativeS3Error: The request failed; needs ``s3:PutLifecycleConfiguration``.
    """
    # Without this header, S3 silently gives an old bucket the newer default (AWS: PutBucketLifecycle…).
    arguments: dict[str, Any] = {"TransitionDefaultMinimumObjectSize": minimum} if minimum else {}
    connection = store.connection
    store.count({"PutBucketLifecycleConfiguration": 1})
    try:
        connection.client.put_bucket_lifecycle_configuration(
            Bucket=store.bucket, LifecycleConfiguration={"Rules": list(rules)}, **arguments
        )
    except Exception as error:
        ours = translate(error, item=store.bucket, endpoint_url=connection.endpoint_url)
        if isinstance(ours, UnsupportedError):
            raise UnsupportedError(
                "the server does not carry out these lifecycle rules; it keeps those it had",
                item=store.bucket,
                hint="servers other than AWS have no archive classes: leave out --transition (in Python:"
                " transition_days=None)",
            ) from error
        raise ours from error
    prove(store, rules)


def prove(store: ObjectStore, rules: tuple[Rule, ...]) -> None:
    """Ask S3 whether it has these rules, and no others.

    Raises:
        NotKeptError: It has not, after all the time that it may take to show a change.
        CreativeS3Error: A request failed.
    """
    wanted = [canonical(rule) for rule in rules]
    found, is_there = shown(
        lambda: read(store).rules,
        lambda there: holds([canonical(rule) for rule in there], wanted),
        limit_s=PROOF_LIMIT_S,
    )
    if not is_there:
        raise NotKeptError(
            f"the server accepted the lifecycle rules, and has others: {len(found):,} rules, not the"
            f" {len(wanted):,} that were sent",
            item=store.bucket,
            hint="see what it has: creative-s3 lifecycle show",
        )


def _count(
    store: ObjectStore, prefix: str, days: int, *, now: datetime, expire_existing: bool
) -> tuple[int, int]:
    """Count the assets that would expire one day, and refuse when that is today for some."""
    objects = size_bytes = due = 0
    for folder in asset_prefixes(prefix):
        for stored in store.objects(folder):
            objects += 1
            size_bytes += stored.size_bytes
            due += stored.last_modified is not None and due_at(stored.last_modified, days) <= now
    if due and not expire_existing:
        raise RefusedError(
            f"{due:,} of {objects:,} assets are older than {days} days, and S3 would delete them at once;"
            " nothing was changed",
            item=f"s3://{store.bucket}/{prefix}",
            hint="give more expiration_days, or pass expire_existing=True if they shall go",
        )
    return objects, size_bytes


def is_versioned(store: ObjectStore) -> bool | None:
    """Tell whether the bucket keeps versions; None when we may not know."""
    connection = store.connection
    store.count({"GetBucketVersioning": 1})
    try:
        answer = connection.client.get_bucket_versioning(Bucket=store.bucket)
    except Exception as error:
        ours = translate(error, item=store.bucket, endpoint_url=connection.endpoint_url)
        if isinstance(ours, AccessDeniedError | UnsupportedError):
            return None
        raise ours from error
    return bool(answer.get("Status") == "Enabled")
