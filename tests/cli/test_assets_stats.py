"""`assets stats`: the bucket on a real server, the library from the catalog, and either alone."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from creative_s3.cli.assets import views_stats
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.catalog.runs import RunRecord
from creative_s3.core.catalog.statistics import CampaignSize, Holding, LibraryStatistics, Week
from creative_s3.core.catalog.usage import HITS, MISSES, Access, Tally
from tests.cli.inside import Inside
from tests.cli.probe import run

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

PREFIX = "creative-assets"
ARCHIVED = f"{PREFIX}/composites/c1/soap/1x1/hero.png"
FOREIGN = f"{PREFIX}/products/by-hand.png"


@pytest.fixture
def cli(server_env: dict[str, str], workspace: Path) -> Inside:
    return Inside(server_env, workspace)


@pytest.fixture
def offline(cli: Inside) -> Inside:
    """Without a bucket."""
    env = {name: value for name, value in cli.env.items() if name != "S3_BUCKET_NAME"}
    return Inside({**env, "S3_BUCKET_NAME": ""}, cli.cwd)


@pytest.fixture
def stocked(s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key=ARCHIVED, Body=b"12345", StorageClass="GLACIER")
    s3.put_object(Bucket=bucket, Key=FOREIGN, Body=b"123")


def table(out: str) -> dict[str, list[str]]:
    """Return the rows of the first table by their first word."""
    return {line.split()[0]: line.split()[1:] for line in out.split("\n\n", maxsplit=1)[0].splitlines()}


def test_stats_counts_bucket_and_disk(cli: Inside, s3: S3Client, bucket: str) -> None:
    assert cli("upload", "--yes", "-q").code == 0
    s3.put_object(Bucket=bucket, Key=ARCHIVED, Body=b"12345", StorageClass="GLACIER")
    s3.put_object(Bucket=bucket, Key=FOREIGN, Body=b"123")
    result = cli("stats")
    assert (result.code, result.err) == (0, "")
    rows = table(result.out)
    assert rows["Kind"] == ["Objects", "In", "S3", "GLACIER", "STANDARD", "Files", "On", "disk"]
    assert rows["other"] == ["1", "3", "B", "0", "B", "3", "B", "0", "0", "B"]
    data = cli("stats", "--json").data
    objects = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert data["total"] == {"objects": len(objects), "size_bytes": sum(entry["Size"] for entry in objects)}
    assert data["by_storage_class"]["GLACIER"] == {"objects": 1, "size_bytes": 5}
    assert data["by_kind"]["index"]["objects"] == 1
    assert data["local"]["by_kind"]["composite"]["files"] == data["by_kind"]["composite"]["objects"] - 1
    assert "other 1 3" in cli("assets", "stats", "-q").out.splitlines()


def test_what_was_moved_is_counted(cli: Inside, tmp_path: Path) -> None:
    uploaded = cli("upload", "--yes", "--json").data
    (tmp_path / "red.png").write_bytes(b"12345")
    added = cli("assets", "upload", str(tmp_path / "red.png"), "--type", "solid_background", "-q")
    assert added.code == 0
    downloaded = cli(
        "download", "--prefix", f"{PREFIX}/composites/", "-o", str(tmp_path / "down"), "--json"
    ).data
    library = cli("stats", "--json").data["library"]
    assert (library["uploads"], library["uploaded_bytes"]) == (
        uploaded["uploaded"] + 1,
        uploaded["uploaded_bytes"] + 5,
    )
    assert (library["downloads"], library["downloaded_bytes"]) == (
        downloaded["downloaded"],
        downloaded["downloaded_bytes"],
    )
    last, middle, first = library["last_runs"]
    assert (middle["command"], middle["files"]) == ("assets upload", 1)
    assert (last["command"], last["files"], last["exit_code"]) == (
        "assets download",
        downloaded["downloaded"],
        0,
    )
    assert (first["command"], first["files"], first["exit_code"]) == (
        "migrate upload",
        uploaded["uploaded"],
        0,
    )
    assert first["requests"] == uploaded["sent"]["requests"]
    assert library["s3_assets"] >= uploaded["uploaded"]
    # Nothing new was moved: nothing is counted twice.
    assert cli("upload", "--yes", "-q").code == 0
    again = cli("stats", "--json").data["library"]
    assert (again["uploads"], again["downloads"]) == (library["uploads"], library["downloads"])


def test_a_failed_download_is_a_run_with_its_exit_code(cli: Inside, stocked: None, tmp_path: Path) -> None:  # noqa: ARG001
    assert cli("stats", "-q").code == 0  # makes the catalog
    done = cli("download", "no-such-key", FOREIGN, "-o", str(tmp_path / "down"))
    assert done.code != 0
    (run,) = cli("stats", "--json").data["library"]["last_runs"]
    assert (run["files"], run["failed"], run["exit_code"]) == (1, 1, done.code)


def test_downloading_without_a_cache_makes_none(cli: Inside, stocked: None, tmp_path: Path) -> None:  # noqa: ARG001
    elsewhere = Inside(cli.env, tmp_path / "elsewhere")
    elsewhere.cwd.mkdir()
    assert elsewhere("download", FOREIGN).code == 0
    assert [path.name for path in elsewhere.cwd.iterdir()] == ["by-hand.png"]


def test_stats_without_a_cache_counts_the_bucket_only(cli: Inside, stocked: None) -> None:  # noqa: ARG001
    result = cli("stats", "--cache-dir", "missing")
    assert (result.code, result.err) == (0, "")
    assert "On disk" not in result.out
    data = cli("stats", "--cache-dir", "missing", "--json").data
    assert (data["local"], data["library"]) == (None, None)
    assert data["total"]["objects"] == 2
    assert not (cli.cwd / "missing").exists()


def test_stats_with_a_broken_index_counts_the_bucket_and_warns(cli: Inside, stocked: None) -> None:  # noqa: ARG001
    (cli.cwd / "cache" / "index.json").write_text("{")
    result = cli("stats")
    assert result.code == 0
    assert table(result.out)["total"][0] == "2"
    assert "the local cache was not counted" in result.err


def test_stats_without_a_bucket_shows_the_library_and_says_so(offline: Inside) -> None:
    result = offline("stats")
    assert result.code == 0
    assert result.out.startswith("Library")
    assert "the bucket was not counted: no bucket is set" in result.err
    assert "S3_BUCKET_NAME" in result.err
    envelope = offline("stats", "--json").envelope
    assert envelope["data"]["total"] is None
    assert envelope["data"]["library"]["assets"] > 0
    assert envelope["warnings"] == ["the bucket was not counted: no bucket is set"]


def test_stats_while_s3_cannot_be_reached_shows_the_library(cli: Inside) -> None:
    result = cli("stats", "--endpoint-url", "http://127.0.0.1:9")
    assert result.code == 0
    assert result.out.startswith("Library")
    assert "the bucket was not counted" in result.err


def test_a_script_that_waits_for_the_buckets_lines_gets_no_others(offline: Inside) -> None:
    result = offline("stats", "-q")
    assert (result.code, result.out) == (4, "")


def test_the_local_numbers_need_no_settings_and_no_network(offline: Inside) -> None:
    result = offline("stats", "--local", "--endpoint-url", "http://127.0.0.1:9")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Library")
    lines = offline("assets", "stats", "--local", "-q").out.splitlines()
    assert {line.split()[0] for line in lines} >= {"product", "composite"}


def test_stats_of_another_cache(offline: Inside, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    library = offline("stats", "--local", "--cache-dir", str(tmp_path / "other"), "--json").data["library"]
    assert library["assets"] == 0


def test_without_a_bucket_and_a_cache_there_is_nothing_to_show(offline: Inside, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert offline("stats", "--cache-dir", missing).code == 4
    result = offline("stats", "--local", "--cache-dir", missing)
    assert (result.code, result.out) == (8, "")
    assert "there is no cache directory" in result.err


def test_a_damaged_catalog_leaves_the_bucket_to_be_counted(cli: Inside, stocked: None) -> None:  # noqa: ARG001
    path = catalog_path(cli.cwd / "cache")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"no database" * 1000)
    result = cli("stats")
    assert result.code == 0
    assert table(result.out)["total"][0] == "2"
    assert "the library was not counted: the catalog is damaged" in result.err


# -- the screen


def library(**more: object) -> LibraryStatistics:
    monday = date(2026, 6, 1)
    values: dict[str, object] = {
        "kinds": {
            "product": Holding(80_594, 161_659_757_885, 119_737, 239_749_640_580, 12),
            "composite": Holding(1_199_924, 2_401_003_672_854, 1_299_715, 2_600_689_481_148),
        },
        "s3_assets": 1_000_000,
        "tallies": {HITS: Tally(123_456), MISSES: Tally(3_211)},
        "campaigns": (
            CampaignSize("spring \x1b[31m2026", 32_834, 65_749_253_353),
            CampaignSize("日本の夏" * 20, 1, 1),
        ),
        "weeks": tuple(Week(monday + timedelta(weeks=number), number**2) for number in range(26)),
        "most_used": (("a-very-long-key/" * 8, Access(40, "2026-11-22T21:55:00+00:00")),),
        "runs": (RunRecord("assets download", "x", "2026-11-22T21:55:00+00:00", 99999.0, 130, 9, 99, 1, {}),),
    }
    return LibraryStatistics(**{**values, **more})  # type: ignore[arg-type]


def shown(numbers: LibraryStatistics, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), record=True, legacy_windows=False)
    console.print(views_stats.library(numbers))
    return [line.rstrip() for line in console.export_text().splitlines()]


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_fits(width: int) -> None:
    lines = shown(library(), width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    assert any("97.5% of 126,667 reads" in line for line in lines)


def test_the_chart_rises_to_its_highest_week_and_names_its_ends() -> None:
    lines = shown(library(), 80)
    start = lines.index("New assets a week, the last 26 weeks") + 1
    chart = lines[start : start + 6]
    assert chart[0].startswith("625 ")
    assert chart[0].endswith("█")
    assert chart[4].startswith("  0 ")
    assert chart[4].split()[1] == "▁"  # not nothing, so it shows
    assert chart[4][4] == " "  # nothing
    assert chart[5].split() == ["2026-W23", "2026-W48"]
    assert all(len(line) <= 80 for line in chart)


def test_what_there_is_nothing_of_takes_no_room() -> None:
    text = "\n".join(shown(LibraryStatistics(), 80))
    assert "No assets are known here" in text
    assert "no reads yet" in text
    for title in ("campaigns", "week", "Used most", "Last runs"):
        assert title not in text


def test_a_plain_locale_gets_an_ascii_chart(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    entry = {"file_path": "cache/a.png", "semantic_metadata": {"asset_type": "composite"}}
    today = date.today().isoformat()  # noqa: DTZ011 - as the pipeline writes it
    index = {"semantic_assets": {"a": {**entry, "cache_key": "a", "created_at": f"{today}T00:00:00"}}}
    (cache / "index.json").write_text(json.dumps(index))
    done = run("stats", "--local", "--cache-dir", str(cache), LC_ALL="C")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "#" in done.stdout.split("New assets a week")[1]


def test_the_cost_of_the_bucket_names_region_date_and_what_is_left_out(cli: Inside) -> None:
    assert cli("upload", "--yes", "-q").code == 0
    result = cli("assets", "stats", "--cost")
    assert result.code == 0
    for text in (
        "This bucket costs",
        "AWS us-east-1, prices of 2026-09-29",
        "Not in these figures:",
        "Campaign",
    ):
        assert text in result.out
    data = cli("stats", "--cost", "--json").data["cost"]
    assert float(data["monthly"]) == pytest.approx(
        sum(float(kind["monthly"]) for kind in data["by_kind"].values())
    )
    lines = cli("stats", "--cost", "-q").out.splitlines()
    assert {line.split()[0] for line in lines} == set(data["by_kind"])


def test_the_cost_cannot_be_known_without_asking(cli: Inside) -> None:
    assert cli("stats", "--cost", "--local").code == 2
