"""A file that others may write at any moment, and the draft of what is to replace it.

A held file is the open file, whatever becomes of its name: what somebody writes into it shows even after
another file has taken its place. What the text says is not known here.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Self

from creative_s3.core.files.workspace import Signature
from creative_s3.core.index.stream import open_index

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK_BYTES = 1024 * 1024
_TICK_NS = 10_000_000
"""How coarse the clock of a file system may be: of two changes within it, the second does not show."""
_QUIET_S = 0.1
"""Who writes a file does not pause for so long."""
_BROKEN_AFTER_S = 3.0
"""A file that is not whole and has not changed for so long is broken, not being written."""
_POLL_S = 0.02


class HeldFile:
    """An open file, and the state in which it was last looked at.

    Args:
        descriptor: Of a regular file; it is closed with the held file.

    Attributes:
        signature: The state that the content is taken to have.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.look()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a regular file.

        Raises:
            DocumentError: It is something else.
            OSError: It cannot be opened.
        """
        return cls(open_index(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def look(self) -> None:
        """Take the present state as that of the content, and go to its beginning."""
        limit_ns = time.monotonic_ns() + 5 * _TICK_NS
        while True:
            self.status = os.fstat(self.descriptor)
            # Changed just now: another change at once would look the same.
            is_settled = self.status.st_mtime_ns + _TICK_NS < time.time_ns()
            if is_settled or time.monotonic_ns() > limit_ns:
                break
            time.sleep(_TICK_NS / 1e9)
        self.signature = Signature.of(self.status)
        os.lseek(self.descriptor, 0, os.SEEK_SET)

    def note_rename(self) -> None:
        """Take over the change time that a new name brings, unless it is somebody's writing."""
        status = os.fstat(self.descriptor)
        if self._has_content_of(status):
            self.signature = Signature.of(status)

    def is_untouched(self) -> bool:
        """Tell whether nobody has written into it; that it lost its name to another file does not count."""
        return self._has_content_of(os.fstat(self.descriptor))

    def is_at(self, path: Path) -> bool:
        """Tell whether it is still what `path` leads to, as it was."""
        try:
            return Signature.of(path.stat()) == self.signature
        except FileNotFoundError:
            return False

    def read(self, size_bytes: int) -> bytes:
        """Read on."""
        return os.read(self.descriptor, size_bytes)

    def sha256(self) -> str:
        """Return the SHA-256 of the content, in hexadecimal."""
        digest = hashlib.sha256()
        start = 0
        while chunk := os.pread(self.descriptor, _CHUNK_BYTES, start):
            digest.update(chunk)
            start += len(chunk)
        return digest.hexdigest()

    def await_writer(self, patience_s: float) -> bool:
        """Wait until whoever writes it seems to be done, and look again; return False when nobody writes it.

        Args:
            patience_s: How long to wait for a pause; one who writes it over and over may never make one, and
                leaves it whole in between nevertheless.
        """
        last = time.monotonic()
        seen = self.signature
        first: float | None = None
        while True:
            now, status = time.monotonic(), os.fstat(self.descriptor)
            if Signature.of(status) != seen:
                seen, last, first = Signature.of(status), now, first or now
            if first and (now - last >= _QUIET_S or now - first >= patience_s):
                self.look()
                return True
            if not first and max(now - last, time.time() - status.st_mtime) >= _BROKEN_AFTER_S:
                return False
            time.sleep(_POLL_S)

    def _has_content_of(self, status: os.stat_result) -> bool:
        seen = self.signature
        return (status.st_size, status.st_mtime_ns) == (seen.size_bytes, seen.mtime_ns)


class Draft:
    """A new file beside the one that it is to replace: the same text, but for what is put in.

    Nothing is on the disk before the first difference; a draft that is not taken is removed.

    Args:
        path: Where to write it.
        source: The file whose text it takes over.
        like: Whose owner and permissions it takes over; None for those of any new file.

    Attributes:
        is_different: Whether anything was put in.
    """

    def __init__(self, path: Path, source: HeldFile, *, like: HeldFile | None) -> None:
        self.path = path
        self.is_different = False
        self._source = source
        self._like = like
        self._file: BinaryIO | None = None
        self._digest = hashlib.sha256()
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            with suppress(OSError):  # what it still holds may not fit on the disk, and nobody wants it
                self._file.close()
            self.path.unlink(missing_ok=True)

    def put(self, start: int, end: int, text: bytes) -> None:
        """Take the source's text up to `start`, then `text`; the source goes on at `end`."""
        self._copy(start)
        self._write(text)
        self._done = end
        self.is_different = True

    def finish(self) -> HeldFile:
        """Take the rest of the source, and make all of it durable; return the new file, still a draft."""
        self._copy(self._source.signature.size_bytes)
        file = self._opened()
        file.flush()
        if self._like:
            status = self._like.status
            with suppress(PermissionError):  # only root may give files away
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
        os.fsync(file.fileno())
        return HeldFile(os.dup(file.fileno()))

    def sha256(self) -> str:
        """Return the SHA-256 of what was written, in hexadecimal."""
        return self._digest.hexdigest()

    def _copy(self, until: int) -> None:
        while self._done < until:
            chunk = os.pread(self._source.descriptor, min(_CHUNK_BYTES, until - self._done), self._done)
            if not chunk:
                break  # it was cut meanwhile: then it is not untouched, and the draft is not taken
            self._write(chunk)
            self._done += len(chunk)

    def _write(self, text: bytes) -> None:
        self._digest.update(text)
        self._opened().write(text)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            # Only a killed process that had our number can have left a file of this name.
            self.path.unlink(missing_ok=True)
            mode = 0o600 if self._like else 0o666
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._file = os.fdopen(os.open(self.path, flags, mode), "wb", buffering=_CHUNK_BYTES)
        return self._file
