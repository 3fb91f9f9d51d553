"""What is in the bucket and not in the index: which entry it would become, and why it may not become one.

Anybody may have written the bucket's keys, metadata and published index: an entry is made only of what names
a file inside the workspace that no other asset has. Nothing here writes or asks the bucket.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from creative_s3.core.assets.layout import asset_of, owner_of, parse_key
from creative_s3.core.assets.models import Asset, Kind, SemanticMetadata
from creative_s3.core.assets.slugs import UNSPECIFIED, split_extension
from creative_s3.core.catalog.asset_rows import AssetRecord, Source
from creative_s3.core.catalog.settling import entry_of
from creative_s3.core.files.workspace import FileState, LocalFile, Workspace
from creative_s3.core.index.entries import (
    CACHE_SECTION,
    PRODUCTS_SECTION,
    SECTIONS,
    SEMANTIC_SECTION,
    TOP_LEVEL,
    EntryReader,
)
from creative_s3.core.index.fields import OutsideError, UnusableError
from creative_s3.core.published.publish import KEY_FIELDS
from creative_s3.core.storage.placement import path_here
from creative_s3.errors import UnsafeKeyError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.storage.landing import Landing

_FOREIGN_NAME = "s3:"
_KEY_NAMES = frozenset(KEY_FIELDS.values())
_SUFFIX_DIGITS = 8


class NotTakenError(Exception):
    """Something in the bucket cannot become an entry; the text says why. Never leaves the discovery."""


class EntryPlace(NamedTuple):
    """Where the index names a file."""

    section: str
    entry: str
    field: str


@dataclass(frozen=True, slots=True)
class Newcomer:
    """An entry to add to the index.

    Attributes:
        section: The section, empty for the top level.
        entry: The entry's name.
        value: Its fields.
        records: Its rows, one for each file that it names.
        objects: The object of each row that has one, by the row's field.
        published: The entry as it is published; None when it is not.
        origin: Where this was learnt, in words.
        is_foreign: Whether another client put the object there, and only its key says what it is.
        said_path: Where the object says that its file belongs; it may not be allowed to.
    """

    section: str
    entry: str
    value: Mapping[str, Any]
    records: tuple[AssetRecord, ...]
    objects: Mapping[str, StoredObject]
    published: Mapping[str, Any] | None = None
    origin: str = ""
    is_foreign: bool = False
    said_path: str = ""


class Newcomers:
    """Makes entries of what is found in a bucket.

    Args:
        workspace: The local side.
        prefix: What the keys begin with.
        landing: Where files may go.
        taken_names: What stands at the top level of the index and is no entry.
    """

    def __init__(
        self, workspace: Workspace, prefix: str, landing: Landing, taken_names: Collection[str] = ()
    ) -> None:
        self._workspace = workspace
        self._landing = landing
        self._prefix = prefix
        self._taken_names = taken_names
        self._reader = EntryReader(workspace.cache_dir)
        self._folders: dict[str, bool] = {}

    def from_published(
        self,
        section: str,
        entry: str,
        published: Mapping[str, Any],
        listing: Mapping[str, StoredObject],
        *,
        files: Mapping[str, str] | None = None,
    ) -> Newcomer | None:
        """Return what a published entry becomes; None when none of its files is in the bucket.

        Args:
            section: Where it is published.
            entry: Its name.
            published: What is published.
            listing: The bucket.
            files: What its objects say of their files, where they were asked: the key's field -> file path.

        Raises:
            NotTakenError: It cannot be understood, or a file of it has no safe place.
        """
        objects = self._objects_of(published, listing)
        if not objects:
            return None
        published, told = self._landed(section, entry, published, objects)
        value = {name: content for name, content in published.items() if name not in _KEY_NAMES}
        records = []
        for field, found in self._assets(section, entry, value):
            said = (files or {}).get(KEY_FIELDS[field], "")
            is_literal = said.replace("\\", "/") == found.file_path
            asset = replace(found, file_path=said) if is_literal else found
            file = self._place(asset.file_path)
            records.append(_record(asset, file, EntryPlace(section, entry, field), objects.get(field)))
        return Newcomer(
            section,
            entry,
            value,
            tuple(records),
            objects={record.field: objects[record.field] for record in records if record.field in objects},
            published=published,
            origin=f"from the published index{told}",
        )

    def is_elsewhere(self, section: str, entry: str, published: Mapping[str, Any]) -> bool:
        """Tell whether an entry names its files by another machine's absolute paths."""
        names = [published.get(field) for field in KEY_FIELDS]
        if not any(isinstance(name, str) and name.startswith("/") for name in names):
            return False
        try:
            self._assets(section, entry, published)
        except NotTakenError:
            return True
        return False

    def has_backslashes(self, published: Mapping[str, Any]) -> bool:
        """Tell whether an entry's paths have backslashes: part of a name, or what separates it on Windows."""
        return any("\\" in name for field in KEY_FIELDS if isinstance(name := published.get(field), str))

    def moved_here(self, published: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
        """Return a published entry with its absolute paths replaced.

        Args:
            published: The entry.
            files: What the objects say of their files: the key's field -> file path.
        """
        paths = {field: files[name] for field, name in KEY_FIELDS.items() if name in files}
        main = paths.get("file_path")
        if main and published.get("cache_filename") == published.get("file_path"):
            paths["cache_filename"] = main
        return {**published, **paths}

    def from_object(self, stored: StoredObject) -> Newcomer:
        """Return what an object becomes that HEAD has seen: by its metadata, else by its key.

        Raises:
            NotTakenError: It has no safe place, or says something that cannot be.
        """
        asset = asset_of(stored.key, stored.metadata or {}, self._prefix)
        if asset is None and owner_of(stored.metadata) is not None:
            raise NotTakenError("its metadata names a file outside the workspace, or none")
        is_foreign = asset is None
        asset = asset or self._foreign(stored)
        check_text(asset.cache_key, "its cache key")
        said_path, told = asset.file_path, ""
        if problem := self._landing.problem(said_path):
            asset = replace(asset, file_path=self._landing.derived(self._below(stored.key)))
            told = _moved(said_path, asset.file_path, problem)
        check_text(asset.file_path, "its file path")
        file = self._place(asset.file_path)
        if asset.created_at is None and stored.last_modified is not None:
            # The pipeline writes times without a zone.
            asset = replace(asset, created_at=stored.last_modified.replace(tzinfo=None).isoformat())
        section = SEMANTIC_SECTION
        if asset.metadata is None:
            is_taken = asset.cache_key in SECTIONS or asset.cache_key in self._taken_names
            section = CACHE_SECTION if is_taken else TOP_LEVEL
        place = EntryPlace(section, asset.cache_key, "file_path")
        record = _record(replace(asset, indexed=True), file, place, stored)
        value = entry_of(record)
        # Read as any index entry: what the pipeline could not use is not written for it.
        self._assets(section, asset.cache_key, value)
        return Newcomer(
            section,
            asset.cache_key,
            value,
            (record,),
            {"file_path": stored},
            origin=f"{'from its key' if is_foreign else 'from its metadata'}{told}",
            is_foreign=is_foreign,
            said_path=said_path,
        )

    def places(self, newcomer: Newcomer) -> Iterator[Newcomer]:
        """Yield an entry as it is; a foreign object's with another file, too, should its be taken."""
        yield newcomer
        if newcomer.is_foreign:
            (record,) = newcomer.records
            digest = hashlib.sha256(newcomer.objects["file_path"].key.encode()).hexdigest()[:_SUFFIX_DIGITS]
            stem, extension = split_extension(record.asset.file_path)
            path = f"{stem}-{digest}{extension}"
            moved = replace(record, asset=replace(record.asset, file_path=path))
            yield replace(newcomer, records=(moved,), value={**newcomer.value, "file_path": path})

    def _objects_of(
        self, published: Mapping[str, Any], listing: Mapping[str, StoredObject]
    ) -> dict[str, StoredObject]:
        """Return the objects that an entry names and that are there, by the field of the file."""
        objects = {}
        for field, name in KEY_FIELDS.items():
            key = published.get(name)
            if isinstance(key, str) and key in listing and parse_key(key, self._prefix) is not None:
                objects[field] = listing[key]
        return objects

    def _assets(self, section: str, entry: str, value: Mapping[str, Any]) -> list[tuple[str, Asset]]:
        try:
            if section == PRODUCTS_SECTION:
                return list(self._reader.product(entry, value))
            return [("file_path", self._reader.asset(section, entry, value))]
        except (UnusableError, OutsideError) as reason:
            raise NotTakenError(
                f"its entry {reason}" if isinstance(reason, UnusableError) else str(reason)
            ) from None

    def _foreign(self, stored: StoredObject) -> Asset:
        """Return what the key alone says of an object that another client put there."""
        parts = parse_key(stored.key, self._prefix)
        if parts is None:
            raise NotTakenError("its key is not of our layout")
        below = self._below(stored.key)
        said = {name: value for name, value in parts.fields.items() if value != UNSPECIFIED}
        semantic = None
        if parts.asset_type:
            semantic = SemanticMetadata(
                parts.asset_type,
                product_category=said.get("category"),
                region=said.get("region"),
                visual_style=said.get("style"),
                season=said.get("season", "none"),
                color_palette=(f"#{said['color']}",) if "color" in said else (),
                aspect_ratio=said.get("ratio"),
            )
        return Asset(
            cache_key=f"{_FOREIGN_NAME}{below}",
            file_path=self._landing.derived(below),
            metadata=semantic,
            cache_type=said.get("type"),
            product_slug=said.get("slug"),
            campaign_id=said.get("campaign"),
            indexed=parts.kind is not Kind.UNSORTED,
        )

    def _landed(
        self, section: str, entry: str, published: Mapping[str, Any], objects: Mapping[str, StoredObject]
    ) -> tuple[Mapping[str, Any], str]:
        """Return an entry whose files go where they may, and in words which ones go elsewhere."""
        elsewhere, told = {}, ""
        for field, asset in self._assets(section, entry, published):
            if field in objects and (problem := self._landing.problem(asset.file_path)):
                derived = self._landing.derived(self._below(objects[field].key))
                elsewhere[KEY_FIELDS[field]] = derived
                told += _moved(asset.file_path, derived, problem)
        return (self.moved_here(published, elsewhere) if elsewhere else published), told

    def _below(self, key: str) -> str:
        return key.removeprefix(f"{self._prefix}/") if self._prefix else key

    def _place(self, file_path: str) -> LocalFile:
        """Return what is at the place of a newcomer's file.

        Raises:
            NotTakenError: No file may be there.
        """
        try:
            path_here(file_path)
        except UnsafeKeyError as error:
            raise NotTakenError(f"its file {file_path!r} is no safe place: {error.message}") from None
        if problem := self._landing.problem(file_path):
            raise NotTakenError(f"its file {file_path!r} may not be there: {problem}")
        folder = file_path.rpartition("/")[0]
        if folder not in self._folders:
            self._folders[folder] = self._exists(folder)
        if not self._folders[folder]:
            return LocalFile(self._workspace.root / file_path, FileState.MISSING)
        file = self._workspace.locate(file_path)
        if file.state in {FileState.REFUSED, FileState.UNREADABLE}:
            raise NotTakenError(f"its file {file_path!r} cannot be used: {file.reason}")
        return file

    def _exists(self, folder: str) -> bool:
        """Tell whether a folder is there.

        Raises:
            NotTakenError: It cannot be one.
        """
        if self._workspace.leads_out(folder):
            raise NotTakenError(f"its folder {folder!r} cannot be used: a link leads out of the workspace")
        path = PurePosixPath(folder)
        for parent in (path, *path.parents):
            place = self._workspace.root / parent
            if place.exists() and not place.is_dir():
                raise NotTakenError(f"the folder that its file needs is a file: {parent}")
        return (self._workspace.root / folder).is_dir()


def _record(asset: Asset, file: LocalFile, place: EntryPlace, stored: StoredObject | None) -> AssetRecord:
    is_here = file.state is FileState.PRESENT
    size_bytes = file.size_bytes if is_here else stored.size_bytes if stored else None
    return AssetRecord(
        asset,
        place.section,
        place.entry,
        place.field,
        source=Source.DISCOVERED,
        size_bytes=size_bytes,
        is_cold=stored is not None and not is_here,
    )


def _moved(said: str, placed: str, problem: str) -> str:
    return f"; its file goes to {placed}, not to {said!r}: {problem}"


def check_text(text: str, what: str) -> None:
    """Refuse text that no key or path of ours has.

    Raises:
        NotTakenError: It has control characters, or was no proper text where it came from.
    """
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise NotTakenError(f"{what} has control characters")
    if "\ufffd" in text:
        raise NotTakenError(f"{what} is no proper text")
