"""`AssetLocator`: where an asset's object is, for the library; the bucket is listed only for the unknown."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from creative_s3.core.discovery.syncing import sync_with_bucket
from creative_s3.core.search.finder import Finder
from creative_s3.errors import CreativeS3Error, LockedError, ObjectNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.storage.manager import S3StorageManager

_LISTING_REST_S = 60.0
"""A program that asks for unknown assets again and again must not list the bucket each time."""

_log = logging.getLogger(__name__)


class AssetLocator:
    """Finds the objects of assets; any thread.

    Args:
        storage: The bucket.
        prefix: What our keys begin with.
        cache_dir: The cache whose catalog learns what a listing shows.
    """

    def __init__(self, storage: S3StorageManager, *, prefix: str, cache_dir: Path) -> None:
        self._storage = storage
        self._finder = Finder(storage, prefix=prefix, cache_dir=cache_dir)
        self._prefix = prefix
        self._cache_dir = cache_dir
        self._turn = threading.Lock()
        self._listed_at: float | None = None

    def locate(self, cache_key: str, key: str | None) -> StoredObject:
        """Return an asset's object, as HEAD sees it.

        One whose key is not known is looked for in the published index, then in a listing of the bucket, at
        most once a minute, which the catalog and index.json keep.

        Args:
            cache_key: The asset.
            key: Its key, if the catalog has it.

        Raises:
            ObjectNotFoundError: There is none.
            CreativeS3Error: S3 cannot be asked.
        """
        if key is not None:
            stored = self._storage.head(key)
            if stored is None:
                raise ObjectNotFoundError(
                    f"the object of the asset {cache_key} is gone",
                    item=key,
                    hint="see what is there: creative-s3 assets discover",
                )
            return stored
        try:
            return self._finder.find(cache_key)
        except ObjectNotFoundError:
            if not self._lists():
                raise
        finder = Finder(self._storage, prefix=self._prefix, cache_dir=self._cache_dir)
        return finder.find(cache_key)

    def _lists(self) -> bool:
        """Record what the bucket has; return False when that was done just now, or cannot be."""
        with self._turn:
            if self._listed_at is not None and time.monotonic() - self._listed_at < _LISTING_REST_S:
                return False
            try:
                sync_with_bucket(self._storage, self._cache_dir, prefix=self._prefix)
            except LockedError as error:
                _log.info("the bucket was not listed: %s", error)
                return False
            except CreativeS3Error as error:
                _log.warning("the bucket was not listed: %s", error)
                return False
            self._listed_at = time.monotonic()
            return True
