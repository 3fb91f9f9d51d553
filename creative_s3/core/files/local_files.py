"""Local files in a transfer: telling whether one changed, reading it safely, putting a download in its place.

Nothing here knows of S3. Writes are atomic and durable: a hidden temporary file in the same directory, fsync,
then the final name, then fsync of the directory.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import secrets
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from creative_s3.core.faults.translation import translate
from creative_s3.core.files.checksums import crc64nvme_of, crc64nvme_of_descriptor, crc64nvmes_of_parts
from creative_s3.core.files.workspace import Signature
from creative_s3.errors import FileChangedError, FileUnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK = ".creative-s3-"
_PARTIAL = re.compile(r"^\..*\.creative-s3-([0-9a-f]{6})[0-9a-f]{2}\.part(?:\.[0-9A-Za-z]{1,16})?$")
_numbers = itertools.count(secrets.randbelow(256))
"""Tell apart what one process writes."""
_ORDINARY_MODE = 0o666
"""What no file that is brought gets more than: none is run, or run as its owner."""
_NAME_BYTES = 200
"""What is kept of a long name in a temporary one, so that all of it stays under 255 bytes."""
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells one state of a file from another without reading it.

    Programs cannot set the change time: an edit of the same size with its modification time put back shows.
    """

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int


def fingerprint(path: Path) -> Fingerprint:
    """Return the present fingerprint of a regular file.

    Raises:
        FileVanishedError: It is gone.
        FileUnreadableError: It cannot be reached, or is no regular file any more.
    """
    try:
        return _of(path.stat(), path)
    except OSError as error:
        raise translate(error, item=str(path)) from error


def fingerprint_of(descriptor: int, path: Path) -> Fingerprint:
    """Return the present fingerprint of a regular file that is open.

    Raises:
        FileUnreadableError: It is no regular file.
    """
    return _of(os.fstat(descriptor), path)


def is_unchanged(path: Path, before: Fingerprint) -> bool:
    """Tell whether a regular file has the fingerprint that it had.

    Raises:
        FileVanishedError: It is gone.
        FileUnreadableError: It cannot be reached.
    """
    try:
        now = os.stat(path)  # noqa: PTH116 - for each of many small files, and pathlib costs more
    except OSError as error:
        raise translate(error, item=str(path)) from error
    # What is no regular file any more has another inode.
    return (
        now.st_ctime_ns == before.ctime_ns
        and now.st_mtime_ns == before.mtime_ns
        and now.st_size == before.size_bytes
        and now.st_ino == before.inode
        and now.st_dev == before.device
    )


def read(path: Path) -> tuple[Fingerprint, str]:
    """Read a regular file; return its fingerprint and the CRC64NVME of exactly the content read.

    A FIFO or a device never blocks: the file is opened without waiting and refused before it is read.

    Raises:
        FileVanishedError: It is gone.
        FileUnreadableError: It cannot be opened or read, or is no regular file.
        FileChangedError: It changed while it was read.
    """
    with _opened(path) as descriptor:
        return _read(path, descriptor)


def read_whole(path: Path, most_bytes: int) -> tuple[Fingerprint, str, bytes]:
    """Read a small file as `read` does, and return its content, too.

    Raises:
        CreativeS3Error: As for `read`; also where it has grown beyond `most_bytes`.
    """
    with _opened(path) as descriptor:
        before = _of(os.fstat(descriptor), path)
        content = os.read(descriptor, most_bytes + 1)
        if len(content) != before.size_bytes or _of(os.fstat(descriptor), path) != before:
            raise changed(path)
    return before, crc64nvme_of(content), content


def read_and_sync(path: Path) -> tuple[Fingerprint, str]:
    """Read a file as `read` does, and make exactly that content durable.

    Raises:
        CreativeS3Error: As for `read`; also where it cannot be made durable.
    """
    with _opened(path) as descriptor:
        found = _read(path, descriptor)
        os.fsync(descriptor)
    return found


def _read(path: Path, descriptor: int) -> tuple[Fingerprint, str]:
    before = _of(os.fstat(descriptor), path)
    crc64nvme, size_bytes = crc64nvme_of_descriptor(descriptor)
    after = _of(os.fstat(descriptor), path)
    if before != after or size_bytes != before.size_bytes:
        raise changed(path)
    return before, crc64nvme


def read_in_parts(path: Path, part_bytes: int) -> tuple[Fingerprint, str, tuple[str, ...]]:
    """Read as `read` does; return the CRC64NVME of each part of so many bytes, too.

    Raises:
        FileVanishedError: It is gone.
        FileUnreadableError: It cannot be opened or read, or is no regular file.
        FileChangedError: It changed while it was read.
    """
    with _opened(path) as descriptor:
        before = _of(os.fstat(descriptor), path)
        crc64nvme, parts, size_bytes = crc64nvmes_of_parts(descriptor, part_bytes)
        after = _of(os.fstat(descriptor), path)
    if before != after or size_bytes != before.size_bytes:
        raise changed(path)
    return before, crc64nvme, parts


def changed(path: Path) -> FileChangedError:
    """Return the error for a file that does not hold still."""
    return FileChangedError(
        "the file changed while it was transferred",
        item=str(path),
        hint="run the same command again when nothing writes to it",
    )


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open for reading without waiting for anybody; what the system refuses becomes ours."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    except OSError as error:
        raise translate(error, item=str(path)) from error


def _of(status: os.stat_result, path: Path) -> Fingerprint:
    if not stat.S_ISREG(status.st_mode):
        raise FileUnreadableError(
            "this is not a regular file", item=str(path), hint="only regular files are transferred"
        )
    return Fingerprint(
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        inode=status.st_ino,
        device=status.st_dev,
    )


def partial_path(destination: Path) -> Path:
    """Return a new temporary name beside `destination`; it tells which process writes it."""
    kept = os.fsdecode(os.fsencode(destination.name)[:_NAME_BYTES])
    partial = destination
    for _ in range(256):
        number = next(_numbers) & 0xFF
        partial = destination.with_name(f".{kept}{_MARK}{os.getpid() & 0xFFFFFF:06x}{number:02x}.part")
        if not os.path.lexists(partial):  # another machine's process may have the same number
            break
    return partial


def sweep_partials(directory: Path) -> tuple[Path, ...]:
    """Remove what killed runs left in `directory`, and return it; a living process keeps its files."""
    removed = []
    with os.scandir(directory) as entries:
        for entry in entries:
            match = _PARTIAL.match(entry.name)
            if match and entry.is_file(follow_symlinks=False) and not _is_alive(int(match[1], 16)):
                with suppress(FileNotFoundError):  # another run sweeps, too
                    Path(entry.path).unlink()
                    removed.append(Path(entry.path))
    return tuple(removed)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


def sync(path: Path) -> None:
    """Make a file's content durable."""
    _sync(path, os.O_RDONLY)


def install_new(partial: Path, destination: Path) -> bool:
    """Give `partial` its final name unless something has that name: then change nothing and return False."""
    if not name_new(partial, destination):
        return False
    sync_folder(destination.parent)
    return True


def name_new(partial: Path, destination: Path) -> bool:
    """Do as `install_new`, but leave it to the caller to make the name durable with `sync_folder`."""
    try:
        os.link(partial, destination)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _install_without_links(partial, destination)
    os.unlink(partial)  # noqa: PTH108 - for each of many small files, and pathlib costs more than the system
    return True


def dress(partial: Path, *, mode: int | None, mtime_ns: int | None) -> None:
    """Give a file of ours the permissions and the time that it is to have, before anybody can see it.

    Raises:
        OSError: It is gone.
    """
    if mode is not None:
        partial.chmod(mode & _ORDINARY_MODE)
    if mtime_ns is not None:
        with suppress(OverflowError):  # a time that the system cannot hold
            os.utime(partial, ns=(partial.stat().st_atime_ns, mtime_ns))


def renamed(before: Fingerprint, path: Path) -> Fingerprint | None:
    """Return the fingerprint that a file has after it got its name; None where it is another file by now.

    A name changes the time of change and nothing else.
    """
    try:
        after = _of(os.lstat(path), path)
    except (OSError, FileUnreadableError):
        return None
    return after if replace(after, ctime_ns=before.ctime_ns) == before else None


def unchanged(path: Path, known: Fingerprint | None) -> Signature | None:
    """Return the signature of a file that is still what it was when it got its name; None when it is not."""
    try:
        status = os.stat(path)  # noqa: PTH116 - for each of many files
        return Signature.of(status) if known is not None and _of(status, path) == known else None
    except (OSError, FileUnreadableError):
        return None


def install_over(partial: Path, destination: Path) -> None:
    """Give `partial` its final name in place of whatever file has it."""
    partial.replace(destination)
    sync_folder(destination.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def write_private(destination: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole and durable or not at all.

    Raises:
        CreativeS3Error: It cannot be written; the old file is as it was.
    """
    partial = partial_path(destination)
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        sync(partial)
        install_over(partial, destination)
    except OSError as error:
        raise translate(error, item=str(destination)) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _install_without_links(partial: Path, destination: Path) -> bool:
    """Reserve the name with an empty file of our own, then replace that: FAT, for one, has no links."""
    try:
        os.close(os.open(destination, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666))
    except FileExistsError:
        return False
    install_over(partial, destination)
    return True


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
