"""Who has a file open: asked of the kernel, so that nothing is taken away from somebody who uses it.

On Linux a write lease is granted only while nobody else has the file open or mapped, whoever he is, and while
it is held an open() of others waits (fcntl(2), "Leases"). Where a file system or a foreign owner allows no
lease, ``/proc`` is looked through, which shows the processes of this user. Where neither shows everybody,
nobody can tell, and that is said: see `tiers.visibility`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from creative_s3.core.tiers.visibility import HAS_LEASES, sees_everyone, shared_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC = "/proc"
_BUSY = frozenset({errno.EAGAIN, errno.EWOULDBLOCK})
_HAS_LEASES = HAS_LEASES

FileId = tuple[int, int]
"""Device and inode."""


class InUseError(Exception):
    """Somebody else has the file open."""


class UnseenError(Exception):
    """Nobody can tell whether somebody else has the file open; says why."""


class SoleUse:
    """Makes sure that nobody else has an open file open, for as long as the block lasts.

    Args:
        descriptor: Of a regular file, opened for reading only.
        assume_closed: Whether it is to be taken for closed where nobody can tell.

    Raises:
        InUseError: Somebody has; names the processes that can be seen.
        UnseenError: Nobody can tell.
    """

    def __init__(self, descriptor: int, *, assume_closed: bool = False) -> None:
        self._descriptor = descriptor
        self._assumes_closed = assume_closed
        self._is_leased = False

    def __enter__(self) -> Self:
        try:
            self._is_leased = _lease(self._descriptor)
            is_busy = not self._is_leased and _is_seen_open(self._descriptor)
        except BlockingIOError:
            is_busy = True
        if is_busy:
            raise InUseError(_users(self._descriptor))
        if not self._assumes_closed and (reason := self._blindness()):
            self.__exit__()
            raise UnseenError(reason)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_leased:
            self._is_leased = False
            # Given back by name: a forked child that inherited the descriptor would keep it.
            with suppress(OSError):
                fcntl.fcntl(self._descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)

    def _blindness(self) -> str:
        """Say why somebody may have the file open unseen; empty where everybody is seen."""
        if reason := shared_disk(self._descriptor):
            return reason
        return "" if self._is_leased or sees_everyone() else "the processes of other users are not shown"

    def is_disturbed(self) -> bool:
        """Tell whether somebody has opened the file since, or waits to."""
        if self._is_leased:
            return fcntl.fcntl(self._descriptor, fcntl.F_GETLEASE) != fcntl.F_WRLCK
        return _is_seen_open(self._descriptor)


def open_files() -> frozenset[FileId]:
    """Return the regular files that any process which can be seen has open or mapped."""
    return frozenset(found for _, found in _seen())


def _lease(descriptor: int) -> bool:
    """Take a write lease; return whether there are leases here.

    Raises:
        BlockingIOError: Somebody else has the file open.
    """
    if not _HAS_LEASES:
        return False
    try:
        # Without a signal of its own, who opens the file meanwhile would kill this process with SIGIO. The
        # kernel forgets the choice with each lease.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        if error.errno in _BUSY:
            raise BlockingIOError from error
        return False
    return True


def _is_seen_open(descriptor: int) -> bool:
    return next(_users_of(descriptor), None) is not None


def _users(descriptor: int) -> str:
    """Name the processes that have a file open, as far as they can be seen."""
    names = sorted({_name_of(pid) for pid in _users_of(descriptor)})
    return ", ".join(names)


def _users_of(descriptor: int) -> Iterator[int]:
    status = os.fstat(descriptor)
    wanted = (status.st_dev, status.st_ino)
    mine = os.getpid()
    own = 1  # this very descriptor does not count
    for pid, found in _seen():
        if found == wanted:
            if pid == mine and own:
                own -= 1
                continue
            yield pid


def _seen() -> Iterator[tuple[int, FileId]]:
    """Yield what each process has open, as far as it can be seen."""
    try:
        pids = [int(name) for name in os.listdir(_PROC) if name.isdecimal()]  # noqa: PTH208 - names only
    except OSError:
        return
    for pid in pids:
        # A process may end, and those of other users cannot be looked into.
        with suppress(OSError):
            yield from ((pid, found) for found in _opened(f"{_PROC}/{pid}/fd"))
        with suppress(OSError):
            yield from ((pid, found) for found in _mapped(f"{_PROC}/{pid}/maps"))


def _opened(folder: str) -> Iterator[FileId]:
    for name in os.listdir(folder):  # noqa: PTH208 - names only, of a folder that is no real one
        with suppress(OSError):
            status = os.stat(f"{folder}/{name}")  # noqa: PTH116 - thousands of times
            if stat.S_ISREG(status.st_mode):
                yield status.st_dev, status.st_ino


def _mapped(path: str) -> Iterator[FileId]:
    with open(path, "rb") as lines:  # noqa: PTH123 - thousands of times
        for line in lines:
            fields = line.split(None, 5)
            inode = int(fields[4])
            if inode:
                major, _, minor = fields[3].partition(b":")
                yield os.makedev(int(major, 16), int(minor, 16)), inode


def _name_of(pid: int) -> str:
    try:
        with open(f"{_PROC}/{pid}/comm", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - as above
            return f"{file.read().strip()}, process {pid}"
    except OSError:
        return f"process {pid}"
