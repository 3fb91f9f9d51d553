"""Demotion on a real server: what goes, what stays and why; nothing goes that was not proved just now."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.catalog.usage import Tally
from creative_s3.core.discovery.rebuild import rebuild
from creative_s3.core.events import Event, Finished
from creative_s3.core.files.checksums import Crc64
from creative_s3.core.files.locks import exclusive
from creative_s3.core.library.cache import CacheManager
from creative_s3.core.library.hybrid_cache import S3CacheManager
from creative_s3.core.migration.planning import Reason
from creative_s3.core.migration.validation import State
from creative_s3.core.tiers.library import manage
from creative_s3.core.tiers.movements import Movements
from creative_s3.core.tiers.pins import change_pins
from creative_s3.core.tiers.tiers import Hold, Policy
from creative_s3.errors import BucketNotFoundError, ExitCode, LockedError, RefusedError
from tests.at_the_moment import whenever
from tests.s3.a_cache import ACache

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.tiers.report import TierReport


@pytest.fixture
def cache(tmp_path: Path, connection: Connection) -> ACache:
    made = ACache(tmp_path / "work", connection)
    for name in ("a", "b", "c"):
        made.add(name)
    made.add("new", days=2)
    made.upload()
    return made


def hold_of(report: TierReport, cache_key: str) -> Hold | None:
    (found,) = (item for item in report.settled if cache_key in item.file.cache_keys)
    assert not found.done
    assert found.reason
    return found.hold


def test_cold_files_go_and_come_back_with_the_same_bytes_times_and_permissions(cache: ACache) -> None:
    cache.path("a").chmod(0o640)
    cache.wait_until_settled()
    before = cache.path("a").stat()
    report = cache.demote()
    assert (report.demoted, report.success) == (3, True), report.reasons
    assert report.demoted_bytes == sum(len(cache.contents[name]) for name in "abc")
    assert [cache.path(name).exists() for name in cache.contents] == [False, False, False, True]
    assert [cache.is_cold(name) for name in cache.contents] == [True, True, True, False]
    cache.check_nothing_is_lost()
    with cache.tiers() as tiers:
        assert tiers.undo().promoted == 3
    for name in "abc":
        assert cache.path(name).read_bytes() == cache.contents[name]
        assert not cache.is_cold(name)
    after = cache.path("a").stat()
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)


def test_a_dry_run_changes_nothing_and_is_what_is_done(cache: ACache) -> None:
    with cache.tiers() as tiers:
        planned = manage(tiers, Policy(), dry_run=True, max_evict=1)
        assert planned.dry_run
        assert all(cache.path(name).exists() for name in cache.contents)
        done = manage(tiers, Policy(), max_evict=1)
    assert [item.to_dict() for item in done.settled] == [item.to_dict() for item in planned.settled]
    assert planned.demoted == done.demoted == 3


def test_what_went_comes_back_by_itself_when_it_is_used(cache: ACache) -> None:
    cache.demote()
    with S3CacheManager(cache.cache_dir, s3_manager=cache.store) as manager:
        assert manager.get_asset_path("a").read_bytes() == cache.contents["a"]
    assert not cache.is_cold("a")
    with cache.opened() as catalog:
        assert Movements(catalog.database).runs(5)[0].still_cold == 2


def test_the_index_stays_as_it_is_and_validation_calls_the_files_cold(cache: ACache) -> None:
    index = (cache.cache_dir / "index.json").read_bytes()
    cache.demote()
    assert (cache.cache_dir / "index.json").read_bytes() == index
    migration = cache.migration()
    plan = migration.create_migration_plan()
    assert (plan.counts[Reason.COLD], plan.counts[Reason.MISSING], plan.total_files) == (3, 0, 0)
    report = migration.validate_migration(deep=True)
    assert report.counts[State.COLD] == 3
    assert report.exit_code(strict=True) is ExitCode.OK


def test_pinned_assets_stay_however_cold_they_are(cache: ACache) -> None:
    cache.add("other", campaign_id="spring")
    cache.upload()
    change_pins(cache.cache_dir, lambda pins: pins.with_more(keys=["a"], campaigns=["spring"]))
    with cache.tiers() as tiers:
        plan = tiers.plan(Policy(limit_bytes=0))
        assert {file.cache_keys[0] for file in plan.held[Hold.PINNED]} == {"a", "other"}
    assert hold_of(cache.demote("a"), "a") is Hold.PINNED
    cache.demote()
    assert cache.path("a").exists()
    assert cache.path("other").exists()


def test_what_was_pinned_since_the_plan_was_made_stays(cache: ACache) -> None:
    with cache.tiers() as tiers:
        plan = tiers.plan(Policy())
        change_pins(cache.cache_dir, lambda pins: pins.with_more(keys=["a"]))
        report = tiers.apply(plan)
    assert hold_of(report, "a") is Hold.PINNED
    assert report.demoted == 2


def test_what_was_used_since_the_plan_was_made_stays(cache: ACache) -> None:
    with cache.tiers() as tiers:
        plan = tiers.plan(Policy())
        with CacheManager(cache.cache_dir) as manager:
            manager.get_asset_path("b")
        report = tiers.apply(plan)
    assert hold_of(report, "b") is Hold.USED
    assert (report.demoted, report.success) == (2, True)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can tell who has a file open")
def test_a_file_that_another_process_has_open_stays(cache: ACache) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; f = open(sys.argv[1]); print(1, flush=True); sys.stdin.read()",
    ]
    with cache.tiers() as tiers:
        plan = tiers.plan(Policy())
        with subprocess.Popen(
            [*command, str(cache.path("a"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout
            other.stdout.readline()
            assert {file.cache_keys[0] for file in tiers.plan(Policy()).held[Hold.OPEN]} == {"a"}
            report = tiers.apply(plan)
            other.communicate()
    assert hold_of(report, "a") is Hold.OPEN
    assert (report.demoted, report.success) == (2, True)
    assert cache.path("a").exists()


def test_a_file_that_was_edited_since_its_upload_stays(cache: ACache) -> None:
    path = cache.path("a")
    before, changed = path.stat(), cache.contents["a"].swapcase()
    path.write_bytes(changed)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    cache.contents["a"] = changed
    cache.wait_until_settled()
    report = cache.demote()
    assert hold_of(report, "a") is Hold.CHANGED
    assert report.exit_code is ExitCode.ITEMS_FAILED
    assert path.read_bytes() == changed
    cache.check_nothing_is_lost()


def test_what_a_proof_has_found_changed_is_no_candidate_again(
    cache: ACache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the limit would never be kept: the same file would be chosen each time, and stay each time."""
    monkeypatch.setattr("creative_s3.core.catalog.catalog._SETTLED_NS", 0)  # it was edited a moment ago
    cache.contents["a"] = cache.contents["a"][::-1]
    cache.path("a").write_bytes(cache.contents["a"])
    cache.age(cache.path("a"))
    cache.wait_until_settled()
    policy = Policy(cold_days=365, limit_bytes=sum(map(len, cache.contents.values())) - 1)
    chosen = []
    for _ in range(2):
        with cache.tiers() as tiers:
            plan = tiers.plan(policy)
            chosen.append({move.file.cache_keys[0] for move in plan.demotions})
            tiers.apply(plan)
    assert "a" in chosen[0]
    assert "a" not in chosen[1]
    assert cache.path("a").exists()
    cache.check_nothing_is_lost()


def test_a_file_that_was_edited_after_its_proof_stays(cache: ACache) -> None:
    """The first group's progress tells when the second one's time has come."""
    for number in range(40):
        cache.add(f"n{number:02}")
    cache.upload()
    changed: dict[str, bytes] = {}

    def edit(event: Event) -> None:
        if isinstance(event, Finished) and not changed:
            for name in cache.contents:
                if cache.path(name).exists():
                    changed[name] = b"edited"
                    cache.path(name).write_bytes(b"edited")

    report = cache.demote(emit=edit)
    assert changed
    for name in changed:
        assert cache.path(name).read_bytes() == b"edited"
    assert report.demoted + len(changed) >= len(cache.contents)


def put(s3: S3Client, cache: ACache, cache_key: str, content: bytes, **more: Any) -> None:  # noqa: ANN401
    """Store an object as another client would."""
    options: dict[str, Any] = {"Metadata": {"cache-key": cache_key}} | more
    s3.put_object(Bucket=cache.connection.bucket, Key=cache.key(cache_key), Body=content, **options)


def test_an_object_that_was_overwritten_since_the_plan_keeps_its_file_here(
    cache: ACache, s3: S3Client
) -> None:
    with cache.tiers() as tiers:
        plan = tiers.plan(Policy())
        put(s3, cache, "a", cache.contents["a"].swapcase(), ChecksumAlgorithm="CRC64NVME")
        put(s3, cache, "b", b"shorter")
        report = tiers.apply(plan)
    assert hold_of(report, "a") is Hold.CHANGED
    assert "overwritten" in report.reasons["a"]
    assert hold_of(report, "b") is Hold.CHANGED
    assert report.demoted == 1
    assert cache.path("a").read_bytes() == cache.contents["a"]


def test_an_object_that_is_gone_keeps_its_file_here(cache: ACache, s3: S3Client) -> None:
    s3.delete_object(Bucket=cache.connection.bucket, Key=cache.key("a"))
    report = cache.demote()
    assert hold_of(report, "a") is Hold.UNPROVED
    assert report.demoted == 2
    cache.check_nothing_is_lost()


def test_a_bucket_that_has_none_of_the_objects_is_taken_for_another_one(cache: ACache, s3: S3Client) -> None:
    """It is not empty: another asset's object is there, and the published index."""
    for name in "abc":
        s3.delete_object(Bucket=cache.connection.bucket, Key=cache.key(name))
    with pytest.raises(RefusedError, match="not one has its object"):
        cache.demote()
    assert all(cache.path(name).exists() for name in cache.contents)
    with cache.opened() as catalog:
        assert Movements(catalog.database).pending() == []


@pytest.mark.parametrize(
    ("metadata", "hold"),
    [({"cache-key": "somebody-else"}, Hold.SHARED_OBJECT), ({}, Hold.UNPROVED)],
)
def test_an_object_that_is_not_called_after_the_asset_keeps_its_file_here(
    cache: ACache, s3: S3Client, metadata: dict[str, str], hold: Hold
) -> None:
    put(s3, cache, "a", cache.contents["a"], Metadata=metadata, ChecksumAlgorithm="CRC64NVME")
    assert hold_of(cache.demote("a"), "a") is hold
    assert cache.path("a").exists()


def test_an_object_without_a_checksum_is_read_whole_and_compared(cache: ACache, s3: S3Client) -> None:
    put(s3, cache, "a", cache.contents["a"], ChecksumAlgorithm="SHA256")
    put(s3, cache, "b", cache.contents["b"].swapcase(), ChecksumAlgorithm="SHA256")
    report = cache.demote()
    assert (report.demoted, hold_of(report, "b")) == (2, Hold.CHANGED)
    assert report.requests["GetObject"] == 2
    with cache.tiers() as tiers:
        tiers.undo()
    assert cache.path("a").read_bytes() == cache.contents["a"]


def test_an_archived_object_keeps_its_file_here(cache: ACache, s3: S3Client) -> None:
    put(s3, cache, "a", cache.contents["a"], StorageClass="GLACIER", ChecksumAlgorithm="CRC64NVME")
    assert hold_of(cache.demote("a"), "a") is Hold.ARCHIVED
    assert cache.path("a").exists()


def test_links_second_names_and_files_outside_the_cache_stay(cache: ACache, tmp_path: Path) -> None:
    cache.add("outside", path="output/campaign/outside.png")
    for name in ("linked", "twice", "behind"):
        cache.add(name, path=f"cache/{name}/{name}.png")
    cache.upload()
    os.link(cache.path("twice"), tmp_path / "second-name.png")
    linked = cache.path("linked")
    linked.rename(linked.with_name("target.png"))
    linked.symlink_to("target.png")
    (cache.cache_dir / "behind").rename(cache.cache_dir / "real")
    (cache.cache_dir / "behind").symlink_to("real")
    with cache.tiers() as tiers:
        plan = tiers.plan(Policy())
        assert {hold: len(files) for hold, files in plan.held.items()} == {
            Hold.LINKED: 2,
            Hold.HARD_LINKED: 1,
        }
        tiers.apply(plan)
    assert hold_of(cache.demote("outside"), "outside") is Hold.OUTSIDE
    for name in ("outside", "linked", "twice", "behind"):
        assert cache.path(name).read_bytes() == cache.contents[name]


def test_two_files_with_the_same_bytes_share_an_object_and_only_its_owner_goes(cache: ACache) -> None:
    cache.add("one", b"same bytes", path="cache/x/same.png")
    cache.add("two", b"same bytes", path="cache/y/same.png")
    cache.upload()
    assert cache.key("one") == cache.key("two")
    report = cache.demote("one", "two")
    assert report.demoted == 1
    assert Hold.SHARED_OBJECT in {item.hold for item in report.settled}
    cache.check_nothing_is_lost()


def test_a_file_of_several_assets_goes_when_all_their_copies_are_proved(cache: ACache, s3: S3Client) -> None:
    """A product names the file, too: that is one object. A second description is a second object."""
    path = "cache/products/soap.png"
    cache.add("soap", b"soap", path=path, semantic_metadata={"asset_type": "product_transparent"})
    cache.edit_index(
        "products", "soap", {"name": "Soap", "slug": "soap", "file_path": path, "status": "ready"}
    )
    cache.add("backdrop", b"soap", path=path)
    cache.upload()
    assert len(cache.file("soap").cache_keys) == 3
    second = cache.demote("soap")
    assert second.demoted == 1, second.reasons
    with S3CacheManager(cache.cache_dir, s3_manager=cache.store) as manager:
        for name in cache.file("soap").cache_keys:
            (cache.root / path).unlink(missing_ok=True)
            assert manager.get_asset_path(name).read_bytes() == b"soap"
    cache.age(cache.root / path)
    cache.wait_until_settled()
    s3.delete_object(Bucket=cache.connection.bucket, Key=cache.key("backdrop"))
    assert hold_of(cache.demote("soap"), "soap") is Hold.UNPROVED
    assert (cache.root / path).exists()


def test_an_asset_that_was_never_uploaded_stays(cache: ACache) -> None:
    cache.add("late")
    cache.wait_until_settled()
    with cache.tiers() as tiers:
        plan = tiers.plan(Policy())
        assert [file.cache_keys for file in plan.held[Hold.UNPROVED]] == [("late",)]
    assert hold_of(cache.demote("late"), "late") is Hold.UNPROVED


def rules(s3: S3Client, cache: ACache, *made: dict[str, Any]) -> None:
    s3.put_bucket_lifecycle_configuration(
        Bucket=cache.connection.bucket,
        LifecycleConfiguration={"Rules": list[Any](made)},
    )


def a_rule(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - a rule holds anything
    return {
        "ID": "clean",
        "Status": "Enabled",
        "Filter": {"Prefix": "creative-assets/backgrounds/"},
        "Expiration": {"Days": 365},
    } | more


def test_a_rule_that_will_delete_the_copies_keeps_the_files_here(cache: ACache, s3: S3Client) -> None:
    rules(s3, cache, a_rule())
    with cache.tiers() as tiers:
        plan = tiers.plan(Policy())
        assert (len(plan.demotions), len(plan.held[Hold.EXPIRING])) == (0, 3)
        assert plan.held[Hold.EXPIRING][0].detail == "clean, 365 days after it was stored"
    report = cache.demote("a")
    assert hold_of(report, "a") is Hold.EXPIRING
    assert report.exit_code is ExitCode.REFUSED


def test_a_rule_that_came_since_the_plan_keeps_the_files_here(cache: ACache, s3: S3Client) -> None:
    with cache.tiers() as tiers:
        plan = tiers.plan(Policy())
    rules(s3, cache, a_rule())
    with cache.tiers() as tiers:
        report = tiers.apply(plan)
    assert {item.hold for item in report.settled} == {Hold.EXPIRING}
    cache.check_nothing_is_lost()


def test_a_rule_that_was_accepted_by_its_name_lets_the_files_go(cache: ACache, s3: S3Client) -> None:
    rules(s3, cache, a_rule(), a_rule(ID="other", Filter={"Prefix": cache.key("a")}))
    report = cache.demote(accepted=["clean"])
    assert report.demoted == 2
    assert cache.path("a").exists()


def test_a_rule_for_certain_tags_is_compared_with_the_tags_of_the_object(cache: ACache, s3: S3Client) -> None:
    tag = {"Key": "season", "Value": "fall"}
    both = {"Prefix": "creative-assets/", "Tags": [tag]}
    rules(s3, cache, a_rule(ID="spring", Filter={"Tag": {"Key": "season", "Value": "spring"}}))
    assert cache.demote("a").demoted == 1
    rules(s3, cache, a_rule(Filter={"And": both}))
    assert hold_of(cache.demote("b"), "b") is Hold.EXPIRING


def test_an_empty_bucket_stops_everything(cache: ACache, s3: S3Client) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=cache.connection.bucket):
        for found in page.get("Contents", []):
            s3.delete_object(Bucket=cache.connection.bucket, Key=found["Key"])
    with cache.tiers() as tiers, pytest.raises(RefusedError, match="nothing was removed"):
        tiers.apply(tiers.plan(Policy()))
    assert all(cache.path(name).exists() for name in cache.contents)


def test_a_cache_that_is_not_there_stops_everything(cache: ACache) -> None:
    with cache.tiers() as tiers:
        plan = tiers.plan(Policy())
        cache.cache_dir.rename(cache.root / "elsewhere")
        with pytest.raises(RefusedError, match="missing"):
            tiers.apply(plan)
        (cache.root / "elsewhere").rename(cache.cache_dir)


def test_a_bucket_that_is_deleted_in_the_middle_stops_everything_at_once(cache: ACache, s3: S3Client) -> None:
    for number in range(70):
        cache.add(f"n{number:02}")
    cache.upload()
    bucket = cache.connection.bucket
    gone: list[str] = []

    def delete(event: Event) -> None:
        if isinstance(event, Finished):
            gone.append(event.key)
        if gone and len(gone) == 1 and isinstance(event, Finished):
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for found in page.get("Contents", []):
                    s3.delete_object(Bucket=bucket, Key=found["Key"])
            s3.delete_bucket(Bucket=bucket)

    with pytest.raises(BucketNotFoundError):
        cache.demote(emit=delete)
    # Only the first group went, which was proved while the bucket was there.
    left = sum(cache.cache_dir.joinpath(f"backgrounds/{name}.png").exists() for name in cache.contents)
    assert len(cache.contents) - left <= 32
    assert left >= len(cache.contents) - 32


def test_an_interruption_in_the_middle_leaves_everything_here_or_proved(cache: ACache) -> None:
    removed: list[str] = []

    def interrupt(arguments: tuple[Any, ...]) -> None:
        if str(arguments[0]).endswith(".leaving"):
            removed.append(arguments[0])
            if len(removed) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), whenever("os.remove", interrupt):
        cache.demote()
    here = [cache.path(name).exists() for name in "abc"]
    assert sum(here) == 2
    assert [cache.is_cold(name) for name in "abc"] == [not is_here for is_here in here]
    with cache.opened() as catalog:
        assert Movements(catalog.database).pending() == []
        run = catalog.runs.last(1)[0]
        assert len(Movements(catalog.database).demoted_by(run.number)) == 1
    assert (run.command, run.exit_code, run.files) == ("tiers manage", 130, 1)
    assert run.size_bytes == len(cache.contents["a"])
    cache.check_nothing_is_lost()


def test_a_run_is_in_the_history_from_its_first_file_on(cache: ACache) -> None:
    seen: list[tuple[str, bool]] = []

    def look() -> None:
        with cache.opened() as catalog:
            seen.extend((run.command, run.has_ended) for run in catalog.runs.all(9) if "tiers" in run.command)

    assert cache.demote(before_leaving=look).demoted == 3
    assert seen == [("tiers manage", False)]
    with cache.tiers() as tiers:
        assert tiers.apply(tiers.plan(Policy())).run is None
    with cache.opened() as catalog:
        runs = [run for run in catalog.runs.all(9) if "tiers" in run.command]
    assert [(run.has_ended, run.exit_code, run.files) for run in runs] == [(True, 0, 3)]


def test_a_run_that_an_error_ends_is_in_the_history_with_it(cache: ACache, s3: S3Client) -> None:
    for name in "abc":
        s3.delete_object(Bucket=cache.connection.bucket, Key=cache.key(name))
    with pytest.raises(RefusedError):
        cache.demote()
    with cache.opened() as catalog:
        run = catalog.runs.last(1)[0]
    assert (run.command, run.exit_code, run.files) == ("tiers manage", 8, 0)


def test_what_another_run_has_demoted_since_the_plan_was_made_is_no_failure(cache: ACache) -> None:
    with cache.tiers() as late:
        plan = late.plan(Policy())
        assert cache.demote().demoted == 3
        report = late.apply(plan)

    assert {hold_of(report, name) for name in "abc"} == {Hold.AWAY}
    assert (report.demoted, report.exit_code) == (0, ExitCode.OK)
    cache.check_nothing_is_lost()


def test_what_somebody_removed_since_the_plan_was_made_is_a_failure(cache: ACache) -> None:
    with cache.tiers() as late:
        plan = late.plan(Policy())
        cache.path("a").unlink()
        report = late.apply(plan)

    assert (report.demoted, report.exit_code) == (2, ExitCode.ITEMS_FAILED)


def test_two_runs_on_one_cache_do_not_meet(cache: ACache) -> None:
    with cache.tiers() as tiers:
        plan = tiers.plan(Policy())
        with exclusive(cache.cache_dir / ".creative-s3" / "lock"), pytest.raises(LockedError):
            tiers.apply(plan)
    assert all(cache.path(name).exists() for name in cache.contents)


def test_another_run_finishes_what_a_killed_one_left(cache: ACache) -> None:
    """Every state in which a kill can leave a file on its way out: here, aside, aside and back, gone."""
    with cache.tiers() as tiers:
        run = tiers.apply(tiers.plan(Policy())).run or 0
        tiers.undo(run)
    with cache.opened() as catalog:
        movements = Movements(catalog.database)
        gone = movements.demoted_by(run)
        pending = movements.begin([(movement, (movement.cache_key,)) for movement in gone])
        catalog.assets.set_cold(["a", "b", "c"], is_cold=True)
    by_key = {one.cache_keys[0]: one for one in pending}
    cache.path("a").rename(aside_of(cache, "a", by_key["a"].number))
    cache.path("b").unlink()
    orphan = cache.path("new").with_name(".new.png.creative-s3-beef.leaving")
    cache.path("new").rename(orphan)
    report = cache.demote("new")
    assert [cache.path(name).exists() for name in "abc"] == [True, False, True]
    assert [cache.is_cold(name) for name in "abc"] == [False, True, False]
    assert not orphan.exists()
    assert len(report.warnings) == 2
    with cache.opened() as catalog:
        assert Movements(catalog.database).pending() == []
    cache.check_nothing_is_lost()


def aside_of(cache: ACache, cache_key: str, number: int) -> Path:
    path = cache.path(cache_key)
    return path.with_name(f".{path.name}.creative-s3-{number:x}.leaving")


@pytest.mark.parametrize("twin", [True, False], ids=["the same bytes", "other bytes"])
def test_a_file_aside_whose_name_was_taken_is_kept_unless_it_is_the_same(cache: ACache, twin: bool) -> None:  # noqa: FBT001 - pytest passes it
    aside = aside_of(cache, "a", 7)
    cache.path("a").rename(aside)
    cache.path("a").write_bytes(cache.contents["a"] if twin else b"newer")
    report = cache.demote("b")
    kept = cache.path("a").with_name("a.kept-1.png")
    assert not aside.exists()
    assert kept.exists() is not twin
    if not twin:
        assert kept.read_bytes() == cache.contents["a"]
        assert cache.path("a").read_bytes() == b"newer"
        assert "kept as cache/backgrounds/a.kept-1.png" in report.warnings[0]


def _a_link(path: Path) -> None:
    path.symlink_to("elsewhere.png")


@pytest.mark.parametrize("take", [_a_link, Path.mkdir, os.mkfifo], ids=["a link", "a folder", "a pipe"])
def test_a_file_aside_whose_name_is_no_file_any_more_is_kept_and_the_run_goes_on(
    cache: ACache, take: Callable[[Path], None]
) -> None:
    aside = aside_of(cache, "a", 7)
    cache.path("a").rename(aside)
    take(cache.path("a"))

    report = cache.demote("b")

    assert report.demoted == 1
    assert not aside.exists()
    assert cache.path("a").with_name("a.kept-1.png").read_bytes() == cache.contents["a"]
    assert "kept as cache/backgrounds/a.kept-1.png" in report.warnings[0]
    assert not cache.demote("c").warnings
    assert cache.demote("a").exit_code == ExitCode.ITEMS_FAILED  # its name is no file, which is said


def test_a_journal_with_a_file_whose_name_became_a_link_comes_to_its_end(cache: ACache) -> None:
    with cache.tiers() as tiers:
        run = tiers.apply(tiers.plan(Policy())).run or 0
        tiers.undo(run)
    with cache.opened() as catalog:
        movements = Movements(catalog.database)
        gone = movements.demoted_by(run)
        pending = movements.begin([(movement, (movement.cache_key,)) for movement in gone])
    for one in pending:
        name = one.cache_keys[0]
        cache.path(name).rename(aside_of(cache, name, one.number))
    cache.path("a").symlink_to("b.png")

    with cache.tiers() as tiers:
        tiers.undo(run)

    with cache.opened() as catalog:
        assert Movements(catalog.database).pending() == []
    assert cache.path("a").with_name("a.kept-1.png").read_bytes() == cache.contents["a"]
    assert cache.path("b").read_bytes() == cache.contents["b"]
    assert not list(cache.root.rglob("*.leaving"))


def test_a_long_name_is_kept_under_a_name_that_fits(cache: ACache) -> None:
    name = "\N{SPARKLES}" * 61 + ".png"  # 187 bytes, and the name aside is not cut
    path = cache.add("long", path=f"cache/backgrounds/{name}")
    path.rename(path.with_name(f".{name}.creative-s3-7.leaving"))
    path.write_bytes(b"newer")
    (warning,) = cache.demote("b").warnings
    (kept,) = path.parent.glob("*.kept-1.png")
    assert kept.name in warning
    assert kept.read_bytes() == cache.contents["long"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root changes what may be done in a folder of its own")
def test_a_file_aside_that_the_system_keeps_there_is_told_and_the_run_goes_on(cache: ACache) -> None:
    path = cache.add("x", path="cache/kept/x.png")
    cache.upload()
    aside = aside_of(cache, "x", 7)
    path.rename(aside)
    chattr = shutil.which("chattr") or "false"
    if subprocess.run([chattr, "+i", str(path.parent)], capture_output=True, check=False).returncode:
        pytest.skip("this file system has no folders that cannot be changed")
    try:
        report = cache.demote("b")
    finally:
        subprocess.run([chattr, "-i", str(path.parent)], check=True)
    assert report.demoted == 1
    assert f"still cache/kept/{aside.name}" in report.warnings[0]
    assert aside.read_bytes() == cache.contents["x"]
    cache.demote("c")
    assert path.read_bytes() == cache.contents["x"]


def test_undo_brings_back_exactly_what_went_or_says_why_not(cache: ACache, s3: S3Client) -> None:
    cache.demote()
    put(s3, cache, "a", b"another machine's", ChecksumAlgorithm="CRC64NVME")
    s3.delete_object(Bucket=cache.connection.bucket, Key=cache.key("b"))
    with cache.tiers() as tiers:
        report = tiers.undo()
        assert report.promoted == 1
        assert "overwritten" in report.reasons["a"]
        assert "does not exist" in report.reasons["b"]
        assert not cache.path("a").exists()
        by_key = {file.cache_keys[0]: file for file in tiers.look().files}
        assert tiers.promote([by_key["a"]]).promoted == 1
    assert cache.path("a").read_bytes() == b"another machine's"


def test_undo_brings_back_the_version_that_went_where_the_bucket_keeps_versions(
    cache: ACache, s3: S3Client
) -> None:
    bucket = cache.connection.bucket
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for name in "abc":
        cache.path(name).write_bytes(cache.contents[name] + b" again")
        cache.contents[name] += b" again"
        cache.age(cache.path(name))
    cache.upload()
    before = cache.path("a").stat()
    assert cache.demote().demoted == 3
    put(s3, cache, "a", b"another machine's", ChecksumAlgorithm="CRC64NVME")
    s3.delete_object(Bucket=bucket, Key=cache.key("b"))
    with cache.tiers() as tiers:
        report = tiers.undo()
    assert (report.promoted, report.success) == (3, True), report.reasons
    for name in "abc":
        assert cache.path(name).read_bytes() == cache.contents[name]
        assert not cache.is_cold(name)
    assert cache.path("a").stat().st_mtime_ns == before.st_mtime_ns
    assert not list(cache.root.rglob("*.part*"))
    # What is current in S3 is somebody's own: it is no proof for this file, and is not touched.
    cache.age(cache.path("a"))
    cache.wait_until_settled()
    assert hold_of(cache.demote("a"), "a") is Hold.CHANGED


def test_what_somebody_put_in_the_place_meanwhile_is_not_replaced(cache: ACache) -> None:
    cache.demote()
    cache.path("a").write_bytes(b"somebody's own")
    with cache.tiers() as tiers:
        report = tiers.undo()
    assert report.success
    assert cache.path("a").read_bytes() == b"somebody's own"
    assert not cache.is_cold("a")


def test_a_catalog_that_was_made_anew_still_knows_what_went(cache: ACache) -> None:
    run = cache.demote().run
    rebuild(cache.cache_dir, cache.store, prefix=cache.prefix)
    assert [cache.is_cold(name) for name in cache.contents] == [True, True, True, False]
    with cache.tiers() as tiers:
        assert tiers.undo(run).promoted == 3
    cache.check_nothing_is_lost()


def test_hot_assets_come_back_by_themselves_and_stay(cache: ACache) -> None:
    cache.demote()
    with cache.opened() as catalog:
        catalog.usage.record({"a": 3, "b": 2}, {"hit": Tally(5, 0)}, at=datetime.now(UTC) - timedelta(days=1))
    with cache.tiers() as tiers:
        report = manage(tiers, Policy())
    assert (report.promoted, report.demoted) == (1, 0)
    assert cache.path("a").read_bytes() == cache.contents["a"]
    assert not cache.path("b").exists()


def test_what_was_brought_back_counts_as_used(cache: ACache) -> None:
    cache.demote()
    with cache.tiers() as tiers:
        tiers.undo()
        assert not tiers.plan(Policy()).demotions


def test_over_the_limit_the_least_regretted_files_go(cache: ACache) -> None:
    for number in range(5):
        cache.add(f"warm{number}", os.urandom(10_000), days=5 - number)
    cache.upload()
    with cache.tiers() as tiers:
        used = tiers.look().room.used_bytes
        report = tiers.apply(tiers.plan(Policy(cold_days=365, limit_bytes=used - 15_000)))
    assert report.demoted_bytes >= 15_000
    assert not cache.path("warm0").exists()
    assert cache.path("warm4").exists()


def test_a_corrupted_object_is_not_taken_for_the_content(cache: ACache, s3: S3Client) -> None:
    """The size and the name are right, the checksum is that of what is stored, and it is not ours."""
    wrong = bytearray(cache.contents["a"])
    wrong[10] ^= 1
    crc = Crc64()
    crc.update(wrong)
    assert base64.b64decode(crc.base64)
    put(s3, cache, "a", bytes(wrong), ChecksumCRC64NVME=crc.base64)
    assert hold_of(cache.demote("a"), "a") is Hold.CHANGED
    assert cache.path("a").read_bytes() == cache.contents["a"]
