"""What S3 measures while objects follow their courses: bytes and objects by day, transitions, deletions.

Whole numbers throughout, added up over groups, so that it does not matter how objects are grouped. What the
numbers cost is in `bills`. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from creative_s3.core.costs.pricing import SMALL_OBJECT_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.costs.pricing import ClassRules
    from creative_s3.core.lifecycle.courses import Course, Stay
    from creative_s3.core.lifecycle.months import Calendar

INTELLIGENT = "INTELLIGENT_TIERING"
FREQUENT, INFREQUENT, INSTANT = "FA", "IA", "AIA"
"""INTELLIGENT_TIERING's own tiers, by the days without a read that lead there: 0, 30 and 90."""
TIERS = (FREQUENT, INFREQUENT, INSTANT)
_INFREQUENT_AFTER, _INSTANT_AFTER = 30, 90
LONGEST_WAIT_DAYS = _INSTANT_AFTER
"""After so many days in INTELLIGENT_TIERING more days make no difference."""
DAYS_PER_YEAR = 365
"""The denominator of everything that reads are in: so many a year are a 365th of that on each day."""


class Usage:
    """What is measured, day by day; filled by `follow`.

    Args:
        calendar: The simulated months.
        rules_of: Each class's rules.
        scale: How many times each object is counted, so that parts of objects can be whole numbers.
    """

    def __init__(self, calendar: Calendar, rules_of: Mapping[str, ClassRules], *, scale: int = 1) -> None:
        self.calendar, self.rules_of, self.scale = calendar, rules_of, scale
        self.start, self.end = calendar.months[0].first, calendar.months[-1].end
        size = self.end - self.start + 1
        self._size = size
        self.content = _Daily(size)
        """Bytes of content by class, and `objects` their number: what is stored, not what is billed."""
        self.objects = _Daily(size)
        self.billed = _Daily(size)
        """Billed bytes by class; of INTELLIGENT_TIERING, those never monitored."""
        self.tiers = _Daily(size)
        """Billed bytes by INTELLIGENT_TIERING's tier, times 365."""
        self.monitored = _Daily(size)
        """Objects that pay for monitoring, under the class's name."""
        self.read_objects = _Daily(size)
        """Reads by class on each day, times 365."""
        self.read_bytes = _Daily(size)
        """Their bytes, times 365."""
        months = len(calendar.months)
        self.transitions: dict[str, list[int]] = defaultdict(lambda: [0] * months)
        self.early: dict[str, list[int]] = defaultdict(lambda: [0] * months)
        """Billed bytes of unserved minimum durations by class, times the calendar's units."""
        self.deleted_objects = [0] * months
        self.deleted_bytes = [0] * months

    def follow(
        self, course: Course, objects: int, size_bytes: int, *, is_small: bool, reads_per_year: int
    ) -> None:
        """Measure objects that take a course.

        Args:
            course: Where they are when.
            objects: How many, times the scale.
            size_bytes: Their content together, times the scale.
            is_small: Whether each is under 128 KB; they all are, or none is.
            reads_per_year: How often each is read.
        """
        for stay in course.stays:
            first, end = max(stay.first, self.start) - self.start, min(stay.end, self.end) - self.start
            if first >= end:
                continue
            rules = self.rules_of[stay.storage_class]
            self.content.add(stay.storage_class, first, end, size_bytes)
            self.objects.add(stay.storage_class, first, end, objects)
            own = self._own(rules, objects, size_bytes, is_small=is_small)
            if stay.storage_class == INTELLIGENT and not is_small:
                self.monitored.add(INTELLIGENT, first, end, objects)
                for tier, since, until, share in tier_shares(stay, reads_per_year):
                    place = max(since - self.start, 0), min(until, self.end) - self.start
                    self.tiers.add(TIERS[tier], *place, own * share)
            else:
                self.billed.add(stay.storage_class, first, end, own)
            if rules.standard_overhead_bytes:
                self.billed.add("STANDARD", first, end, objects * rules.standard_overhead_bytes)
            if reads_per_year:
                self.read_objects.add(stay.storage_class, first, end, objects * reads_per_year)
                self.read_bytes.add(stay.storage_class, first, end, size_bytes * reads_per_year)
        for day, target in course.moves:
            self.transitions[target][self.calendar.month_at(day)] += objects
        for day, storage_class, days in course.early:
            own = self._own(self.rules_of[storage_class], objects, size_bytes, is_small=is_small)
            units = self.calendar.units(day, day + days)
            self.early[storage_class][self.calendar.month_at(day)] += own * units
        if course.deleted_on is not None:
            month = self.calendar.month_at(course.deleted_on)
            self.deleted_objects[month] += objects
            self.deleted_bytes[month] += size_bytes

    @staticmethod
    def _own(rules: ClassRules, objects: int, size_bytes: int, *, is_small: bool) -> int:
        content = objects * rules.minimum_bytes if is_small and rules.minimum_bytes else size_bytes
        return content + objects * rules.own_overhead_bytes


class _Daily:
    """Amounts by name that hold from one day to another; the days are counted from the simulation's start."""

    def __init__(self, size: int) -> None:
        self._changes: dict[str, list[int]] = defaultdict(lambda: [0] * size)

    def add(self, name: str, first: int, end: int, amount: int) -> None:
        if amount and first < end:
            changes = self._changes[name]
            changes[first] += amount
            changes[end] -= amount

    def monthly(self, calendar: Calendar) -> dict[str, list[tuple[int, int]]]:
        """Return, by name and month, the sum over the month's days and the amount on its last day."""
        return {name: _monthly(changes, calendar) for name, changes in sorted(self._changes.items())}


def _monthly(changes: list[int], calendar: Calendar) -> list[tuple[int, int]]:
    start, amount, months = calendar.months[0].first, 0, []
    for month in calendar.months:
        total = 0
        for day in range(month.first - start, month.end - start):
            amount += changes[day]
            total += amount
        months.append((total, amount))
    return months


def tier_shares(stay: Stay, reads_per_year: int) -> tuple[tuple[int, int, int, int], ...]:
    """Return how a stay in INTELLIGENT_TIERING is spread: tier (a place in `TIERS`), first, end, share.

    The share is in 365ths. Reads are spread evenly over objects and days, so that of objects read R times a
    year, R / 365 are read on each day, and 1 - 30 R / 365 were not in the last 30 days.
    """
    colder = max(DAYS_PER_YEAR - _INFREQUENT_AFTER * reads_per_year, 0)
    coldest = max(DAYS_PER_YEAR - _INSTANT_AFTER * reads_per_year, 0)
    infrequent_from = min(max(stay.entered + _INFREQUENT_AFTER, stay.first), stay.end)
    instant_from = min(max(stay.entered + _INSTANT_AFTER, stay.first), stay.end)
    return (
        (0, stay.first, infrequent_from, DAYS_PER_YEAR),
        (0, infrequent_from, stay.end, DAYS_PER_YEAR - colder),
        (1, infrequent_from, instant_from, colder),
        (1, instant_from, stay.end, colder - coldest),
        (2, instant_from, stay.end, coldest),
    )


def is_small(band_least: int) -> bool:
    """Tell whether the sizes of a band are under S3's 128 KB."""
    return band_least < SMALL_OBJECT_BYTES
