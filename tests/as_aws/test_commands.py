"""What else a user of AWS does: a bucket made, large uploads continued, tiers, discovery, doctor."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.as_aws.names import ACCELERATED, NEW_REGION
from tests.faults.programme import Answer, Hold, Rule, Way
from tests.faults.workshop import KIB, PART, a_cache, kill, unfinished

if TYPE_CHECKING:
    from pathlib import Path

    from tests.as_aws.conftest import Opens

MIB = 1 << 20


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """A workspace whose files are in the cache directory, so that they may leave it."""
    cache = tmp_path / "studio" / "cache"
    entries = {}
    for number, size_bytes in enumerate((20 * KIB, 17 * MIB)):
        path = cache / "scenes" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(secrets.token_bytes(size_bytes))
        entries[f"scene-{number}"] = {
            "cache_key": f"scene-{number}",
            "file_path": f"cache/scenes/{path.name}",
            "semantic_metadata": {"asset_type": "scene_background", "region": "US", "season": "fall"},
            "created_at": "2025-03-01T09:00:00",
        }
    (cache / "index.json").write_text(json.dumps({"semantic_assets": entries}))
    return cache.parent


@pytest.mark.parametrize("engine", ["auto", "classic"])
def test_a_large_upload_that_was_killed_is_continued_from_its_finished_parts(
    opened: Opens, tmp_path: Path, engine: str
) -> None:
    cache = a_cache(tmp_path / "studio", 10 * KIB, 30 * MIB)
    office = opened(cache.directory)
    office.bed.end.follow(Rule(Hold(Way.UP, MIB), PART, host=f"{office.bucket}.*", skip=1))
    before = office.bed.end.struck
    process = office.program.start("migrate", "upload", "--engine", engine)
    office.bed.end.until_struck(before + 1)
    office.until_sent(1, "UploadPart")
    kill(process)
    office.bed.end.follow()
    assert unfinished(office.bed.s3, office.bucket) == [cache.key_of("01.png")]

    assert office.program("migrate", "upload", "--engine", engine).code == 0

    assert office.stored() == cache.content
    assert unfinished(office.bed.s3, office.bucket) == []
    assert office.sent("CreateMultipartUpload") == 1
    assert office.sent("UploadPart", status=200) == 4


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", NEW_REGION])
def test_a_bucket_is_made_checked_and_set_up_at_its_own_host(
    opened_on_moto: Opens, tmp_path: Path, region: str
) -> None:
    office = opened_on_moto(
        tmp_path,
        region,
        bucket=f"as-aws-{secrets.token_hex(6)}",
        is_made=False,
        S3_USE_ACCELERATE="true",
    )
    program, bucket = office.program, office.bucket

    made = program("bucket", "create", bucket, "--yes", "--json")
    again = program("bucket", "create", bucket, "--yes")
    applied = program("bucket", "apply", "--yes", "--json")
    checked = {check["name"]: check for check in program("bucket", "check", "--json").data["checks"]}

    assert made.code == 0, made.err
    assert again.code == 8
    assert "the bucket exists already" in again.err
    assert applied.code == 0, applied.err
    for name in ("region", "versioning", "encryption", "TLS only", "public access", "acceleration"):
        assert checked[name]["status"] == "ok", checked[name]
    location = office.bed.s3.get_bucket_location(Bucket=bucket)["LocationConstraint"]
    assert location == (None if region == "us-east-1" else region)
    assert office.hosts_seen() == {f"{bucket}.s3.{region}.amazonaws.com"}


def test_files_leave_the_disk_and_come_back(opened: Opens, scenes: Path) -> None:
    office = opened(scenes, NEW_REGION)
    before = {path.name: path.read_bytes() for path in (scenes / "cache" / "scenes").iterdir()}
    assert office.program("migrate", "upload").code == 0

    away = office.program("tiers", "demote", "scene-0", "scene-1", "--yes", "--json")
    gone = sorted((scenes / "cache" / "scenes").glob("*.png"))
    back = office.program("tiers", "promote", "scene-0", "scene-1", "--json")

    assert away.code == 0, away.err
    assert gone == []
    assert back.code == 0, back.err
    assert {path.name: path.read_bytes() for path in (scenes / "cache" / "scenes").iterdir()} == before
    assert office.hosts_seen() == {f"{office.bucket}.s3.{NEW_REGION}.amazonaws.com"}


def test_another_machine_discovers_what_is_there_and_fetches_it(
    opened: Opens, scenes: Path, tmp_path: Path
) -> None:
    first = opened(scenes)
    assert first.program("migrate", "upload").code == 0
    (tmp_path / "other" / "cache").mkdir(parents=True)
    (tmp_path / "other" / "cache" / "index.json").write_text("{}")
    other = opened(tmp_path / "other", bucket=first.bucket, is_made=False)

    found = other.program("assets", "discover", "--sync", "--json")
    back = other.program("tiers", "promote", "scene-0", "scene-1")

    assert found.code == 0, found.err
    assert back.code == 0, back.err
    for name in ("0.png", "1.png"):
        here, there = (place / "cache" / "scenes" / name for place in (tmp_path / "other", scenes))
        assert here.read_bytes() == there.read_bytes()
    assert other.hosts_seen() == {other.host}


def test_doctor_finds_all_well(opened: Opens, scenes: Path) -> None:
    office = opened(scenes)
    assert office.program("migrate", "upload").code == 0

    ended = office.program("doctor", "--json")

    assert ended.code == 0, ended.out
    checks = {check["name"]: check for check in ended.data["checks"]}
    for name in (
        "credentials",
        "endpoint",
        "bucket",
        "list",
        "read",
        "write",
        "conditional writes",
        "checksums",
    ):
        assert checks[name]["status"] == "ok", checks[name]
    assert "https://s3.eu-central-1.amazonaws.com" in checks["endpoint"]["detail"]
    assert office.hosts_seen() == {office.host}


def test_acceleration_that_is_switched_off_at_the_bucket_is_an_error_of_the_settings(
    opened: Opens, scenes: Path
) -> None:
    """S3's words of it are a plain InvalidRequest (AWS: "Getting started with Transfer Acceleration")."""
    office = opened(scenes, S3_USE_ACCELERATE="true")
    words = "S3 Transfer Acceleration is not configured on this bucket"
    off = Answer(400, "InvalidRequest", message=words)
    office.bed.end.follow(Rule(off, host=f"*{ACCELERATED}"))

    for engine in ("auto", "classic"):
        ended = office.program("migrate", "upload", "--engine", engine)
        assert ended.code == 4, ended.err
        assert "Transfer Acceleration is off at this bucket" in ended.err
        assert "creative-s3 bucket accelerate on" in ended.err
