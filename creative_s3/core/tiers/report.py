"""What became of a plan for the tiers: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from creative_s3.core.tiers.reasons import held_because, why
from creative_s3.core.tiers.tiers import Action, Cause, Hold, Move, TierFile, TierPlan
from creative_s3.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from creative_s3.errors import CreativeS3Error

_EVERYDAY = frozenset({Hold.OPEN, Hold.FRESH, Hold.USED, Hold.SHARE, Hold.ROOM})
"""What keeps a file where it is without anything being wrong."""


@dataclass(frozen=True, slots=True)
class Settled:
    """One file that was to be moved, and what became of it.

    Attributes:
        file: Which one, as the plan saw it.
        action: What was to be done.
        cause: Why it was to be done.
        done: Whether it was done, proved.
        reason: Why it was done; else why not.
        hold: What stood against it; None when it was done, or failed.
        error: Why it failed; None when it was done, or has to stay.
        price: What coming back costs, in the currency of the bill; of a promotion, what it costs now.
        hours: How long a restore makes that take; 0 for at once.
    """

    file: TierFile
    action: Action
    cause: Cause
    done: bool
    reason: str
    hold: Hold | None = None
    error: CreativeS3Error | None = None
    price: Decimal = Decimal(0)
    hours: float = 0.0

    @property
    def is_trouble(self) -> bool:
        """Whether somebody should look at it."""
        if self.done or self.hold in {Hold.AWAY, Hold.HERE}:
            return False
        return self.cause is Cause.ASKED or self.hold not in _EVERYDAY

    def to_dict(self) -> dict[str, Any]:
        """Return the ``--json`` form."""
        return {
            "cache_key": self.file.cache_keys[0],
            "file_path": self.file.file_path,
            "key": self.file.key,
            "size_bytes": self.file.size_bytes,
            "storage_class": self.file.storage_class,
            "price": str(self.price),
            "hours": self.hours,
            "action": str(self.action),
            "done": self.done,
            "reason": self.reason,
            "code": self.error.code if self.error else self.hold and str(self.hold),
            "hint": self.error.hint if self.error else None,
        }


@dataclass(frozen=True)
class TierReport:
    """What a run did with the tiers, or would do.

    Attributes:
        settled: Every file that the plan named, in the order in which it was dealt with.
        dry_run: Whether nothing was done: then ``done`` says what would be.
        run: The number for ``tiers undo``; None when nothing was moved.
        plan: What was intended; None when files were named one by one.
        held: Files that were due to go and have to stay, as far as the plan knew.
        warnings: What else somebody should know, in sentences.
        requests: Requests sent, by S3 operation name.
    """

    settled: tuple[Settled, ...] = ()
    dry_run: bool = False
    run: int | None = None
    plan: TierPlan | None = None
    held: tuple[TierFile, ...] = ()
    warnings: tuple[str, ...] = ()
    requests: Mapping[str, int] = field(default_factory=dict)

    @property
    def demoted(self) -> int:
        """How many files were removed from local disk."""
        return len(self._done(Action.DEMOTE))

    @property
    def demoted_bytes(self) -> int:
        """Their size in bytes."""
        return sum(item.file.size_bytes for item in self._done(Action.DEMOTE))

    @property
    def promoted(self) -> int:
        """How many files were brought back."""
        return len(self._done(Action.PROMOTE))

    @property
    def promoted_bytes(self) -> int:
        """Their size in bytes."""
        return sum(item.file.size_bytes for item in self._done(Action.PROMOTE))

    @property
    def kept(self) -> int:
        """How many files were to be moved and were not, for a reason or by a failure."""
        return sum(not item.done for item in self.settled) + len(self.held)

    @property
    def failures(self) -> tuple[Settled, ...]:
        """What was to be moved and was not, and somebody should look at."""
        return tuple(item for item in self.settled if item.is_trouble)

    @property
    def success(self) -> bool:
        """Whether all went as planned."""
        return not self.failures

    def __bool__(self) -> bool:
        """Be true when all went as planned."""
        return self.success

    @property
    def reasons(self) -> dict[str, str]:
        """Why each file was moved or stayed, by cache key."""
        held = {file.cache_keys[0]: held_because(file) for file in self.held}
        return held | {item.file.cache_keys[0]: item.reason for item in self.settled}

    @property
    def exit_code(self) -> ExitCode:
        """What the process should end with."""
        if self.success:
            return ExitCode.OK
        codes = {item.error.exit_code if item.error else _code_of(item.hold) for item in self.failures}
        everything_failed = len(self.failures) == len(self.settled)
        only = next(iter(codes))
        return only if everything_failed and len(codes) == 1 else ExitCode.ITEMS_FAILED

    def to_dict(self) -> dict[str, Any]:
        """Return the ``--json`` form."""
        return {
            "dry_run": self.dry_run,
            "run": self.run,
            "demoted": self.demoted,
            "demoted_bytes": self.demoted_bytes,
            "promoted": self.promoted,
            "promoted_bytes": self.promoted_bytes,
            "files": [item.to_dict() for item in self.settled],
            "held": [
                {
                    "cache_key": file.cache_keys[0],
                    "file_path": file.file_path,
                    "size_bytes": file.size_bytes,
                    "code": file.hold and str(file.hold),
                    "reason": held_because(file),
                }
                for file in self.held
            ],
            "requests": dict(self.requests),
        }

    def _done(self, action: Action) -> tuple[Settled, ...]:
        return tuple(item for item in self.settled if item.done and item.action is action)


def intended(plan: TierPlan) -> TierReport:
    """Return what a plan would do, as the report of a dry run."""
    return TierReport(
        settled=(
            *(done(move, plan.now) for move in (*plan.demotions, *plan.promotions)),
            *(stayed(move, Hold.SHARE) for move in plan.spared),
        ),
        dry_run=True,
        plan=plan,
        held=held_files(plan),
    )


def held_files(plan: TierPlan) -> tuple[TierFile, ...]:
    """Return the files that were due to go and have to stay."""
    return tuple(file for files in plan.held.values() for file in files)


def done(move: Move, now: datetime) -> Settled:
    """Return the outcome for a file that was moved."""
    return Settled(
        move.file,
        move.action,
        move.cause,
        done=True,
        reason=why(move, now),
        price=move.price,
        hours=move.hours,
    )


def stayed(move: Move, hold: Hold, detail: str = "") -> Settled:
    """Return the outcome for a file that has to stay where it is."""
    reason = held_because(move.file._replace(hold=hold, detail=detail))
    return Settled(
        move.file,
        move.action,
        move.cause,
        done=False,
        reason=reason,
        hold=hold,
        price=move.price,
        hours=move.hours,
    )


def failed(move: Move, error: CreativeS3Error) -> Settled:
    """Return the outcome for a file that could not be moved."""
    return Settled(
        move.file,
        move.action,
        move.cause,
        done=False,
        reason=error.message,
        error=error,
        price=move.price,
        hours=move.hours,
    )


def count_by_hold(files: Iterable[TierFile]) -> dict[Hold, tuple[int, int]]:
    """Return how many files each reason holds back, and their bytes."""
    counted: dict[Hold, tuple[int, int]] = {}
    for file in files:
        if file.hold is not None:
            number, size_bytes = counted.get(file.hold, (0, 0))
            counted[file.hold] = (number + 1, size_bytes + file.size_bytes)
    return counted


def _code_of(hold: Hold | None) -> ExitCode:
    return ExitCode.REFUSED if hold is Hold.EXPIRING else ExitCode.ITEMS_FAILED
