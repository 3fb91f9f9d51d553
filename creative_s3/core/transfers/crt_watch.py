"""Ends what the Common Runtime does not bring on: it counts no bytes, and a byte each 30 s keeps it waiting.

What is ended here is done by the classic engine, which judges each byte; so a line that is merely slow costs
some time and no transfer.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST_BYTES_PER_S = 64 << 10
"""How fast a body must move that is told only when it is whole."""
_LOOKS = 8
"""How often it is looked in the time that the server may be silent."""


class Watched(Protocol):
    """What can be ended.

    Attributes:
        moved_at: When it began, or when last something of it came; `time.monotonic`.
        quiet_bytes: How much may move before anything of it is told.
    """

    moved_at: float
    quiet_bytes: int

    def give_up(self) -> None:
        """End it."""


class Watch:
    """Looks at what is under way, in a thread of its own while there is any; any thread may call it.

    Args:
        silent_s: How long the server may be silent.
        carried: How many are under way at once; the others wait for a connection.
        clock: Seconds, growing steadily.
    """

    def __init__(self, silent_s: float, *, carried: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._silent_s = silent_s
        self._carried = carried
        self.now = clock
        self._lock = threading.Lock()
        self._under_way: dict[Watched, None] = {}
        self._is_running = False
        self._ends = threading.Event()

    def add(self, one: Watched) -> None:
        """Look at it from now on."""
        one.moved_at = self.now()
        with self._lock:
            self._under_way[one] = None
            if self._is_running:
                return
            self._is_running = True
        threading.Thread(target=self._run, name="crt-watch", daemon=True).start()

    def discard(self, one: Watched) -> None:
        """Look at it no more."""
        with self._lock:
            self._under_way.pop(one, None)

    def end(self) -> None:
        """End all that is under way."""
        with self._lock:
            all_of_it = tuple(self._under_way)
            self._under_way.clear()
        for one in all_of_it:
            one.give_up()

    def close(self) -> None:
        """Let the thread end."""
        self._ends.set()

    def look(self) -> None:
        """End what is late."""
        now = self.now()
        late = []
        with self._lock:
            for number, one in enumerate(self._under_way):
                if number >= self._carried:  # it waits for a connection
                    one.moved_at = now
                elif now - one.moved_at > self._silent_s + one.quiet_bytes / LEAST_BYTES_PER_S:
                    late.append(one)
            for one in late:
                del self._under_way[one]
        for one in late:
            one.give_up()

    def _run(self) -> None:
        while not self._ends.wait(self._silent_s / _LOOKS):
            self.look()
            with self._lock:
                if not self._under_way:
                    self._is_running = False
                    return
