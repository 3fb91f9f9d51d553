"""JSON objects from outside: the pipeline's index and the published one, whatever is wrong with them. Pure.

What may be ignored is named in a warning; what makes the whole unreadable is named with its line and column.
What the entries mean is `core.index`.
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

_DEPTH_LIMIT = 100
"""Deeper nesting would exhaust the stack somewhere between reading and writing."""
_NUMBER_DIGITS = 4000
"""Python refuses to turn longer numbers into text and back."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_UTF16_MARKS = frozenset({b"\xff\xfe", b"\xfe\xff", b"{\x00", b"\x00{"})


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
    if raw[:2] in _UTF16_MARKS:
        raise DocumentError("is UTF-16 text, and the pipeline writes UTF-8: line 1, column 1")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise DocumentError(f"is not UTF-8 text: line {line}, column {column}") from None
    if not text.strip():
        raise DocumentError("is empty: line 1, column 1")
    reader = _Reader()
    try:
        content = json.loads(
            text,
            parse_constant=reader.constant,
            parse_int=reader.integer,
            parse_float=reader.fraction,
            object_pairs_hook=reader.pairs,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise DocumentError(f"is not valid JSON: {where}: {error.msg}") from None
    except RecursionError:
        raise DocumentError(f"is nested too deeply: {_where_too_deep(text)}") from None
    if not isinstance(content, dict):
        raise DocumentError("is not a JSON object: line 1, column 1")
    if _is_too_deep(content):
        raise DocumentError(f"is nested too deeply: {_where_too_deep(text)}")
    return Document(content, tuple(reader.warnings))


class _Reader:
    """The hooks of the JSON parser."""

    def __init__(self) -> None:
        self.warnings: list[tuple[str, str]] = []

    def constant(self, name: str) -> None:
        self.warnings.append((name, "is not JSON; it is read as null"))

    def integer(self, digits: str) -> int | None:
        if len(digits) <= _NUMBER_DIGITS:
            return int(digits)
        self.warnings.append((digits[:20], "begins a number that is too long; it is read as null"))
        return None

    def fraction(self, digits: str) -> float | None:
        value = float(digits)
        if math.isfinite(value):
            return value
        self.warnings.append((digits[:20], "is too large a number; it is read as null"))
        return None

    def pairs(self, items: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(items)
        if len(values) != len(items):
            counts = Counter(name for name, _ in items)
            self.warnings += [
                (name, "stands twice; the later one counts") for name, count in counts.items() if count > 1
            ]
        return values


def _is_too_deep(content: object) -> bool:
    level = [content]
    for _ in range(_DEPTH_LIMIT):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)  # type: ignore[attr-defined]
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _where_too_deep(text: str) -> str:
    """Return the line and column of the bracket that opens one level too many."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in {"[", "{"}:
            depth += 1
            if depth > _DEPTH_LIMIT:
                line = text.count("\n", 0, token.start()) + 1
                return f"line {line}, column {token.start() - text.rfind(chr(10), 0, token.start())}"
        elif token[0] in {"]", "}"}:
            depth -= 1
    return "line 1, column 1"
