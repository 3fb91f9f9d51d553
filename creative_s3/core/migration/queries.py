"""The tables of a comparison, and what is asked of them and of the catalog's. SQL only."""

from __future__ import annotations

_METADATA_ROOM = 600
"""So many bytes of what identifies an asset fit into 2 KB of metadata, whatever their encoding."""
TABLES = """
    CREATE TABLE local (path TEXT PRIMARY KEY, state TEXT, size INTEGER, mtime INTEGER, ctime INTEGER,
        inode INTEGER, reason TEXT, is_walked INTEGER) WITHOUT ROWID;
    CREATE TABLE content (path TEXT PRIMARY KEY, size_bytes INTEGER, mtime_ns INTEGER, ctime_ns INTEGER,
        inode INTEGER, crc64nvme TEXT, md5 TEXT) WITHOUT ROWID;
    CREATE TABLE listing (key TEXT PRIMARY KEY, size INTEGER, etag TEXT, class TEXT) WITHOUT ROWID;
    CREATE TABLE expected (key TEXT, id INTEGER, size INTEGER, kind TEXT, tags INTEGER, etag TEXT,
        stored INTEGER);
    CREATE TABLE settled (id INTEGER PRIMARY KEY, key TEXT, size INTEGER, is_cold INTEGER, kind TEXT,
        tags INTEGER);
    CREATE TABLE new (id INTEGER PRIMARY KEY, key TEXT, size INTEGER, kind TEXT, tags INTEGER);
    CREATE TABLE published (section TEXT, entry TEXT, field TEXT, key TEXT,
        PRIMARY KEY (section, entry, field)) WITHOUT ROWID;
"""
ALONE = """
    NOT EXISTS (
        SELECT 1 FROM catalog.asset other WHERE other.file_path = asset.file_path AND other.id <> asset.id
        AND NOT (other.section = 'products' AND asset.section <> 'products'
            AND asset.kind IN ('product', 'background', 'composite'))
    )
"""
"""No other entry describes the file; a products entry beside the semantic one is the same asset."""
_WEIGHT = " + ".join(
    f"ifnull(length(CAST(asset.{column} AS BLOB)), 0)"
    for column in (  # as `core.assets.layout.object_metadata` never leaves them out
        "cache_key",
        "file_path",
        "asset_type",
        "product_slug",
        "campaign_id",
        "created_at",
        "product_category",
        "region",
        "season",
        "visual_style",
        "aspect_ratio",
    )
)
FITS = f"{_WEIGHT} <= {_METADATA_ROOM}"
TAGS = " + ".join(
    f"(ifnull(asset.{column}, '') <> '')"
    for column in (  # as `core.assets.layout.object_tags` has them
        "asset_type",
        "campaign_id",
        "region",
        "season",
        "product_category",
        "product_slug",
        "visual_style",
        "aspect_ratio",
    )
)
AS_RECORDED = f"""
    INSERT INTO expected
    SELECT assigned.key, asset.id, local.size, asset.kind, {TAGS}, object.etag, object.size_bytes
    FROM catalog.asset
    JOIN local ON local.path = asset.file_path AND local.state = 'present'
    JOIN {{known}} file ON file.path = asset.file_path AND file.size_bytes = local.size
        AND file.mtime_ns = local.mtime AND file.ctime_ns = local.ctime AND file.inode = local.inode
    JOIN catalog.assigned ON assigned.bucket = :bucket AND assigned.cache_key = asset.cache_key
    JOIN catalog.object ON object.bucket = :bucket AND object.key = assigned.key
        AND object.crc64nvme = file.crc64nvme
    WHERE {FITS} AND {ALONE}
"""  # noqa: S608 - names of our own
AS_KNOWN = AS_RECORDED.format(known="catalog.file")
AS_READ = f"{AS_RECORDED.format(known='content')} AND object.etag = file.md5"
MAY_HAVE_MD5 = """
    SELECT DISTINCT local.path FROM local
    JOIN catalog.asset ON asset.file_path = local.path
    JOIN catalog.assigned ON assigned.bucket = :bucket AND assigned.cache_key = asset.cache_key
    JOIN catalog.object ON object.bucket = :bucket AND object.key = assigned.key
        AND object.size_bytes = local.size AND length(object.etag) = 32
    WHERE local.path > :after AND local.state = 'present' AND local.size <= :most
    ORDER BY local.path LIMIT :limit
"""
# CROSS JOIN: most files are as recorded, and need no look at the rest (sqlite.org, "The SQLite Query
# Optimizer Overview"). The first condition spares a first upload the question.
TOUCHED = """
    SELECT DISTINCT local.path FROM local
    CROSS JOIN catalog.asset ON asset.file_path = local.path
    CROSS JOIN catalog.assigned ON assigned.bucket = :bucket AND assigned.cache_key = asset.cache_key
    CROSS JOIN catalog.object ON object.bucket = :bucket AND object.key = assigned.key
        AND object.size_bytes = local.size
    WHERE EXISTS (SELECT 1 FROM catalog.assigned WHERE bucket = :bucket)
    AND local.path > :after AND local.state = 'present' AND NOT EXISTS (
        SELECT 1 FROM catalog.file WHERE file.path = local.path AND file.size_bytes = local.size
        AND file.mtime_ns = local.mtime AND file.ctime_ns = local.ctime AND file.inode = local.inode
    )
    ORDER BY local.path LIMIT :limit
"""
AS_COLD = f"""
    INSERT INTO expected
    SELECT assigned.key, asset.id, NULL, asset.kind, {TAGS}, NULL, NULL
    FROM catalog.asset
    JOIN local ON local.path = asset.file_path AND local.state = 'missing'
    JOIN catalog.assigned ON assigned.bucket = :bucket AND assigned.cache_key = asset.cache_key
    WHERE asset.is_cold AND {ALONE}
"""  # noqa: S608 - names of our own
SETTLE = """
    INSERT INTO settled
    SELECT one.id, one.key, ifnull(one.size, listing.size), one.size IS NULL, one.kind, one.tags
    FROM (SELECT * FROM expected GROUP BY key HAVING count(*) = 1) one
    JOIN listing ON listing.key = one.key
        AND (one.size IS NULL
            OR (listing.etag = one.etag AND listing.etag <> '' AND listing.size = one.stored))
"""
UNCOUNTED_FILES = """
    SELECT DISTINCT asset.file_path FROM catalog.asset
    WHERE NOT EXISTS (SELECT 1 FROM settled WHERE settled.id = asset.id)
    AND NOT EXISTS (SELECT 1 FROM new WHERE new.id = asset.id)
    AND NOT (asset.section = 'products' AND EXISTS (
        SELECT 1 FROM catalog.asset other WHERE other.file_path = asset.file_path
        AND (EXISTS (SELECT 1 FROM settled WHERE settled.id = other.id)
            OR EXISTS (SELECT 1 FROM new WHERE new.id = other.id))
    ))
"""
NOT_SIMPLY_THERE = """
    SELECT DISTINCT asset.file_path FROM catalog.asset
    LEFT JOIN local ON local.path = asset.file_path
    WHERE asset.file_path > :after AND (local.state IS NULL OR local.state <> 'present' OR local.reason <> '')
    ORDER BY asset.file_path LIMIT :limit
"""
