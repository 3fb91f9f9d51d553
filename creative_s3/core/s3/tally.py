"""Requests, counted."""

from __future__ import annotations

import threading
from collections import Counter


class RequestTally:
    """Counts requests by S3 operation name, as far as the engines show them; any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, operation: str, count: int = 1) -> None:
        """Count `count` requests."""
        with self._lock:
            self._counts[operation] += count

    def counts(self) -> dict[str, int]:
        """Return what was counted so far."""
        with self._lock:
            return dict(self._counts)
