"""The survey of the tiers: what the catalog, the disk and the pins say of every file. Reads only.

It has to be quick with 100,000 assets: plain rows instead of asset records, and one walk through the cache
directory instead of a question for each file.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from creative_s3.core.cache_walk import OnDisk, look, walk
from creative_s3.core.fates import Fates
from creative_s3.core.movements import Movements
from creative_s3.core.open_files import FileId, open_files
from creative_s3.core.pins import Pins, read_pins
from creative_s3.core.tiers import HOT_DAYS, Evidence, Hold, Room, TierFile
from creative_s3.errors import ObjectNotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from creative_s3.core.catalog import Catalog
    from creative_s3.core.workspace import Workspace

ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS = """
    SELECT asset.file_path, asset.cache_key, asset.section, asset.kind, asset.campaign_id, asset.last_used,
        asset.size_bytes, asset.is_cold, assigned.key, object.size_bytes, object.crc64nvme,
        object.storage_class, object.owner
    FROM asset
    LEFT JOIN assigned ON assigned.bucket = ?1 AND assigned.cache_key = asset.cache_key
    LEFT JOIN object ON object.bucket = ?1 AND object.key = assigned.key
"""
_PRODUCTS = "products"


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
    object_crc: str | None
    storage_class: str | None
    owner: str | None


class _Use(NamedTuple):
    last_at: str
    uses: int
    recent_uses: int


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
    used = sum(found.size_bytes for _, found in walk(workspace) if found.is_regular)
    return Room(used, shutil.disk_usage(workspace.cache_dir).free)


class _Surveyor:
    def __init__(
        self,
        catalog: Catalog,
        workspace: Workspace,
        now: datetime,
        fates: Fates,
        accepted: Collection[str],
    ) -> None:
        self._catalog = catalog
        self._workspace = workspace
        self._now = now
        self._fates = fates
        self._accepted = accepted
        self._pins: Pins = read_pins(workspace.cache_dir)
        self._open: Collection[FileId] = open_files()
        self._uses = _uses_of(catalog, now)
        self._returns = Movements(catalog.database).returns()
        self._known = _known_contents(catalog)

    def survey(self) -> TierSurvey:
        on_disk = dict(walk(self._workspace))
        grouped: defaultdict[str, list[_Row]] = defaultdict(list)
        for row in map(_Row._make, self._catalog.database.rows(_ROWS, (self._catalog.bucket,))):
            grouped[row.file_path].append(row)
        files = tuple(
            self._file(file_path, rows, on_disk.get(file_path)) for file_path, rows in sorted(grouped.items())
        )
        used = sum(found.size_bytes for found in on_disk.values() if found.is_regular)
        spare = sum(
            found.size_bytes
            for file_path, found in on_disk.items()
            if found.is_regular and file_path not in grouped
        )
        return TierSurvey(
            files=files,
            room=Room(used, shutil.disk_usage(self._workspace.cache_dir).free),
            unindexed_bytes=spare,
            now=self._now,
        )

    def _file(self, file_path: str, rows: list[_Row], found: OnDisk | None) -> TierFile:
        rows = sorted(rows, key=lambda row: (row.section == _PRODUCTS, row.key is None))
        first = next((row for row in rows if row.key), rows[0])
        in_cache = file_path.startswith(f"{self._workspace.cache_dir.name}/")
        is_walked = found is not None
        found = found or look(f"{self._workspace.root}/{file_path}")
        last_used_at, evidence = self._last_use(file_path, rows, found)
        uses = [self._uses[row.cache_key] for row in rows if row.cache_key in self._uses]
        storage_class = next((row.storage_class for row in rows if row.storage_class), None) or "STANDARD"
        size_bytes = found.size_bytes if found else first.object_bytes or first.size_bytes or 0
        archiving = self._fates.archiving(first.key, size_bytes) if first.key else None
        if found is not None:
            hold, detail = self._hold_of_hot(file_path, rows, found, in_cache=in_cache, is_walked=is_walked)
        else:
            hold, detail = _hold_of_cold(rows, storage_class)
        return TierFile(
            file_path=file_path,
            cache_keys=tuple(dict.fromkeys((first.cache_key, *(row.cache_key for row in rows)))),
            key=first.key,
            kind=first.kind,
            size_bytes=size_bytes,
            is_hot=found is not None,
            is_cold=found is None and any(row.is_cold for row in rows),
            in_cache=in_cache,
            last_used_at=last_used_at,
            evidence=evidence,
            uses=sum(use.uses for use in uses),
            recent_uses=sum(use.recent_uses for use in uses),
            changed_at=_moment(found.mtime_ns) if found else None,
            storage_class=storage_class,
            later_class=archiving.storage_class if archiving else None,
            hold=hold,
            detail=detail,
        )

    def _last_use(self, file_path: str, rows: list[_Row], found: OnDisk | None) -> tuple[datetime, Evidence]:
        times = [
            (_time(self._uses[row.cache_key].last_at), Evidence.ACCESS)
            for row in rows
            if row.cache_key in self._uses
        ]
        times += [(_time(row.last_used), Evidence.INDEX) for row in rows if row.last_used]
        if file_path in self._returns:
            times.append((_time(self._returns[file_path]), Evidence.RETURN))
        known = [(time, evidence) for time, evidence in times if time is not None]
        if known:
            return max(known, key=lambda one: one[0])
        if found is not None:
            return _moment(max(found.mtime_ns, found.atime_ns)), Evidence.FILE
        return _NEVER, Evidence.NOTHING

    def _hold_of_hot(
        self, file_path: str, rows: list[_Row], found: OnDisk, *, in_cache: bool, is_walked: bool
    ) -> tuple[Hold | None, str]:
        """Return why a local file has to stay; the first reason that a person would want to hear."""
        if pinned := self._pins.reason((row.cache_key for row in rows), (row.campaign_id for row in rows)):
            return Hold.PINNED, pinned
        if not in_cache:
            return Hold.OUTSIDE, ""
        if not is_walked or not found.is_regular:
            return Hold.LINKED, ""
        if found.links > 1:
            return Hold.HARD_LINKED, ""
        hold, detail = self._hold_of_copy(file_path, rows, found)
        if hold is None and (found.device, found.inode) in self._open:
            return Hold.OPEN, ""
        return hold, detail

    def _hold_of_copy(self, file_path: str, rows: list[_Row], found: OnDisk) -> tuple[Hold | None, str]:
        """Return what speaks against relying on the copies in S3, as far as is recorded."""
        names = {row.cache_key for row in rows}
        known = self._known.get(file_path)
        crc = known[4] if known and known[:4] == _numbers(found) else None
        copies = 0
        for row in rows:
            if row.key is None and row.section == _PRODUCTS and any(other.key for other in rows):
                continue  # a product and a described asset of one file are one object
            if row.key is None or row.object_bytes is None:
                return Hold.UNPROVED, row.cache_key
            if row.object_bytes != found.size_bytes or (crc is not None and crc != row.object_crc):
                return Hold.CHANGED, ""
            if row.owner is not None and row.owner not in names:
                return Hold.SHARED_OBJECT, row.owner
            if row.storage_class in ARCHIVES:
                return Hold.ARCHIVED, row.storage_class
            if fate := self._fates.deletion(row.key, row.object_bytes, accepted=self._accepted):
                return Hold.EXPIRING, f"{fate.rule}, {fate.when}"
            copies += 1
        return (None, "") if copies else (Hold.UNPROVED, "")


def _hold_of_cold(rows: list[_Row], storage_class: str) -> tuple[Hold | None, str]:
    if not any(row.key for row in rows):
        return Hold.MISSING, ""
    if storage_class in ARCHIVES:
        return Hold.ARCHIVED, storage_class
    return None, ""


def _uses_of(catalog: Catalog, now: datetime) -> Mapping[str, _Use]:
    since = (now - timedelta(days=HOT_DAYS)).date().isoformat()
    rows = catalog.database.rows(
        "SELECT cache_key, max(last_at), sum(uses), sum(CASE WHEN day >= ? THEN uses ELSE 0 END)"
        " FROM access GROUP BY cache_key",
        (since,),
    )
    return {row[0]: _Use._make(row[1:]) for row in rows}


def _known_contents(catalog: Catalog) -> Mapping[str, tuple[Any, ...]]:
    rows = catalog.database.rows("SELECT path, size_bytes, mtime_ns, ctime_ns, inode, crc64nvme FROM file")
    return {row[0]: row[1:] for row in rows}


def _numbers(found: OnDisk) -> tuple[int, int, int, int]:
    """Return what `core.database.numbers` makes of a signature."""
    inode = found.inode - 2**64 if found.inode >= 2**63 else found.inode
    return found.size_bytes, found.mtime_ns, found.ctime_ns, inode


def _moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, UTC)


def _time(text: str | None) -> datetime | None:
    """Read a time as the index or the catalog writes it; one without a zone is local, as the pipeline's."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


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
