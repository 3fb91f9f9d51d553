"""`S3MigrationManager`: plan, execute, validate. Joins the survey, the rules, the engine and the catalog."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from creative_s3.core.arguments import check_cache_manager, check_callback
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.contents import Contents
from creative_s3.core.catalog.ledger import Ledger, Moved
from creative_s3.core.catalog.places import catalog_path, remote_side
from creative_s3.core.catalog.settling import settle
from creative_s3.core.events import Emit, PhaseStarted, TotalsKnown, ignore
from creative_s3.core.files.locks import exclusive
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.index.survey import check_cache
from creative_s3.core.migration.execution import Execution
from creative_s3.core.migration.matching import Matching
from creative_s3.core.migration.observation import Observation, Observer
from creative_s3.core.migration.plan_costs import sent_bill
from creative_s3.core.migration.planning import MigrationPlan, Operation, Reason, make_operations
from creative_s3.core.migration.published_index import assigned_keys, published_findings
from creative_s3.core.migration.remembering import remember
from creative_s3.core.migration.report import MigrationReport, exit_code_of
from creative_s3.core.migration.validation import ValidationReport, compare
from creative_s3.core.published.publication import is_current, publish
from creative_s3.core.transfers.engine import EngineName, TransferEngine
from creative_s3.core.transfers.progress import ProgressMeter
from creative_s3.core.transfers.unfinished import Unfinished
from creative_s3.core.transfers.verification import proving_uploads
from creative_s3.errors import FileVanishedError, PreconditionFailedError, RefusedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from creative_s3.core.index.index import IndexProblem
    from creative_s3.core.migration.candidates import Candidate
    from creative_s3.core.s3.object_store import ObjectStore
    from creative_s3.core.transfers.progress import TransferProgress

_PLANNING_ROUNDS = 3
"""How often a run plans again for keys that another writer took meanwhile."""


class HasCacheDir(Protocol):
    """What knows the pipeline's cache directory: a ``CacheManager``, or the settings."""

    @property
    def cache_dir(self) -> Path:
        """The cache directory, relative to the current directory or absolute."""


class S3MigrationManager:
    """Moves one cache to one bucket. One thread at a time.

    Args:
        cache_manager: Knows the cache directory: a ``CacheManager``, or the settings (`S3Config`).
        s3_manager: The bucket; None plans without comparing, as if the bucket were empty.
        prefix: What the keys begin with; by default ``S3_PREFIX`` of the bucket's settings.
        engine: Which transfer engine; ``auto`` is s3transfer's CRT engine where it can serve.
        max_bandwidth: Bytes per second at most; None for as fast as it goes.
        verify: Whether a sample of the uploads is read back; None until the server has shown that it stores.
        emit: Takes the events; any thread may call it.
    """

    def __init__(  # noqa: PLR0913 - each of them is a choice of the caller
        self,
        cache_manager: HasCacheDir,
        s3_manager: ObjectStore | None = None,
        *,
        prefix: str | None = None,
        engine: EngineName = "auto",
        max_bandwidth: int | None = None,
        verify: bool | None = None,
        emit: Emit = ignore,
    ) -> None:
        check_cache_manager(cache_manager)
        self.storage = s3_manager
        self.workspace = Workspace(Path(cache_manager.cache_dir))
        self.prefix = _default_prefix(s3_manager) if prefix is None else prefix
        self._engine = engine
        self._max_bandwidth = max_bandwidth
        self._verify = verify
        self._emit = emit

    def create_migration_plan(self, *, include_unindexed: bool = False) -> MigrationPlan:
        """Find out what an upload would do. Sends only LIST, HEAD and GET; changes nothing in the bucket.

        Args:
            include_unindexed: Also the files in the cache that no index entry names.

        Raises:
            RefusedError: The cache is missing or empty.
            IndexFileError: index.json cannot be read as an index.
            CreativeS3Error: The bucket cannot be listed.
        """
        before = Counter(self.storage.requests) if self.storage else Counter()
        self._check_cache(include_unindexed=include_unindexed)
        with (
            self._catalog() as catalog,
            self._look(catalog, include_unindexed=include_unindexed, counts_new=True) as seen,
        ):
            operations = make_operations(self._match(seen, catalog))
        return MigrationPlan(
            bucket=self.storage.bucket if self.storage else None,
            prefix=self.prefix,
            operations=operations,
            settled=seen.settled,
            new=seen.new,
            problems=seen.survey.problems,
            unindexed=seen.survey.unindexed,
            unusable=seen.survey.unusable,
            compared=seen.remote is not None,
            include_unindexed=include_unindexed,
            published_etag=seen.remote.published.etag if seen.remote and seen.remote.published else None,
            looked=Counter(self.storage.requests) - before if self.storage else {},
            unfinished=self._unfinished() if self.storage else 0,
        )

    def execute_migration(
        self,
        plan: MigrationPlan,
        progress_callback: Callable[[TransferProgress], object] | None = None,
    ) -> MigrationReport:
        """Carry out a plan, prove every object, then publish the index.

        A key that another writer took meanwhile is planned again, at most three times; what that writer
        stored is never replaced in this run. One file's failure does not stop the others.

        Args:
            plan: From `create_migration_plan`.
            progress_callback: Called by this thread, at most every half second, and once at the end; with
                what it raises, the run ends. What was proved before is recorded.

        Raises:
            LockedError: Another run works on this cache.
            UsageError: `progress_callback` is none.
            CreativeS3Error: The whole run cannot go on. What was proved before is recorded.
        """
        check_callback(progress_callback)
        storage = self._bucket()
        before = Counter(storage.requests)
        meter = ProgressMeter(
            total_files=plan.total_files,
            total_bytes=plan.total_size_bytes,
            callback=progress_callback,
            emit=self._emit,
        )
        started = time.monotonic()
        with exclusive(catalog_path(self.workspace.cache_dir).with_name("lock")), self._catalog() as catalog:
            execution = Execution(catalog, storage_class=storage.connection.config.storage_class, meter=meter)

            def requests() -> Counter[str]:
                return Counter(storage.requests) - before + execution.requests

            def moved() -> Moved:
                sent = Counter(plan.looked) + requests()  # as the plan's price has them
                return replace(
                    execution.moved(sent),
                    exit_code=exit_code_of(plan, failed=bool(execution.failures)),
                    price=sent_bill(sent, storage.connection.config).price,
                )

            with Ledger(catalog.path, catalog.bucket).run("migrate upload", moved) as execution.run:
                if plan.total_files:
                    self._emit(PhaseStarted("uploading"))
                    self._emit(TotalsKnown(plan.total_files, plan.total_size_bytes))
                    self._upload(plan, execution, meter)
                published, conflicts = self._publish(plan, catalog, run=execution.run)
        meter.finish()
        return MigrationReport(
            plan=plan,
            uploaded=execution.uploaded,
            uploaded_bytes=execution.uploaded_bytes,
            confirmed=execution.confirmed,
            failures=tuple(execution.failures),
            conflicts=conflicts,
            published=published,
            duration_s=time.monotonic() - started,
            requests=requests(),
            proofs=execution.proofs,
            run=execution.run,
            replaced=tuple(execution.replaced),
            warnings=tuple(execution.warnings),
        )

    def validate_migration(self, *, deep: bool = False, include_unindexed: bool = False) -> ValidationReport:
        """Compare index, disk and bucket. Sends only LIST, HEAD and GET.

        Args:
            deep: Read every local file again and hold it against S3's own checksum, whatever the catalog
                says: the ETag where that is the MD5 of the content, else the CRC64NVME that HEAD tells.
            include_unindexed: Expect the files that no entry names, too.

        Raises:
            CreativeS3Error: The cache or the bucket cannot be looked at.
        """
        storage = self._bucket()
        before = Counter(storage.requests)
        self._check_cache(include_unindexed=include_unindexed)
        with (
            self._catalog() as catalog,
            self._look(catalog, include_unindexed=include_unindexed, trusted=not deep) as seen,
        ):
            candidates = self._match(seen, catalog, keep_keys=True, trusted=not deep)
            findings = compare(candidates, seen.comparison.unexpected())
            findings += published_findings(seen.remote, catalog, prefix=self.prefix)
        return ValidationReport(
            bucket=storage.bucket,
            prefix=self.prefix,
            findings=findings,
            settled=seen.settled,
            problems=seen.survey.problems,
            unindexed=seen.survey.unindexed,
            unusable=seen.survey.unusable,
            include_unindexed=include_unindexed,
            deep=deep,
            requests=Counter(storage.requests) - before,
        )

    @contextmanager
    def _look(
        self, catalog: Catalog, *, include_unindexed: bool, trusted: bool = True, counts_new: bool = False
    ) -> Iterator[Observation]:
        """Look at index, disk and bucket; what the catalog records as in S3 only is not missing."""
        # Also what old code dropped again from the index comes back here.
        settle(catalog, self.workspace, emit=self._emit)
        observer = Observer(
            self.workspace, catalog, self.storage, self.prefix, self._emit, engine=self._engine
        )
        with observer.look(
            include_unindexed=include_unindexed, trusted=trusted, counts_new=counts_new
        ) as seen:
            if not seen.named:
                self._check_index(catalog, aside=[one for one in seen.survey.problems if one.stops])
            yield seen

    def _check_cache(self, *, include_unindexed: bool) -> None:
        """Make sure that there is a cache; what only the catalog knows of index.json is written first."""
        if not self.workspace.index_path.exists() and catalog_path(self.workspace.cache_dir).is_file():
            with self._catalog() as catalog:
                settle(catalog, self.workspace, emit=self._emit)
        check_cache(self.workspace, include_unindexed=include_unindexed)

    def _check_index(self, catalog: Catalog, *, aside: Sequence[IndexProblem]) -> None:
        """Refuse an index that names nothing any more: it is never read as "everything was deleted"."""
        known = catalog.count_assignments()
        if known and aside:
            raise RefusedError(
                f"{len(aside):,} index entries are set aside and none is left, and {known:,} of this cache"
                f" are in the bucket; nothing is read as deleted. One of them: {aside[0].item}"
                f" {aside[0].reason}",
                item=str(self.workspace.index_path),
                hint="correct the entries in index.json, then run again",
            )
        if known:
            ours = shlex.quote(str(catalog_path(self.workspace.cache_dir).parent))
            raise RefusedError(
                f"the index names no asset, and {known:,} of this cache are in the bucket;"
                " nothing is read as deleted",
                item=str(self.workspace.index_path),
                hint="restore index.json (the published one is in the bucket, below metadata/);"
                f" if it is meant to be empty: rm -r {ours}",
            )

    def _unfinished(self) -> int:
        """Count the uploads in parts that an earlier run has begun here."""
        storage = self._bucket()
        begun = Unfinished().keys(storage.connection.endpoint_url, storage.bucket)
        return sum(1 for key in begun if key.startswith(self.prefix))

    def _publish(self, plan: MigrationPlan, catalog: Catalog, *, run: int) -> tuple[bool, tuple[str, ...]]:
        """Publish the index, unless the published one was seen to have all of it."""
        settle(catalog, self.workspace, emit=self._emit)
        if is_current(plan.published_etag, self.workspace, catalog):
            return False, ()
        self._emit(PhaseStarted("publishing the index"))
        return publish(self._bucket(), self.workspace, catalog, prefix=self.prefix, run=run)

    def _bucket(self) -> ObjectStore:
        if self.storage is None:
            raise SettingsError("no bucket is set", item="S3_BUCKET_NAME", hint="pass --bucket NAME")
        return self.storage

    def _catalog(self) -> Catalog:
        where = remote_side(self.storage.connection, self.prefix) if self.storage else "nowhere"
        return Catalog(catalog_path(self.workspace.cache_dir), bucket=where)

    def _match(
        self, seen: Observation, catalog: Catalog, *, keep_keys: bool = False, trusted: bool = True
    ) -> tuple[Candidate, ...]:
        candidates = Matching(
            seen.survey,
            seen.remote,
            Contents(catalog, trust_signatures=trusted),
            prefix=self.prefix,
            assigned=assigned_keys(seen.survey, seen.remote, catalog, prefix=self.prefix),
            is_settled=seen.is_settled,
            is_new=seen.is_new,
            keep_keys=keep_keys,
            asks_for_cold=not trusted,
            emit=self._emit,
        ).candidates()
        drops_metadata = bool(self.storage and self.storage.connection.dialect.drops_metadata)
        remember(candidates, catalog, drops_metadata=drops_metadata)
        return candidates

    def proving(self, plan: MigrationPlan, *, verify: bool | None) -> dict[str, int]:
        """Return what proving the uploads of a plan sends, by S3 operation, for its price."""
        if self.storage is None:
            return {}
        return proving_uploads(self.storage.connection, plan.total_files, wanted=verify)

    def _upload(self, plan: MigrationPlan, execution: Execution, meter: ProgressMeter) -> None:
        storage = self._bucket()
        operations: Iterable[Operation] = plan.uploads()
        planned = plan.total_files
        for _ in range(_PLANNING_ROUNDS):
            with TransferEngine(
                storage.connection,
                engine=self._engine,
                max_bandwidth=self._max_bandwidth,
                verify=self._verify,
                emit=meter.take,
                tick=meter.tick,
            ) as engine:
                contested = execution.upload(engine, operations)
            if planned > execution.drawn:
                execution.missed(planned - execution.drawn, self.workspace.index_path)
            planned = 0
            if not contested:
                return
            names = {operation.asset.cache_key for operation in contested}
            again = self.create_migration_plan(include_unindexed=plan.include_unindexed)
            concerned = [operation for operation in again.everything() if operation.asset.cache_key in names]
            # A free key may be taken at once; replacing what somebody just stored needs a plan that is seen.
            operations = [operation for operation in concerned if operation.reason is Reason.NEW]
            execution.confirm(operation for operation in concerned if operation.reason is Reason.UNCHANGED)
            for operation in concerned:
                if operation.reason is Reason.CHANGED:
                    execution.fail(operation, _taken(operation))
                elif operation.reason in {Reason.MISSING, Reason.REFUSED}:
                    execution.fail(operation, _lost(operation))
        for operation in operations:
            execution.fail(operation, _taken(operation))


def _taken(operation: Operation) -> PreconditionFailedError:
    return PreconditionFailedError(
        "another writer stored other content under this key during the run; it was left alone",
        item=operation.key,
        hint="see what replacing it would mean: creative-s3 migrate upload --dry-run",
    )


def _lost(operation: Operation) -> FileVanishedError:
    return FileVanishedError(
        f"the file cannot be sent any more: {operation.detail}",
        item=str(operation.path),
        hint="see how things stand: creative-s3 migrate upload --dry-run",
    )


def _default_prefix(storage: ObjectStore | None) -> str:
    if storage is not None:
        return storage.connection.config.prefix
    from creative_s3.settings import S3Config  # noqa: PLC0415 - only needed without a bucket

    return S3Config.from_env().prefix
