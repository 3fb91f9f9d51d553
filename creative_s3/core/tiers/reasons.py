"""Each decision about a tier in one sentence, for the plan's table and ``--explain``. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creative_s3.core.costs.pricing import money
from creative_s3.core.tiers.policy import is_due, is_fresh
from creative_s3.core.tiers.tiers import (
    HOT_DAYS,
    HOT_USES,
    Action,
    Cause,
    Evidence,
    Hold,
    Move,
    TierFile,
    TierPlan,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_HELD: Mapping[Hold, str] = {
    Hold.PINNED: "it is pinned",
    Hold.OUTSIDE: "it lies outside the cache directory, and only what is inside is ever removed",
    Hold.HIDDEN: "a part of its path begins with a dot, or it is named as the index or a temporary file,"
    " and nothing is brought back there",
    Hold.LINKED: "it is a link, or lies behind one",
    Hold.HARD_LINKED: "the file has a second name, so removing this one would free nothing",
    Hold.UNPROVED: "no copy of it in S3 was proved",
    Hold.CHANGED: "it is not what was proved in S3: it changed since",
    Hold.SHARED_OBJECT: "its object in S3 belongs to another asset with the same bytes",
    Hold.EXPIRING: "a lifecycle rule will delete its copy in S3",
    Hold.ARCHIVED: "its copy in S3 is archived and cannot be read before a restore",
    Hold.OPEN: "another process has it open",
    Hold.UNSEEN: "nobody can tell whether another user or machine has it open (--assume-closed)",
    Hold.FRESH: "it was used or written less than an hour ago",
    Hold.USED: "it was used since the plan was made",
    Hold.SHARE: "more than the allowed part of the local bytes would go in one run",
    Hold.ROOM: "less was freed than planned, so there is no room for it",
    Hold.AWAY: "it is not on local disk",
    Hold.HERE: "it is on local disk already",
    Hold.MISSING: "it is neither on local disk nor known in S3",
}


def held_because(file: TierFile) -> str:
    """Say why a file has to stay where it is."""
    if file.hold is None:
        return ""
    return _HELD[file.hold] + (f" ({file.detail})" if file.detail else "")


def why(move: Move, now: datetime) -> str:
    """Say why a move is in the plan."""
    file = move.file
    if move.action is Action.PROMOTE:
        often = f"used {times(file.recent_uses)} in the last {HOT_DAYS} days"
        reason = often if move.cause is Cause.HOT else "asked for"
        return f"{reason}; fetching it costs {money(move.price)}"
    idle = f"not used for {days(file.idle_days(now))}"
    reason = {
        Cause.COLD: idle,
        Cause.SPACE: f"space is needed, and it is among the least regretted: {idle}",
        Cause.HOT: f"used {times(file.recent_uses)} in the last {HOT_DAYS} days",
        Cause.ASKED: "asked for",
    }[move.cause]
    used = f"used {times(file.uses)} in all" if file.uses else "no use recorded"
    return f"{reason}, {used}; comes back {_back(move)}"


def briefly(move: Move, now: datetime) -> str:
    """Say why a move is in the plan, in a few words; size, class, price and time of return not among them."""
    file = move.file
    if move.action is Action.PROMOTE:
        return f"used {times(file.recent_uses)} in {HOT_DAYS} days"
    said = f"unused for {days(file.idle_days(now))}"
    if move.cause is Cause.SPACE:
        said = f"for space; {said}"
    if file.uses:
        said += f", used {times(file.uses)} in all"
    return f"{said}; a rule will move it to {file.later_class}" if file.later_class else said


def explain(plan: TierPlan, file: TierFile) -> str:
    """Say in one sentence what a plan does with a file, and why."""
    move = plan.moves.get(file.file_path)
    if move is not None:
        verb = "goes" if move.action is Action.DEMOTE else "comes back"
        return f"{verb}: {why(move, plan.now)}"
    if any(spared.file.file_path == file.file_path for spared in plan.spared):
        return f"stays: {_HELD[Hold.SHARE]}"
    return f"stays: {_why_hot(plan, file) if file.is_hot else _why_cold(plan, file)}"


def evidence_of(file: TierFile, now: datetime) -> str:
    """Say when a file was used last, and how that is known."""
    if file.evidence is Evidence.NOTHING:
        return "it is not known when it was used"
    return f"used {days(file.idle_days(now))} ago (by {file.evidence})"


def days(idle_days: float) -> str:
    """Return a time without use in words."""
    if idle_days >= 1:
        return f"{int(idle_days):,} day{'' if int(idle_days) == 1 else 's'}"
    hours = int(idle_days * 24)
    return f"{hours} hour{'' if hours == 1 else 's'}" if hours else "less than an hour"


def times(number: int) -> str:
    """Return a number of uses in words."""
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number:,} times")


def _why_hot(plan: TierPlan, file: TierFile) -> str:
    policy, now = plan.policy, plan.now
    if file.hold is not None:
        return held_because(file)
    if not policy.demotes:
        return "nothing is demoted in this run"
    if is_fresh(file, now):
        return _HELD[Hold.FRESH]
    if not is_due(file, policy, now):
        used = evidence_of(file, now)
        return f"{used}, and it is cold after {policy.cold_days} days only; there is room enough"
    return "it is cold, and other files free enough"


def _why_cold(plan: TierPlan, file: TierFile) -> str:
    if file.hold is not None:
        return held_because(file)
    if not plan.policy.promotes:
        return "in S3 only, and nothing is promoted in this run"
    if file.recent_uses < HOT_USES:
        return (
            f"in S3 only, and {_used(file)} in the last {HOT_DAYS} days;"
            f" from {HOT_USES} uses on it comes back by itself"
        )
    return "in S3 only; it is used often enough to come back, and there is no room for it"


def _used(file: TierFile) -> str:
    return f"used {times(file.recent_uses)}" if file.recent_uses else "not used"


def _back(move: Move) -> str:
    stored = move.file.storage_class
    origin = "" if stored == "STANDARD" else f"from {stored} "
    if not move.hours:
        return f"{origin}at once for {money(move.price)}"
    rule = f", because a rule will move it to {move.file.later_class}" if move.file.later_class else ""
    return f"{origin}after a restore ({move.wait}) for {money(move.price)}{rule}"
