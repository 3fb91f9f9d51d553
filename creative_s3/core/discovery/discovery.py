"""Discovery: the bucket compared with what the catalog and the index know. Only looks; records nothing.

One LIST, one GET of the published index, and a HEAD only for objects that neither of them explains. What a
newcomer becomes is `core.discovery.newcomers`; writing it down is `core.discovery.recording`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.layout import parse_key, published_key
from creative_s3.core.catalog.known_objects import ASSET_SECTIONS, KnownObjects, other_names
from creative_s3.core.concurrency.lookahead import in_order
from creative_s3.core.discovery.discovered import Discovery, Found, Standing
from creative_s3.core.discovery.newcomers import Newcomer, Newcomers, NotTakenError, check_text
from creative_s3.core.discovery.occupied_files import OccupiedFiles, same_content, same_size
from creative_s3.core.events import Emit, Failed, Finished, PhaseStarted, TotalsKnown, ignore
from creative_s3.core.faults.translation import ends_run
from creative_s3.core.index.entries import SECTIONS, TOP_LEVEL
from creative_s3.core.published.publish import KEY_FIELDS, entries_of, parse_published
from creative_s3.core.published.tombstones import buried_keys
from creative_s3.core.storage.inventory import Amount
from creative_s3.core.storage.landing import landing_in
from creative_s3.core.storage.placement import ignores_case, safe_path
from creative_s3.errors import CreativeS3Error, UnsafeKeyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace
    from creative_s3.core.s3.object_store import ObjectStore

_SHARED_SECTIONS = frozenset({"asset_versions", "reuse_patterns", "background_library"})
"""Sections that name no files and mean the same on every machine."""
_LOOKUPS = 500


@dataclass(frozen=True, slots=True)
class BucketSide:
    """What a bucket says of itself.

    Attributes:
        storage: The bucket.
        prefix: What the keys begin with.
        listing: The objects under the prefix by key, without the published index.
        published: The published index; empty when there is none.
        requests: What was sent for it, by S3 operation name.
    """

    storage: ObjectStore
    prefix: str
    listing: Mapping[str, StoredObject]
    published: Mapping[str, Any]
    requests: Mapping[str, int]


def look_at_bucket(storage: ObjectStore, prefix: str, *, emit: Emit = ignore) -> BucketSide:
    """List a bucket and read its published index.

    Raises:
        IndexFileError: The published index is damaged.
        CreativeS3Error: The bucket cannot be listed.
    """
    before = Counter(storage.requests)
    emit(PhaseStarted("listing the bucket"))
    listing = {stored.key: stored for stored in storage.objects(f"{prefix}/" if prefix else "")}
    index = listing.pop(published_key(prefix), None)
    published: Mapping[str, Any] = {}
    if index is not None and (read := storage.read(index.key)):
        published = parse_published(read[1], index.key)
    return BucketSide(storage, prefix, listing, published, Counter(storage.requests) - before)


def discover(bucket: BucketSide, catalog: Catalog, workspace: Workspace, *, emit: Emit = ignore) -> Discovery:
    """Compare a bucket with the catalog, which has taken in the index. Sends only HEAD.

    Raises:
        CreativeS3Error: A request fails as every other one would.
    """
    before = Counter(bucket.storage.requests)
    comparison = _Comparison(bucket, catalog, workspace)
    comparison.look_at_known()
    comparison.look_at_published(bucket.published)
    comparison.look_at_rest(emit)
    asked = Counter(bucket.storage.requests) - before
    return comparison.result(dict(Counter(bucket.requests) + asked))


class _Comparison:
    """One discovery under way."""

    def __init__(self, bucket: BucketSide, catalog: Catalog, workspace: Workspace) -> None:
        self._storage = bucket.storage
        self._prefix = prefix = bucket.prefix
        self._listing = listing = bucket.listing
        self._has_index = workspace.index_path.exists()
        self._known = KnownObjects(catalog, workspace, listing)
        names = other_names(workspace.index_path)
        self._other_names = names
        taken = {name for section, name in names if section == TOP_LEVEL}
        self._maker = Newcomers(workspace, prefix, landing_in(workspace, catalog), taken)
        self._files = OccupiedFiles(
            catalog,
            self._known.assigned,
            listing,
            ignores_case=cache(lambda: ignores_case(workspace.cache_dir)),
        )
        self._found: dict[str, Found] = {}
        self._newcomers: list[Newcomer] = []
        self._others: list[tuple[str, str, Mapping[str, Any]]] = []
        self._new_names: set[str] = set()
        self._unexplained = {key: stored for key, stored in listing.items() if not self._known.has(key)}

    def look_at_known(self) -> None:
        """Tell what changed and what is gone; sort out the keys that cannot be ours."""
        for known in self._known.changed():
            self._note(Standing.CHANGED, known.key, known.cache_keys, known.detail)
        for known in self._known.gone():
            self._found[known.key] = Found(
                Standing.GONE, known.key, known.size_bytes, cache_keys=known.cache_keys, detail=known.detail
            )
        for key in tuple(self._unexplained):
            is_marker = key.endswith("/") and not self._listing[key].size_bytes
            if problem := None if is_marker else _unsafe(key):
                self._note(Standing.REFUSED, key, detail=problem)
            elif parse_key(key, self._prefix) is None:
                self._note(Standing.FOREIGN, key, detail="a folder" if is_marker else "not of our layout")

    def look_at_published(self, published: Mapping[str, Any]) -> None:
        """Explain what the published index explains; the objects of what the team retired are no new ones."""
        for key in buried_keys(published):
            self._unexplained.pop(key, None)
        asset_entries: list[tuple[str, str, Mapping[str, Any]]] = []
        for (section, name), value in entries_of(published):
            if not isinstance(value, dict) or not _is_text(section, name):
                continue
            if section in _SHARED_SECTIONS and (section, name) not in self._other_names:
                self._others.append((section, name, value))
            elif section in ASSET_SECTIONS and any(value.get(key) for key in KEY_FIELDS.values()):
                asset_entries.append((section, name, value))
        for start in range(0, len(asset_entries), _LOOKUPS):
            group = asset_entries[start : start + _LOOKUPS]
            there = self._known.rows_of([(section, name) for section, name, _ in group])
            for section, name, value in group:
                rows = there.get((section, name))
                if rows:
                    self._assign(rows, value)
                # An index that went away is made again, as whole as it was published.
                if not self._has_index or (rows is None and not self._is_reserved(section, name)):
                    self._take_published(section, name, value)

    def look_at_rest(self, emit: Emit) -> None:
        """Ask for the objects that nothing explains so far."""
        rest = [key for key in self._unexplained if key not in self._found]
        if not rest:
            return
        emit(PhaseStarted("asking for new objects"))
        emit(TotalsKnown(len(rest), 0))
        workers = self._storage.connection.config.max_parallel_uploads
        for key, asked in zip(rest, in_order(self._head, rest, workers=workers), strict=True):
            if isinstance(asked, CreativeS3Error):
                emit(Failed(key, asked.message))
                self._note(Standing.REFUSED, key, detail=asked.message)
                continue
            emit(Finished(key, 0))
            if asked is None:
                self._note(Standing.GONE, key, detail="it went away while we looked")
            else:
                self._take_object(asked)

    def result(self, requests: Mapping[str, int]) -> Discovery:
        """Return everything that was found out."""
        amounts = dict.fromkeys(Standing, Amount())
        for one in self._found.values():
            amounts[one.standing] += Amount(1, one.size_bytes)
        for key, stored in self._listing.items():
            if key not in self._found:
                amounts[Standing.KNOWN] += Amount(1, stored.size_bytes)
        new = {stored.key: stored for newcomer in self._newcomers for stored in newcomer.objects.values()}
        return Discovery(
            bucket=self._storage.bucket,
            prefix=self._prefix,
            amounts=amounts,
            found=tuple(sorted(self._found.values(), key=lambda one: one.key.encode())),
            newcomers=tuple(self._newcomers),
            others=tuple(self._others),
            assignments=self._known.assignments,
            listed=(*new.values(), *self._known.unproved()),
            cooled=self._known.cooled(),
            returned=self._known.returned(),
            stale_keys=self._known.stale_keys(),
            requests=requests,
        )

    def _assign(self, rows: Iterable[AssetRecord], published: Mapping[str, Any]) -> None:
        """Learn the keys of an entry that the index has."""
        for row in rows:
            key = published.get(KEY_FIELDS.get(row.field, ""))
            if isinstance(key, str) and key in self._listing and parse_key(key, self._prefix) is not None:
                self._known.assign(row, key)
                self._unexplained.pop(key, None)

    def _is_reserved(self, section: str, name: str) -> bool:
        """Tell whether a name at the top level is not free for an entry."""
        return (section, name) in self._other_names or (section == TOP_LEVEL and name in SECTIONS)

    def _take_published(self, section: str, name: str, published: Mapping[str, Any]) -> None:
        try:
            if self._maker.is_elsewhere(section, name, published):
                published = self._maker.moved_here(published, self._files_by_metadata(published))
            # What the backslashes mean is known where the file was; its object says it.
            asks = self._maker.has_backslashes(published)
            files = self._files_by_metadata(published) if asks else None
            newcomer = self._maker.from_published(section, name, published, self._listing, files=files)
            if newcomer is not None:
                self._add(newcomer)
        except NotTakenError as reason:
            for key in (published.get(field) for field in KEY_FIELDS.values()):
                if isinstance(key, str) and key in self._unexplained and key not in self._found:
                    self._note(Standing.REFUSED, key, (name,), str(reason))

    def _files_by_metadata(self, published: Mapping[str, Any]) -> Mapping[str, str]:
        """Ask the objects of an entry for their files: key's field -> file path."""
        files = {}
        for name in KEY_FIELDS.values():
            key = published.get(name)
            stored = self._head(key) if isinstance(key, str) and key in self._listing else None
            if stored is not None and not isinstance(stored, CreativeS3Error):
                newcomer = self._maker.from_object(stored)
                files[name] = newcomer.records[0].asset.file_path
        return files

    def _take_object(self, stored: StoredObject) -> None:
        try:
            newcomer = self._maker.from_object(stored)
            name = newcomer.records[0].asset.cache_key
            if row := self._known.asset(name):
                self._take_known(row, newcomer, stored)
            elif name in self._new_names:
                raise NotTakenError(f"another object is the asset {name} already")  # noqa: TRY301 - one way out
            else:
                self._add(newcomer)
        except NotTakenError as reason:
            self._note(Standing.REFUSED, stored.key, detail=str(reason))

    def _take_known(self, row: AssetRecord, newcomer: Newcomer, stored: StoredObject) -> None:
        """Find that an object is that of an asset which the index has."""
        name = row.asset.cache_key
        if self._known.assigned.get(name) in self._listing:
            return  # an older object of an asset that has another key by now
        if row.asset.file_path not in {newcomer.said_path, newcomer.records[0].asset.file_path}:
            raise NotTakenError(f"the index has another file for the asset {name}")
        self._known.assign(row, stored.key)

    def _add(self, newcomer: Newcomer) -> None:
        """Add an entry, unless a file of it belongs to another asset.

        Raises:
            NotTakenError: It does.
        """
        problem: str | None = None
        for placed in self._maker.places(newcomer):
            problem = self._problem_of(placed)
            if problem is None:
                self._accept(placed)
                return
        raise NotTakenError(problem)

    def _problem_of(self, newcomer: Newcomer) -> str | None:
        """Say why the files of an entry cannot be its own; None when they can."""
        equal = same_size if newcomer.published is not None else same_content
        problems = (
            self._files.problem(
                record.asset.file_path, record.asset.cache_key, newcomer.objects.get(record.field), equal
            )
            for record in newcomer.records
        )
        return next(filter(None, problems), None)

    def _accept(self, newcomer: Newcomer) -> None:
        self._newcomers.append(newcomer)
        self._new_names.update(record.asset.cache_key for record in newcomer.records)
        for record in newcomer.records:
            stored = newcomer.objects.get(record.field)
            self._files.occupy(record.asset.file_path, record.asset.cache_key, stored)
            if stored is not None:
                self._note_new(stored.key, record, newcomer.origin)

    def _note_new(self, key: str, record: AssetRecord, origin: str) -> None:
        if key not in self._unexplained:
            return  # an object that the catalog knows: another entry of the index names it, too
        here = "" if record.is_cold else "; its file is here already, unproved"
        before = self._found.get(key)
        names = dict.fromkeys((*(before.cache_keys if before else ()), record.asset.cache_key))
        self._note(Standing.NEW, key, tuple(names), f"{origin}{here}")

    def _note(self, standing: Standing, key: str, names: Sequence[str] = (), detail: str = "") -> None:
        stored = self._listing[key]
        self._found[key] = Found(standing, key, stored.size_bytes, stored.storage_class, tuple(names), detail)

    def _head(self, key: str) -> StoredObject | CreativeS3Error | None:
        try:
            return self._storage.head(key)
        except CreativeS3Error as error:
            if ends_run(error):
                raise
            return error


def _unsafe(key: str) -> str | None:
    """Say why a key is no safe path; None when it is one."""
    try:
        safe_path(key)
        check_text(key, "it")
    except UnsafeKeyError as error:
        return error.message
    except NotTakenError as reason:
        return str(reason)
    return None


def _is_text(*names: str) -> bool:
    """Tell whether the catalog can hold the names: half a surrogate pair is no text."""
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        return False
    return all(names[1:])
