"""One walk through the cache directory: what lies there, as cheaply as a million names allow. Reads only.

`core.files.workspace` looks at single files more closely; here links are neither followed nor explained.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from creative_s3.core.files.own_files import PRIVATE_DIRECTORY
from creative_s3.core.files.workspace import INDEX_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from creative_s3.core.files.workspace import Workspace


def walk(workspace: Workspace) -> Iterator[tuple[str, os.stat_result]]:
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
                    yield f"{shown}/{entry.name}", entry.stat(follow_symlinks=False)
                except OSError:
                    continue


def look(path: str) -> os.stat_result | None:
    """Look at one name; None when nothing can be seen there."""
    try:
        return os.lstat(path)
    except OSError:
        return None


def is_regular(status: os.stat_result) -> bool:
    """Tell whether it is a regular file, and no link to one."""
    return stat.S_ISREG(status.st_mode)
