"""How values look as text: sizes, speeds, times, counts, and names that may hold anything.

Pure functions. What is written where, and in which colour, is `output`'s.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = "creative-s3"

_BYTE_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
_STEP = 1024
_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86400

# C0 and C1 controls, line and paragraph separators, marks that turn the direction of writing (a name might
# pose as another with them), and lone surrogates (bytes of a file name that are no UTF-8).
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# The same, without what a rendered screen needs: line ends and tabs.
_UNPRINTABLE_ON_SCREEN = re.compile(_UNPRINTABLE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_ONE_BYTE = 0xFF


def printable(text: object) -> str:
    r"""Return `text` on one line, with everything that could act on a terminal written out: ``\x1b``."""
    return _UNPRINTABLE.sub(_escape, str(text))


def screen_safe(text: str) -> str:
    """Return `text` with its line ends kept and every other control character written out."""
    return _UNPRINTABLE_ON_SCREEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    point = ord(character)
    return _SHORT.get(character) or (f"\\x{point:02x}" if point <= _ONE_BYTE else f"\\u{point:04x}")


def size(size_bytes: float) -> str:
    """Return a number of bytes as ``"512 B"``, ``"1.2 MiB"``, ``"3.0 GiB"``; a sign is kept."""
    amount = abs(size_bytes)
    sign = "-" if size_bytes < 0 else ""
    if round(amount) < _STEP:
        return f"{sign}{round(amount)} B"
    for unit in _BYTE_UNITS:
        amount /= _STEP
        # 1023.96 KiB would round to "1024.0 KiB".
        if round(amount, 1) < _STEP or unit == _BYTE_UNITS[-1]:
            break
    return f"{sign}{amount:.1f} {unit}"


def speed(bytes_per_s: float) -> str:
    """Return a speed as ``"84.3 MiB/s"``; always MiB, so that speeds can be compared at a glance."""
    return f"{bytes_per_s / _STEP**2:,.1f} MiB/s"


def duration(seconds: float) -> str:
    """Return a time as ``"0.4 s"``, ``"42 s"``, ``"3 min 05 s"``, ``"2 h 07 min"``, ``"3 d 04 h"``."""
    if round(seconds, 1) < 10:  # noqa: PLR2004 - below ten seconds tenths say something
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02d} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S:02d} min"
    return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S:02d} h"


def count(number: int, noun: str = "", plural: str = "") -> str:
    """Return ``"1,234"``; with a noun ``"1 file"``, ``"1,234 files"``, or the `plural` given."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def home_short(path: Path) -> str:
    """Return a path to paste into a shell: ``~/…`` below the home directory, quoted where needed."""
    text = str(path)
    home = os.path.expanduser("~")  # noqa: PTH111 - pathlib's raises where there is none
    if home != "/" and text.startswith(f"{home}/") and shlex.quote(text) == text:
        return f"~{text[len(home) :]}"
    return shlex.quote(text)


def broken_command(line: str, width: int) -> Iterator[str]:
    r"""Break a shell command between words, each line but the last ending in a backslash."""
    current = ""
    for word in re.findall(r"(?:'[^']*'|\"[^\"]*\"|\S)+", line):
        if current and len(current) + len(word) + 3 > width:
            yield f"{current} \\"
            current = word
        else:
            current = f"{current} {word}" if current else word
    yield current
