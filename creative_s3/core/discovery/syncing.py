"""A whole discovery on a cache: the catalog opened, the bucket compared with it, and if wanted recorded."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.database import IN_MEMORY
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.catalog.places import catalog_path, remote_side
from creative_s3.core.catalog.settling import settle
from creative_s3.core.discovery.discovery import discover, look_at_bucket
from creative_s3.core.discovery.recording import Recorded, record
from creative_s3.core.events import Emit, ignore
from creative_s3.core.files.locks import exclusive
from creative_s3.core.files.workspace import Workspace
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.discovery.discovered import Discovery
    from creative_s3.core.s3.object_store import ObjectStore

RUN_LOCK = "lock"
"""What every run that changes something holds, beside the catalog."""


def compare_with_bucket(
    storage: ObjectStore, cache_dir: Path, *, prefix: str, emit: Emit = ignore
) -> Discovery:
    """Find out what a sync would record. Writes nothing but what a catalog that is there knows of the index.

    Raises:
        IndexFileError: index.json or the published index cannot be read as an index.
        CreativeS3Error: The bucket cannot be listed, or the catalog cannot be used.
    """
    path = catalog_path(cache_dir)
    side = remote_side(storage.connection, prefix)
    workspace = Workspace(cache_dir)
    with Catalog(path if path.is_file() else IN_MEMORY, bucket=side) as catalog:
        take_in(catalog, workspace, emit=emit)
        return discover(look_at_bucket(storage, prefix, emit=emit), catalog, workspace, emit=emit)


def sync_with_bucket(
    storage: ObjectStore, cache_dir: Path, *, prefix: str, emit: Emit = ignore
) -> tuple[Discovery, Recorded]:
    """Record what is in the bucket and not in the index, in the catalog and in index.json; download nothing.

    A cache directory that does not exist is made.

    Raises:
        LockedError: Another run works on this cache.
        RefusedError: The cache directory cannot be written.
        IndexFileError: index.json or the published index cannot be read as an index; nothing was written.
        CreativeS3Error: The bucket cannot be listed, or the catalog or the index cannot be written.
    """
    # Asked first: a wrong bucket or no network must not leave an empty cache directory behind.
    bucket = None if cache_dir.is_dir() else look_at_bucket(storage, prefix, emit=emit)
    cache_dir.mkdir(parents=True, exist_ok=True)
    if not os.access(cache_dir, os.W_OK):
        raise RefusedError(
            "the cache directory is read-only, so that index.json cannot be written",
            item=str(cache_dir),
            hint=shlex.join(["chmod", "u+w", str(cache_dir)]),
        )
    path = catalog_path(cache_dir)
    workspace = Workspace(cache_dir)
    with (
        exclusive(path.with_name(RUN_LOCK)),
        Catalog(path, bucket=remote_side(storage.connection, prefix)) as catalog,
    ):
        settle(catalog, workspace, emit=emit)
        bucket = bucket or look_at_bucket(storage, prefix, emit=emit)
        found = discover(bucket, catalog, workspace, emit=emit)
        return found, record(found, catalog, workspace, emit=emit)
