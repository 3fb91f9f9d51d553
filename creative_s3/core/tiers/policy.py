"""The policy of the tiers: which local files may go because S3 has them, and which cold ones come back. Pure.

Values in, a plan out; the time is given. Nothing here looks at a disk or a bucket.
"""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from creative_s3.core.tiers.returning import ReturnTerms, terms_of
from creative_s3.core.tiers.tiers import HOT_USES, Action, Cause, Hold, Move, Policy, Room, TierFile, TierPlan
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

MARGIN = 0.1
"""Who is over the limit goes this share below it, so that the next file does not start it all again."""
GRACE = timedelta(hours=1)
"""What was used or written so recently is in somebody's hands."""

_TRIED_WHEN_ASKED = frozenset({Hold.UNPROVED, Hold.CHANGED, Hold.ARCHIVED})
"""What is recorded and may be out of date: for a file that somebody names, S3 is asked all the same."""
_RETURN_USD = 0.01
"""What a return costs besides the bill: a person's moment. Only the order of leaving depends on it."""


def make_plan(  # noqa: PLR0913 - all that a plan depends on
    files: Iterable[TierFile],
    policy: Policy,
    room: Room,
    *,
    now: datetime,
    terms: Mapping[str, ReturnTerms],
    hot_bytes: int | None = None,
) -> TierPlan:
    """Decide what goes and what comes back; the same values give the same plan, in whatever order.

    What is cold goes. If that is not enough for the limit and the minimum, other files go, the least
    regretted first, and none whose staying would still leave enough. Hot assets come back while the limit
    allows.

    Args:
        files: All files, hot and cold; at least those that may be named in the plan.
        policy: What is wanted.
        room: How much there is.
        now: With time zone.
        terms: What coming back takes, by storage class.
        hot_bytes: The local files inside the cache directory; None when `files` has all of them.
    """
    every = tuple(files)
    hot = [file for file in every if file.is_hot and file.in_cache]
    needed = needed_bytes(policy, room)
    leaving: list[Move] = []
    if policy.demotes:
        leaving = _demotions(hot, policy, needed, now=now, terms=terms)
    freed = sum(move.file.size_bytes for move in leaving)
    coming: list[Move] = []
    if policy.promotes:
        after = Room(room.used_bytes - freed, room.free_bytes + freed)
        coming = promotions(every, policy, after, is_tight=needed > 0, terms=terms)
    return TierPlan(
        demotions=tuple(leaving),
        promotions=tuple(coming),
        needed_bytes=needed,
        hot_bytes=sum(file.size_bytes for file in hot) if hot_bytes is None else hot_bytes,
        policy=policy,
        room=room,
        now=now,
        held=_held(hot, policy, now=now, is_tight=freed < needed) if policy.demotes else {},
    )


def needed_bytes(policy: Policy, room: Room) -> int:
    """Return how many bytes have to go for the limit and for the minimum of free disk; 0 for none."""
    needed = 0
    if policy.limit_bytes is not None and room.used_bytes > policy.limit_bytes:
        needed = room.used_bytes - _ceiling(policy.limit_bytes, is_tight=True)
    if policy.min_free_bytes is not None and room.free_bytes < policy.min_free_bytes:
        needed = max(needed, int(policy.min_free_bytes * (1 + MARGIN)) - room.free_bytes)
    return needed


def promotions(
    files: Iterable[TierFile],
    policy: Policy,
    room: Room,
    *,
    is_tight: bool,
    terms: Mapping[str, ReturnTerms],
) -> list[Move]:
    """Decide what comes back, hottest first.

    Args:
        files: At least those in S3 only that are used often.
        policy: What is wanted.
        room: How much there is after what goes has gone.
        is_tight: Whether anything had to go for want of space.
        terms: What coming back takes, by storage class.
    """
    wanted = sorted(
        filter(comes_back, files),
        key=lambda file: (-file.recent_uses, -file.last_used_at.timestamp(), file.file_path),
    )
    space, disk = space_for_promotions(policy, room, is_tight=is_tight)
    chosen = []
    for file in wanted:
        fits = not file.in_cache or file.size_bytes <= space
        if fits and file.size_bytes <= disk:
            chosen.append(_move(file, Action.PROMOTE, Cause.HOT, terms))
            disk -= file.size_bytes
            if file.in_cache:
                space -= file.size_bytes
    return chosen


def comes_back(file: TierFile) -> bool:
    """Tell whether a file is in S3 only and used often enough to come back."""
    return file.is_cold and file.hold is None and file.recent_uses >= HOT_USES


def space_for_promotions(policy: Policy, room: Room, *, is_tight: bool) -> tuple[float, int]:
    """Return how many bytes may come back into the cache directory, and onto its disk at all."""
    space = math.inf
    if policy.limit_bytes is not None:
        # Where files go for want of space, what comes back stays below the same mark: no to and fro.
        space = _ceiling(policy.limit_bytes, is_tight=is_tight) - room.used_bytes
    return space, room.free_bytes - (policy.min_free_bytes or 0)


def regret(file: TierFile, terms: Mapping[str, ReturnTerms], *, now: datetime) -> tuple[float, float, str]:
    """Return how much letting a file go is likely to be regretted; the smallest goes first.

    First counts how many hours a restore would take: such files go last. Then what each freed byte is likely
    to cost: how likely the file is needed again (uses count for it, idle time against it) times the price of
    its return, divided by its size. So large, unused, cheaply fetched files go first.
    """
    back = _back(file, terms)
    chance = (1 + file.recent_uses + math.sqrt(file.uses)) / (1 + file.idle_days(now))
    cost = _RETURN_USD + back.rough_price(file.size_bytes)
    return back.hours, chance * cost / max(file.size_bytes, 1), file.file_path


def is_fresh(file: TierFile, now: datetime) -> bool:
    """Tell whether a file was used or written within `GRACE`."""
    return now - file.last_used_at < GRACE or (file.changed_at is not None and now - file.changed_at < GRACE)


def is_due(file: TierFile, policy: Policy, now: datetime) -> bool:
    """Tell whether a file is cold by its age."""
    return file.idle_days(now) >= policy.cold_days


def check_share(plan: TierPlan, allowed: float) -> None:
    """Refuse a plan that removes more of the local bytes than is allowed.

    Raises:
        RefusedError: It does.
    """
    if plan.share > allowed:
        raise RefusedError(
            f"the plan removes {plan.share:.0%} of the local bytes, and {allowed:.0%} are allowed in one run;"
            " nothing was removed",
            item=f"{len(plan.demotions):,} files",
            hint=f"if that is meant, add --max-evict {min(int(plan.share * 100) + 1, 100)}%",
        )


def is_tried(file: TierFile) -> bool:
    """Tell whether a file that somebody names is tried to be demoted, whatever is recorded of its copy."""
    return file.is_hot and (file.hold is None or file.hold in _TRIED_WHEN_ASKED)


def asked(files: Iterable[TierFile], action: Action, terms: Mapping[str, ReturnTerms]) -> tuple[Move, ...]:
    """Return the moves for files that somebody named, in the order given."""
    return tuple(_move(file, action, Cause.ASKED, terms) for file in files)


def _demotions(
    hot: Sequence[TierFile],
    policy: Policy,
    needed: int,
    *,
    now: datetime,
    terms: Mapping[str, ReturnTerms],
) -> list[Move]:
    candidates = sorted(
        (file for file in hot if file.hold is None and not is_fresh(file, now)),
        key=lambda file: regret(file, terms, now=now),
    )
    due = [file for file in candidates if is_due(file, policy, now)]
    chosen = [_move(file, Action.DEMOTE, Cause.COLD, terms) for file in due]
    missing = needed - sum(file.size_bytes for file in due)
    if missing > 0:
        others = [file for file in candidates if not is_due(file, policy, now) and file.size_bytes]
        chosen += [
            _move(file, Action.DEMOTE, Cause.SPACE, terms) for file in _least_regretted(others, missing)
        ]
    return chosen


def _least_regretted(candidates: Sequence[TierFile], missing: int) -> list[TierFile]:
    """Take candidates in order until enough is freed, then give back those that turn out not to be needed."""
    taken: list[TierFile] = []
    freed = 0
    for file in candidates:
        if freed >= missing:
            break
        taken.append(file)
        freed += file.size_bytes
    kept: list[TierFile] = []
    for file in reversed(taken):  # what is most regretted is given back first
        if freed - file.size_bytes >= missing:
            freed -= file.size_bytes
        else:
            kept.append(file)
    return kept[::-1]


def _ceiling(limit_bytes: int, *, is_tight: bool) -> int:
    return int(limit_bytes * (1 - MARGIN)) if is_tight else limit_bytes


def _held(
    hot: Sequence[TierFile], policy: Policy, *, now: datetime, is_tight: bool
) -> Mapping[Hold, tuple[TierFile, ...]]:
    found: defaultdict[Hold, list[TierFile]] = defaultdict(list)
    for file in hot:
        if not is_tight and not is_due(file, policy, now):
            continue
        if file.hold is not None:
            found[file.hold].append(file)
        elif is_fresh(file, now):
            found[Hold.FRESH].append(file._replace(hold=Hold.FRESH))
    return {
        hold: tuple(sorted(found[hold], key=lambda file: file.file_path)) for hold in Hold if hold in found
    }


def _move(file: TierFile, action: Action, cause: Cause, terms: Mapping[str, ReturnTerms]) -> Move:
    back = terms_of(file.storage_class, terms) if action is Action.PROMOTE else _back(file, terms)
    return Move(file, action, cause, back.price(file.size_bytes), back.hours, back.wait)


def _back(file: TierFile, terms: Mapping[str, ReturnTerms]) -> ReturnTerms:
    """Return what coming back takes: by then a lifecycle rule may have moved the object."""
    return terms_of(file.later_class or file.storage_class, terms)
