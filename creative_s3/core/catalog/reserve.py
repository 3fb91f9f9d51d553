"""A reserve of disk space beside the catalog: what frees a full disk has to write a little first.

Any command that opens the catalog for writing keeps it; only what removes local files takes it, where the
disk is full. It holds nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RESERVE_NAME = "reserve"
_MOST_BYTES = 2 << 20
"""Enough for the rollback journal of a group of demotions among a million assets."""
_LEAST_BYTES = 256 << 10
_PART = 8
"""No more than such a part of the free space is kept."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def keep_reserve(catalog: Path) -> None:
    """Keep the reserve of a catalog where there is none and room for one; what cannot be done is left.

    Args:
        catalog: The catalog's file.
    """
    path = catalog.with_name(RESERVE_NAME)
    if os.path.lexists(path):
        return
    with suppress(OSError):
        size_bytes = min(_MOST_BYTES, _free_bytes(path.parent) // _PART)
        if size_bytes < _LEAST_BYTES:
            return
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size_bytes)
        except (AttributeError, OSError):  # it has none, or not here
            path.unlink()
        finally:
            os.close(descriptor)


def take_reserve(catalog: Path) -> None:
    """Give the reserve's space to whatever is written next, where the disk has hardly any other.

    Args:
        catalog: The catalog's file.
    """
    path = catalog.with_name(RESERVE_NAME)
    with suppress(OSError):
        if _free_bytes(path.parent) < _MOST_BYTES:
            path.unlink(missing_ok=True)


def _free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
