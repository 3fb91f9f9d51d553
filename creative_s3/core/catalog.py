"""The catalog: what we know of each file's content and of each object we proved, in SQLite.

Everything in it can be found out again from the cache and the bucket; it saves the asking. What it says of a
remote object is a hint: a LIST that shows another ETag wins. One connection, used from one thread.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import platformdirs

from creative_s3.core.workspace import PRIVATE_DIRECTORY, Signature
from creative_s3.errors import CatalogError, CreativeS3Error, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from creative_s3.core.aws import Connection

CATALOG_NAME = "catalog.sqlite3"
SCHEMA_VERSION = 1
_BUSY_TIMEOUT_S = 30
_SETTLED_NS = 2_000_000_000
_UNREACHABLE = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR}
)
_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE file (
        path TEXT PRIMARY KEY,
        size_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        ctime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        crc64nvme TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE object (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        etag TEXT NOT NULL,
        crc64nvme TEXT NOT NULL,
        version_id TEXT,
        storage_class TEXT NOT NULL,
        owner TEXT,
        proof TEXT NOT NULL,
        proved_at TEXT NOT NULL,
        PRIMARY KEY (bucket, key)
    ) WITHOUT ROWID;
    CREATE TABLE assigned (
        bucket TEXT NOT NULL,
        cache_key TEXT NOT NULL,
        key TEXT NOT NULL,
        PRIMARY KEY (bucket, cache_key)
    ) WITHOUT ROWID;
    CREATE TABLE published (
        bucket TEXT NOT NULL,
        section TEXT NOT NULL,
        entry TEXT NOT NULL,
        ours TEXT NOT NULL,
        merged TEXT NOT NULL,
        PRIMARY KEY (bucket, section, entry)
    ) WITHOUT ROWID;
    """,
)


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


@dataclass(frozen=True, slots=True)
class PublishedDigests:
    """What an index entry was when we last published: on our side, and in the merged result."""

    ours: str
    merged: str


class Catalog:
    """An open catalog for one bucket. Use it as a context manager.

    Args:
        path: The database file; its directory is made when it is missing.
        bucket: Names the remote side: endpoint, bucket and prefix, so that two of them never mix.

    Raises:
        CatalogError: It is damaged, newer than this version, or cannot be opened; also from every method.
        TemporaryError: Another process holds it for too long, or the disk is full; also from every method.
    """

    def __init__(self, path: Path, *, bucket: str) -> None:
        self.path = path
        self._bucket = bucket
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unreachable(error.strerror or str(error), path) from error
        with self._translated():
            self._database = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        try:
            with self._translated():
                _check_version(self._database)
                # A rollback journal: these versions of SQLite have a WAL bug that can lose committed rows.
                self._database.execute("PRAGMA journal_mode = DELETE")
                self._database.execute("PRAGMA synchronous = FULL")
                _migrate(self._database)
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def crc_of_file(self, path: str, signature: Signature) -> str | None:
        """Return the known CRC64NVME of a file, if it is still the file that was read."""
        rows = self._rows(
            "SELECT crc64nvme FROM file"
            " WHERE path=? AND size_bytes=? AND mtime_ns=? AND ctime_ns=? AND inode=?",
            (path, *_numbers(signature)),
        )
        return rows[0][0] if rows else None

    def remember(
        self,
        *,
        objects: Iterable[ProvedObject] = (),
        assignments: Mapping[str, str] | None = None,
        files: Iterable[tuple[str, Signature, str]] = (),
    ) -> None:
        """Record what was found out, in one transaction that is durable before this returns.

        Args:
            objects: Proved objects.
            assignments: The keys of assets: cache key -> key.
            files: The content of files: path relative to the workspace, signature, CRC64NVME. A file that had
                changed less than two seconds before it was seen is not recorded: another edit within the
                clock's step would not show.
        """
        now_ns = time.time_ns()
        with self._transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (path, *_numbers(known), crc)
                    for path, known, crc in files
                    if known.ctime_ns < (known.seen_ns or now_ns) - _SETTLED_NS
                ],
            )
            self._database.executemany(
                "INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self._bucket,
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
            self._database.executemany(
                "INSERT OR REPLACE INTO assigned VALUES (?, ?, ?)",
                [(self._bucket, cache_key, key) for cache_key, key in (assignments or {}).items()],
            )

    def objects(self) -> dict[str, ProvedObject]:
        """Return all proved objects of the bucket by key."""
        rows = self._rows(
            "SELECT key, size_bytes, etag, crc64nvme, version_id, storage_class, owner, proof, proved_at"
            " FROM object WHERE bucket=?",
            (self._bucket,),
        )
        return {row[0]: ProvedObject(*row) for row in rows}

    def assignments(self) -> dict[str, str]:
        """Return the keys that assets were given: cache key -> key."""
        return dict(self._rows("SELECT cache_key, key FROM assigned WHERE bucket=?", (self._bucket,)))

    def published(self) -> dict[tuple[str, str], PublishedDigests]:
        """Return what each index entry was when we last published: (section, entry) -> digests."""
        rows = self._rows(
            "SELECT section, entry, ours, merged FROM published WHERE bucket=?", (self._bucket,)
        )
        return {(section, entry): PublishedDigests(ours, merged) for section, entry, ours, merged in rows}

    def remember_published(self, digests: Mapping[tuple[str, str], PublishedDigests]) -> None:
        """Replace the record of the published index."""
        with self._transaction():
            self._database.execute("DELETE FROM published WHERE bucket=?", (self._bucket,))
            self._database.executemany(
                "INSERT INTO published VALUES (?, ?, ?, ?, ?)",
                [
                    (self._bucket, section, entry, known.ours, known.merged)
                    for (section, entry), known in digests.items()
                ],
            )

    def _rows(self, query: str, values: tuple[object, ...]) -> list[Any]:
        with self._translated():
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                # SQLite ends the transaction itself when, for example, the disk is full.
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.Error as error:
            raise _explained(error, self.path) from error


def remote_side(connection: Connection, prefix: str) -> str:
    """Return the name under which the catalog keeps what it knows of a bucket's prefix."""
    return f"{connection.endpoint_url or 'aws'}|{connection.bucket}|{prefix}"


def catalog_path(cache_dir: Path) -> Path:
    """Return where a cache's catalog lies: inside it; if it is read-only, in the user's state directory."""
    inside = cache_dir / PRIVATE_DIRECTORY
    if os.access(inside if inside.exists() else cache_dir, os.W_OK):
        return inside / CATALOG_NAME
    digest = hashlib.sha256(os.fsencode(os.path.realpath(cache_dir))).hexdigest()[:16]
    return platformdirs.user_state_path("creative-s3", appauthor=False) / "caches" / digest / CATALOG_NAME


def _check_version(database: sqlite3.Connection) -> int:
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise CatalogError(
            f"the catalog has schema version {version}, and this creative-s3 knows {SCHEMA_VERSION}",
            hint="update creative-s3: pipx upgrade creative-s3",
        )
    return version


def _migrate(database: sqlite3.Connection) -> None:
    if _check_version(database) == SCHEMA_VERSION:
        return
    database.execute("BEGIN IMMEDIATE")
    # Asked again under the lock: another process may have migrated meanwhile.
    version = _check_version(database)
    for statements in _MIGRATIONS[version:]:
        for statement in statements.split(";"):
            if statement.strip():
                database.execute(statement)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    database.execute("COMMIT")


def _numbers(signature: Signature) -> tuple[int, int, int, int]:
    """Return a signature as SQLite can hold it: some file systems have inode numbers of all 64 bits."""
    inode = signature.inode - 2**64 if signature.inode >= 2**63 else signature.inode
    return signature.size_bytes, signature.mtime_ns, signature.ctime_ns, inode


def _explained(error: sqlite3.Error, path: Path) -> CreativeS3Error:
    # The low byte is the primary result code (sqlite.org, "Result and Error Codes").
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    item = str(path)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        hint = "run the same command again when the other run has ended"
        return TemporaryError("another process is using the catalog", item=item, hint=hint)
    if code == sqlite3.SQLITE_FULL:
        hint = f"free some space for {path.parent}, then run the same command again"
        return TemporaryError("the disk with the catalog is full", item=item, hint=hint)
    if code in _UNREACHABLE:
        return _unreachable(str(error), path)
    aside = shlex.join(["mv", item, f"{item}.damaged"])
    hint = f"move it aside (nothing in it is the only copy): {aside}"
    return CatalogError(f"the catalog is damaged: {error}", item=item, hint=hint)


def _unreachable(reason: str, path: Path) -> CatalogError:
    hint = f"check the permissions of {path.parent} and its disk, then run again"
    return CatalogError(f"the catalog cannot be opened: {reason}", item=str(path), hint=hint)
