"""The workspace on disk: which files are there, what no entry names, and what must not be opened.

Only looks: nothing here writes, and no symbolic link that leads out of the workspace is followed.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from creative_s3.core.files.own_files import PRIVATE_DIRECTORY
from creative_s3.core.files.times import storable
from creative_s3.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

INDEX_NAME = "index.json"
PARTIAL_MARK = ".creative-s3-"
"""Stands in the names of our temporary files (see `core.files.local_files`)."""
_PARTIAL = re.compile(
    rf"\..*{re.escape(PARTIAL_MARK)}[0-9a-f]{{8}}\.part(?:\.[0-9A-Za-z]{{1,16}})?", re.DOTALL
)

WalkedFile = tuple[str, str, int | None, int | None, int | None, int | None, str]
"""Path relative to the workspace, `FileState`, and of a present file bytes, times of change of content and of
anything, and inode, as SQLite can hold them; then the reason why it cannot be used."""


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
        return cls(
            status.st_size,
            storable(status.st_mtime_ns),
            storable(status.st_ctime_ns),
            status.st_ino,
            time.time_ns(),
        )


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

    def is_older_than(self, moment: datetime | None) -> bool:
        """Tell whether a present file was written before an object was stored; False where that is not known.

        A time of writing that is still to come is none, whoever set it: then the file counts as older.

        Args:
            moment: As S3 tells it, in whole seconds: the object may have been stored up to one later.
        """
        if self.signature is None or moment is None:
            return False
        is_to_come = self.signature.mtime_ns > (self.signature.seen_ns or time.time_ns())
        return is_to_come or self.signature.mtime_ns < (moment.timestamp() + 1) * 1e9


class Workspace:
    """The cache directory and its parent.

    Attributes:
        cache_dir: Absolute, as given (links not resolved).
        root: Its parent: index paths are relative to it.
    """

    def __init__(self, cache_dir: Path) -> None:
        if not _names_are_utf8():
            raise SettingsError(
                "this process reads the names of files in another encoding than UTF-8",
                item=sys.getfilesystemencoding(),
                hint="start Python with -X utf8, or set PYTHONUTF8=1",
            )
        try:
            self.cache_dir = Path(os.path.abspath(cache_dir))  # noqa: PTH100 - resolve() would follow links
        except FileNotFoundError as error:
            raise SettingsError(
                "the current directory has been deleted", item=str(cache_dir), hint="change to another one"
            ) from error
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
            if not self.contains(real):
                return LocalFile(path, FileState.REFUSED, reason="a link leads out of the workspace")
            status = Path(real).stat()
        except OSError as error:
            return _unreachable(path, error)
        if not stat.S_ISREG(status.st_mode):
            return LocalFile(path, FileState.REFUSED, reason=f"it is {kind_of(status.st_mode)}, not a file")
        if not os.access(real, os.R_OK):
            return LocalFile(path, FileState.UNREADABLE, reason="permission denied")
        return LocalFile(path, FileState.PRESENT, Signature.of(status))

    def leads_out(self, file_path: str) -> bool:
        """Tell whether a link leads a path, of a file that need not be there, out of the workspace."""
        return not self.contains(os.path.realpath(self.root / file_path))

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

    def walk(self) -> Iterator[WalkedFile]:
        """Yield what `files_in_cache` does, in any order and without an object for each.

        A present file that this user may not read has a reason.
        """
        user = os.getuid() if hasattr(os, "getuid") else -1
        top = str(self.cache_dir)
        pending = [(top, self.cache_dir.name)]
        while pending:
            folder, shown = pending.pop()
            try:
                entries = os.scandir(folder)
            except OSError as error:
                yield _unusable(shown, FileState.UNREADABLE, error.strerror or "cannot be listed")
                continue
            with entries:
                for entry in entries:
                    name = entry.name
                    if (
                        name == PRIVATE_DIRECTORY
                        or (name == INDEX_NAME and folder == top)
                        or (PARTIAL_MARK in name and _PARTIAL.fullmatch(name))
                    ):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append((entry.path, f"{shown}/{name}"))
                    else:
                        yield _walked(f"{shown}/{name}", entry, user)

    def relative(self, path: Path) -> str:
        """Return `path` relative to the workspace, with ``/`` separators."""
        return path.relative_to(self.root).as_posix()

    def contains(self, real: str) -> bool:
        """Tell whether a path without links in it lies in the workspace."""
        return any(real == root or real.startswith(root.rstrip(os.sep) + os.sep) for root in self._allowed)


class Locator:
    """Looks at many files as `Workspace.locate` does, and resolves the links of each folder only once."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._root = str(workspace.root)
        self._folders: dict[str, bool] = {}

    def __call__(self, file_path: str) -> LocalFile:
        """Look at one file that the index names, relative to the workspace."""
        folder, _, name = file_path.rpartition("/")
        if name in {"", ".", ".."} or not self._leads_inside(folder):
            return self._workspace.locate(file_path)
        path = f"{self._root}/{file_path}"
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return LocalFile(Path(path), FileState.MISSING, reason="the file is missing")
        except OSError:
            return self._workspace.locate(file_path)
        if not stat.S_ISREG(status.st_mode) or not os.access(path, os.R_OK):
            return self._workspace.locate(file_path)
        return LocalFile(Path(path), FileState.PRESENT, Signature.of(status))

    def _leads_inside(self, folder: str) -> bool:
        if (known := self._folders.get(folder)) is not None:
            return known
        try:
            real = os.path.realpath(f"{self._root}/{folder}", strict=True)
            inside = self._workspace.contains(real)
        except OSError:
            inside = False
        self._folders[folder] = inside
        return inside


def _names_are_utf8() -> bool:
    return sys.getfilesystemencoding().lower().replace("_", "-") == "utf-8"


def _walked(shown: str, entry: os.DirEntry[str], user: int) -> WalkedFile:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return _unusable(shown, FileState.UNREADABLE, error.strerror or "cannot be read")
    if not stat.S_ISREG(status.st_mode):
        return _unusable(shown, FileState.REFUSED, f"it is {kind_of(status.st_mode)}, not a file")
    if not shown.isascii() and not _is_text(shown):
        return _unusable(shown, FileState.REFUSED, "its name is not valid UTF-8")
    # An owner may read what its own bits allow (POSIX: "File Access Permissions"); the others are asked.
    is_own = status.st_uid == user and status.st_mode & stat.S_IRUSR
    inode = status.st_ino - 2**64 if status.st_ino >= 2**63 else status.st_ino
    return (
        shown,
        "present",
        status.st_size,
        storable(status.st_mtime_ns),
        storable(status.st_ctime_ns),
        inode,
        "" if is_own or os.access(entry.path, os.R_OK) else "permission denied",
    )


def _unusable(shown: str, state: FileState, reason: str) -> WalkedFile:
    return shown.encode("utf-8", "backslashreplace").decode(), str(state), None, None, None, None, reason


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreachable(path: Path, error: OSError) -> LocalFile:
    if isinstance(error, FileNotFoundError):
        if os.path.islink(path):  # noqa: PTH114 - pathlib's raises where the path is too long
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
        return LocalFile(path, FileState.REFUSED, reason=f"it is {kind_of(status.st_mode)}, not a file")
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return LocalFile(path, FileState.REFUSED, reason="its name is not valid UTF-8")
    return LocalFile(path, FileState.PRESENT, Signature.of(status))


def kind_of(mode: int) -> str:
    """Name what is no regular file, such as "a link", by its mode."""
    kinds = (
        (stat.S_ISLNK, "a link"),
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in kinds if test(mode)), "a device")
