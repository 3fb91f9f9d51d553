"""Accesses and daily counters: what the catalog knows of how assets are used; runs: `catalog.runs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from creative_s3.core.catalog.database import Database

HITS, MISSES, UPLOADS, DOWNLOADS = "hit", "miss", "upload", "download"
"""What is counted each day. A hit is an asset that was asked for and was on local disk; a miss had to come
from S3, or could not come at all."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something happened, and how many bytes it concerned."""

    times: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Access:
    """How an asset was used.

    Attributes:
        uses: In all.
        last_at: The last use, ISO 8601, UTC.
    """

    uses: int
    last_at: str


class Usage:
    """Who used what, in one catalog; any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, uses: Mapping[str, int], tallies: Mapping[str, Tally], *, at: datetime) -> None:
        """Add uses of assets (cache key -> number) and counts, in one durable step.

        Args:
            uses: How often each asset was used.
            tallies: What happened, by `HITS` and its like.
            at: When, with time zone; the day counts in UTC.
        """
        day, moment = at.date().isoformat(), at.isoformat(timespec="seconds")
        with self._database.transaction() as database:
            database.executemany(
                "INSERT INTO access VALUES (?, ?, ?, ?) ON CONFLICT (cache_key, day) DO UPDATE"
                " SET uses = uses + excluded.uses, last_at = max(last_at, excluded.last_at)",
                [(cache_key, day, times, moment) for cache_key, times in uses.items()],
            )
            database.executemany(
                "INSERT INTO last_access SELECT id, ? FROM asset WHERE cache_key=?"
                " ON CONFLICT (id) DO UPDATE SET day = max(day, excluded.day)",
                [(at.toordinal(), cache_key) for cache_key in uses],
            )
            database.executemany(
                "INSERT INTO daily VALUES (?, ?, ?, ?) ON CONFLICT (day, what) DO UPDATE"
                " SET times = times + excluded.times, bytes = bytes + excluded.bytes",
                [(day, what, tally.times, tally.size_bytes) for what, tally in tallies.items()],
            )

    def totals(self) -> dict[str, Tally]:
        """Return what was counted in all, by `HITS` and its like."""
        rows = self._database.rows("SELECT what, sum(times), sum(bytes) FROM daily GROUP BY what")
        return {what: Tally(times, size_bytes) for what, times, size_bytes in rows}

    def by_day(self, what: str) -> dict[str, Tally]:
        """Return one count for each day that has any: ISO date -> tally."""
        rows = self._database.rows("SELECT day, times, bytes FROM daily WHERE what=? ORDER BY day", (what,))
        return {day: Tally(times, size_bytes) for day, times, size_bytes in rows}

    def access(self, cache_key: str) -> Access | None:
        """Return how an asset was used; None when it never was."""
        row = self._database.row("SELECT sum(uses), max(last_at) FROM access WHERE cache_key=?", (cache_key,))
        return Access(*row) if row and row[0] else None

    def most_used(self, limit: int) -> list[tuple[str, Access]]:
        """Return the assets used most, the most used first."""
        rows = self._database.rows(
            "SELECT cache_key, sum(uses), max(last_at) FROM access GROUP BY cache_key"
            " ORDER BY sum(uses) DESC, cache_key LIMIT ?",
            (limit,),
        )
        return [(cache_key, Access(uses, last_at)) for cache_key, uses, last_at in rows]
