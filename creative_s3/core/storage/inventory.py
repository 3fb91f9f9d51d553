"""How much there is: objects by kind and storage class in the bucket, files by kind on local disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.layout import parse_key, published_key
from creative_s3.core.assets.models import Kind
from creative_s3.core.catalog.places import cold_files
from creative_s3.core.files.workspace import FileState, Workspace
from creative_s3.core.index.survey import survey_local
from creative_s3.core.storage.assets import OTHER
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject

INDEX = "index"
"""What the published index is called among the kinds."""
SORTS = (*(str(kind) for kind in Kind), OTHER, INDEX)
"""The kinds of our layout, then what else lies under the prefix; the order of reports."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of objects or files, and their bytes."""

    count: int = 0
    size_bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.count + other.count, self.size_bytes + other.size_bytes)

    def to_dict(self, noun: str) -> dict[str, int]:
        """Return plain values; `noun` is what is counted, in the plural."""
        return {noun: self.count, "size_bytes": self.size_bytes}


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was counted.

    Attributes:
        remote: By sort (see `SORTS`) and storage class.
        local: Present files by kind; None without a cache that can be read.
        local_problem: Why there is none, when a cache directory is there.
    """

    remote: Mapping[tuple[str, str], Amount] = field(default_factory=dict)
    local: Mapping[str, Amount] | None = None
    local_problem: str | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The storage classes in use."""
        return tuple(sorted({storage_class for _, storage_class in self.remote}))

    @property
    def sorts(self) -> tuple[str, ...]:
        """What there is anything of, in the order of reports."""
        present = {sort for sort, _ in self.remote} | set(self.local or {})
        return tuple(sort for sort in SORTS if sort in present)

    def stored(self, *, sort: str | None = None, storage_class: str | None = None) -> Amount:
        """Return what is in the bucket, all of it or of one sort, one class or both."""
        return sum(
            (
                amount
                for (of_sort, of_class), amount in self.remote.items()
                if sort in {None, of_sort} and storage_class in {None, of_class}
            ),
            Amount(),
        )

    def on_disk(self, sort: str | None = None) -> Amount:
        """Return what is on local disk, all of it or of one kind."""
        local = self.local or {}
        return sum(local.values(), Amount()) if sort is None else local.get(sort, Amount())

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        return {
            "total": self.stored().to_dict("objects"),
            "by_kind": {
                sort: self.stored(sort=sort).to_dict("objects")
                | {
                    "by_storage_class": {
                        name: amount.to_dict("objects")
                        for name in self.classes
                        if (amount := self.stored(sort=sort, storage_class=name)).count
                    }
                }
                for sort in self.sorts
            },
            "by_storage_class": {
                name: self.stored(storage_class=name).to_dict("objects") for name in self.classes
            },
            "local": None
            if self.local is None
            else {
                "total": self.on_disk().to_dict("files"),
                "by_kind": {
                    sort: amount.to_dict("files") for sort in SORTS if (amount := self.on_disk(sort)).count
                },
            },
        }


def take_inventory(objects: Iterable[StoredObject], *, prefix: str, cache_dir: Path) -> Inventory:
    """Count the objects of one listing, and the files that the cache's index names.

    Raises:
        CreativeS3Error: The bucket cannot be listed.
    """
    remote: dict[tuple[str, str], Amount] = {}
    index_key = published_key(prefix)
    for stored in objects:
        parts = parse_key(stored.key, prefix)
        sort = INDEX if stored.key == index_key else str(parts.kind) if parts else OTHER
        cell = (sort, stored.storage_class)
        remote[cell] = remote.get(cell, Amount()) + Amount(1, stored.size_bytes)
    if not cache_dir.is_dir():
        return Inventory(remote)
    try:
        return Inventory(remote, _on_disk(cache_dir, prefix))
    except CreativeS3Error as error:
        return Inventory(remote, local_problem=f"{error.message} ({error.item})")


def _on_disk(cache_dir: Path, prefix: str) -> Mapping[str, Amount]:
    survey = survey_local(Workspace(cache_dir), prefix, include_unindexed=True, cold=cold_files(cache_dir))
    counted: dict[str, Amount] = {}
    seen: set[str] = set()
    for asset in survey.assets:
        file = survey.files[asset.file_path]
        if file.state is FileState.PRESENT and asset.file_path not in seen:
            seen.add(asset.file_path)
            sort = str(asset.kind)
            counted[sort] = counted.get(sort, Amount()) + Amount(1, file.size_bytes)
    return counted
