"""After a crash: each demotion that was begun is finished or taken back; its file is here, or proved in S3.

Needs no bucket. What lies under a name aside is never removed unless the same bytes have the file's own name.
What cannot be settled stays where it is, and is told; it stops nothing else.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from creative_s3.core.files.checksums import crc64nvme_of_descriptor
from creative_s3.core.files.folders import open_folder
from creative_s3.core.tiers.cache_walk import is_regular, walk
from creative_s3.core.tiers.leaving import (
    StaysError,
    aside_name,
    inside_cache,
    is_aside,
    own_name,
    put_back,
)
from creative_s3.core.tiers.movements import Movements, Pending

if TYPE_CHECKING:
    from collections.abc import Iterable

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_STEM_BYTES, _SUFFIX_BYTES = 200, 30
"""What is kept of a long name in a new one, so that all of it stays under 255 bytes."""


class Ending(Enum):
    """How a demotion ended."""

    GONE = auto()
    """The file is removed; the proof was durable before."""
    STAYED = auto()
    """The file has its name."""
    ASIDE = auto()
    """The system refuses to give it its name; it is aside, whole, and the next run tries again."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found.

    Attributes:
        put_back: Files that are under their own name again, relative to the workspace.
        finished: Files that are gone, and in S3.
        kept: Files for which a new name had to be found, because another one has theirs.
        aside: Files that could get no name and are where they were, with the reason.
    """

    put_back: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there was anything to do."""
        return bool(self.put_back or self.finished or self.kept or self.aside)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What somebody should know of it."""
        said = []
        if self.put_back:
            said.append(f"an earlier run was killed; files put back: {len(self.put_back):,}")
        if self.finished:
            said.append(f"an earlier run was killed; files that had gone, proved: {len(self.finished):,}")
        said += [
            f"an earlier run was killed, and another file has taken the name of one; it is kept as {path}"
            for path in self.kept
        ]
        said += [
            f"an earlier run was killed, and its file cannot be given its name back; it is still {path}"
            for path in self.aside
        ]
        return tuple(said)


def replay(catalog: Catalog, workspace: Workspace) -> Replayed:
    """Settle what a killed run left; the caller holds the cache's lock.

    Also what only a catalog knew that was lost since: a name aside has the file's own name in it.

    Raises:
        CatalogError: The catalog cannot be used.
    """
    movements = Movements(catalog.database)
    back: list[str] = []
    finished: list[str] = []
    kept: list[str] = []
    aside: list[str] = []
    for pending in movements.pending():
        ending, told = settle(pending, workspace)
        if ending is Ending.ASIDE:
            continue  # the walk below meets it again, and tells where it is
        kept += told
        end(
            catalog,
            gone=[pending] if ending is Ending.GONE else [],
            stayed=[pending] if ending is Ending.STAYED else [],
        )
        (finished if ending is Ending.GONE else back).append(pending.file_path)
    here = [path for path, status in walk(workspace) if is_regular(status)]
    for path in [path for path in here if is_aside(PurePosixPath(path).name)]:
        name = own_name(PurePosixPath(path).name)
        if name is None:
            kept.append(path)
            continue
        file_path = str(PurePosixPath(path).with_name(name))
        try:
            extra = _settle_aside(workspace, file_path, PurePosixPath(path).name)
        except OSError as error:
            aside.append(f"{path} ({error.strerror})")
            continue
        kept += extra
        back += [] if extra else [file_path]
    _take_in_returned(catalog, here)
    return Replayed(tuple(back), tuple(finished), tuple(kept), tuple(aside))


def settle(pending: Pending, workspace: Workspace) -> tuple[Ending, list[str]]:
    """Put a file back if it was on its way out; return how it ended, and the new name if it needed one."""
    name = PurePosixPath(pending.file_path).name
    try:
        kept = _settle_aside(workspace, pending.file_path, aside_name(name, pending.number))
    except OSError:
        return Ending.ASIDE, []
    try:
        folder = open_folder(workspace.cache_dir, inside_cache(workspace, pending.file_path).parent.parts)
    except (OSError, StaysError):
        return Ending.GONE, kept
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return Ending.GONE, kept
    finally:
        os.close(folder)
    # A link or a folder under its name is not the file: that is gone, or kept under another name.
    return (Ending.STAYED if stat.S_ISREG(status.st_mode) else Ending.GONE), kept


def end(catalog: Catalog, *, gone: Iterable[Pending], stayed: Iterable[Pending]) -> None:
    """Record how demotions ended, in one durable step."""
    gone, stayed = list(gone), list(stayed)
    with catalog.database.transaction():
        catalog.assets.set_cold((key for one in stayed for key in one.cache_keys), is_cold=False)
        # Again: somebody who used the file meanwhile has taken it for one that is here to stay.
        catalog.assets.set_cold((key for one in gone for key in one.cache_keys), is_cold=True)
        Movements(catalog.database).end(gone, stayed)


def _take_in_returned(catalog: Catalog, here: Iterable[str]) -> None:
    """Take the mark "cold" off files that are here: one was killed between a file's name and its record."""
    returned = catalog.assets.cold_files().keys() & set(here)
    if returned:
        records = [record for path in sorted(returned) for record in catalog.assets.with_file(path)]
        catalog.assets.set_cold([record.asset.cache_key for record in records], is_cold=False)


def _settle_aside(workspace: Workspace, file_path: str, aside: str) -> list[str]:
    """Give a file that lies aside its name back, or another name if somebody has taken it."""
    relative = PurePosixPath(file_path)
    try:
        folder = open_folder(workspace.cache_dir, inside_cache(workspace, file_path).parent.parts)
    except (OSError, StaysError):
        return []
    try:
        try:
            os.stat(aside, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return []
        with suppress(FileExistsError):
            put_back(folder, aside, relative.name)
            return []
        if _is_same(folder, aside, relative.name):
            os.unlink(aside, dir_fd=folder)
            os.fsync(folder)
            return []
        return [str(relative.with_name(_keep(folder, aside, relative)))]
    finally:
        os.close(folder)


def _keep(folder: int, aside: str, relative: PurePosixPath) -> str:
    suffix = relative.suffix if len(os.fsencode(relative.suffix)) < _SUFFIX_BYTES else ""
    stem = os.fsdecode(os.fsencode(relative.name.removesuffix(suffix))[:_STEM_BYTES])
    number = 1
    while True:
        name = f"{stem}.kept-{number}{suffix}"
        try:
            put_back(folder, aside, name)
        except FileExistsError:
            number += 1
        else:
            return name


def _is_same(folder: int, aside: str, name: str) -> bool:
    """Tell whether two names in a folder have the same content; False where `name` is no readable file."""
    wanted = _content(folder, aside)
    try:
        return _content(folder, name) == wanted
    except OSError:
        return False


def _content(folder: int, name: str) -> tuple[str, int]:
    """Return checksum and size of a regular file.

    Raises:
        OSError: It cannot be read, or is something else: a link, a folder, a named pipe.
    """
    descriptor = os.open(name, _FLAGS, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", name)
        return crc64nvme_of_descriptor(descriptor)
    finally:
        os.close(descriptor)
