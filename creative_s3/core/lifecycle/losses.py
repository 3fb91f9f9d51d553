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
from creative_s3.core.lifecycle.usage import DAYS_PER_YEAR, INFREQUENT, INSTANT, INTELLIGENT, tier_shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from creative_s3.core.lifecycle.actions import ReadRule
    from creative_s3.core.lifecycle.courses import Course, Stay
    from creative_s3.core.lifecycle.months import Calendar
    from creative_s3.core.lifecycle.simulation import Fate, Simulator


_SCALE = 10**15
"""Prices are whole numbers of 10**-15 dollars here; no price list has more decimals."""
_DENOMINATOR = _SCALE * DAYS_PER_YEAR * UNITS_PER_MONTH * GB
"""What all costs are in: so that days of months, reads of years and bytes of GB are whole numbers."""


class Price(NamedTuple):
    """What an object costs, in 1 / `_DENOMINATOR` dollars: so much in any case, and so much for each byte."""

    fixed: int
    per_byte: int


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
    objects = size_bytes = largest = lost = 0
    deltas: dict[tuple[Fate, int], Price] = {}
    for group in simulator.population.groups():
        first, second = old.fate(group.traits), new.fate(group.traits)
        delta = deltas.get((first, second[0]))
        if delta is None:
            was, is_now = pricer.price(first, old.of(first)), pricer.price(second, new.of(second))
            delta = Price(is_now.fixed - was.fixed, is_now.per_byte - was.per_byte)
            deltas[first, second[0]] = delta
        fixed, per_byte = delta
        if fixed <= 0 and per_byte <= 0:
            continue
        losing = group.sizes if fixed >= 0 and per_byte >= 0 else _losing(group.sizes, fixed, per_byte)
        if losing:
            content = sum(losing)
            objects, size_bytes = objects + len(losing), size_bytes + content
            lost += fixed * len(losing) + per_byte * content
            most = max(losing)
            largest = max(largest, most)
    return Losers(objects, size_bytes, Decimal(lost) / _DENOMINATOR, largest)


def _losing(sizes: Sequence[int], fixed: int, per_byte: int) -> Sequence[int]:
    # fixed + per_byte * size > 0, with the division done once.
    if per_byte > 0:
        limit = -fixed // per_byte
        return [size for size in sizes if size > limit]
    limit = -(fixed // per_byte)  # the quotient is negative: its floor is the ceiling of what is wanted
    return [size for size in sizes if size < limit]


class _Pricer:
    """Prices one object's course at the first volume tier."""

    def __init__(self, simulator: Simulator) -> None:
        region = simulator.setting.region
        self._calendar: Calendar = simulator.calendar
        self._rules_of = simulator.rules_of
        self._stored = {name: _whole(prices.per_gb_month) for name, prices in region.classes.items()}
        self._moved = {name: _whole(prices.transition or 0) for name, prices in region.classes.items()}
        self._read = {name: _whole(read_request(name, region)) for name in region.classes}
        self._retrieved = {name: _whole(prices.retrieval_per_gb) for name, prices in region.classes.items()}
        self._tiers = [
            self._stored[INTELLIGENT],
            *(_whole(region.intelligent_tiers[tier]) for tier in (INFREQUENT, INSTANT)),
        ]
        self._monitored = _whole(fee(region, "monitoring"))

    def price(self, fate: Fate, course: Course) -> Price:
        """Price the course of one object."""
        _, small, _, _, reads, state, _, _ = fate
        reads = reads if state is State.CURRENT else 0
        fixed = per_byte = 0
        for stay in course.stays:
            part = self._stay(stay, small=small, reads=reads)
            fixed, per_byte = fixed + part.fixed, per_byte + part.per_byte
        for _, target in course.moves:
            fixed += self._moved[target] * DAYS_PER_YEAR * UNITS_PER_MONTH * GB
        for day, storage_class, days in course.early:
            units = self._calendar.units(day, day + days)
            part = self._own(storage_class, self._stored[storage_class] * units, small=small)
            fixed, per_byte = fixed + part.fixed, per_byte + part.per_byte
        return Price(fixed, per_byte)

    def _stay(self, stay: Stay, *, small: bool, reads: int) -> Price:
        name = stay.storage_class
        units = self._calendar.units(stay.first, stay.end)
        if name == INTELLIGENT and not small:
            stored = Price(self._monitored * units * DAYS_PER_YEAR * GB, self._intelligent(stay, reads))
        else:
            stored = self._own(name, self._stored[name] * units, small=small)
        overhead = self._rules_of[name].standard_overhead_bytes * self._stored["STANDARD"] * units
        times = (stay.end - stay.first) * reads * UNITS_PER_MONTH
        return Price(
            stored.fixed + overhead * DAYS_PER_YEAR + times * self._read[name] * GB,
            stored.per_byte + times * self._retrieved[name],
        )

    def _own(self, storage_class: str, rate: int, *, small: bool) -> Price:
        rules = self._rules_of[storage_class]
        overhead = rules.own_overhead_bytes * rate * DAYS_PER_YEAR
        if small and rules.minimum_bytes:
            return Price(rules.minimum_bytes * rate * DAYS_PER_YEAR + overhead, 0)
        return Price(overhead, rate * DAYS_PER_YEAR)

    def _intelligent(self, stay: Stay, reads: int) -> int:
        """Price a byte among INTELLIGENT_TIERING's tiers."""
        return sum(
            self._calendar.units(first, end) * share * self._tiers[tier]
            for tier, first, end, share in tier_shares(stay, reads)
        )


def _whole(price: Decimal | Fraction | int) -> int:
    return round(Fraction(price) * _SCALE)
