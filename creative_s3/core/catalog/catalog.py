"""The catalog: the assets, their remote copies, what was proved, and who used what, in SQLite.

Nothing in it but the access counts is the only copy of anything: the rest can be found out again from the
cache and the bucket. What it says of a remote object is a hint: a LIST that shows another ETag wins. The
tables are in `catalog.schema`, the assets in `catalog.asset_table`, accesses and runs in `catalog.usage`.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from creative_s3.core.catalog.announcements import Announcements
from creative_s3.core.catalog.asset_table import AssetTable
from creative_s3.core.catalog.database import Database, numbers
from creative_s3.core.catalog.journal import Journal
from creative_s3.core.catalog.published import PublishedTable
from creative_s3.core.catalog.runs import Runs
from creative_s3.core.catalog.usage import Usage
from creative_s3.core.s3.shards import shard_count

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.files.workspace import Signature

_SETTLED_NS = 2_000_000_000


def _inode_of(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class ProvedObject:
    """An object whose content we proved.

    Attributes:
        key: The full key.
        size_bytes: Its length.
        etag: The version token it had when it was proved.
        crc64nvme: Base64, of the whole content.
        version_id: In a versioned bucket.
        storage_class: When it was proved.
        owner: The cache key in its metadata.
        proof: How it was proved.
        proved_at: ISO 8601, UTC.
    """

    key: str
    size_bytes: int
    etag: str
    crc64nvme: str
    version_id: str | None
    storage_class: str
    owner: str | None
    proof: str
    proved_at: str


class Catalog:
    """An open catalog for one bucket. Use it as a context manager.

    Args:
        path: The database file; its directory is made when it is missing.
        bucket: Names the remote side: endpoint, bucket and prefix, so that two of them never mix.
        read_only: Open what is there and change nothing, not even its schema.
        timeout_s: How long to wait for another process that writes.

    Attributes:
        assets: The assets.
        usage: Accesses and counters.
        runs: What each command moved and changed.
        announcements: What CloudFront was told.
        journal: What is still to be written into index.json.
        published: What each entry was when it was last published.

    Raises:
        CatalogError: It is damaged, newer than this version, or cannot be opened; also from every method.
        TemporaryError: Another process holds it for too long, or the disk is full; also from every method.
    """

    def __init__(self, path: Path, *, bucket: str, read_only: bool = False, timeout_s: float = 30.0) -> None:
        self.path = path
        self.bucket = bucket
        self.database = Database(path, read_only=read_only, timeout_s=timeout_s)
        self._inode = _inode_of(path)
        self.assets = AssetTable(self.database)
        self.usage = Usage(self.database)
        self.runs = Runs(self.database, bucket)
        self.announcements = Announcements(self.database, bucket)
        self.journal = Journal(self.database)
        self.published = PublishedTable(self.database, bucket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        try:
            if error is not None:
                self.database.blame(error)
        finally:
            self.close()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def is_replaced(self) -> bool:
        """Tell whether another file has the catalog's name by now: it was made anew."""
        return _inode_of(self.path) != self._inode

    def crc_of_file(self, path: str, signature: Signature) -> str | None:
        """Return the known CRC64NVME of a file, if it is still the file that was read."""
        rows = self.database.rows(
            "SELECT crc64nvme FROM file"
            " WHERE path=? AND size_bytes=? AND mtime_ns=? AND ctime_ns=? AND inode=?",
            (path, *numbers(signature)),
        )
        return rows[0][0] if rows else None

    def remember(
        self,
        *,
        objects: Iterable[ProvedObject] = (),
        assignments: Mapping[str, str] | None = None,
        files: Iterable[tuple[str, Signature, str]] = (),
        origins: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Record what was found out, in one transaction that is durable before this returns.

        Args:
            objects: Proved objects.
            assignments: The keys of assets: cache key -> key.
            files: The content of files: path relative to the workspace, signature, CRC64NVME. A file that had
                changed less than two seconds before it was seen is not recorded: another edit within the
                clock's step would not show.
            origins: The content that files here are sent or brought with: path, CRC64NVME. For what is
                brought, before it is there.
        """
        now_ns = time.time_ns()
        with self.database.transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (path, *numbers(known), crc)
                    for path, known, crc in files
                    if known.ctime_ns < (known.seen_ns or now_ns) - _SETTLED_NS
                ],
            )
            database.executemany(
                "INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self.bucket,
                        proved.key,
                        proved.size_bytes,
                        proved.etag,
                        proved.crc64nvme,
                        proved.version_id,
                        proved.storage_class,
                        proved.owner,
                        proved.proof,
                        proved.proved_at,
                    )
                    for proved in objects
                ],
            )
            database.executemany(
                "INSERT OR REPLACE INTO origin VALUES (?, ?, ?)",
                [(self.bucket, path, crc) for path, crc in origins],
            )
            if assignments:
                database.executemany(
                    "INSERT OR REPLACE INTO assigned VALUES (?, ?, ?)",
                    [(self.bucket, cache_key, key) for cache_key, key in assignments.items()],
                )
                self._forget_publication(database)

    def origin(self, path: str) -> str | None:
        """Return what a file was when it was last sent or brought here: CRC64NVME, None if not known."""
        row = self.database.row("SELECT crc64nvme FROM origin WHERE bucket=? AND path=?", (self.bucket, path))
        return row[0] if row else None

    def objects(self) -> dict[str, ProvedObject]:
        """Return all proved objects of the bucket by key."""
        rows = self.database.rows(
            "SELECT key, size_bytes, etag, crc64nvme, version_id, storage_class, owner, proof, proved_at"
            " FROM object WHERE bucket=?",
            (self.bucket,),
        )
        return {row[0]: ProvedObject(*row) for row in rows}

    def object(self, key: str) -> ProvedObject | None:
        """Return what was proved of one object; None for nothing."""
        row = self.database.row(
            "SELECT key, size_bytes, etag, crc64nvme, version_id, storage_class, owner, proof, proved_at"
            " FROM object WHERE bucket=? AND key=?",
            (self.bucket, key),
        )
        return ProvedObject(*row) if row else None

    def marks(self) -> tuple[str, ...]:
        """Return keys that cut those of the proved objects into ranges of about the same size, in order."""
        counted = self.database.row("SELECT count(*) FROM object WHERE bucket=?", (self.bucket,))
        known = counted[0] if counted else 0
        shards = shard_count(known)
        rows = (
            self.database.row(
                "SELECT key FROM object WHERE bucket=? ORDER BY key LIMIT 1 OFFSET ?",
                (self.bucket, known * number // shards),
            )
            for number in range(1, shards)
        )
        return tuple(row[0] for row in rows if row)

    def remember_listed(self, objects: Iterable[StoredObject]) -> None:
        """Record objects that were seen and not proved."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self.database.transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (self.bucket, stored.key, stored.size_bytes, stored.etag, stored.storage_class, now)
                    for stored in objects
                ],
            )

    def assignment(self, cache_key: str) -> str | None:
        """Return the key that an asset was given; None when it has none yet."""
        row = self.database.row(
            "SELECT key FROM assigned WHERE bucket=? AND cache_key=?", (self.bucket, cache_key)
        )
        return row[0] if row else None

    def assignments(self) -> dict[str, str]:
        """Return the keys that assets were given: cache key -> key."""
        return dict(self.database.rows("SELECT cache_key, key FROM assigned WHERE bucket=?", (self.bucket,)))

    def assignments_of(self, cache_keys: Iterable[str]) -> dict[str, str]:
        """Return the keys that some assets were given: cache key -> key."""
        query = "SELECT key FROM assigned WHERE bucket=? AND cache_key=?"
        found = {}
        for cache_key in cache_keys:
            if row := self.database.row(query, (self.bucket, cache_key)):
                found[cache_key] = row[0]
        return found

    def count_assignments(self) -> int:
        """Return how many assets were given a key."""
        row = self.database.row("SELECT count(*) FROM assigned WHERE bucket=?", (self.bucket,))
        return int(row[0])

    def assigned_rows(self) -> list[tuple[str, str, int | None, str | None, int | None]]:
        """Return key, cache key, and of the asset's row: number, file path, whether it is cold."""
        rows: list[tuple[str, str, int | None, str | None, int | None]] = self.database.rows(
            "SELECT assigned.key, assigned.cache_key, asset.id, asset.file_path, asset.is_cold FROM assigned"
            " LEFT JOIN asset ON asset.cache_key=assigned.cache_key WHERE assigned.bucket=?"
            " ORDER BY assigned.cache_key",
            (self.bucket,),
        )
        return rows

    def problems(self) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str, str, str], ...]]:
        """Return what the last intake noticed.

        Returns:
            What the parser forgave: name, what was done. What was set aside: section, entry, kind, reason.
        """
        forgiven = self.database.rows("SELECT name, reason FROM warning ORDER BY id")
        aside = self.database.rows("SELECT section, entry, kind, reason FROM problem")
        return tuple(forgiven), tuple(aside)

    def proved_places(self, rows: Sequence[int]) -> dict[int, tuple[str, str | None]]:
        """Return keys and the checksums of their objects for at most a few hundred rows: row -> both."""
        marks = ", ".join("?" * len(rows))
        found = self.database.rows(
            # CROSS JOIN: the rows first (sqlite.org, "The SQLite Query Optimizer Overview").
            "SELECT asset.id, assigned.key, object.crc64nvme FROM asset"  # noqa: S608 - only question marks
            " CROSS JOIN assigned ON assigned.bucket=? AND assigned.cache_key=asset.cache_key"
            " LEFT JOIN object ON object.bucket=assigned.bucket AND object.key=assigned.key"
            f" WHERE asset.id IN ({marks})",
            (self.bucket, *rows),
        )
        return {number: (key, crc) for number, key, crc in found}

    def places(
        self, entries: Sequence[tuple[str, str]]
    ) -> list[tuple[str, str, str, str, str, str | None, bool]]:
        """Return where the files of at most a few hundred entries (section and name) are.

        Returns:
            Section, entry, field, file path, cache key, the key that was given, and whether other rows name
            the file, too.
        """
        marks = ", ".join(["(?, ?)"] * len(entries))
        rows = self.database.rows(
            # CROSS JOIN: the names first (sqlite.org, "The SQLite Query Optimizer Overview").
            f"WITH wanted (section, entry) AS (VALUES {marks})"  # noqa: S608 - only question marks
            " SELECT asset.section, asset.entry, field, file_path, asset.cache_key, assigned.key, EXISTS ("
            "SELECT 1 FROM asset other WHERE other.file_path=asset.file_path AND other.id<>asset.id)"
            " FROM wanted CROSS JOIN asset ON asset.entry=wanted.entry AND asset.section=wanted.section"
            " LEFT JOIN assigned ON assigned.bucket=? AND assigned.cache_key=asset.cache_key",
            (*itertools.chain.from_iterable(entries), self.bucket),
        )
        return [(*row[:6], bool(row[6])) for row in rows]

    def product_names(self, rows: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """Return the products whose file one of at most a few hundred rows describes: row -> cache keys."""
        marks = ", ".join("?" * len(rows))
        names: dict[int, tuple[str, ...]] = {}
        for number, cache_key in self.database.rows(
            "SELECT asset.id, product.cache_key FROM asset JOIN asset product"  # noqa: S608 - the same
            " ON product.file_path = asset.file_path AND product.section = 'products'"
            f" WHERE asset.section <> 'products' AND asset.id IN ({marks}) ORDER BY product.id",
            rows,
        ):
            names[number] = (*names.get(number, ()), cache_key)
        return names

    def seen_objects(self) -> dict[str, tuple[str, int, bool]]:
        """Return the objects as they were proved, else seen last: key -> ETag, bytes, whether proved."""
        rows = self.database.rows(
            "SELECT key, etag, size_bytes, 0 FROM listed WHERE bucket=?"
            " UNION ALL SELECT key, etag, size_bytes, 1 FROM object WHERE bucket=?",
            (self.bucket, self.bucket),
        )
        return {key: (etag, size_bytes, bool(is_proved)) for key, etag, size_bytes, is_proved in rows}

    def forget_objects(self, keys: Iterable[str]) -> None:
        """Forget everything about keys: that they were proved, seen and given."""
        values = [(self.bucket, key) for key in keys]
        with self.database.transaction() as database:
            for table in ("object", "listed", "assigned"):
                database.executemany(f"DELETE FROM {table} WHERE bucket=? AND key=?", values)  # noqa: S608 - ours
            self._forget_publication(database)

    def forget_proofs(self, keys: Iterable[str]) -> None:
        """Forget that objects were proved, because they are not what was recorded any more."""
        with self.database.transaction() as database:
            database.executemany(
                "DELETE FROM object WHERE bucket=? AND key=?", [(self.bucket, key) for key in keys]
            )

    def is_published(self, etag: str, sha256: bytes) -> bool:
        """Tell whether a published index has all that an index.json says, with the keys assigned now.

        Args:
            etag: Of the published index.
            sha256: Of index.json.
        """
        row = self.database.row("SELECT etag, sha256 FROM publication WHERE bucket=?", (self.bucket,))
        return row is not None and tuple(row) == (etag, sha256)

    def remember_publication(self, etag: str, sha256: bytes) -> None:
        """Record what `is_published` tells, until a key is assigned or forgotten."""
        with self.database.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO publication VALUES (?, ?, ?)", (self.bucket, etag, sha256)
            )

    def cold_files(self) -> dict[str, int]:
        """Return the files of assets that are in S3 only, in this bucket: file path -> bytes."""
        rows = self.database.rows(
            "SELECT asset.file_path, ifnull(asset.size_bytes, 0) FROM asset JOIN assigned"
            " ON assigned.bucket=? AND assigned.cache_key=asset.cache_key WHERE asset.is_cold",
            (self.bucket,),
        )
        return dict(rows)

    def _forget_publication(self, database: sqlite3.Connection) -> None:
        database.execute("DELETE FROM publication WHERE bucket=?", (self.bucket,))
