"""One run of the transfer engine: how many items are under way, and what an interruption must not lose."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.concurrency.pool import DaemonPool
from creative_s3.core.events import ignore
from creative_s3.core.transfers.flights import Reply
from creative_s3.core.transfers.jobs import Job, Surroundings
from creative_s3.core.transfers.outcomes import Outcome, Proof, Upload
from creative_s3.core.transfers.pacing import Window
from creative_s3.core.transfers.runs import Run
from creative_s3.core.transfers.terms import Terms
from creative_s3.errors import SlowDownError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from creative_s3.core.transfers.flights import Engine
    from creative_s3.core.transfers.jobs import Folders


# -- the window


def test_a_window_is_whole_until_something_is_refused() -> None:
    window = Window(20)
    for _ in range(100):
        window.succeeded()

    assert window.size == 20


def test_a_refusal_halves_the_window_once_for_all_that_was_sent_before() -> None:
    window = Window(20)

    for sent_at in (1.0, 2.0, 3.0):
        window.slowed(sent_at=sent_at, now=3.5)

    assert window.size == 10
    window.slowed(sent_at=4.0, now=5.0)
    assert window.size == 5


def test_a_window_widens_by_one_item_for_each_window_of_successes_and_recovers_whole() -> None:
    window = Window(16)
    window.slowed(sent_at=1.0, now=2.0)
    widths = []
    for _ in range(200):
        window.succeeded()
        widths.append(window.size)

    assert widths[7] in {8, 9}
    assert widths[17] in {9, 10}
    assert widths[-1] == 16
    assert widths == sorted(widths)


@given(st.integers(1, 500), st.lists(st.booleans(), max_size=300))
def test_a_window_never_closes_and_never_exceeds_its_limit(most: int, refusals: list[bool]) -> None:
    window = Window(most)
    for now, is_refused in enumerate(refusals):
        if is_refused:
            window.slowed(sent_at=now, now=now)
        else:
            window.succeeded()
        assert 1 <= window.size <= most


# -- runs


class Sketch(Job):
    """A job without bytes: it answers what the test says."""

    def __init__(self, key: str, around: Surroundings, desk: Desk) -> None:
        super().__init__(Upload(Path(key), key, 1), around)
        self.desk = desk

    size_bytes = 1
    prepares_long = False
    settles_long = False

    def prepare(self) -> Outcome | None:
        return None

    def send(self, engine: Engine, done: Callable[[Reply], None]) -> Callable[[], None]:  # noqa: ARG002
        self.desk.sent(self.request.key, done)
        return lambda: None

    def settle_at_once(self, reply: Reply) -> Outcome | None:
        return None if reply.error else Outcome(self.request, proof=Proof.CHECKSUM)

    def settle(self, reply: Reply, folders: Folders) -> Outcome:  # noqa: ARG002
        raise reply.error or AssertionError

    def abandon(self) -> None:
        pass


class Desk:
    """Keeps who waits for an answer."""

    def __init__(self, *, refuse_every: int | None = None) -> None:
        self.waiting: dict[str, Callable[[Reply], None]] = {}
        self.most_waiting: list[int] = []
        self._refuse_every = refuse_every
        self._numbers = itertools.count(1)

    def sent(self, key: str, done: Callable[[Reply], None]) -> None:
        self.waiting[key] = done

    def answer(self) -> None:
        """Answer everything that waits; now and then by asking to slow down."""
        self.most_waiting.append(len(self.waiting))
        for key in list(self.waiting):
            number = next(self._numbers)
            refused = self._refuse_every is not None and number % self._refuse_every == 0
            self.waiting.pop(key)(Reply(error=SlowDownError("slow down", item=key) if refused else None))


class Clock:
    """Goes on by itself a little, and far when the run would sleep."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def a_run(  # noqa: PLR0913 - each of them is a choice of the test
    desk: Desk,
    keys: int,
    *,
    limit: int,
    tick: Callable[[], None],
    pool: DaemonPool | None = None,
    kind: type[Sketch] = Sketch,
    clock: Clock | None = None,
) -> Run:
    clock = clock or Clock()

    def later() -> None:
        clock.now += 20
        tick()

    engine: Any = None
    around = Surroundings(connection=engine, emit=ignore, clock=clock, multipart=engine, verification=engine)
    terms = Terms(
        engine=engine,
        pool=pool or DaemonPool(2),
        emit=ignore,
        limit=limit,
        patience_s=100_000.0,
        clock=clock,
        tick=later,
    )
    return Run(terms, (kind(f"k{number}", around, desk) for number in range(keys)))


def test_a_run_sends_less_at_once_while_it_is_asked_to_slow_down_and_more_again_afterwards() -> None:
    desk = Desk(refuse_every=40)
    run = a_run(desk, 400, limit=32, tick=desk.answer)

    outcomes = list(run.outcomes())

    assert len({outcome.request.key for outcome in outcomes}) == 400
    assert not any(outcome.error for outcome in outcomes)
    assert desk.most_waiting[0] == 32
    narrowest = min(desk.most_waiting[:-3])
    assert narrowest <= 16
    assert max(desk.most_waiting[desk.most_waiting.index(narrowest) :]) > narrowest


def test_what_was_answered_before_an_interruption_is_left_over_and_not_lost() -> None:
    desk = Desk()

    def answer_and_interrupt() -> None:
        desk.answer()
        raise KeyboardInterrupt

    run = a_run(desk, 8, limit=4, tick=answer_and_interrupt)

    with pytest.raises(KeyboardInterrupt):
        list(run.outcomes())

    assert {outcome.request.key for outcome in run.left_over()} == {"k0", "k1", "k2", "k3"}
    assert run.left_over() == ()
    assert not run.is_stuck


def test_the_outcome_that_was_handed_over_last_is_left_over_once_more() -> None:
    desk = Desk()
    run = a_run(desk, 2, limit=2, tick=desk.answer)
    seen = []

    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the loop is what is interrupted
        for outcome in run.outcomes():
            seen.append(outcome.request.key)
            raise KeyboardInterrupt

    run.abandon()
    assert {outcome.request.key for outcome in run.left_over()} == {"k0", "k1"}
    assert len(seen) == 1


class Lengthy(Sketch):
    """A job that finds out afterwards, in the pool, that a refusal was none."""

    settles_long = True

    def settle(self, reply: Reply, folders: Folders) -> Outcome:  # noqa: ARG002
        return Outcome(self.request, proof=Proof.CHECKSUM, already_there=True)


class Interrupted(DaemonPool):
    """A pool in which Ctrl-C comes once, right after it was given something to do."""

    has_come = False

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:  # noqa: ANN401
        future = super().submit(function, *arguments)
        if not self.has_come:
            self.has_come = True
            raise KeyboardInterrupt
        return future


def test_an_interruption_right_after_a_reply_was_handed_on_does_not_lose_its_outcome() -> None:
    desk = Desk(refuse_every=1)
    run = a_run(desk, 1, limit=1, tick=desk.answer, pool=Interrupted(1), kind=Lengthy)

    with pytest.raises(KeyboardInterrupt):
        list(run.outcomes())

    (outcome,) = run.left_over()
    assert (outcome.error, outcome.already_there) == (None, True)


class RealClock(Clock):
    """The time that passes."""

    def __call__(self) -> float:
        return time.monotonic()


class Disturbed(Lengthy):
    """Jobs that are proved together; Ctrl-C comes once, while the second reply is looked at."""

    settles_long = False
    has_come = False

    def settle_at_once(self, reply: Reply) -> Outcome | None:
        if self.request.key == "k1" and not Disturbed.has_come:
            Disturbed.has_come = True
            raise KeyboardInterrupt
        return super().settle_at_once(reply)


def test_an_interruption_before_replies_were_handed_on_together_does_not_lose_their_outcomes() -> None:
    desk = Desk(refuse_every=1)
    run = a_run(desk, 2, limit=2, tick=desk.answer, kind=Disturbed, clock=RealClock())

    with pytest.raises(KeyboardInterrupt):
        list(run.outcomes())

    # The other one's reply was a refusal, and a refusal after an interruption has no outcome.
    assert {outcome.request.key for outcome in run.left_over()} == {"k0"}
    assert not run.is_stuck
