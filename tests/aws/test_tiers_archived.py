"""Archived objects and AWS's own lifecycle rules in the tiers: what only AWS has, on moto."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse
from typer.testing import CliRunner

from creative_s3.cli.app import app
from creative_s3.core.catalog.catalog import ProvedObject
from creative_s3.core.catalog.usage import Tally
from creative_s3.core.s3.connection import connect
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.core.tiers.restoring import await_restores, plan_restores, request_restores
from creative_s3.core.tiers.tiers import Hold, Policy
from creative_s3.errors import RefusedError, UsageError
from creative_s3.settings import S3Config
from tests.s3.a_cache import ACache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from types_boto3_s3 import S3Client

BUCKET = "creative-assets-somewhere"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("S3_BUCKET_NAME", BUCKET)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client
        client.close()


@pytest.fixture
def cache(aws: S3Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ACache:
    """Three cold assets, proved as an upload would have: moto says nothing of a checksum when it stores."""
    made = ACache(tmp_path / "work", connect(S3Config.from_env(env_file=None, bucket_name=BUCKET)))
    for name in ("a", "b", "c"):
        made.add(name, os.urandom(2_000))
    with made.opened() as catalog:
        for name in made.contents:
            key = f"creative-assets/backgrounds/scene/us/fall/{name}.png"
            catalog.remember(assignments={name: key})
            archive(aws, made, name, "STANDARD")
            stored = made.store.head(key)
            assert stored is not None
            assert stored.crc64nvme is not None
            proved = ProvedObject(
                key,
                stored.size_bytes,
                stored.etag,
                stored.crc64nvme,
                stored.version_id,
                "STANDARD",
                name,
                "checksum",
                "2026-01-01T00:00:00+00:00",
            )
            catalog.remember(objects=[proved])
    made.wait_until_settled()
    monkeypatch.chdir(made.root)
    return made


def archive(aws: S3Client, cache: ACache, cache_key: str, storage_class: Any = "GLACIER") -> None:  # noqa: ANN401
    """Store an object again in another class, as a lifecycle rule would move it."""
    aws.put_object(
        Bucket=BUCKET,
        Key=cache.key(cache_key),
        Body=cache.contents[cache_key],
        StorageClass=storage_class,
        Metadata={"cache-key": cache_key},
        ChecksumAlgorithm="CRC64NVME",
    )


def run(*arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, arguments, input=stdin, env={"COLUMNS": "200"})
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_a_file_whose_copy_is_archived_stays(aws: S3Client, cache: ACache, storage_class: str) -> None:
    archive(aws, cache, "a", storage_class)
    report = cache.demote("a", engine="classic")
    assert [(item.done, item.hold) for item in report.settled] == [(False, Hold.ARCHIVED)]
    assert cache.path("a").exists()


def test_a_restored_copy_is_no_place_for_an_only_copy(aws: S3Client, cache: ACache) -> None:
    archive(aws, cache, "a")
    aws.restore_object(Bucket=BUCKET, Key=cache.key("a"), RestoreRequest={"Days": 1})
    assert cache.demote("a", engine="classic").demoted == 0


def test_an_archived_asset_is_restored_and_brought_back(aws: S3Client, cache: ACache) -> None:
    cache.demote(engine="classic")
    archive(aws, cache, "a")
    code, _, err = run("tiers", "promote", "a")
    assert code == 10
    assert "restore" in err

    code, out, err = run("tiers", "restore", "a", "--dry-run")
    assert code == 0
    assert "GLACIER: needs a restore" in out
    assert "for 1 request, of it retrieval" in out
    assert "AWS us-east-1, prices of" in out
    assert "5 h" in out
    code, _, err = run("tiers", "restore", "a")
    assert (code, "--yes" in err) == (2, True)
    code, out, _ = run("tiers", "restore", "a", "--yes", "--wait", "--tier", "bulk", "--engine", "classic")
    assert "for 1 request; planned were" in out
    assert code == 0, out
    assert cache.path("a").read_bytes() == cache.contents["a"]


def test_a_restore_takes_names_from_a_pipe_or_a_choice_and_days_as_asked(
    aws: S3Client, cache: ACache
) -> None:
    cache.demote(engine="classic")
    for name in ("a", "b"):
        archive(aws, cache, name)
    chosen = json.loads(run("tiers", "restore", "--campaign", "autumn", "--dry-run", "--json")[1])["data"]
    assert {one["key"]: one["state"] for one in chosen["objects"]} == {
        cache.key("a"): "needed",
        cache.key("b"): "needed",
        cache.key("c"): "readable",
    }
    restored = run("tiers", "restore", "-", "--days", "3", "--tier", "bulk", "--yes", stdin="a\nb\n")
    assert restored[0] == 0, restored
    for name in ("a", "b"):
        said = aws.head_object(Bucket=BUCKET, Key=cache.key(name))["Restore"]
        until = parsedate_to_datetime(said.partition('expiry-date="')[2].rstrip('"'))
        assert timedelta(days=2) < until - datetime.now(UTC) <= timedelta(days=4), said


def test_a_restore_that_makes_no_sense_is_told(aws: S3Client, cache: ACache) -> None:
    cache.demote(engine="classic")
    archive(aws, cache, "a", "DEEP_ARCHIVE")
    code, out, _ = run("tiers", "restore", "a", "--tier", "expedited", "--yes")
    assert code == 3
    assert "DEEP_ARCHIVE has no expedited restore" in out
    assert run("tiers", "restore", "a", "--tier", "slow")[0] == 2
    assert run("tiers", "restore", "never", "--yes")[0] == 5
    code, out, _ = run("tiers", "restore", "b", "--yes")
    assert (code, "can be read now" in out) == (0, True)


def test_waiting_ends_when_all_can_be_read_or_are_gone(aws: S3Client, cache: ACache) -> None:
    cache.demote(engine="classic")
    for name in ("a", "b"):
        archive(aws, cache, name)
    store = S3StorageManager(connection=cache.connection)
    keys = [cache.key("a"), cache.key("b")]
    with pytest.raises(UsageError):
        plan_restores(store, keys, option="never")
    found, errors = plan_restores(store, keys, option="standard")
    assert (len(found), errors) == (2, {})
    seen: list[int] = []

    def sleep(_: float) -> None:
        request_restores(store, found[:1], days=1, option="standard")
        aws.delete_object(Bucket=BUCKET, Key=keys[1])

    assert await_restores(store, keys, note=seen.append, sleep=sleep) == [keys[1]]
    assert seen == [2]


def test_archived_assets_do_not_come_back_by_themselves(aws: S3Client, cache: ACache) -> None:
    cache.demote(engine="classic")
    archive(aws, cache, "a")
    with cache.opened() as catalog:
        catalog.usage.record({"a": 9}, {"miss": Tally(9, 0)}, at=datetime.now(UTC))
    with cache.tiers(engine="classic") as tiers:
        report = tiers.apply(tiers.plan(Policy()))
    assert report.promoted == 0
    assert not cache.path("a").exists()


def a_rule(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - a rule holds anything
    return {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}} | more


def test_a_rule_that_archives_makes_files_go_last_and_is_told(aws: S3Client, cache: ACache) -> None:
    transition = {"Transitions": [{"Days": 30, "StorageClass": "DEEP_ARCHIVE"}]}
    aws.put_bucket_lifecycle_configuration(
        Bucket=BUCKET,
        LifecycleConfiguration={"Rules": [a_rule(Filter={"Prefix": cache.key("a")}, **transition)]},  # type: ignore[list-item]
    )
    with cache.tiers(engine="classic") as tiers:
        plan = tiers.plan(Policy())
        assert [move.file.cache_keys[0] for move in plan.demotions][-1] == "a"
        assert plan.demotions[-1].hours == 12
        tiers.apply(plan)
    code, out, _ = run("tiers", "status")
    assert code == 0
    assert "a lifecycle rule will archive them" in out
    assert "to DEEP_ARCHIVE" in out


def test_rules_that_may_not_be_read_stop_demotion_unless_that_is_accepted(cache: ACache) -> None:
    events = cache.connection.client.meta.events
    events.register_first("before-send.s3.GetBucketLifecycleConfiguration", _denied)
    with cache.tiers(engine="classic") as tiers, pytest.raises(RefusedError, match="cannot be seen"):
        tiers.plan(Policy())
    with cache.tiers(engine="classic", accepted=["unreadable"]) as tiers:
        assert len(tiers.plan(Policy()).demotions) == 3


def _denied(**_: Any) -> AWSResponse:  # noqa: ANN401 - botocore's form
    """Answer as S3 does where a policy lacks the permission; moto enforces none."""
    body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    return AWSResponse("https://s3.amazonaws.com", 403, HTTPHeaders(), MockRawResponse(body))
