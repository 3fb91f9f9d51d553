"""The users' guide's Python blocks about the tiers, run against a real server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from creative_s3 import S3CacheManager
from creative_s3.core.catalog.usage import Tally
from creative_s3.core.files.locks import exclusive
from creative_s3.core.s3.connection import connect
from creative_s3.core.tiers.pins import Pins, change_pins
from creative_s3.errors import CreativeS3Error, LockedError, UsageError
from creative_s3.settings import S3Config
from tests.guide import run_block
from tests.s3.a_cache import ACache

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

PROMOTE = """
    # Promote frequently accessed assets
    cache_manager.manage_cache_tiers(
        promote_hot_assets=True,
        cold_threshold_days=7  # More aggressive promotion
    )
"""
REDUCE = """
    # Reduce local cache limit
    cache_manager = S3CacheManager(
        cache_dir="cache",
        local_cache_size_limit_gb=5.0  # Reduce from 10GB
    )

    # Run tier management
    cache_manager.manage_cache_tiers(demote_cold_assets=True)
"""
GIB = 2**30


@pytest.fixture
def cache(tmp_path: Path, server_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> ACache:
    """Two cold assets among six, as the guide's .env would set it up."""
    for name, value in server_env.items():
        if name.startswith(("AWS_", "S3_")):
            monkeypatch.setenv(name, value)
    made = ACache(tmp_path / "work", connect(S3Config.from_env(env_file=None)))
    for name in ("a", "b"):
        made.add(name)
    for number in range(4):
        made.add(f"warm{number}", days=3)
    made.upload()
    monkeypatch.chdir(made.root)
    return made


def test_promote_frequently_accessed_assets(cache: ACache) -> None:
    cache.demote("a", "warm0")
    with S3CacheManager("cache") as cache_manager:
        for _ in range(3):
            cache_manager.get_asset_path("warm0")
        cache_manager.flush()
        cache.path("warm0").unlink()  # somebody cleaned up
        with cache.opened() as catalog:
            catalog.assets.set_cold(["warm0"], is_cold=True)
        run_block(PROMOTE, cache_manager=cache_manager)
    assert cache.path("warm0").read_bytes() == cache.contents["warm0"]
    assert not cache.path("a").exists()
    assert not cache.path("b").exists()  # cold, and proved: it went


def test_reduce_the_local_cache(cache: ACache) -> None:
    left = run_block(REDUCE, S3CacheManager=S3CacheManager)
    assert [cache.path(name).exists() for name in "ab"] == [False, False]
    assert left["cache_manager"].get_asset_path("a").read_bytes() == cache.contents["a"]
    left["cache_manager"].close()


def test_the_result_says_what_was_done_and_why(cache: ACache) -> None:
    with S3CacheManager("cache") as manager:
        planned = manager.manage_cache_tiers(dry_run=True)
        assert (planned.demoted, planned.dry_run, planned.success) == (2, True, True)
        assert cache.path("a").exists()
        done = manager.manage_cache_tiers()
    assert (done.demoted, done.promoted, done.kept) == (2, 0, 0)
    assert done.demoted_bytes == len(cache.contents["a"]) + len(cache.contents["b"])
    assert done.reasons["a"].startswith("not used for 100 days")
    assert done.to_dict()["demoted"] == 2
    cache.check_nothing_is_lost()


def test_the_limit_is_kept(cache: ACache) -> None:
    used = sum(len(content) for content in cache.contents.values())
    limit_bytes = used - len(cache.contents["warm0"])
    with S3CacheManager("cache", local_cache_size_limit_gb=limit_bytes / GIB) as manager:
        report = manager.manage_cache_tiers(cold_threshold_days=365)
    assert report.demoted == 2  # to ten per cent below
    assert "space is needed" in next(iter(report.reasons.values()))


@pytest.mark.usefixtures("cache")
def test_without_anybodys_yes_no_more_than_half_goes() -> None:
    with S3CacheManager("cache") as manager:
        report = manager.manage_cache_tiers(cold_threshold_days=1)
    assert report.demoted == 3
    assert report.kept == 3
    assert sum("allowed part" in reason for reason in report.reasons.values()) == 3
    assert report.success


def test_without_anybodys_yes_what_will_expire_stays_and_the_rest_goes(cache: ACache, s3: S3Client) -> None:
    s3.put_bucket_lifecycle_configuration(
        Bucket=cache.connection.bucket,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "clean",
                    "Status": "Enabled",
                    "Filter": {"Prefix": cache.key("a")},
                    "Expiration": {"Days": 400},
                }
            ]
        },
    )
    with S3CacheManager("cache") as manager:
        report = manager.manage_cache_tiers()
    assert report.demoted == 1
    assert "clean, 400 days" in report.reasons["a"]
    assert cache.path("a").exists()


def test_an_empty_bucket_is_told_and_nothing_goes(cache: ACache, s3: S3Client) -> None:
    bucket = cache.connection.bucket
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=found["Key"])
    with S3CacheManager("cache") as manager:
        report = manager.manage_cache_tiers()
    assert report.demoted == 0
    assert "holds nothing" in report.warnings[0]
    assert all(cache.path(name).exists() for name in cache.contents)


def test_each_direction_can_be_switched_off(cache: ACache) -> None:
    cache.demote("b")
    with cache.opened() as catalog:
        catalog.usage.record({"b": 5}, {"hit": Tally(5, 0)}, at=datetime.now(UTC))
    with S3CacheManager("cache") as manager:
        assert manager.manage_cache_tiers(promote_hot_assets=False, demote_cold_assets=False).demoted == 0
        report = manager.manage_cache_tiers(demote_cold_assets=False)
    assert (report.demoted, report.promoted) == (0, 1)
    assert cache.path("a").exists()


def test_what_makes_no_sense_is_said(cache: ACache) -> None:
    with S3CacheManager("cache") as manager, pytest.raises(UsageError):
        manager.manage_cache_tiers(cold_threshold_days=-1)
    with S3CacheManager("cache", enable_s3=False) as manager, pytest.raises(CreativeS3Error):
        manager.manage_cache_tiers()
    with (
        exclusive(cache.cache_dir / ".creative-s3" / "lock"),
        S3CacheManager("cache") as manager,
        pytest.raises(LockedError),
    ):
        manager.manage_cache_tiers()


def a_full_cache(cache: ACache) -> float:
    """Return a limit in GiB that the next download exceeds: everything but the cold "a" is here."""
    cache.demote("a")
    used = sum(len(content) for name, content in cache.contents.items() if name != "a")
    return (used + len(cache.contents["a"]) // 2) / GIB


def test_the_limit_is_kept_by_itself_after_a_download_that_exceeds_it(cache: ACache) -> None:
    limit_gb = a_full_cache(cache)
    with S3CacheManager("cache", local_cache_size_limit_gb=limit_gb, auto_manage=True) as manager:
        path = manager.get_asset_path("a")
        assert path.read_bytes() == cache.contents["a"]  # what was asked for is not what goes
    assert not cache.path("b").exists()
    assert sum(cache.path(name).stat().st_size for name in cache.contents if cache.path(name).exists()) < (
        limit_gb * GIB
    )
    cache.check_nothing_is_lost()


def test_room_is_made_by_the_same_rules_and_the_same_proof(cache: ACache, s3: S3Client) -> None:
    """The coldest would go first; its object is gone, and the next two are pinned: others make room."""
    limit_gb = a_full_cache(cache)
    s3.delete_object(Bucket=cache.connection.bucket, Key=cache.key("b"))
    change_pins(cache.cache_dir, lambda _: Pins(frozenset({"warm0", "warm1"})))
    with S3CacheManager("cache", local_cache_size_limit_gb=limit_gb, auto_manage=True) as manager:
        manager.get_asset_path("a")
    here = {name for name in cache.contents if cache.path(name).exists()}
    assert {"a", "b", "warm0", "warm1"} <= here
    assert len(here) < len(cache.contents)
    cache.check_nothing_is_lost()


def test_nothing_goes_by_itself_below_the_limit_or_unasked(cache: ACache) -> None:
    limit_gb = a_full_cache(cache)
    with S3CacheManager("cache", local_cache_size_limit_gb=limit_gb) as manager:
        manager.get_asset_path("a")
    cache.demote("a")
    with S3CacheManager("cache", local_cache_size_limit_gb=1, auto_manage=True) as manager:
        manager.get_asset_path("a")
    assert all(cache.path(name).exists() for name in cache.contents)


def test_who_wants_a_file_has_it_whatever_stands_against_making_room(
    cache: ACache, caplog: pytest.LogCaptureFixture
) -> None:
    limit_gb = a_full_cache(cache)
    with (
        exclusive(cache.cache_dir / ".creative-s3" / "lock"),
        S3CacheManager("cache", local_cache_size_limit_gb=limit_gb, auto_manage=True) as manager,
    ):
        assert manager.get_asset_path("a").exists()
    assert "no room was made" in caplog.text
    assert all(cache.path(name).exists() for name in cache.contents)


def test_keeping_a_limit_needs_one() -> None:
    with pytest.raises(UsageError, match="auto_manage"):
        S3CacheManager("cache", auto_manage=True)


def test_what_this_process_uses_while_files_go_stays(cache: ACache) -> None:
    """The use is known to the process only; it reaches the catalog before anything goes."""
    with S3CacheManager("cache") as manager:
        catalog_side = manager.manage_cache_tiers(dry_run=True)
        assert catalog_side.demoted == 2
        used: list[bool] = []

        def use(_: object) -> None:
            if not used:  # at the first proof, long after the plan
                used.append(True)
                manager.get_asset_path("b")

        manager.s3_manager.connection.client.meta.events.register(  # type: ignore[union-attr]
            "before-call.s3.HeadObject", lambda **_: use(None)
        )
        report = manager.manage_cache_tiers()
    assert used
    assert cache.path("b").exists()
    assert report.demoted == 1
    assert "used since" in report.reasons["b"]
