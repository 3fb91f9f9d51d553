"""Reading index.json into the catalog's rows: what is new or different is written, what is gone is removed.

When that is done, and by whom, is `core.catalog.intake`'s.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from creative_s3.core.catalog.asset_rows import AssetRecord, Source
from creative_s3.core.catalog.asset_table import EntryName, is_storable
from creative_s3.core.catalog.identities import settle_identities
from creative_s3.core.index.entries import (
    CACHE_SECTION,
    PRODUCTS_SECTION,
    SECTIONS,
    SEMANTIC_SECTION,
    TOP_LEVEL,
    EntryReader,
    Products,
    by_precedence,
    looks_like_entry,
    product_slug,
)
from creative_s3.core.index.fields import OutsideError, UnusableError, shown
from creative_s3.core.index.index import problem_of
from creative_s3.core.index.json_walk import StreamedEntry, stream_events
from creative_s3.core.index.stream import reading

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from creative_s3.core.assets.models import Asset
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace
    from creative_s3.core.index.held_files import HeldFile
    from creative_s3.core.index.index import IndexProblem

T = TypeVar("T")
_Rows = dict[EntryName, dict[str, tuple[int, bytes | None]]]
"""The rows of entries: field -> id and digest."""

_LOOKUPS = 500
_GROUPS_TOGETHER = 8
"""Groups of so many to a transaction: about a quarter of a second."""
_REST_S = 0.01
"""Between two transactions, so that others who write get their turn: SQLite keeps no queue."""
_GROUP = 4000
_FILE_FIELD = "file_path"
_ASSET_SECTIONS = frozenset({PRODUCTS_SECTION, SEMANTIC_SECTION, CACHE_SECTION, TOP_LEVEL})
_BULK_BYTES = 8 * 2**20
"""From this size on, the first intake builds the indexes at its end."""


@dataclass(frozen=True, slots=True)
class IntakeReport:
    """What an intake found.

    Attributes:
        was_read: Whether the index had changed and was read.
        is_current: Whether it was still that file, as it was, when it had been read. If not, nothing is
            taken for gone.
        written: Rows added or changed.
        removed: Rows whose entries are gone.
        lost: Assets of ours whose entries somebody else's older copy of the index has dropped again.
    """

    was_read: bool = False
    is_current: bool = True
    written: int = 0
    removed: int = 0
    lost: tuple[AssetRecord, ...] = ()


class IndexReading:
    """One reading of an index that has changed, a few thousand entries to a transaction.

    Each entry's text is compared by digest, and what is new or different is parsed into rows. The caller has
    its turn (`core.catalog.intake.turn`); only registrations change the catalog meanwhile.

    Args:
        catalog: The catalog.
        workspace: Where the files are.
        held: The index.
    """

    def __init__(self, catalog: Catalog, workspace: Workspace, held: HeldFile) -> None:
        self._catalog = catalog
        self._table = catalog.assets
        self._workspace = workspace
        self._held = held
        self._reader = EntryReader(workspace.cache_dir)
        self._before = self._table.highest_id()
        self._seen = bytearray(self._before // 8 + 1)
        self._pending: frozenset[EntryName] = frozenset()
        self._written = 0
        self._touched: set[str] = set()
        self._derived: set[EntryName] = set()
        self._has_indexes = True
        self._product_names: set[str] = set()
        self._names: Products | None = None
        self._waiting: list[StreamedEntry] = []
        self._are_products_late = False

    def run(self, products_before: bytes) -> tuple[IntakeReport, bytes]:
        """Read the index; return what was found and the digest of its products.

        Raises:
            IndexFileError: It cannot be read as an index.
            CatalogError: The catalog cannot be used.
        """
        is_first = not self._before and self._held.signature.size_bytes > _BULK_BYTES
        if is_first:
            self._table.drop_indexes()
            self._has_indexes = False
        else:
            self._table.make_indexes()  # a first intake may have been killed
        with self._changing() as database:
            database.execute("DELETE FROM problem")
            database.execute("DELETE FROM warning")
        groups = _grouped(self._entries(), _LOOKUPS)
        is_more = True
        while is_more:
            with self._catalog.database.in_memory(), self._changing():
                is_more = all(self._take_next(groups) for _ in range(_GROUPS_TOGETHER))
            time.sleep(_REST_S)
        is_late = self._are_products_late or bool(self._waiting)
        with self._changing():
            names = self._take_products(self._names or Products())
        self._table.make_indexes()
        if is_first:
            repeated = self._table.repeated()
            for record in self._table.by_id(repeated):
                self._warn_of_repeated(record.section, record.entry)
            self._table.remove(repeated)
        if is_late or names.digest() != products_before:
            self._mend_slugs(names)
        # What was read while others wrote it may lack what is there: nothing is taken for gone then.
        is_current = self._held.is_untouched() and self._held.is_at(self._workspace.index_path)
        removed, lost = self._sweep() if is_current else (0, ())
        if is_current:
            self._forget_products(lost)
        settle_identities(self._table, None if is_first else sorted(self._touched))
        report = IntakeReport(
            was_read=True, is_current=is_current, written=self._written, removed=removed, lost=lost
        )
        return report, names.digest()

    def _entries(self) -> Iterator[StreamedEntry]:
        with reading(self._workspace.index_path):
            for event in stream_events(self._held.read, sections=SECTIONS, warn=self._warn):
                if type(event) is StreamedEntry:
                    yield event

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """Change rows in one step, knowing what was registered before it and is newer than the index."""
        with self._catalog.database.transaction() as database:
            self._pending = self._catalog.journal.pending_names()
            yield database

    def _take_next(self, groups: Iterator[list[StreamedEntry]]) -> bool:
        """Take in a group, which is gone before the next one is read; return whether there was one."""
        group = next(groups, [])
        products = [entry for entry in group if entry.section == PRODUCTS_SECTION]
        self._waiting += products
        if len(products) < len(group) and (self._waiting or self._names is None):
            # Products name the slugs of what follows; where they follow, the slugs are mended in the end.
            self._are_products_late = self._are_products_late or bool(self._names and self._waiting)
            self._names = self._take_products(self._names or Products())
        others: dict[EntryName, StreamedEntry] = {}
        for entry in group:
            if entry.section != PRODUCTS_SECTION and _is_asset(entry):
                if (entry.section, entry.name) in others:
                    self._warn_of_repeated(entry.section, entry.name)
                others[entry.section, entry.name] = entry
        self._take_others(list(others.values()), self._names or Products())
        return bool(group)

    def _take_products(self, names: Products) -> Products:
        entries, self._waiting = self._waiting, []
        texts: dict[str, str] = {}
        for entry in entries:
            if entry.name in self._product_names:
                self._warn_of_repeated(entry.section, entry.name)
            self._product_names.add(entry.name)
            texts[entry.name] = entry.raw
        entries = list({entry.name: entry for entry in entries}.values())
        with self._catalog.database.transaction() as database:
            database.executemany(
                "INSERT INTO product VALUES (?, ?) ON CONFLICT (entry) DO UPDATE SET content=excluded.content"
                " WHERE content <> excluded.content",
                [
                    (entry.name, json.dumps(entry.value))
                    for entry in entries
                    if is_storable(entry.name) and (PRODUCTS_SECTION, entry.name) not in self._pending
                ],
            )
        found: list[tuple[str, bytes, list[tuple[str, Asset]]]] = []
        for name, value in by_precedence((entry.name, entry.value) for entry in entries):
            try:
                assets = list(self._reader.product(name, value))
                names.add(product_slug(name, value), (asset.file_path for _, asset in assets))
                found.append((name, _digest(texts[name]), assets))
            except (UnusableError, OutsideError) as reason:
                self._set_aside(problem_of(PRODUCTS_SECTION, name, reason), texts[name])
        for batch in _grouped(found, _LOOKUPS):
            rows = self._rows_of([(PRODUCTS_SECTION, name) for name, _, _ in batch])
            self._write(
                (PRODUCTS_SECTION, name, field, digest, asset, rows)
                for name, digest, assets in batch
                for field, asset in assets
            )
        return names

    def _take_others(self, entries: list[StreamedEntry], names: Products) -> None:
        for batch in _grouped(entries, _LOOKUPS):
            rows = self._rows_of([(entry.section, entry.name) for entry in batch])
            taken = []
            for entry in batch:
                digest = _digest(entry.raw)
                known = rows.get((entry.section, entry.name), {}).get(_FILE_FIELD)
                is_ours = (entry.section, entry.name) in self._pending
                if known and self._was_met(known[0]) and not is_ours:
                    self._warn_of_repeated(entry.section, entry.name)
                if known and known[1] == digest:
                    self._mark(known[0])
                    continue
                try:
                    asset = self._reader.asset(entry.section, entry.name, entry.value)
                except (UnusableError, OutsideError) as reason:
                    self._set_aside(problem_of(entry.section, entry.name, reason), entry.raw)
                else:
                    completed = names.complete(asset)
                    taken.append((entry.section, entry.name, _FILE_FIELD, digest, completed, rows))
                    if completed.product_slug != asset.product_slug:
                        self._derived.add((entry.section, entry.name))
            self._write(taken)

    def _write(self, found: Iterable[tuple[str, str, str, bytes, Asset, _Rows]]) -> None:
        """Turn what was read into rows, those of entries that are there already in their place."""
        changed: list[tuple[int | None, AssetRecord]] = []
        for section, entry, field, digest, asset, rows in found:
            number, known_digest = rows.get((section, entry), {}).get(field, (None, None))
            if number is not None:
                self._mark(number)
                if known_digest == digest or (section, entry) in self._pending:
                    continue
            record = AssetRecord(
                asset,
                section,
                entry,
                field,
                digest=digest,
                slug_is_derived=(section, entry) in self._derived,
                size_bytes=self._size_of(asset.file_path),
            )
            changed.append((number, record))
            if self._has_indexes:  # else all are looked at in the end
                self._touched.add(asset.cache_key)
        self._derived.clear()
        old = {
            row.id: row for row in self._table.by_id([number for number, _ in changed if number is not None])
        }
        self._table.put(
            _renewed(old[number], record) if number in old else record for number, record in changed
        )
        self._written += len(changed)

    def _rows_of(self, entries: list[EntryName]) -> _Rows:
        rows: _Rows = {}
        # Without indexes each look goes through the table; then only what is registered can be there already.
        sought = entries if self._has_indexes else [name for name in entries if name in self._pending]
        for section, entry, field, number, digest in self._table.digests(
            [name for name in sought if is_storable(name[1])]
        ):
            rows.setdefault((section, entry), {})[field] = (number, digest)
        return rows

    def _mark(self, number: int) -> None:
        if number <= self._before:
            self._seen[number >> 3] |= 1 << (number & 7)

    def _was_met(self, number: int) -> bool:
        """Tell whether this very intake has come by a row already."""
        return number > self._before or bool(self._seen[number >> 3] & 1 << (number & 7))

    def _size_of(self, file_path: str) -> int | None:
        try:
            return os.stat(f"{self._workspace.root}/{file_path}").st_size  # noqa: PTH116 - a million times
        except OSError:
            return None

    def _set_aside(self, problem: IndexProblem, raw: str) -> None:
        with self._catalog.database.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO problem VALUES (?, ?, ?, ?, ?)",
                (problem.section, problem.entry, _digest(raw), str(problem.kind), problem.reason),
            )

    def _warn(self, name: str, reason: str) -> None:
        with self._catalog.database.transaction() as database:
            database.execute("INSERT INTO warning (name, reason) VALUES (?, ?)", (shown(name), reason))

    def _warn_of_repeated(self, section: str, name: str) -> None:
        self._warn(".".join(part for part in (section, name) if part), "stands twice; the later one counts")

    def _mend_slugs(self, names: Products) -> None:
        """Find out again the slugs that the products name."""
        rows = self._table.all("kind IN ('product', 'composite') AND section <> 'products'")
        for group in _grouped(rows, _GROUP):
            changed = []
            for row in group:
                asset = row.asset
                explicit = None if row.slug_is_derived else asset.product_slug
                slug = names.slug_of(asset.cache_key, asset.file_path, explicit)
                if slug != asset.product_slug:
                    changed.append(
                        replace(row, asset=replace(asset, product_slug=slug), slug_is_derived=True)
                    )
            if changed:
                self._table.put(changed)

    def _sweep(self) -> tuple[int, tuple[AssetRecord, ...]]:
        """Remove the rows whose entries are gone; return how many, and those of ours that must come back."""
        removed = 0
        lost: list[AssetRecord] = []
        last = 0
        while chunk := self._table.places(last, self._before, _GROUP):
            last = chunk[-1][0]
            with self._changing():
                gone = [
                    number
                    for number, section, entry in chunk
                    if not self._was_met(number) and (section, entry) not in self._pending
                ]
                rows = self._table.by_id(gone)
                kept = [row for row in rows if row.source is not Source.INDEX and self._is_somewhere(row)]
                ids = {row.id for row in kept}
                self._table.remove([number for number in gone if number not in ids])
            lost += kept
            removed += len(gone) - len(kept)
        return removed, tuple(lost)

    def _forget_products(self, lost: tuple[AssetRecord, ...]) -> None:
        kept = self._product_names | {row.entry for row in lost if row.section == PRODUCTS_SECTION}
        with self._changing() as database:
            kept |= {entry for section, entry in self._pending if section == PRODUCTS_SECTION}
            known = [entry for (entry,) in self._catalog.database.rows("SELECT entry FROM product")]
            database.executemany(
                "DELETE FROM product WHERE entry=?", [(entry,) for entry in known if entry not in kept]
            )

    def _is_somewhere(self, row: AssetRecord) -> bool:
        return row.is_cold or self._size_of(row.asset.file_path) is not None


def _renewed(old: AssetRecord, new: AssetRecord) -> AssetRecord:
    """Return what the index says now, with what only the catalog knows."""
    if old.is_cold and old.asset.file_path.replace("\\", "/") == new.asset.file_path:
        # The file whose name had backslashes is in S3 only, so that its name was not found here.
        new = replace(new, asset=replace(new.asset, file_path=old.asset.file_path))
    return replace(
        new,
        id=old.id,
        source=old.source,
        is_cold=old.is_cold and new.size_bytes is None,
        size_bytes=old.size_bytes if new.size_bytes is None else new.size_bytes,
    )


def _is_asset(entry: StreamedEntry) -> bool:
    if entry.section == TOP_LEVEL and entry.name in SECTIONS:
        return bool(entry.value)  # a section that is no object: set aside
    return entry.section in _ASSET_SECTIONS and (entry.section != TOP_LEVEL or looks_like_entry(entry.value))


def _digest(raw: str) -> bytes:
    return hashlib.blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _grouped(values: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(values)
    return iter(lambda: list(itertools.islice(iterator, size)), [])
