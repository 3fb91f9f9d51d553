"""Reading an env file as text: a file, or a pipe that can be read only once."""

from __future__ import annotations

import os
import re
import select
import shlex
import stat
import threading
from typing import TYPE_CHECKING

from creative_s3.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LARGEST_BYTES = 1024 * 1024
PATIENCE_S = 10
"""How long a pipe may stay without a writer, or a writer without writing."""

_read_once: dict[tuple[int, int], bytes] = {}
"""What pipes gave, by device and inode: there is nothing to be read there a second time."""
_reading_once = threading.Lock()


def read_bytes(path: Path) -> bytes | None:
    """Return what an env file holds; None where there is none.

    A virtual environment of the name ``.env`` is no env file. What a pipe gives is read once in a process,
    and kept.

    Raises:
        SettingsError: It cannot be read, is no file, is too large, or is a pipe to which no program writes.
    """
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            if (path / "pyvenv.cfg").exists():
                return None
            raise _unreadable(path, "is a directory, not a file")
        if stat.S_ISREG(found.st_mode):
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return _bounded(path, iter(lambda: os.read(descriptor, LARGEST_BYTES), b""))
            finally:
                os.close(descriptor)
        with _reading_once:
            key = (found.st_dev, found.st_ino)
            if key not in _read_once:
                _read_once[key] = _drained(path)
            return _read_once[key]
    except FileNotFoundError:
        if path.is_symlink():
            raise _unreadable(path, "is a link to a file that does not exist") from None
        return None
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {(error.strerror or 'not possible').lower()}") from error


def decoded(path: Path, content: bytes) -> str:
    """Return the text of an env file, with the byte order mark that some editors put first.

    Raises:
        SettingsError: It is not UTF-8 text; names the line.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content:
        line = content.count(b"\n", 0, content.find(b"\0")) + 1 if b"\0" in content else 1
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff")) or content[:64].count(b"\0") > 1
        what = "is UTF-16, not UTF-8 text" if wide else f"is no text: line {line} has a NUL byte"
        raise _unreadable(path, what, hint="save it as UTF-8, then run again")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(
            path, f"is not UTF-8 text, in line {line}", hint="save it as UTF-8, then run again"
        ) from None
    for number, one in enumerate(lines_of(text), start=1):
        if "\r" in one.removesuffix("\n").removesuffix("\r"):
            raise _unreadable(
                path, f"has a carriage return within line {number}", hint="save it with Unix line ends"
            )
    return text


def lines_of(text: str) -> list[str]:
    """Return the lines with their ends; only a line feed ends one."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _unreadable(path: Path, problem: str, *, hint: str | None = None) -> SettingsError:
    return SettingsError(f"{path} {problem}", item=str(path), hint=hint or f"ls -ld {shlex.quote(str(path))}")


def _bounded(path: Path, pieces: Iterable[bytes]) -> bytes:
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > LARGEST_BYTES:
            raise _unreadable(path, f"is no env file: it has more than {LARGEST_BYTES // 1024} KiB")
    return bytes(content)


def _drained(path: Path) -> bytes:
    """Return all that is written to a pipe, or lies in a device such as ``/dev/null``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return _bounded(path, _pieces_of(path, descriptor))
    finally:
        os.close(descriptor)


def _pieces_of(path: Path, descriptor: int) -> Iterator[bytes]:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    while True:
        # Only poll tells a pipe that no program has opened for writing yet from one at its end.
        if not waiting.poll(PATIENCE_S * 1000):
            raise _unreadable(path, f"is a pipe to which no program wrote for {PATIENCE_S} s")
        piece = os.read(descriptor, 65536)
        if not piece:
            return
        yield piece
