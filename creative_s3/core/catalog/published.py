"""What each entry of index.json was when it was last published: one row for each, by bucket.

The published index itself is `core.published.publication`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from creative_s3.core.catalog.database import Database

_PUT = (
    "INSERT INTO published VALUES (?, ?, ?, ?, ?) ON CONFLICT (bucket, section, entry)"
    " DO UPDATE SET ours=excluded.ours, merged=excluded.merged"
    " WHERE ours <> excluded.ours OR merged <> excluded.merged"
)


@dataclass(frozen=True, slots=True)
class PublishedDigests:
    """What an index entry was when we last published: on our side, and in the merged result."""

    ours: str
    merged: str


class PublishedTable:
    """The published entries of one bucket; any thread."""

    def __init__(self, database: Database, bucket: str) -> None:
        self._database = database
        self._bucket = bucket

    def get(self, section: str, entry: str) -> PublishedDigests | None:
        """Return what an entry was; None when it was not published from here."""
        row = self._database.row(
            "SELECT ours, merged FROM published WHERE bucket=? AND section=? AND entry=?",
            (self._bucket, section, entry),
        )
        return PublishedDigests(*row) if row else None

    def is_empty(self) -> bool:
        """Tell whether nothing was ever published from here."""
        return self._database.row("SELECT 1 FROM published WHERE bucket=? LIMIT 1", (self._bucket,)) is None

    def add(self, digests: Iterable[tuple[tuple[str, str], PublishedDigests]]) -> None:
        """Record what some entries (section and name) are, beside what is known of the others."""
        with self._database.transaction() as database:
            database.executemany(_PUT, self._rows(digests))

    def replace(self, digests: Callable[[], Iterable[tuple[tuple[str, str], PublishedDigests]]]) -> None:
        """Record what all entries are; what is not among them is forgotten.

        Args:
            digests: Returns them, one for each entry, perhaps twice; fastest in the order of the names.
        """
        with self._database.transaction() as database:
            # Most often nothing has left the index: then only what changed is written.
            put = 0
            for row in self._rows(digests()):
                database.execute(_PUT, row)
                put += 1
            there = database.execute("SELECT count(*) FROM published WHERE bucket=?", (self._bucket,))
            if there.fetchone()[0] != put:
                database.execute("DELETE FROM published WHERE bucket=?", (self._bucket,))
                database.executemany(_PUT, self._rows(digests()))

    def _rows(
        self, digests: Iterable[tuple[tuple[str, str], PublishedDigests]]
    ) -> Iterator[tuple[str, str, str, str, str]]:
        for (section, entry), known in digests:
            yield self._bucket, section, entry, known.ours, known.merged
