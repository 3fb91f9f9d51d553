"""The survey of the tiers: what the catalog, the disk and the pins say of every file. Reads only.

It has to be quick with 100,000 assets: plain rows instead of asset records, and one walk through the cache
directory instead of a question for each file.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from creative_s3.core.lifecycle.fates import Fates
from creative_s3.core.tiers.cache_walk import is_regular, look, walk
from creative_s3.core.tiers.movements import Movements
from creative_s3.core.tiers.open_files import FileId, open_files
from creative_s3.core.tiers.pins import Pins, read_pins
from creative_s3.core.tiers.tiers import HOT_DAYS, Evidence, Hold, Room, TierFile
from creative_s3.errors import ObjectNotFoundError

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.workspace import Workspace

ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_PRODUCTS = "products"
_ROWS = """
    SELECT asset.file_path, asset.cache_key, asset.section, asset.kind, asset.campaign_id, asset.last_used,
        asset.size_bytes, asset.is_cold, assigned.key, object.size_bytes, object.storage_class, object.owner
    FROM asset
    LEFT JOIN assigned ON assigned.bucket = ?1 AND assigned.cache_key = asset.cache_key
    LEFT JOIN object ON object.bucket = ?1 AND object.key = assigned.key
"""
_CHANGED = """
    SELECT DISTINCT file.path, file.size_bytes, file.mtime_ns, file.ctime_ns, file.inode
    FROM asset
    JOIN assigned ON assigned.bucket = ?1 AND assigned.cache_key = asset.cache_key
    JOIN object ON object.bucket = ?1 AND object.key = assigned.key
    JOIN file ON file.path = asset.file_path
    WHERE file.crc64nvme <> object.crc64nvme
"""
_USES = """
    SELECT cache_key, max(last_at), sum(uses), sum(CASE WHEN day >= ? THEN uses ELSE 0 END)
    FROM access GROUP BY cache_key
"""


class _Row(NamedTuple):
    """What the catalog says of one place that names a file."""

    file_path: str
    cache_key: str
    section: str
    kind: str
    campaign_id: str | None
    last_used: str | None
    size_bytes: int | None
    is_cold: int
    key: str | None
    object_bytes: int | None
    storage_class: str | None
    owner: str | None


@dataclass(frozen=True, slots=True)
class TierSurvey:
    """Every file that the catalog names, and how much room there is.

    Attributes:
        files: By path.
        room: The whole cache directory and its disk.
        unindexed_bytes: Files in the cache directory that no asset names.
        now: When it was made.
    """

    files: tuple[TierFile, ...]
    room: Room
    unindexed_bytes: int
    now: datetime


def survey_tiers(
    catalog: Catalog,
    workspace: Workspace,
    *,
    now: datetime,
    fates: Fates | None = None,
    accepted: Collection[str] = (),
) -> TierSurvey:
    """Look at everything.

    Args:
        catalog: Up to date with index.json.
        workspace: Where.
        now: With time zone.
        fates: What the bucket's lifecycle rules do; None when that is not known here.
        accepted: IDs of rules whose deletions shall not hold a file back.

    Raises:
        RefusedError: The list of pins cannot be read.
        CatalogError: The catalog cannot be used.
    """
    return _Surveyor(catalog, workspace, now, fates or Fates(), accepted).survey()


def measure_room(workspace: Workspace) -> Room:
    """Return how much the cache directory holds, and how much its disk has left."""
    used = sum(status.st_size for _, status in walk(workspace) if is_regular(status))
    return Room(used, shutil.disk_usage(workspace.cache_dir).free)


def find_files(names: Iterable[str], files: Iterable[TierFile]) -> tuple[TierFile, ...]:
    """Return the files that names mean, each once: cache keys, keys of objects, or paths.

    Raises:
        ObjectNotFoundError: A name means none.
    """
    every = tuple(files)
    by_name = {file.file_path: file for file in every}
    by_name |= {file.key: file for file in every if file.key is not None}
    by_name |= {cache_key: file for file in every for cache_key in file.cache_keys}
    found: dict[str, TierFile] = {}
    for name in names:
        if name not in by_name:
            raise ObjectNotFoundError(
                "there is no asset of this name", item=name, hint="see what there is: creative-s3 assets find"
            )
        found.setdefault(by_name[name].file_path, by_name[name])
    return tuple(found.values())


class _Surveyor:
    """One look at everything, file by file."""

    def __init__(
        self,
        catalog: Catalog,
        workspace: Workspace,
        now: datetime,
        fates: Fates,
        accepted: Collection[str],
    ) -> None:
        self._workspace = workspace
        self._now = now
        self._fates = fates
        self._accepted = accepted
        # What no rule's prefix begins, no rule meets: asked a hundred thousand times.
        self._may_go = tuple({fate.prefix for fate in fates.deletions})
        self._may_move = tuple({fate.prefix for fate in fates.archivings})
        self._inside = f"{workspace.cache_dir.name}/"
        self._pins: Pins = read_pins(workspace.cache_dir)
        self._open: Collection[FileId] = open_files()
        database = catalog.database
        since = (now - timedelta(days=HOT_DAYS)).date().isoformat()
        self._uses: Mapping[str, tuple[str, int, int]] = {
            row[0]: row[1:] for row in database.rows(_USES, (since,))
        }
        self._returns = Movements(database).returns()
        self._rows: Sequence[tuple[Any, ...]] = database.rows(_ROWS, (catalog.bucket,))
        self._changed = {row[0]: row[1:] for row in database.rows(_CHANGED, (catalog.bucket,))}

    def survey(self) -> TierSurvey:
        on_disk = dict(walk(self._workspace))
        walked = {file_path.rpartition("/")[0] for file_path in on_disk}
        grouped: dict[str, list[_Row]] = {}
        for row in map(_Row._make, self._rows):
            grouped.setdefault(row.file_path, []).append(row)
        named = 0
        files: list[TierFile] = []
        root = self._workspace.root
        for file_path, rows in grouped.items():
            if len(rows) > 1:  # the most telling first: what describes the file, before what only names it
                rows.sort(key=lambda row: (row.section == _PRODUCTS, row.key is None, row.cache_key))
            status = on_disk.get(file_path)
            is_walked = status is not None
            if status is None:
                # A name that its folder does not list may still be the file's: with another case, say.
                if not (rows[0].is_cold and file_path.rpartition("/")[0] in walked):
                    status = look(f"{root}/{file_path}")
            elif is_regular(status):
                named += status.st_size
            files.append(self._file(file_path, rows, status, is_walked=is_walked))
        files.sort(key=attrgetter("file_path"))
        used = sum(status.st_size for status in on_disk.values() if is_regular(status))
        return TierSurvey(
            files=tuple(files),
            room=Room(used, shutil.disk_usage(self._workspace.cache_dir).free),
            unindexed_bytes=used - named,
            now=self._now,
        )

    def _file(
        self, file_path: str, rows: list[_Row], status: os.stat_result | None, *, is_walked: bool
    ) -> TierFile:
        first = rows[0]
        in_cache = file_path.startswith(self._inside)
        last_used_at, evidence = self._last_use(file_path, rows)
        if status is not None:
            size_bytes = status.st_size
            changed_at: datetime | None = datetime.fromtimestamp(status.st_mtime, UTC)
            hold, detail = self._hold(file_path, rows, status, in_cache=in_cache, is_walked=is_walked)
            if evidence is Evidence.NOTHING:
                evidence = Evidence.FILE
                last_used_at = datetime.fromtimestamp(max(status.st_mtime, status.st_atime), UTC)
        else:
            size_bytes, changed_at = first.object_bytes or first.size_bytes or 0, None
            hold, detail = _hold_of_cold(rows)
        uses = recent_uses = 0
        for row in rows:
            if use := self._uses.get(row.cache_key):
                uses += use[1]
                recent_uses += use[2]
        later = None
        if first.key and first.key.startswith(self._may_move):
            fate = self._fates.archiving(first.key, size_bytes)
            later = fate.storage_class if fate else None
        # By position: this is done a hundred thousand times.
        return TierFile(
            file_path,
            (first.cache_key,) if len(rows) == 1 else tuple([row.cache_key for row in rows]),
            first.key,
            first.kind,
            size_bytes,
            status is not None,
            status is None and any(row.is_cold for row in rows),
            in_cache,
            last_used_at,
            evidence,
            uses,
            recent_uses,
            changed_at,
            first.storage_class or "STANDARD",
            later,
            hold,
            detail,
        )

    def _last_use(self, file_path: str, rows: list[_Row]) -> tuple[datetime, Evidence]:
        """Return the last use that anybody has recorded, and how it is known."""
        latest, known_by = _NEVER, Evidence.NOTHING
        for row in rows:
            use = self._uses.get(row.cache_key)
            if use and (time := _time(use[0])) and time > latest:
                latest, known_by = time, Evidence.ACCESS
            if row.last_used and (time := _time(row.last_used)) and time > latest:
                latest, known_by = time, Evidence.INDEX
        returned = self._returns.get(file_path)
        if returned and (time := _time(returned)) and time > latest:
            latest, known_by = time, Evidence.RETURN
        return latest, known_by

    def _hold(
        self,
        file_path: str,
        rows: list[_Row],
        status: os.stat_result,
        *,
        in_cache: bool,
        is_walked: bool,
    ) -> tuple[Hold | None, str]:
        """Return why a local file has to stay; the first reason that a person would want to hear."""
        if self._pins and (
            pinned := self._pins.reason([row.cache_key for row in rows], [row.campaign_id for row in rows])
        ):
            return Hold.PINNED, pinned
        hold = None
        if not in_cache:
            hold = Hold.OUTSIDE
        elif not is_walked or not is_regular(status):
            hold = Hold.LINKED
        elif status.st_nlink > 1:
            hold = Hold.HARD_LINKED
        elif file_path in self._changed and self._changed[file_path] == _numbers(status):
            hold = Hold.CHANGED
        if hold is not None:
            return hold, ""
        for row in rows:
            hold, detail = self._hold_of_record(row, rows, status.st_size)
            if hold is None and row.key is not None and row.key.startswith(self._may_go):
                hold, detail = self._hold_of_fate(row.key, status.st_size)
            if hold is not None:
                return hold, detail
        return (Hold.OPEN if (status.st_dev, status.st_ino) in self._open else None), ""

    @staticmethod
    def _hold_of_record(row: _Row, rows: list[_Row], size_bytes: int) -> tuple[Hold | None, str]:
        """Return what speaks against relying on the copy of one asset in S3, as far as is recorded."""
        if row.key is None and row.section == _PRODUCTS and rows[0].key is not None:
            return None, ""  # a product and a described asset of one file are one object
        if row.key is None or row.object_bytes is None:
            return Hold.UNPROVED, row.cache_key
        if row.object_bytes != size_bytes:
            return Hold.CHANGED, ""
        owner = row.owner
        if owner is not None and owner != row.cache_key and owner not in {one.cache_key for one in rows}:
            return Hold.SHARED_OBJECT, owner
        return (Hold.ARCHIVED, row.storage_class or "") if row.storage_class in ARCHIVES else (None, "")

    def _hold_of_fate(self, key: str, size_bytes: int) -> tuple[Hold | None, str]:
        fate = self._fates.deletion(key, size_bytes, accepted=self._accepted)
        return (None, "") if fate is None else (Hold.EXPIRING, f"{fate.rule}, {fate.when}")


def _hold_of_cold(rows: list[_Row]) -> tuple[Hold | None, str]:
    if rows[0].key is None:
        return Hold.MISSING, ""
    if rows[0].storage_class in ARCHIVES:
        return Hold.ARCHIVED, rows[0].storage_class or ""
    return None, ""


def _numbers(status: os.stat_result) -> tuple[int, int, int, int]:
    """Return what `core.catalog.database.numbers` makes of a signature."""
    inode = status.st_ino - 2**64 if status.st_ino >= 2**63 else status.st_ino
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, inode


def _time(text: str) -> datetime | None:
    """Read a time as the index or the catalog writes it; one without a zone is local, as the pipeline's."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is UTC:
            return time
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC) - _offset(text[:13])
    except (ValueError, OverflowError, OSError):
        return None


@lru_cache(maxsize=100_000)
def _offset(hour: str) -> timedelta:
    """Return how far local time is ahead of UTC in one hour of the past: asking the system is slow."""
    return datetime.fromisoformat(hour).astimezone().utcoffset() or timedelta()
