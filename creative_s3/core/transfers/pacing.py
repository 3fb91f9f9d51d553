"""How many items may be under way: fewer when the server asks to slow down, slowly more when it does not.

Additive increase, multiplicative decrease, as TCP has it: many clients that share a server end up with fair
shares, and find its limit again when it has recovered. Pure; times are given.
"""

from __future__ import annotations

_CUT = 0.5


class Window:
    """The number of items that may be under way at once; used from one thread.

    Args:
        most: The limit when all is well, at least 1.
    """

    def __init__(self, most: int) -> None:
        self._most = most
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
        self._size = max(1.0, self._size * _CUT)
