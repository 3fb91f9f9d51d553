"""One listing by several requests at once: a bucket's keys cut into ranges at keys that are known.

S3 answers with at most 1,000 keys and takes about as long for them whoever asks, so that the pages of a large
bucket, one after the other, are mostly waiting. The ranges miss nothing: each begins right after a mark and
ends with the next one, and what lies between belongs to exactly one, whether anybody knows of it or not.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from dataclasses import replace
from itertools import pairwise
from queue import SimpleQueue
from typing import TYPE_CHECKING

from creative_s3.core.concurrency.pool import DaemonPool
from creative_s3.core.s3.key_order import by_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from creative_s3.core.s3.key_order import Order
    from creative_s3.core.s3.listing import Page

SHARD_KEYS = 5_000
"""Fewer keys than this are not worth a range of their own: five pages."""
MOST_SHARDS = 8
_PAGES_AHEAD = 2
"""How many pages of each range may wait for whoever takes them."""


def shard_count(keys: int) -> int:
    """Return into how many ranges so many known keys are cut."""
    return max(1, min(MOST_SHARDS, keys // SHARD_KEYS))


def sharded_pages(
    ask: Callable[[str | None], Iterator[Page]], marks: Sequence[str], order: Order = by_bytes
) -> Iterator[Page]:
    """List everything in ranges, all of them at once.

    Each page's keys are in order; the pages of different ranges come mixed. A server that does not know how
    to begin after a key is found out before anything else, and listed in one range.

    Args:
        ask: Lists what comes after a key, in `order`.
        marks: Keys at which the ranges meet; they need not exist.
        order: The server's own.

    Raises:
        Exception: What `ask` raised.
    """
    if not marks:
        yield from ask(None)
        return
    marks = sorted(marks, key=order)
    last = ask(marks[-1])
    first = next(last, None)
    if first is not None and first.keys and order(first.keys[0]) <= order(marks[-1]):
        yield from ask(None)
        return
    if first is not None:
        yield first
    ranges = [_until(ask(start), end, order) for start, end in pairwise((None, *marks)) if end is not None]
    yield from _mixed([*ranges, last])


def _until(pages: Iterator[Page], end: str, order: Order) -> Iterator[Page]:
    """Yield the pages up to and with the key `end`."""
    for page in pages:
        if page.keys and order(page.keys[-1]) >= order(end):
            yield _first(page, bisect_right(page.keys, order(end), key=order))
            return
        yield page


def _first(page: Page, count: int) -> Page:
    return replace(
        page,
        keys=page.keys[:count],
        sizes=page.sizes[:count],
        etags=page.etags[:count],
        storage_classes=page.storage_classes[:count],
        times=page.times[:count],
        is_truncated=False,
        token=None,
    )


def _mixed(ranges: Sequence[Iterator[Page]]) -> Iterator[Page]:
    """Yield the pages of all ranges as they come, from a thread each."""
    found: SimpleQueue[Page | BaseException | None] = SimpleQueue()
    room = threading.Semaphore(_PAGES_AHEAD * len(ranges))
    stopped = threading.Event()

    def fetch(pages: Iterator[Page]) -> None:
        try:
            while room.acquire() and not stopped.is_set() and (page := next(pages, None)) is not None:
                found.put(page)
            found.put(None)
        except BaseException as error:  # noqa: BLE001 - raised by the one who takes the pages
            found.put(error)

    pool = DaemonPool(len(ranges))
    for pages in ranges:
        pool.submit(fetch, pages)
    under_way = len(ranges)
    try:
        while under_way:
            match found.get():
                case None:
                    under_way -= 1
                case BaseException() as error:
                    raise error
                case page:
                    yield page
            room.release()
    finally:
        stopped.set()
        for _ in ranges:
            room.release()
        pool.shutdown()
