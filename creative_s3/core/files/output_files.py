"""Files that a user names for output: a plan, a report, exported rules. Never over what is no regular file.

A regular file is written whole and durable, or not at all. A pipe, a terminal or a device such as
``/dev/null`` is written into and stays what it is; a link and everything else is refused. Where downloads go
is elsewhere.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from creative_s3.core.files.local_files import install_new, install_over, partial_path, sync
from creative_s3.core.files.workspace import kind_of
from creative_s3.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_DESCRIPTOR = re.compile(r"/dev/(?:fd/(\d{1,9})|std(in|out|err))|/proc/(?:self|thread-self)/fd/(\d{1,9})")
_STANDARD = {"in": 0, "out": 1, "err": 2}
_NO_NAMES = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.EBADF, errno.ENXIO}
)
"""What the system says of a name that cannot be one of a file."""


def write_new(destination: Path, text: str) -> bool:
    """Write a text; return False where a file of that name is there, which is left alone.

    Raises:
        UsageError: There can be no such file.
        RefusedError: What is there is nothing to write to.
        OSError: It cannot be written.
    """
    with _named(destination):
        return _write_into(destination, (text,)) or _write(destination, (text,), replaces=False)


def write_over(destination: Path, text: str) -> None:
    """Write a text; a file of that name is replaced.

    Raises:
        UsageError: There can be no such file.
        RefusedError: What is there is a link, or nothing to write to.
        OSError: It cannot be written; the old file is as it was.
    """
    _write_over(destination, (text,))


def write_lines(destination: Path, values: Iterable[object]) -> None:
    """Write values as JSON lines; a file of that name is replaced.

    Raises:
        UsageError: There can be no such file.
        RefusedError: What is there is a link, or nothing to write to.
        OSError: It cannot be written; the old file is as it was.
    """
    _write_over(destination, (f"{json.dumps(value)}\n" for value in values))


def check_replaceable(path: Path) -> None:
    """See that a name, if it is taken, is one of a regular file, so that a new one may take its place.

    Raises:
        RefusedError: It is a link, a folder, a pipe or a device.
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return  # it is not there, or writing it will tell
    if not stat.S_ISREG(mode):
        hint = f"name the file that it leads to: {os.path.realpath(path)}" if stat.S_ISLNK(mode) else None
        raise RefusedError(
            f"{path} is {kind_of(mode)}, and is not replaced by a file",
            item=str(path),
            hint=hint or "give another name",
        )


def _write_over(destination: Path, pieces: Iterable[str]) -> None:
    with _named(destination):
        if not _write_into(destination, pieces):
            check_replaceable(destination)
            _write(destination, pieces, replaces=True)


@contextmanager
def _named(destination: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_NAMES:
            raise
        raise UsageError(
            f"no file can be written there: {(error.strerror or 'impossible').lower()}",
            item=str(destination),
            hint="name a file in a folder that is there",
        ) from error


def _write_into(destination: Path, pieces: Iterable[str]) -> bool:
    """Write into what takes bytes and is no file; return False where there is no such thing.

    Raises:
        RefusedError: It is a folder, a disk or a socket.
        OSError: It cannot be written.
    """
    descriptor = _stream(destination)
    if descriptor is None:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(pieces)
    return True


def _stream(destination: Path) -> int | None:
    if match := _DESCRIPTOR.fullmatch(str(destination)):
        # Not opened anew: where it is a file, that would begin at its first byte again.
        return os.dup(_STANDARD[match[2]] if match[2] else int(match[1] or match[3]))
    try:
        mode = destination.stat().st_mode
    except OSError:
        return None
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
        return os.open(destination, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    raise RefusedError(
        f"{destination} is {kind_of(mode)}, and no file to write", item=str(destination), hint="name a file"
    )


def _write(destination: Path, pieces: Iterable[str], *, replaces: bool) -> bool:
    partial = partial_path(destination)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(partial, flags, 0o666), "w", encoding="utf-8") as file:
            file.writelines(pieces)
        sync(partial)
        if not replaces:
            return install_new(partial, destination)
        install_over(partial, destination)
        return True
    finally:
        partial.unlink(missing_ok=True)
