"""Fault 38: what S3 answers in the moment after Ctrl-C is recorded like everything else, by every command."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3 import AssetType, S3CacheManager, S3StorageManager, SemanticMetadata
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path, remote_side
from creative_s3.core.catalog.usage import DOWNLOADS
from creative_s3.core.concurrency.pool import DaemonPool
from creative_s3.core.events import Finished
from creative_s3.core.tiers.movements import Movements
from creative_s3.core.transfers.engine import TransferEngine
from creative_s3.core.transfers.outcomes import Download
from tests.faults.programme import Hold, LoseAnswer, Rule, Way
from tests.faults.running import DRAIN_S, STARTUP_S, Running
from tests.faults.workshop import HEAD, PREFIX, PUT, SIZE
from tests.s3.a_cache import ACache
from tests.s3.moving import MIB, a_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path
    from types import FrameType

    from creative_s3 import TransferProgress
    from creative_s3.core.events import Event
    from creative_s3.core.s3.connection import Connection
    from tests.faults.proxy import FaultProxy
    from tests.faults.workshop import Site

LOST = Rule(LoseAnswer(), PUT, times=1)
"""The object is stored, and the client learns of it only by asking: a later answer for a test to hold."""
_SEEN_AFTER_S = 0.5
"""What has passed the proxy is not yet what the program has seen."""
SCENE = SemanticMetadata(AssetType.SCENE_BACKGROUND, region="US")


def held(look: int) -> Rule:
    """Hold the answer to the look of that number, from 1."""
    return Rule(Hold(Way.DOWN), HEAD, skip=look - 1, times=1)


def the_catalog(connection: Connection, cache: Path) -> Catalog:
    return Catalog(catalog_path(cache), bucket=remote_side(connection, PREFIX))


@contextmanager
def ctrl_c_while_held(proxy: FaultProxy, *, stored: int = 0) -> Iterator[None]:
    """Send this process a Ctrl-C when an answer was lost and one is held, which passes once it has come.

    Args:
        proxy: What holds it.
        stored: How many writes were answered before that.
    """
    came = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        came.set()
        raise KeyboardInterrupt

    def watch() -> None:
        proxy.until_struck(2)
        if stored:
            proxy.until_passed(stored, "PutObject", status=200)
            time.sleep(_SEEN_AFTER_S)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        assert came.wait(30)
        proxy.release()

    before = signal.signal(signal.SIGINT, interrupt)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        watcher.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("engine", ["crt", "classic"])
@pytest.mark.parametrize("replaces", [False, True])
def test_an_asset_upload_records_what_is_proved_after_ctrl_c(
    site: Site, connection: Connection, running: list[Running], engine: str, *, replaces: bool
) -> None:
    words = "assets", "upload", "soap.png", "--type", "product_transparent", "--engine", engine
    soap = a_file(site.cache.directory, SIZE, "soap.png")
    if replaces:
        assert site.program(*words).code == 0
        soap.write_bytes(b"another")
    site.proxy.follow(LOST, held(2))
    upload = Running(site.program, *words, "--replace")
    running.append(upload)
    site.proxy.until_struck(2)
    upload.stop(signal.SIGINT)
    site.proxy.release()

    ended, took_s = upload.end()

    assert ended == 130
    assert took_s < DRAIN_S + STARTUP_S
    (stored,) = site.stored().items()
    assert stored[1] == soap.read_bytes()
    with the_catalog(connection, site.cache.directory / "cache") as catalog:
        proved = catalog.object(stored[0])
        assert proved is not None
        assert proved.size_bytes == len(stored[1])
        assert catalog.assignments() == {"soap": stored[0]}
        assert [change.key for change in catalog.runs.unannounced()] == [stored[0]] * replaces


def test_a_registration_records_what_is_proved_after_ctrl_c(
    connection: Connection, proxy: FaultProxy, tmp_path: Path
) -> None:
    scene = a_file(tmp_path / "cache", SIZE, "scene.png")
    with S3CacheManager(tmp_path / "cache", s3_manager=S3StorageManager(connection=connection)) as manager:
        manager.register_semantic_asset("scene_1", scene, SCENE)
        scene.write_bytes(b"another")
        proxy.follow(LOST, held(2))
        with ctrl_c_while_held(proxy):
            manager.register_semantic_asset("scene_1", scene, SCENE)
    with the_catalog(connection, tmp_path / "cache") as catalog:
        (key,) = catalog.assignments().values()
        proved = catalog.object(key)
        assert proved is not None
        assert proved.size_bytes == len(b"another")
        assert [change.key for change in catalog.runs.unannounced()] == [key]
        assert [run.files for run in catalog.runs.last(10)] == [2]


def test_a_batch_tells_what_is_proved_after_ctrl_c(
    connection: Connection, proxy: FaultProxy, tmp_path: Path
) -> None:
    told: list[TransferProgress] = []
    proxy.follow(LOST, held(1))
    with ctrl_c_while_held(proxy, stored=1):
        S3StorageManager(connection=connection).batch_upload(
            [(a_file(tmp_path, SIZE, f"{name}.png"), f"k/{name}.png") for name in "ab"],
            progress_callback=told.append,
        )
    assert told[-1].is_complete
    assert (told[-1].skipped, told[-1].uploaded, told[-1].failed) == (1, 1, 0)


def test_a_download_counts_what_is_proved_after_ctrl_c(
    site: Site, connection: Connection, running: list[Running]
) -> None:
    for name in "abc":
        site.s3.put_object(Bucket=site.bucket, Key=f"creative-assets/{name}.png", Body=b"")
    with the_catalog(connection, site.cache.directory / "cache"):
        pass
    site.proxy.follow(Rule(Hold(Way.DOWN), HEAD))
    download = Running(site.program, "assets", "download", "--prefix", "creative-assets", "--output", "out")
    running.append(download)
    site.proxy.until_struck()  # LIST has no checksum, and nothing is fetched that could bring it
    download.stop(signal.SIGINT)
    site.proxy.release()

    ended, took_s = download.end()

    assert ended == 130
    assert took_s < DRAIN_S + STARTUP_S
    arrived = sorted(path.name for path in (site.cache.directory / "out").iterdir())
    assert arrived == ["a.png", "b.png", "c.png"]
    with the_catalog(connection, site.cache.directory / "cache") as catalog:
        assert [(run.exit_code, run.files) for run in catalog.runs.last(10)] == [(130, 3)]


@pytest.mark.parametrize("size_bytes", [0, SIZE, 5 * MIB])
def test_what_ctrl_c_hands_on_twice_is_settled_once(
    connection: Connection, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size_bytes: int
) -> None:
    """The signal comes while the thread starts that settles: nobody has noted yet that it was handed on."""
    keys = ["k/a", "k/b", "k/c"]
    for key in keys:
        site.s3.put_object(Bucket=site.bucket, Key=key, Body=bytes(size_bytes))
    submit = DaemonPool.submit
    came: list[Future[Any]] = []

    def interrupted(pool: DaemonPool, function: Callable[..., Any], *arguments: object) -> Future[Any]:
        future = submit(pool, function, *arguments)
        if getattr(function, "__name__", "") == "_settle_batch" and not came:
            came.append(future)
            raise KeyboardInterrupt
        return future

    monkeypatch.setattr(DaemonPool, "submit", interrupted)
    arrived: set[str] = set()
    downloads = [Download(key, tmp_path / key[2:], below=tmp_path) for key in keys]
    with (
        pytest.raises(KeyboardInterrupt),
        TransferEngine(connection) as engine,
        engine.drained(lambda outcome: arrived.add(outcome.request.key)),
    ):
        arrived.update(outcome.request.key for outcome in engine.download(downloads))
    there = {f"k/{path.name}" for path in tmp_path.iterdir() if path.name in "abc"}
    assert there
    assert arrived == there


def test_a_promotion_records_what_has_arrived_when_ctrl_c_comes(tmp_path: Path, direct: Connection) -> None:
    cache = ACache(tmp_path / "studio", direct)
    for name in "abcdef":
        cache.add(name)
    cache.upload()
    assert cache.demote().demoted == 6

    def interrupt(event: Event) -> None:
        if isinstance(event, Finished) and not interrupted:
            interrupted.append(event.key)
            signal.raise_signal(signal.SIGINT)

    interrupted: list[str] = []
    with cache.tiers(emit=interrupt) as tiers, pytest.raises(KeyboardInterrupt):
        tiers.promote([file for file in tiers.look().files if not file.is_hot])

    arrived = {name for name in "abcdef" if cache.path(name).exists()}
    assert arrived
    with cache.opened() as catalog:
        assert {key for key in "abcdef" if not cache.is_cold(key)} == arrived
        assert set(Movements(catalog.database).returns()) == {cache.paths[name] for name in arrived}
        assert catalog.usage.totals()[DOWNLOADS].times == len(arrived)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_a_stopped_upload_replaced_unknown_to_it_is_found_by_the_next_plan(
    site: Site, connection: Connection, running: list[Running], number: signal.Signals
) -> None:
    assert site.program("migrate", "upload").code == 0
    key = site.cache.key_of("03.png")
    site.cache.plan[key].write_bytes(b"another")
    site.proxy.follow(Rule(Hold(Way.DOWN), PUT, key))
    upload = Running(site.program, "migrate", "upload", "--yes")
    running.append(upload)
    site.proxy.until_struck()
    upload.process.send_signal(number)
    assert upload.end()[0] in {130, -signal.SIGKILL}
    site.proxy.follow()

    assert site.stored() == site.cache.content
    plan = site.program("migrate", "upload", "--dry-run", "--json")
    assert plan.data["upload_files"] == 0
    assert site.program("migrate", "upload", "--json").code == 0

    with the_catalog(connection, site.cache.directory / "cache") as catalog:
        assert [change.key for change in catalog.runs.unannounced()] == [key]
