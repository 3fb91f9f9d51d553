"""One look at index, disk and bucket at the same time, and what of it the rules must judge. Reads only.

The bucket is listed by a thread of its own while this one looks at the disk. What is settled (see
`core.migration.comparison`) is counted; only the other assets become objects.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import published_key
from creative_s3.core.assets.models import Asset
from creative_s3.core.catalog.contents import Contents
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.core.files.digests import SMALL_BYTES, digests
from creative_s3.core.files.workspace import FileState, Locator
from creative_s3.core.index.entries import PRODUCTS_SECTION, TOP_LEVEL
from creative_s3.core.index.index import IndexProblem, ProblemKind, Reference, assets_of
from creative_s3.core.index.survey import (
    UNINDEXED,
    LocalSurvey,
    nothing_of_index,
)
from creative_s3.core.migration.comparison import Comparison
from creative_s3.core.migration.novelty import find_new
from creative_s3.core.migration.remote import RemoteSurvey
from creative_s3.core.migration.settled import wanted_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import LocalFile, Workspace
    from creative_s3.core.migration.settled import NewAssets, SettledAssets
    from creative_s3.core.s3.object_store import ObjectStore
    from creative_s3.core.transfers.choice import EngineName

_CHUNK = 500
_PATIENCE_S = 0.2


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen; it can be asked for more until it is closed.

    Attributes:
        survey: The local side of the assets that are not settled, and everything else in the cache.
        remote: The bucket's side; None when nobody asked it.
        settled: The assets about which nothing is to be done.
        new: The assets that are simply sent, as far as they were to be counted.
        comparison: The tables behind it.
        named: How many files the index names.
    """

    survey: LocalSurvey
    remote: RemoteSurvey | None
    settled: SettledAssets
    new: NewAssets
    comparison: Comparison
    named: int

    def is_settled(self, key: str) -> bool:
        """Tell whether a key is a settled asset's."""
        return bool(len(self.settled)) and self.comparison.is_settled(key)

    def is_new(self, key: str) -> bool:
        """Tell whether a key will be a new asset's."""
        return bool(len(self.new)) and self.comparison.is_new(key)


@dataclass(frozen=True, slots=True)
class Observer:
    """Looks at one cache and one bucket.

    Attributes:
        workspace: The local side.
        catalog: It has taken in the index.
        storage: The bucket; None as if it were empty.
        prefix: What the keys begin with.
        emit: Takes events.
        settles: False to leave every asset to the rules: slower, and the same in the end.
        engine: Which transfer engine sends many HEADs.
    """

    workspace: Workspace
    catalog: Catalog
    storage: ObjectStore | None
    prefix: str
    emit: Emit = ignore
    settles: bool = True
    engine: EngineName = "auto"

    @contextmanager
    def look(
        self, *, include_unindexed: bool, trusted: bool, counts_new: bool = False
    ) -> Iterator[Observation]:
        """Look at everything.

        Args:
            include_unindexed: Also the files that no entry names become assets.
            trusted: Take the catalog's word for what files and objects hold. Else only what was read now and
                is what the bucket's own listing tells is settled.
            counts_new: Count what is simply new as well, instead of making it into objects.

        Raises:
            RefusedError: None of the indexed files is there.
            CreativeS3Error: The bucket cannot be listed.
        """
        with Comparison(self.catalog) as comparison:
            listing = _Listing(self.storage, self.prefix, comparison, self.catalog) if self.storage else None
            try:
                named = self._look_at_disk(comparison)
                if trusted:
                    self._read_touched(comparison)
                    comparison.expect()
                elif self.settles:
                    self._read(comparison)
                if listing:
                    self.emit(PhaseStarted("listing the bucket"))
                    listing.wait()
            finally:
                if listing:
                    listing.stop()
            remote = None
            if self.storage:
                published = comparison.take(published_key(self.prefix))
                remote = RemoteSurvey(
                    comparison,
                    self.catalog if trusted else None,
                    self.storage,
                    published,
                    engine=self.engine,
                )
            if remote and named and self.settles:
                comparison.settle()
            if counts_new and trusted and named and self.settles:
                self.emit(PhaseStarted("comparing"))
                find_new(comparison, self.catalog, remote, prefix=self.prefix)
            survey = self._survey(comparison, named=named, include_unindexed=include_unindexed)
            root = self.workspace.root
            yield Observation(
                survey, remote, comparison.settled(root), comparison.new(root, self.prefix), comparison, named
            )

    def _look_at_disk(self, comparison: Comparison) -> int:
        """Return how many files the index names."""
        comparison.add_walked(self.workspace.walk())
        if not self.workspace.index_path.exists():
            return 0
        comparison.look_at_named(Locator(self.workspace))
        named = comparison.named()
        if named and comparison.missing() == named and not comparison.cold(anywhere=self.storage is None):
            raise nothing_of_index(self.workspace, named)
        return named

    def _read_touched(self, comparison: Comparison) -> None:
        """Read what was touched, copied or moved since its content was recorded: it may be as recorded."""
        if self.storage is None or not self.settles:
            return
        root, locate = self.workspace.root, Locator(self.workspace)
        for number, paths in enumerate(comparison.touched(_CHUNK)):
            if not number:
                self.emit(PhaseStarted("reading files"))
            files = {path: comparison.file(root, path, locate) for path in paths}
            Contents(self.catalog).of(files, paths)

    def _read(self, comparison: Comparison) -> None:
        """Read the small files while the bucket is listed."""
        if self.storage is None or self.storage.connection.config.kms_key_id:
            return  # under a KMS key no ETag is an MD5
        if self.storage.connection.dialect.not_stored:
            return  # nothing that this server tells is a proof
        self.emit(PhaseStarted("reading files"))
        root = str(self.workspace.root)
        comparison.expect_read(digests(root, comparison.comparable(SMALL_BYTES)))

    def _survey(self, comparison: Comparison, *, named: int, include_unindexed: bool) -> LocalSurvey:
        spare = comparison.spare(has_index=bool(named))
        unindexed = tuple((path, size) for path, state, size, _ in spare if state is FileState.PRESENT)
        extra = tuple(
            Asset(cache_key=f"{UNINDEXED}{path}", file_path=path, indexed=False)
            for path, _ in (unindexed if include_unindexed else ())
        )
        entries = _Entries()
        if named:
            self._take(entries, comparison.uncounted_files())
        assets = assets_of(entries.references, self.prefix) + extra
        given = self.catalog.assignments_of(asset.cache_key for asset in assets)
        wanted = (wanted_key(asset, given.get(asset.cache_key), self.prefix) for asset in assets)
        if rivals := comparison.pull_in(wanted):
            self._take(entries, rivals)
            assets = assets_of(entries.references, self.prefix) + extra
        root, locate = self.workspace.root, Locator(self.workspace)  # others go on with the index
        files = {asset.file_path: comparison.file(root, asset.file_path, locate) for asset in assets}
        return LocalSurvey(
            references=tuple(entries.references),
            assets=assets,
            files=files,
            problems=_problems(self.catalog) if self.workspace.index_path.exists() else (),
            unindexed=unindexed,
            unusable=tuple(
                (path, reason) for path, state, _, reason in spare if state is not FileState.PRESENT
            ),
            cold=self._cold(entries, files),
        )

    def _take(self, entries: _Entries, paths: list[str]) -> None:
        for start in range(0, len(paths), _CHUNK):
            entries.add(self.catalog.assets.with_files(paths[start : start + _CHUNK]))

    def _cold(self, entries: _Entries, files: Mapping[str, LocalFile]) -> dict[str, int]:
        """Return the missing files among those that are recorded as in S3 only, with their recorded size."""
        if not entries.cold:
            return {}
        here = self.catalog.assignments_of(cache_key for cache_key, _, _ in entries.cold)
        return {
            path: size_bytes
            for cache_key, path, size_bytes in entries.cold
            if files[path].state is FileState.MISSING and (self.storage is None or cache_key in here)
        }


class _Entries:
    """Entries of the index as the catalog has them.

    Attributes:
        references: All of them, products in the order of their precedence.
        cold: Those in S3 only: cache key, file, bytes.
    """

    def __init__(self) -> None:
        self.references: list[Reference] = []
        self.cold: list[tuple[str, str, int]] = []

    def add(self, rows: Iterable[AssetRecord]) -> None:
        for row in rows:
            self.references.append(Reference(row.section, row.entry, row.field, row.asset))
            if row.is_cold:
                self.cold.append((row.asset.cache_key, row.asset.file_path, row.size_bytes or 0))
        self.references.sort(key=_precedence)


class _Listing:
    """Lists the bucket into a comparison, in a thread that never keeps the process alive."""

    def __init__(self, storage: ObjectStore, prefix: str, comparison: Comparison, catalog: Catalog) -> None:
        inside, marks = f"{prefix}/" if prefix else "", catalog.marks()
        self._pages = storage.sharded_pages(inside, marks) if marks else storage.pages(inside)
        self._comparison = comparison
        self._stopped = threading.Event()
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._list, name="listing", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait for the end of the listing.

        Raises:
            CreativeS3Error: It failed.
        """
        while self._thread.is_alive():
            self._thread.join(_PATIENCE_S)  # a signal is taken in between
        if self._trouble is not None:
            raise self._trouble

    def stop(self) -> None:
        """Let the thread end after the page that it waits for."""
        self._stopped.set()

    def _list(self) -> None:
        try:
            for page in self._pages:
                if self._stopped.is_set():
                    return
                self._comparison.add_page(page)
        except BaseException as error:  # noqa: BLE001 - `wait` raises it where somebody can take it
            self._trouble = error


def _precedence(reference: Reference) -> tuple[bool, bool, str, str]:
    """Sort references as `core.index.index` reads them, as far as it makes a difference: products first."""
    slug = reference.asset.product_slug
    return reference.section != PRODUCTS_SECTION, slug != reference.entry, reference.entry, reference.field


def _problems(catalog: Catalog) -> tuple[IndexProblem, ...]:
    forgiven, aside = catalog.problems()
    return (
        *(IndexProblem(ProblemKind.WARNING, TOP_LEVEL, name, reason) for name, reason in forgiven),
        *(IndexProblem(ProblemKind(kind), section, entry, reason) for section, entry, kind, reason in aside),
    )
