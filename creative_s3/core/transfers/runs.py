"""One run of the transfer engine: the jobs under way, those that wait to be tried again, and their inbox.

Everything here happens in the thread that iterates; other threads only put messages into the inbox. What a
job's steps do is not known here.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from creative_s3.core.events import Failed, Finished, Queued, Retried
from creative_s3.core.faults.translation import ends_run, translate
from creative_s3.core.transfers.jobs import Folders
from creative_s3.core.transfers.outcomes import Outcome
from creative_s3.core.transfers.pacing import Window, delay_s, outage_after
from creative_s3.errors import (
    ChecksumMismatchError,
    CreativeS3Error,
    FileChangedError,
    NotStoredError,
    OutageError,
    SlowDownError,
    TemporaryError,
    UnreadableAnswerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from creative_s3.core.transfers.flights import Reply
    from creative_s3.core.transfers.jobs import Job
    from creative_s3.core.transfers.refusals import Refusals
    from creative_s3.core.transfers.terms import Terms

TICK_S = 0.1
DRAIN_S = 4.0
"""How long an interrupted run waits for cancelled transfers: all of it takes less than five seconds."""

_SETBACKS = 3
_SAME_KEY_DELAY_S = 0.05
_MOST_SETTLING = 512
_BATCH_ITEMS = 64
_BUNCH_S = 0.005
_WORTH_BUNCHES = 16
_MOST_WAITING = 1_000
"""While so many wait to be tried again, none is begun: a dead server must not fill the memory."""


_Message = tuple["Callable[..., None]", "Job", Any, BaseException | None]
"""Who handles it, the job, and what a step returned or raised."""


class Run:
    """One call of ``upload`` or ``download``."""

    def __init__(self, terms: Terms, jobs: Iterator[Job]) -> None:
        self._terms = terms
        self._source: Iterator[Job] | None = jobs
        self._messages: deque[_Message] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._active: dict[str, Job] = {}
        self._window = Window(terms.limit, carried=terms.carried)
        self._last: Outcome | None = None
        self._waiting: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._ready: deque[Outcome] = deque()
        self._unsettled: list[tuple[Job, Reply]] = []
        self._settling = 0
        self._claiming = threading.Lock()
        self._is_cancelled = False
        self._is_stuck = False
        self._give_up_at: float | None = None
        self._succeeded_at = terms.clock()
        self._failures_in_a_row = 0
        self._quiet_until = 0.0  # the server asked to be left alone
        self._outage: OutageError | None = None

    def cancel(self) -> None:
        """Begin nothing more and cancel what is under way; any thread may call it, also a signal handler."""
        self._is_cancelled = True
        self._bell.put(None)

    def outcomes(self) -> Iterator[Outcome]:
        """Drive everything until nothing is left.

        Raises:
            OutageError: Nothing succeeded for the whole time that one item was tried, and there are more.
        """
        try:
            while True:
                self._fill()
                if self._ready:
                    # One by one, and fill up again: when all ended at once, nothing else would wake us.
                    self._last = self._ready[0]  # before it is gone there: an exception may come in between
                    self._ready.popleft()
                    yield self._last
                    continue
                if self._outage is not None:
                    raise self._outage
                if self._is_over():
                    return
                self._take(self._until_due())
                if self._terms.tick is not None:
                    self._terms.tick()
        finally:
            self.abandon()

    def left_over(self) -> tuple[Outcome, ...]:
        """Return what an exception kept from whoever iterates; first, once more, what they had last."""
        left = (*((self._last,) if self._last else ()), *self._ready)
        self._last = None
        self._ready.clear()
        return left

    @property
    def is_stuck(self) -> bool:
        """Whether the run ended and left transfers behind that did not end in time."""
        return self._is_stuck

    def abandon(self) -> None:
        """Cancel what is under way and wait a little for it."""
        self._cancel_active()
        self._handle_messages()  # an exception, such as Ctrl-C, came before the first was handled or in it
        self._settle_aside()  # or before what arrived together was handed on
        while self._active and self._terms.clock() < (self._give_up_at or 0):
            self._take(max(0.0, (self._give_up_at or 0) - self._terms.clock()))
        self._is_stuck = self._is_stuck or bool(self._active)
        for job in self._active.values():
            job.meter.close(0)
            job.abandon()
        self._active.clear()
        self._waiting.clear()

    # -- what comes next

    def _fill(self) -> None:
        if self._is_cancelled:
            self._cancel_active()
            return
        if self._outage is not None:
            return
        while self._has_room() and (job := self._next()):
            self._begin(job)

    def _has_room(self) -> bool:
        """Tell whether another job may be begun: those that are being proved need no connection."""
        under_way = len(self._active) - self._settling
        is_room = under_way < self._window.size and self._settling < _MOST_SETTLING
        if self._active and self._terms.folders.is_full:
            return False
        return is_room and self._terms.clock() >= self._quiet_until

    def _next(self) -> Job | None:
        now = self._terms.clock()
        if self._waiting and self._waiting[0][0] <= now:
            return heapq.heappop(self._waiting)[2]
        # A server that refuses everything is asked about the same few again, not about one after the other.
        most = self._terms.limit if self._failures_in_a_row >= self._terms.limit else _MOST_WAITING
        while self._source is not None and len(self._waiting) < most:
            job = next(self._source, None)
            if job is None:
                self._source = None
            elif job.request.key in self._active:  # two at once on one key would fight: the second one waits
                self._wait(job, _SAME_KEY_DELAY_S)
            else:
                return job
        return None

    def _has_more(self) -> bool:
        """Tell whether there is an item that was not begun yet."""
        job = next(self._source, None) if self._source is not None else None
        if job is None:
            self._source = None
            return False
        self._wait(job, 0.0)
        return True

    def _is_over(self) -> bool:
        if self._is_cancelled:
            return not self._active or self._terms.clock() >= (self._give_up_at or 0)
        return self._source is None and not self._active and not self._waiting

    def _until_due(self) -> float | None:
        """Return how long the iterating thread may sleep; None is until something arrives."""
        if self._give_up_at is not None:
            return max(0.0, self._give_up_at - self._terms.clock())
        now = self._terms.clock()
        if self._waiting and (now < self._quiet_until or self._has_room()):
            due_s = max(0.0, max(self._waiting[0][0], self._quiet_until) - now)
            return due_s if self._terms.tick is None else min(due_s, TICK_S)
        return None if self._terms.tick is None else TICK_S

    def _take(self, timeout_s: float | None) -> None:
        """Handle what has arrived, waiting at most `timeout_s` for the first of it."""
        if self._can_rest():
            time.sleep(_BUNCH_S)
        with suppress(Empty):
            self._bell.get(timeout=timeout_s)
            while True:
                self._handle_messages()
                self._bell.get_nowait()
        self._settle_aside()

    def _can_rest(self) -> bool:
        """Tell whether more is begun than the connections can carry: then replies are better met in bunches.

        To be woken for each of many small objects costs more than what is done for it.
        """
        limit = self._terms.limit
        return limit >= _WORTH_BUNCHES and len(self._active) - self._settling > limit * 3 // 4

    def _tell(self, handler: Callable[..., None], job: Job, value: Any, error: BaseException | None) -> None:  # noqa: ANN401 - the handler's
        """Have the iterating thread handle what has happened; any thread may call it."""
        self._messages.append((handler, job, value, error))
        self._bell.put(None)

    def _handle_messages(self) -> None:
        """Handle what has arrived; what an exception interrupts is handled again from its beginning."""
        while self._messages:
            handler, job, value, error = self._messages[0]
            if self._active.get(job.request.key) is job:
                handler(job, value, error)
            self._messages.popleft()

    def _cancel_active(self) -> None:
        if self._give_up_at is None:
            self._give_up_at = self._terms.clock() + DRAIN_S
            for job in tuple(self._active.values()):
                if job.cancel is not None:
                    job.cancel()

    # -- the steps of a job

    def _begin(self, job: Job) -> None:
        if job.request.key in self._active:
            self._wait(job, _SAME_KEY_DELAY_S)
            return
        self._active[job.request.key] = job
        job.attempts += 1
        job.is_settling = job.is_claimed = False
        job.sent_at = self._terms.clock()
        if job.attempts == 1:
            job.begun_at = self._terms.clock()
            self._terms.emit(Queued(job.request.key, job.size_bytes))
        if job.prepares_long:
            self._aside(job, job.prepare, self._prepared)
        else:
            self._prepared(job, *_tried(job.prepare))

    def _aside(self, job: Job, step: Callable[[], Outcome | None], then: Callable[..., None]) -> None:
        self._terms.pool.submit(lambda: self._tell(then, job, *_tried(step)))

    def _prepared(self, job: Job, outcome: Outcome | None, error: BaseException | None) -> None:
        if error is not None or outcome is not None:
            self._settled(job, outcome, error)
        elif self._give_up_at is not None:
            self._drop(job)
        else:
            job.meter.open()
            try:
                job.cancel = job.send(
                    self._terms.engine, lambda reply: self._tell(self._replied, job, reply, None)
                )
            except Exception as caught:  # noqa: BLE001 - translated or raised again
                job.abandon()
                self._settled(job, None, caught)

    def _replied(self, job: Job, reply: Reply, _error: None) -> None:
        job.cancel = None
        if not job.is_settling:  # else Ctrl-C came after it was, and perhaps before it was handed on
            if reply.error is not None and self._give_up_at is not None:
                self._drop(job)
                return
            outcome, error = _tried(partial(job.settle_at_once, reply))
            if outcome is not None or error is not None:
                self._settled(job, outcome, error)
                return
            job.is_settling = True
            self._settling += 1
        if job.settles_long:
            self._terms.pool.submit(self._settle_batch, [(job, reply)])
        else:
            self._unsettled.append((job, reply))

    def _settle_aside(self) -> None:
        """Have what arrived together proved together: their folders are made durable once."""
        while self._unsettled:
            self._terms.pool.submit(self._settle_batch, self._unsettled[:_BATCH_ITEMS])
            del self._unsettled[:_BATCH_ITEMS]

    def _settle_batch(self, batch: list[tuple[Job, Reply]]) -> None:
        """Settle each job once: after Ctrl-C what had been handed on may be handed on again."""
        with self._claiming:
            mine = [(job, reply) for job, reply in batch if not job.is_claimed]
            for job, _ in mine:
                job.is_claimed = True
        folders = Folders()
        results = [(job, *_tried(partial(job.settle, reply, folders))) for job, reply in mine]
        problems = folders.sync()
        for job, outcome, error in results:
            problem = problems.get(job.request.key)
            self._tell(self._settled_aside, job, None if problem else outcome, error or problem)

    def _settled_aside(self, job: Job, outcome: Outcome | None, error: BaseException | None) -> None:
        self._settling -= 1
        self._settled(job, outcome, error)

    def _settled(self, job: Job, outcome: Outcome | None, error: BaseException | None) -> None:
        if outcome is None:
            if self._give_up_at is not None:
                self._drop(job)
                return
            try:
                ours = translate(error or AssertionError("a step without a result"), item=job.request.key)
            except BaseException:
                self._drop(job)
                raise  # a bug of ours; it ends the run
            if self._again(job, ours):
                return
            outcome = Outcome(request=job.request, stored=job.left, error=ours)
            if ends_run(ours) and self._terms.refusals is not None:
                self._aside(job, partial(_judged, outcome, self._terms.refusals), self._end_judged)
                return
        else:
            if self._terms.refusals is not None:
                self._terms.refusals.succeeded()
            self._succeeded_at = self._terms.clock()
            self._failures_in_a_row = 0
            self._window.succeeded()
        self._end(job, outcome)

    def _end_judged(self, job: Job, outcome: Outcome, _error: None) -> None:
        self._end(job, outcome)

    def _end(self, job: Job, outcome: Outcome) -> None:
        emit = self._terms.emit
        if outcome.error is None:
            job.meter.close(job.size_bytes)
            emit(Finished(job.request.key, job.size_bytes))
        else:
            job.meter.close(0)
            emit(Failed(job.request.key, outcome.error.message))
        duration_s = self._terms.clock() - job.begun_at
        outcome.attempts, outcome.duration_s = job.attempts, duration_s
        self._ready.append(outcome)
        del self._active[job.request.key]  # last: until then the job can be taken up again

    def _drop(self, job: Job) -> None:
        """Let go of an interrupted job: it has no outcome."""
        del self._active[job.request.key]
        job.meter.close(0)
        job.abandon()

    # -- trying again

    def _again(self, job: Job, error: CreativeS3Error) -> bool:
        """Put the job back when its failure may pass; return whether it was."""
        now = self._terms.clock()
        if isinstance(error, NotStoredError):
            return False
        if isinstance(error, (FileChangedError, ChecksumMismatchError, UnreadableAnswerError)):
            job.setbacks += 1
            if job.setbacks > _SETBACKS:
                return False
            wait_s = delay_s(job.setbacks) / 2
        elif isinstance(error, TemporaryError):
            self._failures_in_a_row += 1
            if isinstance(error, SlowDownError):
                self._window.slowed(sent_at=job.sent_at, now=now)
            if job.failing_since is None:
                job.failing_since = min(now, job.meter.moved_at)
            asked_s = error.retry_after_s or 0.0
            wait_s = max(delay_s(job.attempts), asked_s)
            self._quiet_until = max(self._quiet_until, now + asked_s)
            if now + wait_s > job.failing_since + self._terms.patience_s:
                if self._succeeded_at <= job.failing_since and self._has_more():
                    self._outage = outage_after(error, now - job.failing_since)
                return False
        else:
            return False
        del self._active[job.request.key]
        job.meter.close(0)
        self._terms.emit(Retried(job.request.key, error.message, wait_s))
        self._wait(job, wait_s)
        return True

    def _wait(self, job: Job, for_s: float) -> None:
        heapq.heappush(self._waiting, (self._terms.clock() + for_s, next(self._order), job))


def _judged(outcome: Outcome, refusals: Refusals) -> Outcome:
    """Ask the server whether it refuses this object only; waits."""
    assert outcome.error is not None  # noqa: S101 - it is what is judged
    outcome.error = refusals.of_item(outcome.error, outcome.request.key)
    return outcome


def _tried(step: Callable[[], Outcome | None]) -> tuple[Outcome | None, BaseException | None]:
    try:
        return step(), None
    except Exception as error:  # noqa: BLE001 - data, or raised again by the one who iterates
        return None, error
