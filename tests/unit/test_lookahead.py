"""Calls ahead: results in order, never too many at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.concurrency.lookahead import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_results_come_in_the_order_of_the_items_even_if_the_first_is_the_slowest() -> None:
    others_are_done = threading.Semaphore(0)

    def work(number: int) -> int:
        if number == 0:
            for _ in range(3):
                assert others_are_done.acquire(timeout=10)
        else:
            others_are_done.release()
        return number * 10

    assert list(in_order(work, range(20), workers=4)) == [number * 10 for number in range(20)]


def test_items_are_taken_only_as_fast_as_results_are() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    results = in_order(str, items(), workers=3)
    assert [next(results) for _ in range(5)] == ["0", "1", "2", "3", "4"]
    assert taken <= 5 + 2 * 3


def test_the_first_failure_ends_it() -> None:
    results = in_order(lambda number: 1 // number, [1, 0, 1], workers=1)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
