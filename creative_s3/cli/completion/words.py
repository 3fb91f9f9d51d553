"""Reading a half-typed command line as its shell does, and writing values so that the shell reads them back.

Only the quoting that people type: backslashes, single and double quotes. Nothing is expanded or run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLANK = " \t\n"
_REDIRECTIONS = "<>"
_PLAIN_IN_BASH = re.compile(r"[^\w@%+,./:=-]", re.ASCII)
_SPECIAL_IN_DOUBLE_QUOTES = '"$`\\'


class Typed(NamedTuple):
    """A command line up to the cursor.

    Attributes:
        words: The words before the one at the cursor, without their quoting; the program's name is the first.
        current: The word at the cursor so far, without its quoting.
        quote: The quote that is open at the cursor; empty for none.
        kept: How many characters of `current` readline leaves alone: what it replaces begins after them.
        is_redirected: Whether the word at the cursor is a file that input or output goes to.
    """

    words: list[str]
    current: str
    quote: str = ""
    kept: int = 0
    is_redirected: bool = False


def read(line: str, *, breaks: str = "", escapes_in_single_quotes: bool = False) -> Typed:
    """Split a command line that ends at the cursor.

    Args:
        line: The command line.
        breaks: The characters at which readline begins a new piece (``COMP_WORDBREAKS``).
        escapes_in_single_quotes: Whether a backslash means something there, as in fish.
    """
    reader = _Reader(breaks, r"\'" if escapes_in_single_quotes else "")
    characters = iter(line)
    for character in characters:
        reader.take(character, characters)
    return reader.typed()


class _Reader:
    """A line while it is read."""

    def __init__(self, breaks: str, special_in_single_quotes: str) -> None:
        self._breaks = breaks
        self._special = {"'": special_in_single_quotes, '"': _SPECIAL_IN_DOUBLE_QUOTES}
        self._words: list[str] = []
        self._quote = ""
        self._begin(is_redirected=False)

    def typed(self) -> Typed:
        """Return what was read so far."""
        return Typed(self._words, "".join(self._text), self._quote, self._kept, self._is_redirected)

    def take(self, character: str, following: Iterator[str]) -> None:
        """Take the next character, after a backslash also the one that follows."""
        if self._quote:
            self._take_quoted(character, following)
        elif character in self._special:
            self._quote = character
            self._is_open = True
            self._kept = len(self._text)
        elif character == "\\":
            self._is_open = True
            self._text += next(following, "")
        elif character in _BLANK or character in _REDIRECTIONS:
            self._end(is_redirection=character in _REDIRECTIONS)
        else:
            self._is_open = True
            self._text.append(character)
            self._mark_break(character)

    def _take_quoted(self, character: str, following: Iterator[str]) -> None:
        if character == self._quote:
            self._quote = ""
            self._mark_break(character)
        elif character == "\\" and self._special[self._quote]:
            escaped = next(following, "")
            # Before any other character a backslash stands for itself.
            self._text += escaped if escaped in self._special[self._quote] else f"\\{escaped}"
        else:
            self._text.append(character)

    def _mark_break(self, character: str) -> None:
        if character in self._breaks:
            self._kept = len(self._text)

    def _end(self, *, is_redirection: bool) -> None:
        if self._is_open and not self._is_redirected:
            self._words.append("".join(self._text))
        if self._is_open or is_redirection:
            self._begin(is_redirected=is_redirection)

    def _begin(self, *, is_redirected: bool) -> None:
        self._text: list[str] = []
        self._is_open = False
        self._kept = 0
        self._is_redirected = is_redirected


def quoted_for_bash(value: str, quote: str) -> str:
    """Return a value as it can stand in a line of bash, inside the quote that is open or outside of any."""
    if quote == "'":
        return value.replace("'", r"'\''")
    if quote == '"':
        # Nothing in double quotes keeps bash from taking an exclamation mark for a call of its history.
        return re.sub(r'(["$`\\])', r"\\\1", value).replace("!", '"\\!"')
    text = "".join(
        f"\\{character}" if character.isascii() and _PLAIN_IN_BASH.match(character) else character
        for character in value
    )
    return f"\\{text}" if text.startswith("~") else text
