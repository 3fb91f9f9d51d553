"""A bucket's lifecycle rules, read and written as a whole, because S3 knows no other way.

A PUT replaces everything. So the rules are read first; where this version cannot read them in full, or the
server does not answer as S3 does, there is no PUT. What the rules should be is decided in `lifecycle.rules`.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from botocore.exceptions import ClientError

from creative_s3.core.aws import translate
from creative_s3.core.costs.pricing import load_bundled
from creative_s3.core.lifecycle.rules import (
    Policy,
    Rule,
    asset_prefixes,
    due_at,
    merge,
    rules_for,
    warnings_for,
)
from creative_s3.errors import AccessDeniedError, RefusedError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from creative_s3.core.aws import Connection
    from creative_s3.core.object_store import ObjectStore

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
    bodies: list[bytes] = []
    store.count({_READ: 1})
    try:
        with _answers_of(connection, bodies):
            answer = connection.client.get_bucket_lifecycle_configuration(Bucket=store.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return BucketRules()
        raise translate(error, item=store.bucket, endpoint_url=connection.endpoint_url) from error
    except Exception as error:
        raise translate(error, item=store.bucket, endpoint_url=connection.endpoint_url) from error
    names = _element_names(bodies[-1])
    if not names or names[0] != _ROOT:
        raise UnsupportedError(
            "the server answers with something else than lifecycle rules, so nothing was sent",
            item=store.bucket,
            hint="use AWS, or a server with lifecycle rules",
        )
    unknown = sorted(set(names) - _known_names(connection))
    if unknown:
        raise RefusedError(
            f"a lifecycle rule of this bucket has a part that this version does not know ({unknown[0]}), and"
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
    except UnsupportedError as error:
        return BucketRules(), (
            f"this server has no lifecycle rules, so it would carry out none of these: {error.message}"
        )


def write(store: ObjectStore, rules: tuple[Rule, ...], minimum: str | None) -> None:
    """Replace all rules of the bucket by these, none of them lost: `minimum` is what `read` found.

    Raises:
        UnsupportedError: The server does not carry out such rules; it keeps those it had.
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


@contextmanager
def _answers_of(connection: Connection, bodies: list[bytes]) -> Iterator[None]:
    """Collect what the server really says to this thread: botocore drops what it does not know."""
    me = threading.get_ident()

    def note(response_dict: dict[str, Any], **_: Any) -> None:  # noqa: ANN401 - botocore's signature
        if threading.get_ident() == me:
            bodies.append(response_dict["body"])

    events, event, name = connection.client.meta.events, f"before-parse.s3.{_READ}", f"creative-s3-rules-{me}"
    events.register(event, note, unique_id=name)
    try:
        yield
    finally:
        events.unregister(event, unique_id=name)


def _element_names(body: bytes) -> list[str]:
    """Return the names of an XML document's elements, the root first; none when it is no XML."""
    try:
        root = ET.fromstring(body)  # noqa: S314 - from the server we chose
    except ET.ParseError:
        return []
    return [element.tag.rpartition("}")[2] for element in root.iter()]


def _known_names(connection: Connection) -> frozenset[str]:
    """Return every element's name that botocore's model of the answer has."""
    names = {_ROOT}
    shapes = [connection.client.meta.service_model.operation_model(_READ).output_shape]
    seen = set()
    while shapes:
        shape = shapes.pop()
        if shape.name in seen:
            continue
        seen.add(shape.name)
        if shape.type_name == "list":
            shapes.append(shape.member)
        for name, member in getattr(shape, "members", {}).items():
            names |= {name, member.serialization.get("name", name)}
            if member.type_name == "list":
                names.add(member.member.serialization.get("name", name))
            shapes.append(member)
    return frozenset(names)
