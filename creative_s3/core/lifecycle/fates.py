"""What a bucket's lifecycle rules will do to an object that nobody touches: delete it, or archive it. Pure.

Where a rule cannot be understood in full, it is taken to apply: these answers decide whether a local copy
may go. S3 carries rules out by age: an object that expires in a year is not safe as an only copy today.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from creative_s3.core.lifecycle.actions import scope_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from creative_s3.core.bucket.lifecycle_rules import Rule

_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
"""The classes that need a restore, the slower one last."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What one enabled rule does to the objects it applies to.

    Attributes:
        rule: The rule's ID, or its place among the rules where it has none.
        when: In words, such as ``after 30 days``.
        storage_class: Where it moves them; None when it deletes them.
        prefix: What the keys begin with.
        larger_than: Bytes an object must exceed; None for any.
        smaller_than: Bytes an object must stay below; None for any.
        tags: All of them must be on the object; empty for any.
    """

    rule: str
    when: str
    storage_class: str | None = None
    prefix: str = ""
    larger_than: int | None = None
    smaller_than: int | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)

    def may_meet(self, key: str, size_bytes: int) -> bool:
        """Tell whether it applies to an object, unless the object's tags say otherwise."""
        return (
            key.startswith(self.prefix)
            and (self.larger_than is None or size_bytes > self.larger_than)
            and (self.smaller_than is None or size_bytes < self.smaller_than)
        )

    def meets(self, key: str, size_bytes: int, tags: Mapping[str, str]) -> bool:
        """Tell whether it applies to an object with these tags."""
        return self.may_meet(key, size_bytes) and self.tags.items() <= tags.items()


@dataclass(frozen=True, slots=True)
class Fates:
    """What all enabled rules of a bucket do.

    Attributes:
        deletions: Rules that delete objects, or hide them behind a delete marker.
        archivings: Rules that move objects to where a restore is needed.
    """

    deletions: tuple[Fate, ...] = ()
    archivings: tuple[Fate, ...] = ()

    def deletion(self, key: str, size_bytes: int, *, accepted: Collection[str] = ()) -> Fate | None:
        """Return a rule that deletes such an object whatever its tags are; None when there is none.

        Args:
            key: The object's key.
            size_bytes: Its length.
            accepted: IDs of rules that shall not count.
        """
        for fate in self.deletions:
            if not fate.tags and fate.may_meet(key, size_bytes) and fate.rule not in accepted:
                return fate
        return None

    def tagged_deletions(
        self, key: str, size_bytes: int, *, accepted: Collection[str] = ()
    ) -> tuple[Fate, ...]:
        """Return the rules that delete such an object if it has certain tags."""
        return tuple(
            fate
            for fate in self.deletions
            if fate.tags and fate.may_meet(key, size_bytes) and fate.rule not in accepted
        )

    def archiving(self, key: str, size_bytes: int) -> Fate | None:
        """Return the rule that moves such an object to the slowest archive; None when none does."""
        found = [fate for fate in self.archivings if fate.may_meet(key, size_bytes)]
        return max(found, key=lambda fate: _ARCHIVES.index(fate.storage_class or ""), default=None)


def fates_of(rules: Sequence[Rule]) -> Fates:
    """Read what a bucket's rules, in boto3's form, do to current versions."""
    deletions: list[Fate] = []
    archivings: list[Fate] = []
    for number, rule in enumerate(rules, start=1):
        if str(rule.get("Status", "Enabled")).lower() == "disabled":
            continue
        name = str(rule.get("ID") or f"#{number}")
        limits = _limits(rule)
        expiration = rule.get("Expiration")
        if expiration is not None and not _only_clears_markers(expiration):
            deletions.append(Fate(name, _when(expiration), **limits))
        for transition in rule.get("Transitions") or ():
            if transition.get("StorageClass") in _ARCHIVES:
                target = transition["StorageClass"]
                archivings.append(Fate(name, _when(transition), storage_class=target, **limits))
    return Fates(tuple(deletions), tuple(archivings))


def _only_clears_markers(expiration: Mapping[str, Any]) -> bool:
    has_age = expiration.get("Days") is not None or expiration.get("Date") is not None
    return bool(expiration.get("ExpiredObjectDeleteMarker")) and not has_age


def _when(action: Mapping[str, Any]) -> str:
    days, date = action.get("Days"), action.get("Date")
    if days is not None:
        return f"{days:,} days after it was stored"
    if isinstance(date, datetime):
        return f"on {date.date().isoformat()}"
    return "at a time of its own"


def _limits(rule: Rule) -> dict[str, Any]:
    """Return what a rule applies to; nothing, which is everything, where that cannot be understood."""
    scope = scope_of(rule)
    return {
        "prefix": scope.prefix,
        "larger_than": scope.larger_than,
        "smaller_than": scope.smaller_than,
        "tags": MappingProxyType(dict(scope.tags)),
    }
