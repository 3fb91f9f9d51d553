"""The numbers of a library."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.assets.models import Asset, AssetType, SemanticMetadata
from creative_s3.core.catalog.asset_rows import AssetRecord
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.database import Database
from creative_s3.core.catalog.places import NOWHERE
from creative_s3.core.catalog.runs import RunRecord
from creative_s3.core.catalog.statistics import (
    CampaignSize,
    Holding,
    LibraryStatistics,
    Week,
    library_statistics,
    statistics_of,
)
from creative_s3.core.catalog.usage import DOWNLOADS, HITS, MISSES, UPLOADS, Tally
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SIDE = "aws|my-bucket|creative-assets"
TODAY = date(2026, 1, 1)
"""A Thursday, in the first week of its year, which began in the old one."""
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "catalog.sqlite3", bucket=SIDE) as catalog:
        yield catalog


def row(  # noqa: PLR0913 - a row has many sides
    name: str,
    size_bytes: int | None = 100,
    *,
    kind: AssetType = AssetType.COMPOSITE,
    campaign: str | None = None,
    created_at: str | None = None,
    is_cold: bool = False,
    section: str = "semantic_assets",
    file: str | None = None,
) -> AssetRecord:
    asset = Asset(
        name,
        file or f"cache/{name}.png",
        SemanticMetadata(kind),
        campaign_id=campaign,
        product_slug="soap",
        created_at=created_at,
    )
    return AssetRecord(asset, section, name, size_bytes=size_bytes, is_cold=is_cold)


def numbers(catalog: Catalog, *, weeks: int = 3) -> LibraryStatistics:
    return library_statistics(catalog, today=TODAY, weeks=weeks)


def test_an_empty_library_has_nothing_and_a_rate_that_prints(catalog: Catalog) -> None:
    empty = numbers(catalog)
    assert (empty.total, empty.kinds, empty.campaigns, empty.runs) == (Holding(), {}, (), ())
    stats = empty.to_dict()
    assert f"Cache Hit Rate: {stats['cache_hit_rate']}%" == "Cache Hit Rate: 0.0%"


def test_assets_are_hot_cold_or_missing(catalog: Catalog) -> None:
    catalog.assets.put(
        [
            row("hot", 10),
            row("cold", 20, is_cold=True),
            row("unknown size", None, is_cold=True),
            row("gone", None),
            row("red", 40, kind=AssetType.SOLID_BACKGROUND),
        ]
    )
    counted = numbers(catalog)
    assert counted.kinds == {
        "background": Holding(hot=1, hot_bytes=40),
        "composite": Holding(hot=1, hot_bytes=10, cold=2, cold_bytes=20, missing=1),
    }
    assert counted.total.assets == 5
    assert list(counted.kinds) == ["background", "composite"]


def test_a_product_and_the_entry_of_its_picture_are_one_asset(catalog: Catalog) -> None:
    picture = "cache/products/soap.png"
    product, alone = AssetType.PRODUCT_TRANSPARENT, "cache/products/alone.png"
    when = "2025-12-31T10:00:00"
    catalog.assets.put(
        [
            row("product:soap", 7, kind=product, section="products", file=picture, created_at=when),
            row("soap-cut-out", 7, kind=product, file=picture, campaign="spring", created_at=when),
            row("product:alone", 5, kind=product, section="products", file=alone, created_at=when),
        ]
    )
    counted = numbers(catalog)
    assert counted.kinds == {"product": Holding(hot=2, hot_bytes=12)}
    assert counted.campaigns == (CampaignSize("spring", 1, 7),)
    assert counted.weeks[-1].assets == 2


def test_the_biggest_campaigns_come_first_and_no_more_than_ten(catalog: Catalog) -> None:
    catalog.assets.put(
        [row(f"{number}", 10 * number, campaign=f"c{number:02}") for number in range(12)]
        + [row("more", 1000, campaign="c03", is_cold=True), row("none", 9999)]
    )
    campaigns = numbers(catalog).campaigns
    assert len(campaigns) == 10
    assert campaigns[0] == CampaignSize("c03", 2, 1030)
    assert [campaign.campaign_id for campaign in campaigns[1:3]] == ["c11", "c10"]


def test_growth_counts_iso_weeks_up_to_the_current_one(catalog: Catalog) -> None:
    catalog.assets.put(
        [
            row("too old", created_at="2025-12-14T23:59:59"),
            row("monday", created_at="2025-12-15T00:00:00"),
            row("sunday", created_at="2025-12-21T23:59:59.999999"),
            row("now", created_at="2025-12-29"),
            row("zone", created_at="2026-01-04T23:00:00+00:00"),
            row("future", created_at="2026-01-05T00:00:00"),
        ]
    )
    weeks = numbers(catalog).weeks
    assert weeks == (Week(date(2025, 12, 15), 2), Week(date(2025, 12, 22), 0), Week(date(2025, 12, 29), 2))
    assert [week.name for week in weeks] == ["2025-W51", "2025-W52", "2026-W01"]


@pytest.mark.parametrize(
    "created_at", [None, "", "yesterday", "2025-12-99", "2025-12-2", "2025-12-xx", "0000-00-00", "9" * 50]
)
def test_a_time_that_is_none_counts_for_no_week(catalog: Catalog, created_at: str | None) -> None:
    catalog.assets.put([row("odd", created_at=created_at)])
    counted = numbers(catalog)
    assert sum(week.assets for week in counted.weeks) == 0
    assert counted.total.assets == 1


def test_the_hit_rate_is_in_percent_with_one_decimal(catalog: Catalog) -> None:
    catalog.usage.record({"a": 2}, {HITS: Tally(2), MISSES: Tally(1)}, at=NOW)
    catalog.usage.record({}, {UPLOADS: Tally(3, 30), DOWNLOADS: Tally(1, 5)}, at=NOW - timedelta(days=1))
    stats = numbers(catalog).to_dict()
    assert stats["cache_hit_rate"] == 66.7
    assert (stats["hits"], stats["misses"]) == (2, 1)
    assert (stats["uploads"], stats["uploaded_bytes"]) == (3, 30)
    assert (stats["downloads"], stats["downloaded_bytes"]) == (1, 5)
    assert stats["most_used"] == [{"cache_key": "a", "uses": 2, "last_at": "2026-01-01T12:00:00+00:00"}]


def test_remote_copies_count_in_this_bucket_or_in_any(catalog: Catalog) -> None:
    catalog.remember(assignments={"a": "k/a", "b": "k/b"})
    with Catalog(catalog.path, bucket="aws|other|x") as other:
        other.remember(assignments={"a": "x/a"})
        assert numbers(other).s3_assets == 1
    assert numbers(catalog).s3_assets == 2
    with Catalog(catalog.path, bucket=NOWHERE) as any_bucket:
        assert numbers(any_bucket).s3_assets == 2


def test_the_last_runs_come_newest_first(catalog: Catalog) -> None:
    for number in range(12):
        catalog.runs.end(
            RunRecord("migrate upload", SIDE, NOW.isoformat(), 1.5, 0, number, 10, 0, {"PutObject": number})
        )
    runs = numbers(catalog).to_dict()["last_runs"]
    assert [run["files"] for run in runs] == list(range(11, 1, -1))
    assert runs[0]["requests"] == {"PutObject": 11}


def test_the_numbers_are_plain_values(catalog: Catalog) -> None:
    catalog.assets.put([row("a", campaign="c", created_at="2025-12-31")])
    stats = numbers(catalog).to_dict()
    assert json.loads(json.dumps(stats)) == stats
    assert {"s3_assets", "cache_hit_rate", "downloads", "uploads"} <= stats.keys()
    assert stats["growth_by_week"][-1] == {"week": "2026-W01", "begins": "2025-12-29", "assets": 1}
    assert stats["by_kind"]["composite"]["assets"] == 1


class Watching(Database):
    """A database that notes how SQLite goes about each query."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, read_only=True)
        self.steps: list[str] = []

    def rows(self, query: str, values: Iterable[object] = ()) -> list[Any]:
        given = tuple(values)
        self.steps += [step[3] for step in super().rows(f"EXPLAIN QUERY PLAN {query}", given)]
        return super().rows(query, given)


def test_counting_reads_indexes_and_never_the_whole_table(catalog: Catalog) -> None:
    """A million rows are 500 MB: reading them all takes seconds on a good day and a minute on a bad one."""
    original, watching = catalog.database, Watching(catalog.path)
    catalog.database = watching
    numbers(catalog)
    catalog.database = original
    watching.close()
    scans = [step for step in watching.steps if {"asset", "other"} & set(step.split())]
    assert len(scans) >= 3
    for step in scans:
        assert (
            "COVERING INDEX asset_numbers" in step
            or "INDEX asset_product" in step
            or ("COVERING INDEX asset_file_path" in step)
        ), step


def test_the_catalog_is_brought_up_to_date_first(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "red.png").write_bytes(b"12345")
    entry = {
        "cache_key": "red",
        "file_path": "cache/red.png",
        "semantic_metadata": {"asset_type": "composite"},
    }
    (cache / "index.json").write_text(json.dumps({"semantic_assets": {"red": entry}}))
    assert statistics_of(cache).total == Holding(hot=1, hot_bytes=5)
    (cache / "index.json").write_text(
        json.dumps({"semantic_assets": {"red": entry, "blue": entry | {"cache_key": "blue"}}})
    )
    assert statistics_of(cache).total.assets == 2


def test_without_a_cache_directory_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no cache directory"):
        statistics_of(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
