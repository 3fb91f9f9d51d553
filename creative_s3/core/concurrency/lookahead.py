"""Many calls at once, their results in order: for requests that mostly wait."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

from creative_s3.core.concurrency.pool import DaemonPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(function: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> Iterator[Result]:
    """Call `function` for every item in `workers` threads and yield the results in the order of the items.

    At most twice as many calls are ahead as there are threads, so that neither items nor results pile up.

    Raises:
        Exception: What a call raised; nothing more is begun then.
    """
    pool = DaemonPool(workers)
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
        pool.shutdown()
