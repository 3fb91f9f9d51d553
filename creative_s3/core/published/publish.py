"""The published index: index.json with the keys of the objects, merged with what other machines published.

Pure. Merging goes entry by entry (`core.published.merge` goes through them), and within an entry field by
field. For each field we know what it was, on our side and in the merged result, when we last published: the
side that changed it since then wins. When both did, or nothing is known, the entry used or made later wins,
and fields that only the other one has are kept. An entry that only one side has stays, and so does the key of
an object. What the team retired has a tombstone (`core.published.tombstones`): an older copy does not bring
it back, one that was made or used later does.

Merging again with what came of it changes nothing, also when a machine died before it could remember what it
published. So a time never goes back and is never taken out, whoever changed it: the times settled who wins,
and a merged entry that had become older than ours would lose the next time.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256 as _sha256
from json.encoder import encode_basestring_ascii as _quoted
from shlex import quote
from typing import TYPE_CHECKING, Any, BinaryIO

from creative_s3.core.catalog.asset_table import is_storable
from creative_s3.core.index.documents import DocumentError, parse_document
from creative_s3.core.index.entries import SECTIONS, TOP_LEVEL
from creative_s3.core.index.json_walk import StreamedEntry, stream_events
from creative_s3.core.published.tombstones import REMOVED_AT, TOMBSTONES, has_stones
from creative_s3.errors import IndexFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from json import JSONDecoder

    from creative_s3.core.catalog.published import PublishedDigests
    from creative_s3.core.index.json_walk import Event

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
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_ABSENT = object()
_NEVER = datetime.min.replace(tzinfo=UTC)

EntryName = tuple[str, str]
"""Section (empty for the top level) and entry."""


def merge_entry(ours: object, theirs: object, known: PublishedDigests | None) -> tuple[object, bool]:
    """Merge one entry that both sides have.

    Args:
        ours: Our value, with keys.
        theirs: What is published now.
        known: What it was when we last published; None when that is not known.

    Returns:
        The merged value, and whether something that both sides changed had to give way.
    """
    if ours == theirs:
        return theirs, False
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return _merge_fields(ours, theirs, known)
    we_changed = known is None or digest(ours) != known.ours
    they_changed = known is None or digest(theirs) != known.merged
    return (ours if we_changed else theirs), we_changed and they_changed


def outlives(value: object, stone: Mapping[str, Any]) -> bool:
    """Tell whether an entry was made or used after it was retired."""
    return isinstance(value, dict) and time_of(value) > _time(stone.get(REMOVED_AT))


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
        IndexFileError: As `published_events`.
    """
    for event in published_events(file, key):
        if type(event) is StreamedEntry:
            yield event


def published_events(file: BinaryIO, key: str, *, decoder: JSONDecoder | None = None) -> Iterator[Event]:
    """Yield the entries of a published index, and where its sections begin and end.

    Args:
        file: Its content.
        key: Its own key.
        decoder: As for `stream_events`.

    Raises:
        IndexFileError: It is no JSON object; it is never replaced by force.
    """
    file.seek(0)
    try:
        yield from stream_events(file.read, sections=SECTIONS, decoder=decoder)
    except DocumentError as error:
        raise _damaged(error, key) from None


def digest(value: object) -> str:
    """Return what stands for a JSON value, whatever the order of its fields: 24 digits for each field."""
    if isinstance(value, dict):
        return " ".join(sorted([_hash_name(name) + _hash(content) for name, content in value.items()]))
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
    return base.get(_hash_name(field)) != (None if value is _ABSENT else _hash(value))


def _fields(text: str) -> dict[str, str] | None:
    """Take a digest of an object apart; None when it is none."""
    chunks = text.split()
    if any(len(chunk) != 2 * _HASH_DIGITS for chunk in chunks):
        return None
    return {chunk[:_HASH_DIGITS]: chunk[_HASH_DIGITS:] for chunk in chunks}


def _hash(value: object) -> str:
    # Most values are text, for which the encoder does no more than this.
    text = _quoted(value) if type(value) is str else _ENCODER.encode(value)
    return _sha256(text.encode()).hexdigest()[:_HASH_DIGITS]


@lru_cache(maxsize=256)
def _hash_name(name: str) -> str:
    """Return the hash of a field's name: every entry has the same few."""
    return _hash(name)


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
