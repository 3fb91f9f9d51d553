"""Words of a command line that a user may paste: one line each, whatever a name has in it."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPED = re.compile(rf"['\\]|{_CONTROL.pattern}")


def quoted(text: str) -> str:
    r"""Return a text as one word of a shell; with line breaks or other control characters as ``$'a\rb'``.

    bash, zsh and ksh read that form, and POSIX has it since 2024.
    """
    if not _CONTROL.search(text):
        return shlex.quote(text)
    return f"$'{_ESCAPED.sub(_escape, text)}'"


def joined(words: Iterable[str]) -> str:
    """Return words as a command line."""
    return " ".join(map(quoted, words))


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in {"'", "\\"}:
        return f"\\{character}"
    named = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(character)
    return named or "".join(f"\\{byte:03o}" for byte in character.encode())
