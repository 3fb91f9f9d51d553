"""What will be stored later: so much more each month, of the same kinds and sizes as what is there. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from creative_s3.core.lifecycle.population import State
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from creative_s3.core.lifecycle.months import Month
    from creative_s3.core.lifecycle.population import Traits

SCALE = 1_000_000
"""An expected object is counted in millionths."""
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)\s*%")


@dataclass(frozen=True, slots=True)
class Growth:
    """How much is stored each month.

    Attributes:
        share: Of what is there at the month's beginning, so that it compounds; 0 for none.
        monthly_bytes: The same number of bytes every month; 0 for none.
        source: Where this is from, in words.
    """

    share: Fraction = Fraction(0)
    monthly_bytes: int = 0
    source: str = ""


def growth_of(text: str, monthly_bytes: int | None) -> Growth:
    """Read ``5%``, compounding each month; anything else is the size in `monthly_bytes`.

    Raises:
        UsageError: More than 100 % a month.
    """
    match = _PERCENT.fullmatch(text.strip())
    if match is None:
        return Growth(monthly_bytes=monthly_bytes or 0, source=f"{text} a month, as given")
    share = Fraction(match[1]) / 100
    if share > 1:
        raise UsageError("nothing grows by more than 100 % a month here", item=text, hint="give --growth 5%")
    return Growth(share=share, source=f"{match[1]} % a month, as given")


def is_percentage(text: str) -> bool:
    """Tell whether a growth is a share of what is there."""
    return _PERCENT.fullmatch(text.strip()) is not None


def newcomers(
    groups: Sequence[tuple[Traits, int, int]], growth: Growth, months: Sequence[Month], *, stored_as: str
) -> Iterator[tuple[Traits, int, int]]:
    """Yield what is stored in the simulated months after the first: traits, objects and bytes, times `SCALE`.

    A month's newcomers come on its first day and are spread over places, sizes and reads as what is there.
    """
    profile: dict[Traits, list[int]] = {}
    total = 0
    for traits, objects, size_bytes in groups:
        if traits.state is not State.CURRENT:
            continue
        row = profile.setdefault(traits._replace(storage_class=stored_as, stored_day=0), [0, 0])
        row[0] += objects
        row[1] += size_bytes
        total += size_bytes
    if not total:
        return
    for number, month in enumerate(months[1:]):
        share = growth.share * (1 + growth.share) ** number + Fraction(growth.monthly_bytes, total)
        weight = round(share * SCALE)
        if weight:
            for traits, (objects, size_bytes) in profile.items():
                yield traits._replace(stored_day=month.first), objects * weight, size_bytes * weight
