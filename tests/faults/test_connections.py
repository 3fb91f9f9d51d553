"""Fault 22: connections that are reset, end too soon or stall: tried again, and the screen says so."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config

from creative_s3.cli.live import STALLED_AFTER_S, Recorder, line
from creative_s3.core.events import PhaseStarted, TotalsKnown
from creative_s3.core.transfers.engine import Download, Proof
from creative_s3.errors import TemporaryError
from tests.faults.programme import Fault, Hold, Reset, Rule, Truncate, Way
from tests.faults.workshop import GET, KIB, PART, PUT, failures, with_client
from tests.s3.moving import MIB, MULTIPART, a_file, an_upload, leftovers, only

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.faults.workshop import Bench


MIDDLE = 30 * KIB
WHOLE = 60 * KIB


UPWARDS: Mapping[str, Fault] = {
    "k/before": Reset(Way.UP),
    "k/within": Reset(Way.UP, MIDDLE),
    "k/after": Reset(Way.UP, WHOLE),
}
DOWNWARDS: Mapping[str, Fault] = {
    "k/reset-before": Reset(Way.DOWN),
    "k/reset-within": Reset(Way.DOWN, MIDDLE),
    "k/cut-before": Truncate(0),
    "k/cut-within": Truncate(MIDDLE),
}


def test_uploads_whose_connections_are_reset_are_sent_again(bench: Bench, tmp_path: Path) -> None:
    path = a_file(tmp_path, WHOLE)
    bench.proxy.follow(*(Rule(fault, PUT, key, times=2) for key, fault in UPWARDS.items()))

    outcomes = bench.put(*(an_upload(path, key) for key in UPWARDS))

    assert [(outcome.error, outcome.proof) for outcome in outcomes] == [(None, Proof.CHECKSUM)] * 3
    assert bench.proxy.struck == 2 * len(UPWARDS)
    assert bench.stored() == dict.fromkeys(UPWARDS, path.read_bytes())


def test_parts_whose_connections_are_reset_are_sent_again(bench: Bench, tmp_path: Path) -> None:
    upload = an_upload(a_file(tmp_path, MULTIPART))
    bench.proxy.follow(Rule(Reset(Way.UP, 3 * MIB), PART, times=2))

    outcome = only(bench.put(upload))

    assert outcome.error is None
    assert bench.proxy.struck == 2
    assert bench.stored() == {upload.key: upload.path.read_bytes()}
    assert bench.unfinished() == []


@pytest.mark.parametrize(
    ("size_bytes", "keys"),
    [(WHOLE, list(DOWNWARDS)), (MULTIPART, ["k/cut-within"])],
    ids=["one request each", "ranges"],
)
def test_downloads_that_break_off_are_fetched_again(
    bench: Bench, tmp_path: Path, size_bytes: int, keys: list[str]
) -> None:
    content, target = a_file(tmp_path, size_bytes).read_bytes(), tmp_path / "to"
    for key in keys:
        bench.s3.put_object(Bucket=bench.bucket, Key=key, Body=content, ChecksumAlgorithm="CRC64NVME")
    bench.proxy.follow(*(Rule(DOWNWARDS[key], GET, key, times=2) for key in keys))

    outcomes = bench.get(*(Download(key, target / key[2:]) for key in keys))

    assert [(outcome.error, outcome.proof) for outcome in outcomes] == [(None, Proof.CHECKSUM)] * len(keys)
    assert bench.proxy.struck == 2 * len(keys)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {key[2:]: content for key in keys}


@pytest.mark.parametrize("size_bytes", [WHOLE, MULTIPART], ids=["one request", "ranges"])
def test_a_download_that_breaks_off_every_time_leaves_the_old_file_and_nothing_else(
    bench: Bench, tmp_path: Path, size_bytes: int
) -> None:
    target = tmp_path / "to" / "f"
    target.parent.mkdir()
    target.write_bytes(b"old")
    bench.s3.put_object(Bucket=bench.bucket, Key="k/f", Body=bytes(size_bytes))
    bench.proxy.follow(Rule(Truncate(MIDDLE), GET))

    outcome = only(bench.get(Download("k/f", target, replace=True), patience_s=1))

    assert isinstance(outcome.error, TemporaryError)
    assert outcome.request.key == "k/f"
    assert "nothing answers" not in outcome.error.message  # somebody does, only too little
    assert target.read_bytes() == b"old"
    assert leftovers(target.parent) == []


STALLED_ENGINES = ["auto", "classic", *(["crt"] if "CRT_STALLS" in os.environ else [])]
"""The Common Runtime's turn is in ``nox -s long``."""
STALLS = {
    "k/up": Rule(Hold(Way.UP, MIDDLE), PUT, "k/up", times=1),
    "k/answer": Rule(Hold(Way.DOWN), PUT, "k/answer", times=1),
    "k/down": Rule(Hold(Way.DOWN, MIDDLE), GET, "k/down", times=1),
    "k/head": Rule(Hold(Way.DOWN), GET, "k/head", times=1),
}


@pytest.mark.parametrize("engine", STALLED_ENGINES)
def test_stalled_connections_are_given_up_and_everything_is_sent_again(bench: Bench, tmp_path: Path) -> None:
    """With the Common Runtime this takes the 30 s that it waits for a byte and that cannot be set."""
    if bench.engine != "crt":
        bench = replace(bench, connection=with_client(bench.connection, Config(read_timeout=1)))
    source = a_file(tmp_path / "from", WHOLE)
    for key in ("k/down", "k/head"):
        bench.s3.put_object(Bucket=bench.bucket, Key=key, Body=source.read_bytes())
    targets = {key: tmp_path / "to" / key[2:] for key in ("k/down", "k/head")}
    bench.proxy.follow(*STALLS.values())

    with ThreadPoolExecutor() as both:
        uploading = both.submit(bench.put, an_upload(source, "k/up"), an_upload(source, "k/answer"))
        downloading = both.submit(bench.get, *(Download(*pair) for pair in targets.items()))
        outcomes = [*uploading.result(), *downloading.result()]

    assert failures(outcomes) == {}
    assert bench.proxy.struck == 4
    assert bench.stored() == dict.fromkeys(STALLS, source.read_bytes())
    assert [path.read_bytes() for path in targets.values()] == [source.read_bytes()] * 2


def test_the_screen_says_that_nothing_moves_while_a_connection_stalls(bench: Bench, tmp_path: Path) -> None:
    recorder = Recorder(time.monotonic())
    recorder.take(PhaseStarted("uploading"), time.monotonic())
    recorder.take(TotalsKnown(1, WHOLE), time.monotonic())
    bench.proxy.follow(Rule(Hold(Way.UP, MIDDLE), PUT))
    shown: list[str] = []

    def look() -> None:
        if bench.proxy.struck and not shown:
            later = time.monotonic() + STALLED_AFTER_S
            shown.append(line(recorder.tally(later)))
            bench.proxy.release()

    outcome = only(
        bench.put(
            an_upload(a_file(tmp_path, WHOLE)),
            emit=lambda event: recorder.take(event, time.monotonic()),
            tick=look,
        )
    )

    assert outcome.error is None
    assert shown
    said = re.search(r"stalled for (\d+) s", shown[0])
    assert said is not None, shown[0]
    assert int(said[1]) >= STALLED_AFTER_S
    assert "stalled" not in line(recorder.tally(time.monotonic()))
