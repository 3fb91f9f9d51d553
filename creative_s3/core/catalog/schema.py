"""The tables of the catalog, as the steps that lead from each schema version to the next.

A step is never changed once it was released: catalogs out there have taken it. Step N leads to version N.
"""

from __future__ import annotations

_PROOFS = """
    CREATE TABLE file (
        path TEXT PRIMARY KEY,
        size_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        ctime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        crc64nvme TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE object (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        etag TEXT NOT NULL,
        crc64nvme TEXT NOT NULL,
        version_id TEXT,
        storage_class TEXT NOT NULL,
        owner TEXT,
        proof TEXT NOT NULL,
        proved_at TEXT NOT NULL,
        PRIMARY KEY (bucket, key)
    ) WITHOUT ROWID;
    CREATE TABLE assigned (
        bucket TEXT NOT NULL,
        cache_key TEXT NOT NULL,
        key TEXT NOT NULL,
        PRIMARY KEY (bucket, cache_key)
    ) WITHOUT ROWID;
    CREATE TABLE published (
        bucket TEXT NOT NULL,
        section TEXT NOT NULL,
        entry TEXT NOT NULL,
        ours TEXT NOT NULL,
        merged TEXT NOT NULL,
        PRIMARY KEY (bucket, section, entry)
    ) WITHOUT ROWID;
"""

# asset: one row for each place in index.json that names a file (`core.index.index.Reference`), and for each
# asset that was registered or discovered and is not in the file yet. `facet` has every value that assets are
# selected by; `asset_text` finds assets by words, and by facets as the words f1, f2 … in its second column.
# last_access: the day (its ordinal) of the last use of an asset, by its row, for searches; `access` decides.
_LIBRARY = """
    CREATE TABLE asset (
        id INTEGER PRIMARY KEY,
        section TEXT NOT NULL,
        entry TEXT NOT NULL,
        field TEXT NOT NULL,
        source TEXT NOT NULL,
        digest BLOB,
        cache_key TEXT NOT NULL,
        file_path TEXT NOT NULL,
        kind TEXT NOT NULL,
        asset_type TEXT NOT NULL,
        product_category TEXT,
        region TEXT,
        season TEXT,
        visual_style TEXT,
        aspect_ratio TEXT,
        campaign_id TEXT,
        product_slug TEXT,
        slug_is_derived INTEGER NOT NULL,
        color_palette TEXT,
        tags TEXT,
        width INTEGER,
        height INTEGER,
        created_at TEXT,
        last_used TEXT,
        size_bytes INTEGER,
        is_cold INTEGER NOT NULL DEFAULT 0
    );
    CREATE VIRTUAL TABLE asset_text USING fts5(
        words, facets, content='', detail=column, columnsize=0,
        tokenize="unicode61 remove_diacritics 2"
    );
    CREATE TABLE facet (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        value TEXT NOT NULL COLLATE NOCASE,
        assets INTEGER NOT NULL,
        UNIQUE (name, value)
    );
    CREATE TABLE product (
        entry TEXT PRIMARY KEY,
        content TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE problem (
        section TEXT NOT NULL,
        entry TEXT NOT NULL,
        digest BLOB NOT NULL,
        kind TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (section, entry)
    ) WITHOUT ROWID;
    CREATE TABLE intake (
        path TEXT PRIMARY KEY,
        size_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        ctime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        products BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE listed (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        etag TEXT NOT NULL,
        storage_class TEXT NOT NULL,
        seen_at TEXT NOT NULL,
        PRIMARY KEY (bucket, key)
    ) WITHOUT ROWID;
    CREATE TABLE access (
        cache_key TEXT NOT NULL,
        day TEXT NOT NULL,
        uses INTEGER NOT NULL,
        last_at TEXT NOT NULL,
        PRIMARY KEY (cache_key, day)
    ) WITHOUT ROWID;
    CREATE TABLE last_access (
        id INTEGER PRIMARY KEY,
        day INTEGER NOT NULL
    );
    CREATE TABLE daily (
        day TEXT NOT NULL,
        what TEXT NOT NULL,
        times INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (day, what)
    ) WITHOUT ROWID;
    CREATE TABLE run (
        id INTEGER PRIMARY KEY,
        command TEXT NOT NULL,
        bucket TEXT NOT NULL,
        started_at TEXT NOT NULL,
        duration_s REAL NOT NULL,
        exit_code INTEGER NOT NULL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        requests TEXT NOT NULL
    );
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        action TEXT NOT NULL,
        section TEXT NOT NULL,
        entry TEXT NOT NULL,
        content TEXT NOT NULL
    );
    CREATE TABLE movement (
        run INTEGER NOT NULL,
        file_path TEXT NOT NULL,
        at TEXT NOT NULL,
        action TEXT NOT NULL,
        command TEXT NOT NULL,
        bucket TEXT NOT NULL,
        cache_key TEXT NOT NULL,
        key TEXT NOT NULL,
        version_id TEXT,
        size_bytes INTEGER NOT NULL,
        crc64nvme TEXT NOT NULL,
        mode INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (run, file_path)
    ) WITHOUT ROWID;
    CREATE INDEX journal_entry ON journal (entry, section);
    CREATE INDEX assigned_key ON assigned (bucket, key);
    CREATE INDEX asset_cache_key ON asset (cache_key);
    CREATE INDEX asset_entry ON asset (entry, section);
    CREATE INDEX asset_file_path ON asset (file_path, section, kind);
    CREATE INDEX asset_cold ON asset (id) WHERE is_cold;
    CREATE INDEX asset_numbers ON asset (kind, is_cold, campaign_id, created_at, size_bytes);
    CREATE INDEX asset_product ON asset (file_path, kind, is_cold, campaign_id, created_at, size_bytes)
        WHERE section = 'products'
"""

# run: exit_code is -1 until a run has ended. change: what a run stored, and the token of the invalidation
# that told the CDN of it. invalidation: what CloudFront is to be told; it may not have arrived without an id.
# invalidation_paths: how many paths an invalidation had, which never changes.
_HISTORY = """
    ALTER TABLE run ADD COLUMN token TEXT NOT NULL DEFAULT '';
    ALTER TABLE run ADD COLUMN price TEXT;
    ALTER TABLE run ADD COLUMN created INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE run ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE run ADD COLUMN failures TEXT NOT NULL DEFAULT '{}';
    CREATE TABLE change (
        bucket TEXT NOT NULL,
        run INTEGER NOT NULL,
        key TEXT NOT NULL,
        replaced INTEGER NOT NULL,
        invalidation TEXT,
        PRIMARY KEY (bucket, run, key)
    ) WITHOUT ROWID;
    CREATE INDEX change_pending ON change (bucket) WHERE replaced AND invalidation IS NULL;
    CREATE TABLE invalidation (
        reference TEXT PRIMARY KEY,
        bucket TEXT NOT NULL,
        distribution TEXT NOT NULL,
        token TEXT NOT NULL,
        paths TEXT NOT NULL,
        planned_at TEXT NOT NULL,
        id TEXT
    ) WITHOUT ROWID;
    CREATE TABLE invalidation_paths (
        distribution TEXT NOT NULL,
        id TEXT NOT NULL,
        paths INTEGER NOT NULL,
        PRIMARY KEY (distribution, id)
    ) WITHOUT ROWID
"""

# warning: what the parser forgave while index.json was taken in, which is therefore taken in once more.
# publication: the published index as we last saw it with all that ours says, and which index.json that was.
_PLANNING = """
    CREATE TABLE warning (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        reason TEXT NOT NULL
    );
    CREATE TABLE publication (
        bucket TEXT PRIMARY KEY,
        etag TEXT NOT NULL,
        sha256 BLOB NOT NULL
    ) WITHOUT ROWID;
    DELETE FROM intake
"""

# asset_by_key: all that the tiers ask of every asset, in the order in which its key is found.
_TIERS = """
    DROP INDEX IF EXISTS asset_cache_key;
    CREATE INDEX asset_by_key ON asset (
        cache_key, file_path, kind, section, campaign_id, last_used, size_bytes, is_cold
    )
"""

# origin: the content that a file here had when it was last sent or brought, by bucket. A file that has it
# still was not edited here since, whatever the bucket has by now.
_ORIGINS = """
    CREATE TABLE origin (
        bucket TEXT NOT NULL,
        path TEXT NOT NULL,
        crc64nvme TEXT NOT NULL,
        PRIMARY KEY (bucket, path)
    ) WITHOUT ROWID;
    INSERT OR IGNORE INTO origin SELECT object.bucket, file.path, file.crc64nvme FROM file
        JOIN asset ON asset.file_path = file.path JOIN assigned ON assigned.cache_key = asset.cache_key
        JOIN object ON object.bucket = assigned.bucket AND object.key = assigned.key
        WHERE object.crc64nvme = file.crc64nvme
"""

# The runs of the tiers had numbers of their own: each gets the number of its record in the history, the
# one of that command whose beginning is next to it. One that has none gets a new record.
NUMBERS = """
    CREATE TEMP TABLE moved AS
        SELECT run AS old, min(command) AS command, min(bucket) AS bucket, min(at) AS at,
            count(*) AS files, sum(size_bytes) AS bytes FROM movement GROUP BY run;
    CREATE TEMP TABLE matched AS
        SELECT moved.*, run.id AS found, min(abs(julianday(run.started_at) - julianday(moved.at))) AS days
        FROM moved LEFT JOIN run ON run.command = moved.command AND run.bucket = moved.bucket
            AND abs(julianday(run.started_at) - julianday(moved.at)) < 1
        GROUP BY moved.old;
    CREATE TEMP TABLE numbering AS
        SELECT matched.*, CASE WHEN EXISTS (
            SELECT 1 FROM matched AS other WHERE other.found = matched.found
                AND (other.days, other.old) < (matched.days, matched.old)
        ) THEN NULL ELSE found END AS kept FROM matched;
    CREATE TEMP TABLE numbered AS
        SELECT numbering.*, ifnull(kept, (SELECT ifnull(max(id), 0) FROM run) + (
            SELECT count(*) FROM numbering AS other WHERE other.kept IS NULL AND other.old <= numbering.old
        )) AS new FROM numbering;
    INSERT INTO run (id, command, bucket, started_at, duration_s, exit_code, files, bytes, failed, requests,
            token)
        SELECT new, command, bucket, at, 0, 0, files, bytes, 0, '{}', lower(hex(randomblob(8)))
        FROM numbered WHERE kept IS NULL;
    UPDATE movement SET run = -run;
    UPDATE movement SET run = (SELECT new FROM numbered WHERE old = -movement.run);
    UPDATE journal SET content = json_set(
        content, '$.run', (SELECT new FROM numbered WHERE old = json_extract(journal.content, '$.run'))
    ) WHERE action = 'demote' AND CASE WHEN json_valid(content)
        THEN json_extract(content, '$.run') IN (SELECT old FROM numbered) ELSE 0 END;
    DROP TABLE numbered;
    DROP TABLE numbering;
    DROP TABLE matched;
    DROP TABLE moved
"""
NUMBERED_SINCE = 7
"""The schema version from which on the runs of the tiers have the history's numbers."""

MIGRATIONS: tuple[str, ...] = (_PROOFS, _LIBRARY, _HISTORY, _PLANNING, _TIERS, _ORIGINS, NUMBERS)
SCHEMA_VERSION = len(MIGRATIONS)

ASSET_INDEXES = {
    "asset_by_key": (
        "asset (cache_key, file_path, kind, section, campaign_id, last_used, size_bytes, is_cold)"
    ),
    "asset_entry": "asset (entry, section)",
    "asset_file_path": "asset (file_path, section, kind)",
    "asset_numbers": "asset (kind, is_cold, campaign_id, created_at, size_bytes)",
}
"""The indexes that a first, large intake does without until its end: building them at once is far cheaper."""
