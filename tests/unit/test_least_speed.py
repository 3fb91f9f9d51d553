"""How slowly an answer may come, and how long in all."""

from __future__ import annotations

import math

import pytest

from creative_s3.core.http.least_speed import LEAST_BYTES, LeastSpeed


def windows_until_it_ends(speed: LeastSpeed, *, most: int) -> int:
    """Let just enough come in each window; return how many there were."""
    for number in range(most):
        try:
            speed.came(LEAST_BYTES, waited_s=10)
        except TimeoutError:
            return number
    return most


@pytest.mark.parametrize(
    ("size_bytes", "windows"), [(0, 6), (3 * LEAST_BYTES, 9), (math.inf, 100)], ids=["short", "known", "any"]
)
def test_an_answer_has_the_time_of_its_size_and_some_more(size_bytes: float, windows: int) -> None:
    speed = LeastSpeed(10)
    speed.begin()
    speed.expect(size_bytes)

    assert windows_until_it_ends(speed, most=100) == windows


def test_less_than_the_least_ends_with_the_window() -> None:
    speed = LeastSpeed(10)
    speed.came(1, waited_s=100)  # the first byte has the socket's own time-out

    with pytest.raises(TimeoutError):
        speed.came(LEAST_BYTES - 2, waited_s=10)
