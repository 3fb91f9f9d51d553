"""A long random life of a cache and its bucket: whatever happens, no content is lost but by its owner's hand.

Set ``TIER_STEPS`` to make it longer than in everyday tests.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

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

from creative_s3.core.library.hybrid_cache import S3CacheManager
from creative_s3.core.tiers.leaving import is_aside
from creative_s3.core.tiers.movements import Movements
from creative_s3.core.tiers.pins import change_pins, read_pins
from creative_s3.core.tiers.survey import find_files
from creative_s3.core.tiers.tiers import Policy
from creative_s3.errors import CreativeS3Error, RefusedError, UsageError
from tests.at_the_moment import whenever
from tests.s3.a_cache import ACache

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import pytest
    from types_boto3_s3 import S3Client

    from creative_s3.core.aws import Connection
    from creative_s3.core.tiers.report import TierReport

STEPS = int(os.environ.get("TIER_STEPS", "250"))
STEPS_EACH = 50
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
BODIES = st.sampled_from([b"", b"one", b"two", b"the same", b"long " * 5_000])


@dataclass
class _Truth:
    """What the world should have of one asset.

    Attributes:
        content: What its owner made of it last.
        is_forsaken: Whether somebody removed or replaced the object while it was the only copy.
    """

    content: bytes
    is_forsaken: bool = False


class Life(RuleBasedStateMachine):
    """One cache, one bucket, and everybody who touches them."""

    connection: Connection
    s3: S3Client
    directory: Path
    numbers = itertools.count()
    moved = 0

    @initialize()
    def begin(self) -> None:
        number = next(self.numbers)
        config = self.connection.config.model_copy(update={"prefix": f"life-{number}"})
        self.cache = ACache(self.directory / f"life-{number}", replace(self.connection, config=config))
        self.truth: dict[str, _Truth] = {}
        self.uploaded: set[str] = set()
        self._add("a", b"one")

    def _add(self, name: str, content: bytes) -> None:
        self.cache.add(name, content, path=f"cache/{name}/{name}.png")
        self.truth[name] = _Truth(content)

    @rule(name=NAMES, content=BODIES)
    def register_or_edit(self, name: str, content: bytes) -> None:
        """The owner writes a file: what he makes now is what counts."""
        self._add(name, content)

    @rule()
    def upload(self) -> None:
        migration = self.cache.migration()
        migration.execute_migration(migration.create_migration_plan())

    @rule(name=NAMES)
    def access(self, name: str) -> None:
        with S3CacheManager(self.cache.cache_dir, s3_manager=self.cache.store) as manager:
            try:
                found = manager.get_asset_path(name).read_bytes()
            except CreativeS3Error:
                assert name not in self.truth or self.truth[name].is_forsaken
            else:
                self._is_here(name, found)

    @rule(name=NAMES)
    def demote_one(self, name: str) -> None:
        self.cache.wait_until_settled()
        with self.cache.tiers() as tiers:
            files = tiers.survey().files
            try:
                self._count(tiers.demote(find_files([name], files)))
            except CreativeS3Error:
                assert name not in self.truth or not self._bucket_has_anything()

    @rule(days=st.sampled_from([0, 50, 200]), share=st.sampled_from([0.5, 1.0]))
    def manage(self, days: int, share: float) -> None:
        self.cache.wait_until_settled()
        with self.cache.tiers() as tiers:
            plan = tiers.plan(Policy(cold_days=days)).within(share)
            try:
                self._count(tiers.apply(plan))
            except RefusedError:
                assert not self._bucket_has_anything()

    @rule(at=st.integers(1, 4), event=st.sampled_from(["os.rename", "os.remove", "os.link"]))
    def manage_and_die(self, at: int, event: str) -> None:
        """The run ends at a removal, without any of its own code running after that."""
        self.cache.wait_until_settled()
        seen = itertools.count(1)

        def die(arguments: tuple[Any, ...]) -> None:
            if any(is_aside(str(argument)) for argument in arguments[:2]) and next(seen) >= at:
                raise KeyboardInterrupt  # again and again, so that nothing is mended on the way out

        with self.cache.tiers() as tiers, whenever(event, die):
            try:
                tiers.apply(tiers.plan(Policy(cold_days=0)))
            except (KeyboardInterrupt, RefusedError):
                return

    @rule()
    def undo(self) -> None:
        with self.cache.tiers() as tiers:
            try:
                tiers.undo()
            except UsageError:
                return
        self._look_around()

    @rule()
    def promote_everything(self) -> None:
        with self.cache.tiers() as tiers:
            tiers.promote([file for file in tiers.look().files if not file.is_hot])
        self._look_around()

    @rule(name=NAMES)
    def pin_or_unpin(self, name: str) -> None:
        pinned = read_pins(self.cache.cache_dir).keys
        change_pins(
            self.cache.cache_dir,
            lambda pins: pins.without(keys=[name]) if name in pinned else pins.with_more(keys=[name]),
        )

    @precondition(lambda self: self._keys())
    @rule(data=st.data())
    def somebody_deletes_an_object(self, data: st.DataObject) -> None:
        name, key = data.draw(st.sampled_from(self._keys()))
        self.s3.delete_object(Bucket=self.connection.bucket, Key=key)
        self._forsake(name, key)

    @precondition(lambda self: self._keys())
    @rule(data=st.data(), content=BODIES, is_ours=st.booleans())
    def somebody_overwrites_an_object(self, data: st.DataObject, content: bytes, is_ours: bool) -> None:  # noqa: FBT001 - hypothesis passes it
        name, key = data.draw(st.sampled_from(self._keys()))
        metadata = {"cache-key": name if is_ours else "somebody-else"}
        self.s3.put_object(Bucket=self.connection.bucket, Key=key, Body=content, Metadata=metadata)
        self._forsake(name, key)

    @invariant()
    def every_content_is_readable(self) -> None:
        for name, truth in getattr(self, "truth", {}).items():
            path = self.cache.path(name)
            aside = [file for file in path.parent.iterdir() if is_aside(file.name)]
            if any(file.exists() and file.read_bytes() == truth.content for file in (path, *aside)):
                continue
            if truth.is_forsaken:
                continue
            key = self.cache.key(name)  # it was demoted, so it has one
            stored = self.cache.store.read(key)
            assert stored is not None, f"{name} is nowhere"
            assert stored[1] == truth.content, f"{name} is not what it was"

    def teardown(self) -> None:
        if not hasattr(self, "truth"):
            return
        # Another run settles what was left; then nothing is aside any more.
        with self.cache.tiers() as tiers:
            tiers.apply(tiers.plan(Policy(demotes=False, promotes=False)))
        assert not [path for path in self.cache.root.rglob("*") if is_aside(path.name)]
        with self.cache.opened() as catalog:
            assert Movements(catalog.database).pending() == []
        self.every_content_is_readable()

    @classmethod
    def _count(cls, report: TierReport) -> None:
        Life.moved += report.demoted

    def _keys(self) -> list[tuple[str, str]]:
        with self.cache.opened() as catalog:
            return sorted(catalog.assignments().items())

    def _forsake(self, name: str, key: str) -> None:
        """Take note that an object changed by somebody's hand; other assets may have had the same one."""
        for other, used in self._keys():
            if used == key and other in self.truth and not self.cache.path(other).exists():
                self.truth[other].is_forsaken = True
        del name

    def _look_around(self) -> None:
        for name in self.truth:
            if self.cache.path(name).exists():
                self._is_here(name, self.cache.path(name).read_bytes())

    def _is_here(self, name: str, found: bytes) -> None:
        truth = self.truth[name]
        assert found == truth.content or truth.is_forsaken
        self.truth[name] = _Truth(found)

    def _bucket_has_anything(self) -> bool:
        return next(self.cache.store.objects(f"{self.cache.prefix}/"), None) is not None


def test_a_long_life_loses_nothing(
    connection: Connection, s3: S3Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    machine = type(
        "ThisLife",
        (Life,),
        {"connection": connection, "s3": s3, "directory": tmp_path_factory.mktemp("lives")},
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
    assert Life.moved  # else nothing was tried
