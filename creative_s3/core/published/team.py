"""The team's history: the versions that S3 keeps of the published index, and what each of them changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.layout import decode_text, published_key
from creative_s3.core.faults.translation import translate
from creative_s3.core.published.publish import MACHINE, entries_of, parse_published
from creative_s3.core.s3.objects import content_of
from creative_s3.errors import IndexFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.s3.object_store import ObjectStore

_WORKERS = 4


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """A version of the published index.

    Attributes:
        version_id: S3's name for it; ``null`` in a bucket without versions.
        at: When it was written, UTC.
        size_bytes: Its size.
        machine: Who wrote it, as it said; None when it did not.
        added: Entries that the version before had not, as ``section.entry``.
        changed: Entries that were others before.
        removed: Entries that only the version before had.
        is_first: Whether no older one is known, so that all of it counts as added.
        problem: Why its content is not known; None when it is.
    """

    version_id: str
    at: datetime
    size_bytes: int
    machine: str | None = None
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    is_first: bool = False
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        return {
            "version_id": self.version_id,
            "at": self.at,
            "size_bytes": self.size_bytes,
            "machine": self.machine,
            "added": list(self.added),
            "changed": list(self.changed),
            "removed": list(self.removed),
            "is_first": self.is_first,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class _Read:
    """One version with its content; None when it cannot be read as an index."""

    version: IndexVersion
    entries: Mapping[tuple[str, str], Any] | None


def team_history(store: ObjectStore, *, prefix: str, limit: int) -> tuple[IndexVersion, ...]:
    """Return the newest versions of the published index and what each changed, the newest first.

    A bucket without versioning has one. Each version is read; needs ``s3:ListBucketVersions`` and
    ``s3:GetObjectVersion``.

    Raises:
        CreativeS3Error: The bucket cannot be asked.
    """
    key = published_key(prefix)
    listed = _versions(store, key, limit + 1)
    with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="index") as pool:
        read = list(pool.map(lambda one: _read(store, key, *one), listed))
    compared = [compare(newer, older) for newer, older in pairwise(read)]
    if read and len(read) <= limit:
        compared.append(compare(read[-1], None))
    return tuple(compared)


def compare(newer: _Read, older: _Read | None) -> IndexVersion:
    """Say what a version changed. Pure."""
    known = newer.version
    if newer.entries is None or (older is not None and older.entries is None):
        problem = known.problem or "the version before cannot be read"
        return _with(known, problem=problem)
    before = older.entries if older is not None and older.entries is not None else {}
    return _with(
        known,
        added=_names(name for name in newer.entries if name not in before),
        changed=_names(
            name for name, value in newer.entries.items() if name in before and before[name] != value
        ),
        removed=_names(name for name in before if name not in newer.entries),
        is_first=older is None,
    )


def _with(version: IndexVersion, **more: Any) -> IndexVersion:  # noqa: ANN401 - the fields of the class
    from dataclasses import replace  # noqa: PLC0415 - used here alone

    return replace(version, **more)


def _names(names: Any) -> tuple[str, ...]:  # noqa: ANN401 - pairs of text
    return tuple(".".join(part for part in name if part) for name in names)


def _versions(store: ObjectStore, key: str, limit: int) -> list[tuple[IndexVersion, bool]]:
    """Return the newest versions, the newest first, and whether each is what a GET of the key gives."""
    found: list[tuple[IndexVersion, bool]] = []
    markers: dict[str, str] = {}
    while True:
        store.count({"ListObjectVersions": 1})
        try:
            page = store.connection.client.list_object_versions(Bucket=store.bucket, Prefix=key, **markers)
        except Exception as error:
            raise translate(
                error, item=f"s3://{store.bucket}", endpoint_url=store.connection.endpoint_url
            ) from error
        found += [
            (
                IndexVersion(one["VersionId"], one["LastModified"].astimezone(UTC), int(one["Size"])),
                one.get("IsLatest", False),
            )
            for one in page.get("Versions", ())
            if one["Key"] == key
        ]
        if len(found) >= limit or not page.get("IsTruncated"):
            return sorted(found, key=lambda one: one[0].at, reverse=True)[:limit]
        markers = {
            "KeyMarker": page["NextKeyMarker"],
            **({"VersionIdMarker": page["NextVersionIdMarker"]} if page.get("NextVersionIdMarker") else {}),
        }


def _read(store: ObjectStore, key: str, version: IndexVersion, is_latest: bool) -> _Read:  # noqa: FBT001
    # "null" is also what was there before the bucket kept versions, and then no longer the latest.
    is_plain = is_latest and version.version_id == "null"
    which = {} if is_plain else {"VersionId": version.version_id}
    store.count({"GetObject": 1})
    try:
        answer = store.connection.client.get_object(Bucket=store.bucket, Key=key, **which)
        with closing(answer["Body"]) as body:
            content = b"".join(content_of(body, version.size_bytes, key=key))
    except Exception as error:
        raise translate(error, item=key, endpoint_url=store.connection.endpoint_url) from error
    said = answer.get("Metadata", {}).get(MACHINE)
    known = _with(version, machine=decode_text(said) if said else None)
    try:
        return _Read(known, dict(entries_of(parse_published(content, key))))
    except IndexFileError:
        return _Read(_with(known, problem="it cannot be read as an index"), None)
