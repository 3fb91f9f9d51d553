"""Which assets are simply new: found in SQLite, counted, and never looked at one by one.

What the rules in `core.assets.keys` and `core.migration.planning` would say of them is known beforehand:
they get the key that they ask for, and are sent. The others are left to the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from creative_s3.core.migration.queries import ALONE, FITS, TAGS
from creative_s3.core.migration.settled import wanted_key

if TYPE_CHECKING:
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.migration.comparison import Comparison
    from creative_s3.core.migration.remote import RemoteSurvey

_GROUP = 500
_PERHAPS = f"""
    SELECT asset.id, assigned.key, local.size, asset.kind, {TAGS}
    FROM catalog.asset
    JOIN local ON local.path = asset.file_path AND local.state = 'present'
    LEFT JOIN catalog.assigned ON assigned.bucket = :bucket AND assigned.cache_key = asset.cache_key
    WHERE asset.id > :after AND NOT EXISTS (SELECT 1 FROM settled WHERE settled.id = asset.id)
    AND (assigned.key IS NULL OR NOT EXISTS (SELECT 1 FROM listing WHERE listing.key = assigned.key))
    AND {FITS} AND {ALONE}
    ORDER BY asset.id LIMIT :limit
"""  # noqa: S608 - names of our own
_CONTESTED = """
    DELETE FROM new WHERE key IN (SELECT key FROM new GROUP BY key HAVING count(*) > 1)
    OR EXISTS (SELECT 1 FROM listing WHERE listing.key = new.key)
"""
_UNASSIGNED = """
    SELECT 1 FROM new JOIN catalog.asset ON asset.id = new.id WHERE NOT EXISTS (
        SELECT 1 FROM catalog.assigned WHERE assigned.bucket = ? AND assigned.cache_key = asset.cache_key
    ) LIMIT 1
"""
_PUBLISHED = """
    DELETE FROM new WHERE id IN (
        SELECT asset.id FROM published
        JOIN catalog.asset named ON named.entry = published.entry AND named.section = published.section
        JOIN catalog.asset ON asset.file_path = named.file_path
    )
"""
"""Another machine may have given them other keys."""


def find_new(comparison: Comparison, catalog: Catalog, remote: RemoteSurvey | None, *, prefix: str) -> None:
    """Find the new assets, when disk and listing are complete and the settled ones are known.

    Args:
        comparison: Gets them.
        catalog: It has taken in the index.
        remote: The bucket's side; None as if it were empty.
        prefix: What the keys begin with.

    Raises:
        RefusedError: A key would be too long.
        CreativeS3Error: The published index cannot be read.
    """
    after = 0
    while rows := comparison.rows(_PERHAPS, {"bucket": comparison.bucket, "after": after, "limit": _GROUP}):
        after = rows[-1][0]
        records = catalog.assets.by_id([row[0] for row in rows])
        assets = {record.id: record.asset for record in records}
        with comparison.step() as database:
            database.executemany(
                "INSERT INTO new VALUES (?, ?, ?, ?, ?)",
                [
                    (number, wanted_key(assets[number], assigned, prefix), size_bytes, kind, tags)
                    for number, assigned, size_bytes, kind, tags in rows
                    if number in assets
                ],
            )
    with comparison.step() as database:
        database.execute("CREATE INDEX new_key ON new (key)")
        database.execute(_CONTESTED)
    if remote and remote.published and comparison.rows(_UNASSIGNED, (comparison.bucket,)):
        remote.read_published_keys()
        with comparison.step() as database:
            database.execute(_PUBLISHED)
