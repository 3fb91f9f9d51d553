"""Event notifications: one target merged among those of others, and what S3 would refuse refused before it.

Pure. Amazon S3 User Guide, "Amazon S3 Event Notifications".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from creative_s3.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from creative_s3.core.bucket.aspects import Document

DEFAULT_EVENTS = ("s3:ObjectCreated:*",)
_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "ObjectCreated": ("Put", "Post", "Copy", "CompleteMultipartUpload"),
    "ObjectRemoved": ("Delete", "DeleteMarkerCreated"),
    "ObjectRestore": ("Post", "Completed", "Delete"),
    "Replication": (
        "OperationFailedReplication",
        "OperationMissedThreshold",
        "OperationNotTracked",
        "OperationReplicatedAfterThreshold",
    ),
    "LifecycleExpiration": ("Delete", "DeleteMarkerCreated"),
    "ObjectTagging": ("Put", "Delete"),
}
_SINGLE = ("LifecycleTransition", "IntelligentTiering", "ObjectAcl:Put", "ReducedRedundancyLostObject")
EVENTS = (
    *(f"s3:{family}:{end}" for family, ends in _FAMILIES.items() for end in ("*", *ends)),
    *(f"s3:{name}" for name in _SINGLE),
)
"""Every event that S3 knows."""
_ID_LIMIT = 255
_FILTER_SAFE = "/!-_.*'()"


class Kind(StrEnum):
    """Who is told."""

    LAMBDA = "lambda"
    SQS = "sqs"
    SNS = "sns"
    EVENTBRIDGE = "eventbridge"


_LISTS = {
    Kind.LAMBDA: ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
    Kind.SQS: ("QueueConfigurations", "QueueArn"),
    Kind.SNS: ("TopicConfigurations", "TopicArn"),
}
_EVENTBRIDGE = "EventBridgeConfiguration"


@dataclass(frozen=True, slots=True)
class Notice:
    """Who is told of what.

    Attributes:
        kind: The service.
        arn: The function, queue or topic; empty for EventBridge.
        events: S3's names.
        prefix: What the keys begin with; empty for all.
        suffix: What they end with; empty for all.
    """

    kind: Kind
    arn: str = ""
    events: tuple[str, ...] = DEFAULT_EVENTS
    prefix: str = ""
    suffix: str = ""


def event_names(given: Sequence[str]) -> tuple[str, ...]:
    """Return S3's names of events, which may be given without ``s3:``.

    Raises:
        UsageError: S3 has no such event.
    """
    names = []
    for one in given or DEFAULT_EVENTS:
        name = one if one.startswith("s3:") else f"s3:{one}"
        if name not in EVENTS:
            raise UsageError(f"S3 has no such event: {one}", hint=f"one of {', '.join(EVENTS)}")
        names.append(name)
    return tuple(dict.fromkeys(names))


def check_target(notice: Notice, region: str) -> None:
    """Return when S3 could tell a target at all.

    Raises:
        UsageError: The ARN is of another service or region, or the queue or topic is a FIFO one.
    """
    if notice.kind is Kind.EVENTBRIDGE:
        return
    parts = notice.arn.split(":")
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != notice.kind.value:  # noqa: PLR2004 - an ARN's parts
        raise UsageError(
            f"this is no ARN of {notice.kind.value}",
            item=notice.arn,
            hint=f"--{notice.kind.value} arn:aws:{notice.kind.value}:{region}:111122223333:NAME",
        )
    if parts[3] != region:
        raise UsageError(
            f"the target is in {parts[3]}, and the bucket in {region}: they have to be in one region",
            item=notice.arn,
            hint="make one in the bucket's region",
        )
    if parts[-1].endswith(".fifo"):
        raise UsageError(
            "S3 sends no notifications to FIFO queues and topics",
            item=notice.arn,
            hint="use a standard one, or --eventbridge",
        )


def merged(before: Document | None, notice: Notice) -> Document:
    """Merge a target by its ID; all other targets stay.

    Raises:
        RefusedError: It overlaps with another target: S3 takes one target for an event of a key.
    """
    after = dict(before or {})
    if notice.kind is Kind.EVENTBRIDGE:
        return {**after, _EVENTBRIDGE: after.get(_EVENTBRIDGE) or {}}
    ours = _entry(notice)
    for other in _entries(before):
        if other.get("Id") != ours["Id"] and overlaps(other, ours):
            raise RefusedError(
                f"it overlaps with the notification {other.get('Id', 'without an ID')}: S3 would refuse it",
                item=notice.arn,
                hint="choose other --events, or a --prefix or --suffix that no key shares",
            )
    name, _ = _LISTS[notice.kind]
    present = list(after.get(name, ()))
    replaced = [ours if entry.get("Id") == ours["Id"] else entry for entry in present]
    return {**after, name: replaced if ours in replaced else [*replaced, ours]}


def kept(before: Document | None, after: Document) -> tuple[str, ...]:
    """Name the targets that stay as they are."""
    later = list(_entries(after))
    names = [str(entry.get("Id") or "without an ID") for entry in _entries(before) if entry in later]
    return (*names, *(["EventBridge"] if _EVENTBRIDGE in (before or {}) else ()))


def overlaps(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether some event of some key would go to both."""
    if not any(_same_event(first, second) for first in one["Events"] for second in other["Events"]):
        return False
    (prefix, suffix), (other_prefix, other_suffix) = _filters(one), _filters(other)
    begins = prefix.startswith(other_prefix) or other_prefix.startswith(prefix)
    ends = suffix.endswith(other_suffix) or other_suffix.endswith(suffix)
    return begins and ends


def _same_event(one: str, other: str) -> bool:
    if one == other:
        return True
    for wide, narrow in ((one, other), (other, one)):
        if wide.endswith(":*") and narrow.startswith(wide.removesuffix("*")):
            return True
    return False


def _filters(entry: Mapping[str, Any]) -> tuple[str, str]:
    rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    found = {str(rule.get("Name", "")).lower(): str(rule.get("Value", "")) for rule in rules}
    return found.get("prefix", ""), found.get("suffix", "")


def _entries(document: Document | None) -> Iterator[Mapping[str, Any]]:
    for name, _ in _LISTS.values():
        yield from (document or {}).get(name, ())


def _entry(notice: Notice) -> dict[str, Any]:
    _, member = _LISTS[notice.kind]
    rules = [
        {"Name": name, "Value": _written(value)}
        for name, value in (("prefix", notice.prefix), ("suffix", notice.suffix))
        if value
    ]
    entry: dict[str, Any] = {"Id": notice_id(notice), member: notice.arn, "Events": list(notice.events)}
    if rules:
        entry["Filter"] = {"Key": {"FilterRules": rules}}
    return entry


def _written(value: str) -> str:
    """Write a filter as S3 compares it: with ``+`` for a space, and other characters percent-encoded."""
    return quote(value, safe=_FILTER_SAFE + " ").replace(" ", "+")


def notice_id(notice: Notice) -> str:
    """Return the name of our entry for a target and its filters."""
    name = f"creative-s3:{notice.kind.value}:{notice.arn.rpartition(':')[2]}:{notice.prefix}:{notice.suffix}"
    if len(name) <= _ID_LIMIT:
        return name
    return f"creative-s3:{hashlib.sha256(name.encode()).hexdigest()}"


def permission(notice: Notice, bucket: str, account: str, partition: str = "aws") -> str:
    """Return the command that lets S3 reach a target, or the statement that its policy needs."""
    source = f"arn:{partition}:s3:::{bucket}"
    if notice.kind is Kind.LAMBDA:
        return (
            f"aws lambda add-permission --function-name {notice.arn} --statement-id creative-s3"
            f" --action lambda:InvokeFunction --principal s3.amazonaws.com --source-arn {source}"
            f" --source-account {account}"
        )
    action = "sqs:SendMessage" if notice.kind is Kind.SQS else "sns:Publish"
    return f"allow {action} to s3.amazonaws.com in the policy of {notice.arn}, with aws:SourceArn {source}"
