"""Where the process begins: a signal during the imports ends it quietly, with the right exit code.

Nothing is open yet then, so there is nothing to unwind. `stops` takes over before the first command runs.
A shell that asks for completion is answered from here, without loading any command.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # that of `typing` would take a hundredth of a second before a signal is quiet
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

_COLLECT_EVERY_OBJECTS = 400_000
"""Python looks for cycles after each 700 new objects otherwise: a tenth of the time that the imports take."""
_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
"""pydantic would look for plugins of its own in every package that is installed; settings need none."""
_EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


def _leave_on_signals() -> None:
    """End quietly on a signal from now on, unless the caller's shell ignores it."""
    # `signal` makes enums first, which takes long enough to be interrupted.
    import _signal as signals  # type: ignore[import-not-found]

    codes = {getattr(signals, name): code for name, code in _EXIT_CODES.items() if hasattr(signals, name)}

    def leave(number: int, _frame: FrameType | None) -> None:
        os._exit(codes[number])

    for number in codes:
        if signals.getsignal(number) != signals.SIG_IGN:
            signals.signal(number, leave)


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
    _leave_on_signals()
    _use_utf8()
    import atexit
    import gc

    gc.set_threshold(_COLLECT_EVERY_OBJECTS)
    atexit.register(gc.freeze)  # Python would look for cycles once more, although everything ends
    os.environ.setdefault(_PLUGINS, "__all__")
    from creative_s3.cli.completion import QUESTION

    if shell := os.environ.get(QUESTION):
        from creative_s3.cli.completion.shells import QUESTIONS, answer_shell

        if shell in QUESTIONS:
            sys.exit(answer_shell(shell, os.environ, sys.argv[1:]))
    from creative_s3.cli.app import main as run
    from creative_s3.core.concurrency.limits import spare_memory

    spare_memory()
    run()
