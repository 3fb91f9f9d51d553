"""Two indexes merged as the program does it, and by a model that has both in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from creative_s3.core.catalog.published import PublishedDigests
from creative_s3.core.index.entries import SECTIONS, TOP_LEVEL
from creative_s3.core.index.json_walk import StreamedEntry, stream_events
from creative_s3.core.published.merge import IndexMerge
from creative_s3.core.published.publish import digest, entries_of, merge_entry, outlives
from creative_s3.core.published.retire import find_entries, stones_for
from creative_s3.core.published.tombstones import TOMBSTONES, has_stones, later_stones, nested, stones_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from creative_s3.core.index.json_walk import Event
    from creative_s3.core.published.publish import EntryName

Known = dict[tuple[str, str], PublishedDigests]


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge: the document, what to remember, the conflicts, and whether theirs says it all."""

    document: dict[str, Any]
    digests: Known
    conflicts: tuple[str, ...]
    is_different: bool
    text: str = ""


def read(merge: IndexMerge, document: Mapping[str, Any]) -> Iterator[Event]:
    file = BytesIO(json.dumps(document, indent=2).encode())
    return stream_events(file.read, sections=SECTIONS, decoder=merge.decoder)


def merge(ours: Mapping[str, Any], theirs: Mapping[str, Any], known: Known) -> Merged:
    with IndexMerge(lambda section, name: known.get((section, name))) as merging:
        merging.take_ours(read(merging, ours), lambda _: {})
        merging.take_theirs(read(merging, theirs))
        return written(merging)


def written(merging: IndexMerge) -> Merged:
    file = BytesIO()
    merged = merging.write(file)
    text = file.getvalue().decode("ascii")
    return Merged(json.loads(text), dict(merging.digests()), merged.conflicts, merged.is_different, text)


def bury(document: Mapping[str, Any], *names: str, at: datetime) -> dict[str, Any]:
    """Retire entries from a published index."""
    with IndexMerge(lambda *_: None) as merging:
        entries = [event for event in read(merging, document) if isinstance(event, StreamedEntry)]
        chosen = [one for found in find_entries(entries, names).values() for one in found]
        merging.retire(stones_for(chosen, at=at, machine="m"))
        merging.take_theirs(read(merging, document))
        return written(merging).document


def model(ours: Mapping[str, Any], theirs: Mapping[str, Any], known: Known) -> Merged:
    """Merge two indexes that are in memory."""
    has_any = has_stones(ours) or has_stones(theirs)
    our_entries, their_entries = dict(entries_of(ours)), dict(entries_of(theirs))
    document: dict[str, Any] = {
        name: {} if is_section(name, theirs) or is_section(name, ours) else None
        for name in dict.fromkeys([*theirs, *ours])
        if not has_any or name != TOMBSTONES
    }
    digests: Known = {}
    conflicts: list[str] = []
    for name in dict.fromkeys([*their_entries, *our_entries]):
        section, entry = name
        is_conflict = False
        if name not in their_entries:
            value = our_entries[name]
        elif name not in our_entries:
            value = their_entries[name]
        else:
            value, is_conflict = merge_entry(our_entries[name], their_entries[name], known.get(name))
        if section != TOP_LEVEL:
            document[section][entry] = value
        elif entry not in document or document[entry] is not None:
            is_conflict = bool(value)
        else:
            document[entry] = value
        if is_conflict:
            conflicts.append(".".join(part for part in name if part))
        if name in our_entries and "\ud800" not in "".join(name):
            digests[name] = PublishedDigests(digest(our_entries[name]), digest(value))
    bury_in(document, later_stones(stones_of(ours), stones_of(theirs)))
    return Merged(document, digests, tuple(conflicts), document != theirs)


def is_section(name: str, document: Mapping[str, Any]) -> bool:
    return name in SECTIONS and isinstance(document.get(name), dict)


def bury_in(document: dict[str, Any], stones: Mapping[EntryName, Mapping[str, Any]]) -> None:
    kept = {}
    for (section, entry), stone in stones.items():
        there = document if section == TOP_LEVEL else document.get(section)
        if isinstance(there, dict) and entry in there:
            if outlives(there[entry], stone):
                continue
            del there[entry]
        kept[section, entry] = stone
    if kept:
        document[TOMBSTONES] = nested(kept)
