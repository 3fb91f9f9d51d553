"""What a discovery found: values. Finding it is `discovery.discovery`, keeping it `discovery.recording`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from creative_s3.core.s3.objects import ARCHIVE_CLASSES
from creative_s3.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.core.discovery.newcomers import Newcomer
    from creative_s3.core.storage.inventory import Amount


class Standing(StrEnum):
    """How an object, or a key that had one, stands."""

    KNOWN = "known"
    """The catalog or the index knows whose it is."""
    NEW = "new"
    """In S3, and in no entry of the index."""
    CHANGED = "changed"
    """Known, and no longer the object that was proved or seen last."""
    GONE = "gone"
    """The catalog knows it, and it is not in S3 any more."""
    FOREIGN = "foreign"
    """Under the prefix, and not of our layout: left alone."""
    REFUSED = "refused"
    """Of our layout, and it cannot become an entry."""


@dataclass(frozen=True, slots=True)
class Found:
    """One key and how it stands.

    Attributes:
        standing: How.
        key: The full key.
        size_bytes: Of the object; 0 for one that is gone and was never proved.
        storage_class: Of the object; empty when it is gone.
        cache_keys: The assets it belongs to, or would.
        detail: More, in words.
    """

    standing: Standing
    key: str
    size_bytes: int = 0
    storage_class: str = ""
    cache_keys: tuple[str, ...] = ()
    detail: str = ""

    @property
    def is_archived(self) -> bool:
        """Whether it must be restored before it can be read."""
        return self.storage_class in ARCHIVE_CLASSES

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        return {
            "standing": self.standing,
            "key": self.key,
            "size_bytes": self.size_bytes,
            "storage_class": self.storage_class or None,
            "cache_keys": list(self.cache_keys),
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Discovery:
    """What was found, and what there is to record.

    Attributes:
        bucket: The bucket's name.
        prefix: What the keys begin with.
        amounts: Objects and bytes of each standing.
        found: Every key that is not simply known, in the order of the keys.
        newcomers: The entries that the index would get.
        others: Entries of sections that name no files: section, name, fields.
        assignments: The keys of assets that the index knows and the catalog had no key of: cache key -> key.
        listed: Objects to remember as seen.
        cooled: Rows of known assets whose files are not on disk and whose objects are there.
        returned: Cache keys of cold assets whose files are back.
        stale_keys: Keys that are gone and belong to no asset.
        requests: What was sent, by S3 operation name.
    """

    bucket: str
    prefix: str
    amounts: Mapping[Standing, Amount]
    found: tuple[Found, ...] = ()
    newcomers: tuple[Newcomer, ...] = ()
    others: tuple[tuple[str, str, Mapping[str, Any]], ...] = ()
    assignments: Mapping[str, str] = field(default_factory=dict)
    listed: tuple[StoredObject, ...] = ()
    cooled: tuple[tuple[AssetRecord, StoredObject], ...] = ()
    returned: tuple[str, ...] = ()
    stale_keys: tuple[str, ...] = ()
    requests: Mapping[str, int] = field(default_factory=dict)

    def of(self, standing: Standing) -> tuple[Found, ...]:
        """Return what stands so."""
        return tuple(found for found in self.found if found.standing is standing)

    @cached_property
    def archived(self) -> int:
        """How many new objects must be restored before they can be read."""
        return sum(found.is_archived for found in self.of(Standing.NEW))

    @property
    def adds_entries(self) -> bool:
        """Whether there is anything that the index lacks."""
        return bool(self.newcomers or self.others)

    @property
    def has_news(self) -> bool:
        """Whether there is anything to record."""
        return self.adds_entries or bool(self.assignments or self.cooled or self.returned)

    def exit_code(self, *, synced: bool) -> ExitCode:
        """Return what the process should end with: a sync that had to leave something out did not do all."""
        return ExitCode.ITEMS_FAILED if synced and self.of(Standing.REFUSED) else ExitCode.OK
