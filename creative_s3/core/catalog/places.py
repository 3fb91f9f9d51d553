"""Where a cache's catalog lies, under which name it knows a bucket, and opening one that is there."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.files import user_directories
from creative_s3.core.files.own_files import PRIVATE_DIRECTORY, check_own
from creative_s3.errors import CreativeS3Error, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.s3.connection import Connection

CATALOG_NAME = "catalog.sqlite3"
NOWHERE = "nowhere"
"""The remote side of a cache without a bucket."""
_LOOK_S = 2.0
"""How long a look waits for a process that writes."""


def remote_side(connection: Connection, prefix: str) -> str:
    """Return the name under which the catalog keeps what it knows of a bucket's prefix."""
    return side_of(connection.endpoint_url, connection.bucket, prefix)


def side_of(endpoint_url: str | None, bucket: str, prefix: str) -> str:
    """Return the same from what a connection would be made of; None is AWS."""
    return f"{endpoint_url or 'aws'}|{bucket}|{prefix}"


def cold_files(cache_dir: Path) -> dict[str, int]:
    """Return what a cache's catalog records as in S3 only: file path -> bytes; nothing if nobody can tell."""
    try:
        with Catalog(catalog_path(cache_dir), bucket=NOWHERE, read_only=True, timeout_s=_LOOK_S) as catalog:
            return catalog.assets.cold_files()
    except CreativeS3Error:
        return {}


def catalog_path(cache_dir: Path, *, brings: bool = True) -> Path:
    """Return where a cache's catalog lies: inside it; if it is read-only, in the user's state directory.

    Args:
        cache_dir: The cache.
        brings: Whether a catalog that lies inside and cannot be written there is copied first.
    """
    inside = cache_dir / PRIVATE_DIRECTORY
    if os.access(inside if inside.exists() else cache_dir, os.W_OK):
        return inside / CATALOG_NAME
    digest = hashlib.sha256(os.fsencode(os.path.realpath(cache_dir))).hexdigest()[:16]
    outside = user_directories.state_path() / "caches" / digest / CATALOG_NAME
    if brings:
        with suppress(OSError, RefusedError):
            _bring(inside / CATALOG_NAME, outside)
    return outside


def _bring(inside: Path, outside: Path) -> None:
    """Copy a catalog, with what a crash left beside it, unless the other one is newer.

    Nothing else tells a file that was sent or brought here from one that was edited.

    Raises:
        RefusedError: It is no file of ours.
        OSError: There is none, or it cannot be copied.
    """
    from creative_s3.core.files.local_files import install_over, partial_path  # noqa: PLC0415 - rarely needed

    check_own(inside)
    brought_at = outside.stat().st_mtime_ns if outside.exists() else 0
    if brought_at >= inside.stat().st_mtime_ns:
        return
    outside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for ending in ("-journal", ""):
        source, target = (path.with_name(f"{path.name}{ending}") for path in (inside, outside))
        if source.is_file():
            partial = partial_path(target)
            shutil.copyfile(source, partial)
            install_over(partial, target)
        else:
            target.unlink(missing_ok=True)


def existing_catalog(connection: Connection, *, prefix: str, cache_dir: Path) -> Catalog | None:
    """Open the catalog of a cache; None when there is none: reading commands make none.

    Raises:
        CatalogError: It is damaged, or newer than this version.
    """
    path = catalog_path(cache_dir)
    return Catalog(path, bucket=remote_side(connection, prefix)) if path.is_file() else None
