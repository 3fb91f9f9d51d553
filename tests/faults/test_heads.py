"""Many HEADs at once when something goes wrong: one object's failure is its answer, the rest goes on."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.s3.tally import RequestTally
from creative_s3.core.transfers.heads import heads
from creative_s3.errors import AccessDeniedError, TemporaryError
from tests.faults.programme import Answer, Hold, Reset, Rule, Way
from tests.faults.record import WITHIN_S
from tests.faults.workshop import HEAD

if TYPE_CHECKING:
    from collections.abc import Generator

    from creative_s3.core.transfers import heads as many
    from tests.faults.workshop import Bench

COUNT = 60


def asked(bench: Bench) -> Generator[tuple[str, many.Answer]]:
    keys = [f"k/{number:02}" for number in range(COUNT)]
    return heads(bench.connection, keys, engine=bench.engine, tally=RequestTally())


@pytest.fixture(autouse=True)
def _objects(bench: Bench) -> None:
    for number in range(COUNT):
        bench.s3.put_object(Bucket=bench.bucket, Key=f"k/{number:02}", Body=b"x" * number)


def test_access_that_is_denied_to_one_object_is_its_answer(bench: Bench) -> None:
    bench.proxy.follow(Rule(Answer(403, "AccessDenied"), HEAD, "k/3?"))

    found = dict(asked(bench))

    refused = {key for key, answer in found.items() if isinstance(answer, AccessDeniedError)}
    assert refused == {f"k/3{digit}" for digit in range(10)}
    assert {getattr(found[f"k/{n:02}"], "size_bytes", None) for n in range(30)} == set(range(30))


@pytest.mark.parametrize("fault", [Answer(503, "SlowDown"), Reset(Way.DOWN)], ids=["503", "reset"])
def test_what_fails_for_a_moment_is_asked_again(bench: Bench, fault: Answer | Reset) -> None:
    bench.proxy.follow(Rule(fault, HEAD, skip=3, times=5))

    found = dict(asked(bench))

    assert bench.proxy.struck == 5
    assert {getattr(answer, "size_bytes", None) for answer in found.values()} == set(range(COUNT))


@pytest.mark.parametrize("engine", ["crt"])
def test_what_asks_for_a_wait_is_not_asked_again_before(bench: Bench) -> None:
    busy = Answer(503, "SlowDown", headers=(("Retry-After", "2"),))
    bench.proxy.follow(Rule(busy, HEAD, "k/42", times=1))
    began = time.monotonic()

    found = dict(asked(bench))

    assert time.monotonic() - began >= 2
    assert getattr(found["k/42"], "size_bytes", None) == 42


def test_a_server_that_stays_away_ends_it(bench: Bench) -> None:
    bench.proxy.follow(Rule(Answer(500, "InternalError"), HEAD, "k/42"))

    with pytest.raises(TemporaryError):
        list(asked(bench))


def test_whoever_stops_does_not_wait_for_answers(bench: Bench) -> None:
    bench.proxy.follow(Rule(Hold(Way.UP), HEAD, skip=1))

    with closing(asked(bench)) as answers:
        next(answers)
        bench.proxy.until_struck(2)
        began = time.monotonic()

    assert time.monotonic() - began < WITHIN_S / 2  # what is held stays held until it is released below
    bench.proxy.release()
    bench.proxy.until_passed(1 + bench.proxy.struck, "HeadObject")  # it ends before the proxy does
