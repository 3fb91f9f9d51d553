"""The content of many small files, read now: the CRC64NVME, and the MD5 that an ETag may be. Reads only."""

from __future__ import annotations

import hashlib
import itertools
import os
from queue import SimpleQueue
from typing import TYPE_CHECKING

from creative_s3.core.concurrency.pool import DaemonPool
from creative_s3.core.files.checksums import Crc64
from creative_s3.core.files.times import storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SMALL_BYTES = 1 << 20
"""Of a larger file the MD5 costs more than asking S3 for the object's checksum."""
_READERS = 4
_TOGETHER = 64
_MOST_WAITING = 16

DigestRow = tuple[str, int, int, int, int, str, str]
"""Path as given, size in bytes, mtime, ctime, inode (as the catalog has them), CRC64NVME, hexadecimal MD5."""


def digests(root: str, paths: Iterable[str]) -> Iterator[list[DigestRow]]:
    """Read files, several at once; yield what they held, many together and in any order.

    A file that cannot be read, has become a link or changes meanwhile is left out.

    Args:
        root: What the paths are relative to.
        paths: Of files of a few MiB at most.
    """
    groups = iter(paths)
    done: SimpleQueue[list[DigestRow] | BaseException] = SimpleQueue()
    pool = DaemonPool(_READERS)
    under_way = 0
    try:
        while True:
            while under_way < _MOST_WAITING and (group := tuple(itertools.islice(groups, _TOGETHER))):
                pool.submit(_read_all, root, group, done)
                under_way += 1
            if not under_way:
                return
            rows = done.get()
            under_way -= 1
            if isinstance(rows, BaseException):
                raise rows
            yield rows
    finally:
        pool.shutdown()


def _read_all(root: str, paths: tuple[str, ...], done: SimpleQueue[list[DigestRow] | BaseException]) -> None:
    try:
        done.put([row for path in paths if (row := _read(root, path)) is not None])
    except BaseException as error:  # noqa: BLE001 - raised again where somebody can take it
        done.put(error)


def _read(root: str, path: str) -> DigestRow | None:
    try:
        descriptor = os.open(f"{root}/{path}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        before = _signature(os.fstat(descriptor))
        size_bytes = before[0]
        if size_bytes > SMALL_BYTES:
            return None
        content = os.read(descriptor, size_bytes + 1)
        if len(content) != size_bytes or _signature(os.fstat(descriptor)) != before:
            return None
    except OSError:
        return None
    finally:
        os.close(descriptor)
    crc = Crc64()
    crc.update(content)
    return path, *before, crc.base64, hashlib.md5(content, usedforsecurity=False).hexdigest()


def _signature(status: os.stat_result) -> tuple[int, int, int, int]:
    """Return what `database.numbers` makes of a `Signature`, without making one for each of many files."""
    inode = status.st_ino - 2**64 if status.st_ino >= 2**63 else status.st_ino
    return status.st_size, storable(status.st_mtime_ns), storable(status.st_ctime_ns), inode
