"""Numbers as nested intervals, so that an index of words finds ranges: sizes, and days. Pure.

A number lies on a scale of whole steps. Each step is in three intervals, of 1, 16 and 256 steps, and their
names are what the index holds. A range is then a few dozen names at most, whatever is in it. It comes out as
wide as whole steps are: who needs it exact checks the number itself.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

UNKNOWN = "?"
"""The name for a number that is not known."""
_BITS = 4
_TOP = 2
_SIZE_BITS = 7
"""Sizes keep so many significant binary digits: a step of theirs is at most 1.6 % of the size."""


@lru_cache(maxsize=16384)
def intervals(step: int) -> tuple[str, ...]:
    """Return the names of the intervals that a step (0 or more) is in, the narrowest first."""
    return tuple(f"{level}:{step >> _BITS * level}" for level in range(_TOP + 1))


def covering(names: Iterable[str], *, low: int | None = None, high: int | None = None) -> list[str]:
    """Return which intervals, of those that are in use, hold the steps from `low` to `high` and no others.

    Args:
        names: The names in use; a wide interval is in use where a narrow one within it is.
        low: The first step; None for no beginning.
        high: The last step; None for no end.
    """
    used = frozenset(names)
    tops = sorted(name for name in used if name.startswith(f"{_TOP}:"))
    return [name for top in tops for name in _within(_TOP, int(top.partition(":")[2]), used, low or 0, high)]


def step_of_size(size_bytes: int) -> int:
    """Return the step of a size; it never falls when the size grows."""
    dropped = max(size_bytes.bit_length() - _SIZE_BITS, 0)
    return (dropped << _SIZE_BITS - 1) + (size_bytes >> dropped)


def step_of_day(day: date) -> int:
    """Return the step of a day."""
    return day.toordinal()


def instant(text: str | None) -> datetime | None:
    """Read an ISO 8601 time, as UTC where it names no zone; None for what is none."""
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _within(level: int, index: int, used: Container[str], low: int, high: int | None) -> Iterator[str]:
    name = f"{level}:{index}"
    first, last = index << _BITS * level, ((index + 1) << _BITS * level) - 1
    if name not in used or last < low or (high is not None and first > high):
        return
    if low <= first and (high is None or last <= high):
        yield name
        return
    for child in range(index << _BITS, (index + 1) << _BITS):
        yield from _within(level - 1, child, used, low, high)
