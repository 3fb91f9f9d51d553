"""The library as it is seen without a connection: the catalog, up to date with index.json, and the disk.

Nothing here knows the network, and no bucket or credentials are needed.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creative_s3.core.catalog.asset_table import is_storable
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.database import IN_MEMORY
from creative_s3.core.catalog.index_state import IndexState
from creative_s3.core.catalog.intake import TURN_WAIT_S, take_in
from creative_s3.core.catalog.places import NOWHERE, catalog_path
from creative_s3.core.events import Emit, ignore
from creative_s3.core.files.workspace import FileState, Workspace
from creative_s3.core.shell_words import quoted
from creative_s3.errors import (
    IndexFileError,
    LockedError,
    ObjectNotFoundError,
    SettingsError,
    TemporaryError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.settings import S3Config

_PATIENCE_S = 5.0
_TURN_PATIENCE_S = 2.0
_CHUNK = 500
_STORED = """
    SELECT cache_key, key,
        EXISTS (SELECT 1 FROM object WHERE object.bucket = assigned.bucket AND object.key = assigned.key)
        OR EXISTS (SELECT 1 FROM listed WHERE listed.bucket = assigned.bucket AND listed.key = assigned.key)
    FROM assigned WHERE bucket=?
"""
"""The keys of assets, and whether an object was ever seen there."""


class Place(StrEnum):
    """Where an asset is, as far as can be seen from here."""

    HOT = "hot"
    """Its file is on local disk."""
    COLD = "cold"
    """In S3 only, as the catalog says."""
    MISSING = "missing"
    """Its file is not on local disk, and nothing is known of an object."""
    UNUSABLE = "unusable"
    """Something is there that cannot be read, or must not be."""


@dataclass(frozen=True, slots=True)
class PlacedAsset:
    """An asset, and where it is.

    Attributes:
        record: What the catalog knows.
        place: As a look at the disk has shown just now.
        path: Where its file is, or would be.
        size_bytes: Of the file, else as recorded; None when it is not known.
        key: Of its object; None when it has none, or the bucket is not known.
    """

    record: AssetRecord
    place: Place
    path: Path
    size_bytes: int | None
    key: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        asset = self.record.asset
        return {
            "cache_key": asset.cache_key,
            "key": self.key,
            "place": self.place,
            "path": self.path,
            "size_bytes": self.size_bytes,
            "kind": asset.kind,
            "asset_type": asset.asset_type,
            "file_path": asset.file_path,
            "product_slug": asset.product_slug,
            "campaign_id": asset.campaign_id,
            "created_at": asset.created_at,
            "last_used": asset.last_used,
            **(asset.metadata.to_dict() if asset.metadata else {}),
        }


@dataclass(frozen=True, slots=True)
class Library:
    """A catalog that is up to date as far as possible, and the workspace it tells of.

    Attributes:
        catalog: For the remote side of the settings, if it has ever seen that.
        workspace: The cache directory and its parent.
        warnings: Why it may not be up to date.
    """

    catalog: Catalog
    workspace: Workspace
    warnings: tuple[str, ...]

    def placed(self, records: Iterable[AssetRecord]) -> list[PlacedAsset]:
        """Look where assets are: one look at the disk for each."""
        records = list(records)
        stored = self._stored([record.asset.cache_key for record in records])
        return [
            self._placed(record, *stored.get(record.asset.cache_key, (None, False))) for record in records
        ]

    def find(self, name: str, *, bucket: str | None = None) -> AssetRecord:
        """Return the asset that a name means: a cache key, the key of its object, or the path of its file.

        Args:
            name: A path is relative to the current directory or to the workspace, or absolute.
            bucket: So that ``s3://bucket/key`` is understood, too.

        Raises:
            ObjectNotFoundError: It means none.
        """
        record = None
        if is_storable(name):
            record = self.catalog.assets.get(name) or self._stored_as(name, bucket) or self._at(name)
        if record is None:
            raise ObjectNotFoundError(
                "no asset that is known here has this name, this key or this file",
                item=name,
                hint=f"creative-s3 assets find {quoted(name)}  # searches for the words in it",
            )
        return record

    def _stored_as(self, name: str, bucket: str | None) -> AssetRecord | None:
        key = name.removeprefix(f"s3://{bucket}/") if bucket else name
        prefix = self.catalog.bucket.split("|", 2)[-1]
        for spelling in (key, f"{prefix}/{key}"):
            row = self.catalog.database.row(
                "SELECT cache_key FROM assigned WHERE bucket=? AND key=?", (self.catalog.bucket, spelling)
            )
            if row and (record := self.catalog.assets.get(row[0])):
                return record
        return None

    def _at(self, name: str) -> AssetRecord | None:
        root = self.workspace.root
        for start in (Path.cwd(), root):
            # Links are not resolved: index.json names files as they are reached from the workspace.
            path = Path(os.path.normpath(start / name))
            if path.is_relative_to(root) and (
                rows := self.catalog.assets.with_file(path.relative_to(root).as_posix())
            ):
                return next((row for row in rows if row.section != "products"), rows[0])
        return None

    def _placed(self, record: AssetRecord, key: str | None, is_stored: bool) -> PlacedAsset:  # noqa: FBT001 - a pair
        file = self.workspace.locate(record.asset.file_path)
        if file.state is FileState.PRESENT:
            place = Place.HOT
        elif file.state is FileState.MISSING:
            place = Place.COLD if record.is_cold or is_stored else Place.MISSING
        else:
            place = Place.UNUSABLE
        size_bytes = file.size_bytes if place is Place.HOT else record.size_bytes
        return PlacedAsset(record, place, file.path, size_bytes, key)

    def _stored(self, cache_keys: list[str]) -> dict[str, tuple[str, bool]]:
        """Return the keys of assets, and whether an object was seen there."""
        found: dict[str, tuple[str, bool]] = {}
        for start in range(0, len(cache_keys), _CHUNK):
            chunk = cache_keys[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            query = f"{_STORED} AND cache_key IN ({marks})"
            rows = self.catalog.database.rows(query, (self.catalog.bucket, *chunk))
            found |= {cache_key: (key, bool(is_stored)) for cache_key, key, is_stored in rows}
        return found


@contextmanager
def open_library(config: S3Config, *, emit: Emit = ignore) -> Iterator[Library]:
    """Open the catalog of a cache, make it where it is missing, and bring it up to date with index.json.

    Where that is not possible for the moment, what the catalog knows is shown, with a warning.

    Raises:
        SettingsError: The cache directory does not exist.
        IndexFileError: index.json cannot be read, and nothing is known from before.
        LockedError: Another process takes index.json in for very long, and nothing is known from before.
        CatalogError: The catalog cannot be used.
    """
    workspace = Workspace(config.cache_dir)
    if not workspace.cache_dir.is_dir():
        raise SettingsError(
            "the cache directory does not exist",
            item=str(workspace.cache_dir),
            hint="name it with --cache-dir or CACHE_DIR, or run this in the directory that holds cache/",
        )
    path = catalog_path(config.cache_dir)
    # With neither of them there is nothing to know: no file is made.
    is_known = path.is_file() or workspace.index_path.exists()
    with Catalog(path if is_known else IN_MEMORY, bucket=NOWHERE, timeout_s=_PATIENCE_S) as catalog:
        catalog.bucket = _side(config, catalog)
        yield Library(catalog, workspace, tuple(_updated(catalog, workspace, emit)))


def _updated(catalog: Catalog, workspace: Workspace, emit: Emit) -> Iterator[str]:
    """Take in index.json; yield why that was not possible."""
    is_first = IndexState.of(catalog, workspace) is None
    try:
        # What was there before is better than a wait, and nothing is not.
        take_in(catalog, workspace, emit=emit, wait_s=TURN_WAIT_S if is_first else _TURN_PATIENCE_S)
    except IndexFileError as error:
        if not catalog.assets.highest_id():
            raise
        yield f"index.json cannot be read, so this is what the catalog knew before: {error.message}"
    except (TemporaryError, LockedError) as error:
        if is_first and isinstance(error, LockedError):
            raise
        yield f"this may be out of date, because the catalog could not take in index.json: {error.message}"
    if not workspace.index_path.exists():
        yield "there is no index.json, so this is what the catalog alone knows"


def _side(config: S3Config, catalog: Catalog) -> str:
    """Return the remote side of the settings, of those that the catalog has seen (see `core.catalog`).

    The endpoint may come from AWS's own configuration, which only a connection knows. Two servers with a
    bucket and a prefix of the same names cannot be told apart then, and neither is taken.
    """
    rows = catalog.database.rows(
        "WITH RECURSIVE side (name) AS (SELECT min(bucket) FROM assigned UNION ALL"
        " SELECT (SELECT min(bucket) FROM assigned WHERE bucket > side.name) FROM side"
        " WHERE side.name IS NOT NULL) SELECT name FROM side WHERE name IS NOT NULL"
    )
    fitting = [
        name
        for (name,) in rows
        if (parts := name.split("|", 2))[1:] == [config.bucket_name, config.prefix]
        and config.endpoint_url in {None, parts[0]}
    ]
    return fitting[0] if len(fitting) == 1 else NOWHERE
