"""Changes to index.json, as the places of its text that become another text. Pure.

Everything else stays as it is, byte for byte: what we do not know, the order, the formatting. New text has
the pipeline's style: two spaces, ASCII only. What stands twice is changed in both places.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, assert_never

from creative_s3.core.index.documents import DocumentError
from creative_s3.core.index.entries import TOP_LEVEL
from creative_s3.core.index.fields import brief
from creative_s3.core.index.json_walk import ObjectEnd, ObjectStart, StreamedEntry, stream_events

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from creative_s3.core.index.json_walk import Event

    Entries = Mapping[str, Mapping[str, Any] | None]
    """By the entry's name: the fields to set in it, or None to remove it."""

EMPTY_INDEX = b"""{
  "products": {},
  "cache_entries": {},
  "semantic_assets": {},
  "asset_versions": {},
  "reuse_patterns": {},
  "background_library": {}
}"""
"""What the pipeline begins with."""
_NO_ENTRIES: Entries = {}
_HOLD_NOTHING = frozenset({"null", "[]", '""', "false", "0"})
"""What may stand in place of a section without anything being lost with it."""


@dataclass(frozen=True, slots=True)
class Splice:
    """From byte `start` to byte `end` the text is replaced by `text`."""

    start: int
    end: int
    text: bytes


class IndexEdits:
    """Turns changes into splices while an index is walked.

    Args:
        changes: By section (the top level is one, too), then by the entry's name. They are looked up, and
            gone through once for every section in the file.

    Attributes:
        entries: How many entries the edited index has, as far as it was walked.
    """

    def __init__(self, changes: Mapping[str, Entries]) -> None:
        self.entries = 0
        self._sections = {section: entries for section, entries in changes.items() if section != TOP_LEVEL}
        top_level = changes.get(TOP_LEVEL, _NO_ENTRIES)
        self._root = _Edited(level=1, entries=top_level, named=_Either(top_level, self._sections))
        self._here = self._root

    def splices(self, events: Iterable[Event]) -> Iterator[Splice]:
        """Yield what changes, in the order of the text.

        Raises:
            DocumentError: Entries belong where the index has something that is no object.
        """
        for event in events:
            here = self._here
            if type(event) is StreamedEntry and event.name not in here.named:
                if here.hole:
                    yield here.closed_hole(event.name_start)
                here.kept_until = event.end
                self.entries += 1
            else:
                yield from self._splices_of(event)

    def _splices_of(self, event: Event) -> Iterator[Splice]:
        match event:
            case StreamedEntry():
                yield from self._entry(event)
            case ObjectStart(section=""):
                self._root.begin = event.start + 1
            case ObjectStart():
                if self._root.hole:
                    yield self._root.closed_hole(event.name_start)
                self._root.found.add(event.section)
                entries = self._sections.get(event.section, _NO_ENTRIES)
                self._here = _Edited(level=2, entries=entries, named=entries, begin=event.start + 1)
            case ObjectEnd(section=""):
                yield from self._root.end(event.end - 1, self._new_members())
            case ObjectEnd():
                yield from self._here.end(event.end - 1, self._new_entries(self._here))
                self._here = self._root
                self._root.kept_until = event.end
            case _:
                assert_never(event)

    def _entry(self, event: StreamedEntry) -> Iterator[Splice]:
        here = self._here
        here.found.add(event.name)
        is_section = here is self._root and event.name in self._sections
        fields = None if is_section else here.entries[event.name]
        if fields is None and not is_section:
            here.remove(event.name_start, event.end)
            return
        if here.hole:
            yield here.closed_hole(event.name_start)
        if fields is None:
            yield from self._filled_section(event)
        elif text := merged(event.raw, fields, level=here.level):
            yield Splice(event.start, event.end, text)
        here.kept_until = event.end
        self.entries += 1

    def _filled_section(self, event: StreamedEntry) -> Iterator[Splice]:
        """Make an object of what stands where a section belongs, if nothing is lost by that."""
        if not _is_any_set(self._sections[event.name]):
            return
        if event.raw not in _HOLD_NOTHING:
            raise DocumentError(f"cannot be added to: its {event.name} is no object but {brief(event.value)}")
        for text in self._new_section(event.name):
            yield Splice(event.start, event.start, text)
        yield Splice(event.start, event.end, b"")
        self.entries -= 1  # it was counted as an entry, and is a section now

    def _new_members(self) -> Iterator[Iterable[bytes]]:
        yield from self._new_entries(self._root)
        for section, entries in self._sections.items():
            if section not in self._root.found and _is_any_set(entries):
                yield _chain(json.dumps(section).encode() + b": ", self._new_section(section))

    def _new_section(self, section: str) -> Iterator[bytes]:
        made = _Edited(level=2, entries=self._sections[section], named=())
        yield b"{"
        yield from (splice.text for splice in made.end(0, self._new_entries(made)))
        yield b"}"

    def _new_entries(self, here: _Edited) -> Iterator[Iterable[bytes]]:
        for name, fields in here.entries.items():
            if fields is not None and name not in here.found:
                self.entries += 1
                yield (_rendered_member(name, dict(fields), level=here.level),)


@dataclass(slots=True, eq=False)
class _Edited:
    """The object that is walked at present.

    Attributes:
        level: How many levels its members stand in: their indentation.
        entries: The changes in it.
        named: The names of members that need a closer look.
        begin: Where its first member could stand.
        found: The names among `entries` that it has.
        kept_until: Where its last member that stays ends.
        hole: Where members that do not stay begin and end.
    """

    level: int
    entries: Entries
    named: Container[str]
    begin: int = 0
    found: set[str] = field(default_factory=set)
    kept_until: int | None = None
    hole: tuple[int, int] | None = None

    def remove(self, name_start: int, end: int) -> None:
        """Take a member out, with the comma before it."""
        if self.hole:
            self.hole = self.hole[0], end
        else:
            self.hole = (name_start if self.kept_until is None else self.kept_until), end

    def closed_hole(self, name_start: int) -> Splice:
        """Close the hole before a member that stays."""
        start, end = self.hole or (name_start, name_start)
        self.hole = None
        return Splice(start, name_start if self.kept_until is None else end, b"")

    def end(self, brace: int, added: Iterable[Iterable[bytes]]) -> Iterator[Splice]:
        """Close the object, whose last brace is at `brace`, behind new members."""
        if self.kept_until is None:
            start, end, comma = self.begin, brace, b""
        else:
            start, end, comma = self.kept_until, self.hole[1] if self.hole else self.kept_until, b","
        is_any_added = False
        for member in added:
            yield Splice(start, end, comma + _new_line(self.level))
            yield from (Splice(end, end, text) for text in member)
            start, comma, is_any_added = end, b",", True
        if not is_any_added:
            if self.hole:
                yield Splice(start, end, b"")
        elif self.kept_until is None:
            yield Splice(end, end, _new_line(self.level - 1))


@dataclass(frozen=True, slots=True)
class _Either:
    """The names in either of two containers."""

    one: Container[str]
    other: Container[str]

    def __contains__(self, name: object) -> bool:
        return name in self.one or name in self.other


def merged(raw: str, fields: Mapping[str, Any], *, level: int) -> bytes | None:
    """Set fields in the text of an entry; all others stay as they are.

    Args:
        raw: The entry's JSON.
        fields: What to set.
        level: How many levels the entry stands in.

    Returns:
        The new text; None when that is the old one.
    """
    if not raw.startswith("{"):
        return _rendered(dict(fields), level=level)
    source = raw.encode()
    parts: list[bytes] = []
    done = 0
    for splice in _fields_set(source, fields, level=level + 1):
        parts += source[done : splice.start], splice.text
        done = splice.end
    return b"".join((*parts, source[done:])) if parts else None


def _fields_set(source: bytes, fields: Mapping[str, Any], *, level: int) -> Iterator[Splice]:
    here = _Edited(level=level, entries={}, named=())
    for event in stream_events(io.BytesIO(source).read):
        match event:
            case StreamedEntry():
                here.kept_until = event.end
                if event.name in fields:
                    here.found.add(event.name)
                    value = fields[event.name]
                    if json.dumps(event.value) != json.dumps(value):
                        yield Splice(event.start, event.end, _rendered(value, level=level))
            case ObjectStart():
                here.begin = event.start + 1
            case ObjectEnd():
                new = [name for name in fields if name not in here.found]
                members = ((_rendered_member(name, fields[name], level=level),) for name in new)
                yield from here.end(event.end - 1, members)
            case _:
                assert_never(event)


def _rendered_member(name: str, value: Any, *, level: int) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps(name).encode() + b": " + _rendered(value, level=level)


def _rendered(value: Any, *, level: int) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps(value, indent=2, allow_nan=False).encode().replace(b"\n", _new_line(level))


def _new_line(level: int) -> bytes:
    return b"\n" + b"  " * level


def _is_any_set(entries: Entries) -> bool:
    return any(fields is not None for fields in entries.values())


def _chain(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
