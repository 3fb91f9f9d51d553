"""Where the process begins: a signal during the imports ends it quietly, with the right exit code.

Nothing is open yet then, so there is nothing to unwind. `stops` takes over before the first command runs.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

_EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(_EXIT_CODES[signal.Signals(number).name])


def main() -> NoReturn:
    """Run the program and end the process."""
    for name in _EXIT_CODES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    from creative_s3.cli.app import main as run

    run()
