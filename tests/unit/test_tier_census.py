"""The census counts in SQLite what the survey sees file by file: the same plan, and the same status."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from creative_s3.core.assets.models import Asset, AssetType, SemanticMetadata
from creative_s3.core.catalog.asset_rows import AssetRecord
from creative_s3.core.catalog.catalog import Catalog, ProvedObject
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.costs.pricing import load_bundled
from creative_s3.core.files.workspace import Signature, Workspace
from creative_s3.core.lifecycle.fates import Fate, Fates
from creative_s3.core.tiers.census import Census
from creative_s3.core.tiers.groundwork import Groundwork, begun
from creative_s3.core.tiers.movements import Movement, Movements
from creative_s3.core.tiers.pins import PINS_NAME, Pins, change_pins
from creative_s3.core.tiers.policy import make_plan
from creative_s3.core.tiers.returning import return_terms
from creative_s3.core.tiers.status import status_by_census, status_of
from creative_s3.core.tiers.survey import TierSurvey, survey_tiers
from creative_s3.core.tiers.tiers import Policy, Room
from creative_s3.errors import RefusedError, TemporaryError
from creative_s3.settings import S3Config

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TERMS = return_terms(load_bundled().region("us-east-1"))
AGES = st.sampled_from(
    [
        timedelta(days=-1),
        timedelta(0),
        timedelta(minutes=59),
        timedelta(hours=1),
        timedelta(hours=1, microseconds=1),
        timedelta(days=29),
        timedelta(days=30) - timedelta(microseconds=1),
        timedelta(days=30),
        timedelta(days=400),
        timedelta(days=30_000),
    ]
)
KINDS = st.sampled_from([AssetType.SCENE_BACKGROUND, AssetType.COMPOSITE, AssetType.PRODUCT_ORIGINAL])
CLASSES = st.sampled_from(["STANDARD", "STANDARD", "STANDARD_IA", "GLACIER", "DEEP_ARCHIVE", "NEW_ONE", ""])
SIZES = st.sampled_from([0, 1, 700, 4_000])
FOLDERS = st.sampled_from(
    [
        "cache/",
        "cache/scenes/",
        "cache/scenes/new/",
        "cache/été/",
        "output/",
        "cache/gone/",
        "cache/gone/too/",
    ]
)


@dataclass(frozen=True)
class _One:
    """One asset, and what there is of it."""

    folder: str = "cache/"
    kind: AssetType = AssetType.SCENE_BACKGROUND
    campaign: str | None = None
    last_used: str | None = None
    is_on_disk: bool = True
    disk: str = "plain"
    size: int = 700
    age: timedelta = timedelta(days=40)
    is_cold: bool = False
    is_assigned: bool = True
    proved_size: int | None = 700
    storage_class: str = "STANDARD"
    owner: str = "own"
    read_as: str | None = None
    uses: tuple[tuple[timedelta, int], ...] = ()
    returned: timedelta | None = None
    shares: str | None = None
    shares_is_product: bool = False


@dataclass(frozen=True)
class _World:
    """A catalog, a cache, and what is wanted of them."""

    assets: list[_One]
    policy: Policy
    limit_share: float | None = None
    free_missing: int | None = None
    fates: Fates = field(default_factory=Fates)
    accepted: tuple[str, ...] = ()
    pinned: frozenset[str] = frozenset()
    campaigns: frozenset[str] = frozenset()


def _local(age: timedelta) -> str:
    """Write a time as the pipeline does: local, without a zone."""
    return (NOW - age).astimezone().replace(tzinfo=None).isoformat()


TIMES = st.one_of(
    st.none(),
    AGES.map(_local),
    AGES.map(lambda age: (NOW - age).isoformat()),
    st.sampled_from(["", "yesterday", "2026-11-22", "2026-10-23T14:00:00+02:00", "0001-01-01T00:00:00"]),
)
ORDINARY = st.builds(
    _One,
    folder=st.sampled_from(["cache/", "cache/scenes/", "cache/scenes/new/"]),
    kind=KINDS,
    last_used=TIMES,
    is_on_disk=st.booleans(),
    is_cold=st.just(value=True),  # of a file on disk, it does not count
    size=SIZES,
    age=AGES,
    uses=st.lists(st.tuples(AGES, st.integers(1, 4)), max_size=3).map(tuple),
).map(lambda one: replace(one, proved_size=one.size))
ODD = st.builds(
    _One,
    folder=FOLDERS,
    kind=KINDS,
    campaign=st.sampled_from([None, "spring", "fall", ""]),
    last_used=TIMES,
    is_on_disk=st.booleans(),
    disk=st.sampled_from(["plain", "plain", "link", "hard link", "folder", "open"]),
    size=SIZES,
    age=AGES,
    is_cold=st.booleans(),
    is_assigned=st.booleans(),
    proved_size=st.one_of(st.none(), SIZES),
    storage_class=CLASSES,
    owner=st.sampled_from(["own", "other", "none"]),
    read_as=st.sampled_from([None, "same", "another", "another, before"]),
    uses=st.lists(st.tuples(AGES, st.integers(1, 4)), max_size=2).map(tuple),
    returned=st.one_of(st.none(), AGES),
    shares=st.sampled_from([None, None, None, "first"]),
    shares_is_product=st.booleans(),
)
FATES = st.builds(
    Fate,
    st.sampled_from(["rule-1", "rule-2"]),
    st.just("after 30 days"),
    prefix=st.sampled_from(["", "p/", "p/a0", "elsewhere/"]),
    larger_than=st.sampled_from([None, 0, 700]),
    smaller_than=st.sampled_from([None, 700, 4_000]),
    tags=st.sampled_from([{}, {}, {"keep": "no"}]),
)
WORLDS = st.builds(
    _World,
    st.lists(st.one_of(ORDINARY, ORDINARY, ODD), max_size=12),
    st.builds(Policy, st.sampled_from([0, 1, 30, 400]), promotes=st.booleans(), demotes=st.booleans()),
    st.sampled_from([None, None, 0.0, 0.3, 0.9, 2.0]),
    st.sampled_from([None, None, 1, 900, 10_000]),
    st.builds(
        Fates,
        st.lists(FATES, max_size=1).map(tuple),
        st.lists(
            st.tuples(FATES, st.sampled_from(["GLACIER", "DEEP_ARCHIVE"])).map(
                lambda pair: replace(pair[0], storage_class=pair[1])
            ),
            max_size=2,
        ).map(tuple),
    ),
    st.sampled_from([(), ("rule-1",)]),
    st.frozensets(st.sampled_from(["a00", "a01", "a05"]), max_size=1),
    st.frozensets(st.sampled_from(["spring", "nobody's"]), max_size=1),
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),  # explaining traces every line
)
@given(WORLDS)
@example(
    _World(
        [
            _One(shares="first"),
            _One(shares="first", shares_is_product=True, is_assigned=False, proved_size=None),
            _One(proved_size=1),
            _One(proved_size=0, is_on_disk=False, is_cold=True),
            _One(is_on_disk=False, is_cold=True),
        ],
        Policy(),
        0.3,
        fates=Fates((), (Fate("g", "then", "GLACIER"), Fate("d", "then", "DEEP_ARCHIVE"))),
    )
)
@example(_World([_One(proved_size=1), _One(), _One(owner="other")], Policy()))
@example(_World([_One("output/"), _One(read_as="another"), _One(read_as="another, before")], Policy()))
def test_both_ways_give_the_same_status_and_the_same_plan(world: _World) -> None:
    with ExitStack() as stack:
        root = Path(stack.enter_context(TemporaryDirectory())) / "ws"
        workspace = _make_files(root, world, stack)
        catalog = stack.enter_context(Catalog(catalog_path(workspace.cache_dir), bucket="b"))
        _record(catalog, workspace, world)
        survey = survey_tiers(catalog, workspace, now=NOW, fates=world.fates, accepted=world.accepted)
        groundwork = Groundwork(catalog.path, workspace.cache_dir, bucket="b", now=NOW)
        stack.callback(groundwork.close)
        census = stack.enter_context(
            Census(
                catalog,
                workspace,
                now=NOW,
                fates=world.fates,
                accepted=world.accepted,
                groundwork=groundwork if world.assets else None,
            )
        )
        _are_the_same(survey, census, world)


def test_they_differ_when_a_file_is_counted_otherwise(tmp_path: Path) -> None:
    """What the comparison sees: it must not be blind."""
    world = _World([_One(), _One(is_on_disk=False, is_cold=True)], Policy())
    with ExitStack() as stack:
        workspace = _make_files(tmp_path / "ws", world, stack)
        catalog = stack.enter_context(Catalog(catalog_path(workspace.cache_dir), bucket="b"))
        _record(catalog, workspace, world)
        survey = survey_tiers(catalog, workspace, now=NOW)
        catalog.assets.set_cold(["a01"], is_cold=False)
        with Census(catalog, workspace, now=NOW) as census, pytest.raises(AssertionError):
            _are_the_same(survey, census, world)


def test_ordinary_files_are_no_values_until_they_are_wanted(tmp_path: Path) -> None:
    away = [_One(folder, is_on_disk=False, is_cold=True) for folder in ("cache/", "cache/scenes/new/")]
    world = _World([*(_One("cache/scenes/new/") for _ in range(5)), *away], Policy())
    with ExitStack() as stack:
        workspace = _make_files(tmp_path / "ws", world, stack)
        catalog = stack.enter_context(Catalog(catalog_path(workspace.cache_dir), bucket="b"))
        _record(catalog, workspace, world)
        with Census(catalog, workspace, now=NOW) as census:
            assert census.unusual == ()
            assert census.due(Policy()).files == 5
            assert census.candidates(Policy(cold_days=100), needed_bytes=0) == ()


@pytest.mark.parametrize("change", ["nothing", "catalog", "bucket", "day"])
def test_what_was_found_out_earlier_counts_only_while_it_is_true(tmp_path: Path, change: str) -> None:
    world = _World([_One(is_on_disk=False, is_cold=True), _One()], Policy())
    with ExitStack() as stack:
        workspace = _make_files(tmp_path / "ws", world, stack)
        path = catalog_path(workspace.cache_dir)
        catalog = stack.enter_context(Catalog(path, bucket="b"))
        _record(catalog, workspace, world)
        groundwork = Groundwork(
            path,
            workspace.cache_dir,
            bucket="another" if change == "bucket" else "b",
            now=NOW - timedelta(days=2) if change == "day" else NOW,
        )
        is_true = change == "nothing"
        assert groundwork.holds(path, bucket="b", now=NOW) is (change in {"nothing", "catalog"})
        if change == "catalog":
            catalog.assets.set_cold(["a00"], is_cold=False)
        assert groundwork.holds(path, bucket="b", now=NOW) is is_true
        census = stack.enter_context(Census(catalog, workspace, now=NOW, groundwork=groundwork))
        _are_the_same(survey_tiers(catalog, workspace, now=NOW), census, world)


def test_what_stands_in_the_way_of_the_groundwork_is_told_where_somebody_waits_for_it(tmp_path: Path) -> None:
    with ExitStack() as stack:
        workspace = _make_files(tmp_path / "ws", _World([_One()], Policy()), stack)
        catalog = stack.enter_context(Catalog(catalog_path(workspace.cache_dir), bucket="b"))
        catalog.path.with_name(PINS_NAME).write_text("{")
        groundwork = Groundwork(catalog.path, workspace.cache_dir, bucket="b", now=NOW)
        with pytest.raises(RefusedError, match="pinned"):
            Census(catalog, workspace, now=NOW, groundwork=groundwork)


def test_the_groundwork_may_be_given_up_at_any_time(tmp_path: Path) -> None:
    with ExitStack() as stack:
        workspace = _make_files(tmp_path / "ws", _World([_One()], Policy()), stack)
        catalog = stack.enter_context(Catalog(catalog_path(workspace.cache_dir), bucket="b"))
        for _ in range(20):
            groundwork = Groundwork(catalog.path, workspace.cache_dir, bucket="b", now=NOW)
            groundwork.close()
            groundwork.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "groundwork"]


def test_it_begins_with_the_settings_alone(tmp_path: Path) -> None:
    world = _World([_One()], Policy())
    with ExitStack() as stack:
        workspace = _make_files(tmp_path / "ws", world, stack)
        config = S3Config(bucket_name="bucket", cache_dir=workspace.cache_dir, prefix="p")
        with begun(config) as groundwork:
            assert groundwork is None, "there is no catalog yet, and none is made"
        assert not catalog_path(workspace.cache_dir).exists()
        stack.enter_context(Catalog(catalog_path(workspace.cache_dir), bucket="aws|bucket|p"))
        with begun(config) as groundwork:
            assert groundwork is not None
            assert groundwork.holds(
                catalog_path(workspace.cache_dir), bucket="aws|bucket|p", now=datetime.now(UTC)
            )


def test_what_is_begun_early_does_not_wait_long_for_another_process(tmp_path: Path) -> None:
    with ExitStack() as stack:
        workspace = _make_files(tmp_path / "ws", _World([_One()], Policy()), stack)
        path = catalog_path(workspace.cache_dir)
        Catalog(path, bucket="aws|bucket|p").close()
        other = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
        other.execute("BEGIN EXCLUSIVE")
        config = S3Config(bucket_name="bucket", cache_dir=workspace.cache_dir, prefix="p")
        with begun(config) as groundwork:
            assert groundwork is not None
            assert not groundwork.holds(path, bucket="aws|bucket|p", now=datetime.now(UTC))
            with pytest.raises(TemporaryError, match="another process"):
                groundwork.finish()


def test_it_begins_before_boto3_is_loaded() -> None:
    question = "import creative_s3.core.tiers.groundwork, sys; print(int('boto3' in sys.modules))"
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    assert answer.stdout == "0\n"


def _are_the_same(survey: TierSurvey, census: Census, world: _World) -> None:
    assert (census.room.used_bytes, census.unindexed_bytes) == (
        survey.room.used_bytes,
        survey.unindexed_bytes,
    )
    room = Room(survey.room.used_bytes, 5_000)  # the disk itself may have changed meanwhile
    survey, census.room = replace(survey, room=room), room
    policy = replace(
        world.policy,
        limit_bytes=None if world.limit_share is None else int(room.used_bytes * world.limit_share),
        min_free_bytes=None if world.free_missing is None else room.free_bytes + world.free_missing,
    )
    by_files = make_plan(survey.files, policy, room, now=NOW, terms=TERMS)
    by_census = census.plan(policy, terms=TERMS)
    assert by_census == by_files
    expected = status_of(survey, policy, world.fates, terms=TERMS)
    assert status_by_census(census, policy, world.fates, terms=TERMS) == expected


def _make_files(root: Path, world: _World, stack: ExitStack) -> Workspace:
    for folder in ("cache/scenes/new", "cache/été", "output"):
        (root / folder).mkdir(parents=True)
    (root / "cache" / "index.json").write_text("{}")
    (root / "cache" / "not indexed.bin").write_bytes(b"x" * 50)
    if os.name == "posix":
        Path(os.fsdecode(os.fsencode(root / "cache") + b"/\xff.png")).write_bytes(b"no text")
    for name, one in _named(world):
        if not one.is_on_disk or one.folder.startswith("cache/gone/"):
            continue
        path = root / _path(name, one)
        if path.exists() or path.is_symlink():  # the first asset of a file that several share has made it
            continue
        if one.disk == "folder":
            path.mkdir()
            continue
        if one.disk == "link":
            path.symlink_to(root / "cache" / "index.json")
            continue
        path.write_bytes(b"x" * one.size)
        if one.disk == "hard link":
            path.with_suffix(".second").hardlink_to(path)
        if one.disk == "open":
            stack.enter_context(path.open("rb"))
        time = (NOW - one.age).timestamp()
        os.utime(path, (time, time))
    shutil.rmtree(root / "cache" / "gone", ignore_errors=True)
    return Workspace(root / "cache")


def _record(catalog: Catalog, workspace: Workspace, world: _World) -> None:
    records, assigned, proved, files, movements = [], {}, [], [], []
    for number, (name, one) in enumerate(_named(world)):
        file_path = _path(name, one)
        is_product = one.shares is not None and one.shares_is_product
        asset = Asset(
            name,
            file_path,
            metadata=SemanticMetadata(one.kind),
            campaign_id=one.campaign,
            last_used=one.last_used,
        )
        section = "products" if is_product else "semantic_assets"
        records.append(AssetRecord(asset, section, name, size_bytes=one.size or None, is_cold=one.is_cold))
        key = f"p/{name}.png"
        if one.is_assigned:
            assigned[name] = key
        if one.proved_size is not None:
            owner = {"own": name, "other": "a00", "none": None}[one.owner]
            proved.append(
                ProvedObject(
                    key, one.proved_size, "etag", "CRC", None, one.storage_class, owner, "checksum", "then"
                )
            )
        path = workspace.root / file_path
        if one.read_as is not None and path.is_file():
            seen = Signature.of(path.lstat())
            if one.read_as.endswith("before"):
                seen = replace(seen, mtime_ns=seen.mtime_ns - 1)
            files.append((file_path, seen, "CRC" if one.read_as == "same" else "OTHER"))
        if one.returned is not None:
            movements.append(_return(number, name, file_path, NOW - one.returned))
        for age, times in one.uses:
            catalog.usage.record({name: times}, {}, at=NOW - age)
    catalog.assets.put(records)
    catalog.remember(objects=proved, assignments=assigned)
    with catalog.database.transaction() as database:  # `remember` would leave out what has just been written
        database.executemany(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)",
            [
                (path, seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode, crc)
                for path, seen, crc in files
            ],
        )
    Movements(catalog.database).record(movements)
    change_pins(workspace.cache_dir, lambda _: Pins(world.pinned, world.campaigns))


def _named(world: _World) -> Iterator[tuple[str, _One]]:
    for number, one in zip(itertools.count(), world.assets):
        yield f"a{number:02d}", one


def _path(name: str, one: _One) -> str:
    return "cache/shared.png" if one.shares else f"{one.folder}{name}.png"


def _return(run: int, name: str, file_path: str, at: datetime) -> Movement:
    return Movement(
        run=run,
        file_path=file_path,
        at=at.isoformat(timespec="seconds"),
        action="promote",
        command="tiers promote",
        bucket="b",
        cache_key=name,
        key=f"p/{name}.png",
        version_id=None,
        size_bytes=1,
        crc64nvme="CRC",
        mode=0o644,
        mtime_ns=0,
        reason="asked for",
    )
