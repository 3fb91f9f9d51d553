"""The statements of the census. What they count is what `tiers.facts` and `tiers.policy` would say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creative_s3.core.tiers.facts import ARCHIVES, CHANGED, PLACES
from creative_s3.core.tiers.tiers import Hold

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from creative_s3.core.lifecycle.fates import Fate, Fates

_FOLDER = "rtrim({0}, replace({0}, '/', ''))"
"""A path up to its last slash."""

# seen: what the walk came by. regular: no link; plain: with one name, and nobody has it open.
# tier: the ordinary files. last_use: the microseconds since 1970 times 4, and how that is known: see
# `core.tiers.census`; 0 for a file in S3 only without uses of late. unusual: the other files. is_walked: the
# walk came by; is_away: there is no need to look for it on disk.
TABLES = (
    """CREATE TEMP TABLE seen (
        file_path TEXT PRIMARY KEY, regular INTEGER, plain INTEGER, size_bytes INTEGER, mtime_ns INTEGER,
        ctime_ns INTEGER, inode INTEGER, atime_ns INTEGER
    ) WITHOUT ROWID""",
    "CREATE TEMP TABLE folder (path TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TEMP TABLE pinned (cache_key TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TEMP TABLE pinned_campaign (campaign_id TEXT PRIMARY KEY) WITHOUT ROWID",
    """CREATE TEMP TABLE used (
        cache_key TEXT PRIMARY KEY, last_at TEXT, uses INTEGER, recent_uses INTEGER
    ) WITHOUT ROWID""",
    "CREATE TEMP TABLE returned (file_path TEXT PRIMARY KEY, at TEXT) WITHOUT ROWID",
    """CREATE TEMP TABLE tier (
        is_unusual INTEGER, is_hot INTEGER, size_bytes INTEGER, last_use INTEGER, uses INTEGER,
        recent_uses INTEGER, changed_us INTEGER, kind TEXT, hold TEXT, later_class TEXT,
        storage_class TEXT, file_path TEXT, cache_key TEXT, key TEXT, owner TEXT
    )""",
    """CREATE TEMP TABLE unusual (
        file_path TEXT PRIMARY KEY, is_walked INTEGER, is_away INTEGER
    ) WITHOUT ROWID""",
    "CREATE TEMP TABLE several AS SELECT file_path FROM asset GROUP BY file_path HAVING count(*) > 1",
)
SEE = "INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
SET_APART = (
    f"""INSERT INTO unusual
        SELECT one.file_path, seen.file_path IS NOT NULL, seen.file_path IS NULL
            AND {_FOLDER.format("one.file_path")} IN (SELECT path FROM folder)
            AND NOT EXISTS (SELECT 1 FROM asset WHERE asset.file_path = one.file_path AND NOT is_cold)
        FROM (SELECT file_path FROM several UNION SELECT file_path FROM tier WHERE is_unusual) one
        LEFT JOIN seen ON seen.file_path = one.file_path""",  # noqa: S608 - names of our own
    "DELETE FROM tier WHERE is_unusual",
)
BYTES = """
    SELECT (SELECT ifnull(sum(size_bytes), 0) FROM seen WHERE regular),
        (SELECT ifnull(sum(size_bytes), 0) FROM tier WHERE is_hot) + (
            SELECT ifnull(sum(seen.size_bytes), 0) FROM unusual JOIN seen USING (file_path) WHERE regular
        )
"""
UNUSUAL = "unusual CROSS JOIN asset ON asset.file_path = unusual.file_path"
"""A cross join, because SQLite keeps to its order: the few first."""
UNUSUAL_USES = f"SELECT used.* FROM {UNUSUAL} JOIN used ON used.cache_key = asset.cache_key"  # noqa: S608
UNUSUAL_PLACES = f"{PLACES} WHERE asset.file_path IN (SELECT file_path FROM unusual)"  # noqa: S608
UNUSUAL_CHANGED = CHANGED.format(assets=UNUSUAL)
FILES = """
    SELECT file_path, cache_key, key, kind, size_bytes, is_hot, last_use >> 2 AS last_us, last_use & 3, uses,
        recent_uses, changed_us, storage_class, later_class, hold, owner
    FROM tier
"""
GROUPS = """
    SELECT kind, is_hot, hold, hold IS NULL AND later_class IS NOT NULL, count(*), sum(size_bytes)
    FROM tier GROUP BY 1, 2, 3, 4
"""
FIRST_HELD = "SELECT min(file_path) FROM tier WHERE is_hot = ? AND hold = ?"
FIRST_ARCHIVING = (
    "SELECT min(file_path) FROM tier WHERE NOT is_hot AND hold IS NULL AND later_class IS NOT NULL"
)
DUE = """
    SELECT count(*), ifnull(sum(size_bytes), 0) FROM tier
    WHERE is_hot AND hold IS NULL
    AND last_use >> 2 <= :due_us AND last_use >> 2 <= :fresh_us AND changed_us <= :fresh_us
"""


def take(fates: Fates, accepted: Collection[str]) -> tuple[str, dict[str, object]]:
    """Return the statement that fills ``tier``, and its values but ``:bucket`` and ``:inside``."""
    values: dict[str, object] = {}
    deletions = [fate for fate in fates.deletions if not fate.tags]
    meets = _Meeting(values)
    going_hot = meets.any_of(fate for fate in deletions if fate.rule not in accepted)
    going_cold = meets.any_of(deletions)
    by_class = {
        name: meets.any_of(fate for fate in fates.archivings if fate.storage_class == name)
        for name in ("DEEP_ARCHIVE", "GLACIER")
    }
    later = " ".join(f"WHEN {condition} THEN '{name}'" for name, condition in by_class.items())
    archived = ", ".join(f"'{name}'" for name in sorted(ARCHIVES))
    query = f"""INSERT INTO tier
        SELECT
            substr(asset.file_path, 1, length(:inside)) <> :inside
                OR CASE WHEN seen.file_path IS NOT NULL THEN NOT seen.plain OR {going_hot}
                    OR asset.cache_key IN (SELECT cache_key FROM pinned)
                    OR ifnull(asset.campaign_id IN (SELECT campaign_id FROM pinned_campaign), 0)
                ELSE NOT asset.is_cold OR assigned.key IS NULL OR {going_cold}
                    OR {_FOLDER.format("asset.file_path")} NOT IN (SELECT path FROM folder)
                END,
            seen.file_path IS NOT NULL,
            {_SIZE},
            CASE WHEN seen.file_path IS NOT NULL OR used.recent_uses > 0 THEN
                last_use(seen.mtime_ns, seen.atime_ns, used.last_at, asset.last_used, returned.at)
            ELSE 0 END,
            ifnull(used.uses, 0),
            ifnull(used.recent_uses, 0),
            (seen.mtime_ns - (seen.mtime_ns % 1000 + 1000) % 1000) / 1000,
            asset.kind,
            CASE
                WHEN seen.file_path IS NULL THEN
                    CASE WHEN object.storage_class IN ({archived}) THEN '{Hold.ARCHIVED}' END
                WHEN file.crc64nvme <> object.crc64nvme AND file.size_bytes = seen.size_bytes
                    AND file.mtime_ns = seen.mtime_ns AND file.ctime_ns = seen.ctime_ns
                    AND file.inode = seen.inode THEN '{Hold.CHANGED}'
                WHEN object.size_bytes IS NULL THEN '{Hold.UNPROVED}'
                WHEN object.size_bytes <> seen.size_bytes THEN '{Hold.CHANGED}'
                WHEN object.owner <> asset.cache_key THEN '{Hold.SHARED_OBJECT}'
                WHEN object.storage_class IN ({archived}) THEN '{Hold.ARCHIVED}'
            END,
            CASE {later} END,
            ifnull(nullif(object.storage_class, ''), 'STANDARD'),
            asset.file_path,
            asset.cache_key,
            assigned.key,
            object.owner
        FROM asset
        LEFT JOIN assigned ON assigned.bucket = :bucket AND assigned.cache_key = asset.cache_key
        LEFT JOIN object ON object.bucket = :bucket AND object.key = assigned.key
        LEFT JOIN seen ON seen.file_path = asset.file_path
        LEFT JOIN file ON file.path = seen.file_path
        LEFT JOIN used ON used.cache_key = asset.cache_key
        LEFT JOIN returned ON returned.file_path = asset.file_path
        WHERE asset.file_path NOT IN (SELECT file_path FROM several)
    """  # noqa: S608 - names of our own
    return query, values


_SIZE = """CASE
        WHEN seen.file_path IS NOT NULL THEN seen.size_bytes
        WHEN ifnull(object.size_bytes, 0) <> 0 THEN object.size_bytes
        ELSE ifnull(asset.size_bytes, 0)
    END"""


class _Meeting:
    """Puts `Fate.may_meet` into SQL.

    Args:
        values: Takes the values for the statement.
    """

    def __init__(self, values: dict[str, object]) -> None:
        self._values = values

    def any_of(self, fates: Iterable[Fate]) -> str:
        """Return a condition that is true of objects which any of these rules meets."""
        found = " OR ".join(f"({self._one(fate)})" for fate in fates)
        return f"({found})" if found else "0"

    def _one(self, fate: Fate) -> str:
        parts = [f"substr(assigned.key, 1, {len(fate.prefix)}) = {self._value(fate.prefix)}"]
        if fate.larger_than is not None:
            parts.append(f"{_SIZE} > {self._value(fate.larger_than)}")
        if fate.smaller_than is not None:
            parts.append(f"{_SIZE} < {self._value(fate.smaller_than)}")
        return f"ifnull({' AND '.join(parts)}, 0)"

    def _value(self, value: object) -> str:
        name = f"v{len(self._values)}"
        self._values[name] = value
        return f":{name}"
