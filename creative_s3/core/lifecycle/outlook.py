"""The outlook of a bucket: two sets of rules simulated on its objects, with what was taken for granted.

`look_ahead` reads the bucket and the catalog; the `Outlook` is a frozen value that every output is made of.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.core.costs.pricing import amount_text
from creative_s3.core.lifecycle.actions import read_all
from creative_s3.core.lifecycle.holdings import take
from creative_s3.core.lifecycle.losses import Losers, losers
from creative_s3.core.lifecycle.midnights import date_of, midnight_from
from creative_s3.core.lifecycle.population import Population, State
from creative_s3.core.lifecycle.simulation import Comparison, Setting, Simulator
from creative_s3.core.lifecycle.suggestions import Suggestion, candidates, suggest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime
    from decimal import Decimal

    from creative_s3.core.bucket.lifecycle_rules import Rule
    from creative_s3.core.costs.pricing import RegionPrices
    from creative_s3.core.lifecycle.growth import Growth
    from creative_s3.core.lifecycle.known_use import KnownUse
    from creative_s3.core.lifecycle.simulation import Scenario
    from creative_s3.core.s3.object_store import ObjectStore

_FORMULA = re.compile(r"[=+\-@\t\r\n'\uff1d\uff0b\uff0d\uff20]|\s+[=+\-@]")
_AMOUNT = re.compile(r"-?\d+(?:\.\d+)?")
_COLUMNS = (
    "month",
    "rules",
    "storage_class",
    "objects",
    "size_bytes",
    "gb_months",
    "storage",
    "reads",
    "transitions",
    "early_deletes",
    "total",
)
_LEFT_OUT = (
    "the requests and bytes of uploads and egress, which no rule changes; tags",
    "the copies in STANDARD that restores make, for the days they stay",
    "delete markers, and what other buckets of the account add to the volume tiers",
)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules under a name."""

    name: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What two sets of rules cost.

    Attributes:
        bucket: Its name.
        region: Whose prices were asked for.
        prices_region: Whose prices these are.
        prices_as_of: Their date, ISO 8601.
        begins: The first simulated day.
        objects: That are there now, old versions and unfinished uploads included.
        size_bytes: Their content.
        comparison: The two scenarios.
        losers: The objects that lose money by the second one.
        suggestions: The best policies of the family, the cheapest first; None when nobody asked.
        growth: What is stored later, in words.
        assumed: What was taken for granted, in plain sentences.
        left_out: What is not in the amounts, in plain sentences.
    """

    bucket: str
    region: str
    prices_region: str
    prices_as_of: str
    begins: date
    objects: int
    size_bytes: int
    comparison: Comparison
    losers: Losers
    suggestions: tuple[Suggestion, ...] | None
    growth: str
    assumed: tuple[str, ...]
    left_out: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``; amounts are strings of plain digits."""
        made, lost = self.comparison, self.losers
        repay = made.months_to_repay
        return {
            "bucket": self.bucket,
            "region": self.region,
            "prices_region": self.prices_region,
            "prices_as_of": self.prices_as_of,
            "begins": self.begins,
            "months": len(made.after.bills),
            "objects": self.objects,
            "size_bytes": self.size_bytes,
            "growth": self.growth,
            "before": _scenario(made.before),
            "after": _scenario(made.after),
            "saved": amount_text(made.saved),
            "saved_by_month": [amount_text(amount) for amount in made.saved_by_month],
            "break_even": made.break_even,
            "months_to_repay": None if repay is None else float(round(repay, 1)),
            "losers": {
                "objects": lost.objects,
                "size_bytes": lost.size_bytes,
                "lost": amount_text(lost.lost),
                "largest_bytes": lost.largest_bytes,
            },
            "suggestions": None
            if self.suggestions is None
            else [
                {
                    "name": one.name,
                    "options": one.options,
                    "total": amount_text(one.total),
                    "once": amount_text(one.once),
                    "saved": amount_text(one.saved),
                    "needs_restore": one.needs_restore,
                }
                for one in self.suggestions
            ],
            "assumed": self.assumed,
            "left_out": self.left_out,
        }

    def csv_lines(self) -> Iterator[str]:
        """Yield lines of comma-separated values: a head, then a row for each month, rule set and class."""
        yield csv_line(_COLUMNS)
        for scenario in (self.comparison.before, self.comparison.after):
            for bill in scenario.bills:
                for name, part in bill.classes.items():
                    amounts = (part.storage, part.reads, part.transitions, part.early_deletes)
                    yield csv_line(
                        (
                            bill.month.name,
                            scenario.name,
                            name,
                            _number(part.objects),
                            _number(part.size_bytes),
                            amount_text(part.gb_months),
                            *map(amount_text, amounts),
                            amount_text(part.recurring + part.once),
                        )
                    )


def look_ahead(  # noqa: PLR0913 - what a simulation is made of
    store: ObjectStore,
    before: RuleSet,
    after: RuleSet,
    *,
    region: RegionPrices,
    months: int,
    now: datetime,
    use: KnownUse,
    growth: Growth | None,
    moves_small_objects: bool,
    present: Sequence[Rule] = (),
    suggest_for: Sequence[str] | None = None,
) -> Outlook:
    """Simulate two sets of rules on the objects that are there.

    Args:
        store: The bucket; it is listed.
        before: What the other one is held against.
        after: The rules in question.
        region: The prices.
        months: How many calendar months, the rest of the current one included.
        now: S3 acts first at the next midnight, UTC.
        use: What the catalog knows of the objects.
        growth: What is stored later; None for nothing.
        moves_small_objects: The bucket's own rule for objects under 128 KB.
        present: The rules that the bucket has, which suggestions are added to and held against.
        suggest_for: Prefixes for which the best of a family of policies is looked for; None for none.

    Raises:
        CreativeS3Error: A request failed.
    """
    config = store.connection.config
    old, new = read_all(before.rules), read_all(after.rules)
    family = candidates(present, suggest_for, region) if suggest_for is not None else ()
    has = read_all(present)
    every = [*old, *new, *has, *(rule for candidate in family for rule in candidate.rules)]
    inside = f"{config.prefix}/" if config.prefix else ""
    prefixes = {inside, *(rule.scope.prefix for rule in every if rule.is_enabled)}
    holdings = take(store, Population(every), prefixes=prefixes, use=use, classes=frozenset(region.classes))
    simulator = Simulator(
        holdings.population,
        Setting(
            start=midnight_from(now),
            months=months,
            region=region,
            is_versioned=bool(holdings.is_versioned),
            moves_small_objects=moves_small_objects,
            growth=growth,
            stored_as=config.storage_class,
        ),
    )
    comparison = Comparison(simulator.run(before.name, old), simulator.run(after.name, new))
    tagged = [rule.name for rule in {**dict.fromkeys(old), **dict.fromkeys(new)} if rule.scope.tags]
    groups = holdings.population.groups()
    return Outlook(
        bucket=store.bucket,
        region=region.requested,
        prices_region=region.name,
        prices_as_of=region.as_of,
        begins=date_of(simulator.setting.start),
        objects=sum(group.objects for group in groups),
        size_bytes=sum(group.size_bytes for group in groups),
        comparison=comparison,
        losers=losers(simulator, old, new),
        suggestions=suggest(simulator, family, before=simulator.run("present", has).total)
        if suggest_for is not None
        else None,
        growth=growth.source if growth else "nothing new is stored",
        assumed=_assumed(use, any(group.traits.state is State.NONCURRENT for group in groups)),
        left_out=(
            *holdings.left_out,
            *(
                f"the rule {name} looks at tags, which a listing does not show: it is left out"
                for name in tagged
            ),
            *_LEFT_OUT,
        ),
    )


def _assumed(use: KnownUse, has_old_versions: bool) -> tuple[str, ...]:  # noqa: FBT001 - a fact
    if use.everywhere is not None:
        reads = (
            f"every object is read {use.everywhere:,} times a year, evenly, by Standard restores where needed"
        )
    elif use.problem is not None:
        reads = f"nothing is read from S3: {use.problem}"
    else:
        reads = "what is in S3 only is read as often as in the last year; what has a local file is read there"
    told = [reads, "what is in INTELLIGENT_TIERING was not read before, as far as its tiers go"]
    if has_old_versions:
        told.append("no object is replaced; old versions keep their number of newer ones")
    return tuple(told)


def _scenario(scenario: Scenario) -> dict[str, Any]:
    return {
        "rules": scenario.name,
        "total": amount_text(scenario.total),
        "once": amount_text(scenario.once),
        "recurring": amount_text(scenario.recurring),
        "months": [
            {
                "month": bill.month.name,
                "days": bill.month.days,
                "total": amount_text(bill.total),
                "once": amount_text(bill.once),
                "recurring": amount_text(bill.recurring),
                "objects": _number(bill.objects),
                "size_bytes": _number(bill.size_bytes),
                "deleted_objects": _number(bill.deleted_objects),
                "deleted_bytes": _number(bill.deleted_bytes),
                "classes": {
                    name: {
                        "objects": _number(part.objects),
                        "size_bytes": _number(part.size_bytes),
                        "moved_objects": _number(part.moved),
                        "gb_months": amount_text(part.gb_months),
                        "storage": amount_text(part.storage),
                        "reads": amount_text(part.reads),
                        "transitions": amount_text(part.transitions),
                        "early_deletes": amount_text(part.early_deletes),
                    }
                    for name, part in bill.classes.items()
                },
            }
            for bill in scenario.bills
        ],
    }


def _number(amount: Decimal) -> int:
    """Return a number of expected objects or bytes, whole."""
    return round(amount)


def csv_line(values: Sequence[object]) -> str:
    """Return values as one line of comma-separated text, which no spreadsheet takes for formulas."""
    line = io.StringIO()
    ending = "\r\n"  # which characters are quoted depends on it
    csv.writer(line, lineterminator=ending).writerow([_cell(value) for value in values])
    return line.getvalue().removesuffix(ending)


def _cell(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula: such a text gets an apostrophe before it.

    So does a text that begins with an apostrophe: one is taken off again from what begins with it.
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _AMOUNT.fullmatch(value):
        return f"'{value}"
    return value
