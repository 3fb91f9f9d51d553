"""How many transfers fit into what the system allows."""

from __future__ import annotations

import threading

import pytest

from creative_s3.core.concurrency.limits import Limits, can_open_files, limits, of_limit
from creative_s3.errors import TemporaryError

MIB = 1 << 20


@pytest.mark.parametrize(
    ("known", "at_once", "why"),
    [
        (Limits(), 128, None),
        (Limits(open_files=100_000, memory_bytes=1 << 40), 128, None),
        (Limits(open_files=116), 25, "ulimit -n"),
        (Limits(open_files=24), 2, "ulimit -n"),
        (Limits(open_files=9), 1, "ulimit -n"),
        (Limits(memory_bytes=232 * MIB, thread_bytes=10 * MIB), 20, "ulimit -v"),
        (Limits(open_files=130, memory_bytes=72 * MIB, thread_bytes=10 * MIB), 4, "ulimit -v"),
        (Limits(open_files=24, memory_bytes=232 * MIB, thread_bytes=10 * MIB), 2, "ulimit -n"),
    ],
)
def test_as_many_as_the_tightest_limit_allows(known: Limits, at_once: int, why: str | None) -> None:
    most, told = known.at_once(128)

    assert most == at_once
    assert told is None if why is None else why in str(told)
    assert known.at_once(1) == (1, None)


@pytest.mark.parametrize("known", [Limits(open_files=3), Limits(memory_bytes=20 * MIB)])
def test_where_nothing_fits_the_limit_is_named(known: Limits) -> None:
    with pytest.raises(TemporaryError, match="ulimit"):
        known.at_once(10)


def test_a_look_leaves_the_threads_as_small_as_they_were() -> None:
    threading.stack_size(MIB)
    try:
        assert limits().thread_bytes == limits().thread_bytes
        assert threading.stack_size() == MIB
    finally:
        threading.stack_size(0)


def test_this_process_has_room_for_something() -> None:
    assert limits().at_once(1) == (1, None)
    assert can_open_files()


def test_what_is_no_limit_is_not_taken_for_one() -> None:
    assert of_limit(MemoryError()) is not None
    assert of_limit(RuntimeError("can't start new thread")) is not None
    assert of_limit(OSError(24, "Too many open files")) is not None
    assert of_limit(RuntimeError("another")) is None
    assert of_limit(OSError(2, "No such file")) is None
