"""The course of an object under rules: in which class it lies from when to when, and what happens between.

Pure, in whole days: S3 acts at midnight UTC. One course holds for all objects of a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from creative_s3.core.lifecycle.actions import Action, Verb
from creative_s3.core.lifecycle.effects import due_day, takes_small
from creative_s3.core.lifecycle.population import State
from creative_s3.core.lifecycle.rules import REACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from creative_s3.core.lifecycle.actions import ReadRule
    from creative_s3.core.lifecycle.population import Population, Traits

_PREFERENCE = (
    "DEEP_ARCHIVE",
    "GLACIER",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "ONEZONE_IA",
    "STANDARD_IA",
)
"""Which of several transitions due at once S3 carries out: the cheaper class, but INTELLIGENT_TIERING before
all that needs no restore (S3 User Guide, "…overlapping filters and conflicting lifecycle actions").
"""
_STAGED = frozenset({"GLACIER", "DEEP_ARCHIVE"})


class Stay(NamedTuple):
    """Some days in one class.

    Attributes:
        storage_class: S3's own word.
        first: The first day.
        end: The day after the last one.
        entered: Since when, which may be long before `first`.
    """

    storage_class: str
    first: int
    end: int
    entered: int


class Move(NamedTuple):
    """A transition: on which day, and into which class."""

    day: int
    target: str


class Early(NamedTuple):
    """A class left before its minimum duration: on which day, which class, and the days still billed."""

    day: int
    storage_class: str
    days: int


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of an object within the simulated time.

    Attributes:
        stays: In which class it lies when, without gaps.
        moves: Its transitions.
        early: Minimum durations that it does not serve.
        hidden_on: The day on which a delete marker hides it; None for never.
        deleted_on: The day on which it is gone; None for never.
    """

    stays: tuple[Stay, ...]
    moves: tuple[Move, ...]
    early: tuple[Early, ...]
    hidden_on: int | None
    deleted_on: int | None


@dataclass(frozen=True, slots=True)
class Orders:
    """What the rules order for objects of one place and band, their own class apart.

    Attributes:
        transitions: Of current versions.
        expirations: Of current versions.
        noncurrent_transitions: Of others.
        noncurrent_expirations: Of others.
        aborts: Of unfinished uploads.
    """

    transitions: tuple[Action, ...] = ()
    expirations: tuple[Action, ...] = ()
    noncurrent_transitions: tuple[Action, ...] = ()
    noncurrent_expirations: tuple[Action, ...] = ()
    aborts: tuple[Action, ...] = ()

    @property
    def longest_days(self) -> int:
        """The number of days after which every action that counts days is due."""
        actions = (
            *self.transitions,
            *self.expirations,
            *self.noncurrent_transitions,
            *self.noncurrent_expirations,
            *self.aborts,
        )
        return max((action.days or 0 for action in actions), default=0)


@dataclass(frozen=True, slots=True)
class Frame:
    """When and where a simulation takes place.

    Attributes:
        start: Its first day.
        end: The day after its last one.
        is_versioned: Whether an expired object stays as a noncurrent version.
        minimum_days: By storage class.
    """

    start: int
    end: int
    is_versioned: bool
    minimum_days: Mapping[str, int]


def orders_for(
    rules: Sequence[ReadRule], population: Population, traits: Traits, *, small_too: bool
) -> Orders:
    """Collect what the enabled rules order for a group; rules with tags order nothing here.

    Args:
        rules: As read; the population was grouped for them.
        population: Where the group is from.
        traits: The group's.
        small_too: Whether the bucket moves objects under 128 KB to GLACIER and DEEP_ARCHIVE.
    """
    found: dict[Verb, list[Action]] = {verb: [] for verb in Verb}
    size_bytes = population.least_size(traits.band)
    for rule in rules:
        scope = rule.scope
        if not rule.is_enabled or scope.tags or not scope.is_known or not population.concerns(scope, traits):
            continue
        for action in rule.actions:
            target = action.storage_class
            if target is None or takes_small(scope, size_bytes, target, small_too=small_too):
                found[action.verb].append(action)
    return Orders(
        transitions=tuple(found[Verb.TRANSITION]),
        expirations=tuple(found[Verb.EXPIRE]),
        noncurrent_transitions=tuple(found[Verb.NONCURRENT_TRANSITION]),
        noncurrent_expirations=tuple(found[Verb.NONCURRENT_EXPIRE]),
        aborts=tuple(found[Verb.ABORT_UPLOADS]),
    )


def course_of(traits: Traits, orders: Orders, frame: Frame) -> Course:
    """Follow a group from the first day of a simulation to its last."""
    walk = _Walk(traits, frame)
    if traits.state is State.UPLOAD:
        walk.leave_on(_first(orders.aborts, traits.stored_day, frame))
    elif traits.state is State.NONCURRENT:
        walk.as_noncurrent(orders, traits.since_day, traits.newer_versions)
    else:
        walk.as_current(orders)
    return walk.course()


class _Walk:
    """An object on its way; it only goes forward in time."""

    def __init__(self, traits: Traits, frame: Frame) -> None:
        self._frame = frame
        self._class = traits.storage_class
        if traits.state is State.UPLOAD and self._class in _STAGED:
            # Parts lie in STANDARD until the upload is complete (S3 User Guide, "…using multipart upload").
            self._class = "STANDARD"
        self._has_minimum = traits.state is not State.UPLOAD
        self._stored = self._entered = traits.stored_day
        self._from = max(traits.stored_day, frame.start)
        self._stays: list[Stay] = []
        self._moves: list[Move] = []
        self._early: list[Early] = []
        self._hidden_on: int | None = None
        self._deleted_on: int | None = None

    def as_current(self, orders: Orders) -> None:
        end = _first(orders.expirations, self._stored, self._frame)
        # On the same day deleting goes before moving, and moving before a delete marker (S3 User Guide).
        until = None if end is None else end + self._frame.is_versioned
        self._move_along(orders.transitions, self._stored, until)
        if end is None or end >= self._frame.end:
            return
        if not self._frame.is_versioned:
            self.leave_on(end)
            return
        self._hidden_on = end
        self.as_noncurrent(orders, end, 0)

    def as_noncurrent(self, orders: Orders, since: int, newer: int) -> None:
        leaving = [action for action in orders.noncurrent_expirations if newer >= action.newer_versions]
        end = _first(leaving, since, self._frame)
        moving = [action for action in orders.noncurrent_transitions if newer >= action.newer_versions]
        self._move_along(moving, since, end)
        self.leave_on(end)

    def leave_on(self, day: int | None) -> None:
        if day is None or day >= self._frame.end:
            return
        self._stay_until(day)
        self._deleted_on = day

    def course(self) -> Course:
        if self._deleted_on is None and self._from < self._frame.end:
            self._stays.append(Stay(self._class, self._from, self._frame.end, self._entered))
        return Course(
            tuple(self._stays), tuple(self._moves), tuple(self._early), self._hidden_on, self._deleted_on
        )

    def _move_along(self, transitions: Iterable[Action], since: int, until: int | None) -> None:
        start, last = self._frame.start, self._frame.end if until is None else min(until, self._frame.end)
        due = sorted(
            (max(due_day(action, since), start), action.storage_class or "") for action in transitions
        )
        for day, entries in groupby(due, key=itemgetter(0)):
            if day >= last:
                return
            reachable = REACHABLE.get(self._class, REACHABLE["STANDARD"])
            targets = [target for _, target in entries if target in reachable]
            if not targets:
                continue
            target = min(targets, key=_PREFERENCE.index)
            self._stay_until(day)
            self._moves.append(Move(day, target))
            self._class, self._entered = target, day

    def _stay_until(self, day: int) -> None:
        remaining = self._frame.minimum_days.get(self._class, 0) - (day - self._entered)
        if remaining > 0 and self._has_minimum:
            self._early.append(Early(day, self._class, remaining))
        if day > self._from:
            self._stays.append(Stay(self._class, self._from, day, self._entered))
        self._from = max(self._from, day)


def _first(actions: Iterable[Action], since: int, frame: Frame) -> int | None:
    """Return when the soonest of some actions acts: the shorter period wins (S3 User Guide)."""
    return min((max(due_day(action, since), frame.start) for action in actions), default=None)
