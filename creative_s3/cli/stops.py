"""Signals: Ctrl-C, SIGTERM and SIGHUP become one exception that unwinds the work; a second one ends it now.

A signal is announced at once. The work then has a few seconds to finish what is in flight; after that the
process leaves by itself, whatever still runs. That is safe at any moment: every write of ours is atomic.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from creative_s3.cli.terminal import is_terminal
from creative_s3.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

DRAIN_S = 5.0
"""Seconds after which the process leaves at the latest."""
_AGAIN_S = 0.01
_SHOW_CURSOR = "\x1b[?25h"

_EXIT_CODES = {"SIGINT": ExitCode.INTERRUPTED, "SIGTERM": ExitCode.TERMINATED, "SIGHUP": ExitCode.HANGUP}
_NAMES = {"SIGINT": "interrupted", "SIGTERM": "asked to end", "SIGHUP": "the terminal went away"}


class Stopped(KeyboardInterrupt):
    """A signal asks the process to end; a KeyboardInterrupt, so that no ``except Exception`` holds it up."""

    def __init__(self, exit_code: ExitCode, what: str) -> None:
        super().__init__(what)
        self.exit_code = exit_code
        self.what = what


def _write_now(text: str) -> None:
    # os.write: the signal may have come in the middle of a write through sys.stderr.
    with suppress(OSError):
        os.write(2, f"{text}\n".encode(sys.stderr.encoding or "ascii", "replace"))


class _Watch:
    """The handlers' state: whether a signal came, and who tells the user."""

    def __init__(self) -> None:
        self.stopping = False
        self.swallowed = False
        self.stop: Stopped | None = None
        self.tell: Callable[[str], None] = _write_now

    def handle(self, number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        code = _EXIT_CODES[name]
        if self.swallowed and self.stop:
            self.swallowed = False
            raise self.stop
        if self.stopping:
            self.leave(code, "Leaving now.")
        self.stopping = True
        self.tell(
            f"{_NAMES[name].capitalize()}: finishing what is in flight, at most {DRAIN_S:.0f} s."
            " Press Ctrl-C again to leave now."
        )
        guard = threading.Timer(DRAIN_S, self.leave, [code, "Still busy after that time: leaving now."])
        guard.daemon = True
        guard.start()
        self.stop = Stopped(code, _NAMES[name])
        raise self.stop

    def unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Raise a stop once more that came in a finalizer or a callback, where Python lets nothing out."""
        if not isinstance(unraisable.exc_value, Stopped):
            sys.__unraisablehook__(unraisable)
            return
        self.swallowed = True
        # To the main thread itself, which may be waiting.
        again = [threading.main_thread().ident, signal.SIGINT]
        threading.Timer(_AGAIN_S, signal.pthread_kill, again).start()

    @staticmethod
    def leave(code: ExitCode, text: str) -> None:
        restore = _SHOW_CURSOR if is_terminal(sys.stderr) else ""
        _write_now(f"{restore}{text} Nothing is lost: run the same command again to go on.")
        os._exit(code)


_watch = _Watch()


def pending() -> Stopped | None:
    """Return the stop that was asked for, if any: other code may have wrapped its exception."""
    return _watch.stop


def install() -> None:
    """Handle the signals from now on; called once, by the process's main thread.

    A signal that the caller's shell ignores stays ignored: that is what ``nohup`` and ``&`` ask for.
    """
    for name in _EXIT_CODES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _watch.handle)
    sys.unraisablehook = _watch.unraisable


def end_with(code: int) -> None:
    """Have a signal end the process at once from now on, with the code with which it ends anyhow."""
    for name in _EXIT_CODES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == _watch.handle:
            signal.signal(number, lambda *_: os._exit(code))


@contextmanager
def announced_by(tell: Callable[[str], None]) -> Iterator[None]:
    """Let `tell` say that a signal came, while a live display owns the screen; it must not block."""
    before = _watch.tell
    _watch.tell = tell
    try:
        yield
    finally:
        _watch.tell = before
