"""The published index: index.json with the keys of the objects, merged with what other machines published. Pure.

Merging goes entry by entry. For each entry we know what it was, on our side and in the merged result, when we last
published: the side that changed since then wins; when both did, the one used or made later, and the other's unknown
fields are kept. An entry that only one side has stays.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.core.catalog import PublishedDigests
from creative_s3.core.index import SECTIONS, TOP_LEVEL, Reference
from creative_s3.errors import IndexFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

KEY_FIELDS: Mapping[str, str] = {
    "file_path": "s3_key",
    "product_cache_filename": "product_s3_key",
    "cache_filename": "cache_s3_key",
}
"""The field that names the object of each field that names a file."""
_TIMES = ("last_used", "updated_at", "accessed_at", "created_at")

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
    our_entries, their_entries = dict(_entries(ours)), dict(_entries(theirs))
    document: dict[str, Any] = {}
    digests: dict[EntryName, PublishedDigests] = {}
    conflicts: list[str] = []
    # Their order first, so that publishing again what is published changes nothing.
    for name in dict.fromkeys([*their_entries, *our_entries]):
        if name not in our_entries:
            value = their_entries[name]
        elif name not in their_entries:
            value = our_entries[name]
        else:
            value, conflict = _merge_entry(our_entries[name], their_entries[name], known.get(name))
            if conflict:
                conflicts.append(".".join(part for part in name if part))
        _put(document, name, value)
        if name in our_entries:
            digests[name] = PublishedDigests(ours=digest(our_entries[name]), merged=digest(value))
    return Merged(document, digests, tuple(conflicts))


def parse_published(content: bytes, key: str) -> dict[str, Any]:
    """Read a published index.

    Raises:
        IndexFileError: It is no JSON object; it is never replaced by force.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise IndexFileError(
            "the published index is damaged, so nothing was merged into it",
            item=key,
            hint="look at it (creative-s3 assets download), restore an older version or delete it, then upload again",
        )
    return document


def format_published(document: Mapping[str, Any]) -> bytes:
    """Return the bytes to publish: ASCII JSON, indented as the pipeline does it."""
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False).encode("ascii")


def keys_in(document: Mapping[str, Any], placed: Iterable[Reference]) -> dict[str, str]:
    """Return the keys that a published index gives our assets: cache key -> key."""
    entries = dict(_entries(document))
    keys: dict[str, str] = {}
    for reference in placed:
        entry = entries.get((reference.section, reference.entry))
        key = entry.get(KEY_FIELDS[reference.field]) if isinstance(entry, dict) else None
        if isinstance(key, str) and key:
            keys.setdefault(reference.asset.cache_key, key)
    return keys


def digest(value: object) -> str:
    """Return 16 hex digits that stand for a JSON value, whatever the order of its fields."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[EntryName, Any]]:
    for name, value in document.items():
        if name in SECTIONS and isinstance(value, dict):
            if not value:
                yield (name, ""), None  # keeps an empty section
            for entry, content in value.items():
                yield (name, entry), content
        else:
            yield (TOP_LEVEL, name), value


def _put(document: dict[str, Any], name: EntryName, value: object) -> None:
    section, entry = name
    if section == TOP_LEVEL:
        document[entry] = value
        return
    target = document.setdefault(section, {})
    if isinstance(target, dict) and not (entry == "" and value is None):
        target[entry] = value


def _merge_entry(ours: object, theirs: object, known: PublishedDigests | None) -> tuple[object, bool]:
    if ours == theirs:
        return theirs, False
    if not (isinstance(ours, dict) and isinstance(theirs, dict)):
        return ours, False
    ours_changed = known is None or digest(ours) != known.ours
    theirs_changed = known is None or digest(theirs) != known.merged
    if ours_changed and not theirs_changed:
        return _keep_keys(ours, theirs), False
    if theirs_changed and not ours_changed:
        return theirs, False
    if not ours_changed:
        return theirs, False
    newer, older = (theirs, ours) if _time_of(theirs) > _time_of(ours) else (ours, theirs)
    merged = {**older, **newer}
    return (theirs if merged == theirs else merged), _without_keys(ours) != _without_keys(theirs)


def _keep_keys(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the keys they know, where ours has none: our file may be missing while its object is there."""
    return {**{field: theirs[field] for field in KEY_FIELDS.values() if field in theirs}, **ours}


def _without_keys(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in entry.items() if field not in KEY_FIELDS.values()}


def _time_of(entry: Mapping[str, Any]) -> str:
    return max((str(entry[field]) for field in _TIMES if isinstance(entry.get(field), str)), default="")
