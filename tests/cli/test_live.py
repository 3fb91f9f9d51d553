from __future__ import annotations

import errno
import io
import sys
import threading

import pytest
from rich.console import Console

from creative_s3.cli import live
from creative_s3.cli.live import Recorder, Tally, line, picture
from creative_s3.cli.output import Look, Output
from creative_s3.core.events import (
    Event,
    Failed,
    Finished,
    PhaseStarted,
    Progressed,
    Queued,
    Retried,
    Skipped,
    TotalsKnown,
)

MIB = 1024 * 1024


class _Terminal(io.StringIO):
    """A screen that tells when the bar was drawn, and that can go away."""

    encoding = "utf-8"

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.drawn = threading.Event()
        self.refused = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.broken:
            self.refused.set()
            raise OSError(errno.EIO, "gone")
        if "Uploading" in text:
            self.drawn.set()
        return super().write(text)


def recorded(*events: tuple[float, Event], until: float) -> Tally:
    """Take events at their times, with the regular looks that the consumer has."""
    recorder = Recorder(0.0)
    waiting = list(events)
    for tenth in range(int(until * 10) + 1):
        now = tenth / 10
        while waiting and waiting[0][0] <= now:
            recorder.take(waiting.pop(0)[1], now)
        tally = recorder.tally(now)
    return tally


def drawn(tally: Tally, width: int = 80, notice: str = "") -> str:
    console = Console(width=width, file=io.StringIO(), record=True, color_system=None)
    console.print(picture(tally, width=width, notice=notice))
    return console.export_text()


def test_every_kind_of_event_is_counted() -> None:
    tally = recorded(
        (0.0, PhaseStarted("uploading")),
        (0.0, TotalsKnown(4, 400)),
        (0.1, Queued("a", 100)),
        (0.2, Progressed("a", 100)),
        (0.3, Finished("a", 100)),
        (0.4, Progressed("b", 60)),
        (0.5, Retried("b", "reset", 0.1)),
        (0.5, Progressed("b", -60)),
        (0.6, Failed("b", "reset")),
        (0.7, Skipped("c", "already there")),
        until=1.0,
    )
    assert (tally.files, tally.failed, tally.skipped, tally.retries) == (1, 1, 1, 1)
    assert tally.size_bytes == 100
    assert (tally.phase_files, tally.phase_files_total) == (3, 4)
    assert tally.elapsed_s == 1.0


def test_a_new_phase_starts_its_own_count_and_keeps_the_sum() -> None:
    tally = recorded(
        (0.0, PhaseStarted("uploading")),
        (0.0, TotalsKnown(1, 100)),
        (0.1, Progressed("a", 100)),
        (0.1, Finished("a", 100)),
        (0.2, PhaseStarted("publishing the index")),
        until=0.5,
    )
    assert (tally.files, tally.size_bytes) == (1, 100)
    assert (tally.phase, tally.phase_files, tally.phase_bytes, tally.fraction) == (
        "publishing the index",
        0,
        0,
        None,
    )


def test_the_speed_is_the_average_of_the_last_seconds() -> None:
    slow = [(second / 10, Progressed("a", MIB)) for second in range(100)]
    fast = [(10 + second / 10, Progressed("a", 10 * MIB)) for second in range(100)]
    start: list[tuple[float, Event]] = [(0.0, TotalsKnown(1, 2000 * MIB))]
    assert recorded(*start, *slow, until=9.9).bytes_per_s == pytest.approx(10 * MIB, rel=0.05)
    assert recorded(*start, *slow, *fast, until=19.9).bytes_per_s == pytest.approx(100 * MIB, rel=0.05)


def test_the_time_left_follows_from_speed_and_rest() -> None:
    events = [(second / 10, Progressed("a", MIB)) for second in range(100)]
    tally = recorded((0.0, TotalsKnown(1, 200 * MIB)), *events, until=9.9)
    assert tally.left_s == pytest.approx(10, rel=0.1)


def test_without_bytes_the_time_left_follows_from_the_items() -> None:
    events = [(second / 10, Finished("a", 0)) for second in range(1, 51)]
    tally = recorded((0.0, TotalsKnown(100, 0)), *events, until=5.0)
    assert tally.left_s == pytest.approx(5, rel=0.1)
    assert tally.fraction == 0.5


def test_a_retry_that_takes_bytes_back_never_makes_a_negative_speed() -> None:
    tally = recorded(
        (0.0, TotalsKnown(1, 100)), (0.1, Progressed("a", 90)), (9.0, Progressed("a", -90)), until=12.0
    )
    assert tally.bytes_per_s == 0
    assert tally.fraction == 0
    assert tally.left_s is None


def test_ten_seconds_without_a_byte_are_a_stall_and_the_next_byte_ends_it() -> None:
    start: list[tuple[float, Event]] = [(0.0, TotalsKnown(1, 100)), (1.0, Progressed("a", 10))]
    assert recorded(*start, until=10.9).stalled_s == 0
    assert recorded(*start, until=11.5).stalled_s == pytest.approx(10.5)
    assert recorded(*start, (5.0, Retried("a", "reset", 1.0)), until=11.5).stalled_s == pytest.approx(10.5)
    assert recorded(*start, (11.2, Progressed("a", 1)), until=11.5).stalled_s == 0


def test_a_phase_whose_items_were_all_there_already_is_done() -> None:
    tally = recorded((0.0, TotalsKnown(1, 100)), (0.1, Skipped("a", "already there")), until=0.2)
    assert tally.fraction == 1.0


BUSY = Tally(
    phase="uploading",
    phase_files=31,
    phase_files_total=49,
    phase_bytes=7 * MIB,
    phase_bytes_total=14 * MIB,
    bytes_per_s=84.3 * MIB,
    left_s=12,
    retries=2,
    failed=1,
)


@pytest.mark.parametrize("width", [80, 120])
def test_the_picture_has_two_lines_with_everything_in_them(width: int) -> None:
    lines = [text.rstrip() for text in drawn(BUSY, width).splitlines()]
    assert len(lines) == 2
    assert lines[0].startswith("Uploading ━━━")
    assert lines[0].endswith(" 50%        12 s left")
    assert len(lines[0]) == width
    assert lines[1] == "31 of 49 files · 1 failed · 7.0 MiB of 14.0 MiB · 84.3 MiB/s · 2 retries"


def test_a_narrow_screen_keeps_two_lines_and_the_failures() -> None:
    lines = drawn(BUSY, 30).splitlines()
    assert len(lines) == 2
    assert "1 failed" in lines[1]
    assert max(len(text) for text in lines) <= 30


def test_a_stall_is_said() -> None:
    stalled = Tally(phase="uploading", phase_files_total=2, phase_bytes_total=10, stalled_s=14)
    assert "stalled for 14 s" in drawn(stalled)


def test_a_phase_without_totals_has_a_name_and_its_time() -> None:
    lines = drawn(Tally(phase="listing the bucket", elapsed_s=3)).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Listing the bucket ")
    assert lines[0].rstrip().endswith("3.0 s")
    assert "%" not in lines[0]


def test_the_notice_of_a_signal_is_shown_below() -> None:
    assert drawn(BUSY, notice="Interrupted: finishing").splitlines()[-1].rstrip() == "Interrupted: finishing"


def test_a_log_gets_one_plain_line() -> None:
    assert line(BUSY) == (
        "Uploading: 31 of 49 files, 1 failed, 7.0 MiB of 14.0 MiB, 84.3 MiB/s, 2 retries, 12 s left"
    )


def feed(shown: live.Live, files: int) -> None:
    shown.emit(PhaseStarted("uploading"))
    shown.emit(TotalsKnown(files, files))
    for number in range(files):
        shown.emit(Progressed(str(number), 1))
        shown.emit(Finished(str(number), 1))


def send(shown: live.Live, times: int) -> None:
    for _ in range(times):
        shown.emit(Finished("k", 1))


def test_many_threads_may_send_and_nothing_is_lost() -> None:
    with live.live(Output(Look(quiet=True))) as shown:
        shown.emit(TotalsKnown(8000, 0))
        threads = [threading.Thread(target=send, args=(shown, 1000)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert shown.tally.files == 8000


@pytest.mark.parametrize("look", [Look(json=True), Look(quiet=True)])
def test_scripts_see_nothing_of_it(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
    with live.live(Output(look)) as shown:
        feed(shown, 3)
    assert shown.tally.files == 3
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_there_is_one_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with live.live(Output()) as shown:
        feed(shown, 3)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert captured.err.startswith("Uploading: 3 of 3 files, 3 B of 3 B")


def test_without_a_terminal_there_is_a_line_every_thirty_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = iter(range(0, 100_000, 10))  # each look at this clock is ten seconds later
    drawn_twice = threading.Event()

    def clock() -> float:
        now = next(seconds)
        if now > 90:
            drawn_twice.set()
        return float(now)

    with live.live(Output(), clock) as shown:
        shown.emit(PhaseStarted("uploading"))
        assert drawn_twice.wait(10)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert all(text.startswith("Uploading: ") for text in lines)


def test_on_a_terminal_the_bar_is_on_stderr_and_gone_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    screen = _Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with live.live(Output()) as shown:
        feed(shown, 3)
        assert screen.drawn.wait(10)
        sys.stdout.write("data\n")
    assert capsys.readouterr().out == "data\n"
    assert "3 of 3 files" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")
    assert screen.getvalue().count("\x1b[?25l") == screen.getvalue().count("\x1b[?25h") == 1


def test_a_screen_that_goes_away_does_not_stop_the_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = _Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with live.live(Output()) as shown:
        shown.emit(PhaseStarted("uploading"))
        assert screen.drawn.wait(10)
        screen.broken = True
        feed(shown, 3)
        assert screen.refused.wait(10)
    assert shown.tally.files == 3
    assert "the progress display stopped: OSError" in caplog.text


def test_the_works_own_error_passes_through_and_what_happened_is_known() -> None:
    seen: list[live.Live] = []

    def work() -> None:
        with live.live(Output(Look(quiet=True))) as shown:
            seen.append(shown)
            shown.emit(Failed("a", "x"))
            raise ValueError("the work")

    with pytest.raises(ValueError, match="the work"):
        work()
    assert seen[0].tally.failed == 1
