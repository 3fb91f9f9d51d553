"""Fault 21: the server refuses for a while, now and then, or for good: nothing is lost, nobody hammers."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config

from creative_s3.core.events import Event, Failed, Retried
from creative_s3.core.transfers.engine import PATIENCE_S, Download, Outcome, TransferEngine
from creative_s3.errors import OutageError, TemporaryError
from tests.faults.programme import Answer, Reset, Rule, Way
from tests.faults.workshop import PUT, failures, with_client
from tests.s3.moving import a_file, an_upload

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.workshop import Bench


SPEED = 20
REFUSALS = [Answer(503, "SlowDown"), Answer(500, "InternalError")]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.code)
def test_uploads_outlast_a_server_that_refuses_everything_for_a_while(
    bench: Bench, tmp_path: Path, refusal: Answer
) -> None:
    uploads = [an_upload(a_file(tmp_path, 1000 + n, f"{n}"), f"k/{n}") for n in range(8)]
    bench.proxy.follow(Rule(refusal, times=24))

    outcomes = bench.put(*uploads)

    assert failures(outcomes) == {}
    assert bench.stored() == {upload.key: upload.path.read_bytes() for upload in uploads}
    assert bench.proxy.struck == 24


def test_uploads_outlast_a_minute_of_refusals_without_hammering_the_server(
    bench: Bench, tmp_path: Path
) -> None:
    """The minute is the engine's: its clock goes faster than the wall's."""
    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    bench = replace(bench, connection=with_client(bench.connection, once))
    uploads = [an_upload(a_file(tmp_path, 1000 + n, f"{n}"), f"k/{n}") for n in range(8)]
    bench.proxy.follow(Rule(REFUSALS[0], for_s=60 / SPEED))
    began = time.monotonic()

    outcomes = bench.put(*uploads, clock=lambda: time.monotonic() * SPEED, tick=lambda: None)

    assert failures(outcomes) == {}
    assert bench.stored() == {upload.key: upload.path.read_bytes() for upload in uploads}
    assert (time.monotonic() - began) * SPEED >= 60
    # Each item backs off to a try every 7 to 15 s, and CRT makes up to four requests of a try.
    assert 8 <= bench.proxy.struck <= 8 * 4 * 14


def test_downloads_outlast_a_server_that_refuses_everything_for_a_while(bench: Bench, tmp_path: Path) -> None:
    for n in range(8):
        bench.s3.put_object(Bucket=bench.bucket, Key=f"k/{n}", Body=b"%d" % n)
    bench.proxy.follow(Rule(REFUSALS[0], times=16))

    outcomes = bench.get(*(Download(f"k/{n}", tmp_path / f"{n}") for n in range(8)))

    assert failures(outcomes) == {}
    assert [(tmp_path / f"{n}").read_bytes() for n in range(8)] == [b"%d" % n for n in range(8)]
    assert bench.proxy.struck == 16


def test_what_the_libraries_gave_up_is_queued_again(bench: Bench, tmp_path: Path) -> None:
    upload = an_upload(a_file(tmp_path, 1000))
    events: list[Event] = []
    bench.proxy.follow(Rule(Answer(500, "InternalError"), PUT, times=7))

    (outcome,) = bench.put(upload, emit=events.append)

    assert outcome.error is None
    assert outcome.attempts > 1
    assert [event.key for event in events if isinstance(event, Retried)] == [upload.key] * (
        outcome.attempts - 1
    )
    assert bench.stored() == {upload.key: upload.path.read_bytes()}


def test_patience_is_longer_than_an_outage_of_a_minute() -> None:
    assert PATIENCE_S >= 2 * 60


def test_refusals_of_one_request_in_twenty_lose_nothing(bench: Bench, tmp_path: Path) -> None:
    path = a_file(tmp_path / "from", 2000)
    bench.proxy.follow(Rule(REFUSALS[0], share=0.05), seed=3)

    outcomes = bench.put(*(an_upload(path, f"k/{n}") for n in range(60)))
    back = bench.get(*(Download(f"k/{n}", tmp_path / "to" / f"{n}") for n in range(60)))

    assert failures([*outcomes, *back]) == {}
    assert bench.stored() == dict.fromkeys((f"k/{n}" for n in range(60)), path.read_bytes())
    assert {found.read_bytes() for found in (tmp_path / "to").iterdir()} == {path.read_bytes()}
    assert bench.proxy.struck >= 5


@pytest.mark.parametrize("fault", [Answer(500, "InternalError"), Reset(Way.UP)], ids=["refused", "reset"])
def test_one_item_that_never_gets_through_fails_alone_and_is_named(
    bench: Bench, tmp_path: Path, fault: Answer | Reset
) -> None:
    path = a_file(tmp_path, 1000)
    events: list[Event] = []
    bench.proxy.follow(Rule(fault, PUT, key="k/3"))

    outcomes = bench.put(*(an_upload(path, f"k/{n}") for n in range(6)), patience_s=1, emit=events.append)

    (failed,) = (outcome for outcome in outcomes if outcome.error)
    assert failed.request.key == "k/3"
    assert isinstance(failed.error, TemporaryError)
    assert [event.key for event in events if isinstance(event, Failed)] == ["k/3"]
    assert bench.stored().keys() == {"k/0", "k/1", "k/2", "k/4", "k/5"}


def test_a_run_in_which_nothing_succeeds_any_more_ends_instead_of_trying_each_item_to_the_end(
    bench: Bench, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 100)
    bench.proxy.follow(Rule(Reset(Way.UP), PUT, skip=5))
    outcomes: list[Outcome] = []
    began = time.monotonic()

    with (
        TransferEngine(bench.connection, engine=bench.engine, max_in_flight=4, patience_s=2) as transfers,
        pytest.raises(OutageError, match="nothing succeeded for") as caught,
    ):
        outcomes.extend(transfers.upload(an_upload(path, f"k/{n}") for n in range(5_000)))

    assert time.monotonic() - began < 60  # trying each item to the end takes most of an hour
    assert sum(outcome.error is None for outcome in outcomes) == 5
    assert len(outcomes) < 100
    assert isinstance(caught.value, TemporaryError)
    assert "goes on" in (caught.value.hint or "")


def test_a_run_that_is_too_small_to_end_early_names_every_item(bench: Bench, tmp_path: Path) -> None:
    path = a_file(tmp_path, 100)
    bench.proxy.follow(Rule(Reset(Way.UP), PUT))

    outcomes = bench.put(*(an_upload(path, f"k/{n}") for n in range(4)), patience_s=1)

    assert failures(outcomes).keys() == {f"k/{n}" for n in range(4)}
