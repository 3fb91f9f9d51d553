"""Disk, bucket and catalog compared by SQLite: what is as recorded is counted there, not made into objects.

An asset is settled when nothing about it can concern anybody: its file is the one whose checksum is known,
the object under its key is the very one that was proved to have this content, and no other asset and no other
entry has to do with the file or the key. Or it is in S3 only, as recorded, and its object is there. All
others are for the rules in `core.assets.keys` and `core.migration.planning` to judge.

New is an asset whose file is there and fits, that alone wants its key, and under whose key there is nothing:
it is sent, and nobody has to judge that either (`core.migration.novelty` finds them).

Only looks: the tables are private and temporary, and need little memory however many rows they have.
"""

from __future__ import annotations

import itertools
import sqlite3
import threading
from array import array
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from creative_s3.core.assets.models import Kind, StoredObject
from creative_s3.core.catalog.database import explained, private_tables
from creative_s3.core.catalog.database import numbers as numbers_of
from creative_s3.core.files.workspace import FileState, LocalFile, Signature
from creative_s3.core.migration.queries import (
    AS_COLD,
    AS_KNOWN,
    AS_READ,
    MAY_HAVE_MD5,
    NOT_SIMPLY_THERE,
    SETTLE,
    TABLES,
    TOUCHED,
    UNCOUNTED_FILES,
)
from creative_s3.core.migration.settled import NewAssets, SettledAssets, sort_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.digests import DigestRow
    from creative_s3.core.files.workspace import WalkedFile
    from creative_s3.core.s3.listing import Page

_Values = tuple[object, ...] | Mapping[str, object]

_CACHE_KIB = 12 * 1024
_GROUP = 2000
_TOGETHER = 400
"""Rows to a statement: SQLite takes 32,766 values (sqlite.org, "Implementation Limits")."""


class Comparison:
    """The tables of one comparison; a context manager. Any thread may fill them; they take turns.

    Args:
        catalog: It has taken in the index.

    Attributes:
        bucket: The catalog's name of the remote side.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.bucket = catalog.bucket
        self._catalog_path = catalog.path
        self._lock = threading.Lock()
        try:
            self._database = private_tables(TABLES, cache_kib=_CACHE_KIB, is_shared=True)
        except sqlite3.Error as error:
            raise explained(error, self._catalog_path) from error
        try:
            with self._turn() as database:
                database.execute("ATTACH ? AS catalog", (f"file:{quote(str(catalog.path))}?mode=rw",))
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        with self._lock:
            self._database.close()

    def add_page(self, page: Page) -> None:
        """Take in a page of the bucket's listing."""
        with self.step() as database:
            rows = zip(page.keys, page.sizes, page.etags, page.storage_classes, strict=True)
            _insert(database, "INSERT INTO listing VALUES", 4, list(rows))

    def add_walked(self, files: Iterable[WalkedFile]) -> None:
        """Take in what lies in the cache directory."""
        for group in _batched(files):
            with self._turn() as database:
                _insert(database, "INSERT OR REPLACE INTO local VALUES", 8, [(*row, 1) for row in group])

    def look_at_named(self, locate: Callable[[str], LocalFile]) -> None:
        """Look at each file that an entry names and that is not simply there in the cache directory."""
        last = ""
        while paths := self._column(NOT_SIMPLY_THERE, {"after": last, "limit": _GROUP}):
            last = paths[-1]
            rows = [_row_of(path, locate(path)) for path in paths]
            with self.step() as database:
                database.executemany(
                    "INSERT INTO local VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (path) DO UPDATE SET"
                    " state=excluded.state, size=excluded.size, mtime=excluded.mtime, ctime=excluded.ctime,"
                    " inode=excluded.inode, reason=excluded.reason",
                    rows,
                )

    def named(self) -> int:
        """Return how many files the entries name."""
        return self._number("SELECT count(DISTINCT file_path) FROM catalog.asset")

    def missing(self) -> int:
        """Return how many of them are missing."""
        return self._number("SELECT count(*) FROM local WHERE state = 'missing'")

    def cold(self, *, anywhere: bool) -> int:
        """Return how many missing files are recorded as in S3 only, in this bucket or anywhere."""
        here = (
            " AND EXISTS (SELECT 1 FROM catalog.assigned"
            " WHERE assigned.bucket = ? AND assigned.cache_key = asset.cache_key)"
        )
        return self._number(
            "SELECT count(*) FROM catalog.asset JOIN local ON local.path = asset.file_path"  # noqa: S608 - ours
            f" WHERE asset.is_cold AND local.state = 'missing'{'' if anywhere else here}",
            () if anywhere else (self.bucket,),
        )

    def touched(self, limit: int) -> Iterator[list[str]]:
        """Yield, a few at a time, files as large as their proved objects that are not as recorded."""
        last = ""
        values = {"bucket": self.bucket, "limit": limit}
        while paths := self._column(TOUCHED, values | {"after": last}):
            yield paths
            last = paths[-1]

    def expect(self) -> None:
        """Find the files that are as recorded: the bucket's side is not needed for that."""
        with self._turn() as database:
            for query in (AS_KNOWN, AS_COLD):
                database.execute(query, {"bucket": self.bucket})

    def comparable(self, most_bytes: int) -> Iterator[str]:
        """Yield the files whose object was stored in one piece: its ETag may be the MD5 of its content."""
        last = ""
        values = {"bucket": self.bucket, "most": most_bytes, "limit": _GROUP}
        while paths := self._column(MAY_HAVE_MD5, values | {"after": last}):
            yield from paths
            last = paths[-1]

    def expect_read(self, groups: Iterable[Sequence[DigestRow]]) -> None:
        """Find the files whose content, as it was read now, is what was proved, by an MD5 as its ETag.

        `settle` holds that ETag against the one that the bucket lists.
        """
        for rows in groups:
            with self.step() as database:
                _insert(database, "INSERT OR REPLACE INTO content VALUES", 7, rows)
        with self._turn() as database:
            database.execute(AS_READ, {"bucket": self.bucket})

    def settle(self) -> None:
        """Find the assets that are settled, when disk and listing are complete."""
        with self._turn() as database:
            database.execute(SETTLE)
            database.execute("CREATE INDEX settled_key ON settled (key)")

    def pull_in(self, keys: Iterable[str]) -> list[str]:
        """Leave the counted assets with these keys to the rules, for others want them; return their files."""
        if not self._number("SELECT (SELECT count(*) FROM settled) + (SELECT count(*) FROM new)"):
            return []
        files: list[str] = []
        with self.step() as database:
            database.execute("CREATE TABLE wanted (key TEXT PRIMARY KEY) WITHOUT ROWID")
            database.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((key,) for key in keys))
            for table in ("settled", "new"):
                found = database.execute(
                    f"SELECT asset.file_path FROM wanted JOIN {table} ON {table}.key = wanted.key"  # noqa: S608 - ours
                    f" JOIN catalog.asset ON asset.id = {table}.id"
                )
                files += [path for (path,) in found]
                database.execute(f"DELETE FROM {table} WHERE key IN (SELECT key FROM wanted)")  # noqa: S608 - the same
        return files

    def is_settled(self, key: str) -> bool:
        """Tell whether the asset with this key is settled."""
        return bool(self._number("SELECT count(*) FROM settled WHERE key = ?", (key,)))

    def is_new(self, key: str) -> bool:
        """Tell whether a new asset gets this key."""
        return bool(self._number("SELECT count(*) FROM new WHERE key = ?", (key,)))

    def uncounted_files(self) -> list[str]:
        """Return the files that are left to the rules."""
        return self._column(UNCOUNTED_FILES)

    def file(self, root: Path, path: str, locate: Callable[[str], LocalFile]) -> LocalFile:
        """Return what is on disk for a file that an entry names, or that was found in the cache directory.

        Args:
            root: The workspace.
            path: Relative to it.
            locate: Looks at a file that an entry names only since the disk was looked at.
        """
        row = self._row("SELECT state, size, mtime, ctime, inode, reason FROM local WHERE path = ?", (path,))
        if row is None:
            return locate(path)
        state = FileState(row[0])
        signature = None
        if state is FileState.PRESENT:
            signature = Signature(row[1], row[2], row[3], row[4] + 2**64 if row[4] < 0 else row[4])
        return LocalFile(root / path, state, signature, row[5])

    def spare(self, *, has_index: bool) -> list[tuple[str, FileState, int, str]]:
        """Return what lies in the cache directory and no entry names: path, state, bytes, reason."""
        condition = "AND NOT EXISTS (SELECT 1 FROM catalog.asset WHERE asset.file_path = local.path)"
        rows = self.rows(
            "SELECT path, state, ifnull(size, 0), reason FROM local"  # noqa: S608 - our own words
            f" WHERE is_walked {condition if has_index else ''} ORDER BY path"
        )
        return [(path, FileState(state), size_bytes, reason) for path, state, size_bytes, reason in rows]

    def stored(self, key: str) -> StoredObject | None:
        """Return the object that the listing shows under a key."""
        row = self._row("SELECT key, size, etag, class FROM listing WHERE key = ?", (key,))
        return StoredObject(row[0], row[1], row[2], storage_class=row[3]) if row else None

    def take(self, key: str) -> StoredObject | None:
        """Take an object out of the listing, and return it."""
        stored = self.stored(key)
        with self._turn() as database:
            database.execute("DELETE FROM listing WHERE key = ?", (key,))
        return stored

    def unexpected(self) -> Iterator[tuple[str, int]]:
        """Yield key and bytes of the objects that belong to no settled asset, in the order of the keys."""
        last = ""
        while rows := self.rows(
            "SELECT key, size FROM listing WHERE key > ? AND NOT EXISTS"
            " (SELECT 1 FROM settled WHERE settled.key = listing.key) ORDER BY key LIMIT ?",
            (last, _GROUP),
        ):
            yield from rows
            last = rows[-1][0]

    def add_published(self, keys: Iterable[tuple[str, str, str, str]]) -> None:
        """Take in section, entry, field and key of the published index."""
        with self.step() as database:
            database.executemany("INSERT OR REPLACE INTO published VALUES (?, ?, ?, ?)", keys)

    def published_key(self, section: str, entry: str, field: str) -> str | None:
        """Return the key that the published index gives the file of an entry; None when it gives none."""
        row = self._row(
            "SELECT key FROM published WHERE section = ? AND entry = ? AND field = ?", (section, entry, field)
        )
        return row[0] if row else None

    def settled(self, root: Path) -> SettledAssets:
        """Return the settled assets, in the order of their keys."""
        numbers, sizes, sorts = array("q"), array("q"), bytearray()
        with self._turn() as database:
            for number, size_bytes, is_cold, kind in database.execute(
                "SELECT id, size, is_cold, kind FROM settled ORDER BY key"
            ):
                numbers.append(number)
                sizes.append(size_bytes)
                sorts.append(sort_of(Kind(kind), is_cold=bool(is_cold)))
        tags = self._number("SELECT ifnull(sum(tags), 0) FROM settled")
        return SettledAssets(self._catalog_path, self.bucket, root, numbers, sizes, bytes(sorts), tags)

    def new(self, root: Path, prefix: str) -> NewAssets:
        """Return the new assets, in the order of their keys, which begin with `prefix`."""
        numbers, sizes, marks, sorts = array("q"), array("q"), array("q"), bytearray()
        with self._turn() as database:
            for number, size_bytes, kind, key in database.execute(
                "SELECT id, size, kind, key FROM new ORDER BY key"
            ):
                numbers.append(number)
                sizes.append(size_bytes)
                marks.append(hash(key))
                sorts.append(sort_of(Kind(kind), is_cold=False))
        tags = self._number("SELECT ifnull(sum(tags), 0) FROM new")
        return NewAssets(
            self._catalog_path, self.bucket, root, numbers, sizes, bytes(sorts), tags, prefix, marks
        )

    def rows(self, query: str, values: _Values = ()) -> list[Any]:
        """Return what a query finds in these tables and in the catalog's, which are ``catalog``."""
        with self._turn() as database:
            return database.execute(query, values).fetchall()

    def _row(self, query: str, values: _Values = ()) -> Any:  # noqa: ANN401 - what SQLite returns
        with self._turn() as database:
            return database.execute(query, values).fetchone()

    def _column(self, query: str, values: _Values = ()) -> list[str]:
        return [row[0] for row in self.rows(query, values)]

    def _number(self, query: str, values: _Values = ()) -> int:
        return int(self._row(query, values)[0])

    @contextmanager
    def step(self) -> Iterator[sqlite3.Connection]:
        """Write many rows to our own tables in one transaction; it does not touch the catalog."""
        with self._turn() as database:
            database.execute("BEGIN")
            yield database
            database.execute("COMMIT")

    @contextmanager
    def _turn(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._database
            except sqlite3.Error as error:
                raise explained(error, self._catalog_path) from error


def _batched(files: Iterable[WalkedFile]) -> Iterator[list[WalkedFile]]:
    iterator = iter(files)
    while group := list(itertools.islice(iterator, _GROUP)):
        yield group


def _insert(
    database: sqlite3.Connection, beginning: str, columns: int, rows: Sequence[Sequence[object]]
) -> None:
    """Insert many rows by few statements: after each one, this thread may wait for the others' turns."""
    one = f"({', '.join('?' * columns)})"
    for start in range(0, len(rows), _TOGETHER):
        group = rows[start : start + _TOGETHER]
        database.execute(f"{beginning} {', '.join([one] * len(group))}", tuple(itertools.chain(*group)))


def _row_of(path: str, file: LocalFile) -> WalkedFile:
    signature = numbers_of(file.signature) if file.signature else (None, None, None, None)
    return path, str(file.state), *signature, file.reason
