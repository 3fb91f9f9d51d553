"""The simulation: what a bucket costs under lifecycle rules, month by month, against other rules. Pure.

`population` groups the objects, `courses` says where each group is when, `usage` measures, `bills` prices.
Which single objects lose money is in `losses`, which rules would be best in `suggestions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from creative_s3.core.lifecycle.bills import MonthBill, bills_of
from creative_s3.core.lifecycle.courses import Course, Frame, Orders, course_of, orders_for
from creative_s3.core.lifecycle.growth import SCALE, Growth, newcomers
from creative_s3.core.lifecycle.months import Calendar, months_from
from creative_s3.core.lifecycle.population import State, Traits
from creative_s3.core.lifecycle.usage import LONGEST_WAIT_DAYS, Usage, is_small

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from creative_s3.core.costs.pricing import RegionPrices
    from creative_s3.core.lifecycle.actions import ReadRule
    from creative_s3.core.lifecycle.population import Group, Population

Fate = tuple[int, bool, str, int, int, State, int, int]
"""What the rules order (a number), whether it is small, class, day stored, reads, state, since, newer."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a simulation takes for granted, whatever the rules.

    Attributes:
        start: Its first day; the midnight at which S3 acts first.
        months: How many calendar months, the rest of the current one included.
        region: The prices.
        is_versioned: Whether expired objects stay as noncurrent versions.
        moves_small_objects: Whether the bucket moves objects under 128 KB to the archive classes.
        growth: What is stored later.
        stored_as: The class of that.
    """

    start: int
    months: int
    region: RegionPrices
    is_versioned: bool = False
    moves_small_objects: bool = False
    growth: Growth | None = None
    stored_as: str = "STANDARD"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What certain rules cost.

    Attributes:
        name: What the rules are called.
        bills: Month by month.
    """

    name: str
    bills: tuple[MonthBill, ...]

    @property
    def total(self) -> Decimal:
        """All months together."""
        return sum((bill.total for bill in self.bills), Decimal(0))

    @property
    def once(self) -> Decimal:
        """Transitions and early deletes of all months."""
        return sum((bill.once for bill in self.bills), Decimal(0))

    @property
    def recurring(self) -> Decimal:
        """Storage and reads of all months."""
        return sum((bill.recurring for bill in self.bills), Decimal(0))

    def sums(self) -> tuple[Decimal, ...]:
        """Return what has been paid by the end of each month."""
        paid, sums = Decimal(0), []
        for bill in self.bills:
            paid += bill.total
            sums.append(paid)
        return tuple(sums)


class Simulator:
    """Runs scenarios over one population; the calendar and the rules' orders are made once.

    Args:
        population: Grouped for all rules that will be simulated.
        setting: What holds for all scenarios.
    """

    def __init__(self, population: Population, setting: Setting) -> None:
        self.population, self.setting = population, setting
        self.calendar = Calendar(months_from(setting.start, setting.months))
        self.groups = merged(population.groups())
        rules_of = {name: prices.rules for name, prices in setting.region.classes.items()}
        self.rules_of = rules_of
        self.frame = Frame(
            start=setting.start,
            end=self.calendar.months[-1].end,
            is_versioned=setting.is_versioned,
            minimum_days={name: rules.minimum_days for name, rules in rules_of.items()},
        )

    def run(self, name: str, rules: Sequence[ReadRule]) -> Scenario:
        """Simulate one set of rules."""
        scale = SCALE if self.setting.growth else 1
        usage = Usage(self.calendar, self.rules_of, scale=scale)
        courses = self.courses(rules)
        self._follow(usage, courses, self.groups, scale)
        if self.setting.growth:
            arriving = newcomers(
                self.groups, self.setting.growth, self.calendar.months, stored_as=self.setting.stored_as
            )
            self._follow(usage, courses, arriving, 1)
        return Scenario(name, bills_of(usage, self.setting.region))

    def courses(self, rules: Sequence[ReadRule]) -> Courses:
        """Return what finds the course of any traits under some rules."""
        return Courses(rules, self.population, self.frame, small_too=self.setting.moves_small_objects)

    @staticmethod
    def _follow(
        usage: Usage, courses: Courses, groups: Iterable[tuple[Traits, int, int]], scale: int
    ) -> None:
        """Measure groups; those together that the rules treat alike, for they take one course."""
        sums: dict[Fate, list[int]] = {}
        for traits, objects, size_bytes in groups:
            row = sums.setdefault(courses.fate(traits), [0, 0])
            row[0] += objects
            row[1] += size_bytes
        for fate, (objects, size_bytes) in sums.items():
            usage.follow(
                courses.of(fate),
                objects * scale,
                size_bytes * scale,
                is_small=fate[1],
                reads_per_year=fate[4] if fate[5] is State.CURRENT else 0,
            )


class Courses:
    """Finds courses, each one once; see `courses.course_of`."""

    def __init__(
        self, rules: Sequence[ReadRule], population: Population, frame: Frame, *, small_too: bool
    ) -> None:
        self._rules, self._population, self._frame, self._small_too = rules, population, frame, small_too
        self._orders: list[Orders] = []
        self._numbers: dict[tuple[int, int], tuple[int, bool, int]] = {}
        self._courses: dict[Fate, Course] = {}

    def fate(self, traits: Traits) -> Fate:
        """Return all that an object's course and price per byte depend on.

        So long ago that every action is overdue and every minimum duration served is as good as any longer.
        """
        places, band, storage_class, stored_day, reads, _, state, since_day, newer = traits
        number, small, floor = self._numbers.get((places, band)) or self._number(traits)
        stored_day, since_day = max(stored_day, floor), max(since_day, floor)
        return (number, small, storage_class, stored_day, reads, state, since_day, newer)

    def of(self, fate: Fate) -> Course:
        """Return the course of objects with this fate."""
        found = self._courses.get(fate)
        if found is None:
            number, _, storage_class, stored_day, _, state, since_day, newer = fate
            plain = Traits(
                0, 0, storage_class, stored_day, state=state, since_day=since_day, newer_versions=newer
            )
            found = self._courses[fate] = course_of(plain, self._orders[number], self._frame)
        return found

    def _number(self, traits: Traits) -> tuple[int, bool, int]:
        """Number what the rules order for a place and a band; say whether sizes are small, and the floor."""
        orders = orders_for(self._rules, self._population, traits, small_too=self._small_too)
        if orders not in self._orders:
            self._orders.append(orders)
        number = (
            self._orders.index(orders),
            is_small(self._population.least_size(traits.band)),
            self._frame.start
            - max(orders.longest_days, LONGEST_WAIT_DAYS, *self._frame.minimum_days.values()),
        )
        self._numbers[traits.places, traits.band] = number
        return number


def merged(groups: Iterable[Group]) -> list[tuple[Traits, int, int]]:
    """Return groups as traits, objects and bytes, those together that differ only in having a local file."""
    sums: dict[Traits, list[int]] = {}
    for group in groups:
        row = sums.setdefault(group.traits._replace(is_only_copy=False), [0, 0])
        row[0] += group.objects
        row[1] += group.size_bytes
    return [(traits, objects, size_bytes) for traits, (objects, size_bytes) in sums.items()]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two scenarios of the same length, held against each other.

    Attributes:
        before: The rules as they are, or none.
        after: The rules in question.
    """

    before: Scenario
    after: Scenario

    @property
    def saved(self) -> Decimal:
        """What `after` saves in all; negative when it costs more."""
        return self.before.total - self.after.total

    @property
    def saved_by_month(self) -> tuple[Decimal, ...]:
        """What has been saved by the end of each month."""
        return tuple(
            before - after for before, after in zip(self.before.sums(), self.after.sums(), strict=True)
        )

    @property
    def break_even(self) -> str | None:
        """The first month from whose end on nothing has been lost, until the last one; None for never."""
        found = None
        for bill, saved in zip(self.after.bills, self.saved_by_month, strict=True):
            if saved < 0:
                found = None
            elif found is None:
                found = bill.month.name
        return found

    @property
    def saved_per_month(self) -> Decimal:
        """What the last month saves, without what is paid once."""
        return self.before.bills[-1].recurring - self.after.bills[-1].recurring

    @property
    def months_to_repay(self) -> Decimal | None:
        """How many months like the last one repay what is paid once; None when they never do."""
        once = self.after.once - self.before.once
        if once <= 0:
            return Decimal(0)
        return once / self.saved_per_month if self.saved_per_month > 0 else None
