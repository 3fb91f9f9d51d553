"""What the system lets this process have: open files, memory, threads; so much is done at once."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from creative_s3.errors import TemporaryError

if TYPE_CHECKING:
    from creative_s3.settings import S3Config

_FILES_EACH = 4
"""Its connection and file, and those that the Common Runtime or botocore keep beside them."""
_OTHER_FILES = 16
"""The catalog, the listing, the Common Runtime's own, spare connections."""
_FEWEST_FILES = 8
_STACK_BYTES = 8 << 20
_SMALL_STACK_BYTES = 1 << 20
_ARENA_BYTES = 64 << 20
"""What glibc reserves for a thread's memory (mallopt(3), M_ARENA_MAX)."""
_BUFFERS_BYTES = 4 << 20
_OTHER_BYTES = 32 << 20
_ARENA_MAX = -8
_UNKNOWN_FILES = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """What is left for transfers; None for no limit.

    Attributes:
        open_files: How many files may still be opened.
        memory_bytes: How much address space is left.
        thread_bytes: What a transfer's threads and buffers take of it.
    """

    open_files: int | None = None
    memory_bytes: int | None = None
    thread_bytes: int = _STACK_BYTES + _ARENA_BYTES + _BUFFERS_BYTES

    def at_once(self, wanted: int) -> tuple[int, str | None]:
        """Return how many transfers fit, `wanted` at most, and which limit makes them fewer.

        Raises:
            TemporaryError: Not even one fits.
        """
        most, why = wanted, None
        if self.open_files is not None:
            fewest = 1 if self.open_files >= _FEWEST_FILES else 0
            fitting = max(fewest, (self.open_files - _OTHER_FILES) // _FILES_EACH)
            if fitting < most:
                most, why = fitting, "open files (ulimit -n)"
        if self.memory_bytes is not None:
            fitting = (self.memory_bytes - _OTHER_BYTES) // self.thread_bytes
            if fitting < most:
                most, why = fitting, "memory (ulimit -v)"
        if most < 1:
            raise TemporaryError(
                f"this shell allows too little for a single transfer: {why}", hint="raise that limit"
            )
        return most, why


def files_at_once(wanted: int, *, each: int, beside: int) -> int:
    """Return how many things may be held open at once: `wanted` at most, and one at the least.

    Args:
        wanted: How many are asked for.
        each: The files that each of them takes.
        beside: The files that are opened beside them, such as connections.
    """
    left = limits().open_files
    return wanted if left is None else max(1, min(wanted, (left - beside - _FEWEST_FILES) // each))


def limits() -> Limits:
    """Look at the limits of this process, and at what it has already."""
    files, space = resource.getrlimit(resource.RLIMIT_NOFILE)[0], resource.getrlimit(resource.RLIMIT_AS)[0]
    return Limits(
        open_files=None if files == resource.RLIM_INFINITY else max(0, files - _open_files()),
        memory_bytes=None if space == resource.RLIM_INFINITY else max(0, space - _used_bytes()),
        thread_bytes=_thread_bytes(),
    )


def fitting(config: S3Config) -> tuple[S3Config, str | None]:
    """Return settings that ask for no more at once than the system allows, and what to tell of that.

    Raises:
        TemporaryError: Not even one transfer fits.
    """
    wanted = config.max_parallel_uploads
    most, why = limits().at_once(wanted)
    if most == wanted:
        return config, None
    told = f"{most} requests at once, not {wanted}: this shell's limit for {why} allows no more"
    return config.model_copy(update={"max_parallel_uploads": most}), told


def spare_memory() -> None:
    """Make threads small where this process's memory is limited; call it before the first of them is started.

    It concerns the whole process, so that it is the program's to call and not the library's.
    """
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return
    threading.stack_size(_SMALL_STACK_BYTES)
    with suppress(AttributeError, OSError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def no_file() -> TemporaryError:
    """Return the error for a process that may open no more files."""
    return TemporaryError(
        "too many files are open (ulimit -n)", hint="raise that limit, or lower S3_MAX_PARALLEL_UPLOADS"
    )


def can_open_files() -> bool:
    """Tell whether this process may open another file; SQLite, for one, does not say why it cannot."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno not in {errno.EMFILE, errno.ENFILE}
    return True


def no_thread() -> TemporaryError:
    """Return the error for a system that starts no more threads."""
    return TemporaryError(
        "the system starts no more threads: processes (ulimit -u) or memory (ulimit -v) are used up",
        hint="raise these limits, or lower S3_MAX_PARALLEL_UPLOADS",
    )


def of_limit(error: BaseException) -> TemporaryError | None:
    """Return our error for one of Python's that says that a limit is reached; None for any other."""
    if isinstance(error, MemoryError):
        return _no_memory()
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return no_thread()
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return no_file()
    return None


def _no_memory() -> TemporaryError:
    return TemporaryError(
        "there is not enough memory (ulimit -v, or the machine's)",
        hint="raise that limit, or lower S3_MAX_PARALLEL_UPLOADS",
    )


def _open_files() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return len(os.listdir(folder))  # noqa: PTH208 - only their number
        except OSError:
            continue
    return _UNKNOWN_FILES


def _thread_bytes() -> int:
    if small := threading.stack_size():
        threading.stack_size(small)  # asking alone sets it back to the system's
        return 8 * small + _BUFFERS_BYTES
    stack = resource.getrlimit(resource.RLIMIT_STACK)[0]
    return (_STACK_BYTES if stack == resource.RLIM_INFINITY else stack) + _ARENA_BYTES + _BUFFERS_BYTES


def _used_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 0
