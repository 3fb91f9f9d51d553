"""Which files of the workspace belong to assets already, so that no newcomer gets one of them. Only looks."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from creative_s3.core.storage.placement import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.catalog.catalog import Catalog

    Equality = Callable[[StoredObject, StoredObject], bool]

T = TypeVar("T")


class OccupiedFiles:
    """The files of the catalog's assets, and of those that are about to be added.

    One file may be named by several entries: they are one asset if they have one object, and two copies of
    the same bytes if their objects are equal.

    Args:
        catalog: The known assets.
        assigned: The keys of assets: cache key -> key.
        listing: The objects that are there.
        ignores_case: Tells whether the file system takes ``A`` and ``a`` for one name; asked when it matters.
    """

    def __init__(
        self,
        catalog: Catalog,
        assigned: Mapping[str, str],
        listing: Mapping[str, StoredObject],
        *,
        ignores_case: Callable[[], bool],
    ) -> None:
        self._catalog = catalog
        self._assigned = assigned
        self._listing = listing
        self._ignores_case = ignores_case
        self._has_assets = catalog.assets.highest_id() > 0
        # By folded path: the real spelling, who has it, and the object.
        self._files: dict[str, dict[str, tuple[str, StoredObject | None]]] = {}
        self._folders: dict[str, dict[str, str]] = {}
        self._free_folders: set[str] = set()

    def problem(self, file_path: str, name: str, stored: StoredObject | None, equal: Equality) -> str | None:
        """Say why an asset cannot have a file; None when it can.

        Args:
            file_path: Relative to the workspace.
            name: The asset.
            stored: Its object.
            equal: Tells whether two objects count as copies of the same bytes.
        """
        for owner, theirs in self._owners(file_path):
            if owner != name and not (stored and theirs and equal(stored, theirs)):
                return f"its file {file_path!r} is that of the asset {owner}"
        for parent in _folders_of(file_path):
            if parent not in self._free_folders and (owners := self._owners(parent)):
                return f"the folder that its file needs is the file of the asset {owners[0][0]}"
            self._free_folders.add(parent)
        if below := self._below(file_path):
            return f"its file {file_path!r} is a folder of the asset {below}"
        return None

    def occupy(self, file_path: str, name: str, stored: StoredObject | None) -> None:
        """Give a file to an asset."""
        self._files.setdefault(folded(file_path), {}).setdefault(file_path, (name, stored))
        self._free_folders.discard(file_path)
        for parent in _folders_of(file_path):
            self._folders.setdefault(folded(parent), {}).setdefault(parent, name)

    def _owners(self, file_path: str) -> list[tuple[str, StoredObject | None]]:
        owners = [owner for spelled, owner in self._twins(self._files, file_path) if spelled]
        if self._has_assets:
            owners += [
                (row.asset.cache_key, self._listing.get(self._assigned.get(row.asset.cache_key, "")))
                for row in self._catalog.assets.with_file(file_path)
            ]
        return owners

    def _below(self, file_path: str) -> str | None:
        for _, name in self._twins(self._folders, file_path):
            return name
        if not self._has_assets:
            return None
        # "0" is what comes after "/": the range is everything that begins with the path and a slash.
        row = self._catalog.database.row(
            "SELECT cache_key FROM asset WHERE file_path > ? AND file_path < ? LIMIT 1",
            (f"{file_path}/", f"{file_path}0"),
        )
        return row[0] if row else None

    def _twins(self, taken: dict[str, dict[str, T]], path: str) -> list[tuple[str, T]]:
        twins = taken.get(folded(path), {})
        if path in twins:
            return [(path, twins[path])]
        return list(twins.items()) if twins and self._ignores_case() else []


def same_content(ours: StoredObject, theirs: StoredObject) -> bool:
    """Tell whether two objects are one, or have what stands for their content in common."""
    return ours.key == theirs.key or (ours.size_bytes, ours.etag) == (theirs.size_bytes, theirs.etag)


def same_size(ours: StoredObject, theirs: StoredObject) -> bool:
    """Tell whether two objects may be copies of one file: enough where the published index says so.

    ETags would not do: equal content has different ones where the bucket encrypts with KMS.
    """
    return ours.size_bytes == theirs.size_bytes


def _folders_of(file_path: str) -> list[str]:
    return [str(parent) for parent in PurePosixPath(file_path).parents if parent.parts]
