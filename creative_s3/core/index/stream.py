"""index.json read entry by entry: its size costs no memory, and an error still has its line and column.

Which names are sections is known here; what an entry means is `core.index.entries`. A section's entries come
in the order of the file, one of a name that stands twice comes twice, and the later one counts. Two sections
of one name are read as one, with a warning.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from creative_s3.core.index.documents import DocumentError
from creative_s3.core.index.entries import SECTIONS
from creative_s3.core.index.json_walk import BLOCK_BYTES, StreamedEntry, stream_events
from creative_s3.errors import IndexFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from json import JSONDecoder
    from pathlib import Path

    from creative_s3.core.index.json_walk import Event


def stream_entries(
    path: Path,
    *,
    warn: Callable[[str, str], object] | None = None,
    tap: Callable[[bytes], object] | None = None,
    opened: Callable[[os.stat_result], object] | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[StreamedEntry]:
    """Yield every entry of an index, with memory for the largest one only.

    A file that is replaced meanwhile is read to its old end. One that is written in place may look cut off.

    Args:
        path: The file.
        warn: Is told a name and what was done about it, where the text is no strict JSON.
        tap: Is given every byte of the file in turn, such as the ``update`` of a hash.
        opened: Is told the state of the open file before anything is read.
        block_bytes: How much to read at once.

    Raises:
        IndexFileError: It is missing, unreadable, empty, not UTF-8, not JSON (with line and column), or no
            object. Entries may have been yielded before.
    """
    with _reader(path, tap, opened) as read:
        for event in stream_events(read, sections=SECTIONS, warn=warn, block_bytes=block_bytes):
            if type(event) is StreamedEntry:
                yield event


def stream_index(
    path: Path, *, decoder: JSONDecoder, tap: Callable[[bytes], object] | None = None
) -> Iterator[Event]:
    """Yield every entry of an index, and where its sections and the index itself begin and end.

    Args:
        path: The file.
        decoder: As for `stream_events`.
        tap: As for `stream_entries`.

    Raises:
        IndexFileError: As `stream_entries`.
    """
    with _reader(path, tap, None) as read:
        yield from stream_events(read, sections=SECTIONS, decoder=decoder)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell what goes wrong in the block as an error of the index at `path`.

    Raises:
        IndexFileError: As `stream_entries`.
    """
    hint = f"correct {path} (it was not touched), then run again"
    try:
        yield
    except FileNotFoundError:
        hint = f"check --cache-dir: {path.parent}"
        raise IndexFileError("there is no index.json", item=str(path), hint=hint) from None
    except OSError as error:
        raise IndexFileError(f"cannot be read: {error.strerror}", item=str(path), hint=hint) from None
    except DocumentError as error:
        raise IndexFileError(str(error), item=str(path), hint=hint) from None


def open_index(path: Path) -> int:
    """Return a descriptor of a regular file; the caller closes it. To be called in `reading`.

    Raises:
        DocumentError: It is something else.
        OSError: It cannot be opened.
    """
    # Without waiting: opening a named pipe would otherwise hang until somebody writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise DocumentError("is not a regular file")


@contextmanager
def _reader(
    path: Path,
    tap: Callable[[bytes], object] | None,
    opened: Callable[[os.stat_result], object] | None,
) -> Iterator[Callable[[int], bytes]]:
    """Open an index; what reads it is there until the block ends."""
    with reading(path):
        descriptor = open_index(path)

        def read(size_bytes: int) -> bytes:
            block = os.read(descriptor, size_bytes)
            if tap:
                tap(block)
            return block

        try:
            if opened:
                opened(os.fstat(descriptor))
            yield read
        finally:
            os.close(descriptor)


__all__ = ["StreamedEntry", "open_index", "reading", "stream_entries", "stream_index"]
