"""kill -9 at many points of a demotion and of its undoing: every file is here, or provably in the bucket.

Set ``TIER_KILLS`` to die more often than in everyday tests: ``nox -s long`` does.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.tiers.leaving import is_aside
from creative_s3.core.tiers.movements import Movements
from creative_s3.core.tiers.tiers import Policy
from tests.s3.a_cache import ACache
from tests.s3.dying_processes import Dying, dying_processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from creative_s3.core.s3.connection import Connection

KILLS = int(os.environ.get("TIER_KILLS", "24"))
DEMOTIONS = KILLS * 2 // 3
RETURNS = KILLS // 6
"""Of an undo, and as many of a promotion."""
PARTS = 2
EDITED = "edited"


@pytest.fixture
def dying(server_env: dict[str, str]) -> Iterator[Dying]:
    with dying_processes(server_env) as made:
        yield made


@pytest.fixture
def cache(tmp_path: Path, connection: Connection) -> ACache:
    """Eight cold files that are proved, one that was edited since, and one that was never uploaded."""
    made = ACache(tmp_path / "template" / "work", connection)
    for number in range(8):
        made.add(f"n{number}", path=f"cache/{'xy'[number % 2]}/n{number}.png")
    made.add(EDITED)
    made.upload()
    made.path(EDITED).write_bytes(b"edited, and nowhere else")
    made.contents[EDITED] = b"edited, and nowhere else"
    made.add("late")
    made.age(made.path(EDITED))
    return made


def copied(cache: ACache, root: Path) -> ACache:
    shutil.copytree(cache.root, root)
    made = replace(cache, root=root)
    made.wait_until_settled()
    return made


def check(cache: ACache) -> None:
    """Every content is under its name, or under the name aside, or in the bucket and known to be."""
    with cache.opened() as catalog:
        cold = {row.asset.cache_key for row in catalog.assets.all("is_cold")}
    assert cold >= {name for name in cache.contents if not cache.path(name).exists()}
    for cache_key, content in cache.contents.items():
        path = cache.path(cache_key)
        here = [path, *path.parent.glob(f".{path.name}.creative-s3-*.leaving")]
        if any(file.exists() and file.read_bytes() == content for file in here):
            continue
        assert not path.exists()
        assert cache_key not in {EDITED, "late"}
        stored = cache.store.read(cache.key(cache_key))
        assert stored is not None
        assert stored[1] == content


def recover(cache: ACache) -> None:
    """Let another run begin and do nothing but settle what was left."""
    with cache.tiers() as tiers:
        tiers.apply(tiers.plan(Policy(demotes=False, promotes=False)))
    assert not [path for path in cache.root.rglob("*") if is_aside(path.name)]
    with cache.opened() as catalog:
        assert Movements(catalog.database).pending() == []
        cold = {row.asset.cache_key for row in catalog.assets.all("is_cold")}
    assert cold == {name for name in cache.contents if not cache.path(name).exists()}
    check(cache)


def undo_everything(cache: ACache) -> None:
    """Take back the run that was killed, as far as it came: nothing else has ever been demoted."""
    with cache.tiers() as tiers:
        if any(file.is_cold for file in tiers.look().files):
            report = tiers.undo()
            assert report.success, report.reasons
    for cache_key, content in cache.contents.items():
        assert cache.path(cache_key).read_bytes() == content
        assert not cache.is_cold(cache_key)


def spread(total: int, number: int) -> list[int]:
    """Return so many lines, evenly from the first to nearly the last: not every run takes the same number."""
    return [round((index + 0.5) * (total - 10) / number) for index in range(number)]


@pytest.mark.parametrize("part", range(PARTS))
def test_a_demotion_that_is_killed_anywhere_loses_nothing_and_can_be_undone(
    cache: ACache, dying: Dying, tmp_path: Path, part: int
) -> None:
    total = dying(copied(cache, tmp_path / "whole" / "work"), "demote", None)["lines"]
    assert total > 1000
    outcomes = set()
    for index, point in enumerate(spread(total, DEMOTIONS)[part::PARTS]):
        victim = copied(cache, tmp_path / f"at-{point}" / "work")
        answer = dying(victim, "demote", point)
        assert answer["killed"], answer
        check(victim)
        if index % 3 == 0:  # who mends may be killed, too
            dying(victim, "settle", 20 * (index + 1))
            check(victim)
        recover(victim)
        outcomes.add(sum(victim.path(name).exists() for name in victim.contents))
        undo_everything(victim)
        shutil.rmtree(victim.root)
    assert len(outcomes) > 1  # some died early, some late


@pytest.mark.parametrize("action", ["undo", "promote"])
def test_a_return_that_is_killed_anywhere_loses_nothing(
    cache: ACache, dying: Dying, tmp_path: Path, action: str
) -> None:
    cache.demote()
    assert not cache.path("n0").exists()
    total = dying(copied(cache, tmp_path / "whole" / "work"), action, None)["lines"]
    assert total > 100
    for point in spread(total, RETURNS):
        victim = copied(cache, tmp_path / f"at-{point}" / "work")
        assert dying(victim, action, point)["killed"]
        check(victim)
        recover(victim)
        undo_everything(victim)
        assert not list(victim.root.rglob("*.part*"))
        shutil.rmtree(victim.root)
