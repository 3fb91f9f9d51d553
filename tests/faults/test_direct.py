"""What only the direct engine does: it keeps connections, and hands on what it does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.transfers.direct import DirectEngine
from creative_s3.core.transfers.engine import Download, TransferEngine
from tests.faults.programme import Answer, Flip, Hold, Reset, Rule, Truncate, Way
from tests.faults.workshop import GET, KIB, PUT
from tests.s3.moving import EngineName, a_file, an_upload, leftovers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.workshop import Bench


@pytest.fixture
def engine() -> EngineName:
    return "auto"


def test_it_is_what_moves_small_objects(bench: Bench) -> None:
    with TransferEngine(bench.connection) as transfers:
        assert transfers.name == DirectEngine.name


def test_a_server_that_hangs_up_on_a_kept_connection_is_asked_once_more_at_once(
    bench: Bench, tmp_path: Path
) -> None:
    path = a_file(tmp_path, KIB)
    bench.proxy.follow(Rule(Reset(Way.UP), PUT, skip=4, times=1))

    outcomes = bench.put(*(an_upload(path, f"k/{n}") for n in range(12)), max_in_flight=1)

    assert [(outcome.error, outcome.attempts) for outcome in outcomes] == [(None, 1)] * 12
    assert bench.proxy.struck == 1


def test_a_new_connection_that_breaks_is_the_runs_to_try_again(bench: Bench, tmp_path: Path) -> None:
    bench.proxy.follow(Rule(Reset(Way.UP), PUT, times=1))

    (outcome,) = bench.put(an_upload(a_file(tmp_path, KIB)))

    assert (outcome.error, outcome.attempts) == (None, 2)


def test_an_unusual_key_goes_and_comes_back_all_the_same(bench: Bench, tmp_path: Path) -> None:
    key = "k//double"
    path = a_file(tmp_path, 70 * KIB)

    (up,) = bench.put(an_upload(path, key))
    (down,) = bench.get(Download(key, tmp_path / "out" / "back"))

    assert (up.error, down.error) == (None, None)
    assert (tmp_path / "out" / "back").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("size_bytes", [300 * KIB, 3 * KIB * KIB])
def test_a_body_that_is_read_while_it_is_sent_is_sent_again_from_its_beginning(
    bench: Bench, tmp_path: Path, size_bytes: int
) -> None:
    path = a_file(tmp_path, size_bytes)
    bench.proxy.follow(Rule(Reset(Way.UP, 270 * KIB), PUT, skip=1, times=1))
    moved: list[object] = []

    outcomes = bench.put(
        an_upload(path, "k/first"), an_upload(path, "k/second"), max_in_flight=1, emit=moved.append
    )

    assert [outcome.error for outcome in outcomes] == [None, None]
    assert bench.stored() == {"k/first": path.read_bytes(), "k/second": path.read_bytes()}
    assert sum(getattr(event, "delta_bytes", 0) for event in moved) == 2 * size_bytes


@pytest.mark.parametrize("fault", [Truncate(20 * KIB), Flip(Way.DOWN, 5), Answer(503, "SlowDown")])
def test_an_answer_that_is_wrong_never_becomes_a_file(
    bench: Bench, tmp_path: Path, fault: Truncate | Flip | Answer
) -> None:
    bench.put_unseen(an_upload(a_file(tmp_path, 40 * KIB), "k/x"))
    bench.proxy.follow(Rule(fault, GET, times=1))
    target = tmp_path / "out" / "x"

    (outcome,) = bench.get(Download("k/x", target))

    assert outcome.error is None
    assert outcome.attempts == 2
    assert bench.stored() == {"k/x": target.read_bytes()}
    assert leftovers(target.parent) == []


def test_what_waits_for_an_answer_ends_when_it_is_cancelled(bench: Bench, tmp_path: Path) -> None:
    path = a_file(tmp_path, KIB)
    bench.proxy.follow(Rule(Hold(Way.DOWN), PUT, skip=1))

    with TransferEngine(bench.connection) as transfers:
        outcomes = transfers.upload(an_upload(path, f"k/{n}") for n in range(6))
        first = next(outcomes)
        bench.proxy.until_struck(2)
        transfers.cancel()
        rest = list(outcomes)

    assert first.error is None
    assert rest == []
    bench.proxy.release()
