"""Events become numbers, and numbers become a moving picture on standard error.

`Recorder` counts and knows nothing of screens; `picture` and `line` draw a `Tally` and know nothing of
events; `Live` joins them with one thread, so that an event costs its sender no more than a queue's put.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, assert_never

from rich.console import Group
from rich.live import Live as Redrawn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from creative_s3.cli import stops
from creative_s3.cli.text import count, duration, printable, size, speed
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from creative_s3.cli.output import Output

_log = logging.getLogger(__name__)

REDRAW_S = 0.1
LINE_EVERY_S = 30.0
"""Seconds between two plain lines, where nothing can be redrawn."""
STALLED_AFTER_S = 10.0
_WINDOW_S = 8.0  # speeds are averages of this time: long enough to be calm, short enough to be true
_NARROW = 60
_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Tally:
    """What happened until now.

    Attributes:
        phase: The current phase's name, or ``""``.
        files: Finished items, of all phases.
        size_bytes: Bytes moved, of all phases.
        skipped: Items that needed nothing.
        retries: Attempts beyond each item's first.
        failed: Items that failed for good.
        elapsed_s: Since the start.
        phase_files: Items of this phase that are done, one way or the other.
        phase_files_total: What this phase has to do; None until it is known.
        phase_bytes: Bytes moved in this phase.
        phase_bytes_total: What this phase has to move; None until it is known.
        bytes_per_s: The average of the last seconds.
        left_s: Estimated time to the end of this phase; None where there is no ground for a guess.
        stalled_s: How long nothing has moved; 0 while that is no cause for concern.
    """

    phase: str = ""
    files: int = 0
    size_bytes: int = 0
    skipped: int = 0
    retries: int = 0
    failed: int = 0
    elapsed_s: float = 0.0
    phase_files: int = 0
    phase_files_total: int | None = None
    phase_bytes: int = 0
    phase_bytes_total: int | None = None
    bytes_per_s: float = 0.0
    left_s: float | None = None
    stalled_s: float = 0.0

    @property
    def fraction(self) -> float | None:
        """How much of the phase is done, 0 to 1; None until the totals are known."""
        if self.phase_files_total and self.phase_files >= self.phase_files_total:
            return 1.0  # skipped items moved no bytes
        if self.phase_bytes_total:
            return min(max(self.phase_bytes / self.phase_bytes_total, 0.0), 1.0)
        if self.phase_files_total is not None:
            return min(self.phase_files / self.phase_files_total, 1.0) if self.phase_files_total else 1.0
        return None


class Recorder:
    """Counts events. Not safe for threads: one consumer calls it."""

    def __init__(self, now: float) -> None:
        self._started = now
        self._moved_at = now
        self._files = self._bytes = self._skipped = self._retries = self._failed = 0
        self._begin("", now)

    def _begin(self, phase: str, now: float) -> None:
        self._phase = phase
        self._phase_done = self._phase_bytes = 0
        self._files_total: int | None = None
        self._bytes_total: int | None = None
        # Time, bytes and items at recent moments; the first is older than the window, the others are in it.
        self._samples = deque([(now, 0, 0)])

    def take(self, event: Event, now: float) -> None:
        """Count one event that was seen at `now`, in seconds of any steady clock."""
        match event:  # the most frequent ones first
            case Queued():
                return
            case Progressed(_, delta_bytes):
                self._bytes += delta_bytes
                self._phase_bytes += delta_bytes
                if delta_bytes <= 0:
                    return
            case Finished():
                self._files += 1
                self._phase_done += 1
            case PhaseStarted(name):
                self._begin(name, now)
            case TotalsKnown(files, size_bytes):
                self._files_total, self._bytes_total = files, size_bytes
            case Skipped():
                self._skipped += 1
                self._phase_done += 1
            case Failed():
                self._failed += 1
                self._phase_done += 1
            case Retried():
                self._retries += 1
                return
            case _:
                assert_never(event)
        self._moved_at = now

    def tally(self, now: float) -> Tally:
        """Return the numbers as of `now`; call it regularly, speeds come from the difference."""
        latest = (now, self._phase_bytes, self._phase_done)
        self._samples.append(latest)
        while len(self._samples) > 2 and now - self._samples[1][0] >= _WINDOW_S:  # noqa: PLR2004 - the newest two stay
            self._samples.popleft()
        then, bytes_then, done_then = self._samples[0]
        seconds = now - then
        bytes_per_s = max(self._phase_bytes - bytes_then, 0) / seconds if seconds > 0 else 0.0
        items_per_s = (self._phase_done - done_then) / seconds if seconds > 0 else 0.0
        left_s: float | None = None
        if self._bytes_total:
            left_s = _remaining(self._bytes_total - self._phase_bytes, bytes_per_s)
        elif self._files_total:
            left_s = _remaining(self._files_total - self._phase_done, items_per_s)
        still = now - self._moved_at
        return Tally(
            phase=self._phase,
            files=self._files,
            size_bytes=self._bytes,
            skipped=self._skipped,
            retries=self._retries,
            failed=self._failed,
            elapsed_s=now - self._started,
            phase_files=self._phase_done,
            phase_files_total=self._files_total,
            phase_bytes=self._phase_bytes,
            phase_bytes_total=self._bytes_total,
            bytes_per_s=bytes_per_s,
            left_s=left_s,
            stalled_s=still if still >= STALLED_AFTER_S else 0.0,
        )


def _remaining(amount: float, per_s: float) -> float | None:
    return max(amount, 0) / per_s if per_s > 0 else None


def picture(tally: Tally, *, width: int, notice: str = "") -> RenderableType:
    """Draw the numbers as a bar with a line of figures below; `notice` says why the work is ending."""
    fraction = tally.fraction
    head = Table.grid(expand=True, padding=(0, 1))
    head.add_column(no_wrap=True)
    head.add_column(ratio=1)
    bar = ProgressBar(
        total=None if fraction is None else 1.0,
        completed=fraction or 0.0,
        pulse=fraction is None,
        complete_style="cyan",
        finished_style="green",
    )
    cells: list[RenderableType] = [Text(_title(tally), style="bold"), bar]
    if fraction is not None:
        head.add_column(no_wrap=True, justify="right")
        cells.append(Text(f"{int(fraction * _PERCENT):3d}%"))
    if width >= _NARROW:
        head.add_column(no_wrap=True, justify="right", min_width=len("59 min 59 s left"))
        cells.append(Text(_time_left(tally), style="dim"))
    head.add_row(*cells)
    parts: list[RenderableType] = [head]
    if figures := _figures(tally):
        joined = Text(" · ", style="dim").join(figures)
        joined.no_wrap, joined.overflow = True, "ellipsis"
        parts.append(joined)
    if notice:
        parts.append(Text(printable(notice), style="yellow"))
    return Group(*parts)


def _title(tally: Tally) -> str:
    return printable(tally.phase).capitalize() or "Working"


def _time_left(tally: Tally) -> str:
    return f"{duration(tally.left_s)} left" if tally.left_s is not None else duration(tally.elapsed_s)


def _figures(tally: Tally) -> list[Text]:
    """Return what there is to say, the most wanted first: a narrow screen shows less of it."""
    figures = []
    if tally.phase_files_total is not None:
        figures.append(Text(f"{tally.phase_files:,} of {count(tally.phase_files_total, 'file')}"))
    elif tally.phase_files:
        figures.append(Text(count(tally.phase_files, "file")))
    if tally.failed:
        figures.append(Text(f"{count(tally.failed)} failed", style="bold red"))
    if tally.phase_bytes_total:
        figures.append(Text(f"{size(tally.phase_bytes)} of {size(tally.phase_bytes_total)}"))
    if tally.stalled_s:
        figures.append(Text(f"stalled for {duration(tally.stalled_s)}", style="yellow"))
    elif tally.phase_bytes_total:
        figures.append(Text(speed(tally.bytes_per_s)))
    if tally.retries:
        figures.append(Text(count(tally.retries, "retry", "retries"), style="yellow"))
    return figures


def line(tally: Tally) -> str:
    """Return the numbers as one plain line, for a log."""
    figures = [figure.plain for figure in _figures(tally)]
    return f"{_title(tally)}: {', '.join([*figures, _time_left(tally)])}"


class Live:
    """Takes events from any thread and shows them; `live` makes one and ends it."""

    def __init__(self, output: Output, clock: Callable[[], float] = time.monotonic) -> None:
        self._output = output
        self._clock = clock
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._recorder = Recorder(clock())
        self._ended = threading.Event()
        self._redrawn: Redrawn | None = None
        self._next_line = clock() + LINE_EVERY_S
        self._trouble: Exception | None = None
        self.notice = ""
        self.tally = Tally()
        self._thread = threading.Thread(target=self._consume, name="progress", daemon=True)

    def emit(self, event: Event) -> None:
        """Take an event: any thread, at once, and it never raises."""
        self._events.put(event)

    def start(self) -> None:
        """Begin to draw."""
        if self._output.animated:
            self._redrawn = Redrawn(
                console=self._output.err,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,  # it is data's, and may be a pipe
                redirect_stderr=False,
            )
            self._redrawn.start()
        self._thread.start()

    def end(self) -> None:
        """Count what is left in the queue, and clear the screen; `tally` is final then."""
        self._ended.set()
        self._thread.join()
        if self._trouble is not None:
            _log.warning("the progress display stopped: %s: %s", type(self._trouble).__name__, self._trouble)
        if self._redrawn is not None:
            with suppress(OSError, ValueError):  # the screen is gone; the work is not to suffer for it
                self._redrawn.stop()
        elif self._output.for_people and (self.tally.phase_files or self.tally.failed):
            self._output.note(line(self.tally))

    def _consume(self) -> None:
        while True:
            ending = self._ended.wait(REDRAW_S)
            now = self._clock()
            with suppress(Empty):
                while True:
                    self._recorder.take(self._events.get_nowait(), now)
            self.tally = self._recorder.tally(now)
            if ending:
                return
            if self._trouble is None:
                try:
                    self._draw(now)
                except Exception as error:  # noqa: BLE001 - a broken picture must not lose the count; told in end()
                    self._trouble = error

    def _draw(self, now: float) -> None:
        if self._redrawn is not None:
            picture_now = picture(self.tally, width=self._output.err.width, notice=self.notice)
            self._redrawn.update(picture_now, refresh=True)
        elif self._output.for_people and now >= self._next_line:
            self._next_line = now + LINE_EVERY_S
            self._output.note(line(self.tally))


@contextmanager
def live(output: Output, clock: Callable[[], float] = time.monotonic) -> Iterator[Live]:
    """Show what happens inside the ``with``; give ``.emit`` to the core and read ``.tally`` afterwards."""
    shown = Live(output, clock)
    shown.start()
    try:
        if output.animated:

            def announce(text: str) -> None:
                shown.notice = text

            with stops.announced_by(announce):
                yield shown
        else:
            yield shown
    finally:
        shown.end()
