"""Two machines and one asset: an older copy that was not edited never goes over newer content, by no way."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.catalog.places import catalog_path
from tests.cli.program import Program
from tests.life.surroundings import read_only

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from types_boto3_s3 import S3Client

HERO = "cache/scenes/hero.png"
KEY = "creative-assets/backgrounds/scene/us/summer/hero.png"
V1, V2, V3 = b"the first version", b"the second one, of other length", b"a third version"


class Two:
    """Machine `a` makes the asset and edits it; machine `b` takes copies of it."""

    def __init__(self, env: dict[str, str], root: Path, s3: S3Client, bucket: str) -> None:
        self.s3, self.bucket = s3, bucket
        self.a, self.b = (self._machine(env, root / name) for name in ("a", "b"))
        self.write(self.a, V1)
        entry = {
            "cache_key": "hero",
            "file_path": HERO,
            "created_at": "2026-01-01T00:00:00",
            "semantic_metadata": {"asset_type": "scene_background", "region": "US", "season": "summer"},
        }
        (self.a.cwd / "cache" / "index.json").write_text(json.dumps({"semantic_assets": {"hero": entry}}))
        assert self.a("upload", "--yes").code == 0
        assert self.stored() == V1

    def _machine(self, env: dict[str, str], path: Path) -> Program:
        (path / "cache" / "scenes").mkdir(parents=True)
        state = {"HOME": str(path), "XDG_STATE_HOME": str(path / "state")}
        return Program({**env, **state, "CACHE_DIR": "cache"}, path)

    def write(self, machine: Program, content: bytes) -> None:
        (machine.cwd / HERO).write_bytes(content)

    def read(self, machine: Program) -> bytes:
        return (machine.cwd / HERO).read_bytes()

    def stored(self) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=KEY)["Body"].read()

    def b_has_the_first_version(self) -> None:
        assert self.b("discover", "--sync").code == 0
        assert self.b("tiers", "promote", "hero").code == 0
        assert self.read(self.b) == V1

    def a_stores_the_second_version(self) -> None:
        self.write(self.a, V2)
        assert self.a("upload", "--yes").code == 0
        assert self.stored() == V2

    def b_is_refused(self) -> str:
        """See that nothing of `b` gets into the bucket; return the command that is offered."""
        done = self.b("upload", "--yes", "--json")
        assert done.code == 3, done.err
        assert self.stored() == V2
        (operation,) = self.b("upload", "--dry-run", "--json").data["operations"]
        assert operation["reason"] == "refused"
        assert "newer content" in operation["detail"]
        return str(operation["detail"]).partition("To take it: creative-s3 ")[2]


@pytest.fixture
def two(server_env: dict[str, str], tmp_path: Path, s3: S3Client, bucket: str) -> Two:
    return Two(server_env, tmp_path, s3, bucket)


def a_demotes(two: Two) -> None:
    old = time.time() - 90 * 86400
    os.utime(two.a.cwd / HERO, (old, old))
    assert two.a("tiers", "demote", "hero", "--yes").code == 0


def b_syncs_again(two: Two) -> None:
    assert two.b("discover", "--sync").code == 0


def b_rebuilds_its_catalog(two: Two) -> None:
    assert two.b("catalog", "rebuild").code == 0


def b_loses_its_catalog(two: Two) -> None:
    catalog_path(two.b.cwd / "cache").unlink()


@pytest.mark.parametrize(
    "then",
    [a_demotes, b_syncs_again, b_rebuilds_its_catalog, b_loses_its_catalog],
    ids=lambda function: function.__name__,
)
def test_a_copy_that_was_brought_and_not_edited_is_stale(two: Two, then: Callable[[Two], None]) -> None:
    two.b_has_the_first_version()
    two.a_stores_the_second_version()
    then(two)

    offered = two.b_is_refused()

    assert two.b(*offered.split()).code == 0
    assert two.read(two.b) == V2
    again = two.b("upload", "--yes", "--json")
    assert (again.code, again.data["uploaded"]) == (0, 0)


def test_what_the_library_brings_is_stale_too(two: Two) -> None:
    assert two.b("discover", "--sync").code == 0
    bring = (
        "from creative_s3 import *; m = S3CacheManager('cache'); print(m.get_asset_path('hero')); m.close()"
    )
    two.b.run_python(bring)
    two.a_stores_the_second_version()
    two.b_is_refused()
    register = (
        "from creative_s3 import *; m = S3CacheManager('cache');"
        f"r = m.register_semantic_asset('hero', '{HERO}', SemanticMetadata(AssetType.SCENE_BACKGROUND,"
        " region='US', season=Season.SUMMER)); print(r.upload.success, r.upload.error); m.close()"
    )
    assert two.b.run_python(register).startswith("False the bucket has newer content")
    assert two.stored() == V2


def test_what_an_undo_brings_back_is_stale_where_the_bucket_has_moved_on(two: Two) -> None:
    two.s3.put_bucket_versioning(Bucket=two.bucket, VersioningConfiguration={"Status": "Enabled"})
    two.write(two.a, V3)
    assert two.a("upload", "--yes").code == 0  # with a version of its own
    assert two.b("discover", "--sync").code == 0
    assert two.b("tiers", "promote", "hero").code == 0
    old = time.time() - 90 * 86400
    os.utime(two.b.cwd / HERO, (old, old))
    assert two.b("tiers", "demote", "hero", "--yes").code == 0
    two.a_stores_the_second_version()
    assert two.b("tiers", "undo").code == 0
    assert two.read(two.b) == V3
    two.b_is_refused()


def test_a_copy_that_was_edited_is_an_edit(two: Two) -> None:
    two.b_has_the_first_version()
    two.write(two.b, V3)
    assert two.b("upload").code == 0  # it replaces what it was made from: no question
    assert two.stored() == V3


def test_an_edit_of_an_older_version_asks_before_it_replaces_a_newer_one(two: Two) -> None:
    two.b_has_the_first_version()
    two.a_stores_the_second_version()
    two.write(two.b, V3)
    assert two.b("upload").code == 2
    assert two.stored() == V2
    assert two.b("discover", "--sync").code == 0  # it has seen the newer one, and the edit is still older
    assert two.b("upload").code == 2
    assert two.b("upload", "--yes").code == 0
    assert two.stored() == V3


def test_a_catalog_of_an_earlier_version_knows_what_was_sent_from_here(two: Two) -> None:
    path = catalog_path(two.a.cwd / "cache")
    database = sqlite3.connect(path)
    database.execute("UPDATE file SET ctime_ns = ctime_ns")
    database.execute("DROP TABLE origin")
    database.execute("PRAGMA user_version = 5")
    database.commit()
    database.close()
    assert two.a("upload", "--dry-run").code == 0
    two.s3.put_object(Bucket=two.bucket, Key=KEY, Body=V2, Metadata={"cache-key": "hero"})
    two.a, two.b = two.b, two.a
    two.b_is_refused()


def test_a_catalog_that_may_not_be_written_where_it_lies_still_tells_a_copy_from_an_edit(two: Two) -> None:
    two.b_has_the_first_version()
    two.a_stores_the_second_version()
    later = time.time() + 2
    os.utime(two.b.cwd / HERO, (later, later))
    time.sleep(2.1)  # by now the copy looks newer than the object
    with read_only(two.b.cwd / "cache" / ".creative-s3"):
        two.b_is_refused()
    two.b_is_refused()
