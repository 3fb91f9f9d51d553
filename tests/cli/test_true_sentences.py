"""What the commands say of their success, and the codes that the history keeps: only what was checked."""

from __future__ import annotations

import json
import shlex
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from creative_s3.cli.run import Session

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from tests.cli.program import Program


def last_run(cli: Program) -> dict[str, object]:
    runs = cli("migrate", "history", "--json").data["runs"]
    return dict(runs[0])


def add_entry(cli: Program, name: str, file_path: str) -> None:
    path = cli.cwd / "cache" / "index.json"
    document = json.loads(path.read_text())
    document["semantic_assets"][name] = {
        "file_path": file_path,
        "semantic_metadata": {"asset_type": "composite"},
    }
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("again", [False, True])
def test_the_history_has_the_code_of_a_run_that_left_entries_out(cli: Program, *, again: bool) -> None:
    if again:
        assert cli("migrate", "upload").code == 0
    add_entry(cli, "thief", "../secrets.txt")
    assert cli("migrate", "upload").code == 3
    assert last_run(cli)["exit_code"] == 3


def test_the_history_has_the_code_of_a_strict_run(cli: Program) -> None:
    assert cli("migrate", "upload", "--strict").code == 3
    assert last_run(cli)["exit_code"] == 3
    assert cli("migrate", "upload").code == 0
    assert last_run(cli)["exit_code"] == 0


def test_the_history_has_the_code_of_a_change_of_classes_that_refused_some(cli: Program) -> None:
    assert cli("migrate", "upload").code == 0
    result = cli("lifecycle", "class", "no-such-asset", "gradient_elegant", "--to", "STANDARD_IA", "--yes")
    assert result.code == 3
    assert (last_run(cli)["command"], last_run(cli)["exit_code"]) == ("lifecycle class", 3)


def test_the_history_has_the_requests_and_the_price_that_the_report_had(cli: Program) -> None:
    keys = cli("migrate", "plan", "-q").out.split()
    for _ in range(2):
        report = cli("migrate", "upload", "--json").data
        assert last_run(cli)["requests"] == report["sent"]["requests"]
        assert Decimal(str(last_run(cli)["price"])) == Decimal(report["price"])
    for chosen in (keys[:3], ["--prefix", keys[0]]):
        report = cli("assets", "download", *chosen, "--output", "here", "--json").data
        assert last_run(cli)["requests"] == report["sent"]["requests"]


def test_a_validation_says_that_it_left_files_out(cli: Program) -> None:
    assert cli("migrate", "upload").code == 0
    plain = cli("migrate", "validate")
    assert plain.code == 0
    assert "Every file on disk" not in plain.out
    assert "Every file that index.json names is in s3://" in plain.out
    assert "that no entry names not compared (--include-unindexed)" in " ".join(plain.out.split())
    assert "Every file on disk" not in cli("migrate", "validate", "--strict").out
    differs = cli("migrate", "validate", "--include-unindexed")
    assert differs.code == 7
    assert "creative-s3 migrate upload --include-unindexed  # sends what is missing" in differs.err
    for look in (("estimate",), ("plan",), ("upload", "--dry-run")):
        hinted = cli("migrate", *look, "--include-unindexed").err
        assert "→ creative-s3 migrate upload --include-unindexed" in hinted
    sent = cli("migrate", "upload", "--include-unindexed")
    assert sent.code == 0
    assert "→ creative-s3 migrate validate --include-unindexed  # proves it once more" in sent.err
    whole = cli("migrate", "validate", "--include-unindexed")
    assert whole.code == 0
    assert "Every file on disk is in s3://" in whole.out


def test_a_link_that_is_wanted_and_cannot_be_sent_ends_upload_and_validate_with_3(
    cli: Program, s3: S3Client, bucket: str
) -> None:
    link = cli.cwd / "cache" / "scenes" / "linked.png"
    link.symlink_to("not_indexed.png")
    for command in ("upload", "validate"):
        result = cli("migrate", command, "--include-unindexed")
        assert result.code == 3
        assert "linked.png" in result.err
        assert "Every file on disk" not in result.out
    assert last_run(cli)["exit_code"] == 3
    assert not [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"] if "linked" in one["Key"]]
    assert cli("migrate", "validate").code == 0
    link.unlink()
    assert cli("migrate", "upload", "--include-unindexed").code == 0
    assert cli("migrate", "validate", "--include-unindexed").code == 0


def test_nothing_to_do_is_said_of_what_was_looked_at(cli: Program) -> None:
    assert cli("migrate", "upload").code == 0
    (cli.cwd / "cache" / "index.json").write_text('{"semantic_assets": {}}')
    add_entry(cli, "only", "cache/scenes/not_indexed.png")
    assert cli("migrate", "upload").code == 0
    dry = cli("migrate", "upload", "--dry-run")
    assert "Nothing to do: every file that index.json names is in the bucket already." in dry.out
    add_entry(cli, "thief", "../secrets.txt")
    dry = cli("migrate", "upload", "--dry-run")
    assert "Nothing to do for the files that can be used" in dry.out


def test_a_discovery_does_not_know_what_it_had_to_refuse(cli: Program, s3: S3Client, bucket: str) -> None:
    assert cli("migrate", "upload").code == 0
    s3.put_object(Bucket=bucket, Key="creative-assets/notes.txt", Body=b"foreign")
    result = cli("assets", "discover")
    assert "everything that is in the bucket but 1 object that are not of our layout" in result.out


@pytest.mark.parametrize(
    ("typed", "done"),
    [
        ("migrate upload --dry-run --strict", "migrate upload --strict"),
        ("tiers demote - -n", "tiers demote -"),
        ("tiers demote -nq0 -", "tiers demote -q0 -"),
        ("tiers demote -n -- -rf.png -name.png -n", "tiers demote -- -rf.png -name.png -n"),
        ("lifecycle set --name 'not -now' -n", "lifecycle set --name 'not -now'"),
        ("tiers manage --no-promote -n", "tiers manage --no-promote"),
    ],
)
def test_after_a_dry_run_the_same_command_without_that_is_named(typed: str, done: str) -> None:
    assert Session(tuple(shlex.split(typed))).in_earnest == f"creative-s3 {done}"
