"""Which keys the entries of index.json get when it is published: those of their proved objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creative_s3.core.catalog.asset_table import is_storable
from creative_s3.core.index.entries import PRODUCTS_SECTION, EntryReader
from creative_s3.core.index.fields import OutsideError, UnusableError
from creative_s3.core.index.index import Reference, assets_of
from creative_s3.core.published.publish import KEY_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace
    from creative_s3.core.index.json_walk import StreamedEntry
    from creative_s3.core.published.publish import EntryName


class Placing:
    """Says which keys entries get.

    Args:
        catalog: It has taken in the index; what an entry says by now counts more.
        workspace: Where the index is.
        prefix: What the keys begin with.
    """

    def __init__(self, catalog: Catalog, workspace: Workspace, prefix: str) -> None:
        self._catalog = catalog
        self._reader = EntryReader(workspace.cache_dir)
        self._prefix = prefix

    def keys_of(self, entries: Sequence[StreamedEntry]) -> Mapping[EntryName, Mapping[str, str]]:
        """Return the fields with keys that at most a few hundred entries get: name -> field -> key."""
        by_name = {
            (entry.section, entry.name): entry
            for entry in entries
            if isinstance(entry.value, dict) and is_storable(entry.name)
        }
        if not by_name:
            return {}
        places = self._catalog.places(list(by_name))
        shared = self._keys_of_shared({path for _, _, _, path, _, _, is_shared in places if is_shared})
        found: dict[EntryName, dict[str, str]] = {}
        for section, name, field, path, cache_key, given, is_shared in places:
            key = shared.get((path, cache_key)) if is_shared else given
            if key is not None and self._names(by_name[section, name], field, path):
                found.setdefault((section, name), {})[KEY_FIELDS[field]] = key
        return found

    def _keys_of_shared(self, paths: set[str]) -> Mapping[tuple[str, str], str]:
        """Return the keys of files that several entries name: path and cache key -> key."""
        if not paths:
            return {}
        rows = self._catalog.assets.with_files(sorted(paths))
        assets = assets_of(
            [Reference(row.section, row.entry, row.field, row.asset) for row in rows], self._prefix
        )
        given = self._catalog.assignments_of(asset.cache_key for asset in assets)
        return {
            (asset.file_path, identity): given[asset.cache_key]
            for asset in assets
            if asset.cache_key in given
            for identity in (asset.cache_key, *asset.also_known_as)
        }

    def _names(self, entry: StreamedEntry, field: str, path: str) -> bool:
        """Tell whether a field of an entry names a file: it may have changed since it was taken in."""
        if entry.value.get(field) == path:
            return True
        try:
            if entry.section == PRODUCTS_SECTION:
                files = self._reader.product(entry.name, entry.value)
                return any(asset.file_path == path for named, asset in files if named == field)
            return self._reader.asset(entry.section, entry.name, entry.value).file_path == path
        except (UnusableError, OutsideError):
            return False
