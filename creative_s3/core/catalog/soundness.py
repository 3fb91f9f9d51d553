"""Whether a catalog holds what its tables are declared to hold. SQLite itself takes any value in any column.

What was written by us does. A file from elsewhere, or one that was edited by hand, may not: it may even have
a view without an end where a table belongs.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: Mapping[str, str] = {
    "TEXT": "'text'",
    "INTEGER": "'integer'",
    "REAL": "'real', 'integer'",
    "BLOB": "'blob'",
}
"""The types that values of a column may have, by its declared type."""
_PACKED = frozenset({("movement", "mtime_ns")})
"""Numbers that may be too large for SQLite, and are bytes then."""
_NO_LIST = "{0} IS NOT NULL AND CASE WHEN json_valid({0}) THEN json_type({0}) <> 'array' ELSE 1 END"
_NO_OBJECT = "CASE WHEN json_valid({0}) THEN json_type({0}) <> 'object' ELSE 1 END"
_NO_TIME = "datetime({0}) IS NULL"
_NEGATIVE = "{0} < 0"
WRONG_VALUES: Mapping[tuple[str, str], str] = {
    ("asset", "source"): "{0} NOT IN ('index', 'registered', 'discovered')",
    ("asset", "kind"): "{0} NOT IN ('product', 'background', 'composite', 'cache', 'unsorted')",
    ("problem", "kind"): "{0} NOT IN ('quarantined', 'refused', 'warning')",
    ("movement", "action"): "{0} NOT IN ('demote', 'promote')",
    ("asset", "color_palette"): _NO_LIST,
    ("asset", "tags"): _NO_LIST,
    ("asset", "size_bytes"): _NEGATIVE,
    ("asset", "width"): _NEGATIVE,
    ("asset", "height"): "{0} < 0 OR (width IS NULL) <> (height IS NULL)",
    ("product", "content"): _NO_OBJECT,
    ("journal", "content"): _NO_OBJECT,
    ("journal", "at"): _NO_TIME,
    ("run", "requests"): _NO_OBJECT,
    ("run", "failures"): _NO_OBJECT,
    ("run", "started_at"): _NO_TIME,
    ("run", "price"): "{0} = '' OR {0} GLOB '*[^0-9.E+-]*'",
    ("access", "day"): _NO_TIME,
    ("access", "last_at"): _NO_TIME,
    ("daily", "day"): _NO_TIME,
    ("movement", "at"): _NO_TIME,
    ("movement", "size_bytes"): _NEGATIVE,
    ("object", "proved_at"): _NO_TIME,
    ("object", "size_bytes"): _NEGATIVE,
    ("listed", "size_bytes"): _NEGATIVE,
    ("invalidation", "planned_at"): _NO_TIME,
}
"""What values of a column would be wrong although their type is right; conditions in SQL."""


def refuse_views(database: sqlite3.Connection) -> None:
    """See that there are only tables of ours: a view or a trigger may do anything, and never end.

    Raises:
        sqlite3.DatabaseError: There is something else.
    """
    found = database.execute(
        "SELECT type, name FROM sqlite_master WHERE type IN ('view', 'trigger')"
        " OR (sql LIKE 'CREATE VIRTUAL%' AND name <> 'asset_text') LIMIT 1"
    ).fetchone()
    if found:
        raise sqlite3.DatabaseError(f"it has a {found[0]} of others: {str(found[1])[:80]}")


def unsound(database: sqlite3.Connection) -> str | None:
    """Return what is wrong with the first value that is; None when all are sound. Reads every row.

    Raises:
        sqlite3.Error: Not even that can be read.
    """
    tables = database.execute(
        "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'asset_text%'"
        " AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    for (table,) in tables:
        for _, column, declared, is_needed, _, _ in database.execute(
            f"PRAGMA table_info({table})"
        ).fetchall():
            allowed = _TYPES.get(declared, "'null'")
            allowed += ", 'blob'" if (table, column) in _PACKED else ""
            allowed += "" if is_needed else ", 'null'"
            wrong = WRONG_VALUES.get((table, column), "0").format(column)
            query = f"SELECT 1 FROM {table} WHERE typeof({column}) NOT IN ({allowed}) OR ({wrong}) LIMIT 1"  # noqa: S608
            if database.execute(query).fetchone():
                return f"a value of {table}.{column} is not what it should be"
    return None
