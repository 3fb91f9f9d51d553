"""One part of a file as the body of a request: read as it is sent, counted, and stopped when it has to be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

BLOCK_BYTES = 256 << 10
"""What is read from the file at once: urllib3 asks for 16 KiB, and each would cost a system call."""


class ShortenedError(BaseException):
    """The file ends before the part does; no ``Exception``, or botocore would wait for an answer."""


class PartBody:
    """A range of a file in the form that botocore sends: ``read``, ``seek``, ``tell``, ``len``.

    Args:
        path: The file.
        start: The range's first byte.
        size_bytes: The range's length.
        progress: Takes the bytes that were read since the last call; negative when they are sent again.
        pass_on: Called with the size of each block of the file before it is read; it may wait, or raise to
            stop.

    Raises:
        OSError: The file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        start: int,
        size_bytes: int,
        *,
        progress: Callable[[int], None],
        pass_on: Callable[[int], None],
    ) -> None:
        self._start = start
        self._size_bytes = size_bytes
        self._progress = progress
        self._pass_on = pass_on
        self._at = 0
        self._counted = 0
        self._ahead = memoryview(b"")
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)

    def read(self, size_bytes: int | None = None) -> bytes:
        """Return the next bytes of the range, at most so many; empty at the end.

        Args:
            size_bytes: The most that is returned; None or less than 0 for all that is left.

        Raises:
            ShortenedError: The file has become shorter.
        """
        if size_bytes is None or size_bytes < 0:
            return b"".join(iter(lambda: self.read(BLOCK_BYTES), b""))
        if not self._ahead:
            self._read_ahead()
        taken = bytes(self._ahead[:size_bytes])
        self._ahead = self._ahead[len(taken) :]
        self._at += len(taken)
        if self._at > self._counted:
            self._count()
        return taken

    def _read_ahead(self) -> None:
        wanted = min(BLOCK_BYTES, self._size_bytes - self._at)
        if wanted <= 0:
            return
        self._pass_on(wanted)
        self._ahead = memoryview(os.pread(self._descriptor, wanted, self._start + self._at))
        if not self._ahead:
            raise ShortenedError

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the range, as botocore does to send it again and to learn its length."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size_bytes}[whence]
        self._at = origin + offset
        self._ahead = memoryview(b"")
        if self._at < self._counted:
            self._count()
        return self._at

    def tell(self) -> int:
        """Return the place in the range."""
        return self._at

    def _count(self) -> None:
        self._progress(self._at - self._counted)
        self._counted = self._at

    def __len__(self) -> int:
        return self._size_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
