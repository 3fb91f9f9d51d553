"""Counts that wait to be written into the catalog: a use of an asset must not cost a disk's time."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.catalog.usage import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.catalog.usage import Usage


class Counts:
    """Uses of assets and what else is counted, kept in memory until `write`; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: Counter[str] = Counter()
        self._tallies: dict[str, Tally] = {}

    def use(self, cache_key: str) -> None:
        """Count a use of an asset."""
        with self._lock:
            self._uses[cache_key] += 1

    def add(self, what: str, size_bytes: int = 0) -> None:
        """Count something, by its name in `core.catalog.usage`, and the bytes that it concerned."""
        with self._lock:
            self._add({what: Tally(1, size_bytes)})

    def write(self, usage: Usage) -> None:
        """Write what waits; keep it if that fails.

        Raises:
            CreativeS3Error: The catalog cannot be written.
        """
        with self._lock:
            uses, tallies = self._uses, self._tallies
            self._uses, self._tallies = Counter(), {}
        if not uses and not tallies:
            return
        try:
            usage.record(uses, tallies, at=datetime.now(UTC))
        except BaseException:
            with self._lock:
                self._uses.update(uses)
                self._add(tallies)
            raise

    def _add(self, tallies: Mapping[str, Tally]) -> None:
        for what, tally in tallies.items():
            before = self._tallies.get(what, Tally())
            self._tallies[what] = Tally(before.times + tally.times, before.size_bytes + tally.size_bytes)
