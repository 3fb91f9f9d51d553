"""What a bucket's lifecycle rules will do to the objects that are there: how many, how large, and from when.

Pure. Each action is looked at alone: an object that moves twice is counted by both. What it all costs, rule
after rule and day by day, is in `simulation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.core.costs.pricing import SMALL_OBJECT_BYTES
from creative_s3.core.lifecycle.actions import Action, ReadRule, Scope, Verb
from creative_s3.core.lifecycle.midnights import date_of
from creative_s3.core.lifecycle.population import State
from creative_s3.core.lifecycle.rules import REACHABLE
from creative_s3.core.lifecycle.wording import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from creative_s3.core.lifecycle.population import Group, Population, Traits

_ANY_SIZE = ("GLACIER", "DEEP_ARCHIVE")
STATE_OF = {
    Verb.TRANSITION: State.CURRENT,
    Verb.EXPIRE: State.CURRENT,
    Verb.NONCURRENT_TRANSITION: State.NONCURRENT,
    Verb.NONCURRENT_EXPIRE: State.NONCURRENT,
    Verb.ABORT_UPLOADS: State.UPLOAD,
}
"""What each action acts on; delete markers are not counted."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Objects and their bytes.

    Attributes:
        objects: How many.
        size_bytes: Their content together.
    """

    objects: int = 0
    size_bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.objects + other.objects, self.size_bytes + other.size_bytes)


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
        only_copies: Those of `total` that have no local file.
        is_counted: False for what nobody looked at, such as old versions that may not be listed.
    """

    rule: str
    action: Action
    total: Amount = Amount()
    first_on: date | None = None
    first: Amount = Amount()
    last_on: date | None = None
    only_copies: Amount = Amount()
    is_counted: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        return {
            "rule": self.rule,
            "action": self.action.verb,
            "storage_class": self.action.storage_class,
            "in_words": in_words(self.action),
            "is_counted": self.is_counted,
            "objects": self.total.objects,
            "size_bytes": self.total.size_bytes,
            "only_copies": self.only_copies.objects,
            "first_on": self.first_on,
            "first_objects": self.first.objects,
            "first_bytes": self.first.size_bytes,
            "last_on": self.last_on,
        }


def moves(scope: Scope, size_bytes: int, source: str, target: str, *, small_too: bool) -> bool:
    """Tell whether a transition takes an object of this size and class, its scope being met.

    Args:
        scope: A size in it overrides the bucket's own limit of 128 KB.
        size_bytes: The object's length.
        source: Its class.
        target: Where the transition leads.
        small_too: Whether the bucket moves objects under 128 KB to GLACIER and DEEP_ARCHIVE.
    """
    return target in REACHABLE.get(source, REACHABLE["STANDARD"]) and takes_small(
        scope, size_bytes, target, small_too=small_too
    )


def takes_small(scope: Scope, size_bytes: int, target: str, *, small_too: bool) -> bool:
    """Tell whether S3's limit of 128 KB lets an object move (S3 User Guide, "Transitioning objects")."""
    return size_bytes >= SMALL_OBJECT_BYTES or scope.has_size or (small_too and target in _ANY_SIZE)


def due_day(action: Action, since_day: int) -> int:
    """Return the day on which an action is due; it counts from `since_day`, as of `midnights`."""
    if action.on is not None:
        return max(action.on.toordinal(), since_day)
    return since_day + (action.days or 0)


def effects_of(
    rules: Sequence[ReadRule],
    population: Population,
    *,
    today: int,
    small_too: bool,
    counted: frozenset[State] = frozenset({State.CURRENT}),
) -> tuple[Effect, ...]:
    """Count what every action of every enabled rule will do.

    Rules with tags are counted as if all objects had them, because a listing shows no tags.

    Args:
        rules: As read; the population was grouped for them.
        population: What is there.
        today: The next midnight, when S3 acts first.
        small_too: Whether the bucket moves objects under 128 KB to GLACIER and DEEP_ARCHIVE.
        counted: What the population was filled with.
    """
    groups = population.groups()
    return tuple(
        _effect(rule, action, population, groups, today=today, small_too=small_too)
        if STATE_OF.get(action.verb) in counted
        else Effect(rule.name, action, is_counted=False)
        for rule in rules
        if rule.is_enabled
        for action in rule.actions
    )


def _effect(  # noqa: PLR0913 - the one loop, with all that it needs
    rule: ReadRule,
    action: Action,
    population: Population,
    groups: Sequence[Group],
    *,
    today: int,
    small_too: bool,
) -> Effect:
    days: dict[int, Amount] = {}
    only_copies = Amount()
    for group in groups:
        traits = group.traits
        if not acts_on(rule.scope, action, population, traits, small_too=small_too):
            continue
        since = traits.since_day if traits.state is State.NONCURRENT else traits.stored_day
        day = max(due_day(action, since), today)
        amount = Amount(group.objects, group.size_bytes)
        days[day] = days.get(day, Amount()) + amount
        if traits.is_only_copy:
            only_copies += amount
    if not days:
        return Effect(rule.name, action)
    first = min(days)
    return Effect(
        rule=rule.name,
        action=action,
        total=sum(days.values(), Amount()),
        first_on=date_of(first),
        first=days[first],
        last_on=date_of(max(days)),
        only_copies=only_copies,
    )


def acts_on(scope: Scope, action: Action, population: Population, traits: Traits, *, small_too: bool) -> bool:
    """Tell whether an action will act on the objects of a group, if nothing else happens to them before."""
    if traits.state is not STATE_OF.get(action.verb) or not population.concerns(scope, traits):
        return False
    if traits.state is State.NONCURRENT and traits.newer_versions < action.newer_versions:
        return False
    target = action.storage_class
    size_bytes = population.least_size(traits.band)
    return target is None or moves(scope, size_bytes, traits.storage_class, target, small_too=small_too)
