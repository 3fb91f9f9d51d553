"""Which objects lose money by rules: for each, what it costs under them against what it costs without. Pure.

At the prices of the first volume tier. Within a group the difference is so much for each object and so much
for each byte, so a group loses as a whole, not at all, or up to a size; only then are single sizes looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from creative_s3.core.costs.pricing import GB
from creative_s3.core.lifecycle.bills import fee, read_request
from creative_s3.core.lifecycle.months import UNITS_PER_MONTH
from creative_s3.core.lifecycle.population import State
from creative_s3.core.lifecycle.usage import (
    DAYS_PER_YEAR,
    INTELLIGENT,
    Usage,
    is_small,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from creative_s3.core.costs.pricing import RegionPrices
    from creative_s3.core.lifecycle.actions import ReadRule
    from creative_s3.core.lifecycle.courses import Course, Stay
    from creative_s3.core.lifecycle.months import Calendar
    from creative_s3.core.lifecycle.population import Traits
    from creative_s3.core.lifecycle.simulation import Simulator


class Price(NamedTuple):
    """What an object costs: so much whatever its size, and so much for each byte; dollars."""

    fixed: Fraction
    per_byte: Fraction


@dataclass(frozen=True, slots=True)
class Losers:
    """Objects that cost more under the rules than without.

    Attributes:
        objects: How many.
        size_bytes: Their content.
        lost: What they cost more, in all months together.
        largest_bytes: The largest one's size.
    """

    objects: int = 0
    size_bytes: int = 0
    lost: Decimal = Decimal(0)
    largest_bytes: int = 0


def losers(simulator: Simulator, before: Sequence[ReadRule], after: Sequence[ReadRule]) -> Losers:
    """Find the objects that are there now and cost more under `after` than under `before`.

    What it costs under each includes being deleted early; an object that one of them deletes costs nothing
    from then on.
    """
    old, new = simulator.courses(before), simulator.courses(after)
    pricer = _Pricer(simulator)
    objects = size_bytes = largest = 0
    lost = Fraction(0)
    for group in simulator.population.groups():
        traits = group.traits
        first, second = old(traits), new(traits)
        if first == second:
            continue
        was, is_now = pricer.price(traits, first), pricer.price(traits, second)
        fixed, per_byte = is_now.fixed - was.fixed, is_now.per_byte - was.per_byte
        if fixed <= 0 and per_byte <= 0:
            continue
        losing = group.sizes if fixed >= 0 and per_byte >= 0 else _losing(group.sizes, fixed, per_byte)
        if losing:
            content = sum(losing)
            objects, size_bytes = objects + len(losing), size_bytes + content
            lost += fixed * len(losing) + per_byte * content
            largest = max(largest, *losing) if len(losing) > 1 else max(largest, losing[0])
    return Losers(objects, size_bytes, Decimal(lost.numerator) / Decimal(lost.denominator), largest)


def _losing(sizes: Sequence[int], fixed: Fraction, per_byte: Fraction) -> Sequence[int]:
    # fixed + per_byte * size > 0, with the division done once.
    limit = -fixed / per_byte
    whole = limit.numerator // limit.denominator
    if per_byte > 0:
        return [size for size in sizes if size > whole]
    edge = whole if whole == limit else whole + 1
    return [size for size in sizes if size < edge]


class _Pricer:
    """Prices one object's course; whatever repeats is computed once."""

    def __init__(self, simulator: Simulator) -> None:
        self._population = simulator.population
        self._region: RegionPrices = simulator.setting.region
        self._calendar: Calendar = simulator.calendar
        self._rules_of = simulator.rules_of
        self._memo: dict[tuple[Course, bool, int], Price] = {}

    def price(self, traits: Traits, course: Course) -> Price:
        small = is_small(self._population.least_size(traits.band))
        reads = traits.reads_per_year if traits.state is State.CURRENT else 0
        memo = (course, small, reads)
        found = self._memo.get(memo)
        if found is None:
            found = self._memo[memo] = self._price(course, small=small, reads=reads)
        return found

    def _price(self, course: Course, *, small: bool, reads: int) -> Price:
        fixed = per_byte = Fraction(0)
        for stay in course.stays:
            part = self._stay(stay, small=small, reads=reads)
            fixed, per_byte = fixed + part.fixed, per_byte + part.per_byte
        for _, target in course.moves:
            fixed += Fraction(self._region.of(target).transition or 0)
        for day, storage_class, days in course.early:
            rate = self._rate(storage_class) * self._calendar.units(day, day + days) / UNITS_PER_MONTH
            part = self._own(storage_class, rate, small=small)
            fixed, per_byte = fixed + part.fixed, per_byte + part.per_byte
        return Price(fixed, per_byte)

    def _stay(self, stay: Stay, *, small: bool, reads: int) -> Price:
        name, region = stay.storage_class, self._region
        months = Fraction(self._calendar.units(stay.first, stay.end), UNITS_PER_MONTH)
        if name == INTELLIGENT and not small:
            stored = self._intelligent(stay, reads, months)
        else:
            stored = self._own(name, self._rate(name) * months, small=small)
        overhead = self._rules_of[name].standard_overhead_bytes * self._rate("STANDARD") * months
        times = Fraction((stay.end - stay.first) * reads, DAYS_PER_YEAR)
        return Price(
            stored.fixed + overhead + times * read_request(name, region),
            stored.per_byte + times * Fraction(region.of(name).retrieval_per_gb) / GB,
        )

    def _own(self, storage_class: str, rate: Fraction, *, small: bool) -> Price:
        rules = self._rules_of[storage_class]
        overhead = rules.own_overhead_bytes * rate
        if small and rules.minimum_bytes:
            return Price(rules.minimum_bytes * rate + overhead, Fraction(0))
        return Price(overhead, rate)

    def _intelligent(self, stay: Stay, reads: int, months: Fraction) -> Price:
        """Price a stay among INTELLIGENT_TIERING's tiers by measuring a single byte of a single object."""
        usage = Usage(self._calendar, self._rules_of)
        usage.tier(stay, 1, reads)
        per_byte = Fraction(0)
        for tier, monthly in usage.tiers.monthly(self._calendar).items():
            own = self._region.intelligent_tiers.get(tier)
            rate = self._rate(INTELLIGENT) if own is None else Fraction(own) / GB
            for month, (total, _) in zip(self._calendar.months, monthly, strict=True):
                per_byte += Fraction(total, DAYS_PER_YEAR * month.length) * rate
        return Price(months * fee(self._region, "monitoring"), per_byte)

    def _rate(self, storage_class: str) -> Fraction:
        """Return dollars for a byte and a month, in the first volume tier."""
        return Fraction(self._region.of(storage_class).per_gb_month) / GB
