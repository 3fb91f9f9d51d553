"""What a bucket's lifecycle rules will do to the objects that are there: how many, how large, and from when.

Pure. Each action is looked at alone: an object that moves twice is counted by both. What it all costs, rule
after rule and day by day, is in `simulation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.costs.pricing import SMALL_OBJECT_BYTES
from creative_s3.core.lifecycle.actions import Action, ReadRule, Scope, Verb
from creative_s3.core.lifecycle.midnights import date_of, midnight_from
from creative_s3.core.lifecycle.rules import REACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from creative_s3.core.models import StoredObject

_ANY_SIZE = ("GLACIER", "DEEP_ARCHIVE")
_COUNTED = frozenset({Verb.TRANSITION, Verb.EXPIRE})


@dataclass(frozen=True, slots=True)
class Amount:
    """Objects and their bytes.

    Attributes:
        objects: How many.
        size_bytes: Their content together.
    """

    objects: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Effect:
    """What one action of one rule will do to the objects that are there now.

    Attributes:
        rule: The rule's name.
        action: What it does.
        total: All objects that it will act on, if nobody touches them.
        first_on: The first day on which it acts on one; None when it acts on none.
        first: Those that it acts on that day.
        last_on: The day on which it has acted on all of them.
        is_counted: False for what a listing of current objects does not show: old versions and uploads.
    """

    rule: str
    action: Action
    total: Amount = Amount()
    first_on: date | None = None
    first: Amount = Amount()
    last_on: date | None = None
    is_counted: bool = True


def moves(scope: Scope, size_bytes: int, source: str, target: str, *, small_too: bool) -> bool:
    """Tell whether a transition takes an object of this size and class, its scope being met.

    Args:
        scope: A size in it overrides the bucket's own limit of 128 KB.
        size_bytes: The object's length.
        source: Its class.
        target: Where the transition leads.
        small_too: Whether the bucket moves objects under 128 KB to GLACIER and DEEP_ARCHIVE.
    """
    if target not in REACHABLE.get(source, REACHABLE["STANDARD"]):
        return False
    return size_bytes >= SMALL_OBJECT_BYTES or scope.has_size or (small_too and target in _ANY_SIZE)


def effects_of(
    rules: Sequence[ReadRule], objects: Iterable[StoredObject], *, now: datetime, small_too: bool
) -> tuple[Effect, ...]:
    """Count what every action of every enabled rule will do; reads `objects` once and keeps none of them.

    Rules with tags are counted as if all objects had them, because a listing shows no tags.
    """
    today = midnight_from(now)
    tallies = [(rule, action, {}) for rule in rules if rule.is_enabled for action in rule.actions]  # type: list[tuple[ReadRule, Action, dict[int, list[int]]]]
    acting = [entry for entry in tallies if entry[1].verb in _COUNTED]
    for stored in objects:
        if stored.last_modified is None:
            continue
        stored_day = midnight_from(stored.last_modified)
        for rule, action, days in acting:
            if not rule.scope.takes(stored.key, stored.size_bytes):
                continue
            target = action.storage_class
            if target is not None and not moves(
                rule.scope, stored.size_bytes, stored.storage_class, target, small_too=small_too
            ):
                continue
            amount = days.setdefault(max(due_day(action, stored_day), today), [0, 0])
            amount[0] += 1
            amount[1] += stored.size_bytes
    return tuple(_effect(rule, action, days) for rule, action, days in tallies)


def due_day(action: Action, stored_day: int) -> int:
    """Return the day on which an action is due for an object; `stored_day` as of `midnight_from`."""
    if action.on is not None:
        return max(action.on.toordinal(), stored_day)
    return stored_day + (action.days or 0)


def _effect(rule: ReadRule, action: Action, days: dict[int, list[int]]) -> Effect:
    if not days:
        return Effect(rule.name, action, is_counted=action.verb in _COUNTED)
    first = min(days)
    return Effect(
        rule=rule.name,
        action=action,
        total=Amount(sum(day[0] for day in days.values()), sum(day[1] for day in days.values())),
        first_on=date_of(first),
        first=Amount(*days[first]),
        last_on=date_of(max(days)),
    )
