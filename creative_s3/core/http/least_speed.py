"""How slowly an answer may come: a server that sends a byte now and then must not hold anything up for ever.

The time-out of a socket begins anew with every byte. What is counted here is the time that was really spent
waiting, so that neither a slow disk of ours nor the server's thinking before its first byte counts.
"""

from __future__ import annotations

LEAST_BYTES = 16 << 10
"""What must come in as much waiting as the other side may be silent: 273 bytes a second with 60 s."""
_MOST_WINDOWS = 5
"""How much of that waiting an answer may take in all, beside that for the content which is expected."""


class SlowAnswerError(TimeoutError):
    """An answer came, too slowly: waiting longer is no use."""


class LeastSpeed:
    """Judges one answer after the other; for one thread at a time.

    Args:
        window_s: How much waiting `LEAST_BYTES` may take.
    """

    __slots__ = ("_came_bytes", "_has_begun", "_left_s", "_waited_s", "_window_s")

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self.begin()

    def begin(self) -> None:
        """Expect another answer."""
        self._has_begun = False
        self._waited_s = 0.0
        self._came_bytes = 0
        self._left_s = _MOST_WINDOWS * self._window_s

    def expect(self, size_bytes: float) -> None:
        """Allow time for content of this size, at the least speed; infinite for content of any size."""
        self._left_s += size_bytes / LEAST_BYTES * self._window_s

    def came(self, count_bytes: int, *, waited_s: float) -> None:
        """Count what came.

        Args:
            count_bytes: How much.
            waited_s: How long it was waited for.

        Raises:
            SlowAnswerError: Too little came in too much time.
        """
        if not self._has_begun:  # how long the first byte may take is the socket's time-out
            self._has_begun = True
            waited_s = 0.0
        self._waited_s += waited_s
        self._left_s -= waited_s
        self._came_bytes += count_bytes
        if self._left_s < 0:
            raise SlowAnswerError("the answer took too long in all")
        if self._waited_s < self._window_s:
            return
        if self._came_bytes < LEAST_BYTES:
            raise SlowAnswerError(f"only {self._came_bytes} bytes came in {self._waited_s:.0f} s")
        self._waited_s = 0.0
        self._came_bytes = 0
