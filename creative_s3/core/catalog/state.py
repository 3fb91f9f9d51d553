"""What state a catalog's file is in, asked of SQLite itself. Creates and migrates nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from creative_s3.core.catalog.schema import SCHEMA_VERSION
from creative_s3.core.catalog.soundness import refuse_views, unsound
from creative_s3.core.files.own_files import check_own
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_TIMEOUT_S = 2.0
_COUNTED: Mapping[str, str] = {
    "assets": "asset",
    "keys": "assigned",
    "proved": "object",
    "seen": "listed",
    "files": "file",
    "accesses": "access",
    "runs": "run",
    "pending": "journal WHERE action='index'",
}
"""What is counted, and the rows that it is counted in."""

Thoroughness = Literal["quick_check", "integrity_check"]
"""SQLite's two checks: the first one leaves out that indexes match their tables (sqlite.org, "PRAGMA")."""


@dataclass(frozen=True, slots=True)
class CatalogState:
    """The state of a catalog's file.

    Attributes:
        version: Of its schema; None when not even that can be read.
        problems: What is damaged, in SQLite's words.
        counts: How many rows there are of each sort; those that cannot be counted are left out.
        is_busy: Whether another process was writing all the time, so that nothing could be asked.
    """

    version: int | None = None
    problems: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    is_busy: bool = False

    @property
    def is_newer(self) -> bool:
        """Whether a newer creative-s3 wrote it."""
        return self.version is not None and self.version > SCHEMA_VERSION


def examine(path: Path, thoroughness: Thoroughness) -> CatalogState:
    """Look into the catalog at `path`, which exists."""
    version: int | None = None
    try:
        check_own(path)
        # Not read-only: after a crash SQLite has to roll back first.
        address = f"{path.resolve().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=_TIMEOUT_S)) as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            refuse_views(database)
            found = [row[0] for row in database.execute(f"PRAGMA {thoroughness}(10)")]
            problems = tuple(line for text in found if text != "ok" for line in _lines(text))
            if not problems and thoroughness == "integrity_check" and (reason := unsound(database)):
                problems = (reason,)
            return CatalogState(version, problems, _counts(database))
    except RefusedError as error:
        return CatalogState(version, (error.message,))
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            return CatalogState(version, is_busy=True)
        return CatalogState(version, (str(error),))


def _lines(text: str) -> Iterable[str]:
    # A heading that names only the database comes first.
    return (line for line in text.splitlines() if not line.startswith("***"))


def _counts(database: sqlite3.Connection) -> dict[str, int]:
    counts = {}
    for name, rows in _COUNTED.items():
        try:
            counts[name] = database.execute(f"SELECT count(*) FROM {rows}").fetchone()[0]  # noqa: S608 - ours
        except sqlite3.DatabaseError:
            continue
    return counts
