"""What comes back: as it was, and an edit of it right afterwards is an edit."""

from __future__ import annotations

import stat
import time
from typing import TYPE_CHECKING

import pytest

from creative_s3 import S3CacheManager
from creative_s3.core.events import Event, Finished
from creative_s3.core.migration.planning import Reason
from tests.s3.a_cache import ACache
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

    from creative_s3.core.s3.connection import Connection

SETTLED_S = 2.3
"""After so long a file's state counts as one that it keeps."""


@pytest.fixture
def cache(tmp_path: Path, connection: Connection) -> ACache:
    return ACache(tmp_path / "work", connection)


class Editor:
    """Edits a file as soon as it has its name, before the run records what it brought."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path = path
        self._content = content
        self.mtime_ns = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Finished) and not self.mtime_ns and self._path.exists():
            self.edit()

    def edit(self) -> None:
        self._path.write_bytes(self._content)
        self.mtime_ns = self._path.stat().st_mtime_ns
        edited_at = time.monotonic()
        wait_until(lambda: time.monotonic() > edited_at + SETTLED_S)


def promote(cache: ACache, *cache_keys: str, editor: Editor | None = None) -> None:
    with cache.tiers(**({"emit": editor} if editor else {})) as tiers:
        files = [file for file in tiers.look().files if set(file.cache_keys) & set(cache_keys)]
        assert tiers.promote(files).promoted == len(cache_keys)


def test_an_edit_of_what_has_just_come_back_is_seen_and_sent(cache: ACache) -> None:
    path = cache.add("a")
    cache.add("b")
    cache.upload()
    assert cache.demote().demoted == 2
    edit = b"X" * len(cache.contents["a"])  # as large as what it replaces
    editor = Editor(path, edit)

    promote(cache, "a", "b", editor=editor)

    assert editor.mtime_ns
    assert path.stat().st_mtime_ns == editor.mtime_ns
    migration = cache.migration()
    assert migration.validate_migration().exit_code() == 7
    plan = migration.create_migration_plan()
    assert [one.asset.cache_key for one in plan.operations if one.reason is Reason.CHANGED] == ["a"]
    assert not plan.replacing_unknown
    migration.execute_migration(plan)
    read = cache.store.read(cache.key("a"))
    assert read is not None
    assert read[1] == edit


def test_what_comes_back_has_the_time_and_the_permissions_that_it_had(cache: ACache) -> None:
    path = cache.add("a")
    path.chmod(0o640)
    before = path.stat()
    cache.upload()
    cache.demote()
    promote(cache, "a")
    after = path.stat()
    assert (after.st_mtime_ns, stat.S_IMODE(after.st_mode)) == (before.st_mtime_ns, 0o640)
    assert not cache.migration().create_migration_plan().total_files


def test_newer_content_does_not_get_the_time_of_the_older_one(cache: ACache) -> None:
    path = cache.add("a")
    before = path.stat()
    cache.upload()
    cache.demote()
    key, now = cache.key("a"), time.time()
    cache.store.connection.client.put_object(
        Bucket=cache.store.bucket, Key=key, Body=b"newer", Metadata={"cache-key": "a"}
    )
    promote(cache, "a")
    assert path.read_bytes() == b"newer"
    assert path.stat().st_mtime_ns > before.st_mtime_ns
    assert path.stat().st_mtime > now - 5


@pytest.mark.parametrize("planted", [0o4755, 0o2777, 0o1777, 0o777])
def test_nothing_that_comes_back_can_be_run(cache: ACache, planted: int) -> None:
    """A catalog may come from elsewhere: what it says of permissions is masked."""
    path = cache.add("a")
    cache.upload()
    cache.demote()
    with cache.opened() as catalog, catalog.database.transaction() as database:
        database.execute("UPDATE movement SET mode = ?", (planted,))
    with cache.tiers() as tiers:
        assert tiers.undo().promoted == 1
    assert not path.stat().st_mode & 0o7111


def test_a_file_that_is_removed_as_soon_as_it_is_back_stays_in_s3_only(cache: ACache) -> None:
    path = cache.add("a")
    cache.add("b")
    cache.upload()
    cache.demote()

    def remove(event: Event) -> None:
        if isinstance(event, Finished) and path.exists():
            path.unlink()

    with cache.tiers(emit=remove) as tiers:
        tiers.promote([file for file in tiers.look().files if not file.is_hot])
    assert not path.exists()
    assert cache.is_cold("a")
    assert not cache.is_cold("b")


def test_the_library_records_what_it_wrote_and_not_what_is_there_later(
    cache: ACache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache.add("a")
    cache.upload()
    cache.demote()
    edit = b"Y" * len(cache.contents["a"])
    editor = Editor(path, edit)
    store = cache.store
    download = store.download

    def edited_meanwhile(*arguments: object, **options: object) -> object:
        result = download(*arguments, **options)  # type: ignore[arg-type]
        editor.edit()
        return result

    monkeypatch.setattr(store, "download", edited_meanwhile)
    with S3CacheManager(cache.cache_dir, cache.connection.config, s3_manager=store) as manager:
        assert manager.get_asset_path("a") == path
    plan = cache.migration().create_migration_plan()
    assert [one.asset.cache_key for one in plan.operations if one.reason is Reason.CHANGED] == ["a"]


def test_what_came_back_verified_is_proved(cache: ACache) -> None:
    cache.add("a")
    cache.upload()
    cache.demote()
    with cache.opened() as catalog, catalog.database.transaction() as database:
        database.execute("DELETE FROM object")
    promote(cache, "a")
    assert cache.file("a").hold is None


def test_an_edit_of_what_came_back_without_a_checksum_of_s3_stays(cache: ACache, s3: S3Client) -> None:
    content = bytes(range(256)) * 4 * 6_000
    path = cache.add("a", content)
    cache.upload()
    assert cache.demote().demoted == 1
    bucket, key = cache.connection.bucket, cache.key("a")
    # In parts of no usual size: nothing but what was proved before tells what the object holds.
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, Metadata={"cache-key": "a"})["UploadId"]
    parts: list[CompletedPartTypeDef] = []
    for number, body in enumerate((content[:5_300_001], content[5_300_001:]), start=1):
        part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body)
        parts.append({"ETag": part["ETag"], "PartNumber": number})
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})

    promote(cache, "a", editor=Editor(path, b"edited"))

    assert path.read_bytes() == b"edited"
