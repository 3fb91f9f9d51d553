"""How many items may be under way: fewer when the server asks to slow down, slowly more when it does not.

Additive increase, multiplicative decrease, as TCP has it: many clients that share a server end up with fair
shares, and find its limit again when it has recovered. Pure; times are given.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from creative_s3.errors import OutageError

if TYPE_CHECKING:
    from creative_s3.errors import CreativeS3Error

_CUT = 0.5
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 15.0


class Window:
    """The number of items that may be under way at once; used from one thread.

    Args:
        most: The limit when all is well, at least 1.
        carried: How many of them are sent at once; the others wait for a connection. None for all.
    """

    def __init__(self, most: int, *, carried: int | None = None) -> None:
        self._most = most
        self._carried = carried or most
        self._size = float(most)
        self._cut_at: float | None = None

    @property
    def size(self) -> int:
        """Items that may be under way now, at least 1."""
        return int(self._size)

    def succeeded(self) -> None:
        """Widen: a whole window of successes allows one item more."""
        self._size = min(self._most, self._size + 1 / self._size)

    def slowed(self, *, sent_at: float, now: float) -> None:
        """Halve, once for all items that were sent before the last time: they met the same crowd.

        Args:
            sent_at: When the item was sent that the server refused.
            now: The present time, by the same clock.
        """
        if self._cut_at is not None and sent_at <= self._cut_at:
            return
        self._cut_at = now
        self._size = max(1.0, min(self._size, self._carried) * _CUT)


def delay_s(attempt: int) -> float:
    """Return an exponential delay with jitter, so that many items do not come back at the same moment."""
    longest = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** (attempt - 1))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreading load, not guarding anything


def outage_after(error: CreativeS3Error, duration_s: float) -> OutageError:
    """Return the error for a run in which nothing succeeds any more: the others would fail as slowly."""
    return OutageError(
        f"nothing succeeded for {duration_s:.0f} s, so the run was ended: {error.message}",
        item=error.item,
        hint="run the same command again: it goes on where this stopped",
    )
