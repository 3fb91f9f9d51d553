"""Lifecycle rules carried out the slow way: one object, one day at a time, straight from S3's documentation.

It shares no code with the simulation, which is held against it.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from creative_s3.core.costs.pricing import RegionPrices

KB128 = 131_072
GB = 2**30
COLDNESS = ["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER"]
COLDNESS += ["DEEP_ARCHIVE"]
FORBIDDEN = {("ONEZONE_IA", "GLACIER_IR")}
MINIMUM_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30, "GLACIER_IR": 90, "GLACIER": 90, "DEEP_ARCHIVE": 180}
CHOICE = ["DEEP_ARCHIVE", "GLACIER", "INTELLIGENT_TIERING", "GLACIER_IR", "ONEZONE_IA", "STANDARD_IA"]


@dataclass
class Thing:
    """An object: its key, its size, its class, when it was stored, how often it is read."""

    key: str
    size: int
    storage_class: str
    stored_at: datetime
    reads_per_year: int = 0


class Bill:
    """What the slow way measures, by month and class."""

    def __init__(self) -> None:
        self.gb_months: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.extra: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.tiers: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.deleted: dict[str, int] = defaultdict(int)


def simulate(  # noqa: PLR0913 - all that S3 looks at
    things: Sequence[Thing],
    rules: Sequence[dict[str, Any]],
    *,
    first: date,
    months: int,
    region: RegionPrices,
    is_versioned: bool,
    small_too: bool,
) -> dict[str, Fraction]:
    """Return each month's dollars; the first day is a midnight at which S3 acts."""
    bill = Bill()
    names = _names(first, months)
    for thing in things:
        _follow(thing, rules, bill, first, names, region, is_versioned=is_versioned, small_too=small_too)
    dollars = {}
    for name in names:
        total = sum((bill.extra[key] for key in list(bill.extra) if key[0] == name), Fraction(0))
        for (month, storage_class), amount in bill.gb_months.items():
            if month == name:
                total += _tiered(region.of(storage_class).tiers, amount)
        dollars[name] = total
    return dollars


def _names(first: date, months: int) -> list[str]:
    year, month, names = first.year, first.month, []
    for _ in range(months):
        names.append(f"{year}-{month:02}")
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return names


def _tiered(tiers: Any, amount: Fraction) -> Fraction:  # noqa: ANN401 - the price book's
    total = Fraction(0)
    for place, tier in enumerate(tiers):
        above = amount - Fraction(tier.from_gb)
        if place + 1 < len(tiers):
            above = min(above, Fraction(tiers[place + 1].from_gb) - Fraction(tier.from_gb))
        total += max(above, Fraction(0)) * Fraction(tier.price)
    return total


def _due(action: dict[str, Any], since: datetime) -> datetime:
    if "Date" in action:
        at = datetime.combine(action["Date"], datetime.min.time(), tzinfo=UTC)
        return max(at, since)
    days: int = action["Days"] if "Days" in action else action["NoncurrentDays"]
    return since + timedelta(days=days)


def _concerns(rule: dict[str, Any], thing: Thing) -> bool:
    chosen = rule["Filter"].get("And", rule["Filter"])
    return (
        rule["Status"] == "Enabled"
        and thing.key.startswith(chosen.get("Prefix", ""))
        and thing.size > chosen.get("ObjectSizeGreaterThan", -1)
        and thing.size < chosen.get("ObjectSizeLessThan", 2**60)
    )


def _has_size(rule: dict[str, Any]) -> bool:
    chosen = rule["Filter"].get("And", rule["Filter"])
    return "ObjectSizeGreaterThan" in chosen or "ObjectSizeLessThan" in chosen


def _reachable(source: str, target: str) -> bool:
    return COLDNESS.index(target) > COLDNESS.index(source) and (source, target) not in FORBIDDEN


def _follow(  # noqa: C901, PLR0913, PLR0917 - the slow way is one long story
    thing: Thing,
    rules: Sequence[dict[str, Any]],
    bill: Bill,
    first: date,
    names: Sequence[str],
    region: RegionPrices,
    *,
    is_versioned: bool,
    small_too: bool,
) -> None:
    mine = [rule for rule in rules if _concerns(rule, thing)]
    rounded = thing.stored_at.replace(hour=0, minute=0, second=0, microsecond=0)
    entered = (rounded if rounded == thing.stored_at else rounded + timedelta(days=1)).date()
    storage_class, hidden_at = thing.storage_class, None
    done: set[int] = set()
    day = first
    while f"{day.year}-{day.month:02}" in names:
        now = datetime.combine(day, datetime.min.time(), tzinfo=UTC)
        month, length = f"{day.year}-{day.month:02}", monthrange(day.year, day.month)[1]
        expired = hidden_at is None and any(
            _due(rule["Expiration"], thing.stored_at) <= now for rule in mine if "Expiration" in rule
        )
        gone = expired and not is_versioned
        if hidden_at is not None:
            gone = any(
                _due(rule["NoncurrentVersionExpiration"], hidden_at) <= now
                for rule in mine
                if "NoncurrentVersionExpiration" in rule
            )
        if gone:
            bill.extra[month, storage_class] += _early(thing, storage_class, entered, day, region)
            return
        if hidden_at is None:
            wanted = []
            for number, rule in enumerate(mine):
                for place, entry in enumerate(rule.get("Transitions", ())):
                    target, mark = entry["StorageClass"], 100 * number + place
                    if mark in done or _due(entry, thing.stored_at) > now:
                        continue
                    done.add(mark)
                    moves_small = _has_size(rule) or (small_too and target in {"GLACIER", "DEEP_ARCHIVE"})
                    if _reachable(storage_class, target) and (thing.size >= KB128 or moves_small):
                        wanted.append(target)
            if wanted:
                target = min(wanted, key=CHOICE.index)
                bill.extra[month, storage_class] += _early(thing, storage_class, entered, day, region)
                bill.extra[month, target] += Fraction(region.of(target).transition or 0)
                storage_class, entered = target, day
        if expired and is_versioned:
            hidden_at = now
            if any(
                rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 0
                for rule in mine
                if "NoncurrentVersionExpiration" in rule
            ):
                raise AssertionError("S3 takes no 0 days here")
        _store_one_day(thing, storage_class, (day - entered).days, month, length, bill, region)
        day += timedelta(days=1)


def _billed(thing: Thing, storage_class: str) -> int:
    size = thing.size
    if storage_class in {"STANDARD_IA", "ONEZONE_IA", "GLACIER_IR"}:
        size = max(size, KB128)
    return size + (32 * 1024 if storage_class in {"GLACIER", "DEEP_ARCHIVE"} else 0)


def _early(thing: Thing, storage_class: str, entered: date, day: date, region: RegionPrices) -> Fraction:
    total = Fraction(0)
    for number in range((day - entered).days, MINIMUM_DAYS.get(storage_class, 0)):
        unserved = entered + timedelta(days=number)
        total += Fraction(1, monthrange(unserved.year, unserved.month)[1])
    rate = Fraction(region.of(storage_class).per_gb_month)
    return total * Fraction(_billed(thing, storage_class), GB) * rate


def _store_one_day(  # noqa: PLR0913, PLR0917 - one day of one object
    thing: Thing,
    storage_class: str,
    days_in_class: int,
    month: str,
    length: int,
    bill: Bill,
    region: RegionPrices,
) -> None:
    share = Fraction(1, length)
    gb = Fraction(_billed(thing, storage_class), GB) * share
    prices = region.of(storage_class)
    if storage_class == "INTELLIGENT_TIERING" and thing.size >= KB128:
        fee = region.fees["monitoring"]
        bill.extra[month, storage_class] += Fraction(fee.price) / fee.per * share
        unread_30 = max(1 - Fraction(30 * thing.reads_per_year, 365), Fraction(0))
        unread_90 = max(1 - Fraction(90 * thing.reads_per_year, 365), Fraction(0))
        colder = unread_30 if days_in_class >= 30 else Fraction(0)
        coldest = unread_90 if days_in_class >= 90 else Fraction(0)
        bill.gb_months[month, storage_class] += gb * (1 - colder)
        infrequent, instant = (Fraction(region.intelligent_tiers[tier]) for tier in ("IA", "AIA"))
        bill.extra[month, storage_class] += gb * (colder - coldest) * infrequent + gb * coldest * instant
    else:
        bill.gb_months[month, storage_class] += gb
    if storage_class in {"GLACIER", "DEEP_ARCHIVE"}:
        bill.gb_months[month, "STANDARD"] += Fraction(8 * 1024, GB) * share
    reads = Fraction(thing.reads_per_year, 365)
    request = Fraction(prices.get)
    if storage_class in {"GLACIER", "DEEP_ARCHIVE"}:
        request += Fraction(prices.restores["Standard"].request)
    bill.extra[month, storage_class] += reads * (
        request + Fraction(thing.size, GB) * Fraction(prices.retrieval_per_gb)
    )
