"""What the catalog knows of a bucket's objects, held against a listing of them. Only looks."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from creative_s3.core.index.entries import (
    CACHE_SECTION,
    PRODUCTS_SECTION,
    SEMANTIC_SECTION,
    TOP_LEVEL,
    looks_like_entry,
)
from creative_s3.core.index.stream import stream_entries
from creative_s3.core.index.survey import UNINDEXED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.core.catalog.asset_table import EntryName
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace

ASSET_SECTIONS = (PRODUCTS_SECTION, SEMANTIC_SECTION, CACHE_SECTION, TOP_LEVEL)
"""The sections whose entries name files."""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that the catalog knows.

    Attributes:
        key: The full key.
        cache_keys: The assets that have it.
        size_bytes: Of the object when it was proved or seen last; 0 when it never was.
        detail: What is the matter, in words.
    """

    key: str
    cache_keys: tuple[str, ...]
    size_bytes: int
    detail: str


@dataclass(frozen=True, slots=True)
class _Owner:
    """An asset that was given a key; `row` is None when the index has no such asset any more."""

    cache_key: str
    row: int | None
    file_path: str
    is_cold: bool
    is_here: bool


class KnownObjects:
    """The catalog's side of a discovery.

    Args:
        catalog: It has taken in the index.
        workspace: The local side.
        listing: The objects that are there, by key.

    Attributes:
        assigned: The keys of assets: cache key -> key.
        assignments: Those that were learnt meanwhile.
    """

    def __init__(self, catalog: Catalog, workspace: Workspace, listing: Mapping[str, StoredObject]) -> None:
        self._catalog = catalog
        self._root = workspace.root
        self._listing = listing
        self._owners: dict[str, list[_Owner]] = {}
        self.assigned: dict[str, str] = {}
        for key, cache_key, row, file_path, is_cold in catalog.assigned_rows():
            self.assigned[cache_key] = key
            if row is None and cache_key.startswith(UNINDEXED):
                file_path = cache_key.removeprefix(UNINDEXED)  # noqa: PLW2901 - the same thing, found otherwise
            is_here = file_path is not None and os.path.exists(f"{self._root}/{file_path}")  # noqa: PTH110 - a million times
            owner = _Owner(cache_key, row, file_path or "", bool(is_cold), is_here)
            self._owners.setdefault(key, []).append(owner)
        self.assignments: dict[str, str] = {}
        self._learnt: list[tuple[AssetRecord, str]] = []
        self._seen = catalog.seen_objects()
        problems = catalog.database.rows("SELECT section, entry FROM problem")
        self._set_aside: set[EntryName] = {(section, entry) for section, entry in problems}

    def has(self, key: str) -> bool:
        """Tell whether an asset of the index, or an unindexed file that is here, has this key."""
        return any(
            owner.row is not None or (owner.cache_key.startswith(UNINDEXED) and owner.is_here)
            for owner in self._owners.get(key, ())
        )

    def asset(self, cache_key: str) -> AssetRecord | None:
        """Return the asset of this name, if the index has one."""
        return self._catalog.assets.get(cache_key)

    def rows_of(self, entries: Sequence[EntryName]) -> dict[EntryName, list[AssetRecord]]:
        """Return the entries that the index has, at most 500 of them; one that was set aside has no rows."""
        there: dict[EntryName, list[AssetRecord]] = {name: [] for name in entries if name in self._set_aside}
        for row in self._catalog.assets.at(entries):
            there.setdefault((row.section, row.entry), []).append(row)
        return there

    def assign(self, row: AssetRecord, key: str) -> None:
        """Learn that an asset of the index has a key, unless it has one already.

        A product whose file another entry describes has that one's key.
        """
        name, file_path = row.asset.cache_key, row.asset.file_path
        if self.assigned.get(name) in self._listing:
            return
        owners = self._owners.get(key, ())
        is_described = any(owner.row is not None and owner.file_path == file_path for owner in owners)
        if is_described and row.section == PRODUCTS_SECTION:
            return
        self.assigned[name] = self.assignments[name] = key
        is_here = os.path.exists(f"{self._root}/{file_path}")  # noqa: PTH110 - as above
        self._owners.setdefault(key, []).append(_Owner(name, row.id, file_path, row.is_cold, is_here))

    def changed(self) -> Iterator[KnownKey]:
        """Yield the keys under which other objects are now than were proved, or else seen last."""
        for key, (etag, size_bytes, is_proved) in self._seen.items():
            stored = self._listing.get(key)
            if stored is None or not self.has(key) or (stored.etag, stored.size_bytes) == (etag, size_bytes):
                continue
            how = "proved" if is_proved else "seen"
            yield KnownKey(
                key, self._names(key), size_bytes, f"it is no longer the object that was {how} last"
            )

    def gone(self) -> Iterator[KnownKey]:
        """Yield the keys that the catalog knows and the listing does not."""
        for key in sorted({*self._owners, *self._proved()} - self._listing.keys()):
            owners = [owner for owner in self._owners.get(key, ()) if owner.row is not None]
            if not owners:
                detail = "no asset of the index has it"
            elif all(owner.is_here for owner in owners):
                detail = "its file is on disk"
            else:
                detail = "its file is not on disk either"
            yield KnownKey(key, self._names(key), self._seen.get(key, ("", 0, False))[1], detail)

    def stale_keys(self) -> tuple[str, ...]:
        """Return the keys that are gone and belong to no asset."""
        return tuple(
            key for key in {*self._owners, *self._proved()} - self._listing.keys() if not self.has(key)
        )

    def cooled(self) -> tuple[tuple[AssetRecord, StoredObject], ...]:
        """Return the assets that are not on disk, not recorded as in S3 only, and there."""
        cooled = {
            owner.row: self._listing[key]
            for key, owners in self._owners.items()
            if key in self._listing
            for owner in owners
            if owner.row is not None and not owner.is_here and not owner.is_cold
        }
        rows = self._catalog.assets.by_id(list(cooled))
        return tuple(
            (replace(row, is_cold=True, size_bytes=cooled[row.id].size_bytes), cooled[row.id])
            for row in rows
            if row.id is not None
        )

    def returned(self) -> tuple[str, ...]:
        """Return the assets recorded as in S3 only whose files are on disk."""
        return tuple(
            owner.cache_key
            for owners in self._owners.values()
            for owner in owners
            if owner.row is not None and owner.is_cold and owner.is_here
        )

    def unproved(self) -> Iterator[StoredObject]:
        """Yield the known objects that were neither proved nor seen as they are now."""
        for key in self._owners:
            stored = self._listing.get(key)
            if stored is None:
                continue
            etag, size_bytes, is_proved = self._seen.get(key, ("", -1, False))
            if not is_proved and (stored.etag, stored.size_bytes) != (etag, size_bytes):
                yield stored

    def _names(self, key: str) -> tuple[str, ...]:
        return tuple(owner.cache_key for owner in self._owners.get(key, ()) if owner.row is not None)

    def _proved(self) -> set[str]:
        return {key for key, (_, _, is_proved) in self._seen.items() if is_proved}


def other_names(index_path: Path) -> set[EntryName]:
    """Return the names in an index that are no asset's: of other sections, and settings at the top level.

    Raises:
        IndexFileError: It cannot be read as an index.
    """
    if not index_path.exists():
        return set()
    return {
        (entry.section, entry.name)
        for entry in stream_entries(index_path)
        if entry.section not in ASSET_SECTIONS
        or (entry.section == TOP_LEVEL and not looks_like_entry(entry.value))
    }
