"""The published index: index.json with the keys of the objects, merged with what other machines published.

Pure. Merging goes entry by entry, and within an entry field by field. For each field we know what it was, on
our side and in the merged result, when we last published: the side that changed it since then wins. When both
did, or nothing is known, the entry used or made later wins, and fields that only the other one has are kept.
An entry that only one side has stays, and so does the key of an object. What the team retired has a tombstone
(`core.migration.tombstones`): an older copy does not bring it back, one that was made or used later does.

Merging again with what came of it changes nothing, also when a machine died before it could remember what it
published. So a time never goes back and is never taken out, whoever changed it: the times settled who wins,
and a merged entry that had become older than ours would lose the next time.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO, TextIOWrapper
from shlex import quote
from typing import TYPE_CHECKING, Any, BinaryIO

from creative_s3.core.catalog.asset_table import is_storable
from creative_s3.core.catalog.catalog import PublishedDigests
from creative_s3.core.index.documents import DocumentError, parse_document
from creative_s3.core.index.entries import SECTIONS, TOP_LEVEL
from creative_s3.core.index.json_walk import StreamedEntry, stream_events
from creative_s3.core.migration.tombstones import (
    REMOVED_AT,
    TOMBSTONES,
    has_stones,
    later_stones,
    nested,
    stones_of,
)
from creative_s3.errors import IndexFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from creative_s3.core.index.index import Reference

KEY_FIELDS: Mapping[str, str] = {
    "file_path": "s3_key",
    "product_cache_filename": "product_s3_key",
    "cache_filename": "cache_s3_key",
}
"""The field that names the object of each field that names a file."""
MACHINE = "published-by"
"""The metadata of the published index that names the machine which wrote it."""
_TIMES = ("last_used", "updated_at", "accessed_at", "created_at")
_KEY_NAMES = frozenset(KEY_FIELDS.values())
_SETTLED_BY_TIME = _KEY_NAMES.union(_TIMES)
"""Fields in which taking the later entry's value loses nothing that a person wrote."""
_HASH_DIGITS = 12
_PUBLISHER = json.JSONEncoder(indent=2, ensure_ascii=True, allow_nan=False)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_ABSENT = object()
_NEVER = datetime.min.replace(tzinfo=UTC)

EntryName = tuple[str, str]
"""Section (empty for the top level) and entry."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged index.

    Attributes:
        document: The whole new index.
        digests: What to remember of each entry for the next merge.
        conflicts: Entries that both sides changed, as ``section.entry``.
    """

    document: Mapping[str, Any]
    digests: Mapping[EntryName, PublishedDigests]
    conflicts: tuple[str, ...]


def with_keys(document: Mapping[str, Any], placed: Iterable[tuple[Reference, str]]) -> dict[str, Any]:
    """Return a copy of the index in which each entry names the key of its object.

    Args:
        document: index.json as read.
        placed: The references whose objects are proved, with their keys.
    """
    result = {name: dict(value) if isinstance(value, dict) else value for name, value in document.items()}
    for reference, key in placed:
        section = result if reference.section == TOP_LEVEL else result[reference.section]
        section[reference.entry] = {**section[reference.entry], KEY_FIELDS[reference.field]: key}
    return result


def merge(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], known: Mapping[EntryName, PublishedDigests]
) -> Merged:
    """Merge our index into the published one.

    Args:
        ours: Our index, with keys.
        theirs: What is published now; empty when nothing is.
        known: What each entry was when we last published.
    """
    stones = later_stones(stones_of(ours), stones_of(theirs))
    our_entries, their_entries = dict(entries_of(ours)), dict(entries_of(theirs))
    # Their order first, so that publishing again what is published changes nothing.
    document: dict[str, Any] = {
        name: {} if _is_section(name, theirs) or _is_section(name, ours) else None
        for name in dict.fromkeys([*theirs, *ours])
        if not (has_stones(theirs) or has_stones(ours)) or name != TOMBSTONES
    }
    digests: dict[EntryName, PublishedDigests] = {}
    conflicts: list[str] = []
    for name in dict.fromkeys([*their_entries, *our_entries]):
        section, entry = name
        value, conflict = _merge_entry(
            our_entries.get(name, _ABSENT), their_entries.get(name, _ABSENT), known.get(name)
        )
        if section != TOP_LEVEL:
            document[section][entry] = value
        elif document[entry] is None:
            document[entry] = value
        else:
            # One side has something else where the other has a section: the entries stay.
            conflict = bool(value)
        if conflict:
            conflicts.append(".".join(part for part in name if part))
        if name in our_entries and _is_storable(name):
            digests[name] = PublishedDigests(ours=digest(our_entries[name]), merged=digest(value))
    _bury(document, stones)
    return Merged(document, digests, tuple(conflicts))


def _bury(document: dict[str, Any], stones: Mapping[EntryName, Mapping[str, Any]]) -> None:
    """Take out what was retired, and forget the tombstones of what came back later."""
    kept: dict[EntryName, Mapping[str, Any]] = {}
    for (section, entry), stone in stones.items():
        there = document if section == TOP_LEVEL else document.get(section)
        value = there.get(entry, _ABSENT) if isinstance(there, dict) else _ABSENT
        if isinstance(value, dict) and time_of(value) > _time(stone.get(REMOVED_AT)):
            continue
        kept[section, entry] = stone
        if isinstance(there, dict) and value is not _ABSENT:
            del there[entry]
    if kept:
        document[TOMBSTONES] = nested(kept)


def parse_published(content: bytes, key: str) -> dict[str, Any]:
    """Read a published index.

    Raises:
        IndexFileError: It is no JSON object; it is never replaced by force.
    """
    try:
        return dict(parse_document(content).content)
    except DocumentError as error:
        raise _damaged(error, key) from None


def _damaged(error: DocumentError, key: str) -> IndexFileError:
    return IndexFileError(
        f"the published index is damaged, so nothing was merged into it: it {error}",
        item=key,
        hint=f"look at it, then restore or delete it: creative-s3 assets download {quote(key)}",
    )


def format_published(document: Mapping[str, Any]) -> bytes:
    """Return the bytes to publish: ASCII JSON, indented as the pipeline does it."""
    file = BytesIO()
    write_published(file, document)
    return file.getvalue()


def write_published(file: BinaryIO, document: Mapping[str, Any]) -> None:
    """Write what `format_published` returns, with little memory besides the document's."""
    text = TextIOWrapper(file, encoding="ascii", newline="")
    text.writelines(_PUBLISHER.iterencode(document))
    text.detach()


def published_keys(file: BinaryIO, key: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield section, entry, field and key of each file whose object a published index names.

    Args:
        file: Its content.
        key: Its own key.

    Raises:
        IndexFileError: As `read_published`.
    """
    for entry in read_published(file, key):
        if isinstance(entry.value, dict) and is_storable(entry.name):
            for field, name in KEY_FIELDS.items():
                named = entry.value.get(name)
                if isinstance(named, str) and named and is_storable(named):
                    yield entry.section, entry.name, field, named


def read_published(file: BinaryIO, key: str) -> Iterator[StreamedEntry]:
    """Yield the entries of a published index, one by one.

    Raises:
        IndexFileError: It is no JSON object; it is never replaced by force.
    """
    file.seek(0)
    try:
        for event in stream_events(file.read, sections=SECTIONS):
            if type(event) is StreamedEntry:
                yield event
    except DocumentError as error:
        raise _damaged(error, key) from None


def digest(value: object) -> str:
    """Return what stands for a JSON value, whatever the order of its fields: 24 digits for each field."""
    if isinstance(value, dict):
        return " ".join(sorted(_hash(name) + _hash(content) for name, content in value.items()))
    return f"={_hash(value)}"


def entries_of(document: Mapping[str, Any]) -> Iterator[tuple[EntryName, Any]]:
    """Yield every entry of an index with its section and name."""
    for name, value in document.items():
        if name == TOMBSTONES and has_stones(document):
            continue
        if _is_section(name, document):
            for entry, content in value.items():
                yield (name, entry), content
        else:
            yield (TOP_LEVEL, name), value


def _is_section(name: str, document: Mapping[str, Any]) -> bool:
    return name in SECTIONS and isinstance(document.get(name), dict)


def _is_storable(name: EntryName) -> bool:
    """Tell whether the catalog can hold a name: half a surrogate pair is no text."""
    try:
        "".join(name).encode()
    except UnicodeEncodeError:
        return False
    return True


def _merge_entry(ours: object, theirs: object, known: PublishedDigests | None) -> tuple[object, bool]:
    """Return the merged value, and whether something that both sides changed had to give way."""
    if theirs is _ABSENT:
        return ours, False
    if ours is _ABSENT or ours == theirs:
        return theirs, False
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return _merge_fields(ours, theirs, known)
    we_changed = known is None or digest(ours) != known.ours
    they_changed = known is None or digest(theirs) != known.merged
    return (ours if we_changed else theirs), we_changed and they_changed


def _merge_fields(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], known: PublishedDigests | None
) -> tuple[dict[str, Any], bool]:
    our_base, their_base = (_fields(known.ours), _fields(known.merged)) if known else (None, None)
    ours_is_newer = time_of(ours) >= time_of(theirs)
    merged: dict[str, Any] = {}
    conflict = False
    for field in dict.fromkeys([*theirs, *ours]):
        our, their = ours.get(field, _ABSENT), theirs.get(field, _ABSENT)
        we_changed, they_changed = _has_changed(field, our, our_base), _has_changed(field, their, their_base)
        if field in _TIMES and (our_time := _time(our)) != (their_time := _time(their)):
            value = our if our_time > their_time else their
        elif we_changed and they_changed and _ABSENT not in (our, their):
            value = our if ours_is_newer else their
            conflict = conflict or (our != their and field not in _SETTLED_BY_TIME)
        elif (we_changed and they_changed) or (field in _KEY_NAMES and _ABSENT in (our, their)):
            # An edit counts more than a removal. And our file may be missing while its object is there.
            value = their if our is _ABSENT else our
        else:
            value = our if we_changed else their
        if value is not _ABSENT:
            merged[field] = value
    return merged, conflict


def _has_changed(field: str, value: object, base: Mapping[str, str] | None) -> bool:
    if base is None:
        return True
    return base.get(_hash(field)) != (None if value is _ABSENT else _hash(value))


def _fields(text: str) -> dict[str, str] | None:
    """Take a digest of an object apart; None when it is none."""
    chunks = text.split()
    if any(len(chunk) != 2 * _HASH_DIGITS for chunk in chunks):
        return None
    return {chunk[:_HASH_DIGITS]: chunk[_HASH_DIGITS:] for chunk in chunks}


def _hash(value: object) -> str:
    return hashlib.sha256(_ENCODER.encode(value).encode()).hexdigest()[:_HASH_DIGITS]


def time_of(entry: Mapping[str, Any]) -> datetime:
    """Return the latest time in an entry: when it was made or used last."""
    return max(_time(entry.get(field)) for field in _TIMES)


def _time(value: object) -> datetime:
    """Read a time; the pipeline writes them without a zone, read as UTC. What is none is older than all."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else _NEVER
    except ValueError:
        return _NEVER
    return max(time if time.tzinfo else time.replace(tzinfo=UTC), _NEVER)
