"""The `tiers` commands: exit code, both streams, then the disk and the bucket."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.catalog.usage import Tally
from creative_s3.core.files.locks import exclusive
from tests.cli.inside import Inside
from tests.s3.a_cache import ACache
from tests.s3.moving import connection_to

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from tests.cli.program import Result
    from tests.conftest import S3Server


@pytest.fixture
def cache(tmp_path: Path, s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> ACache:
    """Three cold assets, four warm ones; all uploaded."""
    made = ACache(tmp_path / "work", connection_to(s3_server.local, bucket, monkeypatch))
    for name in ("a", "b", "c"):
        made.add(name)
    for number in range(4):
        made.add(f"warm{number}", days=3)
    made.upload()
    return made


@pytest.fixture
def tiers(cache: ACache, server_env: dict[str, str]) -> Inside:
    return Inside(server_env, cache.root)


def names(result: Result) -> list[str]:
    return sorted(item["cache_key"] for item in result.data["files"])


def test_status_tells_hot_and_cold_and_what_would_be_done(tiers: Inside, cache: ACache) -> None:
    result = tiers("tiers", "status", "--json")
    assert result.code == 0
    assert result.data["kinds"]["background"]["hot"]["files"] == 7
    assert result.data["would_demote"]["files"] == 3
    assert result.data["risks"] == []
    assert all(cache.path(name).exists() for name in cache.contents)

    tiers("tiers", "demote", "a", "--yes")
    shown = tiers("tiers", "status")
    assert "A run would remove 2 files" in shown.out
    assert "Longest unused" in shown.out
    assert "creative-s3 tiers manage --dry-run" in shown.err
    assert tiers("tiers", "status", "-q").out == "background 6 1\n"


def test_status_names_what_is_at_risk(tiers: Inside, cache: ACache, s3: S3Client) -> None:
    tiers("tiers", "demote", "a", "b", "--yes")
    cache.add("late")
    cache.path("warm0").write_bytes(b"changed")
    cache.path("warm1").unlink()
    s3.delete_object(Bucket=cache.connection.bucket, Key=cache.key("a"))
    s3.put_bucket_lifecycle_configuration(
        Bucket=cache.connection.bucket,
        LifecycleConfiguration={
            "Rules": [{"ID": "clean", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 9}}]
        },
    )
    result = tiers("tiers", "status", "--json")
    risks = {one["risk"]: one["example"] for one in result.data["risks"]}
    assert risks == {"unproved": "late", "changed": "warm0", "missing": "warm1", "expiring": "a"}
    assert result.code == 0
    shown = [line.strip() for line in tiers("tiers", "status").out.splitlines()]
    assert "such as late" in shown  # and not its name once more as what is special about it
    assert any(line.startswith("such as a (clean") for line in shown)

    deep = tiers("tiers", "status", "--deep", "--json")
    assert {one["risk"] for one in deep.data["risks"]} == {*risks, "lost"}
    assert deep.code == 7
    assert "their objects are gone" in tiers("tiers", "status", "--deep").out


def test_status_works_without_the_bucket_and_says_what_it_does_not_know(
    tiers: Inside, cache: ACache, s3: S3Client
) -> None:
    bucket = cache.connection.bucket
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=found["Key"])
    s3.delete_bucket(Bucket=bucket)
    result = tiers("tiers", "status")
    assert result.code == 0
    assert "lifecycle rules are not known" in result.err
    assert tiers("tiers", "status", "--deep").code == 5


def test_the_dry_run_is_what_is_done(tiers: Inside, cache: ACache) -> None:
    planned = tiers("tiers", "manage", "--dry-run", "--json")
    assert planned.code == 0
    assert names(planned) == ["a", "b", "c"]
    assert all(cache.path(name).exists() for name in cache.contents)

    done = tiers("tiers", "manage", "--yes", "--json")
    assert done.code == 0
    assert done.data["files"] == planned.data["files"]
    assert (done.data["demoted"], done.data["demoted_bytes"]) == (3, planned.data["plan"]["freed_bytes"])
    assert [cache.path(name).exists() for name in "abc"] == [False, False, False]
    cache.check_nothing_is_lost()


def test_the_report_compares_what_was_sent_with_the_plan(tiers: Inside) -> None:
    planned = tiers("tiers", "manage", "--dry-run", "--json").data["bill"]
    done = tiers("tiers", "manage", "--yes", "--json").data
    assert done["bill"] == planned
    assert done["sent"]["requests"] == planned["requests"]
    assert done["sent"]["total"] == planned["total"]
    back = tiers("tiers", "undo", "--json").data
    assert back["sent"]["requests"] == back["bill"]["requests"] == {"GetObject": 3, "HeadObject": 3}
    assert set(back["bill"]["extras"]) == {"transfer to the internet"}


def test_the_plan_is_shown_with_every_reason(tiers: Inside) -> None:
    result = tiers("tiers", "manage", "--dry-run")
    assert "Goes: 3 files" in result.out
    table = [line.split() for line in result.out.splitlines()]
    assert ["Size", "Class", "Back", "Price", "Asset,", "and", "why"] in table
    assert ["700", "B", "STANDARD", "at", "once", "<$0.0001", "a"] in table
    assert "unused for 100 days" in result.out
    assert "AWS us-east-1, prices of 20" in result.out
    assert "tiers manage  # carries out exactly this plan" in result.err


def test_the_json_of_the_plan_has_what_coming_back_takes(tiers: Inside) -> None:
    planned = tiers("tiers", "manage", "--dry-run", "--json").data
    prices = [Decimal(one["price"]) for one in planned["files"]]
    assert {(one["storage_class"], one["hours"]) for one in planned["files"]} == {("STANDARD", 0.0)}
    assert min(prices) > 0
    assert sum(prices) == Decimal(planned["plan"]["return_price"])


def test_without_a_terminal_and_without_yes_nothing_goes(tiers: Inside, cache: ACache) -> None:
    for command in (["manage"], ["demote", "a"]):
        result = tiers("tiers", *command)
        assert result.code == 2
        assert result.out == ""
        assert "Remove" in result.err
        assert "--yes" in result.err
    assert all(cache.path(name).exists() for name in cache.contents)


def test_a_run_that_has_nothing_to_remove_does_not_ask(tiers: Inside) -> None:
    result = tiers("tiers", "manage", "--cold-days", "365")
    assert (result.code, result.out) == (0, "Nothing had to be moved.\n")


def test_more_than_the_allowed_part_is_refused(tiers: Inside, cache: ACache) -> None:
    result = tiers("tiers", "manage", "--cold-days", "1", "--yes")
    assert result.code == 8
    assert "100%" in result.err
    assert all(cache.path(name).exists() for name in cache.contents)
    dry = tiers("tiers", "manage", "--cold-days", "1", "--dry-run", "--json")
    assert dry.code == 8
    assert "would be refused" in dry.envelope["warnings"][0]
    assert tiers("tiers", "manage", "--cold-days", "1", "--max-evict", "100%", "--yes").code == 0
    assert not any(cache.path(name).exists() for name in cache.contents)
    cache.check_nothing_is_lost()


@pytest.mark.parametrize("share", ["half", "101%", "-1", "", "1e1"])
def test_a_share_that_is_none_is_a_usage_error(tiers: Inside, share: str) -> None:
    assert tiers("tiers", "manage", f"--max-evict={share}").code == 2


def expiring(s3: S3Client, cache: ACache) -> None:
    s3.put_bucket_lifecycle_configuration(
        Bucket=cache.connection.bucket,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "clean up",
                    "Status": "Enabled",
                    "Filter": {"Prefix": cache.key("a")},
                    "Expiration": {"Days": 400},
                }
            ]
        },
    )


def test_a_rule_that_will_delete_a_copy_stops_the_run_unless_it_is_named(
    tiers: Inside, cache: ACache, s3: S3Client
) -> None:
    expiring(s3, cache)
    refused = tiers("tiers", "manage", "--yes")
    assert refused.code == 8
    assert "clean up, 400 days after it was stored" in refused.err
    assert "--accept-expiry 'clean up'" in refused.err
    assert all(cache.path(name).exists() for name in cache.contents)

    kept = tiers("tiers", "manage", "--yes", "--keep-expiring", "--json")
    assert (kept.code, kept.data["demoted"]) == (0, 2)
    assert [one["code"] for one in kept.data["held"]] == ["expiring"]
    assert cache.path("a").exists()

    assert tiers("tiers", "demote", "a", "--yes").code == 8
    accepted = tiers("tiers", "demote", "a", "--yes", "--accept-expiry", "clean up")
    assert accepted.code == 0
    assert not cache.path("a").exists()


def test_named_assets_go_come_back_and_are_in_the_log(tiers: Inside, cache: ACache) -> None:
    gone = tiers("tiers", "demote", "warm0", cache.key("warm1"), cache.paths["a"], "--yes")
    assert gone.code == 0
    assert "Removed from local disk, proved in S3: 3 files" in gone.out
    (run, *_) = tiers("tiers", "log", "--quiet").out.split()
    assert f"creative-s3 tiers undo {run}" in gone.err
    assert tiers("tiers", "demote", "warm0", "--yes").code == 0  # it is gone already
    back = tiers("tiers", "promote", "warm0", "--json")
    assert (back.code, back.data["promoted"]) == (0, 1)
    assert cache.path("warm0").read_bytes() == cache.contents["warm0"]

    log = tiers("tiers", "log", "--json").data["runs"]
    assert [(one["demoted"], one["promoted"], one["still_cold"]) for one in log] == [(0, 1, 0), (3, 0, 2)]
    assert f"tiers undo {run}" in tiers("tiers", "log").err
    dry = tiers("tiers", "undo", "--dry-run", "-q")
    assert sorted(dry.out.split()) == ["a", "warm1"]
    undone = tiers("tiers", "undo")
    assert undone.code == 0
    assert "Brought back and verified: 2 files" in undone.out
    assert all(cache.path(name).read_bytes() == content for name, content in cache.contents.items())
    here = tiers("tiers", "promote", "--campaign", "autumn", "--dry-run")
    assert (here.code, "Nothing would be moved." in here.out) == (0, True)
    assert tiers("tiers", "undo").code == 2
    assert tiers("tiers", "undo", "77").code == 2


def test_a_run_has_one_number_everywhere(tiers: Inside, cache: ACache) -> None:
    assert tiers("migrate", "upload", "--yes").code == 0
    assert tiers("assets", "download", cache.key("a"), "--output", "elsewhere.png").code == 0
    gone = tiers("tiers", "demote", "a", "--yes", "--json").data["run"]
    assert tiers("migrate", "upload", "--yes").code == 0
    later = tiers("tiers", "demote", "b", "--yes", "--json").data["run"]

    history = {one["run"]: one["command"] for one in tiers("migrate", "history", "--json").data["runs"]}
    assert [one["run"] for one in tiers("tiers", "log", "--json").data["runs"]][:2] == [later, gone]
    assert history[gone] == history[later] == "tiers demote"
    assert tiers("tiers", "undo", str(gone)).code == 0
    assert (cache.path("a").exists(), cache.path("b").exists()) == (True, False)
    number = next(number for number, command in history.items() if command != "tiers demote")
    refused = tiers("tiers", "undo", str(number))
    assert (refused.code, "no run of this number" in refused.err) == (2, True)


def test_names_come_from_other_commands(tiers: Inside, cache: ACache) -> None:
    found = tiers("assets", "find", "--campaign", "autumn", "--unused-since", "30d", "-q")
    assert sorted(found.out.split()) == ["a", "b", "c"]
    gone = tiers("tiers", "demote", "-", "--yes", "-q", stdin=found.out.encode())
    assert (gone.code, sorted(gone.out.split())) == (0, ["a", "b", "c"])
    cold = tiers("assets", "find", "--cold", "-q")
    assert sorted(cold.out.split()) == ["a", "b", "c"]
    assert tiers("tiers", "promote", "-", "-q", stdin=cold.out.encode()).code == 0
    assert all(cache.path(name).exists() for name in cache.contents)


def test_pins_take_names_from_other_commands(tiers: Inside) -> None:
    found = tiers("assets", "find", "--unused-since", "30d", "-q").out.encode()
    assert tiers("tiers", "pin", "-", "--json", stdin=found).data["keys"] == ["a", "b", "c"]
    assert names(tiers("tiers", "manage", "--dry-run", "--json")) == []
    assert tiers("tiers", "unpin", "-", "--json", stdin=b"a\nc\n").data["keys"] == ["b"]


def test_second_names_places_outside_and_shared_objects_are_told(tiers: Inside, cache: ACache) -> None:
    cache.add("outside", path="output/outside.png")
    cache.add("twin", cache.contents["c"])
    cache.upload()
    cache.path("a").with_suffix(".second").hardlink_to(cache.path("a"))
    cache.path("b").rename(cache.root / "elsewhere.png")
    cache.path("b").symlink_to(cache.root / "elsewhere.png")
    cache.wait_until_settled()
    keys = ("a", "b", "outside", "c", "twin")
    result = tiers("tiers", "manage", *(f"--explain={name}" for name in keys), "--json")
    decisions = {one["cache_key"]: one["decision"] for one in result.data["assets"]}
    assert "second name" in decisions["a"]
    assert "link" in decisions["b"]
    assert "outside the cache" in decisions["outside"]
    shared = [name for name in ("c", "twin") if "object" in decisions[name]]
    assert len(shared) == (cache.key("c") == cache.key("twin"))
    told = tiers("tiers", "demote", "a", "b", "outside", "--yes")
    assert told.code == 3
    assert all(cache.path(name).exists() for name in keys)


@pytest.mark.parametrize("command", ["demote", "promote", "restore", "unpin"])
def test_without_a_name_nothing_is_chosen(tiers: Inside, command: str) -> None:
    result = tiers("tiers", command)
    assert result.code == 2
    assert "nothing is chosen" in result.err


def test_a_name_that_means_nothing_is_told(tiers: Inside, cache: ACache) -> None:
    for command in (
        ["demote", "never", "a", "--yes"],
        ["promote", "never"],
        ["manage", "--explain", "never"],
    ):
        result = tiers("tiers", *command)
        assert result.code == 5, result
        assert "never" in result.err
    assert cache.path("a").exists()


def test_what_cannot_be_demoted_is_told_with_its_reason(tiers: Inside, cache: ACache, s3: S3Client) -> None:
    s3.delete_object(Bucket=cache.connection.bucket, Key=cache.key("a"))
    result = tiers("tiers", "demote", "a", "b", "--yes", "--json")
    assert result.code == 3
    outcomes = {one["cache_key"]: (one["done"], one["code"]) for one in result.data["files"]}
    assert outcomes == {"a": (False, "unproved"), "b": (True, None)}
    quiet = tiers("tiers", "demote", "a", "--yes", "-q")
    assert (quiet.code, quiet.out) == (3, "")
    assert "no copy of it in S3 was proved" in quiet.err


def test_pins_keep_assets_here_until_they_are_taken_back(tiers: Inside, cache: ACache) -> None:
    assert tiers("tiers", "pin").out == "Nothing is pinned.\n"
    assert tiers("tiers", "pin", "a", cache.key("b"), "--json").data["keys"] == ["a", "b"]
    assert tiers("tiers", "demote", "a", "--yes").code == 3
    assert names(tiers("tiers", "manage", "--dry-run", "--json")) == ["c"]
    assert tiers("tiers", "pin", "--campaign", "autumn").code == 0
    assert names(tiers("tiers", "manage", "--dry-run", "--json")) == []
    assert "campaign  autumn" in tiers("tiers", "pin").out
    unpinned = tiers("tiers", "unpin", "a", "b", "--campaign", "autumn", "--json")
    assert unpinned.data == {"keys": [], "campaigns": [], "changed": 3}
    assert names(tiers("tiers", "manage", "--dry-run", "--json")) == ["a", "b", "c"]
    assert tiers("tiers", "pin", "never").code == 5


@pytest.mark.parametrize("run", ["0", "-1", "one", "99999999999999999999999"])
def test_a_run_that_is_none_is_a_usage_error(tiers: Inside, run: str) -> None:
    assert tiers("tiers", "undo", "--", run).code == 2


def test_assets_are_chosen_as_find_does(tiers: Inside, cache: ACache) -> None:
    cache.add("other", campaign_id="spring")
    cache.upload()
    planned = tiers("tiers", "demote", "--campaign", "autumn", "--unused-since", "50d", "--dry-run", "--json")
    assert names(planned) == ["a", "b", "c"]
    done = tiers("tiers", "demote", "--campaign", "autumn", "--unused-since", "50d", "--yes", "--json")
    assert (done.code, names(done)) == (0, ["a", "b", "c"])
    assert cache.path("other").exists()
    again = tiers("tiers", "demote", "--campaign", "autumn", "--unused-since", "50d", "--yes", "--json")
    assert (again.code, again.data["files"]) == (0, [])  # what is cold already is not among them
    back = tiers("tiers", "promote", "--region", "US", "--json")
    assert (back.code, names(back)) == (0, ["a", "b", "c"])
    cache.check_nothing_is_lost()


def test_a_value_that_no_asset_has_is_told_and_nothing_goes(tiers: Inside, cache: ACache) -> None:
    result = tiers("tiers", "demote", "--campaign", "autum", "--yes")
    assert result.code == 0
    assert "did you mean autumn?" in result.err
    assert all(cache.path(name).exists() for name in cache.contents)


def test_names_and_a_choice_together_are_refused(tiers: Inside, cache: ACache) -> None:
    result = tiers("tiers", "demote", "a", "--campaign", "autumn", "--yes")
    assert result.code == 2
    assert "two things" in result.err
    assert all(cache.path(name).exists() for name in cache.contents)


def test_a_campaign_is_pinned_as_such_and_any_other_choice_asset_by_asset(
    tiers: Inside, cache: ACache
) -> None:
    assert tiers("tiers", "pin", "--campaign", "autumn", "--json").data["campaigns"] == ["autumn"]
    assert tiers("tiers", "unpin", "--campaign", "autumn", "--json").data["campaigns"] == []
    chosen = tiers("tiers", "pin", "--campaign", "autumn", "--unused-since", "50d", "--json")
    assert (chosen.data["keys"], chosen.data["campaigns"]) == (["a", "b", "c"], [])
    assert tiers("tiers", "demote", "a", "--yes").code == 3
    assert cache.path("a").exists()
    assert tiers("tiers", "unpin", "--unused-since", "50d", "--json").data["keys"] == []


def test_every_decision_can_be_explained(tiers: Inside, cache: ACache) -> None:
    tiers("tiers", "pin", "b")
    result = tiers("tiers", "manage", *(f"--explain={name}" for name in ("a", "b", "warm0")), "--json")
    decisions = {one["cache_key"]: one["decision"] for one in result.data["assets"]}
    assert decisions["a"].startswith("goes: not used for 100 days")
    assert decisions["b"] == "stays: it is pinned (as b)"
    assert decisions["warm0"].startswith("stays: used 3 days ago")
    shown = tiers("tiers", "manage", "--explain", "a")
    assert "goes: not used for 100 days" in shown.out
    assert cache.path("a").exists()


def test_the_limit_and_the_free_disk_are_kept(tiers: Inside, cache: ACache) -> None:
    used = tiers("tiers", "status", "--json").data["cache_bytes"]
    result = tiers("tiers", "manage", "--cold-days", "365", "--limit", str(used - 10), "--dry-run", "--json")
    assert 0 < result.data["plan"]["needed_bytes"] <= result.data["plan"]["freed_bytes"]
    full = tiers("tiers", "manage", "--min-free", "900PiB", "--max-evict", "100", "--yes")
    assert "more would have to go, and nothing else may" in full.err
    assert not any(cache.path(name).exists() for name in cache.contents)
    assert tiers("tiers", "manage", "--limit", "much").code == 2


def test_what_is_used_often_comes_back(tiers: Inside, cache: ACache) -> None:
    tiers("tiers", "demote", "a", "b", "--yes")
    with cache.opened() as catalog:
        catalog.usage.record({"a": 4}, {"hit": Tally(4, 0)}, at=datetime.now(UTC))
    result = tiers("tiers", "manage", "--no-demote")
    assert result.code == 0
    assert "Brought back and verified: 1 file" in result.out
    assert cache.path("a").exists()
    assert not cache.path("b").exists()


def test_the_guides_shortcut_takes_the_guides_options(tiers: Inside, cache: ACache) -> None:
    options = ["--cache-dir", "cache", "--no-promote", "--no-demote", "--cold-days", "7"]
    assert tiers("tier-manage", *options).code == 0
    assert all(cache.path(name).exists() for name in cache.contents)
    assert tiers("tier-manage", "--cold-days", "30", "--yes").code == 0
    assert not cache.path("a").exists()


def test_another_run_on_the_cache_ends_with_its_pid(tiers: Inside, cache: ACache) -> None:
    with exclusive(cache.cache_dir / ".creative-s3" / "lock"):
        result = tiers("tiers", "manage", "--yes")
    assert result.code == 6
    assert "process" in result.err
    assert cache.path("a").exists()


def test_a_missing_cache_is_refused_and_not_made(tiers: Inside, tmp_path: Path) -> None:
    for command in (["manage", "--yes"], ["status"], ["undo"]):
        result = tiers("tiers", *command, "--cache-dir", str(tmp_path / "no" / "cache"))
        assert result.code == 8
    assert not (tmp_path / "no").exists()


def test_another_bucket_has_nothing_to_rely_on(tiers: Inside, cache: ACache, s3: S3Client) -> None:
    other = f"{cache.connection.bucket}-b"
    s3.create_bucket(Bucket=other)
    result = tiers("tiers", "manage", "--yes", "--bucket", other)
    s3.delete_bucket(Bucket=other)
    assert result.code == 8
    assert "holds nothing under the prefix" in result.err
    assert tiers("tiers", "manage", "--yes", "--bucket", "no-such-bucket-here").code == 5
    assert all(cache.path(name).exists() for name in cache.contents)


def test_every_file_that_stays_is_in_the_json(tiers: Inside, cache: ACache) -> None:
    cache.path("a").write_bytes(b"edited since")
    cache.age(cache.path("a"))
    result = tiers("tiers", "manage", "--yes", "--json")
    held: dict[str, Any] = {one["cache_key"]: one for one in result.data["held"]}
    assert held["a"]["code"] == "changed"
    assert json.dumps(result.data)
    assert cache.path("a").read_bytes() == b"edited since"
