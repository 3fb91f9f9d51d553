"""Our index merged with the published one, entry by entry, in tables on disk: their size costs no memory.

What becomes of an entry that both have is `core.published.publish`'s. The merged index has their order,
then what only we have, so that publishing again what is published changes nothing. Each entry is a line.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from creative_s3.core.catalog.database import private_tables
from creative_s3.core.catalog.published import PublishedDigests
from creative_s3.core.index.documents import Tolerance
from creative_s3.core.index.entries import SECTIONS, TOP_LEVEL
from creative_s3.core.index.json_walk import ObjectStart, StreamedEntry
from creative_s3.core.index.members import Members
from creative_s3.core.published.publish import digest, merge_entry, outlives
from creative_s3.core.published.tombstones import TOMBSTONES, is_stones, later_stones, nested, stones_of
from creative_s3.errors import TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from creative_s3.core.index.json_walk import Event
    from creative_s3.core.published.publish import EntryName

    KeysOf = Callable[[Sequence[StreamedEntry]], Mapping[EntryName, Mapping[str, str]]]
    _Member = StreamedEntry | ObjectStart
    _StoredName = str | bytes
    _NewRow = tuple[int, _StoredName, str | None, str | None]
    """Number of the section, name, text, digest."""

_PLACES = (TOP_LEVEL, *sorted(SECTIONS))
_NUMBERS = {section: number for number, section in enumerate(_PLACES)}
_SPAN = 1 << 40
"""Row numbers of a section begin at a multiple of this, and go on in the order of the entries."""
_CACHE_KIB = 4 * 1024
_GROUP = 400
# A row without text is a section, at the place where it stands among the entries of the top level.
_SIDE = """
    CREATE TABLE {} (
        id INTEGER PRIMARY KEY,
        section INTEGER NOT NULL,
        name NOT NULL,
        text TEXT,
        digest TEXT,
        UNIQUE (section, name)
    );
"""
_BECAME = "CREATE TABLE became (id INTEGER PRIMARY KEY, digest TEXT NOT NULL);"
_TABLES = _SIDE.format("theirs") + _SIDE.format("ours") + _BECAME
_PUT = (
    "INSERT INTO {} VALUES (?, ?, ?, ?, ?) ON CONFLICT (section, name)"
    " DO UPDATE SET text=excluded.text, digest=excluded.digest WHERE text IS NOT NULL"
)
_THEIRS = """
    SELECT theirs.name, TRUE, theirs.text, ours.id, ours.text, ours.digest FROM theirs
    LEFT JOIN ours ON ours.section = theirs.section AND ours.name = theirs.name
    WHERE theirs.id >= ? AND theirs.id < ? ORDER BY theirs.id
"""
_OURS_ALONE = """
    SELECT name, FALSE, NULL, id, text, digest FROM ours
    WHERE id >= ? AND id < ? AND NOT EXISTS (
        SELECT 1 FROM theirs WHERE theirs.section = ours.section AND theirs.name = ours.name
    ) ORDER BY id
"""
_DIGESTS = """
    SELECT section, name, ours.digest, ifnull(became.digest, ours.digest) FROM ours
    LEFT JOIN became ON became.id = ours.id
    WHERE text IS NOT NULL AND typeof(name) = 'text' ORDER BY section, name
"""
_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge.

    Attributes:
        is_different: Whether the merged index says something else than the published one.
        conflicts: Entries that both sides changed, as ``section.entry``.
    """

    is_different: bool
    conflicts: tuple[str, ...]


@dataclass(slots=True)
class _Row:
    """A member of the merged index as both sides have it; a text of None is a section's."""

    name: _StoredName
    is_theirs: bool
    theirs: str | None
    number: int | None
    ours: str | None
    digest: str | None


class IndexMerge:
    """Merges our index into what is published; a context manager. One thread at a time.

    Args:
        known: Says what an entry (section and name) was when we last published.

    Attributes:
        decoder: Reads what is to be taken in, and takes note of what is no strict JSON.

    Raises:
        TemporaryError: There is no room for the tables; also from every method.
    """

    def __init__(self, known: Callable[[str, str], PublishedDigests | None]) -> None:
        self._known = known
        self._tolerance = Tolerance()
        self.decoder = json.JSONDecoder(**self._tolerance.number_hooks())
        self._stones: dict[str, Mapping[str, Any] | None] = {"ours": None, "theirs": None}
        with self._room():
            self._database = private_tables(_TABLES, cache_kib=_CACHE_KIB)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._database.close()

    def take_ours(self, events: Iterable[Event], keys_of: KeysOf) -> bool:
        """Take in our index; return whether there is anything in it.

        Args:
            events: From reading it with our decoder.
            keys_of: Returns the fields with keys that some of its entries get.
        """

        def rows() -> Iterator[_NewRow]:
            members = self._members(events, "ours")
            while group := list(itertools.islice(members, _GROUP)):
                keys = keys_of([event for event, _ in group if type(event) is StreamedEntry])
                for event, is_odd in group:
                    yield _our_row(event, keys, is_odd=is_odd)

        return self._fill("ours", rows()) > 0 or self._stones["ours"] is not None

    def retire(self, stones: Mapping[EntryName, Mapping[str, Any]]) -> None:
        """Bring tombstones instead of an index."""
        self._stones["ours"] = nested(stones)

    def take_theirs(self, events: Iterable[Event]) -> None:
        """Take in what is published, in place of what was taken in before.

        Args:
            events: From reading it with our decoder; none when nothing is published.
        """
        self._stones["theirs"] = None
        with self._room():
            for table in ("theirs", "became"):
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
        members = self._members(events, "theirs")
        self._fill("theirs", (_row(event, is_odd=is_odd) for event, is_odd in members))

    def write(self, file: BinaryIO) -> Merged:
        """Write the merged index: ASCII JSON, with a line for each entry."""
        with self._room():
            self._database.execute("BEGIN")
            writing = _Writing(self._database, self._known, self._stones["ours"], self._stones["theirs"])
            writing.write(file)
            self._database.execute("COMMIT")
        return Merged(writing.is_different, tuple(writing.conflicts))

    def digests(self) -> Iterator[tuple[EntryName, PublishedDigests]]:
        """Yield what to remember of each of our entries for the next merge, in the order of the names."""
        with self._room():
            for number, name, ours, merged in self._database.execute(_DIGESTS):
                yield (_PLACES[number], name), PublishedDigests(ours, merged)

    def _members(self, events: Iterable[Event], side: str) -> Iterator[tuple[_Member, bool]]:
        """Yield what makes a row, each with whether it is no strict JSON; tombstones make none."""
        for event in events:
            if type(event) is StreamedEntry:
                is_odd = bool(self._tolerance.warnings)
                self._tolerance.warnings.clear()
                if is_stones(event.section, event.name, event.value):
                    self._stones[side] = event.value
                else:
                    yield event, is_odd
            elif type(event) is ObjectStart and event.section:
                yield event, False

    def _fill(self, table: str, rows: Iterable[_NewRow]) -> int:
        """Fill a table; return how many rows it got."""
        numbers = [0] * len(_PLACES)

        def numbered() -> Iterator[tuple[object, ...]]:
            for section, *rest in rows:
                numbers[section] += 1
                yield section * _SPAN + numbers[section], section, *rest

        with self._room():
            self._database.execute("BEGIN")
            self._database.executemany(_PUT.format(table), numbered())
            self._database.execute("COMMIT")
        return sum(numbers)

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Tell of a lack of room in our own words."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _NO_ROOM:
                raise
            directory = tempfile.gettempdir()
            hint = f"free some space for {directory}, then run the same command again"
            raise TemporaryError(
                "there is no room for merging the index", item=directory, hint=hint
            ) from error


class _Writing:
    """One merged index on its way into a file.

    Attributes:
        conflicts: Entries that both sides changed.
        is_different: Whether it says something else than theirs.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        known: Callable[[str, str], PublishedDigests | None],
        ours: Mapping[str, Any] | None,
        theirs: Mapping[str, Any] | None,
    ) -> None:
        self.conflicts: list[str] = []
        self.is_different = False
        self._database = database
        self._known = known
        self._their_stones = theirs
        self._has_stones = ours is not None or theirs is not None
        self._stones = later_stones(stones_of({TOMBSTONES: ours}), stones_of({TOMBSTONES: theirs}))

    def write(self, file: BinaryIO) -> None:
        members = Members(file, encoder=_ENCODER)
        for row in self._rows(TOP_LEVEL):
            name = _name_of(row.name)
            if _is_section(row):
                self._give_way(row, name)
                if not row.is_theirs:
                    self.is_different = True
                section = members.open(name)
                for entry in self._rows(name):
                    self._put(section, name, entry)
                section.close()
            elif self._has_stones and name == TOMBSTONES:
                self._give_way(row, name)
            else:
                self._put(members, TOP_LEVEL, row)
        if stones := nested(self._stones):
            members.put(TOMBSTONES, _ENCODER.encode(stones))
        if (stones or None) != self._their_stones:
            self.is_different = True
        members.close()

    def _rows(self, section: str) -> Iterator[_Row]:
        """Yield the members of a section, or of the top level."""
        start = _NUMBERS[section] * _SPAN
        for query in (_THEIRS, _OURS_ALONE):
            for row in self._database.execute(query, (start, start + _SPAN)):
                yield _Row(*row)

    def _put(self, members: Members, section: str, row: _Row) -> None:
        """Write what becomes of an entry, unless it is retired."""
        name = _name_of(row.name)
        text = self._merged(section, name, row)
        is_kept = not (self._stones and self._is_buried(section, name, text))
        if is_kept:
            members.put(name, text)
        if is_kept != bool(row.is_theirs):
            self.is_different = True

    def _merged(self, section: str, name: str, row: _Row) -> str:
        ours, theirs = row.ours, row.theirs
        if theirs is None or ours is None or ours == theirs:
            return theirs or ours or ""
        our_value, their_value = json.loads(ours), json.loads(theirs)
        known = self._known(section, name) if isinstance(row.name, str) else None
        value, is_conflict = merge_entry(our_value, their_value, known)
        if is_conflict:
            self.conflicts.append(_shown(section, name))
        if (merged := digest(value)) != row.digest:
            self._database.execute("INSERT INTO became VALUES (?, ?)", (row.number, merged))
        if value is their_value:
            return theirs
        if value != their_value:
            self.is_different = True
        return ours if value is our_value else _ENCODER.encode(value)

    def _is_buried(self, section: str, name: str, text: str) -> bool:
        """Tell whether an entry is retired; the tombstone of what came back later is forgotten."""
        stone = self._stones.get((section, name))
        if stone is None:
            return False
        if outlives(json.loads(text), stone):
            del self._stones[section, name]
            return False
        return True

    def _give_way(self, row: _Row, name: str) -> None:
        """Leave out what stands where the other side has entries, or tombstones."""
        there = row.ours if row.theirs is None else row.theirs
        if there is not None and json.loads(there):
            self.conflicts.append(name)
        if row.theirs is not None:
            self.is_different = True


def _our_row(event: _Member, keys: Mapping[EntryName, Mapping[str, str]], *, is_odd: bool) -> _NewRow:
    if type(event) is not StreamedEntry:
        return _row(event, is_odd=is_odd)
    value = event.value
    if given := keys.get((event.section, event.name)):
        value = {**value, **given}
        text = _ENCODER.encode(value)
    else:
        text = _text(event, is_odd=is_odd)
    return _NUMBERS[event.section], _stored(event.name), text, digest(value)


def _row(event: _Member, *, is_odd: bool) -> _NewRow:
    if type(event) is not StreamedEntry:
        return 0, event.section, None, None
    return _NUMBERS[event.section], _stored(event.name), _text(event, is_odd=is_odd), None


def _text(entry: StreamedEntry, *, is_odd: bool) -> str:
    """Return an entry as it is published: as it stands there, if it is one line of strict JSON."""
    if is_odd or "\n" in entry.raw or not entry.raw.isascii():
        return _ENCODER.encode(entry.value)
    return entry.raw


def _is_section(row: _Row) -> bool:
    return (row.is_theirs and row.theirs is None) or (row.number is not None and row.ours is None)


def _stored(name: str) -> _StoredName:
    """Return a name as SQLite can hold it: half a surrogate pair is no text."""
    if name.isascii():
        return name
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")
    return name


def _name_of(stored: _StoredName) -> str:
    return stored if isinstance(stored, str) else stored.decode("utf-8", "surrogatepass")


def _shown(section: str, name: str) -> str:
    return ".".join(part for part in (section, name) if part)
