"""A JSON object read member by member, and the objects in some of its members, too: its size costs no memory.

Works on any source of bytes. Which file, and what its members mean, is `core.index.stream`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from creative_s3.core.index.documents import (
    DEPTH_LIMIT,
    DocumentError,
    Tolerance,
    bracket_too_deep,
    empty,
    is_too_deep,
    no_object,
    trailing_comma,
)
from creative_s3.core.index.text_window import TextWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

BLOCK_BYTES = 256 * 1024
"""How much to read at once."""
_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN_NAME = re.compile(r'([ \t\n\r]*,[ \t\n\r]*)"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*')
"""What stands before nearly every value: a comma and a name without escapes."""
_CUT_TOKEN = 16
"""An error so many characters before the end of the window may be half a literal, number or escape."""
_CUT_NUMBER = 4
"""A number so near to the end of the window may go on: ``1.5e+`` is ``1.5`` so far."""
_TRAILING_COMMA, _TRAILING_COMMA_AT = trailing_comma()
_ENOUGH_TO_TELL = 4096
"""So many characters show whether a file that is no object is JSON at all."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StreamedEntry:
    """One entry as it stands in the file.

    Attributes:
        section: The section, empty for the top level.
        name: The entry's name.
        value: Its JSON, read with `core.index.documents`'s tolerance.
        raw: The exact text of the value.
        name_start: How many bytes of the file stand before its name.
        start: How many bytes stand before its value.
        end: How many bytes of the file end with its value.
    """

    section: str
    name: str
    value: Any
    raw: str
    name_start: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ObjectStart:
    """A section opens, or with an empty name the whole document; `start` is where its brace stands."""

    section: str
    name_start: int
    start: int


@dataclass(frozen=True, slots=True)
class ObjectEnd:
    """What opened last and is still open closes; `end` is just behind its brace."""

    section: str
    end: int


Event = StreamedEntry | ObjectStart | ObjectEnd


def stream_events(
    read: Callable[[int], bytes],
    *,
    sections: Container[str] = (),
    warn: Callable[[str, str], object] | None = None,
    block_bytes: int = BLOCK_BYTES,
    decoder: JSONDecoder | None = None,
) -> Iterator[Event]:
    """Yield the members of a JSON object, and where sections and the object itself begin and end.

    Args:
        read: Returns up to so many more bytes of the text; none at its end.
        sections: The names whose objects are walked, too.
        warn: As for `stream_entries`.
        block_bytes: As for `stream_entries`.
        decoder: Reads the values and names, instead of the tolerant one.

    Raises:
        DocumentError: It is no object in JSON; names line and column.
        OSError: It cannot be read.
    """
    walk = _Walk(TextWindow(read, block_bytes=block_bytes), sections, warn or _ignore, decoder)
    yield from walk.events()


def _ignore(_name: str, _reason: str) -> None:
    """Nobody wants to know."""


class _Walk:
    """Walks the document; what cannot be decided because the window cuts it is tried again with more text."""

    def __init__(
        self,
        window: TextWindow,
        sections: Container[str],
        warn: Callable[[str, str], object],
        decoder: JSONDecoder | None,
    ) -> None:
        self._window = window
        self._sections = sections
        self._warn = warn
        self._tolerance = Tolerance()
        self._decoder = decoder or JSONDecoder(**self._tolerance.hooks())
        self._at = 0
        self._seen: set[str] = set()

    def events(self) -> Iterator[Event]:
        self._enough(self._beginning)
        yield from self._members("", self._window.offset(self._at))
        self._enough(self._rest)

    def _members(self, section: str, name_start: int) -> Iterator[Event]:
        """Yield the members of the object whose brace is the next character."""
        window = self._window
        inside = 2 if section else 1
        yield ObjectStart(section, name_start, window.offset(self._at))
        self._at += 1
        member = self._enough(self._first_member)
        while member is not None:
            name, name_at = member
            name_start = window.offset(name_at)
            if not section and name in self._sections and window.text.startswith("{", self._at):
                if name in self._seen:
                    self._warn(name, "stands twice; both are read")
                self._seen.add(name)
                yield from self._members(name, name_start)
            else:
                yield self._entry(section, name, name_start, inside)
            plain = _PLAIN_NAME.match(window.text, self._at)
            if plain and plain.end() < len(window.text):
                member = plain[2], plain.end(1)
                self._at = plain.end()
            else:
                member = self._enough(self._next_member)
        yield ObjectEnd(section, window.offset(self._at))

    def _entry(self, section: str, name: str, name_start: int, inside: int) -> StreamedEntry:
        value, end = self._enough(self._value, inside=inside)
        window = self._window
        raw = window.text[self._at : end]
        if raw.count("{") + raw.count("[") > DEPTH_LIMIT - inside and is_too_deep(value, inside=inside):
            raise self._too_deep(inside)
        if self._tolerance.warnings:
            for warning in self._tolerance.warnings:
                self._warn(*warning)
            self._tolerance.warnings.clear()
        entry = StreamedEntry(
            section, name, value, raw, name_start, window.offset(self._at), window.offset(end)
        )
        self._at = end
        return entry

    def _beginning(self) -> None:
        """Go to the brace that opens the document."""
        self._skip()
        text, ended = self._window.text, self._window.ended
        if self._at == len(text) or (ended and not text.strip()):
            raise empty() if ended else _CutError
        if text[self._at] != "{":
            self._refuse_other_json()

    def _refuse_other_json(self) -> NoReturn:
        """Tell JSON that is no object from what is no JSON, as far as the window shows it."""
        text, ended = self._window.text, self._window.ended
        if not ended and len(text) - self._at < _ENOUGH_TO_TELL:
            raise _CutError
        if bracket_too_deep(text, self._at):
            raise self._too_deep(0)  # how deep the parser goes depends on the Python
        try:
            _, end = self._decoder.raw_decode(text, self._at)
        except JSONDecodeError as error:
            if not ended and _may_be_cut(error):
                raise no_object() from None
            raise
        end = _after_space(text, end)
        if end < len(text):
            raise JSONDecodeError("Extra data", text, end)
        raise no_object()

    def _rest(self) -> None:
        """Nothing but space may follow the document."""
        self._skip()
        if self._at < len(self._window.text):
            raise JSONDecodeError("Extra data", self._window.text, self._at)
        if not self._window.ended:
            raise _CutError

    def _first_member(self) -> tuple[str, int] | None:
        at = _after_space(self._window.text, self._at)
        if self._window.text.startswith("}", at):
            self._at = at + 1
            return None
        return self._name(at)

    def _next_member(self) -> tuple[str, int] | None:
        text = self._window.text
        at = _after_space(text, self._at)
        if text.startswith("}", at):
            self._at = at + 1
            return None
        if not text.startswith(",", at):
            raise JSONDecodeError("Expecting ',' delimiter", text, at)
        name_at = _after_space(text, at + 1)
        if text.startswith("}", name_at):
            raise JSONDecodeError(_TRAILING_COMMA, text, at if _TRAILING_COMMA_AT == 0 else name_at)
        return self._name(name_at)

    def _name(self, at: int) -> tuple[str, int]:
        """Read a member's name and go to its value; return the name and where it stands."""
        text = self._window.text
        if not text.startswith('"', at):
            raise JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        name, end = self._decoder.raw_decode(text, at)
        end = _after_space(text, end)
        if not text.startswith(":", end):
            raise JSONDecodeError("Expecting ':' delimiter", text, end)
        end = _after_space(text, end + 1)
        if end == len(text):
            raise JSONDecodeError("Expecting value", text, end)
        self._at = end
        return name, at

    def _value(self) -> tuple[Any, int]:
        value, end = self._decoder.raw_decode(self._window.text, self._at)
        if end > len(self._window.text) - _CUT_NUMBER and not self._window.ended:
            raise _CutError
        return value, end

    def _skip(self) -> None:
        self._at = _after_space(self._window.text, self._at)

    def _enough(self, attempt: Callable[[], _T], *, inside: int = 0) -> _T:
        """Return what `attempt` finds at the present place, giving it more text until that is enough."""
        while True:
            try:
                return attempt()
            except JSONDecodeError as error:
                if self._window.ended or not _may_be_cut(error):
                    where = self._window.where(error.pos)
                    raise DocumentError(f"is not valid JSON: {where}: {error.msg}") from None
            except RecursionError:
                raise self._too_deep(inside) from None
            except _CutError:
                pass  # the same as an error near the end of the window
            self._tolerance.warnings.clear()
            if self._window.slide(self._at):
                self._at = 0

    def _too_deep(self, inside: int) -> DocumentError:
        at = bracket_too_deep(self._window.text, self._at, inside=inside)
        return DocumentError(f"is nested too deeply: {self._window.where(at)}")


class _CutError(Exception):
    """The window ends before the answer. Never leaves the walk."""


def _may_be_cut(error: JSONDecodeError) -> bool:
    """Tell whether more text could make an error go away."""
    return error.msg.startswith("Unterminated string") or error.pos > len(error.doc) - _CUT_TOKEN


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
