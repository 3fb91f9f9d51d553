"""kill -9 at many points of a demotion and of its undoing: every file is here, or provably in the bucket."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.tiers.leaving import is_aside
from creative_s3.core.tiers.movements import Movements
from creative_s3.core.tiers.tiers import Policy
from tests.conftest import CHECKOUT
from tests.s3.a_cache import ACache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from creative_s3.core.aws import Connection

POINTS = 60
EDITED = "edited"


class Dying:
    """Processes that move tiers, and die where they are told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, cache: ACache, action: str, last: int | None) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        order = {"cache_dir": str(cache.cache_dir), "action": action, "last": last}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture
def dying(server_env: dict[str, str]) -> Iterator[Dying]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.s3.dying"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**server_env, "PYTHONPATH": os.pathsep.join([str(CHECKOUT), server_env["PYTHONPATH"]])},
    ) as process:
        yield Dying(process)


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
    with cache.tiers() as tiers:
        tiers.promote([file for file in tiers.look().files if file.is_cold])
    for cache_key, content in cache.contents.items():
        assert cache.path(cache_key).read_bytes() == content


@pytest.mark.parametrize("part", range(4))
def test_a_demotion_that_is_killed_anywhere_loses_nothing(
    cache: ACache, dying: Dying, tmp_path: Path, part: int
) -> None:
    total = dying(copied(cache, tmp_path / "whole" / "work"), "demote", None)["lines"]
    assert total > 100
    points = [round((index + 0.5) * total / POINTS) for index in range(POINTS)][part::4]
    outcomes = set()
    for point in points:
        victim = copied(cache, tmp_path / f"at-{point}" / "work")
        assert dying(victim, "demote", point)["killed"]
        check(victim)
        recover(victim)
        outcomes.add(sum(victim.path(name).exists() for name in victim.contents))
        undo_everything(victim)
    assert len(outcomes) > 1  # some died early, some late


def test_an_undo_that_is_killed_anywhere_loses_nothing(cache: ACache, dying: Dying, tmp_path: Path) -> None:
    cache.demote()
    assert not cache.path("n0").exists()
    total = dying(copied(cache, tmp_path / "whole" / "work"), "undo", None)["lines"]
    for point in [round((index + 0.5) * total / 12) for index in range(12)]:
        victim = copied(cache, tmp_path / f"at-{point}" / "work")
        assert dying(victim, "undo", point)["killed"]
        check(victim)
        undo_everything(victim)
        assert not list(victim.root.rglob("*.part*"))
