"""The journal: changes that are durable in the catalog and still to be carried out elsewhere.

An asset that was registered is in the catalog at once; its entry in index.json follows in a batch. Should the
process die between the two, whoever opens the catalog next finds the change here and finishes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from creative_s3.core.catalog.database import Database

INDEX_ACTION = "index"
"""Write an entry into index.json."""
WRITTEN_ACTION = "written"
"""Nothing is to be done: what was written, kept because no row of the catalog says it."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A change of one entry of index.json that is still to be written.

    Attributes:
        id: Grows with time.
        section: The section, empty for the top level.
        entry: The entry's name.
        value: The fields to set.
    """

    id: int
    section: str
    entry: str
    value: Mapping[str, Any]


class Journal:
    """The pending changes of one catalog; any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, section: str, entry: str, value: Mapping[str, Any]) -> int:
        """Record a change; durable when the transaction around it, or this call, ends. Return its number."""
        with self._database.transaction() as database:
            cursor = database.execute(
                "INSERT INTO journal (at, action, section, entry, content) VALUES (?, ?, ?, ?, ?)",
                (
                    datetime.now(UTC).isoformat(timespec="milliseconds"),
                    INDEX_ACTION,
                    section,
                    entry,
                    json.dumps(value, ensure_ascii=True),
                ),
            )
            return int(cursor.lastrowid or 0)

    def pending(self) -> list[JournalEntry]:
        """Return the changes that index.json does not have yet, oldest first."""
        rows = self._database.rows(
            "SELECT id, section, entry, content FROM journal WHERE action=? ORDER BY id", (INDEX_ACTION,)
        )
        return [
            JournalEntry(number, section, entry, json.loads(text)) for number, section, entry, text in rows
        ]

    def pending_names(self) -> frozenset[tuple[str, str]]:
        """Return section and name of the entries that index.json lacks, or has as they were before."""
        rows = self._database.rows(
            "SELECT DISTINCT section, entry FROM journal WHERE action=?", (INDEX_ACTION,)
        )
        return frozenset(rows)

    def has_pending(self) -> bool:
        """Tell whether index.json lacks anything."""
        return self._database.row("SELECT 1 FROM journal WHERE action=? LIMIT 1", (INDEX_ACTION,)) is not None

    def finish(self, done: Iterable[JournalEntry], *, kept: Iterable[JournalEntry] = ()) -> None:
        """Forget changes that were carried out, except what has to be known for doing them again."""
        wanted = {change.id for change in kept}
        with self._database.transaction() as database:
            for change in done:
                before = self.kept(change.section, change.entry)
                if before:
                    place = (WRITTEN_ACTION, change.entry, change.section)
                    database.execute("DELETE FROM journal WHERE action=? AND entry=? AND section=?", place)
                if before or change.id in wanted:
                    content = json.dumps({**before, **change.value}, ensure_ascii=True)
                    database.execute(
                        "UPDATE journal SET action=?, content=? WHERE id=?",
                        (WRITTEN_ACTION, content, change.id),
                    )
                else:
                    database.execute("DELETE FROM journal WHERE id=?", (change.id,))

    def kept(self, section: str, entry: str) -> dict[str, Any]:
        """Return what was kept of an entry's changes; nothing for most."""
        rows = self._database.rows(
            "SELECT content FROM journal WHERE action=? AND entry=? AND section=? ORDER BY id",
            (WRITTEN_ACTION, entry, section),
        )
        value: dict[str, Any] = {}
        for (content,) in rows:
            value |= json.loads(content)
        return value
