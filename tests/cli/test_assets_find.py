"""`assets find`: exit code, stdout, stderr; nothing of it needs a bucket, credentials or a network."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import creative_s3
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.intake import turn
from creative_s3.core.catalog.places import catalog_path
from tests.cli.inside import Inside

if TYPE_CHECKING:
    from collections.abc import Callable

SUMMER = "scene_summer_us_001"


@pytest.fixture
def cli(workspace: Path) -> Inside:
    """The program in a copy of the sample workspace, without a bucket and without credentials."""
    return Inside({}, workspace)


def names(cli: Inside, *arguments: str) -> list[str]:
    result = cli("assets", "find", "-q", *arguments)
    assert (result.code, result.err) == (0, "")
    return result.out.splitlines()


# -- what is found


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--type", "solid_background", "2ec4b6"), ["solid_2EC4B6"]),
        (("--season", "holiday", "--region", "us", "--region", "APAC"), ["_apac_011", "_us_003"]),
        (("--style", "elegant", "--type", "gradient_background"), ["gradient_elegant"]),
        (("--category", "dish_soap", "--type", "background"), ["ctx_kitchen"]),
        (("--campaign", "holiday-2025", "--type", "cache"), ["c3d4e5f6"]),
        (("--product", "ultra-clean", "--tag", "ultra-clean"), ["ultra-clean-transparent"]),
        (("--aspect-ratio", "9:16", "--region", "LATAM"), ["fresh-mint-toothpaste-75ml_9x16"]),
        (("--larger", "18.5KiB", "--type", "composite"), ["éclat-shampooing_1x1", "power-dish-soap_1x1"]),
        (("scene", "holiday", "lat"), ["scene_holiday_latam_007", "scene_summer_latam_005"]),
        (("SUMMER latam-005",), ["scene_summer_latam_005"]),
        (("scene gone", "--hot"), []),
        (("--cold",), []),
        (("--older", "2025-03-01"), []),
        (("--older", "30d", "--unused-since", "2w", "--hot", "gradient elegant"), ["gradient_elegant"]),
    ],
)
def test_options_select(cli: Inside, arguments: tuple[str, ...], expected: list[str]) -> None:
    found = names(cli, *arguments)
    assert len(found) == len(expected)
    assert all(name.endswith(end) for name, end in zip(found, expected, strict=True))


def test_without_options_all_assets_are_listed_the_newest_first(cli: Inside) -> None:
    everything = names(cli)
    assert len(everything) == len(set(everything)) == 63
    result = cli("assets", "find")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].split() == ["Place", "Size", "Made", "Asset"]
    assert [line.split()[-1] for line in lines[1:-1:2]] == everything
    assert lines[-1] == "63 assets: 62 hot, 1 missing"
    assert next(line for line in lines if SUMMER in line).split()[:4] == ["hot", "13.6", "KiB", "2025-03-01"]


def test_as_json_there_is_everything_that_is_known(cli: Inside) -> None:
    data = cli("assets", "find", "--json", "--region", "US", "--season", "summer", "001").data
    assert (data["matches"], data["matches_is_exact"], data["unknown"]) == (1, True, [])
    asset: dict[str, Any] = data["assets"][0]
    path = cli.cwd / "cache" / "scenes" / "us" / "summer"
    assert Path(asset.pop("path")).is_relative_to(path)
    assert asset.pop("created_at").startswith("2025-03-01T")
    assert asset.pop("color_palette")
    assert asset.pop("size_bytes") > 10_000
    assert {name: asset[name] for name in ("cache_key", "key", "place", "kind", "campaign_id", "tags")} == {
        "cache_key": SUMMER,
        "key": None,
        "place": "hot",
        "kind": "background",
        "campaign_id": "summer_2025",
        "tags": ["outdoor"],
    }


def test_where_an_asset_is_the_disk_says(cli: Inside) -> None:
    names(cli)  # makes the catalog
    asset = cli("assets", "find", "--json", SUMMER).data["assets"][0]
    path = Path(asset["path"])
    path.rename(path.with_suffix(".away"))
    assert cli("assets", "find", "--json", SUMMER).data["assets"][0]["place"] == "missing"
    with closing(Catalog(catalog_path(cli.cwd / "cache"), bucket="b")) as catalog:
        catalog.assets.set_cold([SUMMER], is_cold=True)
    assert cli("assets", "find", "--json", SUMMER).data["assets"][0]["place"] == "cold"
    assert names(cli, "--cold") == [SUMMER]
    assert SUMMER not in names(cli, "--hot")
    path.symlink_to("/etc/hostname")
    shown = cli("assets", "find", SUMMER)
    assert shown.out.splitlines()[1].startswith("unusable")


def test_more_than_fit_are_counted_and_how_to_see_them_is_told(cli: Inside) -> None:
    index = cli.cwd / "cache" / "index.json"
    document = json.loads(index.read_text(encoding="utf-8"))
    for number in range(150):
        document["semantic_assets"][f"x{number}"] = {
            "cache_key": f"x{number}",
            "file_path": f"cache/x/{number}.png",
            "semantic_metadata": {"asset_type": "solid_background", "tags": ["many"]},
        }
    index.write_text(json.dumps(document), encoding="utf-8")
    result = cli("assets", "find", "--tag", "many")
    assert result.out.splitlines()[-1] == "The newest 100 of 150 assets: 100 missing"
    assert "creative-s3 assets find --tag many --max-results 0" in result.err
    assert cli("assets", "find", "--tag", "many", "--max-results", "0").err == ""
    assert len(cli("assets", "find", "--tag", "many", "--max-results", "0", "--json").data["assets"]) == 150
    assert len(cli("assets", "find", "--tag", "many", "--json").data["assets"]) == 100
    few = cli("assets", "find", "--tag", "many", "--max-results", "2")
    assert (len(few.out.splitlines()), few.err) == (6, "")
    # For another command, all of them unless somebody says how many.
    assert len(names(cli, "--tag", "many")) == 150
    assert len(names(cli, "--tag", "many", "--max-results", "2")) == 2


def test_nothing_found_is_no_error(cli: Inside) -> None:
    result = cli("assets", "find", "nothing-of-that-kind")
    assert (result.code, result.out, result.err) == (0, "Nothing matches\n", "")
    data = cli("assets", "find", "nothing-of-that-kind", "--json").data
    assert (data["matches"], data["assets"]) == (0, [])
    assert names(cli, "nothing-of-that-kind") == []


def test_a_value_that_no_asset_has_is_named_with_those_that_there_are(cli: Inside) -> None:
    result = cli("assets", "find", "--region", "UK", "--season", "sumer")
    assert (result.code, result.out) == (0, "Nothing matches\n")
    assert "no region 'UK'; there are US, EMEA, APAC, LATAM\n" in result.err
    assert "no season 'sumer'; there are none," in result.err
    assert "did you mean summer" in result.err
    envelope = cli("assets", "find", "--region", "UK", "--json").envelope
    assert envelope["data"]["unknown"][0]["value"] == "UK"
    assert envelope["warnings"] == ["no region 'UK'; there are US, EMEA, APAC, LATAM"]


def test_the_examples_of_the_help_work(cli: Inside) -> None:
    examples = cli("assets", "find", "--help").out.partition("Examples")[2].replace("\\\n", "")
    lines = [line.strip() for line in examples.splitlines() if line.strip().startswith("creative-s3")]
    assert len(lines) == 3
    for line in lines:
        result = cli(*shlex.split(line.partition("|")[0])[1:])
        assert (result.code, result.err) == (0, "")


# -- --like


def test_like_ranks_by_description_and_says_why(cli: Inside) -> None:
    result = cli("assets", "find", "--like", SUMMER, "--max-results", "3")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].split() == ["Score", "Place", "Size", "Made", "Asset"]
    assert lines[-1] == f"3 assets most like {SUMMER}"
    data = cli("assets", "find", "--like", SUMMER, "--max-results", "3", "--json").data
    assert (data["like"], data["is_exact"], data["weights"]["style"]) == (SUMMER, True, 0.25)
    found = data["assets"]
    assert [line.split()[-1] for line in lines[1:-1:3]] == [one["cache_key"] for one in found]
    assert SUMMER not in {one["cache_key"] for one in found}
    assert found[0]["season"] == "summer"
    assert found[0]["score"] >= found[1]["score"] >= found[2]["score"]
    assert all(sum(one["parts"].values()) == pytest.approx(one["score"], abs=0.001) for one in found)
    assert names(cli, "--like", SUMMER, "--max-results", "3") == [one["cache_key"] for one in found]
    assert len(names(cli, "--like", SUMMER)) == 20


def test_like_goes_with_all_other_options(cli: Inside) -> None:
    assert names(cli, "--like", SUMMER, "--season", "holiday", "--region", "APAC", "--region", "US") == [
        "scene_holiday_us_003",
        "scene_holiday_apac_011",
    ]
    nothing = cli("assets", "find", "--like", SUMMER, "--cold")
    assert (nothing.code, nothing.out) == (0, f"Nothing is like {SUMMER}\n")


@pytest.mark.parametrize("way", [Path.as_posix, lambda path: f"./{path}", lambda path: path.absolute()])
def test_like_takes_the_file_of_an_asset(cli: Inside, way: Callable[[Path], object]) -> None:
    path = Path(cli("assets", "find", "--json", SUMMER).data["assets"][0]["file_path"])
    os.chdir(cli.cwd)
    data = cli("assets", "find", "--like", str(way(path)), "--json").data
    assert data["like"] in {SUMMER, "scene_summer_us_copy"}
    # From within a folder of the workspace as well.
    inside = Inside({"CACHE_DIR": str(cli.cwd / "cache")}, (cli.cwd / path).parent)
    assert inside("assets", "find", "--like", path.name, "--json").data["like"] == data["like"]


@pytest.mark.parametrize("name", ["no such thing", "/etc/hostname", "../../x.png", "a\ud800"])
def test_like_nothing_that_is_known_ends_with_5(cli: Inside, name: str) -> None:
    result = cli("assets", "find", "--like", name, "--json")
    assert result.code == 5
    assert result.envelope["error"]["code"] == "object-not-found"
    assert "creative-s3 assets find" in result.envelope["error"]["hint"]


def test_like_an_asset_that_nothing_describes_is_a_usage_error(cli: Inside) -> None:
    result = cli("assets", "find", "--like", "a1b2c3d4")
    assert (result.code, result.out) == (2, "")
    assert "nothing describes this asset (text_overlay)" in result.err
    assert cli("assets", "find", "--like", SUMMER, "--max-results", "0").code == 2


# -- what it needs


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("--larger", "5x", "500KB, 5MB"),
        ("--larger", "", "500KB, 5MB"),
        ("--larger", "-1", "500KB, 5MB"),
        ("--older", "soon", "30d, 12h"),
        ("--older", "30", "30d, 12h"),
        ("--unused-since", "999999999w", "30d, 12h"),
        ("--unused-since", "2026-13-01", "30d, 12h"),
    ],
)
def test_sizes_and_times_that_are_none_are_usage_errors(
    cli: Inside, option: str, value: str, hint: str
) -> None:
    result = cli("assets", "find", f"{option}={value}")
    assert (result.code, result.out) == (2, "")
    assert option in result.err
    assert hint in result.err


def test_a_missing_cache_directory_is_a_matter_of_settings(tmp_path: Path) -> None:
    result = Inside({}, tmp_path)("assets", "find")
    assert (result.code, result.out) == (4, "")
    assert "the cache directory does not exist" in result.err
    assert "--cache-dir" in result.err
    assert list(tmp_path.iterdir()) == []


def test_an_empty_cache_has_nothing_and_gets_no_catalog(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    result = Inside({}, tmp_path)("assets", "find")
    assert (result.code, result.out) == (0, "Nothing matches\n")
    assert "there is no index.json" in result.err
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_changes_in_the_index_is_found_at_once(cli: Inside) -> None:
    index = cli.cwd / "cache" / "index.json"
    assert len(names(cli)) == 63
    document = json.loads(index.read_text(encoding="utf-8"))
    document["semantic_assets"][SUMMER]["semantic_metadata"]["region"] = "Antarctica"
    index.write_text(json.dumps(document), encoding="utf-8")
    assert names(cli, "--region", "antarctica") == [SUMMER]


def test_without_index_json_the_catalog_answers(cli: Inside) -> None:
    everything = names(cli)
    (cli.cwd / "cache" / "index.json").unlink()
    assert names(cli) == everything
    assert "there is no index.json" in cli("assets", "find").err


def test_an_unreadable_index_json_leaves_what_was_known_before(cli: Inside) -> None:
    everything = names(cli)
    (cli.cwd / "cache" / "index.json").write_text("{broken", encoding="utf-8")
    assert names(cli) == everything
    assert "index.json cannot be read, so this is what the catalog knew before" in cli("assets", "find").err
    catalog_path(cli.cwd / "cache").unlink()
    unknown = cli("assets", "find", "--json")
    assert (unknown.code, unknown.envelope["error"]["code"]) == (4, "index")


def test_while_another_process_writes_the_catalog_it_answers_with_what_it_knows(cli: Inside) -> None:
    everything = names(cli)
    index = cli.cwd / "cache" / "index.json"
    document = json.loads(index.read_text(encoding="utf-8"))
    del document["semantic_assets"][SUMMER]
    index.write_text(json.dumps(document), encoding="utf-8")
    with (
        closing(Catalog(catalog_path(cli.cwd / "cache"), bucket="b")) as catalog,
        catalog.database.transaction(),
    ):
        result = cli("assets", "find", "--json", "--max-results", "0")
    assert [one["cache_key"] for one in result.data["assets"]] == everything
    assert "this may be out of date" in result.envelope["warnings"][0]
    assert SUMMER not in names(cli)


@pytest.mark.permission_bits
def test_a_cache_that_cannot_be_written_has_its_catalog_elsewhere(workspace: Path, tmp_path: Path) -> None:
    cache = workspace / "cache"
    cache.chmod(0o555)
    try:
        cli = Inside({"XDG_STATE_HOME": str(tmp_path / "state")}, workspace)
        assert len(names(cli)) == 63
        assert not (cache / ".creative-s3").exists()
    finally:
        cache.chmod(0o755)


def test_neither_the_network_nor_boto_is_touched(workspace: Path) -> None:
    script = """
import socket, sys
def refuse(*_): raise AssertionError("the network was touched")
socket.socket.connect = socket.getaddrinfo = refuse
from creative_s3.cli.app import main
try:
    main(["assets", "find", "--like", "scene_summer_us_001", "--json"])
finally:
    print([name for name in ("boto3", "botocore", "awscrt") if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(Path(creative_s3.__file__).parents[1]),
            "HOME": str(workspace),
            "S3_BUCKET_NAME": "some-bucket",
            "AWS_PROFILE": "no-such-profile",
        },
        cwd=workspace,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_while_another_process_takes_the_index_in_what_was_known_is_shown(cli: Inside) -> None:
    assert names(cli, "gradient_elegant") == ["gradient_elegant"]
    index = cli.cwd / "cache" / "index.json"
    index.write_text(index.read_text().replace("gradient_elegant", "gradient_changed"))
    with turn(catalog_path(cli.cwd / "cache")):
        result = cli("assets", "find", "gradient_elegant", "--json")
    assert result.code == 0
    assert [found["cache_key"] for found in result.data["assets"]] == ["gradient_elegant"]
    assert "this may be out of date" in result.out
    assert names(cli, "gradient_changed") == ["gradient_changed"]
