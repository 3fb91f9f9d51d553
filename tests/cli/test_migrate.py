"""The `migrate` commands on a real server: exit code, stdout, stderr, then the bucket and the disk."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest
from boto3.s3.transfer import TransferConfig

from creative_s3.core.files.checksums import crc64nvme_of_file
from creative_s3.core.files.locks import exclusive
from tests.cli.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

FILES = 62
"""Distinct files in the sample workspace that its index names."""
INDEX_KEY = "creative-assets/metadata/index.json"


def stored(s3: S3Client, bucket: str) -> dict[str, bytes]:
    keys = [
        entry["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for entry in page.get("Contents", [])
    ]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def published(s3: S3Client, bucket: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=INDEX_KEY)["Body"].read())
    return document


def keys_and_files(cli: Program) -> dict[str, Path]:
    """What the plan says must lie under which key."""
    operations = cli("migrate", "plan", "--json").data["operations"]
    return {
        operation["key"]: cli.cwd / operation["file_path"]
        for operation in operations
        if operation["reason"] in {"new", "changed", "unchanged"}
    }


# -- upload


def test_upload_stores_every_file_under_its_own_key_and_publishes_the_index(
    cli: Program, s3: S3Client, bucket: str
) -> None:
    expected = keys_and_files(cli)
    result = cli("migrate", "upload")
    assert result.code == 0
    assert f"{FILES} files" in result.out
    assert "gone.png" in result.err
    objects = stored(s3, bucket)
    assert len(objects) == FILES + 1
    index = json.loads(objects.pop(INDEX_KEY))
    assert objects == {key: path.read_bytes() for key, path in expected.items()}
    own = json.loads((cli.cwd / "cache" / "index.json").read_text())
    assert set(index) == set(own)
    assert {entry["s3_key"] for entry in index["semantic_assets"].values() if "s3_key" in entry} <= set(
        objects
    )


def test_upload_sets_checksum_type_class_metadata_and_tags(cli: Program, s3: S3Client, bucket: str) -> None:
    assert cli("migrate", "upload", S3_STORAGE_CLASS="STANDARD_IA").code == 0
    expected = keys_and_files(cli)
    key = next(key for key in expected if "/composites/" in key and "/power-dish-soap/1x1/" in key)
    head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert head["ContentType"] == "image/png"
    assert head["StorageClass"] == "STANDARD_IA"
    assert head["Metadata"]["asset-type"] == "composite"
    campaign = head["Metadata"]["campaign-id"]
    assert key.split("/")[2] == campaign.lower()
    assert head["ChecksumCRC64NVME"] == crc64nvme_of_file(expected[key])
    tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    assert {"Key": "asset-type", "Value": "composite"} in tags
    assert {"Key": "campaign", "Value": campaign} in tags
    assert len(tags) <= 10


def test_a_rerun_with_nothing_changed_sends_no_put(cli: Program, s3: S3Client, bucket: str) -> None:
    assert cli("migrate", "upload").code == 0
    before = s3.list_objects_v2(Bucket=bucket)["Contents"]
    again = cli("migrate", "upload", "--json")
    assert again.code == 0
    assert again.data["uploaded"] == 0
    assert again.data["published"] is False
    assert "PutObject" not in again.data["requests"]
    assert s3.list_objects_v2(Bucket=bucket)["Contents"] == before


def test_a_rerun_without_the_catalog_proves_by_head_and_sends_no_put(cli: Program) -> None:
    assert cli("migrate", "upload").code == 0
    shutil.rmtree(cli.cwd / "cache" / ".creative-s3")
    again = cli("migrate", "upload", "--json")
    assert again.code == 0
    assert again.data["uploaded"] == 0
    assert "PutObject" not in again.data["requests"]


def test_a_changed_file_replaces_its_own_object_even_with_its_old_times(
    cli: Program, s3: S3Client, bucket: str
) -> None:
    assert cli("migrate", "upload").code == 0
    path = cli.cwd / "cache" / "products" / "power-dish-soap" / "product.png"
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    result = cli("migrate", "upload", "--json")
    assert result.code == 0
    assert result.data["counts"]["changed"] == 1
    assert result.data["uploaded"] == 1
    key = next(key for key, file in keys_and_files(cli).items() if file == path)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == bytes(content)


def test_the_dry_run_shows_the_plan_and_changes_nothing(cli: Program, s3: S3Client, bucket: str) -> None:
    result = cli("migrate", "upload", "--dry-run")
    assert result.code == 0
    assert f"{FILES} new" in result.out
    assert "$" in result.out
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    as_json = cli("migrate", "upload", "-n", "--json").data
    assert as_json["dry_run"] is True
    assert as_json["upload_files"] == FILES
    assert len([one for one in as_json["operations"] if one["reason"] == "new"]) == FILES


def test_missing_files_are_a_warning_and_with_strict_a_failure(
    cli: Program, s3: S3Client, bucket: str
) -> None:
    strict = cli("migrate", "upload", "--strict")
    assert strict.code == 3
    assert "gone.png" in strict.err
    assert len(stored(s3, bucket)) == FILES + 1
    assert cli("migrate", "upload").code == 0


def test_unindexed_files_are_named_and_uploaded_only_on_request(
    cli: Program, s3: S3Client, bucket: str
) -> None:
    plain = cli("migrate", "upload")
    assert "not_indexed.png" in plain.err
    assert cli("migrate", "upload", "--include-unindexed").code == 0
    key = "creative-assets/unsorted/scenes/not_indexed.png"
    assert stored(s3, bucket)[key] == (cli.cwd / "cache" / "scenes" / "not_indexed.png").read_bytes()
    assert cli("migrate", "upload", "--include-unindexed", "--json").data["uploaded"] == 0


def test_an_object_of_somebody_else_is_left_alone(cli: Program, s3: S3Client, bucket: str) -> None:
    key = "creative-assets/products/transparent/dish_soap/power-dish-soap/transparent.png"
    s3.put_object(Bucket=bucket, Key=key, Body=b"somebody else's", Metadata={"cache-key": "another-asset"})
    result = cli("migrate", "upload", "--json")
    assert result.code == 0
    objects = stored(s3, bucket)
    assert objects[key] == b"somebody else's"
    local = (cli.cwd / "cache" / "products" / "power-dish-soap" / "transparent.png").read_bytes()
    beside = [other for other in objects if other.startswith(key.removesuffix(".png") + "-")]
    assert [objects[other] for other in beside] == [local]
    assert cli("migrate", "validate").code == 0


def test_entries_that_lead_outside_are_refused_by_name_and_bad_ones_set_aside(
    cli: Program, s3: S3Client, bucket: str
) -> None:
    path = cli.cwd / "cache" / "index.json"
    document = json.loads(path.read_text())
    document["semantic_assets"]["thief"] = {
        "file_path": "../secrets.txt",
        "semantic_metadata": {"asset_type": "composite"},
    }
    document["semantic_assets"]["odd"] = {
        "file_path": "cache/x.png",
        "semantic_metadata": {"asset_type": "hologram"},
    }
    path.write_text(json.dumps(document))
    (cli.cwd.parent / "secrets.txt").write_text("secret")
    result = cli("migrate", "upload", "--json")
    assert result.code == 3
    problems = {problem["entry"]: problem for problem in result.data["problems"]}
    assert problems["semantic_assets.thief"]["kind"] == "refused"
    assert problems["semantic_assets.odd"]["kind"] == "quarantined"
    assert result.data["uploaded"] == FILES
    assert b"secret" not in stored(s3, bucket).values()


def test_another_machines_changes_in_the_published_index_survive(
    cli: Program, s3: S3Client, bucket: str
) -> None:
    assert cli("migrate", "upload").code == 0
    theirs = published(s3, bucket)
    name = next(iter(theirs["semantic_assets"]))
    theirs["semantic_assets"][name]["usage_count"] = 41
    theirs["semantic_assets"]["from-another-machine"] = {"file_path": "cache/other.png", "made_by": "them"}
    theirs["team_notes"] = ["keep me"]
    s3.put_object(Bucket=bucket, Key=INDEX_KEY, Body=json.dumps(theirs).encode())
    own = json.loads((cli.cwd / "cache" / "index.json").read_text())
    changed = next(entry for entry in own["semantic_assets"] if entry != name)
    own["semantic_assets"][changed]["tags_of_ours"] = ["new"]
    (cli.cwd / "cache" / "index.json").write_text(json.dumps(own))
    assert cli("migrate", "upload").code == 0
    merged = published(s3, bucket)
    assert merged["semantic_assets"][name]["usage_count"] == 41
    assert merged["semantic_assets"]["from-another-machine"]["made_by"] == "them"
    assert merged["team_notes"] == ["keep me"]
    assert merged["semantic_assets"][changed]["tags_of_ours"] == ["new"]


def test_what_another_machine_stored_for_the_same_asset_is_replaced_only_after_a_yes(
    cli: Program, s3: S3Client, bucket: str, tmp_path: Path
) -> None:
    other = Program(cli.env, tmp_path / "other-machine" / "workspace")
    shutil.copytree(cli.cwd, other.cwd)
    path = other.cwd / "cache" / "products" / "power-dish-soap" / "product.png"
    key = next(key for key, file in keys_and_files(other).items() if file == path)
    assert cli("migrate", "upload").code == 0
    time.sleep(2)  # S3 tells times in whole seconds
    path.write_bytes(path.read_bytes()[::-1])
    before = s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    refused = other("migrate", "upload")

    assert refused.code == 2
    assert "--yes" in refused.err
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == before
    dry = other("migrate", "upload", "--dry-run", "--json").data["operations"]
    assert [one["key"] for one in dry if one["replaces_unknown"]] == [key]
    assert other("migrate", "upload", "--yes").code == 0
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == path.read_bytes()
    assert cli("migrate", "validate").code == 7


def test_an_index_that_suddenly_names_nothing_is_never_read_as_deleted(cli: Program) -> None:
    assert cli("migrate", "upload").code == 0
    (cli.cwd / "cache" / "index.json").write_text("{}")
    for command in ("upload", "validate", "plan"):
        result = cli("migrate", command)
        assert result.code == 8
        assert "nothing is read as deleted" in result.err


def test_a_damaged_published_index_is_never_replaced(cli: Program, s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key=INDEX_KEY, Body=b"{ damaged")
    result = cli("migrate", "upload")
    assert result.code == 4
    assert INDEX_KEY in result.err
    assert s3.get_object(Bucket=bucket, Key=INDEX_KEY)["Body"].read() == b"{ damaged"


@pytest.mark.parametrize("engine", ["crt", "classic"])
def test_both_engines_end_in_the_same_bucket(cli: Program, s3: S3Client, bucket: str, engine: str) -> None:
    expected = keys_and_files(cli)
    assert cli("migrate", "upload", "--engine", engine).code == 0
    objects = stored(s3, bucket)
    del objects[INDEX_KEY]
    assert objects == {key: path.read_bytes() for key, path in expected.items()}


def test_the_guides_shortcuts_take_their_options(cli: Program, s3: S3Client, bucket: str) -> None:
    assert (
        cli("estimate", "--cache-dir", "cache", "--bucket", bucket, "--prefix", "creative-assets").code == 0
    )
    assert (
        cli("upload", "--cache-dir", "cache", "--bucket", bucket, "--prefix", "elsewhere", "--dry-run").code
        == 0
    )
    assert cli("upload", "--cache-dir", "cache", "--bucket", bucket, "--prefix", "elsewhere").code == 0
    assert all(key.startswith("elsewhere/") for key in stored(s3, bucket))
    assert cli("validate", "--cache-dir", "cache", "--bucket", bucket, "--prefix", "elsewhere").code == 0


# -- plan and estimate


def test_plan_writes_one_json_object_a_line(cli: Program) -> None:
    result = cli("migrate", "plan", "--output", "plan.jsonl")
    assert result.code == 0
    lines = [json.loads(line) for line in (cli.cwd / "plan.jsonl").read_text().splitlines()]
    assert {line["reason"] for line in lines} == {"new", "missing"}
    assert len(lines) == FILES + 1
    assert len({line["key"] for line in lines if line["reason"] == "new"}) == FILES


def test_quiet_prints_only_keys(cli: Program) -> None:
    result = cli("migrate", "plan", "-q")
    assert result.err == ""
    assert sorted(result.out.splitlines()) == sorted(keys_and_files(cli))


def test_the_estimate_needs_no_bucket_and_no_credentials(cli: Program) -> None:
    bare = Program(
        {name: value for name, value in cli.env.items() if not name.startswith(("S3_", "AWS_P"))}, cli.cwd
    )
    result = bare("migrate", "estimate", AWS_SHARED_CREDENTIALS_FILE="/nowhere")
    assert result.code == 0
    assert "DEEP_ARCHIVE" in result.out
    assert "no bucket is set" in result.err
    data = bare(
        "migrate", "estimate", "--json", "--region", "eu-west-1", AWS_SHARED_CREDENTIALS_FILE="/nowhere"
    ).data
    assert data["estimate"]["region"] == "eu-west-1"
    assert data["estimate"]["prices_as_of"]
    assert data["plan"]["upload_files"] == FILES


def test_the_estimate_after_an_upload_has_nothing_left_to_send(cli: Program) -> None:
    assert cli("migrate", "upload").code == 0
    data = cli("migrate", "estimate", "--json").data
    assert data["plan"]["upload_files"] == 0
    assert data["plan"]["counts"]["unchanged"] == FILES


def test_the_estimate_says_what_the_guide_says_and_names_region_date_and_what_is_left_out(
    cli: Program,
) -> None:
    result = cli("estimate", "--cache-dir", "cache", COLUMNS="80")
    assert result.code == 0
    assert re.search(r"^Total to migrate: \d+\.\d\d MB in \d+ files", result.out, re.MULTILINE)
    assert re.search(r"^Estimated monthly cost: <?\$[\d.]+ in STANDARD", result.out, re.MULTILINE)
    for text in ("AWS us-east-1, prices of 2026-09-29", "Not in these figures:", "Best, read at once:", "█"):
        assert text in " ".join(result.out.split())
    assert max(map(len, result.out.splitlines())) <= 80


def test_the_estimate_takes_reads_and_egress(cli: Program) -> None:
    def month(*options: str) -> float:
        classes = cli("migrate", "estimate", "--json", *options).data["estimate"]["classes"]
        return float(next(one["monthly"] for one in classes if one["storage_class"] == "GLACIER_IR"))

    unread, read = month(), month("--reads-per-month", "2")
    assert unread < read < month("--reads-per-month", "2", "--egress", "reads")
    assert month("--egress", "100GiB") - unread == pytest.approx(9.0)
    assert cli("migrate", "estimate", "--egress", "much").code == 2


def test_the_report_compares_what_was_sent_with_the_plan(cli: Program) -> None:
    data = cli("migrate", "upload", "--json").data
    assert data["bill"]["requests"] == data["sent"]["requests"]
    assert data["bill"]["price"] == data["sent"]["price"]
    assert data["sent"]["requests"]["PutObject"] == FILES + 1


# -- validate


def test_validate_after_an_upload_ends_with_0(cli: Program) -> None:
    assert cli("migrate", "upload").code == 0
    result = cli("migrate", "validate")
    assert result.code == 0
    assert "has the same content" in result.out
    data = cli("migrate", "validate", "--json").data
    assert data["counts"]["matching"] == FILES
    assert data["requests"] == {"ListObjectsV2": 1}


def test_validate_before_any_upload_ends_with_7(cli: Program) -> None:
    result = cli("migrate", "validate")
    assert result.code == 7
    assert "missing in S3" in result.out


def test_validate_finds_an_object_of_the_same_size_that_another_client_overwrote(
    cli: Program, s3: S3Client, bucket: str
) -> None:
    assert cli("migrate", "upload").code == 0
    key, path = next(iter(keys_and_files(cli).items()))
    s3.put_object(Bucket=bucket, Key=key, Body=bytes(path.stat().st_size))
    result = cli("migrate", "validate")
    assert result.code == 7
    assert key.removeprefix("creative-assets/") in result.out
    assert cli("migrate", "validate", "-q").out.splitlines() == [key]


def test_validate_finds_a_deleted_object(cli: Program, s3: S3Client, bucket: str) -> None:
    assert cli("migrate", "upload").code == 0
    key = next(iter(keys_and_files(cli)))
    s3.delete_object(Bucket=bucket, Key=key)
    result = cli("migrate", "validate", "--json")
    assert result.code == 7
    assert [(one["state"], one["key"]) for one in result.data["findings"] if one["state"] != "missing"] == [
        ("missing-in-s3", key)
    ]


def test_another_clients_new_object_is_extra_and_survives(cli: Program, s3: S3Client, bucket: str) -> None:
    assert cli("migrate", "upload").code == 0
    s3.put_object(Bucket=bucket, Key="creative-assets/theirs.bin", Body=b"theirs")
    result = cli("migrate", "validate")
    assert result.code == 0
    assert "theirs.bin" in result.out
    assert cli("migrate", "upload").code == 0
    assert s3.get_object(Bucket=bucket, Key="creative-assets/theirs.bin")["Body"].read() == b"theirs"
    assert cli("migrate", "validate", "--strict").code == 7


def test_validate_sees_a_local_edit(cli: Program) -> None:
    assert cli("migrate", "upload").code == 0
    path = cli.cwd / "cache" / "products" / "power-dish-soap" / "product.png"
    path.write_bytes(path.read_bytes()[::-1])
    result = cli("migrate", "validate", "--json")
    assert result.code == 7
    assert [one["state"] for one in result.data["findings"]].count("different") == 1


@pytest.mark.parametrize("engine", ["crt", "classic"])
def test_deep_validation_asks_only_where_the_listing_has_no_md5(
    cli: Program, s3: S3Client, bucket: str, engine: str
) -> None:
    deep = ("migrate", "validate", "--deep", "--json", "--engine", engine)
    assert cli("migrate", "upload").code == 0
    data = cli(*deep).data
    assert data["counts"]["matching"] == FILES
    assert "HeadObject" not in data["requests"]

    (key, path), (other, _), *_ = keys_and_files(cli).items()
    s3.upload_file(
        str(path),
        bucket,
        key,
        ExtraArgs={"ChecksumAlgorithm": "CRC64NVME"},
        Config=TransferConfig(multipart_threshold=1),
    )
    assert s3.head_object(Bucket=bucket, Key=key)["ETag"].endswith('-1"')
    s3.put_object(Bucket=bucket, Key=other, Body=bytes(path.stat().st_size))
    result = cli(*deep)
    assert result.code == 7
    assert result.data["requests"]["HeadObject"] == 2
    assert result.data["counts"]["matching"] == FILES - 1
    different = [one["key"] for one in result.data["findings"] if one["state"] == "different"]
    assert different == [other]


def test_an_object_without_our_checksum_is_compared_all_the_same(
    cli: Program, s3: S3Client, bucket: str
) -> None:
    assert cli("migrate", "upload").code == 0
    key, path = next(iter(keys_and_files(cli).items()))
    s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), ChecksumAlgorithm="CRC32")
    assert cli("migrate", "validate").code == 0


# -- what can be wrong


def test_without_credentials_it_says_so(cli: Program) -> None:
    env = {name: value for name, value in cli.env.items() if not name.startswith("AWS_")}
    bare = Program({**env, "AWS_EC2_METADATA_DISABLED": "true"}, cli.cwd)
    result = bare("migrate", "upload")
    assert result.code == 4
    assert "credentials" in result.err
    assert result.out == ""
    assert bare("migrate", "upload", "--json").envelope["error"]["code"] == "credentials"


def test_a_wrong_secret_ends_with_4(cli: Program, tmp_path: Path) -> None:
    result = cli(
        "migrate",
        "upload",
        AWS_PROFILE="",
        AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "none"),
        AWS_ACCESS_KEY_ID="AKIAWRONG",
        AWS_SECRET_ACCESS_KEY="canary-secret-wrong",  # noqa: S106 - a canary
    )
    assert result.code == 4
    assert "canary" not in result.err + result.out


def test_a_missing_bucket_ends_with_5_and_its_name(cli: Program) -> None:
    result = cli("migrate", "upload", "--bucket", "no-such-bucket-here")
    assert result.code == 5
    assert "no-such-bucket-here" in result.err
    error = cli("migrate", "upload", "--bucket", "no-such-bucket-here", "--json").envelope["error"]
    assert error["code"] == "bucket-not-found"
    assert error["hint"]


def test_an_unknown_host_ends_with_4_and_names_the_setting(cli: Program) -> None:
    result = cli("migrate", "upload", "--endpoint-url", "https://no-such-host.invalid")
    assert result.code == 4
    assert "no-such-host.invalid" in result.err


def test_a_server_that_is_down_ends_with_9(cli: Program) -> None:
    result = cli("migrate", "upload", "--endpoint-url", "http://127.0.0.1:9")
    assert result.code == 9
    assert "127.0.0.1:9" in result.err


def test_plain_http_to_another_machine_is_refused_unless_allowed(cli: Program) -> None:
    result = cli("migrate", "upload", "--endpoint-url", "http://s3.example.invalid")
    assert result.code == 8
    assert "--insecure-endpoint" in result.err
    allowed = cli("migrate", "upload", "--endpoint-url", "http://s3.example.invalid", "--insecure-endpoint")
    assert allowed.code == 4


def test_a_broken_index_ends_with_4_line_and_column_and_is_not_touched(cli: Program) -> None:
    path = cli.cwd / "cache" / "index.json"
    path.write_text('{\n  "products": {,\n')
    result = cli("migrate", "upload")
    assert result.code == 4
    assert "line 2, column 16" in result.err
    assert path.read_text() == '{\n  "products": {,\n'


@pytest.mark.parametrize("command", ["upload", "validate", "plan", "estimate"])
def test_an_empty_or_missing_cache_is_never_read_as_deleted(cli: Program, command: str) -> None:
    (cli.cwd / "empty").mkdir()
    for name in ("empty", "no-such-directory"):
        result = cli("migrate", command, "--cache-dir", f"{name}/cache" if name == "empty" else name)
        assert result.code == 8
        assert "nothing is read as deleted" in result.err


def test_a_cache_whose_files_are_all_gone_is_refused(cli: Program) -> None:
    assert cli("migrate", "upload").code == 0
    for part in ("products", "scenes", "text", "layouts"):
        shutil.rmtree(cli.cwd / "cache" / part, ignore_errors=True)
    shutil.rmtree(cli.cwd / "output")
    result = cli("migrate", "upload")
    assert result.code == 8


def test_two_runs_on_one_cache_the_second_ends_with_6(cli: Program) -> None:
    with exclusive(cli.cwd / "cache" / ".creative-s3" / "lock"):
        result = cli("migrate", "upload")
    assert result.code == 6
    assert "process" in result.err
    assert cli("migrate", "upload").code == 0
