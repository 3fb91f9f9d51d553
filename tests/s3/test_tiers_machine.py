"""A long random life of two caches and one bucket: no content is lost but by its owner's hand.

Set ``TIER_STEPS`` to make it longer than in everyday tests: ``nox -s long`` does.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from creative_s3.core.assets.layout import owner_of
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.discovery.rebuild import rebuild
from creative_s3.core.discovery.syncing import sync_with_bucket
from creative_s3.core.library.hybrid_cache import S3CacheManager
from creative_s3.core.tiers.leaving import is_aside
from creative_s3.core.tiers.movements import Movements
from creative_s3.core.tiers.pins import change_pins, read_pins
from creative_s3.core.tiers.survey import find_files
from creative_s3.core.tiers.tiers import Policy
from creative_s3.errors import CreativeS3Error, ObjectNotFoundError, RefusedError, UsageError
from tests.s3.a_cache import ACache
from tests.s3.dying_processes import Dying, dying_processes

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.tiers.report import TierReport

STEPS = int(os.environ.get("TIER_STEPS", "300"))
STEPS_EACH = 30
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
BODIES = st.sampled_from([b"", b"one", b"two", b"the same", b"long " * 5_000])
WHO = st.sampled_from([0, 1])
PICK = st.integers(0, 9)
"""One of the assets that a machine has."""


@dataclass
class _Truth:
    """What the world should have of one asset of one machine.

    Attributes:
        content: What its owner made of it last.
        is_forsaken: Whether somebody removed or replaced the object while it was the only copy.
    """

    content: bytes
    is_forsaken: bool = False


@dataclass
class _Machine:
    """One cache, and what should be in it or in the bucket."""

    cache: ACache
    truth: dict[str, _Truth] = field(default_factory=dict)

    def add(self, name: str, content: bytes) -> None:
        self.cache.add(name, content, path=f"cache/{name}/{name}.png")
        self.truth[name] = _Truth(content)

    def pick(self, number: int) -> str:
        names = sorted(self.truth)
        return names[number % len(names)]

    def pairs(self) -> list[tuple[str, str]]:
        """Return each asset with the key of its object."""
        with self.cache.opened() as catalog:
            return sorted(catalog.assignments().items())

    def is_here(self, name: str) -> bool:
        return self.cache.path(name).exists()


class Life(RuleBasedStateMachine):
    """Two caches, one bucket, and everybody who touches them."""

    connection: Connection
    s3: S3Client
    directory: Path
    dying: Dying
    numbers = count()
    age = 0
    done: ClassVar[Counter[str]] = Counter()

    @initialize()
    def begin(self) -> None:
        number = next(self.numbers)
        config = self.connection.config.model_copy(update={"prefix": f"life-{number}"})
        connection = replace(self.connection, config=config)
        self.machines = [
            _Machine(ACache(self.directory / f"life-{number}" / str(who), connection)) for who in (0, 1)
        ]
        # In the middle of life: else most short lives would end before anything can go.
        for machine, names in zip(self.machines, ("abc", "de"), strict=True):
            for name in names:
                machine.add(name, f"the first {name}".encode())
            machine.cache.upload()

    @rule(who=WHO, name=NAMES, content=BODIES)
    def register(self, who: int, name: str, content: bytes) -> None:
        if name not in self.machines[who].truth:
            self._count("register")
            self.machines[who].add(name, content)

    @rule(who=WHO, pick=PICK, content=BODIES)
    def edit(self, who: int, pick: int, content: bytes) -> None:
        """The owner writes a file again: what he makes now is what counts."""
        self._count("edit")
        self.machines[who].add(self.machines[who].pick(pick), content)

    @rule(who=WHO, pick=PICK)
    def corrupt(self, who: int, pick: int) -> None:
        """A bit of a local file is another one, and nothing but the content says so."""
        machine = self.machines[who]
        name = machine.pick(pick)
        if not machine.is_here(name):
            return
        path = machine.cache.path(name)
        before, wrong = path.stat(), bytearray(path.read_bytes())
        if wrong:
            self._count("corrupt")
            wrong[len(wrong) // 2] ^= 1
            path.write_bytes(wrong)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            machine.truth[name] = _Truth(bytes(wrong))

    @rule(who=WHO)
    def upload(self, who: int) -> None:
        machine, other = self.machines[who], self.machines[1 - who]
        before = {name: self._stored(key) for name, key in other.pairs()}
        migration = machine.cache.migration()
        report = migration.execute_migration(migration.create_migration_plan())
        self._count("upload", report.uploaded)
        # An owner may replace what he stored. Whoever relied on that for the same asset goes along with him.
        for name, key in other.pairs():
            after = self._stored(key)
            if before.get(name) != after and after is not None and after[0] == name:
                self._forsake(other, key)

    @rule(who=WHO, name=NAMES, times=st.integers(1, 4))
    def access(self, who: int, name: str, times: int) -> None:
        machine = self.machines[who]
        was_here = name in machine.truth and machine.is_here(name)
        with S3CacheManager(machine.cache.cache_dir, s3_manager=machine.cache.store) as manager:
            try:
                for _ in range(times):
                    path = manager.get_asset_path(name)
            except CreativeS3Error:
                assert name not in machine.truth or machine.truth[name].is_forsaken or self._is_aside(machine)
                return
        self._count("access: here" if was_here else "access: fetched")
        machine.cache.paths.setdefault(name, path.relative_to(machine.cache.root).as_posix())
        if name not in machine.truth:  # another machine's, known from the bucket
            machine.truth[name] = _Truth(path.read_bytes())
        self._is_as_it_was(machine, name)

    @rule(who=WHO, pick=PICK)
    def demote(self, who: int, pick: int) -> None:
        cache, name = self.machines[who].cache, self.machines[who].pick(pick)
        cache.wait_until_settled()
        with cache.tiers() as tiers:
            try:
                report = tiers.demote(find_files([name], tiers.survey().files))
            except (RefusedError, ObjectNotFoundError):
                return
        self._count_moves("demote", report)

    @rule(who=WHO, days=st.sampled_from([0, 50, 200]), share=st.sampled_from([0.5, 1.0]))
    def manage(self, who: int, days: int, share: float) -> None:
        cache = self.machines[who].cache
        cache.wait_until_settled()
        with cache.tiers() as tiers:
            plan = tiers.plan(Policy(cold_days=days)).within(share)
            try:
                report = tiers.apply(plan)
            except RefusedError:
                return
        self._count_moves("manage", report)
        self._look_around(self.machines[who])

    @rule(who=WHO, action=st.sampled_from(["demote", "promote", "undo", "settle"]), line=st.integers(1, 2500))
    def crash(self, who: int, action: str, line: int) -> None:
        """kill -9, at some line of our code; where there are fewer lines, the run comes to its end."""
        cache = self.machines[who].cache
        cache.wait_until_settled()
        answer = self.dying(cache, action, line)
        self._count(f"crash: {action}" if answer["killed"] else f"no crash: {action}")
        self._look_around(self.machines[who])

    @rule(who=WHO)
    def undo(self, who: int) -> None:
        with self.machines[who].cache.tiers() as tiers:
            try:
                report = tiers.undo()
            except UsageError:
                return
        self._count_moves("undo", report)
        self._look_around(self.machines[who])

    @rule(who=WHO)
    def promote(self, who: int) -> None:
        with self.machines[who].cache.tiers() as tiers:
            report = tiers.promote([file for file in tiers.look().files if not file.is_hot])
        self._count_moves("promote", report)
        self._look_around(self.machines[who])

    @rule(who=WHO, name=NAMES)
    def pin_or_unpin(self, who: int, name: str) -> None:
        cache_dir = self.machines[who].cache.cache_dir
        pinned = read_pins(cache_dir).keys
        self._count("pin")
        change_pins(
            cache_dir,
            lambda pins: pins.without(keys=[name]) if name in pinned else pins.with_more(keys=[name]),
        )

    @rule(who=WHO)
    def second_machine_discovers(self, who: int) -> None:
        """Take in what the other machine has put into the bucket, as cold."""
        cache = self.machines[who].cache
        _, recorded = sync_with_bucket(cache.store, cache.cache_dir, prefix=cache.prefix)
        self._count("discover", recorded.entries)

    @rule(who=WHO)
    def lose_the_catalog(self, who: int) -> None:
        """Nothing of it can be read any more: it is made anew from the index and the bucket."""
        cache = self.machines[who].cache
        self._count("catalog lost")
        catalog_path(cache.cache_dir).unlink(missing_ok=True)
        rebuild(
            cache.cache_dir,
            cache.store,
            prefix=cache.prefix,
            validate=lambda: cache.migration().validate_migration(),
        )

    @precondition(lambda self: self._is_bad_day())
    @rule(data=st.data())
    def delete_remotely(self, data: st.DataObject) -> None:
        _, key = data.draw(st.sampled_from(self._keys()))
        self._count("delete remotely")
        self.s3.delete_object(Bucket=self.connection.bucket, Key=key)
        self._forsake_everywhere(key)

    @precondition(lambda self: self._is_bad_day())
    @rule(data=st.data(), content=BODIES, is_ours=st.booleans())
    def overwrite_remotely(self, data: st.DataObject, content: bytes, is_ours: bool) -> None:  # noqa: FBT001 - hypothesis passes it
        name, key = data.draw(st.sampled_from(self._keys()))
        self._count("overwrite remotely")
        metadata = {"cache-key": name if is_ours else "somebody-else"}
        self.s3.put_object(Bucket=self.connection.bucket, Key=key, Body=content, Metadata=metadata)
        self._forsake_everywhere(key)

    @precondition(lambda self: self._is_bad_day())
    @rule(data=st.data())
    def corrupt_remotely(self, data: st.DataObject) -> None:
        """An object of the same name, size and owner, with one bit that is another one."""
        _, key = data.draw(st.sampled_from(self._keys()))
        read = self._stored(key)
        if read is None or not read[1]:
            return
        self._count("corrupt remotely")
        wrong = bytearray(read[1])
        wrong[len(wrong) // 2] ^= 1
        self.s3.put_object(
            Bucket=self.connection.bucket, Key=key, Body=bytes(wrong), Metadata={"cache-key": read[0] or ""}
        )
        self._forsake_everywhere(key)

    @invariant()
    def every_content_is_readable(self) -> None:
        self.age += 1
        for machine in getattr(self, "machines", ()):
            for name, truth in machine.truth.items():
                self._is_readable(machine, name, truth)

    def teardown(self) -> None:
        for machine in getattr(self, "machines", ()):
            # Another run settles what was left; then nothing is aside any more.
            with machine.cache.tiers() as tiers:
                tiers.apply(tiers.plan(Policy(demotes=False, promotes=False)))
            assert not self._is_aside(machine)
            with machine.cache.opened() as catalog:
                assert Movements(catalog.database).pending() == []
                cold = {row.asset.cache_key for row in catalog.assets.all("is_cold")}
            gone = {name for name in machine.truth if not machine.is_here(name)}
            assert cold & machine.truth.keys() <= gone
            assert {name for name in gone if not machine.truth[name].is_forsaken} <= cold
        self.every_content_is_readable()

    def _is_readable(self, machine: _Machine, name: str, truth: _Truth) -> None:
        path = machine.cache.path(name)
        aside = [file for file in path.parent.iterdir() if is_aside(file.name)]
        if any(file.exists() and file.read_bytes() == truth.content for file in (path, *aside)):
            return
        if truth.is_forsaken:
            return
        stored = self._stored(machine.cache.key(name))  # it was demoted, so it has a key
        assert stored is not None, f"{name} is nowhere"
        assert stored[1] == truth.content, f"{name} is not what it was"

    @classmethod
    def _count(cls, what: str, number: int = 1) -> None:
        Life.done[what] += number

    def _count_moves(self, what: str, report: TierReport) -> None:
        self._count(f"{what}: gone", report.demoted)
        self._count(f"{what}: back", report.promoted)
        self._count(f"{what}: stayed", report.kept)

    def _is_bad_day(self) -> bool:
        """Let destruction come now and then only, so that there is something to destroy."""
        return bool(self.age % 4 == 0 and self._keys())

    def _keys(self) -> list[tuple[str, str]]:
        return sorted({pair for machine in self.machines for pair in machine.pairs()})

    def _stored(self, key: str) -> tuple[str | None, bytes] | None:
        """Return the owner and the content of an object."""
        read = self.machines[0].cache.store.read(key)
        return (owner_of(read[0].metadata), read[1]) if read else None

    def _forsake_everywhere(self, key: str) -> None:
        for machine in self.machines:
            self._forsake(machine, key)

    def _forsake(self, machine: _Machine, key: str) -> None:
        """Take note that an object changed by somebody's hand: who had nothing else has lost it to him."""
        stored = self._stored(key)
        for name, used in machine.pairs():
            if used == key and name in machine.truth and not machine.is_here(name):
                truth = machine.truth[name]
                truth.is_forsaken |= stored != (name, truth.content)

    @staticmethod
    def _is_aside(machine: _Machine) -> bool:
        return any(is_aside(path.name) for path in machine.cache.root.rglob("*"))

    def _look_around(self, machine: _Machine) -> None:
        for name in machine.truth:
            if machine.is_here(name):
                self._is_as_it_was(machine, name)

    @staticmethod
    def _is_as_it_was(machine: _Machine, name: str) -> None:
        found = machine.cache.path(name).read_bytes()
        truth = machine.truth[name]
        assert found == truth.content or truth.is_forsaken
        machine.truth[name] = _Truth(found)


def test_a_long_life_loses_nothing(
    connection: Connection, s3: S3Client, server_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with dying_processes(server_env) as dying:
        machine = type(
            "ThisLife",
            (Life,),
            {
                "connection": connection,
                "s3": s3,
                "directory": tmp_path_factory.mktemp("lives"),
                "dying": dying,
            },
        )
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=max(STEPS // STEPS_EACH, 1),
                stateful_step_count=STEPS_EACH,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    print(dict(sorted(Life.done.items())))  # noqa: T201 - shown by -s, and when it fails
    assert Life.done["demote: gone"] + Life.done["manage: gone"]  # else nothing was tried
