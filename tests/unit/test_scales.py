"""Numbers as nested intervals: a range is found by the names of a few of them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.catalog.scales import covering, instant, intervals, step_of_day, step_of_size

steps = st.integers(0, 5000)


@given(st.sets(steps), st.none() | steps, st.none() | steps)
def test_the_intervals_of_a_range_hold_its_steps_and_no_others(
    used: set[int], low: int | None, high: int | None
) -> None:
    names = {name for step in used for name in intervals(step)}
    chosen = covering(names, low=low, high=high)
    inside = {step for step in used if (low or 0) <= step and (high is None or step <= high)}
    assert {step for step in used if set(intervals(step)) & set(chosen)} == inside
    # Each step is in one of them only, so that their numbers of assets may be added up.
    assert all(len(set(intervals(step)) & set(chosen)) == 1 for step in inside)


def test_a_long_range_takes_few_names() -> None:
    names = {name for step in range(20_000) for name in intervals(step)}
    assert len(covering(names, low=1001)) < 110


@given(st.integers(0, 2**50), st.integers(0, 2**50))
def test_the_step_of_a_size_never_falls_when_the_size_grows(one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert step_of_size(small) <= step_of_size(large)


@given(st.integers(1, 2**50))
def test_sizes_of_one_step_differ_by_little(size_bytes: int) -> None:
    wider = size_bytes + size_bytes // 64 + 1
    assert step_of_size(size_bytes) < step_of_size(wider + 1)


def test_days_follow_each_other() -> None:
    assert step_of_day(date(2024, 3, 1)) == step_of_day(date(2024, 2, 28)) + 2


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2025-02-01T10:00:00", datetime(2025, 2, 1, 10, tzinfo=UTC)),
        ("2025-02-01T10:00:00+02:00", datetime(2025, 2, 1, 8, tzinfo=UTC)),
        ("2025-02-01", datetime(2025, 2, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_times_without_a_zone_are_of_utc_and_what_is_none_is_nothing(
    text: str | None, time: datetime | None
) -> None:
    assert instant(text) == time
