"""`CacheManager`: the pipeline's library on one cache directory, on local disk alone.

What is registered is durable in the catalog when the call returns; index.json follows in the background. The
pipeline's own code may go on beside us: what it wrote meanwhile is read again and merged.
`core.library.hybrid_cache` adds S3.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from creative_s3.core.arguments import is_filled_text
from creative_s3.core.assets.models import SemanticMetadata
from creative_s3.core.catalog.asset_rows import AssetRecord, Source
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.counts import Counts
from creative_s3.core.catalog.flushing import Flusher
from creative_s3.core.catalog.identities import settle_identities
from creative_s3.core.catalog.index_reading import IntakeReport
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.catalog.places import NOWHERE, catalog_path
from creative_s3.core.catalog.product_table import ProductTable
from creative_s3.core.catalog.settling import settle
from creative_s3.core.catalog.usage import HITS, MISSES
from creative_s3.core.files.workspace import FileState, Workspace
from creative_s3.core.index.entries import PRODUCTS_SECTION, SEMANTIC_SECTION, TOP_LEVEL, EntryReader
from creative_s3.core.index.fields import OutsideError, UnusableError
from creative_s3.core.library.given_files import (
    GivenPath,
    check_entry,
    given_file,
    name_in_cache,
    slug_of_product,
)
from creative_s3.core.library.registrations import NewEntry, Registration, local_now, renewed
from creative_s3.errors import (
    CreativeS3Error,
    FileUnreadableError,
    ObjectNotFoundError,
    RefusedError,
    TemporaryError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from creative_s3.core.files.workspace import LocalFile

_log = logging.getLogger(__name__)
_FRESH_S = 1.0
"""How long the index is taken to be unchanged without looking."""


class CacheManager:
    """Registers assets, and finds their files. A context manager; any thread may use it.

    Nothing is read or written before the first call that needs it.

    Args:
        cache_dir: The pipeline's cache directory. Index paths are relative to its parent, the workspace.
    """

    def __init__(self, cache_dir: GivenPath = "cache") -> None:
        self.workspace = Workspace(Path(cache_dir))
        self._lock = threading.RLock()
        self._owner = os.getpid()
        self._catalog: Catalog | None = None
        self._seen_at = 0.0
        self._is_unsettled = False
        self._has_registered = False
        self._counts = Counts()
        self._flusher = Flusher(self._write_out)

    @property
    def cache_dir(self) -> Path:
        """The cache directory, absolute."""
        return self.workspace.cache_dir

    def register_semantic_asset(
        self,
        cache_key: str,
        file_path: GivenPath,
        metadata: SemanticMetadata,
        campaign_id: str | None = None,
    ) -> Registration:
        """Register an asset with its description; one of this name is described anew.

        Args:
            cache_key: Its identity.
            file_path: Its file: absolute, or relative to the workspace or the current directory.
            metadata: What it shows and suits.
            campaign_id: The campaign that made it.

        Returns:
            The asset's file.

        Raises:
            FileVanishedError: There is no such file.
            RefusedError: The file lies outside the workspace.
            UsageError: The cache key or a text is no text in UTF-8.
            CatalogError: The catalog cannot be written; nothing was registered.
        """
        if not isinstance(metadata, SemanticMetadata):
            raise UsageError("metadata is no SemanticMetadata", item=str(cache_key)[:80])
        file = given_file(self.workspace, file_path)
        now = local_now()
        value: dict[str, Any] = {
            "cache_key": cache_key,
            "file_path": self.workspace.relative(file),
            "semantic_metadata": metadata.to_dict(),
            "campaign_id": campaign_id,
            "last_used": now,
        }
        first: dict[str, Any] = {
            "created_at": now,
            "usage_count": 0,
            "campaigns_used": [campaign_id] if campaign_id else [],
        }
        self._register(NewEntry(SEMANTIC_SECTION, cache_key, value), first)
        return Registration(cache_key, file)

    def register_cache_entry(
        self, cache_key: str, file_path: GivenPath, metadata: Mapping[str, Any] | None = None
    ) -> Registration:
        """Register a plain cache entry, such as a text overlay, where the pipeline does: at the top level.

        Args:
            cache_key: Its identity.
            file_path: As for `register_semantic_asset`.
            metadata: Anything JSON can hold; ``type``, ``campaign_id`` and ``product_slug`` mean something.

        Returns:
            The asset's file.

        Raises:
            CreativeS3Error: As for `register_semantic_asset`.
        """
        file = given_file(self.workspace, file_path)
        value = {
            "file_path": self.workspace.relative(file),
            "cache_key": cache_key,
            "metadata": dict(metadata or {}),
        }
        self._register(NewEntry(TOP_LEVEL, cache_key, value), {"created_at": local_now()})
        return Registration(cache_key, file)

    def register_product(  # noqa: PLR0913, PLR0917 - the pipeline's own signature
        self,
        product_name: str,
        file_path: GivenPath,
        campaign_id: str | None = None,
        tags: Iterable[str] | None = None,
        cache_filename: GivenPath | None = None,
        product_cache_filename: GivenPath | None = None,
    ) -> str:
        """Register a product; for one that is known, note that the campaign uses it.

        Args:
            product_name: Its full name, which gives the slug.
            file_path: Its cut-out.
            campaign_id: The campaign that uses it.
            tags: Free words; a product category among them counts as such.
            cache_filename: The cut-out in the cache, if that is another file.
            product_cache_filename: The original photograph, if there is one.

        Returns:
            The slug.

        Raises:
            CreativeS3Error: As for `register_semantic_asset`.
        """
        slug = slug_of_product(product_name)
        with self._lock:
            known = self._products().entry(slug)
            if known is not None:
                campaigns = known.get("campaigns_used")
                campaigns = list(campaigns) if isinstance(campaigns, list) else []
                if campaign_id and campaign_id not in campaigns:
                    change = {"campaigns_used": [*campaigns, campaign_id]}
                    self._register(NewEntry(PRODUCTS_SECTION, slug, change), {}, known)
                return slug
            main = self.workspace.relative(given_file(self.workspace, file_path))
            value = {
                "name": product_name,
                "slug": slug,
                "file_path": main,
                "cache_filename": name_in_cache(self.workspace, cache_filename) or main,
                "product_cache_filename": name_in_cache(self.workspace, product_cache_filename) or main,
                "created_at": local_now(),
                "campaigns_used": [campaign_id] if campaign_id else [],
                "status": "ready",
                "tags": list(tags or ()),
            }
            self._register(NewEntry(PRODUCTS_SECTION, slug, value), {})
        return slug

    def lookup_product(self, product_name: str) -> dict[str, Any] | None:
        """Return a product's entry by its full name; None when it is not registered.

        Raises:
            CatalogError: The catalog cannot be used.
        """
        with self._lock:
            return self._products().entry(slug_of_product(product_name))

    def get_asset_path(self, cache_key: str) -> Path:
        """Return the file of an asset, and record that it was used.

        Raises:
            ObjectNotFoundError: There is no such asset, or its file is not on local disk.
            FileUnreadableError: The file cannot be used; says why.
            CatalogError: The catalog cannot be used.
        """
        _, file = self._look(cache_key)
        if file is None or file.state is FileState.MISSING:
            self._counts.add(MISSES)
            self._flusher.wake()
            raise ObjectNotFoundError(
                "there is no such asset" if file is None else "the file of this asset is not on local disk",
                item=cache_key,
                hint="see what there is: creative-s3 assets find",
            )
        return self._use(cache_key, file)

    def flush(self) -> None:
        """Write what waits into index.json and the counts into the catalog, now.

        Raises:
            IndexFileError: index.json cannot be read or written; nothing is lost, the catalog knows.
            CreativeS3Error: The catalog or the disk.
        """
        self._flusher.flush()

    def close(self) -> None:
        """Flush, and let go of the catalog; the next call opens it again.

        What cannot be written now is told in the log and stays in the catalog; `flush` raises it.
        """
        try:
            self._flusher.close()
        except CreativeS3Error as error:
            _log.warning("index.json is not up to date, and the catalog keeps what it lacks: %s", error)
        finally:
            with self._lock:
                if self._catalog is not None:
                    self._catalog.close()
                self._catalog = None
                self._flusher = Flusher(self._write_out)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _remote_side(self) -> str:
        return NOWHERE

    def _open(self) -> Catalog:
        """Return the open catalog; the caller holds the lock."""
        if self._owner != os.getpid():
            # A child of a fork must not touch its parent's database.
            self._owner, self._catalog, self._flusher = os.getpid(), None, Flusher(self._write_out)
            self._counts = Counts()
        if self._catalog is None:
            self._catalog = Catalog(catalog_path(self.cache_dir), bucket=self._remote_side())
            self._seen_at = 0.0
        return self._catalog

    def _ready(self, *, within_s: float = 0.0) -> Catalog:
        """Return the catalog, up to date with index.json as it was less than `within_s` ago."""
        catalog = self._open()
        now = time.monotonic()
        if catalog.is_replaced():
            catalog.close()
            self._catalog = None
            catalog = self._open()
        if not self._seen_at or now - self._seen_at > within_s:
            try:
                report = take_in(catalog, self.workspace)
            except TemporaryError as error:
                if not catalog.assets.highest_id():
                    raise
                # The pipeline is writing it over and over: what it said before counts until it rests.
                _log.info("%s: %s", error.message, error.item)
                report = IntakeReport()
            self._is_unsettled = self._is_unsettled or bool(report.lost)
            if self._is_unsettled or (not self._seen_at and catalog.journal.has_pending()):
                self._flusher.wake()  # old code dropped entries of ours, or a process died before it wrote
            self._seen_at = now
        return catalog

    def _products(self) -> ProductTable:
        return ProductTable(self._ready(within_s=_FRESH_S).database)

    def _register(
        self, entry: NewEntry, first: Mapping[str, Any], known: Mapping[str, Any] | None = None
    ) -> None:
        """Make an entry durable in the catalog, with what follows for index.json in the journal.

        Args:
            entry: Where it goes, and the fields to set.
            first: Fields to set only in an entry that is new.
            known: What the entry says now, where the fields to set are not all of it.
        """
        with self._lock:
            check_entry(entry.section, entry.name, {**entry.value, **first})
            catalog = self._ready(within_s=_FRESH_S)
            rows = {row.field: row for row in catalog.assets.at([(entry.section, entry.name)])}
            value = entry.value if rows else {**entry.value, **first}
            whole = {**(known or {}), **value}
            if rows:
                whole.setdefault("created_at", next(iter(rows.values())).asset.created_at)
            records = [
                renewed(rows.get(record.field), record) for record in self._records(entry, whole, catalog)
            ]
            with catalog.database.transaction():
                catalog.journal.add(entry.section, entry.name, value)
                if entry.section == PRODUCTS_SECTION:
                    ProductTable(catalog.database).put(entry.name, whole)
                catalog.assets.put(records)
                settle_identities(catalog.assets, [record.asset.cache_key for record in records])
            self._has_registered = True
        self._flusher.wake()

    def _records(self, entry: NewEntry, whole: Mapping[str, Any], catalog: Catalog) -> list[AssetRecord]:
        reader = EntryReader(self.cache_dir)
        try:
            if entry.section == PRODUCTS_SECTION:
                found = list(reader.product(entry.name, whole))
            else:
                found = [("file_path", reader.asset(entry.section, entry.name, whole))]
        except OutsideError as reason:
            raise RefusedError(str(reason), item=entry.name, hint="keep it in the workspace") from None
        except UnusableError as reason:
            raise UsageError(f"the asset {reason}", item=entry.name) from None
        products = ProductTable(catalog.database)
        records = []
        for field, asset in found:
            completed = asset if entry.section == PRODUCTS_SECTION else products.complete(asset)
            records.append(
                AssetRecord(
                    completed,
                    entry.section,
                    entry.name,
                    field,
                    source=Source.REGISTERED,
                    slug_is_derived=completed.product_slug != asset.product_slug,
                    size_bytes=self.workspace.locate(asset.file_path).size_bytes,
                )
            )
        return records

    def _look(self, cache_key: str) -> tuple[AssetRecord | None, LocalFile | None]:
        """Find an asset in the catalog and its file on the disk; an unknown one may be new in index.json."""
        if not is_filled_text(cache_key):
            raise UsageError("this is no cache key", item=repr(cache_key)[:80], hint="give its text")
        with self._lock:
            record = self._open().assets.get(cache_key) if self._seen_at else None
            if record is None:
                record = self._ready().assets.get(cache_key)
        return record, self.workspace.locate(record.asset.file_path) if record else None

    def _use(self, cache_key: str, file: LocalFile) -> Path:
        if file.state is not FileState.PRESENT:
            raise FileUnreadableError(
                f"the file cannot be used: {file.reason}",
                item=str(file.path),
                hint="correct that, then try again",
            )
        self._counts.use(cache_key)
        self._counts.add(HITS, file.size_bytes)
        self._flusher.wake()
        return file.path

    def _write_out(self) -> None:
        """Write the counts into the catalog, and the journal into index.json."""
        with self._lock:
            catalog = self._open()
        self._counts.write(catalog.usage)
        if self._is_unsettled or self._has_registered or catalog.journal.has_pending():
            # Also when nothing waits: old code may have dropped what was registered here.
            self._is_unsettled = False
            settle(catalog, self.workspace)
