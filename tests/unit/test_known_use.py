"""What the catalog knows of a bucket's objects, for lifecycle rules and simulations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.lifecycle.known_use import known_use

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 26, 15, tzinfo=UTC)
SIDE = "aws|bucket|creative-assets"


def with_assets(cache_dir: Path) -> None:
    """A catalog of a cold asset that is read, a cold one that is not, and a hot one that is read, too."""
    with Catalog(catalog_path(cache_dir), bucket=SIDE) as catalog:
        with catalog.database.transaction() as database:
            for name, is_cold, age_days in (("read", 1, 10), ("unread", 1, 400), ("hot", 0, 20)):
                database.execute("INSERT INTO assigned VALUES (?, ?, ?)", (SIDE, name, f"k/{name}"))
                database.execute(
                    "INSERT INTO asset (section, entry, field, source, cache_key, file_path, kind,"
                    " asset_type, slug_is_derived, is_cold, size_bytes, created_at) VALUES"
                    " ('semantic_assets', ?, 'f', 's', ?, 'cache/' || ?, 'composite', 'composite', 0, ?,"
                    " 182000, ?)",
                    (name, name, name, is_cold, (NOW - timedelta(days=age_days)).isoformat()),
                )
        for days_ago in (72, 36, 0):
            catalog.usage.record({"read": 1, "hot": 5}, {}, at=NOW - timedelta(days=days_ago))


def test_only_cold_assets_are_only_copies_and_read_from_s3(tmp_path: Path) -> None:
    with_assets(tmp_path)
    use = known_use(tmp_path, SIDE, now=NOW)
    assert use.problem is None
    assert use.only_copies == {"k/read", "k/unread"}
    assert use.reads_of("k/read") == 15  # three in 73 days
    assert use.reads_of("k/unread") == use.reads_of("k/hot") == use.reads_of("k/other") == 0


def test_growth_is_what_came_in_the_last_half_year(tmp_path: Path) -> None:
    with_assets(tmp_path)
    growth = known_use(tmp_path, SIDE, now=NOW).growth
    assert growth is not None
    assert growth.monthly_bytes == round(2 * 182_000 / 182 * 365 / 12)


def test_looking_changes_nothing_and_without_a_catalog_that_is_said(tmp_path: Path) -> None:
    assert "there is no catalog" in (known_use(tmp_path, SIDE, now=NOW).problem or "")
    assert list(tmp_path.iterdir()) == []
    catalog_path(tmp_path).parent.mkdir()
    catalog_path(tmp_path).write_bytes(b"no catalog at all" * 100)
    assert "cannot be read" in (known_use(tmp_path, SIDE, now=NOW).problem or "")


def test_another_bucket_knows_nothing_of_these(tmp_path: Path) -> None:
    with_assets(tmp_path)
    assert known_use(tmp_path, "aws|other|creative-assets", now=NOW).only_copies == frozenset()
