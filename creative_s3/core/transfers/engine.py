"""The transfer engine: many uploads or downloads at once, each proved, failures tried again, none silent.

The thread that iterates drives everything; bytes move in the engines' own threads, and what may wait (a HEAD,
a large file, an fsync) is done in a small pool. The steps of one upload or download are in `uploads` and
`downloads`, their order in `runs`, how bytes move in `engines`.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from creative_s3.core.concurrency.pool import DaemonPool
from creative_s3.core.events import Emit, ignore
from creative_s3.core.files.folders import OpenFolders
from creative_s3.core.files.local_files import sweep_partials
from creative_s3.core.s3.connection import accelerated
from creative_s3.core.s3.tally import RequestTally
from creative_s3.core.transfers.bandwidth import Bandwidth
from creative_s3.core.transfers.choice import EngineName, open_engine
from creative_s3.core.transfers.downloads import DownloadJob
from creative_s3.core.transfers.jobs import Surroundings
from creative_s3.core.transfers.multipart import MultipartSender
from creative_s3.core.transfers.outcomes import Download, Outcome, Proof, Upload
from creative_s3.core.transfers.refusals import Refusals
from creative_s3.core.transfers.runs import Run
from creative_s3.core.transfers.terms import Terms
from creative_s3.core.transfers.uploads import UploadJob
from creative_s3.core.transfers.verification import Verification

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.transfers.jobs import Job

__all__ = ["Download", "EngineName", "Outcome", "Proof", "TransferEngine", "Upload", "sweep_partials"]

PATIENCE_S = 120.0

_IN_FLIGHT_FOR_EACH = 4
_MOST_IN_FLIGHT = 256
"""Small files wait for a connection in memory."""
_MOST_POOL_THREADS = 32


class TransferEngine:
    """Moves many objects at once; a context manager.

    Leaving it cancels what is still under way. Any thread may call `cancel`, also a signal handler.

    Args:
        connection: Where to.
        engine: ``auto`` is direct, with CRT for larger downloads, where both can serve; else classic.
        emit: Takes events; any thread calls it.
        max_bandwidth: Bytes per second at most, all transfers together; None for as fast as it goes.
        max_in_flight: Items begun at once; by default four times ``max_parallel_uploads``, so that no
            connection waits for the next item while replies are met in bunches.
        verify: Whether uploads are read back: a sample, or none; by default until the server has shown that
            it stores what it confirms.
        patience_s: How long the temporary failures of one item are tried again before it fails.
        clock: Seconds, growing steadily.
        tick: Called by the thread that iterates, every 0.1 s while it waits; what it raises ends the
            iteration.

    Raises:
        UnsupportedError: ``crt`` was asked for and cannot serve here.
        CredentialsError: The credentials cannot be resolved.
    """

    def __init__(  # noqa: PLR0913 - each of them is a choice of the caller
        self,
        connection: Connection,
        *,
        engine: EngineName = "auto",
        emit: Emit = ignore,
        max_bandwidth: int | None = None,
        max_in_flight: int | None = None,
        verify: bool | None = None,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
        tick: Callable[[], None] | None = None,
    ) -> None:
        connection = accelerated(connection)
        parallel = connection.config.max_parallel_uploads
        self._tally = RequestTally()
        self._connection = connection
        bandwidth = Bandwidth(max_bandwidth) if max_bandwidth else None
        self._multipart = MultipartSender(connection, pass_on=bandwidth.wait if bandwidth else None)
        self._around = Surroundings(
            connection=connection,
            emit=emit,
            clock=clock,
            multipart=self._multipart,
            verification=Verification(connection, wanted=verify),
            folders=OpenFolders(most=parallel),
        )
        self._terms = Terms(
            engine=open_engine(engine, connection, tally=self._tally, bandwidth=bandwidth),
            pool=DaemonPool(min(max(4, parallel), _MOST_POOL_THREADS)),
            emit=emit,
            limit=max(1, min(max_in_flight or _IN_FLIGHT_FOR_EACH * parallel, _MOST_IN_FLIGHT)),
            folders=self._around.folders,
            patience_s=patience_s,
            clock=clock,
            refusals=Refusals(connection, clock=clock),
            tick=tick,
            carried=parallel,
        )
        self._runs: set[Run] = set()
        self._late: list[Outcome] = []
        self._is_cancelled = False
        self._counter_id = f"creative-s3-tally-{id(self)}"
        connection.client.meta.events.register("before-send.s3", self._count, unique_id=self._counter_id)

    @property
    def name(self) -> str:
        """The engine in use: ``direct``, ``crt`` or ``classic``."""
        return self._terms.engine.name

    @property
    def requests(self) -> dict[str, int]:
        """Requests sent so far by S3 operation name, as far as is known: CRT's own retries are not in it."""
        return self._tally.counts()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled

    def upload(self, uploads: Iterable[Upload]) -> Iterator[Outcome]:
        """Store files; take from `uploads` only as fast as they go out, and yield outcomes likewise."""
        return self._run(UploadJob(request, self._around) for request in uploads)

    def download(self, downloads: Iterable[Download]) -> Iterator[Outcome]:
        """Fetch objects; take from `downloads` only as fast as they come in, and yield outcomes likewise."""
        return self._run(DownloadJob(request, self._around) for request in downloads)

    def cancel(self) -> None:
        """Stop: begin nothing more, cancel what is under way; parts that arrived are kept for another run.

        The iterators still yield what was finished, and end in less than five seconds.
        """
        self._is_cancelled = True
        for run in tuple(self._runs):
            run.cancel()

    @contextmanager
    def drained(self, take: Callable[[Outcome], None]) -> Iterator[None]:
        """Iterate within this: what S3 confirmed is recorded also when an exception ends the iteration.

        After Ctrl-C, for one, what is under way gets a moment to be answered, as after `cancel`. Whatever
        succeeded and was not yielded goes to `take`, and the outcome that was yielded last once more: nobody
        can tell how far its record had come. The exception goes on after that.

        Args:
            take: Records an outcome without an error; recording one again changes nothing.
        """
        try:
            yield
        except BaseException:
            for outcome in self._drain():
                if outcome.error is None:
                    take(outcome)
            raise

    def close(self) -> None:
        """Cancel what is under way and let go of everything."""
        self.cancel()
        for run in tuple(self._runs):
            run.abandon()
        self._multipart.close()
        self._connection.client.meta.events.unregister("before-send.s3", unique_id=self._counter_id)
        if not any(run.is_stuck for run in self._runs):
            self._terms.engine.close()  # with a transfer stuck in it, closing would wait for that
        self._terms.pool.shutdown()

    def _drain(self) -> tuple[Outcome, ...]:
        """End everything, as `cancel` does; return the outcomes that an exception kept from being yielded."""
        self.cancel()
        for run in tuple(self._runs):
            run.abandon()
            self._late.extend(run.left_over())
        late = tuple(self._late)
        self._late.clear()
        return late

    def _run(self, jobs: Iterator[Job]) -> Iterator[Outcome]:
        run = Run(self._terms, jobs)
        if self._is_cancelled:
            return
        self._runs.add(run)
        try:
            yield from run.outcomes()
        finally:
            self._late.extend(run.left_over())
            if not run.is_stuck:
                self._runs.discard(run)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _count(self, event_name: str, **_: Any) -> None:  # noqa: ANN401 - botocore's signature
        self._tally.add(event_name.rpartition(".")[2])
