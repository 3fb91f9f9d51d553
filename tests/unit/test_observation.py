"""Looking at index, disk and bucket at once: what is only counted is what the rules would have left alone."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creative_s3.core.assets.layout import key_of, suffixed
from creative_s3.core.assets.models import StoredObject
from creative_s3.core.catalog.catalog import Catalog, ProvedObject
from creative_s3.core.catalog.contents import Contents
from creative_s3.core.catalog.database import numbers
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.files.checksums import Crc64, crc64_hex
from creative_s3.core.files.workspace import FileState, Locator, Workspace
from creative_s3.core.index.index import assets_of
from creative_s3.core.index.survey import read_references
from creative_s3.core.migration.matching import Matching
from creative_s3.core.migration.observation import Observation, Observer
from creative_s3.core.migration.planning import MigrationPlan, Reason, make_operations
from creative_s3.core.migration.published_index import assigned_keys
from creative_s3.core.migration.validation import ValidationReport, compare
from creative_s3.core.s3.dialect import Dialect
from creative_s3.core.s3.listing import Page
from creative_s3.core.s3.tally import RequestTally
from creative_s3.errors import RefusedError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from creative_s3.core.assets.models import Asset
    from creative_s3.core.storage.manager import S3StorageManager

PREFIX = "p"
BUCKET = "side"
PATHS = ("cache/x/one.png", "cache/y/one.png", "cache/x/two.png", "output/one.png", "cache/z/é 1.png")
CONTENTS = (b"first", b"other", b"third!")


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def crc_of(content: bytes) -> str:
    crc = Crc64()
    crc.update(content)
    return crc.base64


MD5S = {crc_of(content): md5_of(content) for content in CONTENTS}


@dataclass(slots=True)
class FakeBucket:
    """A bucket in memory: LIST in pages of two, and HEAD. ETags are MD5s."""

    objects: dict[str, StoredObject] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tally: RequestTally = field(default_factory=RequestTally)
    connection: Any = field(
        default_factory=lambda: SimpleNamespace(
            config=SimpleNamespace(kms_key_id=None), dialect=Dialect(None), is_aws=True
        ),
        repr=False,
    )

    def pages(self, prefix: str) -> Iterator[Page]:
        keys = sorted((key for key in self.objects if key.startswith(prefix)), key=str.encode)
        for start in range(0, max(len(keys), 1), 2):
            page = [self.objects[key] for key in keys[start : start + 2]]
            yield Page(
                [one.key for one in page],
                [one.size_bytes for one in page],
                [one.etag for one in page],
                ["STANDARD"] * len(page),
                [""] * len(page),
                start + 2 < len(keys),
                "more",
            )

    def heads(
        self, _connection: object, keys: Sequence[str], *, engine: str, tally: RequestTally
    ) -> Iterator[tuple[str, StoredObject | None]]:
        """Answer in the place of `core.transfers.heads`."""
        assert (engine, tally) == ("auto", self.tally)
        self.asked += keys
        yield from ((key, self.objects.get(key)) for key in keys)


@dataclass(slots=True)
class Scene:
    """A workspace, its catalog and its bucket."""

    workspace: Workspace
    catalog: Catalog
    bucket: FakeBucket

    def assets(self) -> tuple[Asset, ...]:
        _, found, _ = read_references(self.workspace)
        return assets_of(found, PREFIX)

    @contextmanager
    def look(
        self,
        *,
        settles: bool,
        include_unindexed: bool = False,
        trusted: bool = True,
        counts_new: bool = False,
    ) -> Iterator[Observation]:
        observer = Observer(
            self.workspace,
            self.catalog,
            cast("S3StorageManager", self.bucket),
            PREFIX,
            settles=settles,
        )
        with observer.look(
            include_unindexed=include_unindexed, trusted=trusted, counts_new=counts_new
        ) as seen:
            yield seen

    def plan(self, *, settles: bool, include_unindexed: bool = False) -> MigrationPlan:
        with self.look(settles=settles, include_unindexed=include_unindexed, counts_new=True) as seen:
            operations = make_operations(self.match(seen))
            return MigrationPlan(None, PREFIX, operations, settled=seen.settled, new=seen.new)

    def validation(self, *, settles: bool, trusted: bool = True) -> ValidationReport:
        with self.look(settles=settles, trusted=trusted) as seen:
            candidates = self.match(seen, keep_keys=True, trusted=trusted)
            findings = compare(candidates, seen.comparison.unexpected())
            return ValidationReport("b", PREFIX, findings, settled=seen.settled)

    def match(self, seen: Observation, *, keep_keys: bool = False, trusted: bool = True) -> Any:  # noqa: ANN401 - candidates
        return Matching(
            seen.survey,
            seen.remote,
            Contents(self.catalog, trust_signatures=trusted),
            prefix=PREFIX,
            assigned=assigned_keys(seen.survey, seen.remote, self.catalog, prefix=PREFIX),
            keep_keys=keep_keys,
            asks_for_cold=not trusted,
            is_settled=seen.is_settled,
            is_new=seen.is_new,
        ).candidates()


@contextmanager
def a_scene(index: dict[str, Any], files: dict[str, bytes]) -> Iterator[Scene]:
    root = Path(tempfile.mkdtemp())
    try:
        (root / "cache").mkdir()
        (root / "cache" / "spare.png").write_bytes(b"spare")
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        (root / "cache" / "index.json").write_text(json.dumps(index))
        with Catalog(root / "catalog" / "c.sqlite3", bucket=BUCKET) as catalog:
            workspace = Workspace(root / "cache")
            take_in(catalog, workspace)
            bucket = FakeBucket()
            with patch("creative_s3.core.transfers.heads.heads", bucket.heads):
                yield Scene(workspace, catalog, bucket)
    finally:
        shutil.rmtree(root)


def an_entry(path: str, region: str, campaign: str | None) -> dict[str, Any]:
    return {
        "file_path": path,
        "semantic_metadata": {"asset_type": "scene_background", "region": region, "season": "fall"},
        "campaign_id": campaign,
    }


ENTRIES = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(an_entry, st.sampled_from(PATHS), st.sampled_from(["US", "EMEA"]), st.none()),
    min_size=1,
)
PRODUCTS = st.dictionaries(
    st.sampled_from(["soap", "shampoo"]),
    st.sampled_from(PATHS).map(lambda path: {"slug": "soap", "file_path": path}),
)
FILES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(CONTENTS), min_size=1)


def put(scene: Scene, key: str, content: bytes, owner: str | None, *, etag: str = "") -> None:
    scene.bucket.objects[key] = StoredObject(
        key,
        len(content),
        etag or md5_of(content),
        crc64nvme=crc_of(content),
        metadata={"cache-key": owner} if owner else {},
    )


def prove(scene: Scene, key: str) -> None:
    stored = scene.bucket.objects[key]
    owner = (stored.metadata or {}).get("cache-key")
    crc = stored.crc64nvme or ""
    proved = ProvedObject(key, stored.size_bytes, MD5S[crc], crc, None, "STANDARD", owner, "checksum", "t")
    scene.catalog.remember(objects=[proved])


def record_file(scene: Scene, path: str) -> None:
    file = scene.workspace.locate(path)
    if file.signature:
        crc = crc_of(file.path.read_bytes())
        with scene.catalog.database.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)", (path, *numbers(file.signature), crc)
            )


def settle_all(scene: Scene) -> None:
    """Make everything as it is after an upload: of two assets that want one key, the second has a suffix."""
    for asset in scene.assets():
        file = scene.workspace.locate(asset.file_path)
        if file.signature is None:
            continue
        content = file.path.read_bytes()
        key = key_of(asset, PREFIX)
        there = scene.bucket.objects.get(key)
        if there and there.crc64nvme != crc_of(content):
            key = suffixed(key, crc64_hex(crc_of(content))[:8])
        if key not in scene.bucket.objects:
            put(scene, key, content, asset.cache_key)
        prove(scene, key)
        scene.catalog.remember(assignments={asset.cache_key: key})
        record_file(scene, asset.file_path)


def disturb(scene: Scene, draw: Callable[[Any], Any]) -> None:  # noqa: C901 - a list of disturbances
    """Change one thing: on disk, in the bucket, or in what the catalog remembers of them."""
    assets, keys = scene.assets(), sorted(scene.bucket.objects)
    asset = draw(st.sampled_from(assets))
    plain = [key_of(one, PREFIX) for one in assets]
    others = [suffixed(key, crc64_hex(crc_of(content))[:8]) for key in plain for content in CONTENTS]
    key = draw(st.sampled_from([*keys, *plain, *others]))
    path = scene.workspace.root / asset.file_path
    content = draw(st.sampled_from(CONTENTS))
    match draw(
        st.sampled_from(["edit", "remove", "put", "delete", "assign", "forget", "cold", "prove", "read"])
    ):
        case "edit":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        case "remove":
            path.unlink(missing_ok=True)
        case "put":
            owner = draw(st.sampled_from([None, *(one.cache_key for one in assets)]))
            put(scene, key, content, owner, etag=draw(st.sampled_from(["", "an ETag that is no MD5"])))
        case "delete":
            scene.bucket.objects.pop(key, None)
        case "assign":
            scene.catalog.remember(assignments={asset.cache_key: key})
        case "forget":
            scene.catalog.forget_objects([key])
        case "cold":
            path.unlink(missing_ok=True)
            scene.catalog.assets.set_cold([asset.cache_key], is_cold=True)
        case "prove":
            if key in scene.bucket.objects:
                prove(scene, key)
        case "read":
            record_file(scene, asset.file_path)


@settings(max_examples=80)
@given(entries=ENTRIES, products=PRODUCTS, files=FILES, data=st.data())
def test_counting_what_is_settled_gives_the_plan_that_the_rules_alone_give(
    entries: dict[str, Any], products: dict[str, Any], files: dict[str, bytes], data: st.DataObject
) -> None:
    with a_scene({"semantic_assets": entries, "products": products}, files) as scene:
        if data.draw(st.booleans()) or data.draw(st.booleans()):
            settle_all(scene)
        for _ in range(data.draw(st.integers(0, 4))):
            disturb(scene, data.draw)
        unindexed = data.draw(st.booleans())
        try:
            model = scene.plan(settles=False, include_unindexed=unindexed)
        except RefusedError:
            with pytest.raises(RefusedError):
                scene.plan(settles=True, include_unindexed=unindexed)
            return
        assert not model.settled.rows
        assert not model.new.rows
        streamed = scene.plan(settles=True, include_unindexed=unindexed)
        assert list(streamed.everything()) == list(model.everything())
        assert streamed.counts == model.counts
        assert streamed.by_kind() == model.by_kind()
        assert list(streamed.uploads()) == list(model.uploads())
        assert (streamed.total_files, streamed.total_size_bytes) == (
            model.total_files,
            model.total_size_bytes,
        )
        assert streamed.by_kind(uploads_only=True) == model.by_kind(uploads_only=True)
        checked, reference = scene.validation(settles=True), scene.validation(settles=False)
        assert list(checked.everything()) == list(reference.everything())
        assert (checked.counts, checked.sizes) == (reference.counts, reference.sizes)


@settings(max_examples=80)
@given(entries=ENTRIES, products=PRODUCTS, files=FILES, data=st.data())
def test_a_deep_validation_that_asks_only_for_what_the_listing_does_not_prove_finds_what_asking_for_all_finds(
    entries: dict[str, Any], products: dict[str, Any], files: dict[str, bytes], data: st.DataObject
) -> None:
    with a_scene({"semantic_assets": entries, "products": products}, files) as scene:
        settle_all(scene)
        for _ in range(data.draw(st.integers(0, 4))):
            disturb(scene, data.draw)
        try:
            found = scene.validation(settles=True, trusted=False)
        except RefusedError:
            with pytest.raises(RefusedError):
                scene.validation(settles=False, trusted=False)
            return
        asked = len(scene.bucket.asked)
        expected = scene.validation(settles=False, trusted=False)
        assert list(found.everything()) == list(expected.everything())
        assert (found.counts, found.sizes) == (expected.counts, expected.sizes)
        assert asked + len({one.key for one in found.settled}) <= len(scene.bucket.asked) - asked


def test_files_that_were_touched_are_read_and_counted_as_settled_if_they_are_the_same() -> None:
    with a_scene(TWO, {PATHS[0]: b"first", PATHS[2]: b"other"}) as scene:
        settle_all(scene)
        for path in (PATHS[0], PATHS[2]):
            os.utime(scene.workspace.root / path)
        (scene.workspace.root / PATHS[2]).write_bytes(b"again")
        old_enough_ns = scene.workspace.locate(PATHS[2]).path.stat().st_ctime_ns + 2_100_000_000
        while time.time_ns() < old_enough_ns:
            time.sleep(0.01)  # of a file that has just changed nothing is recorded
        with scene.look(settles=True) as seen:
            assert [one.asset.file_path for one in seen.settled] == [PATHS[0]]
            assert [asset.file_path for asset in seen.survey.assets] == [PATHS[2]]
            assert not list(seen.comparison.touched(10)), "each is read once"


def test_a_deep_validation_believes_no_record_of_a_file_or_of_an_object() -> None:
    with a_scene(TWO, {PATHS[0]: b"first", PATHS[2]: b"other"}) as scene:
        settle_all(scene)
        assert len(scene.validation(settles=True, trusted=False).settled) == 2
        assert scene.bucket.asked == []
        file, key = scene.workspace.locate(PATHS[0]), next(iter(scene.bucket.objects))
        path = file.path
        path.write_bytes(b"edits")
        signature = scene.workspace.locate(PATHS[0]).signature
        assert signature is not None
        with scene.catalog.database.transaction() as database:
            row = (PATHS[0], *numbers(signature), crc_of(b"first"))
            database.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)", row)

        assert not scene.validation(settles=True).differences
        assert scene.validation(settles=True, trusted=False).differences

        path.write_bytes(b"first")
        put(scene, key, b"thing", None, etag="as proved")
        crc = crc_of(b"first")
        lie = ProvedObject(key, 5, "as proved", crc, None, "STANDARD", "a", "checksum", "t")
        scene.catalog.remember(objects=[lie])
        record_file(scene, PATHS[0])
        assert not scene.validation(settles=True).differences
        assert scene.validation(settles=True, trusted=False).differences


TWO = {
    "semantic_assets": {
        "a": an_entry(PATHS[0], "US", None),
        "b": an_entry(PATHS[2], "EMEA", "spring"),
    },
    "products": {"soap": {"slug": "soap", "file_path": PATHS[2]}},
}


def test_after_an_upload_everything_is_settled_and_can_still_be_listed() -> None:
    with a_scene(TWO, {PATHS[0]: b"first", PATHS[2]: b"other"}) as scene:
        settle_all(scene)
        plan = scene.plan(settles=True)
        assert plan.operations == ()
        assert len(plan.settled) == plan.total_operations == 2
        assert [(str(one.reason), one.asset.also_known_as) for one in plan.everything()] == [
            ("unchanged", ("product:soap:transparent",)),
            ("unchanged", ()),
        ]


def test_what_is_new_is_counted_and_can_be_listed_with_its_other_names() -> None:
    with a_scene(TWO, {PATHS[0]: b"first", PATHS[2]: b"other"}) as scene:
        plan = scene.plan(settles=True)
        assert plan.operations == ()
        assert (len(plan.new), plan.total_files, plan.total_size_bytes) == (2, 2, 10)
        assert plan.counts[Reason.NEW] == plan.total_operations == 2
        assert [(one.reason, one.asset.also_known_as) for one in plan.uploads()] == [
            (Reason.NEW, ("product:soap:transparent",)),
            (Reason.NEW, ()),
        ]


def a_pair(second: str, region: str) -> dict[str, Any]:
    return {"semantic_assets": {"a": an_entry(PATHS[0], "US", None), "b": an_entry(second, region, None)}}


def test_two_new_assets_that_want_one_key_are_left_to_the_rules() -> None:
    with a_scene(a_pair(PATHS[1], "US"), {PATHS[0]: b"first", PATHS[1]: b"other"}) as scene:
        plan = scene.plan(settles=True)
        assert not len(plan.new)
        assert len({operation.key for operation in plan.uploads()}) == 2


def test_two_entries_for_one_file_are_left_to_the_rules() -> None:
    with a_scene(a_pair(PATHS[0], "EMEA"), {PATHS[0]: b"first"}) as scene:
        plan = scene.plan(settles=True)
        assert not len(plan.new)
        assert len(list(plan.uploads())) == 2
        settle_all(scene)
        plan = scene.plan(settles=True)
        assert not len(plan.settled)
        assert plan.counts[Reason.UNCHANGED] == 2


def test_two_assets_with_one_assigned_key_are_never_settled() -> None:
    with a_scene(a_pair(PATHS[1], "US"), {PATHS[0]: b"first", PATHS[1]: b"first"}) as scene:
        settle_all(scene)
        plan = scene.plan(settles=True)
        assert not len(plan.settled)
        assert [operation.shared_with for operation in plan.operations] == [("b",)]


def test_who_wants_a_settled_key_pulls_its_asset_in_and_the_others_stay_counted() -> None:
    index = a_pair(PATHS[1], "US")
    index["semantic_assets"]["c"] = an_entry(PATHS[2], "US", None)
    with a_scene(index, {PATHS[0]: b"first", PATHS[2]: b"third!"}) as scene:
        settle_all(scene)
        (scene.workspace.root / PATHS[1]).parent.mkdir()
        (scene.workspace.root / PATHS[1]).write_bytes(b"first")
        plan = scene.plan(settles=True)
        assert len(plan.settled) == 1
        assert [(one.asset.cache_key, one.shared_with) for one in plan.operations] == [("a", ("b",))]


def test_a_missing_file_with_a_new_assets_key_pulls_it_in() -> None:
    with a_scene(a_pair(PATHS[1], "US"), {PATHS[0]: b"first"}) as scene:
        plan = scene.plan(settles=True)
        assert not len(plan.new)
        assert [str(one.reason) for one in plan.operations] == ["new", "missing"]


def test_a_new_asset_that_got_another_key_or_left_the_index_since_the_plan_is_left_out() -> None:
    with a_scene(TWO, {PATHS[0]: b"first", PATHS[2]: b"other"}) as scene:
        plan = scene.plan(settles=True)
        changed = {"semantic_assets": {"a": an_entry(PATHS[0], "APAC", None)}}
        scene.workspace.index_path.write_text(json.dumps(changed))
        take_in(scene.catalog, scene.workspace)
        assert list(plan.uploads()) == []
        assert plan.total_files == 2


def test_an_object_that_changed_unsettles_its_asset_and_no_other() -> None:
    with a_scene(TWO, {PATHS[0]: b"first", PATHS[2]: b"other"}) as scene:
        settle_all(scene)
        key = next(iter(scene.bucket.objects))
        scene.bucket.objects[key] = replace(scene.bucket.objects[key], etag="2")
        plan = scene.plan(settles=True)
        assert [operation.key for operation in plan.operations] == [key]
        assert len(plan.settled) == 1


def test_a_listing_that_fails_is_never_taken_as_complete() -> None:
    class CutBucket(FakeBucket):
        def pages(self, prefix: str) -> Iterator[Page]:
            yield next(FakeBucket.pages(self, prefix))
            raise TemporaryError("the server's listing ends before it is complete")

    with a_scene(TWO, {PATHS[0]: b"first", PATHS[2]: b"other"}) as scene:
        settle_all(scene)
        scene.bucket = CutBucket(scene.bucket.objects)
        with pytest.raises(TemporaryError, match="before it is complete"):
            scene.plan(settles=True)


def test_walking_and_locating_say_what_the_careful_look_says(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "deep" / "er").mkdir(parents=True)
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"secret")
    (cache / "deep" / "er" / "é.png").write_bytes(b"one")
    (cache / "deep" / "target.png").write_bytes(b"two")
    (cache / "link.png").symlink_to(cache / "deep" / "target.png")
    (cache / "out.png").symlink_to(outside / "secret.png")
    (cache / "nowhere.png").symlink_to(cache / "gone.png")
    (cache / "loop.png").symlink_to(cache / "loop.png")
    (cache / "folder").symlink_to(outside, target_is_directory=True)
    (cache / "inside").symlink_to(cache / "deep", target_is_directory=True)
    (cache / "deep" / ".x.creative-s3-0123abcd.part").write_bytes(b"part")
    workspace = Workspace(cache)

    walked = {path: (state, size or 0, reason) for path, state, size, *_, reason in workspace.walk()}
    assert walked == {
        workspace.relative(file.path): (str(file.state), file.size_bytes, file.reason)
        for file in workspace.files_in_cache()
    }

    locate = Locator(workspace)
    names = [
        *walked,
        "cache/gone.png",
        "cache/no/such/folder.png",
        "cache/deep/target.png/below.png",
        "cache/folder/secret.png",
        "cache/inside/target.png",
        "cache/deep",
    ]
    for _ in range(2):
        for name in names:
            assert locate(name) == workspace.locate(name), name
    assert locate("cache/out.png").state is FileState.REFUSED
    assert locate("cache/folder/secret.png").state is FileState.REFUSED
