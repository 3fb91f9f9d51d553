"""One walk through the cache directory: what lies there, as cheaply as a million names allow. Reads only.

`core.workspace` looks at single files more closely; here links are neither followed nor explained.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from creative_s3.core.index import INDEX_NAME
from creative_s3.core.workspace import PRIVATE_DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from creative_s3.core.workspace import Workspace


class OnDisk(NamedTuple):
    """What was found under one name; a link counts as itself."""

    size_bytes: int
    mtime_ns: int
    atime_ns: int
    ctime_ns: int
    inode: int
    device: int
    links: int
    is_regular: bool


def walk(workspace: Workspace) -> Iterator[tuple[str, OnDisk]]:
    """Yield what lies in the cache directory, links unfollowed, without the index and our own folder."""
    top = str(workspace.cache_dir)
    pending = [(top, workspace.cache_dir.name)]
    while pending:
        folder, shown = pending.pop()
        try:
            entries = os.scandir(folder)
        except OSError:
            continue  # nothing in it can be removed; its assets are looked at one by one
        with entries:
            for entry in entries:
                if entry.name == PRIVATE_DIRECTORY or (folder == top and entry.name == INDEX_NAME):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append((entry.path, f"{shown}/{entry.name}"))
                    continue
                try:
                    yield f"{shown}/{entry.name}", _found(entry.stat(follow_symlinks=False))
                except OSError:
                    continue


def look(path: str) -> OnDisk | None:
    """Look at one name; None when nothing can be seen there."""
    try:
        return _found(os.lstat(path))
    except OSError:
        return None


def _found(status: os.stat_result) -> OnDisk:
    return OnDisk(
        status.st_size,
        status.st_mtime_ns,
        status.st_atime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_dev,
        status.st_nlink,
        stat.S_ISREG(status.st_mode),
    )
