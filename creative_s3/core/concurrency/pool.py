"""Threads that never keep the process alive: for work that may hang on a dead server or disk.

The standard ThreadPoolExecutor joins its threads when the interpreter ends: one stalled socket would hold up
Ctrl-C until its time-out. Nothing here knows what the work is.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from creative_s3.core.concurrency.limits import no_thread

if TYPE_CHECKING:
    from collections.abc import Callable

_Task = tuple[Future[Any] | None, "Callable[..., Any]", tuple[Any, ...]]


class DaemonPool:
    """A thread pool in the form that s3transfer's ``executor_cls`` expects."""

    def __init__(self, max_workers: int) -> None:
        self._max_workers = max_workers
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:  # noqa: ANN401 - any work
        """Run ``function(*arguments)`` in one of the threads."""
        future: Future[Any] = Future()
        self._put((future, function, arguments))
        return future

    def run(self, function: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - any work
        """Do the same for what tells its end in a way of its own, and raises nothing: no future is made."""
        self._put((None, function, arguments))

    def shutdown(self, wait: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - the executor's signature
        """Let the threads end when the work given so far is done; return at once."""
        with self._lock:
            for _ in range(self._threads):
                self._tasks.put(None)

    def _put(self, task: _Task) -> None:
        self._tasks.put(task)
        with self._lock:
            if self._idle:
                self._idle -= 1
                return
            if self._threads == self._max_workers:
                return
            self._threads += 1
            name = f"transfer-{self._threads}"
        try:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        except (RuntimeError, MemoryError):
            self._do_with_fewer()

    def _do_with_fewer(self) -> None:
        """Leave the work to the threads that there are: the system starts no more of them.

        Raises:
            TemporaryError: There is none.
        """
        with self._lock:
            self._threads -= 1
            self._max_workers = max(1, self._threads)
            if self._threads:
                return
        with suppress(Empty):
            self._tasks.get_nowait()
        raise no_thread()

    def _work(self) -> None:
        while True:
            task = self._tasks.get()
            if task is None:
                return
            future, function, arguments = task
            if future is None:
                function(*arguments)
            elif future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*arguments))
                except BaseException as error:  # noqa: BLE001 - the future carries it to whoever asks
                    future.set_exception(error)
            del task, future, function, arguments  # an idle thread must not keep the last item's data
            with self._lock:
                self._idle += 1
