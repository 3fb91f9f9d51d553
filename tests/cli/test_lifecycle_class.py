"""`lifecycle class` from the command line, on a real server: plan, price, yes, proof, what S3 has then."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.inside import Inside

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

PREFIX = "creative-assets"
KEYS = {
    f"{PREFIX}/composites/spring/soap/1x1/a.png": 200_000,
    f"{PREFIX}/composites/fall/soap/1x1/b.png": 1_000,
    f"{PREFIX}/products/original/dish-soap/soap/c.png": 300_000,
    f"{PREFIX}/foreign.bin": 400_000,
}


@pytest.fixture
def cli(server_env: dict[str, str], tmp_path: Path, s3: S3Client, bucket: str) -> Inside:
    for key, size_bytes in KEYS.items():
        s3.put_object(Bucket=bucket, Key=key, Body=b"x" * size_bytes, ChecksumAlgorithm="CRC64NVME")
    (tmp_path / "cache").mkdir()
    cli = Inside(server_env, tmp_path)
    assert cli("assets", "discover", "--sync", "-q").code == 0
    return cli


def classes(s3: S3Client, bucket: str) -> dict[str, str]:
    found = s3.list_objects_v2(Bucket=bucket)["Contents"]
    return {one["Key"]: one["StorageClass"] for one in found if one["StorageClass"] != "STANDARD"}


def test_a_dry_run_shows_the_price_and_changes_nothing(cli: Inside, s3: S3Client, bucket: str) -> None:
    result = cli("lifecycle", "class", "--type", "composite", "--to", "STANDARD_IA", "--dry-run", "--json")
    assert (result.code, result.data["objects"], result.data["size_bytes"]) == (0, 2, 201_000)
    assert result.data["bill"]["requests"] == {"CopyObject": 2, "HeadObject": 4, "GetObject": 1}
    # us-east-1: 2 copies at .01, 2 HEADs at STANDARD's .0004 and 2 at STANDARD_IA's .001, per 1,000; a GET at
    # STANDARD_IA's .001, because this server has not shown yet that it stores.
    assert float(result.data["bill"]["price"]) == pytest.approx(0.0000238)
    assert (result.data["dearer_objects"], classes(s3, bucket)) == (1, {})


def test_the_report_compares_what_was_sent_with_the_plan(cli: Inside, s3: S3Client, bucket: str) -> None:
    result = cli("lifecycle", "class", "--type", "composite", "--to", "STANDARD_IA", "--yes", "--json")
    assert result.code == 0
    assert (result.data["changed"], result.data["proofs"]) == (2, {"checksum": 1, "read-back": 1})
    assert result.data["sent"]["requests"] == result.data["bill"]["requests"]
    assert result.data["sent"]["total"] == result.data["bill"]["total"]
    assert classes(s3, bucket) == {key: "STANDARD_IA" for key in KEYS if "/composites/" in key}


def test_a_person_sees_region_date_and_what_is_left_out(cli: Inside) -> None:
    result = cli("lifecycle", "class", f"{PREFIX}/foreign.bin", "--to", "GLACIER_IR", "--dry-run")
    assert result.code == 0
    assert "AWS us-east-1, prices of 2026-09-29" in result.out
    assert "Not in these figures:" in result.out
    assert "pays for 90 days" in result.err


@pytest.mark.parametrize(
    ("options", "ends"),
    [
        (("--campaign", "spring"), {"a.png"}),
        (("--prefix", f"{PREFIX}/f"), {"foreign.bin"}),
        (("--type", "product", "--type", "composite", "--larger", "100KB"), {"a.png", "c.png"}),
        (("--larger", "0"), {"a.png", "b.png", "c.png"}),
        (("--campaign", "fall", "--prefix", f"{PREFIX}/f"), {"foreign.bin", "b.png"}),
        ((f"{PREFIX}/foreign.bin", "--prefix", f"{PREFIX}/products"), {"foreign.bin", "c.png"}),
    ],
)
def test_objects_are_chosen_by_name_and_by_what_they_are(
    cli: Inside, options: tuple[str, ...], ends: set[str]
) -> None:
    result = cli("lifecycle", "class", *options, "--to", "STANDARD_IA", "--dry-run", "-q")
    assert (result.code, {key.rsplit("/", 1)[1] for key in result.out.splitlines()}) == (0, ends)


def test_names_come_from_another_command(cli: Inside, s3: S3Client, bucket: str) -> None:
    key = f"{PREFIX}/foreign.bin"
    result = cli("lifecycle", "class", "-", "--to", "ONEZONE_IA", "--yes", "-q", stdin=f"{key}\n".encode())
    assert (result.code, result.out, classes(s3, bucket)) == (0, f"{key}\n", {key: "ONEZONE_IA"})


def test_without_a_terminal_and_without_yes_nothing_happens(cli: Inside, s3: S3Client, bucket: str) -> None:
    result = cli("lifecycle", "class", "--type", "composite", "--to", "STANDARD_IA")
    assert (result.code, classes(s3, bucket)) == (2, {})
    assert "--yes" in result.err


def test_nothing_chosen_is_a_usage_error(cli: Inside) -> None:
    result = cli("lifecycle", "class", "--to", "STANDARD_IA")
    assert result.code == 2
    assert "nothing is chosen" in result.err


def test_the_published_index_stays_in_its_class(cli: Inside, s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}/metadata/index.json", Body=b"{}")
    result = cli("lifecycle", "class", f"{PREFIX}/metadata/index.json", "--to", "GLACIER", "--yes")
    assert result.code == 8
    assert "published index" in result.err


def test_what_is_in_the_class_already_is_left(cli: Inside) -> None:
    result = cli("lifecycle", "class", "--type", "composite", "--to", "STANDARD", "--yes", "--json")
    assert (result.code, result.data["objects"], result.data["already_there"]) == (0, 0, 2)


def test_a_missing_name_is_told_and_the_others_are_changed(cli: Inside, s3: S3Client, bucket: str) -> None:
    key = f"{PREFIX}/foreign.bin"
    result = cli("lifecycle", "class", key, "nobody", "--to", "STANDARD_IA", "--yes", "--json")
    assert result.code == 3
    assert [one["code"] for one in result.data["failed"]] == ["object-not-found"]
    assert classes(s3, bucket) == {key: "STANDARD_IA"}


def test_the_catalog_follows_so_that_nothing_is_uploaded_again(
    server_env: dict[str, str], workspace: Path, s3: S3Client, bucket: str
) -> None:
    cli = Inside(server_env, workspace)
    assert cli("migrate", "upload", "--yes", "-q").code == 0
    changed = cli("lifecycle", "class", "--type", "product", "--to", "GLACIER_IR", "--yes", "--json")
    assert changed.code == 0
    assert changed.data["changed"] == len(classes(s3, bucket)) > 0
    plan = json.loads(cli("migrate", "upload", "--dry-run", "--json").out)["data"]
    assert plan["upload_files"] == 0
    assert cli("migrate", "validate", "--deep").code == 0


def test_an_asset_that_is_chosen_and_was_never_stored_or_is_gone_is_told(
    server_env: dict[str, str], workspace: Path, s3: S3Client, bucket: str
) -> None:
    cli = Inside(server_env, workspace)
    assert cli("migrate", "upload", "--yes", "-q").code == 0
    plan = cli("lifecycle", "class", "--type", "product", "--to", "STANDARD_IA", "--dry-run", "--json")
    gone, *others = [
        one["key"] for one in cli("assets", "list", "--asset-type", "product", "--json").data["objects"]
    ]
    s3.delete_object(Bucket=bucket, Key=gone)
    again = cli("lifecycle", "class", "--type", "product", "--to", "STANDARD_IA", "--yes", "--json")
    assert again.code == 3
    assert again.data["objects"] == plan.data["objects"] - 1
    assert [one["code"] for one in again.data["failed"]] == ["object-not-found"]
    assert sorted(classes(s3, bucket)) == sorted(others)


def test_names_and_a_choice_together_are_a_usage_error(cli: Inside) -> None:
    result = cli("lifecycle", "class", "a", "--type", "product", "--to", "STANDARD_IA")
    assert result.code == 2
    assert "both together" in result.err


def test_a_choice_that_no_asset_meets_says_so_and_lists_nothing(cli: Inside) -> None:
    result = cli("lifecycle", "class", "--campaign", "sprung", "--to", "STANDARD_IA")
    assert result.code == 5
    assert "no asset is like that" in result.err
    assert "spring" in result.err
