"""A local file on its way out: opened, read, and removed only as the very file that was read.

A name can be given to another file at any moment, and POSIX cannot remove "this name, if it is still that
file". So the file is first renamed aside, looked at again under the new name, where nobody finds it, and only
then removed; whatever else was caught is put back. Whether S3 has the content is not known here.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Self

from creative_s3.core.files.checksums import crc64nvme_of_descriptor
from creative_s3.core.files.folders import open_folder
from creative_s3.core.tiers.open_files import InUseError, SoleUse, UnseenError
from creative_s3.core.tiers.tiers import Hold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from creative_s3.core.files.workspace import Workspace

_TICK_NS = 100_000_000
_COARSE_TICK_NS = 2_000_000_000
"""How long a step of a file system's clock may last: of two changes within it the second does not show. Some
file systems count whole seconds only."""
_NAME_BYTES = 200
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
_A_LINK = frozenset({errno.ELOOP, errno.ENOTDIR})
_ASIDE = re.compile(r"\.(.+)\.creative-s3-[0-9a-f]+\.leaving", re.DOTALL)
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class StaysError(Exception):
    """The file has to stay.

    Attributes:
        hold: Why.
        detail: More about it, in words.
        refuted: The key of an object that is not what was proved and recorded; None where that holds.
    """

    def __init__(self, hold: Hold, detail: str = "", *, refuted: str | None = None) -> None:
        super().__init__(detail or str(hold))
        self.hold = hold
        self.detail = detail
        self.refuted = refuted


class ObjectGoneError(StaysError):
    """The file has to stay: there is no object under its key any more."""


class StrandedError(Exception):
    """The file could not be put back under its name: another one has it. It is aside, whole."""


class LeavingFile:
    """An open file inside the cache directory. Close it; one thread at a time.

    Args:
        workspace: Where.
        file_path: Relative to the workspace. Folders that are links are not followed.
        assume_closed: Whether it is to be taken for closed where nobody can tell who has it open.

    Attributes:
        name: The file's name in its folder.
        status: How it was when it was opened, and still was when it was read.

    Raises:
        StaysError: It is no regular file with one name inside the cache directory.
        OSError: It cannot be opened.
    """

    def __init__(self, workspace: Workspace, file_path: str, *, assume_closed: bool = False) -> None:
        self._assumes_closed = assume_closed
        self._descriptor = self._folder = -1
        relative = inside_cache(workspace, file_path)
        self.name = relative.name
        try:
            self._folder = open_folder(workspace.cache_dir, relative.parent.parts)
            self._descriptor = os.open(self.name, _FILE_FLAGS, dir_fd=self._folder)
            self.status = _checked(os.fstat(self._descriptor))
        except BaseException as error:
            self.close()
            if isinstance(error, OSError) and error.errno in _A_LINK:
                raise StaysError(Hold.LINKED) from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        for descriptor in (self._descriptor, self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptor = self._folder = -1

    @property
    def folder_id(self) -> tuple[int, int]:
        """Tells folders apart."""
        status = os.fstat(self._folder)
        return status.st_dev, status.st_ino

    def sync_folder(self) -> None:
        """Make what happened to the folder's names durable."""
        os.fsync(self._folder)

    def read(self) -> str:
        """Read the file; return the CRC64NVME of its content.

        Raises:
            StaysError: Somebody has it open, or it changed a moment ago or meanwhile.
            OSError: It cannot be read.
        """
        self._check_alone()
        tick_ns = _TICK_NS if self.status.st_ctime_ns % 1_000_000_000 else _COARSE_TICK_NS
        now_ns, changed_ns = time.time_ns(), self.status.st_ctime_ns
        if self.status.st_mtime_ns <= now_ns:  # else a program made it up: no write gives a time to come
            changed_ns = max(changed_ns, self.status.st_mtime_ns)
        if now_ns - changed_ns < tick_ns:
            raise StaysError(Hold.CHANGED, "a moment ago")
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        crc64nvme, size_bytes = crc64nvme_of_descriptor(self._descriptor)
        if size_bytes != self.status.st_size or not self.is_untouched():
            raise StaysError(Hold.CHANGED, "while it was read")
        return crc64nvme

    def md5(self) -> str:
        """Read the file again; return the MD5 of its content in hexadecimal."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        with open(self._descriptor, "rb", closefd=False) as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()

    def is_untouched(self) -> bool:
        """Tell whether the file is still as it was when it was opened."""
        return _state(os.fstat(self._descriptor)) == _state(self.status)

    def leave(self, aside: str) -> None:
        """Remove the file, if it is still the one that was read and nobody else has it open.

        Args:
            aside: A name in the same folder that no file has; the file has it for a moment.

        Raises:
            StaysError: It stays, under its own name.
            StrandedError: It stays, but aside.
            OSError: It cannot be removed; it stays, under its own name.
        """
        with self._sole_use() as use:
            if not self.is_untouched():
                raise StaysError(Hold.CHANGED, "after it was read")
            if not self._is_named(self.name):
                raise StaysError(Hold.CHANGED, "another file has its name now")
            os.rename(self.name, aside, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            try:
                self._remove(aside, use)
            except BaseException:
                self._put_back(aside)
                raise

    def _remove(self, aside: str, use: SoleUse) -> None:
        # What has the new name now is what had the old one at that moment: perhaps another file.
        if not self._is_named(aside):
            raise StaysError(Hold.CHANGED, "another file had just taken its name")
        now = os.fstat(self._descriptor)
        # The new name moved the change time, so it says nothing here; nobody could write without the lease.
        if (now.st_size, now.st_mtime_ns, now.st_nlink) != (self.status.st_size, self.status.st_mtime_ns, 1):
            raise StaysError(Hold.CHANGED, "at the last moment")
        if use.is_disturbed():
            raise StaysError(Hold.OPEN, "since a moment ago")
        os.unlink(aside, dir_fd=self._folder)

    def _put_back(self, aside: str) -> None:
        try:
            put_back(self._folder, aside, self.name)
        except FileExistsError as error:
            raise StrandedError(aside) from error
        except FileNotFoundError:
            pass  # interrupted just after it was removed, which was all that was left to do

    def _check_alone(self) -> None:
        with self._sole_use():
            pass

    @contextmanager
    def _sole_use(self) -> Iterator[SoleUse]:
        try:
            with SoleUse(self._descriptor, assume_closed=self._assumes_closed) as use:
                yield use
        except InUseError as error:
            raise StaysError(Hold.OPEN, str(error)) from error
        except UnseenError as error:
            raise StaysError(Hold.UNSEEN, str(error)) from error

    def _is_named(self, name: str) -> bool:
        try:
            found = os.stat(name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == (self.status.st_dev, self.status.st_ino)


def aside_name(name: str, number: int) -> str:
    """Return the name that a file has between its own and none; a short one can be read back from it."""
    kept = os.fsdecode(os.fsencode(name)[:_NAME_BYTES])
    return f".{kept}.creative-s3-{number:x}.leaving"


def own_name(aside: str) -> str | None:
    """Return the name that a file had before it went aside; None for names of others, and for cut ones."""
    match = _ASIDE.fullmatch(aside)
    return match[1] if match and len(os.fsencode(match[1])) < _NAME_BYTES else None


def is_aside(name: str) -> bool:
    """Tell whether this is a name that only a file on its way out has."""
    return _ASIDE.fullmatch(name) is not None


def inside_cache(workspace: Workspace, file_path: str) -> PurePosixPath:
    """Return a file's path relative to the cache directory.

    Raises:
        StaysError: It lies outside.
    """
    relative = PurePosixPath(file_path)
    parts = relative.parts
    if len(parts) < 2 or parts[0] != workspace.cache_dir.name or ".." in parts or "\0" in file_path:  # noqa: PLR2004 - folder, name
        raise StaysError(Hold.OUTSIDE)
    return PurePosixPath(*parts[1:])


def put_back(folder: int, aside: str, name: str) -> None:
    """Give a file its own name back, unless another one has it.

    Raises:
        FileExistsError: Another file has it; nothing was changed.
        OSError: It cannot be done.
    """
    try:
        os.link(aside, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Without links, reserve the name with an empty file of our own, then take its place.
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=folder))
        os.rename(aside, name, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        with suppress(FileNotFoundError):
            os.unlink(aside, dir_fd=folder)
    os.fsync(folder)


def _checked(status: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        raise StaysError(Hold.LINKED, "it is no regular file")
    if status.st_nlink != 1:
        raise StaysError(Hold.HARD_LINKED)
    return status


def _state(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_nlink
