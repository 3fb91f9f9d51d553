"""One part of a file as the body of a request: read as it is sent, counted, and stopped when it has to be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

BLOCK_BYTES = 256 << 10
"""What one read gives, whatever was asked: urllib3 asks for 16 KiB, and each would cost a system call."""


class ShortenedError(BaseException):
    """The file ends before the part does; no ``Exception``, or botocore would wait for an answer."""


class PartBody:
    """A range of a file in the form that botocore sends: ``read``, ``seek``, ``tell``, ``len``.

    Args:
        path: The file.
        start: The range's first byte.
        size_bytes: The range's length.
        progress: Takes the bytes that were read since the last call; negative when they are sent again.
        pass_on: Called with the size of each block before it is read; it may wait, or raise to stop.

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
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)

    def read(self, size_bytes: int | None = None) -> bytes:  # noqa: ARG002 - see `BLOCK_BYTES`
        """Return the next block; empty at the end.

        Raises:
            ShortenedError: The file has become shorter.
        """
        wanted = min(BLOCK_BYTES, self._size_bytes - self._at)
        if wanted <= 0:
            return b""
        self._pass_on(wanted)
        block = os.pread(self._descriptor, wanted, self._start + self._at)
        if not block:
            raise ShortenedError
        self._at += len(block)
        if self._at > self._counted:
            self._count()
        return block

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the range, as botocore does to send it again and to learn its length."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size_bytes}[whence]
        self._at = origin + offset
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
