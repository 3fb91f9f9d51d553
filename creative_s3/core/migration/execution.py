"""Carrying out the uploads of a plan: operations into the engine, proofs into the catalog."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import object_metadata, object_tags, owner_of
from creative_s3.core.catalog.catalog import Catalog, ProvedObject
from creative_s3.core.catalog.ledger import Moved
from creative_s3.core.catalog.usage import UPLOADS, Tally
from creative_s3.core.events import Skipped
from creative_s3.core.faults.translation import ends_run
from creative_s3.core.files.media_types import content_type_of
from creative_s3.core.files.workspace import Signature
from creative_s3.core.transfers.outcomes import Outcome, Proof, Upload
from creative_s3.errors import CreativeS3Error, FileChangedError, NotStoredError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.migration.planning import Operation
    from creative_s3.core.transfers.engine import TransferEngine
    from creative_s3.core.transfers.file_results import DownloadResult
    from creative_s3.core.transfers.progress import ProgressMeter

_COMMIT_ITEMS = 200
_COMMIT_S = 0.5


@dataclass(frozen=True, slots=True)
class Failure:
    """An item that is not in S3 after the run, and why.

    Attributes:
        item: The asset's cache key.
        key: The key it was meant for.
        error: What happened; its hint is the remedy.
    """

    item: str
    key: str
    error: CreativeS3Error


class Execution:
    """One run's uploads and what became of them; used from one thread.

    Attributes:
        uploaded: Files sent and proved.
        uploaded_bytes: Their size.
        confirmed: Files found there with the same content, put by somebody else meanwhile.
        failures: What failed for good.
        proofs: How many objects were proved in which way.
        requests: Requests sent, by S3 operation name.
        warnings: What a person should know although it succeeded, each once.
        run: The number under which the catalog keeps what this run changes.
        created: How many objects were made where none was.
        replaced: Keys under which other content was before.
        drawn: How many operations were begun.
    """

    def __init__(self, catalog: Catalog, *, storage_class: str, meter: ProgressMeter) -> None:
        self._catalog = catalog
        self._storage_class = storage_class
        self._meter = meter
        self._waiting: list[tuple[Operation, Outcome, Signature | None]] = []
        self._committed_at = time.monotonic()
        self.uploaded = 0
        self.uploaded_bytes = 0
        self.confirmed = 0
        self.failures: list[Failure] = []
        self.proofs: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.warnings: dict[str, None] = {}
        self.run = 0
        self.created = 0
        self.replaced: list[str] = []
        self.drawn = 0

    def upload(self, engine: TransferEngine, operations: Iterable[Operation]) -> list[Operation]:
        """Send the files of `operations` as they go out; return those whose key others took meanwhile.

        What is proved is recorded at the latest half a second later, also when this ends by an exception.

        Raises:
            CreativeS3Error: No item can succeed any more (no bucket, no valid credentials).
        """
        by_key: dict[str, Operation] = {}

        def requests() -> Iterator[Upload]:
            for operation in operations:
                self.drawn += 1
                by_key[operation.key] = operation
                yield self._request(operation)

        contested: list[Operation] = []

        def take_late(outcome: Outcome) -> None:
            if operation := by_key.pop(outcome.request.key, None):
                self._succeed(operation, outcome)

        try:
            with engine.drained(take_late):
                for outcome in engine.upload(requests()):
                    operation = by_key.pop(outcome.request.key)
                    if outcome.conflict is not None:
                        contested.append(operation)
                    else:
                        self._take(operation, outcome)
                    self._meter.tick()
        finally:
            self._commit()
            self.requests.update(engine.requests)
        return contested

    def fail(self, operation: Operation, error: CreativeS3Error) -> None:
        """Record that an item failed for good."""
        self.failures.append(Failure(operation.asset.cache_key, operation.key, error))
        self._meter.failed(operation.key, operation.size_bytes)

    def missed(self, number: int, index_path: Path) -> None:
        """Record that assets of the plan are not in the index any more, or not as they were."""
        error = FileChangedError(
            f"{number:,} of the plan's assets left the index or changed there, and were not sent",
            item=str(index_path),
            hint="run the same command again: it plans from what is there now",
        )
        self.failures.append(Failure(index_path.name, "", error))

    def confirm(self, operations: Iterable[Operation]) -> None:
        """Record operations that turned out to need nothing."""
        for operation in operations:
            self.confirmed += 1
            self._meter.skipped(operation.key, operation.size_bytes)
            self._meter.take(Skipped(operation.key, "already there"))

    def moved(self, requests: Mapping[str, int]) -> Moved:
        """Return what was moved so far, for the statistics; `requests` are those of the whole run."""
        return Moved(
            files=self.uploaded,
            size_bytes=self.uploaded_bytes,
            failed=len(self.failures),
            requests=requests,
            created=self.created,
            replaced=len(self.replaced),
            failures=Counter(failure.error.code for failure in self.failures),
        )

    def _take(self, operation: Operation, outcome: Outcome) -> None:
        if outcome.error is None:
            self._succeed(operation, outcome)
            return
        self._remember_left(operation, outcome)
        if isinstance(outcome.error, NotStoredError):
            self._catalog.forget_proofs([operation.key])
        if ends_run(outcome.error):
            raise outcome.error
        self.fail(operation, outcome.error)

    def _remember_left(self, operation: Operation, outcome: Outcome) -> None:
        """Record what a file that kept changing has stored: the next run may replace its own."""
        if outcome.stored is None or outcome.stored.crc64nvme is None:
            return
        with self._catalog.database.transaction():
            self._catalog.remember(
                objects=[proved_object(operation, replace(outcome, proof=Proof.CHECKSUM))],
                assignments=dict.fromkeys((operation.asset.cache_key, *operation.shared_with), operation.key),
                origins=[(operation.asset.file_path, outcome.stored.crc64nvme)],
            )
            self._catalog.runs.add_changes(self.run, [(operation.key, operation.if_match is not None)])

    def _request(self, operation: Operation) -> Upload:
        return Upload(
            path=operation.path,
            key=operation.key,
            size_bytes=operation.size_bytes,
            content_type=content_type_of(operation.path.name),
            storage_class=self._storage_class,
            metadata=object_metadata(operation.asset),
            tags=object_tags(operation.asset),
            if_match=operation.if_match,
        )

    def _succeed(self, operation: Operation, outcome: Outcome) -> None:
        self._waiting.append((operation, outcome, _signature(outcome)))  # first: Ctrl-C may come in between
        if outcome.already_there:
            self.confirmed += 1
            self._meter.skipped(operation.key, operation.size_bytes)
        else:
            self.uploaded += 1
            self._meter.uploaded(operation.key, operation.size_bytes)
            self.uploaded_bytes += operation.size_bytes
        if has_changed(operation, outcome):
            if operation.if_match is None:
                self.created += 1
            else:
                self.replaced.append(operation.key)
        self.proofs[str(outcome.proof)] += 1
        if outcome.warning:
            self.warnings[outcome.warning] = None
        if len(self._waiting) >= _COMMIT_ITEMS or time.monotonic() - self._committed_at > _COMMIT_S:
            self._commit()

    def _commit(self) -> None:
        proved = [
            proved_object(operation, outcome)
            for operation, outcome, _ in self._waiting
            if outcome.stored is not None and outcome.stored.crc64nvme is not None
        ]
        stored = [
            (operation.key, operation.if_match is not None)
            for operation, outcome, _ in self._waiting
            if has_changed(operation, outcome)
        ]
        sent = [operation.size_bytes for operation, outcome, _ in self._waiting if not outcome.already_there]
        if proved:
            with self._catalog.database.transaction():
                self._catalog.remember(
                    objects=proved,
                    assignments={
                        cache_key: operation.key
                        for operation, _, _ in self._waiting
                        for cache_key in (operation.asset.cache_key, *operation.shared_with)
                    },
                    files=[
                        (operation.asset.file_path, signature, outcome.stored.crc64nvme)
                        for operation, outcome, signature in self._waiting
                        if signature and outcome.stored and outcome.stored.crc64nvme
                    ],
                    origins=[
                        (operation.asset.file_path, outcome.stored.crc64nvme)
                        for operation, outcome, _ in self._waiting
                        if outcome.stored and outcome.stored.crc64nvme
                    ],
                )
                self._catalog.runs.add_changes(self.run, stored)
                tallies = {UPLOADS: Tally(len(sent), sum(sent))} if sent else {}
                self._catalog.usage.record({}, tallies, at=datetime.now(UTC))
        self._waiting.clear()
        self._committed_at = time.monotonic()


def has_changed(operation: Operation, outcome: Outcome) -> bool:
    """Tell whether the object is another one than the plan saw.

    What was to be replaced and has our content already counts: an answer may have been lost, and the CDN has
    to be told of it whoever replaced it.
    """
    return not outcome.already_there or operation.if_match is not None


def proved_object(operation: Operation, outcome: Outcome) -> ProvedObject:
    """Return what the catalog keeps of a proved upload."""
    stored = outcome.stored
    if stored is None or stored.crc64nvme is None:
        raise ValueError("an upload without its checksum proves nothing")
    return ProvedObject(
        key=stored.key,
        size_bytes=stored.size_bytes,
        etag=stored.etag,
        crc64nvme=stored.crc64nvme,
        version_id=stored.version_id,
        storage_class=stored.storage_class,
        owner=owner_of(stored.metadata) or operation.asset.cache_key,
        proof=str(outcome.proof),
        proved_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def proved_download(stored: StoredObject, result: DownloadResult) -> ProvedObject:
    """Return what the catalog keeps of a proved download: an older copy never replaces what it says.

    Args:
        stored: What HEAD said before.
        result: What came, with its checksum.
    """
    if result.crc64nvme is None:
        raise ValueError("a download without its checksum proves nothing")
    return ProvedObject(
        key=result.s3_key,
        size_bytes=result.size_bytes,
        etag=result.etag or stored.etag,
        crc64nvme=result.crc64nvme,
        version_id=result.version_id,
        storage_class=stored.storage_class,
        owner=owner_of(stored.metadata),
        proof=str(result.proof),
        proved_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _signature(outcome: Outcome) -> Signature | None:
    known = outcome.fingerprint
    if known is None:
        return None
    begun_ns = time.time_ns() - int(outcome.duration_s * 1e9)  # the file was read after this
    return Signature(known.size_bytes, known.mtime_ns, known.ctime_ns, known.inode, begun_ns)
