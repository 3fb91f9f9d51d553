"""The assets in a bucket: listing them, and everything that is known of one. Only looks; moves no content."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.layout import asset_of, parse_key, published_key
from creative_s3.core.assets.models import Asset, Kind, StoredObject
from creative_s3.core.catalog.places import existing_catalog
from creative_s3.core.concurrency.lookahead import in_order
from creative_s3.core.faults.translation import ends_run
from creative_s3.core.files.checksums import crc64nvme_of_file
from creative_s3.core.files.workspace import FileState, LocalFile, Workspace
from creative_s3.core.s3.objects import is_archived, same_md5
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from creative_s3.core.catalog.catalog import ProvedObject
    from creative_s3.core.storage.manager import S3StorageManager

FOLDER_OF_KIND: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.PRODUCT: "products",
        Kind.BACKGROUND: "backgrounds",
        Kind.COMPOSITE: "composites",
        Kind.CACHE: "cache",
        Kind.UNSORTED: "unsorted",
    }
)
"""The first part of the keys of each kind, after the prefix."""
OTHER = "other"
"""What an object is called that is not of our layout."""

_PAGE_KEYS = 1000
"""What one LIST request returns at most."""


@dataclass(frozen=True, slots=True)
class ListedAsset:
    """An object in a listing.

    Attributes:
        stored: The object as LIST saw it, or as HEAD did where its metadata was wanted.
        kind: What its key says; None for an object that is not of our layout.
        asset_type: The asset type, or the type of a plain cache entry, as in the key.
        asset: What its metadata says; None when nobody asked, or when it is not ours.
    """

    stored: StoredObject
    kind: Kind | None
    asset_type: str | None
    asset: Asset | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``; the metadata only where it was asked for."""
        stored = self.stored
        plain: dict[str, Any] = {
            "key": stored.key,
            "kind": self.kind or OTHER,
            "asset_type": self.asset_type,
            "size_bytes": stored.size_bytes,
            "storage_class": stored.storage_class,
            "last_modified": stored.last_modified,
            "etag": stored.etag,
        }
        if stored.metadata is not None:
            plain |= {
                "asset": asset_to_dict(self.asset) if self.asset else None,
                "metadata": dict(stored.metadata),
                "content_type": stored.content_type,
                "crc64nvme": stored.crc64nvme,
            }
        return plain


@dataclass(frozen=True, slots=True)
class AssetPage:
    """The beginning of a listing.

    Attributes:
        entries: As many as were asked for.
        more: How many others there are, as far as is known without another request.
        is_complete: Whether `more` is all of them.
    """

    entries: tuple[ListedAsset, ...]
    more: int = 0
    is_complete: bool = True


def list_assets(storage: S3StorageManager, prefix: str, kind: Kind | None = None) -> Iterator[ListedAsset]:
    """Yield the objects under `prefix` in the order of their keys, page by page; not the published index.

    Args:
        storage: The bucket.
        prefix: What our keys begin with.
        kind: Only this kind, which lists only its folder; what is there and not of our layout is left out.

    Raises:
        CreativeS3Error: The bucket cannot be listed.
    """
    inside = f"{prefix}/" if prefix else ""
    folder = f"{FOLDER_OF_KIND[kind]}/" if kind else ""
    index_key = published_key(prefix)
    for stored in storage.objects(f"{inside}{folder}"):
        listed = listed_asset(stored, prefix)
        if stored.key != index_key and (kind is None or listed.kind is kind):
            yield listed


def listed_asset(stored: StoredObject, prefix: str) -> ListedAsset:
    """Return what the key says, and the metadata if it is known."""
    parts = parse_key(stored.key, prefix)
    if parts is None:
        return ListedAsset(stored, None, None)
    asset_type = str(parts.asset_type) if parts.asset_type else parts.fields.get("type", str(parts.kind))
    asset = asset_of(stored.key, stored.metadata, prefix) if stored.metadata else None
    return ListedAsset(stored, parts.kind, asset_type, asset)


def first_page(listing: Iterator[ListedAsset], limit: int) -> AssetPage:
    """Take at most `limit` entries (0 takes all), and count what came with the last of them for nothing."""
    if not limit:
        return AssetPage(tuple(listing))
    entries = tuple(islice(listing, limit))
    if len(entries) < limit:
        return AssetPage(entries)
    free = -len(entries) % _PAGE_KEYS
    more = sum(1 for _ in islice(listing, free))
    return AssetPage(entries, more=more, is_complete=more < free)


def with_metadata(
    storage: S3StorageManager, entries: Iterable[ListedAsset], prefix: str, *, workers: int
) -> Iterator[ListedAsset]:
    """Ask for each object's metadata, `workers` at once; one that is gone by then stays as it was listed."""

    def asked(entry: ListedAsset) -> ListedAsset:
        stored = storage.head(entry.stored.key)
        return listed_asset(stored, prefix) if stored else entry

    return in_order(asked, entries, workers=workers)


def asset_to_dict(asset: Asset) -> dict[str, Any]:
    """Return an asset as plain values, its description flat."""
    return {
        "cache_key": asset.cache_key,
        "kind": asset.kind,
        "asset_type": asset.asset_type,
        "file_path": asset.file_path,
        "product_slug": asset.product_slug,
        "campaign_id": asset.campaign_id,
        "created_at": asset.created_at,
        **(asset.metadata.to_dict() if asset.metadata else {}),
    }


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """The file in the workspace that an object belongs to.

    Attributes:
        file: Where it should be, and what is there.
        is_same: Whether its content is the object's; None when that cannot be told.
    """

    file: LocalFile
    is_same: bool | None = None

    @property
    def temperature(self) -> str:
        """``hot`` (the same content is on local disk), ``cold`` (no file), ``different`` or ``unknown``."""
        if self.file.state is FileState.MISSING:
            return "cold"
        if self.file.state is not FileState.PRESENT or self.is_same is None:
            return "unknown"
        return "hot" if self.is_same else "different"


@dataclass(frozen=True, slots=True)
class AssetDetails:
    """Everything that is known of one object.

    Attributes:
        listed: The object and what its metadata says.
        tags: Its tags; None when they cannot be read.
        tags_problem: Why they cannot.
        local: Its file in the workspace; None without a workspace, or when the object names no file.
        proved: What the catalog says of this very version; None when it was not proved from here.
        archived: Whether it must be restored before it can be read.
    """

    listed: ListedAsset
    tags: Mapping[str, str] | None
    tags_problem: str | None
    local: LocalCopy | None
    proved: ProvedObject | None
    archived: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        stored, local, proved = self.listed.stored, self.local, self.proved
        return {
            **self.listed.to_dict(),
            "version_id": stored.version_id,
            "archived": self.archived,
            "restore": stored.restore,
            "tags": dict(self.tags) if self.tags is not None else None,
            "tags_problem": self.tags_problem,
            "local": local
            and {"path": local.file.path, "state": local.temperature, "size_bytes": local.file.size_bytes},
            "proved": proved and {"at": proved.proved_at, "by": proved.proof},
        }


def details(storage: S3StorageManager, stored: StoredObject, *, prefix: str, cache_dir: Path) -> AssetDetails:
    """Gather everything that is known of an object that HEAD has seen.

    The object's metadata names its file, and whoever wrote the object wrote that: the file is looked at only
    inside the workspace.

    Raises:
        CatalogError: The catalog is there and cannot be used.
        CreativeS3Error: A request failed.
    """
    listed = listed_asset(stored, prefix)
    tags: Mapping[str, str] | None = None
    problem = None
    try:
        tags = storage.tags(stored.key)
    except CreativeS3Error as error:
        if ends_run(error):
            raise
        problem = error.message  # what else is known is shown
    proved = _proved(storage, stored, prefix=prefix, cache_dir=cache_dir)
    return AssetDetails(
        listed=listed,
        tags=tags,
        tags_problem=problem,
        local=_local_copy(stored, listed.asset, cache_dir, proved),
        proved=proved,
        archived=is_archived(stored),
    )


def _proved(
    storage: S3StorageManager, stored: StoredObject, *, prefix: str, cache_dir: Path
) -> ProvedObject | None:
    catalog = existing_catalog(storage.connection, prefix=prefix, cache_dir=cache_dir)
    if catalog is None:
        return None
    with closing(catalog):
        proved = catalog.object(stored.key)
    return proved if proved and proved.etag == stored.etag else None


def _local_copy(
    stored: StoredObject, asset: Asset | None, cache_dir: Path, proved: ProvedObject | None
) -> LocalCopy | None:
    if asset is None or not cache_dir.is_dir() or "\0" in asset.file_path:
        return None
    file = Workspace(cache_dir).locate(asset.file_path)
    if file.state is not FileState.PRESENT:
        return LocalCopy(file)
    if file.size_bytes != stored.size_bytes:
        return LocalCopy(file, is_same=False)
    expected = stored.crc64nvme or (proved.crc64nvme if proved else None)
    try:
        if expected is not None:
            return LocalCopy(file, is_same=crc64nvme_of_file(file.path) == expected)
        return LocalCopy(file, is_same=same_md5(stored, file.path) or None)  # an unequal MD5 proves nothing
    except OSError:
        return LocalCopy(file)
