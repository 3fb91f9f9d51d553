"""What the catalog, the disk, the pins and the rules say of one file, put together as a `TierFile`. Pure.

`tiers.survey` does this for every file; `tiers.census` only for those that are out of the ordinary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from creative_s3.core.files.times import EPOCH, instant, storable
from creative_s3.core.lifecycle.fates import Fates
from creative_s3.core.storage.landing import has_hidden_part
from creative_s3.core.tiers.cache_walk import is_regular
from creative_s3.core.tiers.pins import Pins
from creative_s3.core.tiers.tiers import Evidence, Hold, TierFile

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Mapping, Sequence

    from creative_s3.core.tiers.open_files import FileId

ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_MICROSECOND = timedelta(microseconds=1)
_PRODUCTS = "products"


class Place(NamedTuple):
    """What the catalog says of one place that names a file; the columns of `PLACES`."""

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


PLACES = """
    SELECT asset.file_path, asset.cache_key, asset.section, asset.kind, asset.campaign_id, asset.last_used,
        asset.size_bytes, asset.is_cold, assigned.key, object.size_bytes, object.storage_class, object.owner
    FROM asset
    LEFT JOIN assigned ON assigned.bucket = ? AND assigned.cache_key = asset.cache_key
    LEFT JOIN object ON object.bucket = assigned.bucket AND object.key = assigned.key
"""
CHANGED = """
    SELECT DISTINCT file.path, file.size_bytes, file.mtime_ns, file.ctime_ns, file.inode
    FROM {assets}
    JOIN assigned ON assigned.bucket = ? AND assigned.cache_key = asset.cache_key
    JOIN object ON object.bucket = assigned.bucket AND object.key = assigned.key
    JOIN file ON file.path = asset.file_path
    WHERE file.crc64nvme <> object.crc64nvme
"""
"""To be filled with what holds the assets in question."""
USES = """
    SELECT cache_key, max(last_at) AS last_at, sum(uses) AS uses,
        sum(CASE WHEN day >= ? THEN uses ELSE 0 END) AS recent_uses
    FROM access GROUP BY cache_key
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known around the files.

    Attributes:
        inside: What the paths of files in the cache directory begin with.
        fates: What the bucket's lifecycle rules do.
        accepted: IDs of rules whose deletions shall not hold a file back.
        pins: What is pinned.
        opened: The files that somebody has open.
        hides: Tells whether somebody may have a file open unseen.
        uses: Last use, number, and recent number, by cache key.
        returns: When files were brought back last, ISO 8601, by path.
        changed: The signatures of files that are recorded with another content than their objects', by path.
    """

    inside: str
    fates: Fates = field(default_factory=Fates)
    accepted: Collection[str] = ()
    pins: Pins = field(default_factory=Pins)
    opened: Collection[FileId] = frozenset()
    hides: Callable[[os.stat_result], bool] = lambda _: False
    uses: Mapping[str, tuple[str, int, int]] = field(default_factory=dict)
    returns: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, tuple[int, int, int, int]] = field(default_factory=dict)

    def file(self, places: Sequence[Place], status: os.stat_result | None, *, is_walked: bool) -> TierFile:
        """Put together what is known of one file.

        Args:
            places: Those that name it.
            status: What lies on disk, links unfollowed; None when nothing does.
            is_walked: Whether the walk through the cache directory came by it.
        """
        # The most telling first: what describes the file, before what only names it.
        rows = sorted(places, key=lambda row: (row.section == _PRODUCTS, row.key is None, row.cache_key))
        first = rows[0]
        file_path = first.file_path
        in_cache = file_path.startswith(self.inside)
        last_used, evidence = self._last_use(file_path, rows)
        if status is not None:
            size_bytes = status.st_size
            changed_at: datetime | None = instant(status.st_mtime_ns // 1000)
            hold, detail = self._hold(file_path, rows, status, in_cache=in_cache, is_walked=is_walked)
            if evidence is Evidence.NOTHING:
                evidence = Evidence.FILE
                last_used = max(status.st_mtime_ns, status.st_atime_ns) // 1000
        else:
            size_bytes, changed_at = first.object_bytes or first.size_bytes or 0, None
            hold, detail = _hold_of_cold(first)
        uses = [self.uses[row.cache_key] for row in rows if row.cache_key in self.uses]
        later = self.fates.archiving(first.key, size_bytes) if first.key else None
        return TierFile(
            file_path=file_path,
            cache_keys=tuple([row.cache_key for row in rows]),
            key=first.key,
            kind=first.kind,
            size_bytes=size_bytes,
            is_hot=status is not None,
            is_cold=status is None and any(row.is_cold for row in rows),
            in_cache=in_cache,
            last_used_at=instant(last_used),
            evidence=evidence,
            uses=sum(use[1] for use in uses),
            recent_uses=sum(use[2] for use in uses),
            changed_at=changed_at,
            storage_class=first.storage_class or "STANDARD",
            later_class=later.storage_class if later else None,
            hold=hold,
            detail=detail,
        )

    def _last_use(self, file_path: str, rows: Sequence[Place]) -> tuple[int, Evidence]:
        """Return the last use that anybody has recorded, and how it is known."""
        latest, known_by = 0, Evidence.NOTHING
        for row in rows:
            use = self.uses.get(row.cache_key)
            if use and (time := microseconds(use[0])) and time > latest:
                latest, known_by = time, Evidence.ACCESS
            if row.last_used and (time := microseconds(row.last_used)) and time > latest:
                latest, known_by = time, Evidence.INDEX
        returned = self.returns.get(file_path)
        if returned and (time := microseconds(returned)) and time > latest:
            latest, known_by = time, Evidence.RETURN
        return latest, known_by

    def _hold(
        self,
        file_path: str,
        rows: Sequence[Place],
        status: os.stat_result,
        *,
        in_cache: bool,
        is_walked: bool,
    ) -> tuple[Hold | None, str]:
        """Return why a local file has to stay; the first reason that a person would want to hear."""
        if self.pins and (
            pinned := self.pins.reason([row.cache_key for row in rows], [row.campaign_id for row in rows])
        ):
            return Hold.PINNED, pinned
        hold = _hold_of_place(file_path, in_cache=in_cache)
        if hold is not None:
            pass
        elif not is_walked or not is_regular(status):
            hold = Hold.LINKED
        elif status.st_nlink > 1:
            hold = Hold.HARD_LINKED
        elif file_path in self.changed and self.changed[file_path] == signature(status):
            hold = Hold.CHANGED
        if hold is not None:
            return hold, ""
        for row in rows:
            hold, detail = self._hold_of_record(row, rows, status.st_size)
            if hold is None and row.key is not None:
                hold, detail = self._hold_of_fate(row.key, status.st_size)
            if hold is not None:
                return hold, detail
        return self._hold_of_others(status), ""

    def _hold_of_others(self, status: os.stat_result) -> Hold | None:
        if (status.st_dev, status.st_ino) in self.opened:
            return Hold.OPEN
        return Hold.UNSEEN if self.hides(status) else None

    @staticmethod
    def _hold_of_record(row: Place, rows: Sequence[Place], size_bytes: int) -> tuple[Hold | None, str]:
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
        fate = self.fates.deletion(key, size_bytes, accepted=self.accepted)
        return (None, "") if fate is None else (Hold.EXPIRING, f"{fate.rule}, {fate.when}")


def _hold_of_place(file_path: str, *, in_cache: bool) -> Hold | None:
    if not in_cache:
        return Hold.OUTSIDE
    return Hold.HIDDEN if has_hidden_part(file_path) else None


def _hold_of_cold(first: Place) -> tuple[Hold | None, str]:
    if first.key is None:
        return Hold.MISSING, ""
    if first.storage_class in ARCHIVES:
        return Hold.ARCHIVED, first.storage_class or ""
    return None, ""


def signature(status: os.stat_result) -> tuple[int, int, int, int]:
    """Return what `core.catalog.database.numbers` makes of a file's signature."""
    inode = status.st_ino - 2**64 if status.st_ino >= 2**63 else status.st_ino
    return status.st_size, storable(status.st_mtime_ns), storable(status.st_ctime_ns), inode


def microseconds_of(time: datetime) -> int:
    """Return the microseconds since 1970 of a time with a zone."""
    return (time - EPOCH) // _MICROSECOND


@lru_cache(maxsize=100_000)
def microseconds(text: str) -> int | None:
    """Read a time as the index or the catalog writes it, in microseconds since 1970; None for no time.

    One without a zone is local, as the pipeline's.
    """
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            return microseconds_of(time.replace(tzinfo=UTC) - _offset(text[:13]))
        return microseconds_of(time)
    except (ValueError, OverflowError, OSError):
        return None


@lru_cache(maxsize=100_000)
def _offset(hour: str) -> timedelta:
    """Return how far local time is ahead of UTC in one hour of the past: asking the system is slow."""
    return datetime.fromisoformat(hour).astimezone().utcoffset() or timedelta()
