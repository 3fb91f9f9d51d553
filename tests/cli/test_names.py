"""Names on their way between commands: out of `assets find -q`, and into `-` of the others."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

import creative_s3
from tests.cli.inside import Inside
from tests.cli.program import Program
from tests.cli.test_assets import OURS, PREFIX, put

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SUMMER = "scene_summer_us_001"


@pytest.fixture
def cli(server_env: dict[str, str], workspace: Path) -> Inside:
    """The program in a copy of the sample workspace, with a bucket."""
    return Inside(server_env, workspace)


@pytest.fixture
def stocked(s3: S3Client, bucket: str) -> dict[str, str]:
    """A bucket with four assets: cache key -> key."""
    return {asset.cache_key: put(s3, bucket, asset, asset.cache_key.encode()) for asset in OURS}


# -- out of `assets find -q`


def odd(cli: Inside) -> None:
    index = cli.cwd / "cache" / "index.json"
    document = json.loads(index.read_text(encoding="utf-8"))
    for name in ("two\nlines", "-dash", " spaces ", "right-\u202eleft"):
        document["semantic_assets"][name] = {
            "cache_key": name,
            "file_path": "cache/x.png",
            "semantic_metadata": {"asset_type": "solid_background", "tags": ["odd"]},
        }
    index.write_text(json.dumps(document), encoding="utf-8")


def test_a_name_that_cannot_be_a_line_is_refused_and_where_to_get_it_is_told(cli: Inside) -> None:
    odd(cli)
    result = cli("assets", "find", "-q", "--tag", "odd")
    assert result.code == 3
    assert sorted(result.out.splitlines()) == [" spaces ", "-dash"]
    assert "2 names left out" in result.err
    assert "creative-s3 assets find -q --tag odd --json" in result.err
    whole = cli("assets", "find", "-q", "--tag", "odd", "--json").data["assets"]
    assert {one["cache_key"] for one in whole} > {"two\nlines", "right-\u202eleft"}
    for_people = cli("assets", "find", "--tag", "odd").out
    assert r"two\nlines" in for_people
    assert "\u202e" not in for_people


def test_the_search_stops_when_nobody_reads_on(workspace: Path) -> None:
    cli = Program({"PATH": os.defpath, "HOME": str(workspace)}, workspace)
    line = f"{sys.executable} -m creative_s3 assets find -q | head -n 1"
    done = subprocess.run(
        ["/bin/bash", "-c", f"{line}; echo ${{PIPESTATUS[0]}}"],
        env={**cli.env, "PYTHONPATH": str(Path(creative_s3.__file__).parents[1])},
        cwd=cli.cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "deadbeef01"
    assert done.stdout.splitlines()[1] in {"0", "141"}


def test_what_is_found_goes_through_a_pipe_into_other_commands(in_workspace: Program) -> None:
    cli = in_workspace
    assert cli("upload", "--yes", "-q").code == 0
    found = cli("assets", "find", "-q", "--type", "background", "--hot").out.splitlines()
    assert len(found) > 10
    line = f"{sys.executable} -m creative_s3"

    def piped(command: str) -> tuple[int, str, str]:
        done = subprocess.run(
            ["/bin/sh", "-c", f"{line} assets find -q --type background --hot | {line} {command}"],
            env=dict(cli.env),
            cwd=cli.cwd,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    code, out, err = piped("assets download - --output fetched -q")
    assert (code, err) == (0, "")
    keys = set(out.splitlines())
    assert len([path for path in (cli.cwd / "fetched").rglob("*") if path.is_file()]) == len(keys)
    whole = cli("assets", "find", "--type", "background", "--hot", "--json", "--max-results", "0").data
    assert {one["key"] for one in whole["assets"]} == keys

    code, out, err = piped("assets show - --json")
    assert (code, err) == (0, "")
    data = json.loads(out)["data"]
    assert {one["key"] for one in data["assets"]} == keys
    assert data["failed"] == []

    code, out, err = piped("assets url -")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == len(keys)
    assert all(address.startswith("http") for address in out.splitlines())


@pytest.fixture
def in_workspace(server_env: dict[str, str], workspace: Path) -> Program:
    """The program in the sample workspace, with a bucket."""
    return Program(server_env, workspace)


def test_an_asset_that_was_uploaded_has_its_key_and_is_cold_once_its_file_is_gone(
    server_env: dict[str, str], workspace: Path
) -> None:
    cli = Inside(server_env, workspace)
    assert cli("upload", "--yes", "-q").code == 0
    asset = cli("assets", "find", "--json", SUMMER).data["assets"][0]
    assert asset["key"].startswith("creative-assets/backgrounds/scene/us/summer/")
    Path(asset["path"]).unlink()
    assert cli("assets", "find", "--json", SUMMER).data["assets"][0]["place"] == "cold"
    bucket = server_env["S3_BUCKET_NAME"]
    for name in (asset["key"], f"s3://{bucket}/{asset['key']}", asset["key"].partition("/")[2]):
        assert cli("assets", "find", "--like", name, "--json").data["like"] in {
            SUMMER,
            "scene_summer_us_copy",
        }
    # Another prefix is another side: nothing is known of it.
    elsewhere = Inside({**server_env, "S3_PREFIX": "other"}, workspace)
    assert elsewhere("assets", "find", "--json", SUMMER).data["assets"][0]["key"] is None


# -- into the others


def test_show_and_url_take_several_names_and_names_from_standard_input(
    cli: Inside, stocked: dict[str, str]
) -> None:
    keys = [stocked["red"], stocked["hero"]]
    given = "\n".join(keys).encode()
    for arguments, stdin in ((keys, b""), (["-"], given), ([keys[0], "-"], keys[1].encode())):
        shown = cli("assets", "show", *arguments, "-q", stdin=stdin)
        assert (shown.code, shown.out.splitlines(), shown.err) == (0, keys, "")
        made = cli("assets", "url", *arguments, stdin=stdin)
        assert (made.code, made.err) == (0, "")
        assert [urlsplit(line).path.partition("/creative-assets")[2] for line in made.out.splitlines()] == [
            key.removeprefix(PREFIX) for key in keys
        ]
    data = cli("assets", "show", "-", "--json", stdin=given).data
    assert [one["key"] for one in data["assets"]] == keys
    assert data["assets"][0]["asset"]["cache_key"] == "red"
    data = cli("assets", "url", "-", "--json", stdin=given).data
    assert [one["key"] for one in data["addresses"]] == keys
    for_people = cli("assets", "show", *keys)
    assert sum(line.startswith("address") for line in for_people.out.splitlines()) == 2


@pytest.mark.parametrize("command", ["show", "url"])
def test_of_several_names_those_that_mean_nothing_are_told_and_the_others_done(
    cli: Inside, stocked: dict[str, str], command: str
) -> None:
    result = cli("assets", command, "nothing", stocked["red"], "-q")
    assert result.code == 5
    assert len(result.out.splitlines()) == 1
    assert "nothing" in result.err
    envelope = cli("assets", command, "nothing", stocked["red"], "--json").envelope
    assert [(failed["key"], failed["code"]) for failed in envelope["data"]["failed"]] == [
        ("nothing", "object-not-found")
    ]
    assert (envelope["ok"], envelope["error"]) == (False, None)


@pytest.mark.parametrize("command", ["show", "url", "download"])
def test_an_empty_standard_input_is_a_usage_error(cli: Inside, command: str) -> None:
    result = cli("assets", command, "-", "--json", stdin=b"\n\n")
    assert result.code == 2
    assert "standard input has no names" in result.envelope["error"]["message"]
    hint = f"creative-s3 assets find --campaign NAME -q | creative-s3 assets {command} -"
    assert result.envelope["error"]["hint"].startswith(hint)


def test_a_terminal_as_standard_input_is_a_usage_error(cli: Inside) -> None:
    mine, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "creative_s3", "assets", "show", "-"],
        env=dict(cli.env),
        cwd=cli.cwd,
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(mine)
    os.close(theirs)
    assert (done.returncode, done.stdout) == (2, "")
    assert "this is a terminal" in done.stderr
