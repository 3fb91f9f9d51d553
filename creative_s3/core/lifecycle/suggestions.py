"""A small family of policies, and which of them would be cheapest for these objects. Pure.

None of them deletes anything. Objects that do not earn back their move within a year stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.costs.costs import break_even_size_bytes
from creative_s3.core.costs.pricing import SMALL_OBJECT_BYTES
from creative_s3.core.lifecycle.actions import read_all
from creative_s3.core.lifecycle.lint import REPAY_MONTHS
from creative_s3.core.lifecycle.rules import merge
from creative_s3.core.lifecycle.wanted import Wanted, rules_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from creative_s3.core.bucket.lifecycle_rules import Rule
    from creative_s3.core.costs.pricing import RegionPrices
    from creative_s3.core.lifecycle.actions import ReadRule
    from creative_s3.core.lifecycle.simulation import Simulator

_FAMILY: tuple[tuple[tuple[str, int], ...], ...] = (
    (("INTELLIGENT_TIERING", 0),),
    (("STANDARD_IA", 30),),
    (("STANDARD_IA", 90),),
    (("GLACIER_IR", 30),),
    (("GLACIER_IR", 90),),
    (("GLACIER_IR", 180),),
    (("STANDARD_IA", 30), ("GLACIER_IR", 90)),
    (("GLACIER", 90),),
    (("GLACIER", 180),),
    (("GLACIER_IR", 30), ("DEEP_ARCHIVE", 180)),
    (("GLACIER", 90), ("DEEP_ARCHIVE", 365)),
    (("DEEP_ARCHIVE", 180),),
)
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy of the family.

    Attributes:
        wanted: What it does.
        rules: All rules that the bucket would have, as read.
        needs_restore: Whether what it moves last cannot be read before a restore.
    """

    wanted: Wanted
    rules: tuple[ReadRule, ...]
    needs_restore: bool

    @property
    def name(self) -> str:
        """What it does, in short: ``GLACIER_IR:30d, from 128 KiB``."""
        moves = " + ".join(f"{name}:{days}d" for name, days in self.wanted.transitions)
        return f"{moves}, from {(self.wanted.minimum_bytes or 0) // _KIB} KiB"

    @property
    def options(self) -> str:
        """The options of `lifecycle set` that set it."""
        moves = " ".join(f"--transition {name}:{days}d" for name, days in self.wanted.transitions)
        return f"{moves} --min-size {(self.wanted.minimum_bytes or 0) // _KIB}KiB"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a policy of the family would cost.

    Attributes:
        name: What it does, in short.
        options: Of `lifecycle set`.
        total: In all months.
        once: Of that, transitions and early deletes.
        saved: Against the rules as they are.
        needs_restore: Whether objects would need a restore to be read.
    """

    name: str
    options: str
    total: Decimal
    once: Decimal
    saved: Decimal
    needs_restore: bool


def candidates(
    present: Sequence[Rule], folders: Sequence[str], region: RegionPrices
) -> tuple[Candidate, ...]:
    """Return the family, each policy merged into the rules that are there."""
    found = []
    for transitions in _FAMILY:
        sizes = [
            break_even_size_bytes(name, region, transition_months=REPAY_MONTHS) or 0
            for name, _ in transitions
        ]
        least = max(SMALL_OBJECT_BYTES, *sizes)
        wanted = Wanted(transitions=transitions, minimum_bytes=-(-least // _KIB) * _KIB)
        needs_restore = any(region.of(name).rules.is_archive for name, _ in transitions)
        rules = merge(present, rules_of(wanted, folders))
        found.append(Candidate(wanted, read_all(rules), needs_restore))
    return tuple(found)


def suggest(simulator: Simulator, family: Sequence[Candidate], *, before: Decimal) -> tuple[Suggestion, ...]:
    """Simulate the family; the cheapest first, and only what saves anything.

    Args:
        simulator: Its population was grouped for the family.
        family: From `candidates`.
        before: What the present rules cost in all months.
    """
    found = []
    for candidate in family:
        scenario = simulator.run(candidate.options, candidate.rules)
        if scenario.total < before:
            found.append(
                Suggestion(
                    candidate.name,
                    candidate.options,
                    scenario.total,
                    scenario.once,
                    before - scenario.total,
                    candidate.needs_restore,
                )
            )
    return tuple(sorted(found, key=lambda one: one.total))
