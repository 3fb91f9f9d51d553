"""The dry run of `tiers manage` is what is then done, whatever the cache and the policy."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.inside import Inside
from tests.s3.a_cache import ACache
from tests.s3.moving import connection_to

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.program import Result
    from tests.conftest import S3Server

_AGES = (0, 3, 20, 40, 100, 300)


@pytest.fixture
def cache(tmp_path: Path, s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> ACache:
    return ACache(tmp_path / "work", connection_to(s3_server.local, bucket, monkeypatch))


def a_world(cache: ACache, tiers: Inside, chance: random.Random) -> None:
    """Files of all ages and sizes, some in S3 only, some pinned, edited, late, with a second name."""
    for number in range(14):
        folder = "output" if number < 2 else chance.choice(["cache/backgrounds", "cache/scenes/new"])
        cache.add(
            f"asset{number:02d}",
            chance.randbytes(chance.randrange(200, 6_000)),
            days=chance.choice(_AGES),
            path=f"{folder}/{number}.png",
        )
    cache.upload()
    names = sorted(cache.contents)
    local = [name for name in names if cache.paths[name].startswith("cache/")]
    away = chance.sample(local, 4)
    assert tiers("tiers", "demote", *away, "--yes").code in {0, 3}
    with cache.opened() as catalog:
        for name in chance.sample(names, 8):
            days = chance.choice([0, 1, 50])
            at = datetime.now(UTC) - timedelta(days=days)
            catalog.usage.record({name: chance.randrange(1, 6)}, {}, at=at)
    tiers("tiers", "pin", *chance.sample(names, 2))
    here = [name for name in local if cache.path(name).exists()]
    edited, linked = chance.sample(here, 2)
    cache.path(edited).write_bytes(b"edited since")
    cache.contents[edited] = b"edited since"
    cache.age(cache.path(edited))
    cache.path(linked).with_suffix(".second").hardlink_to(cache.path(linked))
    cache.add("late", b"never uploaded", days=chance.choice(_AGES))
    cache.wait_until_settled()


def a_policy(cache: ACache, chance: random.Random) -> list[str]:
    used = sum(file.stat().st_size for file in cache.cache_dir.rglob("*.png"))
    options = ["--cold-days", str(chance.choice([0, 10, 30, 200])), "--max-evict", "100"]
    if chance.random() < 0.6:
        options += ["--limit", str(int(used * chance.choice([0.0, 0.3, 0.6, 0.9, 2.0])))]
    if chance.random() < 0.3:
        options += ["--min-free", chance.choice(["1KiB", "900PiB"])]
    if chance.random() < 0.3:
        options.append(chance.choice(["--no-promote", "--no-demote"]))
    return options


def by_name(result: Result) -> list[dict[str, Any]]:
    """Return the files of a report; what comes back is told in the order in which it arrives."""
    return sorted(result.data["files"], key=lambda one: one["cache_key"])


@pytest.mark.parametrize("seed", range(8))
def test_the_dry_run_is_what_is_done(cache: ACache, server_env: dict[str, str], seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same world each time
    tiers = Inside(server_env, cache.root)
    a_world(cache, tiers, chance)
    options = a_policy(cache, chance)
    before = {name for name in cache.contents if cache.path(name).exists()}

    planned = tiers("tiers", "manage", *options, "--dry-run", "--json")
    quiet = tiers("tiers", "manage", *options, "--dry-run", "-q")
    assert {name for name in cache.contents if cache.path(name).exists()} == before
    done = tiers("tiers", "manage", *options, "--yes", "--json")

    assert (planned.code, quiet.code, done.code) == (0, 0, 0)
    assert by_name(done) == by_name(planned)
    for name in ("held", "bill", "demoted", "demoted_bytes", "promoted", "promoted_bytes"):
        assert done.data[name] == planned.data[name], name
    freed = planned.data["plan"]["freed_bytes"]
    assert done.data["plan"]["freed_bytes"] == freed == done.data["demoted_bytes"]
    assert quiet.out.split() == [one["cache_key"] for one in planned.data["files"]]
    goes = {one["cache_key"] for one in planned.data["files"] if one["action"] == "demote"}
    comes = {one["cache_key"] for one in planned.data["files"] if one["action"] == "promote"}
    assert {name for name in cache.contents if cache.path(name).exists()} == before - goes | comes
    cache.check_nothing_is_lost()
