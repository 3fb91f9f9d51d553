"""The bills of simulated months: what was measured, times the price book. Pure.

Exact: whole numbers and fractions up to the sum of each line; only that becomes a ``Decimal`` of 28 digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from creative_s3.core.costs.pricing import GB
from creative_s3.core.lifecycle.months import UNITS_PER_MONTH
from creative_s3.core.lifecycle.usage import DAYS_PER_YEAR, FREQUENT, INTELLIGENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from creative_s3.core.costs.pricing import RegionPrices, Tier
    from creative_s3.core.lifecycle.months import Month
    from creative_s3.core.lifecycle.usage import Usage

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class ClassBill:
    """One storage class in one month.

    Attributes:
        objects: That are in it at the month's end; a fraction counts where objects are expected.
        size_bytes: Their content.
        gb_months: As billed, minimum sizes and overheads included; an archived object's 8 KB are STANDARD's.
        storage: What these cost, INTELLIGENT_TIERING's monitoring included.
        reads: Requests, retrievals and restores.
        transitions: Moving objects into it, once.
        early_deletes: Minimum durations not served, once.
        moved: How many objects moved into it.
    """

    objects: Decimal = _NOTHING
    size_bytes: Decimal = _NOTHING
    gb_months: Decimal = _NOTHING
    storage: Decimal = _NOTHING
    reads: Decimal = _NOTHING
    transitions: Decimal = _NOTHING
    early_deletes: Decimal = _NOTHING
    moved: Decimal = _NOTHING

    @property
    def recurring(self) -> Decimal:
        """Storage and reads."""
        return self.storage + self.reads

    @property
    def once(self) -> Decimal:
        """Transitions and early deletes."""
        return self.transitions + self.early_deletes


@dataclass(frozen=True, slots=True)
class MonthBill:
    """One month.

    Attributes:
        month: Which one.
        classes: By storage class; only those that something happens in.
        deleted_objects: Deleted by rules.
        deleted_bytes: Their content.
    """

    month: Month
    classes: Mapping[str, ClassBill] = field(default_factory=dict)
    deleted_objects: Decimal = _NOTHING
    deleted_bytes: Decimal = _NOTHING

    @property
    def recurring(self) -> Decimal:
        """Storage and reads of all classes."""
        return sum((bill.recurring for bill in self.classes.values()), _NOTHING)

    @property
    def once(self) -> Decimal:
        """Transitions and early deletes of all classes."""
        return sum((bill.once for bill in self.classes.values()), _NOTHING)

    @property
    def total(self) -> Decimal:
        """The month's bill."""
        return self.recurring + self.once

    @property
    def size_bytes(self) -> Decimal:
        """What is stored at the month's end."""
        return sum((bill.size_bytes for bill in self.classes.values()), _NOTHING)

    @property
    def objects(self) -> Decimal:
        """How many objects there are at the month's end."""
        return sum((bill.objects for bill in self.classes.values()), _NOTHING)


def bills_of(usage: Usage, region: RegionPrices) -> tuple[MonthBill, ...]:
    """Price what was measured, month by month, each with its own number of days and volume tiers."""
    months = usage.calendar.months
    measured = {
        name: getattr(usage, name).monthly(usage.calendar)
        for name in ("content", "objects", "billed", "tiers", "monitored", "read_objects", "read_bytes")
    }
    names = sorted(
        {*measured["objects"], *measured["billed"], *usage.transitions, *usage.early},
        key=lambda name: list(region.classes).index(name),
    )
    return tuple(
        MonthBill(
            month=month,
            classes={
                name: bill
                for name in names
                if (bill := _class_bill(name, place, month, usage, measured, region)) != ClassBill()
            },
            deleted_objects=_decimal(Fraction(usage.deleted_objects[place], usage.scale)),
            deleted_bytes=_decimal(Fraction(usage.deleted_bytes[place], usage.scale)),
        )
        for place, month in enumerate(months)
    )


def _class_bill(  # noqa: PLR0913, PLR0917 - one class in one month
    name: str,
    place: int,
    month: Month,
    usage: Usage,
    measured: Mapping[str, Mapping[str, Sequence[tuple[int, int]]]],
    region: RegionPrices,
) -> ClassBill:
    def over(what: str, line: str = name) -> Fraction:
        """Return a line's sum over the month's days."""
        found = measured[what].get(line)
        return Fraction(found[place][0], usage.scale) if found else Fraction(0)

    def at_end(what: str) -> Decimal:
        found = measured[what].get(name)
        return _decimal(Fraction(found[place][1], usage.scale)) if found else _NOTHING

    prices = region.of(name)
    gb_months = over("billed") / GB / month.length
    storage = tiered(prices.tiers, gb_months)
    if name == INTELLIGENT:
        tiers = {tier: over("tiers", tier) / DAYS_PER_YEAR / GB / month.length for tier in measured["tiers"]}
        # The frequent tier and what is never monitored are one usage type with STANDARD's volume tiers.
        storage = tiered(prices.tiers, gb_months + tiers.get(FREQUENT, Fraction(0)))
        for tier, amount in tiers.items():
            gb_months += amount
            if tier != FREQUENT:
                storage += amount * Fraction(region.intelligent_tiers[tier])
        storage += over("monitored") / month.length * fee(region, "monitoring")
    moved = (
        Fraction(usage.transitions[name][place], usage.scale) if name in usage.transitions else Fraction(0)
    )
    early = Fraction(usage.early[name][place], usage.scale) if name in usage.early else Fraction(0)
    return ClassBill(
        objects=at_end("objects"),
        size_bytes=at_end("content"),
        gb_months=_decimal(gb_months),
        storage=_decimal(storage),
        reads=_decimal(
            over("read_objects") / DAYS_PER_YEAR * read_request(name, region)
            + over("read_bytes") / DAYS_PER_YEAR / GB * Fraction(prices.retrieval_per_gb)
        ),
        transitions=_decimal(moved * Fraction(prices.transition or 0)),
        early_deletes=_decimal(early / UNITS_PER_MONTH / GB * Fraction(prices.per_gb_month)),
        moved=_decimal(moved),
    )


def read_request(storage_class: str, region: RegionPrices) -> Fraction:
    """Price one read without its bytes: a GET, and in an archive class a Standard restore before it."""
    prices = region.of(storage_class)
    restore = prices.restores["Standard"].request if prices.rules.is_archive else Decimal(0)
    return Fraction(prices.get) + Fraction(restore)


def fee(region: RegionPrices, name: str) -> Fraction:
    """Return the price of one unit of a fee."""
    found = region.fees[name]
    return Fraction(found.price) / found.per


def tiered(tiers: Sequence[Tier], gb_months: Fraction) -> Fraction:
    """Price GB-months of one month, filling the volume tiers from the bottom."""
    total = Fraction(0)
    for place, tier in enumerate(tiers):
        lower = Fraction(tier.from_gb)
        upper = Fraction(tiers[place + 1].from_gb) if place + 1 < len(tiers) else gb_months
        if gb_months > lower:
            total += (min(gb_months, upper) - lower) * Fraction(tier.price)
    return total


def _decimal(amount: Fraction) -> Decimal:
    return Decimal(amount.numerator) / Decimal(amount.denominator)
