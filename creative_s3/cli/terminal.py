"""What the terminal can show: encoding, colours, width, and consoles that let no control character through.

Knows streams, not commands; `output` decides what is written.
"""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.segment import Segment

from creative_s3.cli.text import screen_safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rich.console import ConsoleOptions, RenderableType

PIPE_WIDTH = 200
"""Columns when nobody looks: a key in a file or a pipe must not be cut at 80."""

_MOST_DIGITS = 5
_PLAIN_LOCALES = frozenset({"C", "POSIX"})
# Each has the width of what it stands for, so that tables keep their shape.
_ASCII_MARKS: Mapping[str, str] = {
    "✓": "+",
    "✗": "x",
    "→": ">",
    "…": "~",
    "·": "-",
    "•": "*",
    "–": "-",  # noqa: RUF001 - the en dash is what is replaced
    "—": "-",
    "×": "x",  # noqa: RUF001 - the multiplication sign is what is replaced
    "≈": "~",
    "≤": "<",
    "≥": ">",
    "‘": "'",  # noqa: RUF001 - the quotation mark is what is replaced
    "’": "'",  # noqa: RUF001 - the quotation mark is what is replaced
    "“": '"',
    "”": '"',
    **dict.fromkeys("▁▂▃", "."),
    **dict.fromkeys("▄▅▆", ":"),
    **dict.fromkeys("▇█", "#"),
}
_ASCII_ERRORS = "creative-s3-ascii"


class ClosedPipeError(Exception):
    """The reader of standard output went away, as ``| head`` does: stop quietly."""


class SafeConsole(Console):
    """A rich console that writes control characters out and leaves a closed pipe to us."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does; whatever a view forgot to escape is escaped here."""
        for segment in super().render(renderable, options):
            safe = segment.text if segment.control else screen_safe(segment.text)
            yield segment if safe == segment.text else Segment(safe, segment.style)

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - rich's signature
        """Print as rich does; what cannot be said on standard error stops no work."""
        if self.stderr:
            with suppress(OSError, ValueError):
                super().print(*objects, **options)
        else:
            with writing_stdout():
                super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """Stop when standard output is gone; go on in silence when standard error is.

        Raises:
            ClosedPipeError: Standard output was closed by its reader.
        """
        if self.stderr:
            self.quiet = True
            return
        raise ClosedPipeError


@contextmanager
def writing_stdout() -> Iterator[None]:
    """Name standard output in whatever goes wrong while it is written.

    Raises:
        ClosedPipeError: Its reader went away.
        OSError: Anything else, such as a full disk.
    """
    try:
        yield
    except BrokenPipeError:
        raise ClosedPipeError from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from error


def console(*, stderr: bool, no_color: bool) -> SafeConsole:
    """Make a console on the current standard output or error."""
    plain = no_color or bool(os.environ.get("NO_COLOR"))
    made = SafeConsole(
        stderr=stderr,
        color_system=None if plain else "auto",
        highlight=False,
        emoji=False,
        markup=False,  # names and keys may have brackets; what has a style is a Text
        soft_wrap=False,
        legacy_windows=False,
        # Outside a terminal rich assumes 80 columns and would cut what a script reads.
        width=None if is_terminal(sys.stderr if stderr else sys.stdout) or _columns() else PIPE_WIDTH,
    )
    if made.is_dumb_terminal:
        made._color_system = None  # noqa: SLF001 - rich keeps bold and underline on a dumb terminal
    return made


def _columns() -> bool:
    return _is_size(os.environ.get("COLUMNS", ""))


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text[:_MOST_DIGITS]) > 0 and len(text) <= _MOST_DIGITS


def is_terminal(stream: IO[str] | None) -> bool:
    """Tell whether a person sits at `stream`; a closed stream is no terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def ascii_wanted(environ: Mapping[str, str]) -> bool:
    """Tell whether the locale is the plain C one.

    Python itself would write UTF-8 there (PEP 538 and 540), which such a terminal cannot show. It also sets
    LC_CTYPE to C.UTF-8 by itself, so that LC_CTYPE speaks only when it names something else.
    """
    if environ.get("PYTHONIOENCODING") or environ.get("PYTHONUTF8"):
        return False
    if environ.get("LC_ALL"):
        return environ["LC_ALL"] in _PLAIN_LOCALES
    ctype = environ.get("LC_CTYPE", "")
    if ctype and ctype not in {"C.UTF-8", "C.utf8", "UTF-8"}:
        return ctype in _PLAIN_LOCALES
    return environ.get("LANG") in _PLAIN_LOCALES


def prepare_streams() -> None:
    """Make both streams survive any text: what an encoding lacks is replaced, never an error."""
    _fill_closed_streams()
    for name in ("COLUMNS", "LINES"):  # what is no size is not set, as `shutil.get_terminal_size` has it
        if not _is_size(os.environ.get(name, "1")):
            del os.environ[name]
    codecs.register_error(_ASCII_ERRORS, _replace)
    plain = ascii_wanted(os.environ)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is None:
            continue
        if plain or not (stream.encoding or "").lower().startswith("utf"):
            reconfigure(encoding="ascii", errors=_ASCII_ERRORS)
        else:
            reconfigure(errors="backslashreplace")


def _fill_closed_streams() -> None:
    """Open what the caller closed (``>&-``): the next file opened would get its number, and our texts."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as we
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the same
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the same


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_ascii(character) for character in error.object[error.start : error.end]), error.end


def _ascii(character: str) -> str:
    return _ASCII_MARKS.get(character) or character.encode("ascii", "backslashreplace").decode("ascii")


def discard_stdout() -> None:
    """Point standard output nowhere, so that Python's last flush cannot fail on a closed pipe."""
    _discard(1)


def settle_stderr() -> None:
    """Write out standard error; where that is impossible, point it nowhere: it would change the exit code."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        _discard(2)


def _discard(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
