"""`S3MigrationManager`: plan, execute, validate. Joins the survey, the rules, the engine and the catalog."""

from __future__ import annotations

import random
import shlex
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.catalog import Catalog, ProvedObject, catalog_path, remote_side
from creative_s3.core.contents import Contents
from creative_s3.core.events import Emit, PhaseStarted, TotalsKnown, ignore
from creative_s3.core.execution import Execution, Failure
from creative_s3.core.layout import owner_of, parse_key
from creative_s3.core.lock import exclusive
from creative_s3.core.matching import Matching
from creative_s3.core.outcomes import Proof
from creative_s3.core.planning import Candidate, MigrationPlan, Operation, Reason, make_operations
from creative_s3.core.publishing import format_published, keys_in, merge, parse_published, with_keys
from creative_s3.core.remote import RemoteSurvey, list_remote, published_key
from creative_s3.core.survey import LocalSurvey, survey_local
from creative_s3.core.transfers import EngineName, TransferEngine
from creative_s3.core.validation import Finding, State, ValidationReport, compare
from creative_s3.core.workspace import FileState, Workspace
from creative_s3.errors import (
    ExitCode,
    PreconditionFailedError,
    RefusedError,
    SettingsError,
    TemporaryError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from creative_s3.core.index import Reference
    from creative_s3.core.storage import S3StorageManager

_PLANNING_ROUNDS = 3
"""How often a run plans again for keys that another writer took meanwhile."""
_PUBLISHING_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What a run did.

    Attributes:
        plan: What it set out to do.
        uploaded: Files sent and proved.
        uploaded_bytes: Their size.
        confirmed: Files found already there with the same content.
        failures: Items that failed.
        conflicts: Index entries that two machines changed; the newer one counts.
        published: Whether the published index was written; False when it was current already.
        duration_s: From the first request to the last.
        requests: What was sent, by S3 operation name.
        proofs: How many objects were proved in which way.
    """

    plan: MigrationPlan
    uploaded: int = 0
    uploaded_bytes: int = 0
    confirmed: int = 0
    failures: tuple[Failure, ...] = ()
    conflicts: tuple[str, ...] = ()
    published: bool = False
    duration_s: float = 0.0
    requests: Mapping[str, int] = field(default_factory=dict)
    proofs: Mapping[str, int] = field(default_factory=dict)

    @property
    def success_rate(self) -> float:
        """Percent of the files to send that are in S3 now, 0 to 100."""
        total = self.plan.total_files
        return 100.0 if total == 0 else 100.0 * (self.uploaded + self.confirmed) / total

    def exit_code(self, *, strict: bool = False) -> ExitCode:
        """Return what the process should end with; `strict` counts missing files as failures."""
        refused = self.plan.counts[Reason.REFUSED] + sum(problem.stops for problem in self.plan.problems)
        if self.failures or refused or (strict and self.plan.counts[Reason.MISSING]):
            return ExitCode.ITEMS_FAILED
        return ExitCode.OK


class S3MigrationManager:
    """Moves one cache to one bucket.

    Args:
        storage: The bucket; None plans without comparing, as if the bucket were empty.
        cache_dir: The pipeline's cache directory.
        prefix: What the keys begin with.
        engine: Which transfer engine.
        emit: Takes the events.
    """

    def __init__(
        self,
        storage: S3StorageManager | None,
        cache_dir: Path,
        *,
        prefix: str,
        engine: EngineName = "auto",
        emit: Emit = ignore,
    ) -> None:
        self.storage = storage
        self.workspace = Workspace(cache_dir)
        self.prefix = prefix
        self._engine = engine
        self._emit = emit

    def plan(self, *, include_unindexed: bool = False) -> MigrationPlan:
        """Find out what an upload would do. Sends only LIST, HEAD and GET; changes nothing in the bucket.

        Raises:
            RefusedError: The cache is missing or empty.
            IndexFileError: index.json cannot be read as an index.
            CreativeS3Error: The bucket cannot be listed.
        """
        survey = survey_local(self.workspace, self.prefix, include_unindexed=include_unindexed)
        with self._catalog() as catalog:
            self._check_index(survey, catalog)
            remote = self._list(catalog)
            operations = make_operations(self._match(survey, remote, catalog))
        return MigrationPlan(
            bucket=self.storage.bucket if self.storage else None,
            prefix=self.prefix,
            operations=operations,
            problems=survey.problems,
            unindexed=survey.unindexed,
            unusable=survey.unusable,
            compared=remote is not None,
        )

    def execute(self, plan: MigrationPlan) -> MigrationReport:
        """Carry out a plan, prove every object, then publish the index.

        A key that another writer took meanwhile is planned again, at most three times; what that writer
        stored is never replaced in this run.

        Raises:
            LockedError: Another run works on this cache.
            CreativeS3Error: The whole run cannot go on. What was proved before is recorded.
        """
        storage = self._bucket()
        include_unindexed = any(not operation.asset.indexed for operation in plan.operations)
        started = time.monotonic()
        with exclusive(catalog_path(self.workspace.cache_dir).with_name("lock")), self._catalog() as catalog:
            execution = Execution(
                catalog, storage_class=storage.connection.config.storage_class, emit=self._emit
            )
            if plan.uploads:
                self._emit(PhaseStarted("uploading"))
                self._emit(TotalsKnown(plan.total_files, plan.total_size_bytes))
                self._upload(plan, execution, include_unindexed=include_unindexed)
            self._emit(PhaseStarted("publishing the index"))
            published, conflicts = self._publish(catalog, include_unindexed=include_unindexed)
        return MigrationReport(
            plan=plan,
            uploaded=execution.uploaded,
            uploaded_bytes=execution.uploaded_bytes,
            confirmed=execution.confirmed,
            failures=tuple(execution.failures),
            conflicts=conflicts,
            published=published,
            duration_s=time.monotonic() - started,
            requests=Counter(storage.requests) + execution.requests,
            proofs=execution.proofs,
        )

    def validate(self, *, deep: bool = False, include_unindexed: bool = False) -> ValidationReport:
        """Compare index, disk and bucket. Sends only LIST, HEAD and GET.

        Args:
            deep: Read every local file again and HEAD every object, whatever the catalog says.
            include_unindexed: Expect the files that no entry names, too.

        Raises:
            CreativeS3Error: The cache or the bucket cannot be looked at.
        """
        storage = self._bucket()
        survey = survey_local(self.workspace, self.prefix, include_unindexed=include_unindexed)
        with self._catalog() as catalog:
            self._check_index(survey, catalog)
            remote = self._list(catalog, trusted=not deep)
            candidates = self._match(survey, remote, catalog, keep_keys=True, trusted=not deep)
            findings = compare(candidates, remote.listing if remote else {})
            findings += self._published_findings(remote, catalog)
        return ValidationReport(
            bucket=storage.bucket,
            prefix=self.prefix,
            findings=findings,
            problems=survey.problems,
            unindexed=survey.unindexed,
            deep=deep,
            requests=storage.requests,
        )

    def _check_index(self, survey: LocalSurvey, catalog: Catalog) -> None:
        """Refuse an index that names nothing any more: it is never read as "everything was deleted"."""
        known = len(catalog.assignments())
        if known and not any(asset.indexed for asset in survey.assets):
            ours = shlex.quote(str(catalog_path(self.workspace.cache_dir).parent))
            raise RefusedError(
                f"the index names no asset, and {known:,} of this cache are in the bucket;"
                " nothing is read as deleted",
                item=str(self.workspace.index_path),
                hint="restore index.json (the published one is in the bucket, below metadata/);"
                f" if it is meant to be empty: rm -r {ours}",
            )

    def _bucket(self) -> S3StorageManager:
        if self.storage is None:
            raise SettingsError("no bucket is set", item="S3_BUCKET_NAME", hint="pass --bucket NAME")
        return self.storage

    def _catalog(self) -> Catalog:
        where = remote_side(self.storage.connection, self.prefix) if self.storage else "nowhere"
        return Catalog(catalog_path(self.workspace.cache_dir), bucket=where)

    def _list(self, catalog: Catalog, *, trusted: bool = True) -> RemoteSurvey | None:
        if self.storage is None:
            return None
        self._emit(PhaseStarted("listing the bucket"))
        return list_remote(self.storage, self.prefix, catalog if trusted else None)

    def _match(
        self,
        survey: LocalSurvey,
        remote: RemoteSurvey | None,
        catalog: Catalog,
        *,
        keep_keys: bool = False,
        trusted: bool = True,
    ) -> tuple[Candidate, ...]:
        candidates = Matching(
            survey,
            remote,
            Contents(catalog, trust_signatures=trusted),
            prefix=self.prefix,
            assigned=self._assigned(survey, remote, catalog),
            keep_keys=keep_keys,
            workers=self.storage.connection.config.max_parallel_uploads if self.storage else 1,
            emit=self._emit,
        ).candidates()
        _remember(candidates, catalog)
        return candidates

    def _assigned(
        self, survey: LocalSurvey, remote: RemoteSurvey | None, catalog: Catalog
    ) -> Mapping[str, str]:
        """Return the keys that assets were given: by the catalog, else by the published index."""
        assigned = catalog.assignments()
        if not (self.storage and remote and remote.published):
            return assigned
        if all(
            asset.cache_key in assigned
            for asset in survey.assets
            if survey.files[asset.file_path].state is FileState.PRESENT
        ):
            return assigned
        read = self.storage.read(remote.published.key)
        if read is None:
            return assigned
        published = keys_in(parse_published(read[1], remote.published.key), survey.references)
        # What others wrote is taken only where it is a key of this layout.
        usable = {name: key for name, key in published.items() if parse_key(key, self.prefix) is not None}
        return {**usable, **assigned}

    def _upload(self, plan: MigrationPlan, execution: Execution, *, include_unindexed: bool) -> None:
        storage = self._bucket()
        operations: Sequence[Operation] = plan.uploads
        for _ in range(_PLANNING_ROUNDS):
            with TransferEngine(storage.connection, engine=self._engine, emit=self._emit) as engine:
                contested = execution.upload(engine, operations)
            if not contested:
                return
            names = {operation.asset.cache_key for operation in contested}
            again = self.plan(include_unindexed=include_unindexed)
            concerned = [operation for operation in again.operations if operation.asset.cache_key in names]
            # A free key may be taken at once; replacing what somebody just stored needs a plan that is seen.
            operations = [operation for operation in concerned if operation.reason is Reason.NEW]
            execution.confirm(operation for operation in concerned if operation.reason is Reason.UNCHANGED)
            for operation in concerned:
                if operation.reason is Reason.CHANGED:
                    execution.fail(operation, _taken(operation))
        for operation in operations:
            execution.fail(operation, _taken(operation))

    def _publish(self, catalog: Catalog, *, include_unindexed: bool) -> tuple[bool, tuple[str, ...]]:
        """Merge our index into the published one; return whether it was written, and the conflicts."""
        storage = self._bucket()
        survey = survey_local(self.workspace, self.prefix, include_unindexed=include_unindexed)
        if not survey.document:
            return False, ()
        assigned = catalog.assignments()
        ours = with_keys(survey.document, _placed(survey, assigned))
        key = published_key(self.prefix)
        for attempt in range(_PUBLISHING_ROUNDS):
            read = storage.read(key)
            theirs = parse_published(read[1], key) if read else {}
            merged = merge(ours, theirs, catalog.published())
            try:
                written = read is None or merged.document != theirs
                if written:
                    storage.write(
                        key,
                        format_published(merged.document),
                        content_type="application/json",
                        if_match=read[0].etag if read else None,
                    )
            except PreconditionFailedError:
                time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - spreading retries, no secret
                continue
            catalog.remember_published(merged.digests)
            return written, merged.conflicts
        raise TemporaryError(
            "other machines keep writing the published index", item=key, hint="run the same command again"
        )

    def _published_findings(self, remote: RemoteSurvey | None, catalog: Catalog) -> tuple[Finding, ...]:
        if remote is None or remote.published or not catalog.published():
            return ()
        key = published_key(self.prefix)
        return (
            Finding(State.MISSING_IN_S3, key, None, 0, "the published index is gone; upload writes it again"),
        )


def _taken(operation: Operation) -> PreconditionFailedError:
    return PreconditionFailedError(
        "another writer stored other content under this key during the run; it was left alone",
        item=operation.key,
        hint="see what replacing it would mean: creative-s3 migrate upload --dry-run",
    )


def _remember(candidates: Sequence[Candidate], catalog: Catalog) -> None:
    """Record the objects whose content was just proved to be the file's, so that the next look asks less."""
    proved = [
        (candidate, candidate.remote)
        for candidate in candidates
        if candidate.remote is not None
        and candidate.remote.metadata is not None  # asked for just now, not vouched for by the catalog
        and candidate.crc64nvme is not None
        and candidate.crc64nvme == candidate.remote_crc64nvme
    ]
    if not proved:
        return
    now = datetime.now(UTC).isoformat(timespec="seconds")
    catalog.remember(
        objects=[
            ProvedObject(
                key=stored.key,
                size_bytes=stored.size_bytes,
                etag=stored.etag,
                crc64nvme=candidate.crc64nvme or "",
                version_id=stored.version_id,
                storage_class=stored.storage_class,
                owner=owner_of(stored.metadata),
                proof=str(Proof.CHECKSUM if stored.crc64nvme else Proof.READ_BACK),
                proved_at=now,
            )
            for candidate, stored in proved
        ],
        assignments={candidate.asset.cache_key: candidate.key for candidate, _ in proved},
    )


def _placed(survey: LocalSurvey, assigned: Mapping[str, str]) -> Iterator[tuple[Reference, str]]:
    """Yield every place in the index that names a file whose object is proved, with the object's key."""
    keys = {
        (asset.file_path, identity): assigned[asset.cache_key]
        for asset in survey.assets
        if asset.cache_key in assigned
        for identity in (asset.cache_key, *asset.also_known_as)
    }
    for reference in survey.references:
        key = keys.get((reference.asset.file_path, reference.asset.cache_key))
        if key is not None:
            yield reference, key
