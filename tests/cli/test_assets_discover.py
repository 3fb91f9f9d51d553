"""`assets discover` and `discover`: what a person and a script see, and what is there afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.inside import Inside

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from tests.cli.program import Program

PREFIX = "creative-assets"


@pytest.fixture
def first(reference_cli: Program) -> Program:
    """The machine that has all files, and has uploaded them."""
    assert reference_cli("migrate", "upload", "--yes").code == 0
    return reference_cli


@pytest.fixture
def second(server_env: dict[str, str], tmp_path: Path) -> Inside:
    """A machine without even a cache directory."""
    return Inside(server_env, tmp_path)


def index_of(machine: Inside | Program) -> bytes:
    return (machine.cwd / "cache" / "index.json").read_bytes()


def test_a_second_machine_sees_what_there_is_then_knows_it_and_lives_with_it(
    first: Program, second: Inside
) -> None:
    look = second("discover")
    assert (look.code, look.err.splitlines()[-1].split("  #")[0]) == (
        0,
        "→ creative-s3 assets discover --sync",
    )
    assert "new in S3" in look.out
    assert "To record:" in look.out
    assert not (second.cwd / "cache").exists()

    sync = second("assets", "discover", "--sync")
    assert (sync.code, "Nothing was downloaded" in sync.out) == (0, True)
    before = index_of(second)
    again = second("assets", "discover", "--sync", "--json")
    assert again.code == 0
    assert again.data["counts"]["known"]["objects"] == 49
    assert again.data["new_entries"] == 0
    assert again.data["requests"] == {"ListObjectsV2": 1, "GetObject": 1}
    assert index_of(second) == before

    plan = second("migrate", "plan", "--json")
    assert (plan.code, plan.data["counts"]["cold"], plan.data["counts"]["missing"]) == (0, 49, 0)
    upload = second("migrate", "upload")
    assert upload.code == 0
    assert "49 assets in S3 only" in upload.out
    validate = second("migrate", "validate", "--strict")
    assert validate.code == 0
    assert "Nothing is on disk, and all is in s3://" in validate.out
    assert "49 assets in S3 only" in validate.out
    estimate = second("migrate", "estimate", "--json")
    assert estimate.code == 0
    assert sum(kind["size_bytes"] for kind in estimate.data["plan"]["kinds"].values()) > 1_000_000
    alone = second("migrate", "plan", "--json", "--prefix", "elsewhere")
    assert alone.code == 8  # of another prefix nothing is known, and nothing is here

    got = second("assets", "download", "scene_summer_us_001", "--output", "got.jpg")
    assert got.code == 0
    theirs = first.cwd / "cache/scenes/us/summer/background.jpg"
    assert (second.cwd / "got.jpg").read_bytes() == theirs.read_bytes()
    assert first("migrate", "validate", "--strict").code in {0, 7}  # it lost a file of its own long ago


def test_quiet_prints_the_keys_that_a_sync_would_record(first: Program, second: Inside) -> None:
    keys = second("assets", "discover", "-q")
    assert (keys.code, keys.err) == (0, "")
    assert len(keys.out.splitlines()) == 49
    assert first("assets", "discover", "-q").out == ""


def test_the_machine_that_uploaded_everything_has_nothing_to_discover(first: Program) -> None:
    result = first("assets", "discover")
    assert (result.code, "knows everything" in result.out) == (0, True)
    assert result.err == ""


def test_what_cannot_become_an_entry_is_named_and_ends_a_sync_with_3(
    second: Inside, s3: S3Client, bucket: str
) -> None:
    outside = f"{PREFIX}/cache/layout/unspecified/outside.png"
    metadata = {"cache-key": "outside", "file-path": "../outside.png"}
    s3.put_object(Bucket=bucket, Key=outside, Body=b"x", Metadata=metadata)
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}/logs/today.txt", Body=b"x")
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}/backgrounds/solid/ff0000/red.png", Body=b"x")
    look = second("assets", "discover")
    assert look.code == 0
    assert "! 1 object refused and left out" in look.err
    assert "! 1 object under the prefix not of our layout, left out" in look.err
    sync = second("assets", "discover", "--sync", "--json")
    assert sync.code == 3
    found = {one["key"]: (one["standing"], one["detail"]) for one in sync.data["found"]}
    assert found[outside] == ("refused", "its metadata names a file outside the workspace, or none")
    assert found[f"{PREFIX}/logs/today.txt"] == ("foreign", "not of our layout")
    entries = json.loads(index_of(second))["semantic_assets"]
    assert list(entries) == ["s3:backgrounds/solid/ff0000/red.png"]


def test_a_cache_that_cannot_be_written_is_refused_before_anything_happens(
    second: Inside, s3: S3Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}/backgrounds/solid/ff0000/red.png", Body=b"x")
    cache = second.cwd / "cache"
    cache.write_text("a file", encoding="utf-8")
    result = second("assets", "discover", "--sync")
    assert result.code != 0
    assert "cache" in result.err
    assert cache.read_text(encoding="utf-8") == "a file"
