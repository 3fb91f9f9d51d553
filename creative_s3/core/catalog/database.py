"""A SQLite file opened safely: schema versions, transactions, and its errors turned into ours.

What the tables mean is `core.catalog.catalog`; which there are is `core.catalog.schema`.
"""

from __future__ import annotations

import shlex
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from creative_s3.core.catalog.reserve import keep_reserve
from creative_s3.core.catalog.schema import MIGRATIONS, SCHEMA_VERSION
from creative_s3.core.catalog.soundness import refuse_views, unsound
from creative_s3.core.files.own_files import check_own
from creative_s3.core.files.times import storable
from creative_s3.errors import CatalogError, CreativeS3Error, TemporaryError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from creative_s3.core.files.workspace import Signature

    _Values = Iterable[object] | Mapping[str, object]

IN_MEMORY = Path(":memory:")
"""The path of a catalog that is in no file, and that no other process has."""
BUSY_TIMEOUT_S = 30.0
MOST_BYTES = 128 * 2**20
"""The most bytes of a value or a row: eight times what an entry of index.json may have."""
_OF_WRONG_VALUES = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
"""What Python raises where a text is a number, a list is none, a name is unknown."""
_UNREACHABLE = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR}
)


def private_tables(script: str, *, cache_kib: int, is_shared: bool = False) -> sqlite3.Connection:
    """Make tables that nobody else sees and that are gone with their connection.

    Without a name they are in memory until that is short, and then in a temporary file.

    Args:
        script: Makes the tables.
        cache_kib: How much memory they may take.
        is_shared: Whether other threads use them, too; they have to take turns. Files can be attached by URI.
    """
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=not is_shared, uri=is_shared)
    try:
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{cache_kib}"):
            connection.execute(f"PRAGMA {setting}")
        connection.executescript(script)
    except BaseException:
        connection.close()
        raise
    return connection


class Database:
    """An open database file. Any thread may use it; they take turns.

    Args:
        path: The file; it and its directory are made when they are missing.
        timeout_s: How long to wait for another process that writes.
        read_only: Open what is there and change nothing, not even its schema.

    Raises:
        CatalogError: It is damaged, newer than this version, or cannot be opened; also from every method.
        TemporaryError: Another process holds it for too long, or the disk is full; also from every method.
        UsageError: A number is larger than SQLite can hold; from every method.
        RefusedError: What is under its name is no file of ours.
    """

    def __init__(self, path: Path, *, timeout_s: float = BUSY_TIMEOUT_S, read_only: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        for name in (path.name, f"{path.name}-journal"):
            check_own(path.with_name(name))
        self._identity = _identity(path)
        if not read_only:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise _unreachable(error.strerror or str(error), path) from error
        with self._translated():
            self._connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode=ro" if read_only else path,
                timeout=timeout_s,
                isolation_level=None,
                check_same_thread=False,
                uri=read_only,
            )
            self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        try:
            with self._translated():
                version = _check_version(self._connection)
                refuse_views(self._connection)
                if read_only:
                    _require(version, path)
                    return
                # A rollback journal: these versions of SQLite have a WAL bug that can lose committed rows.
                self._connection.execute("PRAGMA journal_mode = DELETE")
                self._connection.execute("PRAGMA synchronous = FULL")
                _migrate(self._connection)
        except BaseException:
            self._connection.close()
            raise
        self._identity = _identity(path)
        if path != IN_MEMORY:  # its folder would be the current one
            keep_reserve(path)

    def blame(self, error: BaseException) -> None:
        """Find out whether values that no catalog of ours has are behind an error that nothing explains.

        Raises:
            CatalogError: They are.
        """
        if isinstance(error, _OF_WRONG_VALUES):
            with self._lock, self._translated():
                reason = unsound(self._connection)
            if reason:
                raise explained(sqlite3.DatabaseError(reason), self.path) from error

    def interrupt(self) -> None:
        """End a query that another thread waits for."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def rows(self, query: str, values: _Values = ()) -> list[Any]:
        """Run a query and return all its rows; its values go by position or by name."""
        with self._lock, self._translated():
            return self._connection.execute(query, _bound(values)).fetchall()

    def row(self, query: str, values: _Values = ()) -> Any:  # noqa: ANN401 - what SQLite returns
        """Run a query and return its first row; None when it has none."""
        with self._lock, self._translated():
            return self._connection.execute(query, _bound(values)).fetchone()

    def function(self, name: str, arguments: int, function: Callable[..., int]) -> None:
        """Let queries of this connection call a function that gives the same for the same values."""
        with self._lock, self._translated():
            self._connection.create_function(name, arguments, function, deterministic=True)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Change things in one step, durable when the block is left; inside another, part of that one."""
        with self._lock, self._translated():
            if self._is_changing():
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite ends the transaction itself when, for example, the disk is full.
                if self._is_changing():
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def in_memory(self) -> Iterator[None]:
        """Keep what each transaction of the block changes in memory until its end, so that others can read.

        Otherwise SQLite writes into the file as soon as its cache is full, and nobody reads from then on.
        """
        with self._lock, self._translated():
            self._connection.execute("PRAGMA cache_spill = OFF")
        try:
            yield
        finally:
            with self._lock, self._translated():
                self._connection.execute("PRAGMA cache_spill = ON")

    @contextmanager
    def temporary(self) -> Iterator[sqlite3.Connection]:
        """Fill temporary tables of this connection in one step; the file is read only."""
        with self._lock, self._translated():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                if self._is_changing():
                    self._connection.execute("COMMIT")

    def _is_changing(self) -> bool:
        return self._connection.in_transaction

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.Error as error:
            if self._identity not in {None, _identity(self.path)}:  # by `catalog rebuild`, in another process
                raise TemporaryError(
                    "the catalog was made anew by another run",
                    item=str(self.path),
                    hint="run the same command again",
                ) from error
            raise explained(error, self.path) from error
        except OverflowError as error:
            raise UsageError("a number is larger than the catalog can hold", item=str(self.path)) from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of its name; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _bound(values: _Values) -> tuple[object, ...] | dict[str, object]:
    return dict(values) if isinstance(values, dict) else tuple(values)


def _require(version: int, path: Path) -> None:
    if version < SCHEMA_VERSION:
        hint = "any command that writes to the catalog brings it up to date: creative-s3 assets find"
        raise CatalogError("the catalog is of an older version", item=str(path), hint=hint)


def numbers(signature: Signature) -> tuple[int, int, int, int]:
    """Return a signature as SQLite can hold it: inode numbers may have all 64 bits, and times may be any."""
    inode = signature.inode - 2**64 if signature.inode >= 2**63 else signature.inode
    return signature.size_bytes, storable(signature.mtime_ns), storable(signature.ctime_ns), inode


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
    for statements in MIGRATIONS[version:]:
        execute_each(database, statements)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    database.execute("COMMIT")


def execute_each(database: sqlite3.Connection, statements: str) -> None:
    """Execute statements that a semicolon parts, in the transaction around them."""
    for statement in statements.split(";"):
        if statement.strip():
            database.execute(statement)


def explained(error: sqlite3.Error, path: Path) -> CreativeS3Error:
    """Return our error for one of SQLite's, about the file at `path`."""
    # The low byte is the primary result code (sqlite.org, "Result and Error Codes").
    detailed = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    code = detailed & 0xFF
    item = str(path)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        hint = "run the same command again when the other run has ended"
        return TemporaryError("another process is using the catalog", item=item, hint=hint)
    # A quota or a limit that is reached is an error in writing; only ENOSPC is "full" (sqlite's os_unix.c).
    if code == sqlite3.SQLITE_FULL or detailed == sqlite3.SQLITE_IOERR_WRITE:
        hint = f"free some space for {path.parent}, then run the same command again"
        return TemporaryError("the disk with the catalog is full", item=item, hint=hint)
    if code in _UNREACHABLE:
        from creative_s3.core.concurrency.limits import can_open_files, no_file  # noqa: PLC0415 - completion opens catalogs

        if not can_open_files():
            return no_file()
    if code in _UNREACHABLE:
        return _unreachable(str(error), path)
    rebuild = shlex.join(["creative-s3", "catalog", "rebuild", "--cache-dir", str(path.parent.parent)])
    hint = f"set it aside and make it anew (nothing but access counts is lost): {rebuild}"
    return CatalogError(f"the catalog is damaged: {error}", item=item, hint=hint)


def _unreachable(reason: str, path: Path) -> CatalogError:
    hint = f"check the permissions of {path.parent} and its disk, then run again"
    return CatalogError(f"the catalog cannot be opened: {reason}", item=str(path), hint=hint)
