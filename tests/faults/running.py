"""The real program at work, to be stopped by a signal; shared by the tests of stops."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal

    from tests.cli.program import Program

DRAIN_S = 5
STARTUP_S = 10
"""What leaving may take on top, on a busy machine."""


class Running:
    """The program in the background, with what it says."""

    def __init__(self, program: Program, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "creative_s3", *arguments],
            env=dict(program.env),
            cwd=program.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.said = ""

    def stop(self, number: signal.Signals) -> None:
        """Send a signal and wait until the program has answered it."""
        assert self.process.stderr is not None
        self.process.send_signal(number)
        for said in self.process.stderr:
            self.said += said
            if "finishing what is in flight" in said:
                return
        raise AssertionError("it did not say that it stops")

    def end(self) -> tuple[int, float]:
        """Return its exit code, and how long it took from now, in seconds."""
        began = time.monotonic()
        _, rest = self.process.communicate(timeout=30)
        self.said += rest
        assert "Traceback" not in self.said
        return self.process.returncode, time.monotonic() - began
