"""A folder that becomes a link, or another folder, while files arrive: nothing ever lands outside."""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.events import Event, Progressed
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.core.storage.placement import Destination
from creative_s3.core.storage.retrieval import Selection, retrieve
from creative_s3.core.transfers.engine import Download
from creative_s3.errors import UnsafeKeyError, WouldOverwriteError
from tests.at_the_moment import whenever
from tests.s3.a_cache import ACache
from tests.s3.moving import MIB, EngineName, a_file, an_upload, get, only, put

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    made = tmp_path / "outside"
    made.mkdir()
    return made


class Swap:
    """Puts a link, or another folder, in the place of a folder; once."""

    def __init__(self, folder: Path, target: Path | None) -> None:
        self.folder = folder
        self.target = target
        self.is_done = False

    def __call__(self, *_: object) -> None:
        if not self.is_done:
            self.is_done = True
            self.folder.rename(self.folder.with_name("moved"))
            self.folder.symlink_to(self.target) if self.target else self.folder.mkdir()


def a_download(connection: Connection, tmp_path: Path, size_bytes: int, **more: Any) -> Download:  # noqa: ANN401 - passed on
    put(connection, "auto", an_upload(a_file(tmp_path / "source", size_bytes)))
    folder = tmp_path / "in" / "f"
    folder.mkdir(parents=True)
    return Download("k/asset.png", folder / "x.png", below=tmp_path / "in", **more)


def test_a_folder_that_is_a_link_already_is_refused(
    connection: Connection, engine: EngineName, tmp_path: Path, outside: Path
) -> None:
    request = a_download(connection, tmp_path, 100)
    Swap(request.path.parent, outside)()
    assert isinstance(only(get(connection, engine, request)).error, UnsafeKeyError)
    assert not list(outside.iterdir())


@pytest.mark.parametrize("size_bytes", [0, 100, 9 * MIB])
def test_a_folder_that_becomes_a_link_right_before_the_name_leads_nothing_outside(
    connection: Connection, engine: EngineName, tmp_path: Path, outside: Path, size_bytes: int
) -> None:
    request = a_download(connection, tmp_path, size_bytes)
    swap = Swap(request.path.parent, outside)
    with whenever("os.link", swap):
        outcome = only(get(connection, engine, request))
    assert swap.is_done
    assert isinstance(outcome.error, UnsafeKeyError)
    assert outcome.error.item == str(request.path.parent)
    assert not list(outside.iterdir())


def test_a_folder_that_becomes_a_link_while_bytes_come_leads_nothing_outside(
    connection: Connection, engine: EngineName, tmp_path: Path, outside: Path
) -> None:
    request = a_download(connection, tmp_path, 20 * MIB)
    swap = Swap(request.path.parent, outside)
    seen: list[str] = []

    def emit(event: Event) -> None:
        if isinstance(event, Progressed):
            swap()
            seen.extend(path.name for path in outside.iterdir())

    outcome = only(get(connection, engine, request, emit=emit))
    assert swap.is_done
    assert isinstance(outcome.error, UnsafeKeyError)
    assert not seen
    assert not list(outside.iterdir())
    assert not [path for path in (tmp_path / "in" / "moved").iterdir() if path.name.startswith(".")]


def test_a_folder_that_was_exchanged_for_another_one_gets_its_file_all_the_same(
    connection: Connection, engine: EngineName, tmp_path: Path
) -> None:
    request = a_download(connection, tmp_path, 100)
    swap = Swap(request.path.parent, None)
    with whenever("os.link", swap):
        outcome = only(get(connection, engine, request))
    assert swap.is_done
    assert outcome.error is None
    assert request.path.stat().st_size == 100


def test_links_above_the_folder_that_the_user_named_are_followed(
    connection: Connection, engine: EngineName, tmp_path: Path, outside: Path
) -> None:
    put(connection, "auto", an_upload(a_file(tmp_path / "source", 100)))
    (tmp_path / "link").symlink_to(outside)
    request = Download("k/asset.png", tmp_path / "link" / "new" / "x.png", below=tmp_path / "link")
    assert only(get(connection, engine, request)).error is None
    assert (outside / "new" / "x.png").stat().st_size == 100
    alone = Download("k/asset.png", tmp_path / "link" / "y.png")
    assert only(get(connection, engine, alone)).error is None
    assert (outside / "y.png").stat().st_size == 100


@pytest.mark.parametrize("there", ["pipe", "folder"])
@pytest.mark.parametrize("replace", [True, False])
def test_what_is_no_file_is_never_replaced_by_one(
    connection: Connection,
    tmp_path: Path,
    there: str,
    replace: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    request = a_download(connection, tmp_path, 100, replace=replace)
    os.mkfifo(request.path) if there == "pipe" else request.path.mkdir()
    before = os.lstat(request.path)
    assert isinstance(only(get(connection, "auto", request)).error, WouldOverwriteError)
    after = os.lstat(request.path)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert [item.name for item in request.path.parent.iterdir()] == ["x.png"]


class Swapping:
    """A thread that keeps exchanging a folder and a link, each time in one step (renameat2(2))."""

    def __init__(self, folder: Path, target: Path) -> None:
        self._names = os.fsencode(folder), os.fsencode(folder.with_name("other"))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        folder.with_name("other").symlink_to(target)
        try:
            self._call = ctypes.CDLL(None, use_errno=True).renameat2
        except AttributeError:
            pytest.skip("this system exchanges no names")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.is_set():
            self._call(_AT_FDCWD, self._names[0], _AT_FDCWD, self._names[1], _RENAME_EXCHANGE)
            self._is_over.wait(0.001)


@pytest.fixture
def many(connection: Connection, s3: S3Client) -> Selection:
    """Objects that all go to one folder."""
    for number in range(60):
        s3.put_object(Bucket=connection.bucket, Key=f"p/f/{number}.png", Body=b"%d" % number)
    listed = s3.list_objects_v2(Bucket=connection.bucket, Prefix="p/")["Contents"]
    store = S3StorageManager(connection=connection)
    found = [store.head(one["Key"]) for one in listed]
    return Selection(tuple(one for one in found if one is not None))


def test_many_downloads_under_a_folder_that_keeps_changing_land_inside_or_fail(
    connection: Connection, many: Selection, tmp_path: Path, outside: Path
) -> None:
    folder = tmp_path / "in" / "f"
    folder.mkdir(parents=True)
    with Swapping(folder, outside):
        report = retrieve(
            connection, many, Destination(str(tmp_path / "in"), alone=False, prefix="p"), engine="auto"
        )
    assert not list(outside.iterdir())
    assert len(report.retrieved) + len(report.misses) == 60
    for item in report.retrieved:
        places = (tmp_path / "in" / name / item.path.name for name in ("f", "other"))
        assert Path(item.key).stem.encode() in [place.read_bytes() for place in places if place.exists()]
    assert {miss.error.code for miss in report.misses} <= {"unsafe-key", "temporary", "vanished"}


def test_what_is_promoted_under_a_folder_that_becomes_a_link_stays_inside(
    connection: Connection, tmp_path: Path, outside: Path
) -> None:
    cache = ACache(tmp_path / "work", connection)
    for name in ("a", "b"):
        cache.add(name)
    cache.upload()
    assert cache.demote("a", "b").demoted == 2
    swap = Swap(cache.path("a").parent, outside)
    with whenever("os.link", swap), cache.tiers() as tiers:
        report = tiers.promote([file for file in tiers.look().files if file.is_cold])
    assert swap.is_done
    assert report.promoted == 0
    assert not list(outside.iterdir())
    cache.path("a").parent.unlink()
    cache.path("a").parent.with_name("moved").rename(cache.path("a").parent)
    with cache.tiers() as tiers:
        assert tiers.promote([file for file in tiers.look().files if file.is_cold]).success
    cache.check_nothing_is_lost()
