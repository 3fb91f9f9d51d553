"""The catalog's assets: one row for each place that names a file, found by cache key, by entry and by word.

Taking in index.json is `core.catalog.intake`; what a row holds is `core.catalog.asset_rows`.
"""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from creative_s3.core.catalog.asset_rows import COLUMNS, AssetRecord, facets_of, record_of, row_of, words_of
from creative_s3.core.catalog.schema import ASSET_INDEXES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from creative_s3.core.catalog.database import Database

_QUERY = f"SELECT id, {', '.join(COLUMNS)} FROM asset"  # noqa: S608 - names of our own
_INSERT = (
    f"INSERT INTO asset (id, {', '.join(COLUMNS)})"  # noqa: S608 - names of our own
    f" VALUES (?, {', '.join('?' * len(COLUMNS))})"
)
_DIGESTS = "SELECT section, entry, field, id, digest FROM asset WHERE section=? AND entry=?"
EACH_ONCE = """
    NOT (asset.section = 'products' AND EXISTS (
        SELECT 1 FROM asset other WHERE other.file_path = asset.file_path
        AND other.section <> 'products' AND other.kind IN ('product', 'background', 'composite')
    ))
"""
"""A condition on ``asset``: a product and the semantic entry of its picture name one file, and count once."""
_CHUNK = 500
_CACHED_FACETS = 200_000

EntryName = tuple[str, str]
"""Section and entry."""


class AssetTable:
    """The assets of one catalog; any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tokens: dict[tuple[str, str], str] = {}

    def get(self, cache_key: str) -> AssetRecord | None:
        """Return the asset with this cache key; None when there is none."""
        if not is_storable(cache_key):
            return None
        row = self._database.row(f"{_QUERY} WHERE cache_key=? ORDER BY id LIMIT 1", (cache_key,))
        return record_of(row) if row else None

    def at(self, entries: Sequence[EntryName]) -> list[AssetRecord]:
        """Return the rows of entries."""
        rows = []
        for section, entry in entries:
            rows += self._database.rows(f"{_QUERY} WHERE entry=? AND section=?", (entry, section))
        return [record_of(row) for row in rows]

    def digests(self, entries: Sequence[EntryName]) -> list[tuple[str, str, str, int, bytes | None]]:
        """Return section, entry, field, id and digest of the rows of entries."""
        found: list[tuple[str, str, str, int, bytes | None]] = []
        with self._database.transaction() as database:
            for section, entry in entries:
                # One by one: SQLite uses no index for a list of pairs.
                found += database.execute(_DIGESTS, (section, entry))
        return found

    def repeated(self) -> list[int]:
        """Return the rows that a later row of the same entry and field makes superfluous."""
        rows = self._database.rows(
            "SELECT id FROM asset WHERE id NOT IN (SELECT max(id) FROM asset GROUP BY entry, section, field)"
        )
        return [row[0] for row in rows]

    def places(self, after: int, last: int, limit: int) -> list[tuple[int, str, str]]:
        """Return id, section and entry of the rows after one number, up to another."""
        rows: list[tuple[int, str, str]] = self._database.rows(
            "SELECT id, section, entry FROM asset WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
            (after, last, limit),
        )
        return rows

    def with_cache_key(self, cache_key: str) -> list[AssetRecord]:
        """Return all rows with a cache key; more than one only in the middle of an intake."""
        return [record_of(row) for row in self._database.rows(f"{_QUERY} WHERE cache_key=?", (cache_key,))]

    def shared_cache_keys(self, among: Sequence[str] | None) -> list[str]:
        """Return the cache keys that several rows have, all of them or those among some."""
        grouped = "SELECT cache_key FROM asset {} GROUP BY cache_key HAVING count(*) > 1"
        if among is None:
            return [row[0] for row in self._database.rows(grouped.format(""))]
        found: list[str] = []
        for start in range(0, len(among), _CHUNK):
            chunk = among[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            rows = self._database.rows(grouped.format(f"WHERE cache_key IN ({marks})"), chunk)
            found += [row[0] for row in rows]
        return found

    def outer_folders(self, inside: str) -> list[str]:
        """Return the first folders of files that index.json itself names outside a folder.

        Args:
            inside: What the paths begin with that are not wanted.
        """
        rows = self._database.rows(
            "SELECT DISTINCT substr(file_path, 1, instr(file_path, '/') - 1) FROM asset"
            " WHERE source <> 'discovered' AND instr(file_path, '/') > 1"
            " AND (file_path < ? OR file_path >= ?)",
            (inside, f"{inside[:-1]}0"),
        )
        return [row[0] for row in rows]

    def with_file(self, file_path: str) -> list[AssetRecord]:
        """Return the rows that name a file, relative to the workspace."""
        return [record_of(row) for row in self._database.rows(f"{_QUERY} WHERE file_path=?", (file_path,))]

    def with_files(self, file_paths: Sequence[str]) -> list[AssetRecord]:
        """Return the rows that name any of at most a few hundred files."""
        marks = ", ".join("?" * len(file_paths))
        return [
            record_of(row)
            for row in self._database.rows(f"{_QUERY} WHERE file_path IN ({marks})", file_paths)
        ]

    def by_id(self, numbers: Sequence[int]) -> list[AssetRecord]:
        """Return rows in the order of `numbers`; those that are gone are left out."""
        found: dict[int, AssetRecord] = {}
        for start in range(0, len(numbers), _CHUNK):
            chunk = numbers[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            for row in self._database.rows(f"{_QUERY} WHERE id IN ({marks})", chunk):
                found[row[0]] = record_of(row)
        return [found[number] for number in numbers if number in found]

    def all(self, where: str = "1", values: Sequence[object] = ()) -> Iterator[AssetRecord]:
        """Yield rows in the order they were taken in, a few at a time: no lock is held in between.

        Args:
            where: A condition on the columns of ``asset``, never with text from outside in it.
            values: For its question marks.
        """
        last = 0
        while rows := self._database.rows(
            f"{_QUERY} WHERE id > ? AND ({where}) ORDER BY id LIMIT {_CHUNK}", (last, *values)
        ):
            for row in rows:
                yield record_of(row)
            last = rows[-1][0]

    def count(self) -> int:
        """Return the number of rows."""
        return int(self._database.row("SELECT count(*) FROM asset")[0])

    def highest_id(self) -> int:
        """Return the highest row number in use, 0 for an empty table."""
        return int(self._database.row("SELECT ifnull(max(id), 0) FROM asset")[0])

    def put(self, records: Iterable[AssetRecord]) -> None:
        """Write rows: one with an id is changed, one without is added. One durable step."""
        with self._changing() as database:
            given = list(records)
            following = itertools.count(self.highest_id() + 1)  # before the highest is forgotten
            self._forget(database, self.by_id([record.id for record in given if record.id is not None]))
            facets = [facets_of(record) for record in given]
            counts = Counter(itertools.chain.from_iterable(facets))
            tokens = self._tokens_of(database, counts)
            numbers = [next(following) if record.id is None else record.id for record in given]
            database.executemany(
                _INSERT, [(number, *row_of(record)) for number, record in zip(numbers, given, strict=True)]
            )
            database.executemany(
                "INSERT INTO asset_text (rowid, words, facets) VALUES (?, ?, ?)",
                [
                    (number, words_of(record), " ".join(map(tokens.__getitem__, several)))
                    for number, record, several in zip(numbers, given, facets, strict=True)
                ],
            )
            self._count(database, counts)

    def remove(self, numbers: Sequence[int]) -> None:
        """Delete rows. One durable step."""
        with self._changing() as database:
            self._forget(database, self.by_id(numbers))
            # A number may be given again.
            database.executemany("DELETE FROM last_access WHERE id=?", [(number,) for number in numbers])

    def set_cold(self, cache_keys: Iterable[str], *, is_cold: bool) -> None:
        """Record that assets are in S3 only, or on local disk again. One durable step."""
        names = list(cache_keys)
        with self._changing():
            for start in range(0, len(names), _CHUNK):
                chunk = names[start : start + _CHUNK]
                marks = ", ".join("?" * len(chunk))
                condition = f"WHERE cache_key IN ({marks}) AND is_cold <> ?"
                rows = self._database.rows(f"{_QUERY} {condition}", (*chunk, is_cold))
                self.put(replace(record_of(row), is_cold=is_cold) for row in rows)

    def cold_files(self) -> dict[str, int]:
        """Return the files of assets that are in S3 only, whatever the bucket: file path -> bytes."""
        rows = self._database.rows("SELECT file_path, ifnull(size_bytes, 0) FROM asset WHERE is_cold")
        return dict(rows)

    def cache_keys(self, beginning: str, limit: int) -> list[str]:
        """Return cache keys that begin so, in order."""
        rows = self._database.rows(
            "SELECT DISTINCT cache_key FROM asset WHERE cache_key >= ? AND cache_key < ?"
            " ORDER BY cache_key LIMIT ?",
            (beginning, beginning + "\U0010ffff", limit),
        )
        return [row[0] for row in rows]

    def facets(self, name: str, beginning: str = "", limit: int = -1) -> list[tuple[str, int]]:
        """Return the values that a facet has, with the number of rows of each, the most frequent first.

        Args:
            name: Such as ``region``; see `core.catalog.asset_rows.FACETS`.
            beginning: Only values that begin so, in whatever case.
            limit: At most so many; -1 for all.
        """
        rows: list[tuple[str, int]] = self._database.rows(
            "SELECT value, assets FROM facet WHERE name=? AND assets > 0"
            " AND substr(value, 1, ?) = ? COLLATE NOCASE ORDER BY assets DESC, value LIMIT ?",
            (name, len(beginning), beginning, limit),
        )
        return rows

    def facet_id(self, name: str, value: str) -> int | None:
        """Return the number of a facet's value, which is the word ``f{number}`` in ``asset_text``."""
        row = self._database.row("SELECT id FROM facet WHERE name=? AND value=?", (name, value))
        return row[0] if row else None

    def drop_indexes(self) -> None:
        """Do without the indexes of an empty table until it is filled."""
        with self._database.transaction() as database:
            for name in ASSET_INDEXES:
                database.execute(f"DROP INDEX IF EXISTS {name}")

    def make_indexes(self) -> None:
        """Make the indexes that are not there."""
        for name, columns in ASSET_INDEXES.items():
            with self._database.transaction() as database:
                database.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {columns}")

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._database.transaction() as database:
                yield database
        except BaseException:
            self._tokens.clear()  # some of them may be numbers that were taken back
            raise

    def _forget(self, database: sqlite3.Connection, records: Sequence[AssetRecord]) -> None:
        facets = [facets_of(record) for record in records]
        counts = Counter(itertools.chain.from_iterable(facets))
        tokens = self._tokens_of(database, counts)
        # A contentless index forgets a row only when it is told what it had (sqlite.org, "FTS5").
        database.executemany(
            "INSERT INTO asset_text (asset_text, rowid, words, facets) VALUES ('delete', ?, ?, ?)",
            [
                (record.id, words_of(record), " ".join(map(tokens.__getitem__, several)))
                for record, several in zip(records, facets, strict=True)
            ],
        )
        database.executemany("DELETE FROM asset WHERE id=?", [(record.id,) for record in records])
        self._count(database, counts, times=-1)

    def _tokens_of(
        self, database: sqlite3.Connection, facets: Iterable[tuple[str, str]]
    ) -> Mapping[tuple[str, str], str]:
        """Return the words that stand for facets in ``asset_text``."""
        if len(self._tokens) > _CACHED_FACETS:
            self._tokens.clear()
        for name, value in facets:
            if (name, value) not in self._tokens:
                database.execute(
                    "INSERT OR IGNORE INTO facet (name, value, assets) VALUES (?, ?, 0)", (name, value)
                )
                row = database.execute("SELECT id FROM facet WHERE name=? AND value=?", (name, value))
                self._tokens[name, value] = f"f{row.fetchone()[0]}"
        return self._tokens

    def _count(self, database: sqlite3.Connection, counts: Counter[tuple[str, str]], times: int = 1) -> None:
        database.executemany(
            "UPDATE facet SET assets = assets + ? WHERE name=? AND value=?",
            [(times * number, name, value) for (name, value), number in counts.items()],
        )


def is_storable(name: str) -> bool:
    """Tell whether SQLite can hold a name: half a surrogate pair is no text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
