"""`Finder`: which object a name means, be it a key, a key without the prefix, or an asset's cache key.

Only looks: LIST, HEAD and GET, and the catalog if there is one already.
"""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import KEY_LIMIT_BYTES, published_key
from creative_s3.core.catalog.asset_table import is_storable
from creative_s3.core.catalog.places import existing_catalog
from creative_s3.core.concurrency.lookahead import in_order
from creative_s3.core.index.index import Index, Reference, references
from creative_s3.core.published.publish import parse_published, published_keys
from creative_s3.errors import (
    AccessDeniedError,
    CatalogError,
    CreativeS3Error,
    IndexFileError,
    ObjectNotFoundError,
    UnsafeKeyError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.s3.object_store import ObjectStore


@contextmanager
def recorded_contents(
    storage: ObjectStore, *, prefix: str, cache_dir: Path
) -> Iterator[Callable[[StoredObject], str | None]]:
    """Yield what tells which CRC64NVME was proved and recorded for an object; downloads go on without."""
    catalog = None
    with suppress(CatalogError):
        catalog = existing_catalog(storage.connection, prefix=prefix, cache_dir=cache_dir)
    if catalog is None:
        yield lambda _: None
        return

    def recorded(stored: StoredObject) -> str | None:
        proved = catalog.object(stored.key)
        is_it = proved and proved.etag == stored.etag != "" and proved.size_bytes == stored.size_bytes
        return proved.crc64nvme if proved and is_it else None

    with closing(catalog):
        yield recorded


class Finder:
    """Finds objects by name; any thread may call `find`.

    A name is tried as the cache key of an asset that the catalog knows, as a full key, as a key without the
    prefix, then as a cache key in the published index. One that begins as our full keys do is a key first.

    Args:
        storage: The bucket.
        prefix: What our keys begin with.
        cache_dir: The cache whose catalog is asked.
    """

    def __init__(self, storage: ObjectStore, *, prefix: str, cache_dir: Path) -> None:
        self._storage = storage
        self._prefix = prefix
        self._cache_dir = cache_dir
        self._lock = threading.Lock()
        self._keys: Mapping[str, str] | None = None

    def find(self, name: str) -> StoredObject:
        """Return the object that `name` means, as HEAD sees it.

        Raises:
            ObjectNotFoundError: There is none.
            BucketNotFoundError: There is not even the bucket.
            CreativeS3Error: A request failed.
        """
        name = name.removeprefix(f"s3://{self._storage.bucket}/")
        inside = f"{self._prefix}/"
        is_key = name.startswith(inside) if self._prefix else "/" in name
        assigned = None if is_key else self._assigned(name)
        denied: AccessDeniedError | None = None
        for key in (*([assigned] if assigned else []), *self._spellings(name)):
            try:
                if stored := self._storage.head(key):
                    return stored
            except AccessDeniedError as error:  # where listing is forbidden, S3 says so of missing keys too
                denied = denied or error
        if denied:
            raise denied
        known = assigned or (self._assigned(name) if is_key else None) or self._published_keys().get(name)
        stored = self._storage.head(known) if known and known != assigned else None
        if stored is None:
            raise self._missing(name, known)
        return stored

    def find_all(
        self, names: Iterable[str], *, workers: int
    ) -> Iterator[tuple[str, StoredObject | CreativeS3Error]]:
        """Yield each name with its object, or with why there is none, in the order of the names."""

        def found(name: str) -> tuple[str, StoredObject | CreativeS3Error]:
            try:
                return name, self.find(name)
            except CreativeS3Error as error:
                return name, error

        return in_order(found, names, workers=workers)

    def _missing(self, name: str, key: str | None) -> ObjectNotFoundError:
        """Say what a name without an object is."""
        hint = "see what is there with `creative-s3 assets list`"
        if key:
            gone = f"the asset {name} was stored under this key, and no object is there now"
            return ObjectNotFoundError(gone, item=key, hint=hint)
        catalog = existing_catalog(self._storage.connection, prefix=self._prefix, cache_dir=self._cache_dir)
        if catalog is not None:
            with closing(catalog):
                if is_storable(name) and catalog.assets.get(name) is not None:
                    hint = "creative-s3 migrate plan  # says what becomes of it"
                    return ObjectNotFoundError("this asset has no object in S3", item=name, hint=hint)
        nothing = "there is no object with this key, and no asset of this name"
        return ObjectNotFoundError(nothing, item=name, hint=hint)

    def _spellings(self, name: str) -> Iterator[str]:
        if any(part in {".", ".."} for part in name.split("/")):
            raise UnsafeKeyError(
                "a key with a '.' or '..' part cannot be asked for: clients and servers read it as a path",
                item=name,
                hint="rename the object with the tool that made it",
            )
        inside = f"{self._prefix}/" if self._prefix else ""
        whole = name if name.startswith(inside) else f"{inside}{name}"
        for key in dict.fromkeys((name, whole) if name else ()):
            try:
                length = len(key.encode())
            except UnicodeEncodeError:  # bytes on the command line that are no UTF-8: no key has them
                continue
            if 0 < length <= KEY_LIMIT_BYTES:
                yield key

    def _assigned(self, name: str) -> str | None:
        """Return the key of an asset, by the catalog."""
        if not is_storable(name):
            return None
        catalog = existing_catalog(self._storage.connection, prefix=self._prefix, cache_dir=self._cache_dir)
        if catalog is None:
            return None
        with closing(catalog):
            return catalog.assignment(name)

    def _published_keys(self) -> Mapping[str, str]:
        """Return the keys of assets by cache key, by the published index. Read once, if anybody asks."""
        with self._lock:
            if self._keys is None:
                self._keys = self._published()
            return self._keys

    def _published(self) -> Mapping[str, str]:
        key = published_key(self._prefix)
        read = self._storage.read(key)
        if read is None:
            return {}
        try:
            document = parse_published(read[1], key)
        except IndexFileError:
            return {}  # it names nothing; whoever writes it next says what is wrong with it
        index = Index(path=self._cache_dir / "index.json", document=document)
        named = {place[:3]: place[3] for place in published_keys(BytesIO(read[1]), key)}
        keys: dict[str, str] = {}
        for found in references(index, cache_dir=self._cache_dir):
            if isinstance(found, Reference) and (
                there := named.get((found.section, found.entry, found.field))
            ):
                keys.setdefault(found.asset.cache_key, there)
        return keys
