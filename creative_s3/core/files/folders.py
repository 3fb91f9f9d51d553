"""Folders held open, so that a link put in the place of one leads no file elsewhere.

A path is looked up anew by each call, and whoever may write in a folder can swap one below it for a link
between two calls. So each folder is opened step by step from one that may be reached by links, following none
below it, and files are reached through the open folder.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self
from weakref import WeakValueDictionary

from creative_s3.errors import TemporaryError, UnsafeKeyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LINUX_DESCRIPTORS = Path("/proc/self/fd")
_HAS_PATHS = sys.platform == "linux" and _LINUX_DESCRIPTORS.is_dir()
"""Whether a folder's descriptor has a path, which only the system can lead elsewhere."""


def open_folder(root: Path, parts: Iterable[str], *, make: bool = False) -> int:
    """Open a folder step by step from `root`, following no link below it; return its descriptor.

    Args:
        root: May be a link itself, or be reached by links.
        parts: The names on the way.
        make: Whether to make what is missing, `root` and its parents among it.

    Raises:
        OSError: It is not there, or no folder; a link below `root` is none (NotADirectoryError, or ELOOP).
    """
    if make and not os.path.isdir(root):  # noqa: PTH112 - for each of many small files
        root.mkdir(parents=True, exist_ok=True)
    folder = os.open(root, _FLAGS)
    for part in parts:
        try:
            inner = _step(folder, part, make=make)
        finally:
            os.close(folder)
        folder = inner
    return folder


def _step(folder: int, part: str, *, make: bool) -> int:
    try:
        return os.open(part, _FLAGS | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):  # another thread made it
        os.mkdir(part, dir_fd=folder)
    return os.open(part, _FLAGS | os.O_NOFOLLOW, dir_fd=folder)


def check_no_links(root: Path, parts: Iterable[str], *, item: str) -> None:
    """Make sure that no folder on the way from `root` is a link; one that is missing ends the way.

    Args:
        root: May be a link itself.
        parts: The names of the folders below it.
        item: What the error is about.

    Raises:
        UnsafeKeyError: One of them is.
    """
    folder = root
    for part in parts:
        folder /= part
        try:
            mode = os.lstat(folder).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return  # the rest will be made, or cannot be: making it tells
        if stat.S_ISLNK(mode):
            raise UnsafeKeyError(
                f"the folder {folder} is a symbolic link, which is not followed",
                item=item,
                hint="remove the link or choose another --output",
            )


class OpenFolder:
    """A folder to put files into; made where it is missing. Any thread.

    Args:
        path: The folder.
        root: The folder at or above it that may be reached by links; by default the folder itself.
        closed: Called when it is closed.

    Raises:
        UnsafeKeyError: A link is on the way below `root`.
        OSError: It cannot be opened or made.
    """

    def __init__(
        self, path: Path, root: Path | None = None, *, closed: Callable[[], object] = lambda: None
    ) -> None:
        self.path = path
        self._closed = closed
        self._root = root or path
        self._parts = path.relative_to(self._root).parts
        self._lock = threading.Lock()
        self._users = 1
        self._is_in_place = True
        try:
            self._descriptor = open_folder(self._root, self._parts, make=True)
        except OSError:
            check_no_links(self._root, self._parts, item=str(self.path))
            raise
        status = os.fstat(self._descriptor)
        self._identity = status.st_dev, status.st_ino

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def at(self, name: str) -> Path:
        """Return a path of the file of this name that leads into this very folder while it is open."""
        return _LINUX_DESCRIPTORS / str(self._descriptor) / name if _HAS_PATHS else self.path / name

    def sync(self) -> None:
        """Make its names durable, and see that it is still the folder that its path leads to.

        Raises:
            UnsafeKeyError: A link is on the way by now.
            TemporaryError: Another folder is there by now: what went into this one is not where it should be.
            OSError: It cannot be written.
        """
        os.fsync(self._descriptor)
        try:
            status = self.path.stat()
            self._is_in_place = (status.st_dev, status.st_ino) == self._identity
        except OSError:
            self._is_in_place = False
        try:
            check_no_links(self._root, self._parts, item=str(self.path))
        except UnsafeKeyError:
            self._is_in_place = False
            raise
        if not self._is_in_place:
            raise TemporaryError(
                "the folder was moved or removed while files came into it",
                item=str(self.path),
                hint="run the same command again",
            )

    def share(self) -> bool:
        """Keep it open for one user more; return False where it is closed or not in its place any more."""
        with self._lock:
            is_good = self._users > 0 and self._is_in_place
            self._users += is_good
            return is_good

    def close(self) -> None:
        """Let go of it; with the last of its users it is closed."""
        with self._lock:
            self._users -= 1
            is_last = not self._users
        if is_last:
            os.close(self._descriptor)
            self._closed()


_MOST = 512


class OpenFolders:
    """Opens each folder once for all files that are on their way there. Any thread.

    Args:
        most: How many may be open before `is_full` says so.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._open = 0
        self._lock = threading.Lock()
        self._known: WeakValueDictionary[tuple[Path, Path | None], OpenFolder] = WeakValueDictionary()

    @property
    def is_full(self) -> bool:
        """Whether no more files should be begun before others have come to their end."""
        return self._open >= self._most

    def open(self, path: Path, root: Path | None = None) -> OpenFolder:
        """Return an open folder, which the caller closes.

        Raises:
            UnsafeKeyError: As for `OpenFolder`.
            OSError: The same.
        """
        with self._lock:
            folder = self._known.get((path, root))
            if folder is None or not folder.share():
                folder = self._known[path, root] = OpenFolder(path, root, closed=self._count_closed)
                self._open += 1
            return folder

    def _count_closed(self) -> None:
        with self._lock:
            self._open -= 1
