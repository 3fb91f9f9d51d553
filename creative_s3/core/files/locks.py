"""One at a time on a cache: locks that the system releases when their owner dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from creative_s3.core.files.own_files import open_own
from creative_s3.errors import LockedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL_S = 0.02


@contextmanager
def exclusive(path: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock at `path` for the block.

    Args:
        path: The lock file; it is made where it is missing, and stays.
        wait_s: How many seconds to wait for another owner, of this process or another one.

    Raises:
        LockedError: Another owner holds it all that time; names its pid and host.
        ItemError: The lock file cannot be made or used.
        RefusedError: What is under its name is no file of ours.
    """
    try:
        descriptor = _acquired(path, wait_s)
    except OSError as error:
        from creative_s3.core.faults.translation import translate  # noqa: PLC0415 - loads boto3, and a lock must not

        raise translate(error, item=str(path)) from error
    try:
        yield
    finally:
        os.close(descriptor)


def _acquired(path: Path, wait_s: float) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = open_own(path)
    try:
        _wait_for(descriptor, path, wait_s)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _wait_for(descriptor: int, path: Path, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while not _try(descriptor):
        if time.monotonic() >= deadline:
            waited = f", for more than {wait_s:g} s" if wait_s else ""
            raise LockedError(
                f"another run works on this cache{waited}: {_owner(descriptor)}",
                item=str(path),
                hint="wait for it to end, then run the same command again",
            )
        time.sleep(_POLL_S)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(descriptor: int) -> str:
    try:
        owner = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {owner['pid']} on {owner['host']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has just begun"
