"""Writing in the background: soon, together, and at the latest when the program ends."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from typing import TYPE_CHECKING

from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Callable

DELAY_S = 1.0
"""After the first change, so that the work itself has another second until it is promised to be done."""
_REST_FACTOR = 4
"""Work that takes long is done less often: at most a fifth of the time."""
_RETRY_S = 30.0

_log = logging.getLogger(__name__)
_living: weakref.WeakSet[Flusher] = weakref.WeakSet()


class Flusher:
    """Calls `work` in a thread of its own soon after `wake`; any thread may call anything.

    Args:
        work: What to do; it takes all that is waiting. It is never called twice at once.
        delay_s: How long to wait for more after the first change.
    """

    def __init__(self, work: Callable[[], None], *, delay_s: float = DELAY_S) -> None:
        self._work = weakref.WeakMethod(work)
        self._delay_s = delay_s
        self._turn = threading.Lock()
        self._changed = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._rest_s = 0.0
        _living.add(self)

    def wake(self) -> None:
        """Say that something is waiting; returns at once."""
        self._changed.set()
        with self._starting:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(
                    target=_serve, args=(weakref.ref(self),), name="creative-s3-flush", daemon=True
                )
                self._thread.start()

    def flush(self) -> None:
        """Do the work now, in this thread.

        Raises:
            CreativeS3Error: What the work raises.
        """
        self._do()

    def _do(self, *, unless_closed: bool = False) -> None:
        work = self._work()
        with self._turn:
            if unless_closed and self._closed.is_set():
                return  # who closed it has done what was waiting, and let go of what the work needs
            self._changed.clear()
            started = time.monotonic()
            if work is not None:
                work()
            self._rest_s = (time.monotonic() - started) * _REST_FACTOR

    def close(self) -> None:
        """Do what is waiting, then let the thread end.

        Raises:
            CreativeS3Error: What the work raises.
        """
        _living.discard(self)
        self._closed.set()
        self._changed.set()
        self.flush()

    def serve_once(self) -> bool:
        """Wait for a change for a moment and do the work; return whether to go on."""
        if not self._changed.wait(0.5) or self._closed.is_set():
            return not self._closed.is_set()
        if self._closed.wait(self._delay_s):
            return False
        try:
            self._do(unless_closed=True)
        except CreativeS3Error as error:
            # What is waiting stays recorded, and is tried again; the next `flush` tells the caller.
            _log.warning("%s: %s", error.message, error.hint)
            self._changed.set()
            return not self._closed.wait(_RETRY_S)
        return not self._closed.wait(self._rest_s)


def _serve(reference: weakref.ref[Flusher]) -> None:
    """Serve a flusher as long as somebody has it."""
    while (flusher := reference()) is not None and flusher.serve_once():
        del flusher


@atexit.register
def _flush_all() -> None:
    for flusher in tuple(_living):
        try:
            flusher.close()
        except CreativeS3Error as error:
            _log.warning("%s: %s", error.message, error.hint)
