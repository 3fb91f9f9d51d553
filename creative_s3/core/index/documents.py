"""JSON objects from outside: the pipeline's index and the published one, whatever is wrong with them. Pure.

What may be ignored is named in a warning; what makes the whole unreadable is named with its line and column.
What the entries mean is `core.index.index`.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DEPTH_LIMIT = 100
"""Deeper nesting would exhaust the stack somewhere between reading and writing."""
LONGEST_PIECE = 16 * 2**20
"""The most characters of one entry, or of one name: the pipeline's have a few thousand."""
_NUMBER_DIGITS = 4000
"""Python refuses to turn longer numbers into text and back."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_UTF16_MARKS = frozenset({b"\xff\xfe", b"\xfe\xff", b"{\x00", b"\x00{"})
_START = "line 1, column 1"


class DocumentError(Exception):
    """The bytes are no JSON object; the text says where and why. Never leaves the reading of a file."""


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON object and what was noticed while reading it.

    Attributes:
        content: The object.
        warnings: A name, and what was done about it.
    """

    content: Mapping[str, Any]
    warnings: tuple[tuple[str, str], ...]


def parse_document(raw: bytes) -> Document:
    """Read a JSON object in UTF-8, with or without a byte order mark.

    Raises:
        DocumentError: It is none; names line and column.
    """
    refuse_utf16(raw)
    _refuse_long(raw)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise DocumentError(f"is not UTF-8 text: line {line}, column {column}") from None
    if not text.strip():
        raise empty()
    tolerance = Tolerance()
    if text.lstrip().startswith("[") and bracket_too_deep(text):
        raise _too_deep(text)  # as `json_walk` has it, however deep this Python's parser goes
    try:
        content = json.loads(text, **tolerance.hooks())
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise DocumentError(f"is not valid JSON: {where}: {error.msg}") from None
    except RecursionError:
        raise _too_deep(text) from None
    if not isinstance(content, dict):
        raise no_object()
    if is_too_deep(content):
        raise _too_deep(text)
    return Document(content, tuple(tolerance.warnings))


def refuse_utf16(beginning: bytes) -> None:
    """Look at the first two bytes of a file.

    Raises:
        DocumentError: They are those of UTF-16 text.
    """
    if beginning[:2] in _UTF16_MARKS:
        raise DocumentError(f"is UTF-16 text, and the pipeline writes UTF-8: {_START}")


def trailing_comma() -> tuple[str, int]:
    """Return what this Python's parser says of a comma before a closing brace, and how far behind it.

    From 3.13 on it has words of its own for that.
    """
    text = '{"a":0,}'
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.msg, error.pos - text.index(",")
    raise AssertionError(text)


def empty() -> DocumentError:
    """Return the error for a file with nothing in it."""
    return DocumentError(f"is empty: {_START}")


def no_object() -> DocumentError:
    """Return the error for JSON that is something else than an object."""
    return DocumentError(f"is not a JSON object: {_START}")


def too_long(where: str) -> DocumentError:
    """Return the error for an entry or a name that would need much memory; `where` is line and column."""
    return DocumentError(f"has an entry of more than {LONGEST_PIECE // 2**20} MiB: {where}")


def _refuse_long(raw: bytes) -> None:
    """Look for a text that is much too long: a long way without a quotation mark."""
    for start in range(0, len(raw) - LONGEST_PIECE, LONGEST_PIECE):
        if raw.find(b'"', start, start + LONGEST_PIECE) < 0:
            line, newline = raw.count(b"\n", 0, start) + 1, raw.rfind(b"\n", 0, start)
            raise too_long(f"line {line}, column {start - newline}")


class Tolerance:
    """What the JSON parser forgives: it goes on, and a warning says what was done.

    Attributes:
        warnings: A name, and what was done about it, in the order of the text.
    """

    def __init__(self) -> None:
        self.warnings: list[tuple[str, str]] = []

    def hooks(self) -> dict[str, Any]:
        """Return the arguments for `json.loads` or `json.JSONDecoder`."""
        return self.number_hooks() | {"object_pairs_hook": self._pairs}

    def number_hooks(self) -> dict[str, Any]:
        """Return those arguments without the one that notices names that stand twice, which is faster."""
        return {
            "parse_constant": self._constant,
            "parse_int": self._integer,
            "parse_float": self._fraction,
        }

    def _constant(self, name: str) -> None:
        self.warnings.append((name, "is not JSON; it is read as null"))

    def _integer(self, digits: str) -> int | None:
        if len(digits) <= _NUMBER_DIGITS:
            return int(digits)
        self.warnings.append((digits[:20], "begins a number that is too long; it is read as null"))
        return None

    def _fraction(self, digits: str) -> float | None:
        value = float(digits)
        if math.isfinite(value):
            return value
        self.warnings.append((digits[:20], "is too large a number; it is read as null"))
        return None

    def _pairs(self, items: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(items)
        if len(values) != len(items):
            counts = Counter(name for name, _ in items)
            self.warnings += [
                (name, "stands twice; the later one counts") for name, count in counts.items() if count > 1
            ]
        return values


def is_too_deep(content: object, *, inside: int = 0) -> bool:
    """Tell whether a parsed value is nested too deeply; `inside` is how many levels it stands in."""
    level = [content] if isinstance(content, dict | list) else []
    for _ in range(DEPTH_LIMIT - inside):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return bool(level)


def bracket_too_deep(text: str, start: int = 0, *, inside: int = 0) -> int:
    """Return where the bracket is that opens one level too many, in a value that begins at `start`."""
    depth = inside
    for token in _TOKEN.finditer(text, start):
        if token[0] in {"[", "{"}:
            depth += 1
            if depth > DEPTH_LIMIT:
                return token.start()
        elif token[0] in {"]", "}"}:
            depth -= 1
    return 0


def _too_deep(text: str) -> DocumentError:
    at = bracket_too_deep(text)
    line = text.count("\n", 0, at) + 1
    return DocumentError(f"is nested too deeply: line {line}, column {at - text.rfind(chr(10), 0, at)}")
