"""What the catalog knows of a bucket's objects: which have no local file, what is read, how much comes.

Offline, and only reads: without a catalog nothing is known, and that is said.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.lifecycle.growth import Growth
from creative_s3.core.lifecycle.usage import DAYS_PER_YEAR
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PATIENCE_S = 5.0
_GROWTH_DAYS = 182
_DAYS_PER_MONTH = 365 / 12


@dataclass(frozen=True, slots=True)
class KnownUse:
    """What is known.

    Attributes:
        only_copies: Keys of assets that are in S3 only.
        reads_per_year: Of these, by key; hot assets are read from local disk.
        recently_read: Keys of assets in S3 only that were used in the last 90 days.
        growth: What was added each month of the last half year; None when nothing is known.
        problem: Why nothing is known, in words; None when something is.
        everywhere: Reads of every object each year, instead of what is known; None to go by that.
    """

    only_copies: frozenset[str] = frozenset()
    reads_per_year: Mapping[str, int] = field(default_factory=dict)
    recently_read: frozenset[str] = frozenset()
    growth: Growth | None = None
    problem: str | None = None
    everywhere: int | None = None

    def reads_of(self, key: str) -> int:
        """Return how often an object is read from S3 each year."""
        return self.reads_per_year.get(key, 0) if self.everywhere is None else self.everywhere


def known_use(cache_dir: Path, side: str, *, now: datetime) -> KnownUse:
    """Look into the catalog of a cache.

    Args:
        cache_dir: The pipeline's cache directory.
        side: The remote side; see `catalog.catalog.remote_side`.
        now: With time zone; what counts as recent ends here.
    """
    path = catalog_path(cache_dir)
    if not path.is_file():
        return KnownUse(problem=f"there is no catalog in {cache_dir}")
    try:
        with Catalog(path, bucket=side, read_only=True, timeout_s=_PATIENCE_S) as catalog:
            return _look(catalog, now)
    except CreativeS3Error as error:
        return KnownUse(problem=f"the catalog cannot be read: {error.message}")


def _look(catalog: Catalog, now: datetime) -> KnownUse:
    cold = {cache_key: key for key, cache_key, _, _, is_cold in catalog.assigned_rows() if is_cold}
    today = now.astimezone(UTC).date()
    year_ago = (today - timedelta(days=DAYS_PER_YEAR)).isoformat()
    rows = catalog.database.rows(
        "SELECT cache_key, sum(uses), max(day), (SELECT min(day) FROM access) FROM access WHERE day > ?"
        " GROUP BY cache_key",
        (year_ago,),
    )
    recent_from = (today - timedelta(days=90)).isoformat()
    reads: dict[str, int] = defaultdict(int)
    recent = set()
    for cache_key, uses, last_day, first_day in rows:
        key = cold.get(cache_key)
        if key is None:
            continue
        since = datetime.fromisoformat(max(first_day, year_ago)).date()
        reads[key] += round(uses * DAYS_PER_YEAR / max((today - since).days + 1, 1))
        if last_day >= recent_from:
            recent.add(key)
    return KnownUse(frozenset(cold.values()), dict(reads), frozenset(recent), _growth(catalog, now))


def _growth(catalog: Catalog, now: datetime) -> Growth | None:
    since = (now.astimezone(UTC).date() - timedelta(days=_GROWTH_DAYS)).isoformat()
    (size_bytes,) = catalog.database.row(
        "SELECT sum(size_bytes) FROM (SELECT max(size_bytes) AS size_bytes, max(created_at) AS created_at"
        " FROM asset GROUP BY file_path) WHERE created_at >= ?",
        (since,),
    ) or (None,)
    if not size_bytes:
        return None
    monthly = round(size_bytes * _DAYS_PER_MONTH / _GROWTH_DAYS)
    source = f"{monthly / 2**20:,.1f} MiB a month, as the catalog saw in the last 26 weeks"
    return Growth(monthly_bytes=monthly, source=source)
