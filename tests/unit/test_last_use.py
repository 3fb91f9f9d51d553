"""When a file was used last: the latest of recorded use, `last_used` and last return; else its own times."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.assets.models import Asset, AssetType, SemanticMetadata
from creative_s3.core.catalog.asset_rows import AssetRecord
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.tiers.movements import Movement, Movements
from creative_s3.core.tiers.survey import survey_tiers
from creative_s3.core.tiers.tiers import HOT_DAYS, Evidence, TierFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def the_file(  # noqa: PLR0913 - all that tells of a use
    root: Path,
    *,
    used: Sequence[tuple[float, int]] = (),
    indexed: float | None = None,
    returned: float | None = None,
    written: float = 90,
    read: float = 90,
) -> TierFile:
    """Return the file of an asset of which so much is known; all numbers are days ago."""
    (root / "cache").mkdir()
    (root / "cache" / "index.json").write_text("{}")
    path = root / "cache" / "a.png"
    path.write_bytes(b"picture")
    os.utime(path, ((NOW - timedelta(days=read)).timestamp(), (NOW - timedelta(days=written)).timestamp()))
    last_used = None
    if indexed is not None:
        last_used = (NOW - timedelta(days=indexed)).astimezone().replace(tzinfo=None).isoformat()
    workspace = Workspace(root / "cache")
    with Catalog(catalog_path(workspace.cache_dir), bucket="b") as catalog:
        metadata = SemanticMetadata(AssetType.SCENE_BACKGROUND)
        asset = Asset("a", "cache/a.png", metadata=metadata, last_used=last_used)
        catalog.assets.put([AssetRecord(asset, "semantic_assets", "a")])
        for days, times in used:
            catalog.usage.record({"a": times}, {}, at=NOW - timedelta(days=days))
        if returned is not None:
            Movements(catalog.database).record([_return(NOW - timedelta(days=returned))])
        (file,) = survey_tiers(catalog, workspace, now=NOW).files
    return file


def _return(at: datetime) -> Movement:
    moment = at.isoformat(timespec="seconds")
    return Movement(
        1, "cache/a.png", moment, "promote", "tiers promote", "b", "a", "k", None, 7, "", 0, 0, ""
    )


@pytest.mark.parametrize(
    ("known", "days", "evidence"),
    [
        ({"used": [(5, 1)], "indexed": 20, "returned": 30}, 5, Evidence.ACCESS),
        ({"used": [(20, 1)], "indexed": 5, "returned": 30}, 5, Evidence.INDEX),
        ({"used": [(20, 1)], "indexed": 30, "returned": 5}, 5, Evidence.RETURN),
        ({"used": [(200, 1)]}, 200, Evidence.ACCESS),
        ({"indexed": 200}, 200, Evidence.INDEX),
    ],
)
def test_the_latest_record_counts_whatever_the_files_own_times_say(
    tmp_path: Path, known: dict[str, Any], days: float, evidence: Evidence
) -> None:
    file = the_file(tmp_path, **known)
    assert file.evidence is evidence
    assert file.idle_days(NOW) == pytest.approx(days)


@pytest.mark.parametrize(("written", "read"), [(40, 70), (70, 40)])
def test_where_nothing_is_recorded_the_later_of_the_files_times_counts(
    tmp_path: Path, written: float, read: float
) -> None:
    file = the_file(tmp_path, written=written, read=read)
    assert file.evidence is Evidence.FILE
    assert file.idle_days(NOW) == pytest.approx(40)


def test_uses_of_the_last_thirty_days_are_the_recent_ones(tmp_path: Path) -> None:
    file = the_file(tmp_path, used=[(0, 1), (HOT_DAYS, 2), (HOT_DAYS + 1, 4), (400, 8)])
    assert (file.uses, file.recent_uses) == (15, 3)
