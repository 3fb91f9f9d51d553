"""The statements of the census. What they count is what `tiers.facts` and `tiers.policy` would say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creative_s3.core.tiers.facts import ARCHIVES, CHANGED, PLACES
from creative_s3.core.tiers.tiers import Hold

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from creative_s3.core.lifecycle.fates import Fate, Fates

HOLDS = tuple(Hold)
"""In the order of the numbers that ``tier`` has for them."""
_NUMBER = {hold: number for number, hold in enumerate(HOLDS)}
_ARCHIVED = ", ".join(f"'{name}'" for name in sorted(ARCHIVES))
_FOLDER = "rtrim({0}, replace({0}, '/', ''))"
"""A path up to its last slash."""
_FIRST = "instr(substr(known.file_path, length(:inside) + 1), '/')"
_IS_IN_FOLDER = f"""CASE
        WHEN instr(substr(known.file_path, length(:inside) + 1 + {_FIRST}), '/') = 0
        THEN substr(known.file_path, 1, length(:inside) + {_FIRST})
        ELSE {_FOLDER.format("known.file_path")}
    END IN (SELECT path FROM folder)"""  # noqa: S608 - names of our own
"""Whether the walk came through a path's folder; `_FOLDER` takes its time, and most are not deep."""

# known: what the catalog says of each file with one asset, as `core.tiers.groundwork` finds it. kind: its
# number. remote_bytes: its size if it is in S3 only. is_other: its content was read, and is not the object's.
KNOWN_TABLES = (
    "CREATE TEMP TABLE kind (number INTEGER PRIMARY KEY, name TEXT UNIQUE)",
    "CREATE TEMP TABLE pinned (cache_key TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TEMP TABLE pinned_campaign (campaign_id TEXT PRIMARY KEY) WITHOUT ROWID",
    """CREATE TEMP TABLE used (
        cache_key TEXT PRIMARY KEY, last_at TEXT, uses INTEGER, recent_uses INTEGER
    ) WITHOUT ROWID""",
    "CREATE TEMP TABLE returned (file_path TEXT PRIMARY KEY, at TEXT) WITHOUT ROWID",
    """CREATE TEMP TABLE known (
        id INTEGER PRIMARY KEY, file_path TEXT, cache_key TEXT, key TEXT, kind INTEGER, is_inside INTEGER,
        is_pinned INTEGER, is_cold INTEGER, remote_bytes INTEGER, object_bytes INTEGER, storage_class TEXT,
        owner TEXT, is_other INTEGER, last_used TEXT, last_at TEXT, returned_at TEXT, uses INTEGER,
        recent_uses INTEGER
    )""",
    "CREATE TEMP TABLE several AS SELECT file_path FROM asset GROUP BY file_path HAVING count(*) > 1",
)
# One after the other: an index has all assets of a kind together.
KINDS = """
    INSERT INTO kind (name)
    WITH RECURSIVE one (name) AS (
        SELECT min(kind) FROM asset
        UNION ALL SELECT (SELECT min(kind) FROM asset WHERE kind > one.name) FROM one WHERE name IS NOT NULL
    )
    SELECT name FROM one WHERE name IS NOT NULL
"""
KNOW = """
    INSERT INTO known
    SELECT
        NULL,
        asset.file_path,
        asset.cache_key,
        assigned.key,
        (SELECT number FROM kind WHERE name = asset.kind),
        asset.file_path >= :inside AND asset.file_path < :after,
        asset.cache_key IN (SELECT cache_key FROM pinned)
            OR ifnull(asset.campaign_id IN (SELECT campaign_id FROM pinned_campaign), 0),
        asset.is_cold,
        ifnull(nullif(object.size_bytes, 0), ifnull(asset.size_bytes, 0)),
        object.size_bytes,
        ifnull(nullif(object.storage_class, ''), 'STANDARD'),
        object.owner,
        ifnull(file.crc64nvme <> object.crc64nvme, 0),
        asset.last_used,
        used.last_at,
        returned.at,
        ifnull(used.uses, 0),
        ifnull(used.recent_uses, 0)
    FROM asset
    LEFT JOIN assigned ON assigned.bucket = :bucket AND assigned.cache_key = asset.cache_key
    LEFT JOIN object ON object.bucket = :bucket AND object.key = assigned.key
    LEFT JOIN file ON file.path = asset.file_path
    LEFT JOIN used ON used.cache_key = asset.cache_key
    LEFT JOIN returned ON returned.file_path = asset.file_path
    WHERE asset.file_path NOT IN (SELECT file_path FROM several)
"""
"""Of the cache directory, `:inside` is what the paths begin with, and `:after` what follows all of them."""

# seen: what the walk came by. regular: no link; plain: with one name, and nobody has it open.
# tier: the ordinary ones of ``known``. last_use: the microseconds since 1970 times 4, and how that is known
# (see `core.tiers.census`); 0 for a file in S3 only without uses of late. unusual: the other files.
# is_walked: the walk came by; is_away: there is no need to look for it on disk.
TABLES = (
    """CREATE TEMP TABLE seen (
        file_path TEXT PRIMARY KEY, regular INTEGER, plain INTEGER, size_bytes INTEGER, mtime_ns INTEGER,
        ctime_ns INTEGER, inode INTEGER, atime_ns INTEGER
    ) WITHOUT ROWID""",
    "CREATE TEMP TABLE folder (path TEXT PRIMARY KEY) WITHOUT ROWID",
    """CREATE TEMP TABLE tier (
        id INTEGER PRIMARY KEY, is_unusual INTEGER, is_hot INTEGER, kind INTEGER, size_bytes INTEGER,
        last_use INTEGER, recent_uses INTEGER, changed_us INTEGER, hold INTEGER, later_class TEXT
    )""",
    """CREATE TEMP TABLE unusual (
        file_path TEXT PRIMARY KEY, is_walked INTEGER, is_away INTEGER
    ) WITHOUT ROWID""",
)
SEE = "INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
SET_APART = (
    f"""INSERT INTO unusual
        SELECT one.file_path, seen.file_path IS NOT NULL, seen.file_path IS NULL
            AND {_FOLDER.format("one.file_path")} IN (SELECT path FROM folder)
            AND NOT EXISTS (SELECT 1 FROM asset WHERE asset.file_path = one.file_path AND NOT is_cold)
        FROM (
            SELECT file_path FROM several
            UNION SELECT known.file_path FROM tier JOIN known USING (id) WHERE is_unusual
        ) one
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
    SELECT known.file_path, known.cache_key, known.key, kind.name, tier.size_bytes, is_hot,
        last_use >> 2 AS last_us, last_use & 3, known.uses, known.recent_uses, changed_us,
        known.storage_class, later_class, hold, known.owner
    FROM tier CROSS JOIN known USING (id) CROSS JOIN kind ON kind.number = known.kind
"""
# Grouped by one number: SQLite sorts, and sorting texts takes long.
GROUPS = f"""
    SELECT (SELECT name FROM kind WHERE number = of_kind), is_hot, hold, is_archiving, files, size_bytes
    FROM (
        SELECT kind AS of_kind, is_hot, hold, hold IS NULL AND later_class IS NOT NULL AS is_archiving,
            count(*) AS files, sum(size_bytes) AS size_bytes
        FROM tier
        GROUP BY (kind * {len(HOLDS) + 1} + ifnull(hold, {len(HOLDS)})) * 4
            + is_hot * 2 + (hold IS NULL AND later_class IS NOT NULL)
    )
"""  # noqa: S608 - names of our own
FIRST_HELD = "SELECT min(file_path) FROM tier JOIN known USING (id) WHERE is_hot = ? AND hold = ?"
FIRST_ARCHIVING = (
    "SELECT min(file_path) FROM tier JOIN known USING (id)"
    " WHERE NOT is_hot AND hold IS NULL AND later_class IS NOT NULL"
)
DUE = """
    SELECT count(*), ifnull(sum(size_bytes), 0) FROM tier
    WHERE is_hot AND hold IS NULL
    AND last_use >> 2 <= :due_us AND last_use >> 2 <= :fresh_us AND changed_us <= :fresh_us
"""
NOT_SINCE = "is_hot AND last_use >> 2 <= :before"
"""Of ``tier``: what is on local disk and was not used after a time."""
OFTEN_USED = "NOT is_hot AND tier.recent_uses >= :uses AND hold IS NULL"
"""Of ``tier``: what is in S3 only and may come back."""
OFTEN = f"SELECT count(*), ifnull(sum(size_bytes), 0) FROM tier WHERE {OFTEN_USED}"  # noqa: S608


def take(fates: Fates, accepted: Collection[str]) -> tuple[str, dict[str, object]]:
    """Return the statement that fills ``tier``, and its values but ``:inside``."""
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
    query = f"""INSERT INTO tier
        SELECT
            known.id,
            NOT is_inside OR known.file_path GLOB '*/.*' OR CASE
                WHEN seen.file_path IS NOT NULL THEN NOT seen.plain OR is_pinned OR {going_hot}
                ELSE NOT is_cold OR key IS NULL OR {going_cold} OR NOT {_IS_IN_FOLDER}
            END,
            seen.file_path IS NOT NULL,
            kind,
            {_SIZE},
            CASE WHEN seen.file_path IS NOT NULL OR recent_uses > 0 THEN
                last_use(seen.mtime_ns, seen.atime_ns, last_at, last_used, returned_at)
            ELSE 0 END,
            recent_uses,
            (seen.mtime_ns - (seen.mtime_ns % 1000 + 1000) % 1000) / 1000,
            CASE
                WHEN seen.file_path IS NULL THEN
                    CASE WHEN storage_class IN ({_ARCHIVED}) THEN {_NUMBER[Hold.ARCHIVED]} END
                WHEN is_other AND EXISTS (
                    SELECT 1 FROM file WHERE file.path = seen.file_path AND file.size_bytes = seen.size_bytes
                    AND file.mtime_ns = seen.mtime_ns AND file.ctime_ns = seen.ctime_ns
                    AND file.inode = seen.inode
                ) THEN {_NUMBER[Hold.CHANGED]}
                WHEN object_bytes IS NULL THEN {_NUMBER[Hold.UNPROVED]}
                WHEN object_bytes <> seen.size_bytes THEN {_NUMBER[Hold.CHANGED]}
                WHEN owner <> cache_key THEN {_NUMBER[Hold.SHARED_OBJECT]}
                WHEN storage_class IN ({_ARCHIVED}) THEN {_NUMBER[Hold.ARCHIVED]}
            END,
            CASE {later} END
        FROM known
        LEFT JOIN seen ON seen.file_path = known.file_path
    """  # noqa: S608 - names of our own
    return query, values


_SIZE = "CASE WHEN seen.file_path IS NOT NULL THEN seen.size_bytes ELSE remote_bytes END"


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
        parts = [f"substr(key, 1, {len(fate.prefix)}) = {self._value(fate.prefix)}"]
        if fate.larger_than is not None:
            parts.append(f"{_SIZE} > {self._value(fate.larger_than)}")
        if fate.smaller_than is not None:
            parts.append(f"{_SIZE} < {self._value(fate.smaller_than)}")
        return f"ifnull({' AND '.join(parts)}, 0)"

    def _value(self, value: object) -> str:
        name = f"v{len(self._values)}"
        self._values[name] = value
        return f":{name}"
