"""Retiring assets from the team's published index. Their objects stay, and each machine's own index.json."""

from __future__ import annotations

import platform
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO

from creative_s3.core.assets.layout import published_key
from creative_s3.core.published.merge import IndexMerge
from creative_s3.core.published.publication import send
from creative_s3.core.published.publish import KEY_FIELDS, published_events, read_published, time_of
from creative_s3.core.published.tombstones import KEYS, REMOVED_AT, REMOVED_BY, is_stones
from creative_s3.errors import ObjectNotFoundError, PreconditionFailedError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.index.json_walk import StreamedEntry
    from creative_s3.core.published.publish import EntryName
    from creative_s3.core.s3.object_store import ObjectStore

_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Retired:
    """An entry that the team's index has no more.

    Attributes:
        section: Where it was; empty for the top level.
        entry: Its name.
        keys: The keys of its objects, which stay.
        last_at: When it was made or used last, as it says; the earliest time there is when it does not.
    """

    section: str
    entry: str
    keys: tuple[str, ...]
    last_at: datetime


def find_entries(entries: Iterable[StreamedEntry], names: Collection[str]) -> dict[str, list[Retired]]:
    """Return the entries that names mean: an entry's name, its cache key, or a key of its objects. Pure."""
    found: dict[str, list[Retired]] = {name: [] for name in names}
    for one in entries:
        section, entry, value = one.section, one.name, one.value
        if not isinstance(value, dict) or is_stones(section, entry, value):
            continue
        keys = tuple(key for field in KEY_FIELDS.values() if isinstance(key := value.get(field), str))
        for name in {entry, value.get("cache_key"), *keys}:
            if isinstance(name, str) and name in found:
                found[name].append(Retired(section, entry, keys, time_of(value)))
    return found


def stones_for(
    retired: Collection[Retired], *, at: datetime, machine: str
) -> Mapping[EntryName, Mapping[str, Any]]:
    """Return the tombstones of entries. Pure.

    A tombstone is never older than what it buries: a clock somewhere may be ahead.
    """
    return {
        (one.section, one.entry): {
            REMOVED_AT: max(at, one.last_at).isoformat(),
            REMOVED_BY: machine,
            KEYS: list(one.keys),
        }
        for one in retired
    }


def look_up(store: ObjectStore, names: Collection[str], *, prefix: str) -> tuple[Retired, ...]:
    """Find entries in the published index.

    Raises:
        ObjectNotFoundError: There is no index, or it has nothing of one of the names.
        CreativeS3Error: The index cannot be read.
    """
    with TemporaryFile() as file:
        _read(store, file, prefix)
        return _chosen(file, names, prefix)


def retire(store: ObjectStore, names: Collection[str], *, prefix: str) -> tuple[Retired, ...]:
    """Take entries out of the published index for the whole team, and leave tombstones.

    An entry that a machine makes or uses later comes back with it.

    Raises:
        ObjectNotFoundError: There is no index, or it has nothing of one of the names.
        TemporaryError: Other machines keep writing it.
        CreativeS3Error: A request failed.
    """
    key = published_key(prefix)
    for attempt in range(_ROUNDS):
        with TemporaryFile() as file, IndexMerge(_nothing_known) as merge:
            before = _read(store, file, prefix)
            chosen = _chosen(file, names, prefix)
            merge.retire(stones_for(chosen, at=datetime.now(UTC), machine=platform.node()))
            merge.take_theirs(published_events(file, key, decoder=merge.decoder))
            try:
                send(store, key, merge, before)
            except PreconditionFailedError:
                time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - spreading retries, no secret
                continue
        return chosen
    raise TemporaryError(
        "other machines keep writing the published index", item=key, hint="run the same command again"
    )


def _nothing_known(_section: str, _entry: str) -> None:
    """Tombstones are merged as if nothing had been published before."""


def _read(store: ObjectStore, file: BinaryIO, prefix: str) -> StoredObject:
    key = published_key(prefix)
    stored = store.read_into(file, key)
    if stored is None:
        raise ObjectNotFoundError(
            "nobody has published an index in this bucket", item=key, hint="creative-s3 migrate upload"
        )
    return stored


def _chosen(file: BinaryIO, names: Collection[str], prefix: str) -> tuple[Retired, ...]:
    found = find_entries(read_published(file, published_key(prefix)), names)
    for name, entries in found.items():
        if not entries:
            raise ObjectNotFoundError(
                "the published index has no such asset",
                item=name,
                hint="creative-s3 assets find shows the cache keys known here",
            )
    return tuple(dict.fromkeys(one for entries in found.values() for one in entries))
