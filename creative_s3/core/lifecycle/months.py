"""The months of a simulation, and what a day costs in each: one of its own month's days. Pure.

Whole numbers of a unit in which every month's day is whole: 1/377,580 of a month, the least common multiple
of 28, 29, 30 and 31.
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

UNITS_PER_MONTH = 377_580
_DECEMBER = 12


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, or the part of it that is simulated.

    Attributes:
        name: Such as ``2027-02``.
        first: Its first simulated day.
        end: The day after its last one.
        length: How many days the whole calendar month has.
    """

    name: str
    first: int
    end: int
    length: int

    @property
    def days(self) -> int:
        """How many of its days are simulated."""
        return self.end - self.first


def months_from(start: int, number: int) -> tuple[Month, ...]:
    """Return so many months; the first one begins on day `start` and ends with its calendar month."""
    months = []
    for _ in range(number):
        day = date.fromordinal(start)
        length = monthrange(day.year, day.month)[1]
        end = start - day.day + 1 + length
        months.append(Month(f"{day.year}-{day.month:02}", start, end, length))
        start = end
    return tuple(months)


class Calendar:
    """How many units some days are; days up to two years after the last month can be asked for.

    Args:
        months: The simulated months, without gaps.
    """

    def __init__(self, months: tuple[Month, ...]) -> None:
        self.months = months
        # A minimum duration may end after the last simulated month: at most 180 days.
        ahead = months_from(months[-1].end, 2 * _DECEMBER)
        self._first = months[0].first
        self._sums = [0]
        for month in (*months, *ahead):
            unit = UNITS_PER_MONTH // month.length
            for _ in range(month.days):
                self._sums.append(self._sums[-1] + unit)
        self._starts = [month.first for month in months]

    def units(self, first: int, end: int) -> int:
        """Return the units from day `first` to before day `end`."""
        return self._sums[end - self._first] - self._sums[first - self._first]

    def month_at(self, day: int) -> int:
        """Return the number of the month that a day is in."""
        return bisect_right(self._starts, day) - 1
