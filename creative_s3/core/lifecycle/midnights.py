"""S3's calendar: days that end at midnight UTC, and months with their own number of days. Pure.

A day is its ordinal, as in ``date.toordinal``: whole numbers, so that a million objects are counted fast.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import time

_MIDNIGHT = (0, 0, 0, 0)


def midnight_from(moment: datetime) -> int:
    """Return the first midnight UTC at or after a moment, as a day.

    S3 adds a rule's days to when an object was stored and rounds up to the next midnight (S3 User Guide,
    "Lifecycle configuration elements"); rounding first and adding whole days after is the same.
    """
    at = moment.astimezone(UTC)
    clock: time = at.time()
    is_midnight = (clock.hour, clock.minute, clock.second, clock.microsecond) == _MIDNIGHT
    return at.toordinal() + (not is_midnight)


def date_of(day: int) -> date:
    """Return a day as a date."""
    return date.fromordinal(day)
