"""Our own files in a cache, the locks and the catalog: only real files, of this user or the folder's owner.

A cache may have been unpacked from elsewhere. A link under one of these names would have us truncate or fill
what it points to, and so would a second name of another file.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from typing import TYPE_CHECKING

from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE_DIRECTORY = ".creative-s3"
"""Our own directory inside the cache directory."""


def open_own(path: Path, *, mode: int = 0o644) -> int:
    """Open a file of ours for reading and writing, made where it is missing; return its descriptor.

    Raises:
        RefusedError: Something else is there, or its folder is a link.
        OSError: It cannot be opened or made.
    """
    return _opened(path, os.O_RDWR | os.O_CREAT, mode)


def read_own(path: Path) -> bytes:
    """Return what a small file of ours holds.

    Raises:
        RefusedError: Something else is there, or its folder is a link.
        OSError: It is not there, or cannot be read.
    """
    with os.fdopen(_opened(path, os.O_RDONLY), "rb") as file:
        return file.read()


def _opened(path: Path, flags: int, mode: int = 0) -> int:
    _check_folder(path.parent)
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags, mode)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise _refused(path, "is no file") from None
        raise
    problem = _problem(os.fstat(descriptor), path)
    if not problem:
        return descriptor
    os.close(descriptor)
    raise _refused(path, problem)


def check_own(path: Path) -> None:
    """See that a file of ours, where there is one, may be opened by code that follows links, such as SQLite.

    Raises:
        RefusedError: Something else is there, or its folder is a link.
    """
    _check_folder(path.parent)
    try:
        status = os.lstat(path)
    except OSError:
        return
    if problem := _problem(status, path):
        raise _refused(path, problem)


def _check_folder(folder: Path) -> None:
    if folder.name == PRIVATE_DIRECTORY and folder.is_symlink():
        raise _refused(folder, "is a link")


def _problem(status: os.stat_result, path: Path) -> str:
    """Say why a file is none of ours; empty when it may be."""
    if stat.S_ISLNK(status.st_mode):
        return "is a link"
    if stat.S_ISDIR(status.st_mode):
        return ""  # it cannot be opened, and that is told as it is
    if not stat.S_ISREG(status.st_mode):
        return "is no file"
    if status.st_nlink > 1:
        return "is another file, too, under a second name"
    if status.st_uid not in {os.geteuid(), os.lstat(path.parent).st_uid}:
        return "belongs to another user"
    return ""


def _refused(path: Path, problem: str) -> RefusedError:
    return RefusedError(
        f"{path} {problem}, and is not touched",
        item=str(path),
        hint=f"see what it is, and remove it: ls -ld {shlex.quote(str(path))}",
    )
