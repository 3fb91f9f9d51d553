"""The workspace on disk: which files are there, what no entry names, and what must not be opened.

Only looks: nothing here writes, and no symbolic link that leads out of the workspace is followed.
"""

from __future__ import annotations

import os
import re
import stat
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from creative_s3.core.index.index import INDEX_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIVATE_DIRECTORY = ".creative-s3"
"""Our own directory inside the cache directory."""
PARTIAL_MARK = ".creative-s3-"
"""Stands in the names of our temporary files (see `core.files`)."""
_PARTIAL = re.compile(
    rf"\..*{re.escape(PARTIAL_MARK)}[0-9a-f]{{8}}\.part(?:\.[0-9A-Za-z]{{1,16}})?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Signature:
    """What tells cheaply whether a file is still the one whose content we know.

    The change time is part of it: an edit that restores size and modification time still moves it.

    Attributes:
        seen_ns: When the file was looked at, in nanoseconds since the epoch; 0 when that is not known. It is
            no part of the comparison.
    """

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    seen_ns: int = field(default=0, compare=False)

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """Take the signature from the result of a stat that was made just now."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, time.time_ns())


class FileState(StrEnum):
    """What was found where the index says a file is."""

    PRESENT = "present"
    MISSING = "missing"
    REFUSED = "refused"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A place in the workspace and what is there.

    Attributes:
        path: Absolute.
        state: Whether it can be used.
        signature: Of a present file.
        reason: Why it cannot be used, in words.
    """

    path: Path
    state: FileState
    signature: Signature | None = None
    reason: str = ""

    @property
    def size_bytes(self) -> int:
        """The size of a present file, else 0."""
        return self.signature.size_bytes if self.signature else 0


class Workspace:
    """The cache directory and its parent.

    Attributes:
        cache_dir: Absolute, as given (links not resolved).
        root: Its parent: index paths are relative to it.
    """

    def __init__(self, cache_dir: Path) -> None:
        self.cache_dir = Path(os.path.abspath(cache_dir))  # noqa: PTH100 - resolve() would follow links
        self.root = self.cache_dir.parent
        # The cache directory itself may be a link to another disk; nothing else may lead out.
        self._allowed = (os.path.realpath(self.root), os.path.realpath(self.cache_dir))

    @property
    def index_path(self) -> Path:
        """Where the pipeline keeps its index."""
        return self.cache_dir / INDEX_NAME

    def locate(self, file_path: str) -> LocalFile:
        """Look at one file that the index names.

        Args:
            file_path: Relative to the workspace, already checked by the index reader.
        """
        path = self.root / file_path
        try:
            real = os.path.realpath(path, strict=True)
            if not self._contains(real):
                return LocalFile(path, FileState.REFUSED, reason="a link leads out of the workspace")
            status = Path(real).stat()
        except OSError as error:
            return _unreachable(path, error)
        if not stat.S_ISREG(status.st_mode):
            return LocalFile(path, FileState.REFUSED, reason=f"it is {_what(status.st_mode)}, not a file")
        if not os.access(real, os.R_OK):
            return LocalFile(path, FileState.UNREADABLE, reason="permission denied")
        return LocalFile(path, FileState.PRESENT, Signature.of(status))

    def leads_out(self, file_path: str) -> bool:
        """Tell whether a link leads a path, of a file that need not be there, out of the workspace."""
        return not self._contains(os.path.realpath(self.root / file_path))

    def files_in_cache(self) -> Iterator[LocalFile]:
        """Yield what lies in the cache directory: regular files, and what is skipped with its reason.

        The index and our own files are left out. Links are listed as refused, never followed.
        """
        pending = [self.cache_dir]
        while pending:
            directory = pending.pop()
            try:
                with os.scandir(directory) as entries:
                    listed = sorted(entries, key=lambda entry: os.fsencode(entry.name))
            except OSError as error:
                yield LocalFile(directory, FileState.UNREADABLE, reason=error.strerror or "cannot be listed")
                continue
            for entry in listed:
                path = directory / entry.name
                if (
                    path == self.index_path
                    or entry.name == PRIVATE_DIRECTORY
                    or _PARTIAL.fullmatch(entry.name)
                ):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                else:
                    yield _listed(path, entry)

    def relative(self, path: Path) -> str:
        """Return `path` relative to the workspace, with ``/`` separators."""
        return path.relative_to(self.root).as_posix()

    def _contains(self, real: str) -> bool:
        return any(real == root or real.startswith(root.rstrip(os.sep) + os.sep) for root in self._allowed)


def _unreachable(path: Path, error: OSError) -> LocalFile:
    if isinstance(error, FileNotFoundError):
        if path.is_symlink():
            return LocalFile(path, FileState.REFUSED, reason="a link leads nowhere")
        return LocalFile(path, FileState.MISSING, reason="the file is missing")
    if isinstance(error, NotADirectoryError):
        return LocalFile(path, FileState.MISSING, reason="the file is missing: its folder is a file")
    if isinstance(error, PermissionError):
        return LocalFile(path, FileState.UNREADABLE, reason="permission denied")
    return LocalFile(path, FileState.REFUSED, reason=error.strerror or "cannot be opened")


def _listed(path: Path, entry: os.DirEntry[str]) -> LocalFile:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return LocalFile(path, FileState.UNREADABLE, reason=error.strerror or "cannot be read")
    if not stat.S_ISREG(status.st_mode):
        return LocalFile(path, FileState.REFUSED, reason=f"it is {_what(status.st_mode)}, not a file")
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return LocalFile(path, FileState.REFUSED, reason="its name is not valid UTF-8")
    return LocalFile(path, FileState.PRESENT, Signature.of(status))


def _what(mode: int) -> str:
    kinds = (
        (stat.S_ISLNK, "a link"),
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in kinds if test(mode)), "a device")
