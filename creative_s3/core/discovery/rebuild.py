"""Making a catalog anew: from index.json, from the bucket, and from what can be read of the old one.

The old file is set aside, never deleted. The new one is made beside it and takes its place at once, so that a
kill at any time leaves the one or the other.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.database import execute_each
from creative_s3.core.catalog.identities import settle_identities
from creative_s3.core.catalog.intake import take_in_now, turn
from creative_s3.core.catalog.places import NOWHERE, catalog_path, remote_side
from creative_s3.core.catalog.salvage import TABLES, Salvage, salvage
from creative_s3.core.catalog.schema import NUMBERS
from creative_s3.core.catalog.settling import settle
from creative_s3.core.catalog.state import CatalogState, examine
from creative_s3.core.discovery.discovery import discover, look_at_bucket
from creative_s3.core.discovery.recording import record_known
from creative_s3.core.discovery.syncing import RUN_LOCK
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.core.files.locks import exclusive
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.index.entries import PRODUCTS_SECTION
from creative_s3.core.migration.validation import State
from creative_s3.errors import CatalogError, CreativeS3Error, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from creative_s3.core.discovery.discovered import Discovery
    from creative_s3.core.migration.validation import ValidationReport
    from creative_s3.core.s3.object_store import ObjectStore

Validate = Callable[[], "ValidationReport"]
"""Compares the cache with the bucket, and records what that proves."""
_NEW_MARK = ".rebuilding"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of a catalog.

    Attributes:
        path: The new catalog.
        set_aside: The old one; None when there was none.
        problems: What was damaged in it; empty for one that was whole.
        assets: How many places in index.json name a file.
        rescued: What was taken over from the old one: rows by table.
        incomplete: Tables of the old one of which something could not be read.
        pending: Entries that index.json had been waiting for, and has now.
        discovery: What the bucket said; None without one.
        proved: Objects that were proved again.
        cold: Assets that are in S3 only.
        bucket_problem: Why the bucket could not be asked.
    """

    path: Path
    set_aside: Path | None = None
    problems: tuple[str, ...] = ()
    assets: int = 0
    rescued: dict[str, int] = field(default_factory=dict)
    incomplete: tuple[str, ...] = ()
    pending: int = 0
    discovery: Discovery | None = None
    proved: int = 0
    cold: int = 0
    bucket_problem: str | None = None


def rebuild(
    cache_dir: Path,
    storage: ObjectStore | None,
    *,
    prefix: str,
    validate: Validate | None = None,
    emit: Emit = ignore,
) -> Rebuilt:
    """Set a cache's catalog aside and make it anew, whatever state it is in.

    Args:
        cache_dir: The pipeline's cache directory.
        storage: The bucket, if one is set.
        prefix: What its keys begin with.
        validate: Proves the objects again; called when the catalog is made.
        emit: Takes events.

    Raises:
        LockedError: Another run works on this cache.
        RefusedError: There is no cache directory.
        CatalogError: A newer version wrote the catalog, or another process is using it.
        IndexFileError: index.json cannot be read as an index. The old catalog stays where it is.
    """
    if not cache_dir.is_dir():
        raise RefusedError(
            "the cache directory does not exist",
            item=str(cache_dir),
            hint="check --cache-dir (or CACHE_DIR) and whether the disk is mounted",
        )
    path = catalog_path(cache_dir)
    workspace = Workspace(cache_dir)
    side = remote_side(storage.connection, prefix) if storage else NOWHERE
    with exclusive(path.with_name(RUN_LOCK)):
        old = _examined(path)
        emit(PhaseStarted("taking in the index"))
        with turn(path), _no_changes(path):
            rescued = _make(path, workspace, side)
            set_aside = _set_aside(path) if old else None
            _put_in_place(path)
        with Catalog(path, bucket=side) as catalog:
            pending = len(catalog.journal.pending())
            settle(catalog, workspace, emit=emit)
            made = Rebuilt(
                path=path,
                set_aside=set_aside,
                problems=old.problems if old else (),
                assets=catalog.assets.count(),
                rescued={table: len(rows) for table, rows in rescued.rows.items()},
                incomplete=rescued.incomplete,
                pending=pending,
            )
            if storage is None:
                return made
            try:
                made = replace(made, discovery=_learn(storage, catalog, workspace, prefix=prefix, emit=emit))
            except CreativeS3Error as error:
                return replace(made, bucket_problem=error.message)
        return _proved(made, validate)


def _examined(path: Path) -> CatalogState | None:
    """Return the state of the old catalog; None when there is none.

    Raises:
        CatalogError: It must not be touched.
    """
    if not path.exists():
        return None
    state = examine(path, "integrity_check")
    if state.is_busy:
        raise CatalogError(
            "another process is writing the catalog", item=str(path), hint="run it again when that has ended"
        )
    if state.is_newer:
        raise CatalogError(
            f"a newer creative-s3 wrote the catalog (schema version {state.version})",
            item=str(path),
            hint="update creative-s3: pipx upgrade creative-s3",
        )
    return state


@contextmanager
def _no_changes(path: Path) -> Iterator[None]:
    """Let nobody change the old catalog for the block, as far as its damage allows that.

    A write that comes later fails, because the file has moved (sqlite.org, "SQLITE_READONLY_DBMOVED").
    """
    with ExitStack() as opened:
        if path.exists():
            with suppress(sqlite3.Error):
                old = opened.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
                old.execute("BEGIN IMMEDIATE")
        yield


def _make(path: Path, workspace: Workspace, side: str) -> Salvage:
    """Make the new catalog beside the old one, with what index.json says and the old one still says."""
    new = path.with_name(path.name + _NEW_MARK)
    for leftover in (new, _journal_of(new)):
        leftover.unlink(missing_ok=True)
    try:
        with Catalog(new, bucket=side) as catalog:
            take_in_now(catalog, workspace)
            is_only_source = not workspace.index_path.exists()
            rescued = salvage(path, every_asset=is_only_source) if path.exists() else Salvage({}, {})
            _keep(catalog, rescued)
    except BaseException:
        for leftover in (new, _journal_of(new)):
            leftover.unlink(missing_ok=True)
        raise
    return rescued


def _keep(catalog: Catalog, rescued: Salvage) -> None:
    with catalog.database.transaction() as database:
        for table, rows in rescued.rows.items():
            columns = TABLES[table][1]
            database.executemany(
                f"INSERT OR IGNORE INTO {table} ({', '.join(columns)})"  # noqa: S608 - names of our own
                f" VALUES ({', '.join('?' * len(columns))})",
                rows,
            )
        if rescued.has_own_numbers:
            execute_each(database, NUMBERS)
    cold = [
        replace(row, is_cold=True, size_bytes=rescued.cold[row.asset.cache_key])
        for cache_key in rescued.cold
        if (row := catalog.assets.get(cache_key)) and row.size_bytes is None  # else its file is on disk
    ]
    catalog.assets.put(cold)
    _keep_assets(catalog, rescued)


def _keep_assets(catalog: Catalog, rescued: Salvage) -> None:
    """Take over what we added to the index: which rows these are, and those that it lacks at present."""
    places = {(row.section, row.entry) for row in rescued.assets}
    there = {(row.section, row.entry, row.field): row for row in catalog.assets.at(sorted(places))}
    kept, missing = [], []
    for row in rescued.assets:
        if known := there.get((row.section, row.entry, row.field)):
            kept.append(replace(known, source=row.source))
        else:
            missing.append(replace(row, id=None, digest=None))
    with catalog.database.transaction() as database:
        catalog.assets.put([*kept, *missing])
        settle_identities(catalog.assets, [row.asset.cache_key for row in missing])
        names = {row.entry for row in missing if row.section == PRODUCTS_SECTION}
        database.executemany(
            "INSERT OR IGNORE INTO product VALUES (?, ?)",
            [(name, content) for name, content in rescued.products.items() if name in names],
        )
        if missing:
            database.execute("DELETE FROM intake")  # so that settling finds what index.json lacks


def _set_aside(path: Path) -> Path:
    """Give the old catalog a name of its own; where the system can, it keeps the usual one until then."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    plain = path.with_name(f"{path.name}.damaged-{moment}")
    numbered = (plain.with_name(f"{plain.name}-{number}") for number in itertools.count(2))
    aside = next(name for name in itertools.chain([plain], numbered) if not name.exists())
    # Examining it has rolled back what a crash left; a journal that is still there belongs to the old one.
    if _journal_of(path).exists():
        _journal_of(path).rename(_journal_of(aside))
    try:
        os.link(path, aside)
    except OSError:  # a file system without hard links: for a moment there is no catalog, which harms nobody
        path.rename(aside)
    return aside


def _put_in_place(path: Path) -> None:
    """Give the new catalog its name, durably."""
    path.with_name(path.name + _NEW_MARK).replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _journal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-journal")


def _learn(
    storage: ObjectStore, catalog: Catalog, workspace: Workspace, *, prefix: str, emit: Emit
) -> Discovery:
    """Learn from the bucket which key each asset of the index has, and which are in S3 only."""
    found = discover(look_at_bucket(storage, prefix, emit=emit), catalog, workspace, emit=emit)
    record_known(found, catalog)
    return found


def _proved(made: Rebuilt, validate: Validate | None) -> Rebuilt:
    if validate is None:
        return made
    try:
        report = validate()
    except CreativeS3Error as error:
        return replace(made, bucket_problem=error.message)
    return replace(made, proved=report.counts[State.MATCHING], cold=report.counts[State.COLD])
