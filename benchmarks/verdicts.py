"""Whether a goal is reached: medians and ratios of what was measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.measuring import median
from benchmarks.works import OURS, Figure, Goal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.measuring import Cost
    from benchmarks.results import Measured

ENOUGH_ROUNDS = 5
"""Fewer rounds than this say little about a ratio."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what became of it.

    Attributes:
        goal: The goal.
        measured: The ratio, or the bytes; None when something is missing.
        reason: Why it is missing, in words.
        rounds: How many rounds the medians come from, at least.
    """

    goal: Goal
    measured: float | None
    reason: str = ""
    rounds: int = 0

    @property
    def is_reached(self) -> bool | None:
        """Whether it is reached; None when nobody can say."""
        return None if self.measured is None else self.measured <= self.goal.limit

    @property
    def text(self) -> str:
        """The verdict in words."""
        if self.is_reached is None:
            return self.reason
        said = "reached" if self.is_reached else "not reached"
        if self.goal.peer is not None and self.rounds < ENOUGH_ROUNDS:
            said += f" ({self.rounds} of {ENOUGH_ROUNDS} rounds)"
        return said


def ratio(ours: Cost, peer: Cost, figure: Figure) -> float:
    """Return our figure divided by the peer's: below 1, ours is the smaller."""
    return figure_of(ours, figure) / figure_of(peer, figure)


def figure_of(cost: Cost, figure: Figure) -> float:
    """Return the one figure."""
    return {Figure.WALL: cost.wall_s, Figure.CPU: cost.cpu_s, Figure.PEAK: float(cost.peak_bytes)}[figure]


def judge(goal: Goal, measured: Mapping[str, Measured]) -> Verdict:
    """Hold a goal against what was measured."""
    values, rounds = [], []
    for name in goal.works:
        work = measured.get(name)
        if work is None:
            return Verdict(goal, None, f"{name} was not measured")
        for contender in (OURS, *([goal.peer] if goal.peer else [])):
            if contender in work.errors:
                return Verdict(goal, None, f"error: {contender} in {name}")
            if not work.runs.get(contender):
                return Verdict(goal, None, f"{contender} did not run in {name}")
        ours = work.runs[OURS]
        if goal.peer is None:
            values.append(max(figure_of(cost, goal.figure) for cost in ours))
            rounds.append(len(ours))
        else:
            peers = work.runs[goal.peer]
            values.append(ratio(median(ours), median(peers), goal.figure))
            rounds.append(min(len(ours), len(peers)))
    return Verdict(goal, max(values), rounds=min(rounds))
