"""What a lifecycle rule says, read out of boto3's form: whom it concerns, and what it does when. Pure.

One rule has one scope and some actions. What S3 then does to a given object is in `effects` (one look at the
bucket) and in `simulation` (day by day); how a rule reads as a sentence is in `wording`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from creative_s3.core.bucket.lifecycle_rules import Rule

_KNOWN_FILTERS = frozenset({"Prefix", "Tag", "And", "ObjectSizeGreaterThan", "ObjectSizeLessThan"})
_KNOWN_IN_AND = frozenset({"Prefix", "Tags", "ObjectSizeGreaterThan", "ObjectSizeLessThan"})


class Verb(StrEnum):
    """What an action does."""

    TRANSITION = "transition"
    EXPIRE = "expire"
    CLEAR_MARKERS = "clear-markers"
    """Removes delete markers with no version behind them."""
    NONCURRENT_TRANSITION = "noncurrent-transition"
    NONCURRENT_EXPIRE = "noncurrent-expire"
    ABORT_UPLOADS = "abort-uploads"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a rule concerns; everything where nothing is said.

    Attributes:
        prefix: What the keys begin with.
        larger_than: Bytes an object must exceed; None for any.
        smaller_than: Bytes an object must stay below; None for any.
        tags: Key and value; all of them must be on the object.
        is_known: False when the filter has a part that this version does not know.
    """

    prefix: str = ""
    larger_than: int | None = None
    smaller_than: int | None = None
    tags: tuple[tuple[str, str], ...] = ()
    is_known: bool = True

    @property
    def has_size(self) -> bool:
        """Whether it looks at sizes; then the bucket's own 128 KB rule does not apply (S3 User Guide)."""
        return self.larger_than is not None or self.smaller_than is not None

    def takes_size(self, size_bytes: int) -> bool:
        """Tell whether an object's size lets it in; both bounds are exclusive."""
        return (self.larger_than is None or size_bytes > self.larger_than) and (
            self.smaller_than is None or size_bytes < self.smaller_than
        )

    def takes(self, key: str, size_bytes: int) -> bool:
        """Tell whether an object is concerned, unless its tags say otherwise."""
        return key.startswith(self.prefix) and self.takes_size(size_bytes)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a rule does.

    Attributes:
        verb: What.
        days: So many days after an object was stored, became noncurrent, or an upload began; None for a date.
        on: From midnight UTC of this day on, whatever the age; None for days.
        storage_class: Where a transition leads; None for the others.
        newer_versions: How many noncurrent versions stay whatever their age; 0 for none.
    """

    verb: Verb
    days: int | None = None
    on: date | None = None
    storage_class: str | None = None
    newer_versions: int = 0


@dataclass(frozen=True, slots=True)
class ReadRule:
    """A rule as it was read.

    Attributes:
        name: Its ID, or its place among the rules, such as ``#3``, where it has none.
        is_enabled: A disabled rule does nothing.
        scope: Whom it concerns.
        actions: What it does, in the order of S3's documentation.
    """

    name: str
    is_enabled: bool
    scope: Scope
    actions: tuple[Action, ...]


def read_all(rules: Iterable[Rule]) -> tuple[ReadRule, ...]:
    """Read a bucket's rules, in boto3's form."""
    return tuple(
        ReadRule(
            name=str(rule.get("ID") or f"#{number}"),
            is_enabled=str(rule.get("Status", "Enabled")).lower() != "disabled",
            scope=scope_of(rule),
            actions=tuple(_actions_of(rule)),
        )
        for number, rule in enumerate(rules, start=1)
    )


def scope_of(rule: Rule) -> Scope:
    """Read whom a rule concerns: everything, marked as not known, where it cannot be understood."""
    chosen = rule.get("Filter")
    if chosen is None:
        return Scope(prefix=rule.get("Prefix") or "")
    if not _KNOWN_FILTERS.issuperset(chosen):
        return Scope(is_known=False)
    both = chosen.get("And")
    if both is None:
        return _scope(chosen, [chosen["Tag"]] if chosen.get("Tag") else ())
    if not _KNOWN_IN_AND.issuperset(both):
        return Scope(is_known=False)
    return _scope(both, both.get("Tags") or ())


def _scope(chosen: Mapping[str, Any], tags: Iterable[Mapping[str, str]]) -> Scope:
    return Scope(
        prefix=chosen.get("Prefix") or "",
        larger_than=chosen.get("ObjectSizeGreaterThan"),
        smaller_than=chosen.get("ObjectSizeLessThan"),
        tags=tuple((tag["Key"], tag["Value"]) for tag in tags),
    )


def _actions_of(rule: Rule) -> Iterator[Action]:
    for entry in rule.get("Transitions") or ():
        yield Action(Verb.TRANSITION, storage_class=entry.get("StorageClass"), **_time(entry))
    expiration = rule.get("Expiration") or {}
    if expiration.get("Days") is not None or expiration.get("Date") is not None:
        yield Action(Verb.EXPIRE, **_time(expiration))
    if expiration.get("ExpiredObjectDeleteMarker"):
        yield Action(Verb.CLEAR_MARKERS)
    for entry in rule.get("NoncurrentVersionTransitions") or ():
        yield Action(
            Verb.NONCURRENT_TRANSITION,
            days=entry.get("NoncurrentDays", 0),
            storage_class=entry.get("StorageClass"),
            newer_versions=entry.get("NewerNoncurrentVersions") or 0,
        )
    entry = rule.get("NoncurrentVersionExpiration")
    if entry:
        yield Action(
            Verb.NONCURRENT_EXPIRE,
            days=entry.get("NoncurrentDays", 0),
            newer_versions=entry.get("NewerNoncurrentVersions") or 0,
        )
    entry = rule.get("AbortIncompleteMultipartUpload")
    if entry and entry.get("DaysAfterInitiation") is not None:
        yield Action(Verb.ABORT_UPLOADS, days=entry["DaysAfterInitiation"])


def _time(entry: Mapping[str, Any]) -> dict[str, Any]:
    on = entry.get("Date")
    if isinstance(on, str):
        on = datetime.fromisoformat(on)
    if isinstance(on, datetime):
        on = on.astimezone(UTC).date() if on.tzinfo else on.date()
    if on is not None:
        return {"on": on}
    return {"days": entry.get("Days", 0)}
