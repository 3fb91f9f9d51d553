"""Tombstones: what the team retired from the published index, so that no machine's older copy brings it back.

They lie in the published index itself, by section and entry: when it was retired, by which machine, and the
keys of its objects. Pure; the objects stay where they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    EntryName = tuple[str, str]

TOMBSTONES = "tombstones"
"""The part of the published index that has them."""
REMOVED_AT, REMOVED_BY, KEYS = "removed_at", "removed_by", "keys"


def has_stones(document: Mapping[str, Any]) -> bool:
    """Tell whether an index has tombstones: an object of objects of objects, and nothing else."""
    sections = document.get(TOMBSTONES)
    return isinstance(sections, dict) and all(
        isinstance(stones, dict) and all(isinstance(stone, dict) for stone in stones.values())
        for stones in sections.values()
    )


def is_stones(section: str, name: str, value: object) -> bool:
    """Tell whether a member of an index is its tombstones, and no entry."""
    return name == TOMBSTONES and not section and has_stones({TOMBSTONES: value})


def stones_of(document: Mapping[str, Any]) -> dict[EntryName, Mapping[str, Any]]:
    """Return the tombstones of an index by section and entry."""
    if not has_stones(document):
        return {}
    return {
        (section, entry): stone
        for section, stones in document[TOMBSTONES].items()
        for entry, stone in stones.items()
    }


def later_stones(
    ours: Mapping[EntryName, Mapping[str, Any]], theirs: Mapping[EntryName, Mapping[str, Any]]
) -> dict[EntryName, Mapping[str, Any]]:
    """Join tombstones; of two for one entry, the later one counts."""
    joined = dict(theirs)
    for name, stone in ours.items():
        other = joined.get(name)
        if other is None or str(stone.get(REMOVED_AT)) > str(other.get(REMOVED_AT)):
            joined[name] = stone
    return joined


def nested(stones: Mapping[EntryName, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the form in which an index has tombstones."""
    document: dict[str, dict[str, Any]] = {}
    for (section, entry), stone in stones.items():
        document.setdefault(section, {})[entry] = dict(stone)
    return document


def buried_keys(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of the objects of what was retired."""
    for stone in stones_of(document).values():
        keys = stone.get(KEYS)
        yield from (key for key in (keys if isinstance(keys, list) else ()) if isinstance(key, str))
