"""Where the process begins: a signal during the imports ends it quietly, with the right exit code.

Nothing is open yet then, so there is nothing to unwind. `stops` takes over before the first command runs.
A shell that asks for completion is answered from here, without loading any command.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

_COLLECT_EVERY_OBJECTS = 400_000
"""Python looks for cycles after each 700 new objects otherwise: a tenth of the time that the imports take."""
_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
"""pydantic would look for plugins of its own in every package that is installed; settings need none."""
_EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(_EXIT_CODES[signal.Signals(number).name])


def _use_utf8() -> None:
    """Start anew where names of files are not UTF-8 to Python, as in a Latin-1 locale.

    The index and S3 are UTF-8 whatever the terminal is. What is written to the terminal keeps its encoding.
    """
    if sys.getfilesystemencoding().lower().replace("_", "-") == "utf-8" or not sys.executable:
        return
    encoding = getattr(sys.stdout, "encoding", None)
    if encoding:
        os.environ.setdefault("PYTHONIOENCODING", encoding)
    # As the bytes that they would be in UTF-8: the new process reads them so.
    words = [word.encode("utf-8", "surrogateescape") for word in sys.orig_argv[1:]]
    os.execv(sys.executable, [sys.executable.encode(), b"-X", b"utf8", *words])  # noqa: S606 - this program


def main() -> NoReturn:
    """Run the program and end the process."""
    _use_utf8()
    gc.set_threshold(_COLLECT_EVERY_OBJECTS)
    atexit.register(gc.freeze)  # Python would look for cycles once more, although everything ends
    os.environ.setdefault(_PLUGINS, "__all__")
    for name in _EXIT_CODES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    from creative_s3.cli.completion import QUESTION

    if shell := os.environ.get(QUESTION):
        from creative_s3.cli.completion.shells import QUESTIONS, answer_shell

        if shell in QUESTIONS:
            sys.exit(answer_shell(shell, os.environ, sys.argv[1:]))
    from creative_s3.cli.app import main as run
    from creative_s3.core.limits import spare_memory

    spare_memory()
    run()
