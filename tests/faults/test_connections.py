"""Fault 22: connections that are reset, end too soon or stall, both ways: tried again, and the screen says so."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config

from creative_s3.cli.live import STALLED_AFTER_S, Recorder, line
from creative_s3.core.events import PhaseStarted, TotalsKnown
from creative_s3.core.transfers import Download, Proof
from creative_s3.errors import TemporaryError
from tests.faults.programme import Fault, Hold, Reset, Rule, Truncate, Way
from tests.faults.workshop import GET, KIB, PART, PUT, failures, stored, unfinished, with_client
from tests.s3.moving import MIB, MULTIPART, EngineName, a_file, an_upload, get, leftovers, only, put

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.aws import Connection
    from tests.faults.proxy import FaultProxy

MIDDLE = 30 * KIB
WHOLE = 60 * KIB


@pytest.mark.parametrize(
    "fault", [Reset(Way.UP), Reset(Way.UP, MIDDLE), Reset(Way.UP, WHOLE)], ids=["before", "within", "after"]
)
def test_an_upload_whose_connection_is_reset_is_sent_again(  # noqa: PLR0913 - what it needs
    connection: Connection,
    proxy: FaultProxy,
    engine: EngineName,
    s3: S3Client,
    tmp_path: Path,
    fault: Reset,
) -> None:
    upload = an_upload(a_file(tmp_path, WHOLE))
    proxy.follow(Rule(fault, PUT, times=2))

    outcome = only(put(connection, engine, upload))

    assert outcome.error is None
    assert outcome.proof is Proof.CHECKSUM
    assert proxy.struck == 2
    assert stored(s3, connection.bucket) == {upload.key: upload.path.read_bytes()}


def test_parts_whose_connections_are_reset_are_sent_again(
    connection: Connection, proxy: FaultProxy, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    upload = an_upload(a_file(tmp_path, MULTIPART))
    proxy.follow(Rule(Reset(Way.UP, 3 * MIB), PART, times=2))

    outcome = only(put(connection, engine, upload))

    assert outcome.error is None
    assert proxy.struck == 2
    assert stored(s3, connection.bucket) == {upload.key: upload.path.read_bytes()}
    assert unfinished(s3, connection.bucket) == []


@pytest.mark.parametrize(
    "fault",
    [Reset(Way.DOWN), Reset(Way.DOWN, MIDDLE), Truncate(0), Truncate(MIDDLE)],
    ids=["reset before", "reset within", "nothing of the body", "half of the body"],
)
@pytest.mark.parametrize("size_bytes", [WHOLE, MULTIPART], ids=["one request", "ranges"])
def test_a_download_that_breaks_off_is_fetched_again(  # noqa: PLR0913 - what it needs
    connection: Connection,
    proxy: FaultProxy,
    engine: EngineName,
    s3: S3Client,
    tmp_path: Path,
    fault: Fault,
    size_bytes: int,
) -> None:
    source, target = a_file(tmp_path / "from", size_bytes), tmp_path / "to" / "f"
    s3.put_object(Bucket=connection.bucket, Key="k/f", Body=source.read_bytes())
    proxy.follow(Rule(fault, GET, times=2))

    outcome = only(get(connection, engine, Download("k/f", target)))

    assert outcome.error is None
    assert outcome.proof is Proof.CHECKSUM
    assert proxy.struck == 2
    assert target.read_bytes() == source.read_bytes()
    assert leftovers(target.parent) == []


@pytest.mark.parametrize("size_bytes", [WHOLE, MULTIPART], ids=["one request", "ranges"])
def test_a_download_that_breaks_off_every_time_leaves_the_old_file_and_nothing_else(  # noqa: PLR0913
    connection: Connection,
    proxy: FaultProxy,
    engine: EngineName,
    s3: S3Client,
    tmp_path: Path,
    size_bytes: int,
) -> None:
    target = tmp_path / "to" / "f"
    target.parent.mkdir()
    target.write_bytes(b"old")
    s3.put_object(Bucket=connection.bucket, Key="k/f", Body=bytes(size_bytes))
    proxy.follow(Rule(Truncate(MIDDLE), GET))

    outcome = only(get(connection, engine, Download("k/f", target, replace=True), patience_s=1))

    assert isinstance(outcome.error, TemporaryError)
    assert outcome.request.key == "k/f"
    assert "nothing answers" not in outcome.error.message  # somebody does, only too little
    assert target.read_bytes() == b"old"
    assert leftovers(target.parent) == []


STALLS = {
    "k/up": Rule(Hold(Way.UP, MIDDLE), PUT, "k/up", times=1),
    "k/answer": Rule(Hold(Way.DOWN), PUT, "k/answer", times=1),
    "k/down": Rule(Hold(Way.DOWN, MIDDLE), GET, "k/down", times=1),
    "k/head": Rule(Hold(Way.DOWN), GET, "k/head", times=1),
}


def test_stalled_connections_are_given_up_and_everything_is_sent_again(
    connection: Connection, proxy: FaultProxy, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    """With the Common Runtime this takes the 30 s that it waits for a single byte; nobody can shorten them."""
    if engine == "classic":
        connection = with_client(connection, Config(read_timeout=1))
    source = a_file(tmp_path / "from", WHOLE)
    for key in ("k/down", "k/head"):
        s3.put_object(Bucket=connection.bucket, Key=key, Body=source.read_bytes())
    targets = {key: tmp_path / "to" / key[2:] for key in ("k/down", "k/head")}
    proxy.follow(*STALLS.values())

    with ThreadPoolExecutor() as both:
        uploading = both.submit(put, connection, engine, an_upload(source, "k/up"), an_upload(source, "k/answer"))
        downloading = both.submit(get, connection, engine, *(Download(*pair) for pair in targets.items()))
        outcomes = [*uploading.result(), *downloading.result()]

    assert failures(outcomes) == {}
    assert proxy.struck == 4
    assert stored(s3, connection.bucket) == dict.fromkeys(STALLS, source.read_bytes())
    assert [path.read_bytes() for path in targets.values()] == [source.read_bytes()] * 2


def test_the_screen_says_that_nothing_moves_while_a_connection_stalls(
    connection: Connection, proxy: FaultProxy, engine: EngineName, tmp_path: Path
) -> None:
    recorder = Recorder(time.monotonic())
    recorder.take(PhaseStarted("uploading"), time.monotonic())
    recorder.take(TotalsKnown(1, WHOLE), time.monotonic())
    proxy.follow(Rule(Hold(Way.UP, MIDDLE), PUT))
    shown = []

    def look() -> None:
        if proxy.struck and not shown:
            later = time.monotonic() + STALLED_AFTER_S
            shown.append(line(recorder.tally(later)))
            proxy.release()

    outcome = only(
        put(
            connection,
            engine,
            an_upload(a_file(tmp_path, WHOLE)),
            emit=lambda event: recorder.take(event, time.monotonic()),
            tick=look,
        )
    )

    assert outcome.error is None
    assert "stalled for 10 s" in shown[0]
    assert "stalled" not in line(recorder.tally(time.monotonic()))
