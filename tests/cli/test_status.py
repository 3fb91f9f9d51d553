"""`status`: one screen, whatever is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from creative_s3.cli.views import history as views_history
from creative_s3.cli.views import overview as views_overview
from creative_s3.core.catalog.runs import NOT_ENDED, Change, RunRecord
from creative_s3.core.catalog.statistics import Holding, LibraryStatistics
from creative_s3.core.overview.overview import BucketSide, Overview, steps_of
from creative_s3.core.published.team import IndexVersion
from creative_s3.errors import TemporaryError
from tests.cli.inside import Inside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG = "a-very-long-name-" * 8


def run(exit_code: int = 0, failed: int = 0, **failures: int) -> RunRecord:
    return RunRecord(
        command="migrate upload",
        bucket="aws|b|p",
        started_at="2026-11-22T11:00:00+00:00",
        duration_s=65.0,
        exit_code=exit_code,
        files=123_456,
        size_bytes=7 << 30,
        failed=failed,
        requests={"PutObject": 123_456, "ListObjectsV2": 124},
        number=1234,
        price="0.6172",
        created=5,
        replaced=3,
        failures=failures,
    )


def overview(**more: object) -> Overview:
    known: dict[str, object] = {
        "cache_dir": Path("/work") / LONG,
        "library": LibraryStatistics(kinds={"product": Holding(hot=3, hot_bytes=300, cold=1, missing=2)}),
        "problem": None,
        "unplaced": 7,
        "bucket": BucketSide(
            f"s3://{LONG}/p",
            120,
            1 << 40,
            (
                IndexVersion("v2", NOW, 10, LONG, added=("a.b",)),
                IndexVersion("v1", NOW, 9, None, is_first=True),
            ),
        ),
        "runs": (run(NOT_ENDED), run(3, 2, changed=2)),
        "distribution": "E1",
        "unannounced": 4,
        **more,
    }
    return Overview(**known)  # type: ignore[arg-type]


def shown(view: RenderableType, width: int) -> list[str]:
    console = Console(width=width, legacy_windows=False)
    with console.capture() as captured:
        console.print(view)
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_the_screens_fit(width: int) -> None:
    changes = [Change(1234, f"p/{LONG}.png", replaced=True), Change(1234, "p/b.png", replaced=False)]
    for view in (
        views_overview.overview(overview()),
        views_overview.watched(overview()),
        views_history.Runs([run(), run(NOT_ENDED), run(3, 2)]),
        views_history.one_run(run(3, 2, changed=2), changes),
        views_history.team(overview().bucket.versions),
    ):
        lines = shown(view, width)
        assert max(map(len, lines)) <= width
        assert len(lines) <= 30
    table = shown(views_history.Runs([run(3, 2)]), width)
    assert not any("…" in line for line in table)
    assert "3, 2 failed" in table[1]


def test_what_is_to_be_done_comes_in_the_order_of_its_urgency() -> None:
    assert [step.command for step in steps_of(overview(runs=(run(3, 2),)))] == [
        "creative-s3 migrate upload",
        "creative-s3 migrate upload --dry-run",
        "creative-s3 assets discover",
        "creative-s3 cdn invalidate --changed",
    ]
    promoted = replace(run(3, 1), command="tiers promote", number=7)  # without names it does nothing
    assert steps_of(overview(runs=(promoted,)))[0].command == "creative-s3 migrate history 7"
    broken = BucketSide("s3://b/p", problem=TemporaryError("no answer"))
    assert steps_of(overview(bucket=broken))[0].command == "creative-s3 doctor"
    fine = overview(
        unplaced=0, unannounced=0, runs=(run(),), library=LibraryStatistics(kinds={"product": Holding(hot=1)})
    )
    assert steps_of(fine) == ()
    assert "nothing to do" in " ".join(shown(views_overview.overview(fine), 80))


@pytest.fixture
def env(server_env: dict[str, str]) -> Mapping[str, str]:
    return server_env


def test_without_a_bucket_that_answers_the_rest_is_shown(env: Mapping[str, str], workspace: Path) -> None:
    gone = Inside({**env, "S3_BUCKET_NAME": "no-such-bucket-here"}, workspace)
    result = gone("status", "--json")
    assert result.code == 0
    assert result.data["cache"]["hot"] > 0
    assert "does not exist" in result.data["bucket"]["problem"]
    assert result.data["next"][0]["command"] == "creative-s3 doctor"


def test_without_a_cache_the_reason_is_the_next_step(env: Mapping[str, str], tmp_path: Path) -> None:
    result = Inside(env, tmp_path)("status")
    assert result.code == 0
    assert "is missing" in result.out
    assert not list(tmp_path.iterdir())


def test_watching_needs_a_terminal(env: Mapping[str, str], workspace: Path) -> None:
    result = Inside(env, workspace)("status", "--watch")
    assert result.code == 2
    assert "needs a terminal" in result.err
