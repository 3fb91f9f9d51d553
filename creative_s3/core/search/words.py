"""The words of a text, exactly as the catalog's search index takes a text apart. Touches no file."""

from __future__ import annotations

import sqlite3
from contextlib import closing

TOKENIZER = "unicode61 remove_diacritics 2"
"""What the index is made with (see `core.catalog.schema`): letters and digits, without case and accents."""
_LONGEST = 10_000


def words_in(text: str) -> list[str]:
    """Return the words of what somebody typed, each once, in their order.

    SQLite itself takes the text apart, so that no character means anything to its query language, and a word
    here is a word there, whatever version of Unicode either of them knows.
    """
    safe = text[:_LONGEST].encode("utf-8", "replace").decode().replace("\0", " ")
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(f"CREATE VIRTUAL TABLE typed USING fts5 (text, tokenize='{TOKENIZER}')")
        database.execute("CREATE VIRTUAL TABLE words USING fts5vocab (typed, instance)")
        database.execute("INSERT INTO typed VALUES (?)", (safe,))
        rows = database.execute("SELECT term FROM words ORDER BY offset").fetchall()
    return list(dict.fromkeys(row[0] for row in rows))
