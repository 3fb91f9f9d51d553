"""What callers of the library pass in, looked at where annotations alone do not hold: from untyped code."""

from __future__ import annotations

import os
from pathlib import Path

from creative_s3.errors import UsageError

PathText = str | os.PathLike[str]
_SHOWN_CHARACTERS = 80


def is_whole_number(value: object, *, least: int, most: int | None = None) -> bool:
    """Tell whether `value` is a whole number in a range; True and False are none."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return least <= value and (most is None or value <= most)


def is_filled_text(value: object) -> bool:
    """Tell whether `value` is text, and not empty."""
    return isinstance(value, str) and bool(value)


def local_file(path: object) -> Path:
    """Return the caller's path as a path.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(path, str | os.PathLike) or not (text := os.fspath(path)) or isinstance(text, bytes):
        raise UsageError(
            "this is no path", item=repr(path)[:_SHOWN_CHARACTERS], hint="give a Path, or text that is one"
        )
    return Path(path)
