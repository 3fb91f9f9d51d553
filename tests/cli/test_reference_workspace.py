"""The main job on the workspace that the pipeline's own code wrote, where it lies beside the checkout."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from tests.cli.program import Program

FILES = 49
KILLS = 20


def objects_of(s3: S3Client, bucket: str) -> dict[str, bytes]:
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {entry["Key"]: s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in listed}


def test_the_plan_finds_49_files_one_missing_and_one_unindexed(reference_cli: Program) -> None:
    data = reference_cli("migrate", "plan", "--json").data
    nothing = dict.fromkeys(("changed", "unchanged", "cold", "refused"), 0)
    assert data["counts"] == {"new": FILES, "missing": 1, **nothing}
    new = [operation for operation in data["operations"] if operation["reason"] == "new"]
    assert len({operation["key"] for operation in new}) == FILES
    assert len({operation["file_path"] for operation in new}) == FILES
    assert [
        operation["cache_key"] for operation in data["operations"] if operation["reason"] == "missing"
    ] == ["gone_background"]
    assert data["unindexed"] == ["cache/scenes/not_indexed.jpg"]
    assert data["problems"] == []


def test_upload_rerun_and_validation(reference_cli: Program, s3: S3Client, bucket: str) -> None:
    operations = reference_cli("migrate", "plan", "--json").data["operations"]
    index = (reference_cli.cwd / "cache" / "index.json").read_bytes()
    assert reference_cli("migrate", "upload").code == 0
    objects = objects_of(s3, bucket)
    assert len(objects) == FILES + 1
    for operation in operations:
        if operation["reason"] == "new":
            assert objects[operation["key"]] == (reference_cli.cwd / operation["file_path"]).read_bytes()
    assert (reference_cli.cwd / "cache" / "index.json").read_bytes() == index
    assert reference_cli("migrate", "upload", "--json").data["uploaded"] == 0
    assert reference_cli("migrate", "validate").code == 0
    assert reference_cli("migrate", "validate", "--deep").code == 0


def test_names_in_japanese_and_french_come_back_exactly(
    reference_cli: Program, s3: S3Client, bucket: str
) -> None:
    assert reference_cli("migrate", "upload").code == 0
    listed = reference_cli("assets", "list", "--metadata", "--json", "--max-results", "100").data
    text = json.dumps(listed, ensure_ascii=False)
    assert "日本の石けん" in text
    assert "crème-éclat-shampooing" in text
    published = json.loads(objects_of(s3, bucket)["creative-assets/metadata/index.json"])
    assert published["products"]["日本の石けん"]["name"] == "日本の石けん"
    assert published["products"]["crème-éclat-shampooing"]["name"] == "Crème Éclat Shampooing"


def test_killed_twenty_times_a_rerun_ends_complete(reference_cli: Program, s3: S3Client, bucket: str) -> None:
    chance = random.Random(7)  # noqa: S311 - moments of a test
    started = time.monotonic()
    reference_cli("migrate", "plan", "--json")
    usual_s = time.monotonic() - started
    for _ in range(KILLS):
        process = reference_cli.start("migrate", "upload")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=usual_s * chance.uniform(0.5, 1.5))
        process.kill()
        process.wait()
        for victim in chance.sample(sorted(objects_of(s3, bucket)), k=min(4, len(objects_of(s3, bucket)))):
            s3.delete_object(Bucket=bucket, Key=victim)  # leaves work for the next round
    assert reference_cli("migrate", "upload").code == 0
    assert len(objects_of(s3, bucket)) == FILES + 1
    assert reference_cli("migrate", "validate").code == 0
    assert reference_cli("migrate", "validate", "--deep").code == 0
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
