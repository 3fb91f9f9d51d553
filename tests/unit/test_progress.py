"""Progress: what is counted, when it is reported, and where a callback's exception goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.events import Event, Finished, Progressed
from creative_s3.core.transfers.progress import MIB, REPORT_EVERY_S, ProgressMeter, TransferProgress


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_bytes_under_way_count_and_are_not_counted_twice_when_the_file_is_done() -> None:
    meter = ProgressMeter(total_files=2, total_bytes=300)
    meter.take(Progressed("a", 60))
    meter.take(Progressed("b", 30))
    assert meter.progress().uploaded_bytes == 90
    meter.take(Progressed("b", -30))  # it has to be sent again
    meter.take(Progressed("a", 40))
    meter.uploaded("a", 100)
    assert meter.progress().uploaded_bytes == 100
    meter.take(Progressed("b", 200))
    meter.uploaded("b", 200)
    done = meter.progress()
    assert (done.uploaded, done.uploaded_bytes, done.percent_complete) == (2, 300, 100.0)


def test_what_was_there_already_and_what_failed_is_done_but_not_uploaded() -> None:
    meter = ProgressMeter(total_files=3, total_bytes=300)
    meter.take(Progressed("a", 100))
    meter.skipped("a", 100)  # it was sent, and the same content was there
    meter.failed("b", 100)
    halfway = meter.progress()
    assert (halfway.skipped, halfway.failed, halfway.uploaded_bytes) == (1, 1, 0)
    assert halfway.percent_complete == pytest.approx(200 / 3)


def test_percent_is_100_only_when_every_file_is_settled() -> None:
    moved = TransferProgress(total_files=1, total_bytes=100, uploaded_bytes=100)
    assert moved.percent_complete < 100
    assert not moved.is_complete
    assert TransferProgress(total_files=2, total_bytes=0, uploaded=1).percent_complete == 50
    assert TransferProgress(total_files=0, total_bytes=0).percent_complete == 100


def test_the_speed_is_in_mib_a_second() -> None:
    assert TransferProgress(1, 1, uploaded_bytes=10 * MIB, elapsed_seconds=4).upload_speed_mbps == 2.5
    assert TransferProgress(1, 1, uploaded_bytes=10 * MIB).upload_speed_mbps == 0


@given(st.lists(st.sampled_from(["uploaded", "skipped", "failed"]), max_size=8), st.integers(0, 9))
def test_percent_never_leaves_0_to_100_and_ends_at_100(ends: list[str], size_bytes: int) -> None:
    meter = ProgressMeter(total_files=len(ends), total_bytes=size_bytes * len(ends))
    seen = []
    for number, end in enumerate(ends):
        seen.append(meter.progress().percent_complete)
        meter.take(Progressed(str(number), size_bytes))
        getattr(meter, end)(str(number), size_bytes)
    assert all(0 <= percent < 100 for percent in seen)
    assert meter.finish().percent_complete == 100


def test_the_callback_is_called_at_a_bounded_rate_and_once_at_the_end() -> None:
    clock, seen = Clock(), list[TransferProgress]()
    meter = ProgressMeter(total_files=1, total_bytes=0, callback=seen.append, clock=clock)
    for _ in range(100):
        meter.tick()
        clock.now_s += REPORT_EVERY_S / 10
    assert len(seen) == 10
    meter.uploaded("a", 0)
    clock.now_s += REPORT_EVERY_S
    meter.tick()
    assert len(seen) == 10  # the end is finish's to report
    meter.finish()
    assert [progress.percent_complete for progress in seen] == [0.0] * 10 + [100.0]


def test_what_the_callback_raises_goes_to_the_caller() -> None:
    def callback(_progress: TransferProgress) -> None:
        raise LookupError("no screen")

    meter = ProgressMeter(total_files=1, total_bytes=1, callback=callback)
    with pytest.raises(LookupError, match="no screen"):
        meter.tick()


def test_every_event_is_passed_on() -> None:
    events: list[Event] = []
    meter = ProgressMeter(total_files=1, total_bytes=1, emit=events.append)
    sent: list[Event] = [Progressed("a", 1), Finished("a", 1)]
    for event in sent:
        meter.take(event)
    assert events == sent
