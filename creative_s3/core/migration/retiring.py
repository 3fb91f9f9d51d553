"""Retiring assets from the team's published index. Their objects stay, and each machine's own index.json."""

from __future__ import annotations

import platform
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from creative_s3.core.layout import encode_text
from creative_s3.core.migration.publishing import (
    KEY_FIELDS,
    MACHINE,
    entries_of,
    format_published,
    merge,
    parse_published,
    time_of,
)
from creative_s3.core.migration.remote import published_key
from creative_s3.core.migration.tombstones import KEYS, REMOVED_AT, REMOVED_BY, TOMBSTONES, nested
from creative_s3.errors import ObjectNotFoundError, PreconditionFailedError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from creative_s3.core.object_store import ObjectStore

_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Retired:
    """An entry that the team's index has no more.

    Attributes:
        section: Where it was; empty for the top level.
        entry: Its name.
        keys: The keys of its objects, which stay.
    """

    section: str
    entry: str
    keys: tuple[str, ...]


def find_entries(document: Mapping[str, Any], names: Collection[str]) -> dict[str, list[Retired]]:
    """Return the entries that names mean: an entry's name, its cache key, or a key of its objects. Pure."""
    found: dict[str, list[Retired]] = {name: [] for name in names}
    for (section, entry), value in entries_of(document):
        if not isinstance(value, dict):
            continue
        keys = tuple(key for field in KEY_FIELDS.values() if isinstance(key := value.get(field), str))
        for name in {entry, value.get("cache_key"), *keys}:
            if isinstance(name, str) and name in found:
                found[name].append(Retired(section, entry, keys))
    return found


def bury(
    document: Mapping[str, Any], retired: Collection[Retired], *, at: datetime, machine: str
) -> Mapping[str, Any]:
    """Return an index without some entries, with their tombstones. Pure.

    A tombstone is never older than what it buries: a clock somewhere may be ahead.
    """
    entries = dict(entries_of(document))
    stones = {
        (one.section, one.entry): {
            REMOVED_AT: max(at, time_of(entries[one.section, one.entry])).isoformat(),
            REMOVED_BY: machine,
            KEYS: list(one.keys),
        }
        for one in retired
    }
    return merge({TOMBSTONES: nested(stones)}, document, {}).document


def look_up(store: ObjectStore, names: Collection[str], *, prefix: str) -> tuple[Retired, ...]:
    """Find entries in the published index.

    Raises:
        ObjectNotFoundError: There is no index, or it has nothing of one of the names.
        CreativeS3Error: The index cannot be read.
    """
    return _chosen(_read(store, prefix)[0], names)


def retire(store: ObjectStore, names: Collection[str], *, prefix: str) -> tuple[Retired, ...]:
    """Take entries out of the published index for the whole team, and leave tombstones.

    An entry that a machine makes or uses later comes back with it.

    Raises:
        ObjectNotFoundError: There is no index, or it has nothing of one of the names.
        TemporaryError: Other machines keep writing it.
        CreativeS3Error: A request failed.
    """
    key = published_key(prefix)
    machine = platform.node()
    for attempt in range(_ROUNDS):
        document, etag = _read(store, prefix)
        chosen = _chosen(document, names)
        try:
            store.write(
                key,
                format_published(bury(document, chosen, at=datetime.now(UTC), machine=machine)),
                content_type="application/json",
                if_match=etag,
                metadata={MACHINE: encode_text(machine)},
            )
        except PreconditionFailedError:
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - spreading retries, no secret
            continue
        return chosen
    raise TemporaryError(
        "other machines keep writing the published index", item=key, hint="run the same command again"
    )


def _read(store: ObjectStore, prefix: str) -> tuple[Mapping[str, Any], str]:
    key = published_key(prefix)
    read = store.read(key)
    if read is None:
        raise ObjectNotFoundError(
            "nobody has published an index in this bucket", item=key, hint="creative-s3 migrate upload"
        )
    return parse_published(read[1], key), read[0].etag


def _chosen(document: Mapping[str, Any], names: Collection[str]) -> tuple[Retired, ...]:
    found = find_entries(document, names)
    for name, entries in found.items():
        if not entries:
            raise ObjectNotFoundError(
                "the published index has no such asset",
                item=name,
                hint="creative-s3 assets find shows the cache keys known here",
            )
    return tuple(dict.fromkeys(one for entries in found.values() for one in entries))
