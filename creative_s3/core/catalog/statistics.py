"""`LibraryStatistics`: how big the library is and how it is used, from the catalog alone.

What the bucket itself holds is `core.storage.inventory`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.models import Kind
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.catalog.places import NOWHERE, catalog_path
from creative_s3.core.catalog.usage import DOWNLOADS, HITS, MISSES, UPLOADS, Access, Tally
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.core.files.workspace import Workspace
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from creative_s3.core.catalog.runs import RunRecord

WEEKS = 26
_TOP = 10
# A product and the semantic entry of its picture name one file: that is one asset, counted once. Everything
# is counted along the index asset_numbers, and these products, along asset_product, are taken off: asking
# for each of a million rows whether it is such a one would read the whole table.
_REPEATED = """
    section = 'products' AND EXISTS (
        SELECT 1 FROM asset other WHERE other.file_path = asset.file_path
        AND other.section <> 'products' AND other.kind IN ('product', 'background', 'composite')
    )
"""
_HOLDINGS = f"""
    WITH groups AS MATERIALIZED (
        SELECT kind, is_cold, campaign_id, count(*) AS assets, count(size_bytes) AS known,
            ifnull(sum(size_bytes), 0) AS bytes
        FROM asset GROUP BY kind, is_cold, campaign_id
        UNION ALL
        SELECT kind, is_cold, campaign_id, -count(*), -count(size_bytes), -ifnull(sum(size_bytes), 0)
        FROM asset WHERE {_REPEATED} GROUP BY +kind, +is_cold, +campaign_id
    )
    SELECT kind, is_cold, NULL, sum(assets), sum(known), sum(bytes) FROM groups GROUP BY kind, is_cold
    UNION ALL
    SELECT * FROM (
        SELECT NULL, NULL, campaign_id, sum(assets), 0, sum(bytes) FROM groups
        WHERE campaign_id IS NOT NULL GROUP BY campaign_id HAVING sum(assets) > 0
        ORDER BY sum(bytes) DESC, campaign_id LIMIT ?
    )
"""  # noqa: S608 - texts of our own; a plus before a column keeps SQLite to the index of the condition
_GROWTH = """
    SELECT CAST((julianday(substr(created_at, 1, 10)) - julianday(?)) / 7 AS INTEGER) AS week, count(*)
    FROM asset WHERE created_at >= ? AND created_at < ? AND {}
    GROUP BY week
"""  # what is no date has no Julian day


@dataclass(frozen=True, slots=True)
class Holding:
    """How many assets there are of something, and their bytes.

    Attributes:
        hot: On local disk when last looked at.
        hot_bytes: Of these.
        cold: In S3 only, and meant to be.
        cold_bytes: Of these.
        missing: Neither: the index names a file that is not there.
    """

    hot: int = 0
    hot_bytes: int = 0
    cold: int = 0
    cold_bytes: int = 0
    missing: int = 0

    @property
    def assets(self) -> int:
        """All of them."""
        return self.hot + self.cold + self.missing

    def __add__(self, other: Holding) -> Holding:
        return Holding(
            self.hot + other.hot,
            self.hot_bytes + other.hot_bytes,
            self.cold + other.cold,
            self.cold_bytes + other.cold_bytes,
            self.missing + other.missing,
        )


@dataclass(frozen=True, slots=True)
class CampaignSize:
    """What a campaign has.

    Attributes:
        campaign_id: Its name.
        assets: How many.
        size_bytes: Their size, wherever they are.
    """

    campaign_id: str
    assets: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Week:
    """What one week added.

    Attributes:
        begins: Its Monday.
        assets: Assets whose time of creation lies in it.
    """

    begins: date
    assets: int

    @property
    def name(self) -> str:
        """As ISO 8601 names it, such as ``2026-W07``."""
        year, number, _ = self.begins.isocalendar()
        return f"{year}-W{number:02}"


@dataclass(frozen=True, slots=True)
class LibraryStatistics:
    """The numbers of a library.

    Attributes:
        kinds: What there is of each kind that there is anything of.
        s3_assets: Assets with a remote copy.
        tallies: What was counted since the catalog was made, by `core.catalog.usage.HITS` and its like.
        campaigns: The biggest campaigns by bytes, the biggest first.
        weeks: The growth, the oldest week first; the last one is the current one.
        most_used: The assets used most, by cache key.
        runs: The last runs, the newest first.
    """

    kinds: Mapping[str, Holding] = field(default_factory=dict)
    s3_assets: int = 0
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    campaigns: tuple[CampaignSize, ...] = ()
    weeks: tuple[Week, ...] = ()
    most_used: tuple[tuple[str, Access], ...] = ()
    runs: tuple[RunRecord, ...] = ()

    @property
    def total(self) -> Holding:
        """What there is in all."""
        return sum(self.kinds.values(), Holding())

    @property
    def cache_hit_rate(self) -> float:
        """How many of 100 requests found the asset on local disk, to one decimal; 0.0 before the first."""
        hits, misses = self.tally(HITS).times, self.tally(MISSES).times
        return round(100 * hits / (hits + misses), 1) if hits + misses else 0.0

    def tally(self, what: str) -> Tally:
        """Return what was counted of `core.catalog.usage.HITS` or its like."""
        return self.tallies.get(what, Tally())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; sizes in bytes, times in ISO 8601, the hit rate in percent."""
        total = self.total
        return {
            "assets": total.assets,
            "s3_assets": self.s3_assets,
            "hot_assets": total.hot,
            "hot_bytes": total.hot_bytes,
            "cold_assets": total.cold,
            "cold_bytes": total.cold_bytes,
            "missing_files": total.missing,
            "cache_hit_rate": self.cache_hit_rate,
            "hits": self.tally(HITS).times,
            "misses": self.tally(MISSES).times,
            "uploads": self.tally(UPLOADS).times,
            "uploaded_bytes": self.tally(UPLOADS).size_bytes,
            "downloads": self.tally(DOWNLOADS).times,
            "downloaded_bytes": self.tally(DOWNLOADS).size_bytes,
            "by_kind": {
                kind: {"assets": holding.assets, **asdict(holding)} for kind, holding in self.kinds.items()
            },
            "biggest_campaigns": [asdict(campaign) for campaign in self.campaigns],
            "growth_by_week": [
                {"week": week.name, "begins": week.begins.isoformat(), "assets": week.assets}
                for week in self.weeks
            ],
            "most_used": [{"cache_key": name, **asdict(access)} for name, access in self.most_used],
            "last_runs": [run.to_dict() for run in self.runs],
        }


def statistics_of(cache_dir: Path, *, bucket: str = NOWHERE, emit: Emit = ignore) -> LibraryStatistics:
    """Bring a cache's catalog up to date with index.json, and gather its numbers. Offline.

    Args:
        cache_dir: The pipeline's cache directory.
        bucket: The remote side whose copies count; see `catalog.catalog.remote_side`. `NOWHERE` counts all.
        emit: Takes events.

    Raises:
        RefusedError: There is no such directory.
        IndexFileError: index.json cannot be read as an index.
        CatalogError: The catalog cannot be used.
    """
    workspace = Workspace(cache_dir)
    if not cache_dir.is_dir():
        raise RefusedError(
            "there is no cache directory",
            item=str(cache_dir),
            hint="pass --cache-dir DIR, or set CACHE_DIR in .env",
        )
    with Catalog(catalog_path(cache_dir), bucket=bucket) as catalog:
        take_in(catalog, workspace, emit=emit)
        emit(PhaseStarted("counting"))
        return library_statistics(catalog)


def library_statistics(
    catalog: Catalog, *, today: date | None = None, weeks: int = WEEKS
) -> LibraryStatistics:
    """Gather the numbers of a catalog; about two seconds for a million assets.

    Args:
        catalog: The catalog; it is only read. Remote copies in its bucket count, or in any if it has none.
        today: The last day of the growth; None is the current one, in UTC.
        weeks: How many weeks the growth has.

    Raises:
        CatalogError: The catalog cannot be used.
        TemporaryError: Another process holds it for too long.
    """
    kinds, campaigns = _holdings(catalog)
    return LibraryStatistics(
        kinds=kinds,
        campaigns=campaigns,
        s3_assets=_remote_copies(catalog),
        tallies=catalog.usage.totals(),
        weeks=_growth(catalog, today or datetime.now(UTC).date(), weeks),
        most_used=tuple(catalog.usage.most_used(_TOP)),
        runs=tuple(catalog.runs.last(_TOP)),
    )


def _holdings(catalog: Catalog) -> tuple[dict[str, Holding], tuple[CampaignSize, ...]]:
    found: dict[str, Holding] = {}
    campaigns = []
    for kind, is_cold, campaign_id, assets, known, size_bytes in catalog.database.rows(_HOLDINGS, (_TOP,)):
        if kind is None:
            campaigns.append(CampaignSize(campaign_id, assets, size_bytes))
        else:
            part = (
                Holding(cold=assets, cold_bytes=size_bytes)
                if is_cold
                else Holding(hot=known, hot_bytes=size_bytes, missing=assets - known)
            )
            found[kind] = found.get(kind, Holding()) + part
    return {kind: found[kind] for kind in Kind if kind in found and found[kind].assets}, tuple(campaigns)


def _remote_copies(catalog: Catalog) -> int:
    if catalog.bucket == NOWHERE:
        row = catalog.database.row("SELECT count(DISTINCT cache_key) FROM assigned")
    else:
        row = catalog.database.row("SELECT count(*) FROM assigned WHERE bucket=?", (catalog.bucket,))
    return int(row[0])


def _growth(catalog: Catalog, today: date, weeks: int) -> tuple[Week, ...]:
    this_week = today - timedelta(days=today.weekday())
    first = this_week - timedelta(weeks=weeks - 1)
    end = this_week + timedelta(weeks=1)
    begins = first.isoformat()
    values = (begins, begins, end.isoformat())
    counts = Counter(dict(catalog.database.rows(_GROWTH.format("1"), values)))
    counts.subtract(dict(catalog.database.rows(_GROWTH.format(_REPEATED), values)))
    return tuple(Week(first + timedelta(weeks=week), counts[week]) for week in range(weeks))
