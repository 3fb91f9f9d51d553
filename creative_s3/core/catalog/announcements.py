"""Announcements: what CloudFront was told, or is to be told, so that a repetition costs nothing.

An invalidation is written down with its reference before it is sent. A run that dies in between leaves it
without an id: the next one sends the very same again, and CloudFront carries it out once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from creative_s3.core.catalog.database import Database


@dataclass(frozen=True, slots=True)
class Announcement:
    """One invalidation of ours.

    Attributes:
        reference: CloudFront's caller reference: the same one is carried out once.
        distribution: For which distribution.
        token: What the reference was derived from: names the runs, or this call.
        paths: In CloudFront's spelling.
        planned_at: ISO 8601, UTC.
        id: CloudFront's name for it; None while nobody knows whether it arrived.
    """

    reference: str
    distribution: str
    token: str
    paths: tuple[str, ...]
    planned_at: str
    id: str | None = None


class Announcements:
    """The invalidations of one bucket that a catalog knows; any thread."""

    def __init__(self, database: Database, bucket: str) -> None:
        self._database = database
        self._bucket = bucket

    def plan(self, announcements: Iterable[Announcement], at: datetime) -> None:
        """Write down what is about to be sent; what is known already stays as it is."""
        moment = at.isoformat(timespec="seconds")
        with self._database.transaction() as database:
            database.executemany(
                "INSERT OR IGNORE INTO invalidation VALUES (?, ?, ?, ?, ?, ?, NULL)",
                [
                    (one.reference, self._bucket, one.distribution, one.token, json.dumps(one.paths), moment)
                    for one in announcements
                ],
            )

    def sent(self, reference: str, name: str) -> None:
        """Record that CloudFront took one, and how it calls it."""
        with self._database.transaction() as database:
            database.execute("UPDATE invalidation SET id=? WHERE reference=?", (name, reference))

    def drop(self, reference: str) -> None:
        """Forget one that CloudFront refused."""
        with self._database.transaction() as database:
            database.execute("DELETE FROM invalidation WHERE reference=? AND id IS NULL", (reference,))

    def unfinished(self, distribution: str, *, since: datetime) -> list[Announcement]:
        """Return those that may not have arrived, the oldest first."""
        return self._read(
            "distribution=? AND id IS NULL AND planned_at >= ?",
            (distribution, since.isoformat(timespec="seconds")),
        )

    def of_token(self, distribution: str, token: str) -> list[Announcement]:
        """Return those that were derived from a token, sent or not."""
        return self._read("distribution=? AND token=?", (distribution, token))

    def ours(self, distribution: str) -> dict[str, Announcement]:
        """Return those that CloudFront took, by its id."""
        return {
            one.id: one for one in self._read("distribution=? AND id IS NOT NULL", (distribution,)) if one.id
        }

    def remember_sizes(self, distribution: str, sizes: Mapping[str, int]) -> None:
        """Record how many paths invalidations have, by id."""
        with self._database.transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO invalidation_paths VALUES (?, ?, ?)",
                [(distribution, name, paths) for name, paths in sizes.items()],
            )

    def sizes(self, distribution: str) -> dict[str, int]:
        """Return how many paths invalidations have, by id, as far as it is known here."""
        rows = self._database.rows(
            "SELECT id, paths FROM invalidation_paths WHERE distribution=?", (distribution,)
        )
        return dict(rows)

    def _read(self, condition: str, values: tuple[object, ...]) -> list[Announcement]:
        rows = self._database.rows(
            "SELECT reference, distribution, token, paths, planned_at, id FROM invalidation"  # noqa: S608 - ours
            f" WHERE bucket=? AND {condition} ORDER BY planned_at, reference",
            (self._bucket, *values),
        )
        return [
            Announcement(reference, where, token, tuple(json.loads(paths)), at, name)
            for reference, where, token, paths, at, name in rows
        ]
