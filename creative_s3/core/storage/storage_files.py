"""Files to objects and back, for `S3StorageManager`: what is checked before, and what became of each.

The engine moves and proves; nothing here knows of caches, assets or plans. What concerns one file is data in
its result; what would fail every other file in the same way is raised.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from creative_s3.core.arguments import PathText, is_filled_text, local_file
from creative_s3.core.assets.labels import checked_key, checked_tags, encoded_metadata
from creative_s3.core.concurrency.lookahead import in_order
from creative_s3.core.faults.translation import ends_run, translate
from creative_s3.core.files import local_files
from creative_s3.core.files.media_types import content_type_of
from creative_s3.core.s3 import objects, told_checksums
from creative_s3.core.storage.retrieval import archived
from creative_s3.core.transfers.engine import EngineName, TransferEngine
from creative_s3.core.transfers.file_results import DownloadResult, UploadResult
from creative_s3.core.transfers.flights import MULTIPART_FROM_BYTES
from creative_s3.core.transfers.outcomes import Download, Outcome, Proof, Upload
from creative_s3.errors import (
    ArchivedError,
    CreativeS3Error,
    FileVanishedError,
    ItemError,
    PreconditionFailedError,
    UsageError,
    WouldOverwriteError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.s3.object_store import ObjectStore
    from creative_s3.core.transfers.progress import ProgressMeter

Labels = Mapping[str, object]
FileMapping = (
    tuple[PathText, str]
    | tuple[PathText, str, Labels | None]
    | tuple[PathText, str, Labels | None, Labels | None]
)
"""A local path, its key, and if wanted its user metadata and its tags."""
_MAPPING_PARTS = range(2, 5)


@dataclass(frozen=True, slots=True)
class Sending:
    """One file to send, as the caller gave it and the disk shows it.

    Attributes:
        path: The file.
        key: Not checked yet.
        metadata: As given.
        tags: As given.
        size_bytes: The file's size; 0 when it cannot be told.
        obstacle: Why the file cannot be read.
    """

    path: Path
    key: str
    metadata: Labels | None = None
    tags: Labels | None = None
    size_bytes: int = 0
    obstacle: CreativeS3Error | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """How the files of one call are sent.

    Attributes:
        storage_class: S3's own word.
        content_type: The media type of all; None tells it from each name.
        replace: Whether other content under a key is replaced.
        engine: Which transfer engine.
    """

    storage_class: str
    content_type: str | None = None
    replace: bool = False
    engine: EngineName = "auto"


def look_at(mappings: Iterable[FileMapping]) -> tuple[Sending, ...]:
    """Take the caller's mappings apart and look at each file.

    Raises:
        UsageError: One has not the form of a mapping.
    """
    sendings = []
    for number, mapping in enumerate(mappings):
        if not _is_mapping(mapping):
            raise UsageError(
                f"mapping number {number} is not (path, key[, metadata[, tags]])",
                item=repr(mapping)[:80],
                hint='give tuples such as (Path("image.png"), "path/image.png", {"type": "product"})',
            )
        parts: tuple[Any, ...] = (*mapping, None, None)
        if not all(isinstance(labels, Mapping | None) for labels in parts[2:4]):
            raise UsageError(
                f"the metadata and the tags of mapping number {number} are no mappings",
                item=repr(mapping)[:80],
                hint='give them as {"name": "value"}',
            )
        path = local_file(parts[0])
        size_bytes, obstacle = _size_of(path)
        sendings.append(Sending(path, parts[1], parts[2], parts[3], size_bytes, obstacle))
    return tuple(sendings)


def upload_files(
    store: ObjectStore, sendings: Sequence[Sending], *, manner: Manner, meter: ProgressMeter
) -> tuple[UploadResult, ...]:
    """Send files, each proved, and return what became of each, in the order of `sendings`.

    Raises:
        CreativeS3Error: No file can be sent any more: no bucket, no valid credentials, a wrong clock.
    """
    results: dict[int, UploadResult] = {}
    asked: dict[int, tuple[int, Upload]] = {}

    def settle(index: int, result: UploadResult) -> None:
        results[index] = result
        _count(result, sendings[index].size_bytes, meter)

    def requests() -> Iterator[Upload]:
        prepare = partial(_prepared, store, manner=manner)
        workers = store.connection.config.max_parallel_uploads
        # Only what may be replaced is asked for first, and that waits for S3: many at once.
        steps = in_order(prepare, sendings, workers=workers) if manner.replace else map(prepare, sendings)
        for index, step in enumerate(steps):
            if isinstance(step, UploadResult):
                settle(index, step)
                meter.tick()
            else:
                asked[id(step)] = (index, step)
                yield step

    def take(outcome: Outcome) -> None:
        if index_and_request := asked.pop(id(outcome.request), None):
            settle(index_and_request[0], _uploaded(outcome, manner))

    with TransferEngine(store.connection, engine=manner.engine, emit=meter.take, tick=meter.tick) as engine:
        try:
            with engine.drained(take):
                for outcome in engine.upload(requests()):
                    if outcome.error is not None and ends_run(outcome.error):
                        raise outcome.error
                    take(outcome)
                    meter.tick()
        finally:
            store.count(engine.requests)
    return tuple(results[index] for index in range(len(sendings)))


def download_file(  # noqa: PLR0913 - each of them is a choice of the caller
    store: ObjectStore,
    key: str,
    path: Path,
    *,
    replace: bool,
    engine: EngineName | None = None,
    check: Callable[[Path], None] | None = None,
    below: Path | None = None,
) -> DownloadResult:
    """Fetch one object to `path`, proved before the file gets its name.

    Args:
        store: The bucket.
        key: The full key.
        path: The file to make; its parents are made.
        replace: Whether a file with other content may be replaced.
        engine: Which transfer engine; by default what suits the size.
        check: Looks at the file before it gets its name, and raises where it may not have it.
        below: The folder above the file that may be reached by links; by default the file's own.

    Raises:
        CreativeS3Error: No object can be fetched at all: no bucket, no valid credentials, a wrong clock.
    """
    began_at = time.monotonic()
    stored: StoredObject | None = None
    try:
        if not is_filled_text(key):
            raise UsageError("this is no key", item="s3_key", hint="name the object's full key")
        stored = store.head(key)
        if stored is None:
            raise store.missing(key)
        if path.is_dir():
            raise UsageError("this is a directory", item=str(path), hint="name the file to make")
        engine = engine or single_engine(stored.size_bytes)
        with TransferEngine(store.connection, engine=engine) as transfers:
            request = Download(key, path, stored=stored, replace=replace, check=check, below=below)
            (outcome,) = transfers.download([request])
            store.count(transfers.requests)
    except CreativeS3Error as error:
        if ends_run(error):
            raise
        size_bytes = stored.size_bytes if stored else 0
        return DownloadResult(
            success=False,
            s3_key=key,
            local_path=path,
            size_bytes=size_bytes,
            duration_seconds=time.monotonic() - began_at,
            exception=error,
        )
    return _downloaded(outcome, store, stored, time.monotonic() - began_at)


def single_engine(size_bytes: int) -> EngineName:
    """Return the engine for one object alone: a new CRT client would pay for new connections first."""
    return "classic" if size_bytes < MULTIPART_FROM_BYTES else "auto"


def _count(result: UploadResult, size_bytes: int, meter: ProgressMeter) -> None:
    if not result.success:
        meter.failed(result.s3_key, size_bytes)
    elif result.already_there:
        meter.skipped(result.s3_key, size_bytes)
    else:
        meter.uploaded(result.s3_key, size_bytes)


def _is_mapping(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) in _MAPPING_PARTS


def _size_of(path: Path) -> tuple[int, CreativeS3Error | None]:
    try:
        return local_files.fingerprint(path).size_bytes, None
    except FileVanishedError:
        return 0, FileVanishedError("there is no such file", item=str(path), hint="check the path")
    except CreativeS3Error as error:
        return 0, error


def _prepared(store: ObjectStore, sending: Sending, *, manner: Manner) -> Upload | UploadResult:
    """Check one file before anything of it is sent; look at what it may replace.

    Raises:
        CreativeS3Error: Every other file would fail in the same way.
    """
    try:
        if sending.obstacle is not None:
            raise sending.obstacle
        upload = Upload(
            path=sending.path,
            key=checked_key(sending.key),
            size_bytes=sending.size_bytes,
            content_type=manner.content_type or content_type_of(sending.path.name),
            storage_class=manner.storage_class,
            metadata=encoded_metadata(sending.metadata),
            tags=checked_tags(sending.tags),
        )
        return _replacing(store, upload) if manner.replace else upload
    except CreativeS3Error as error:
        if ends_run(error):
            raise
        return UploadResult(
            success=False,
            s3_key=str(sending.key),
            local_path=sending.path,
            size_bytes=sending.size_bytes,
            exception=error,
        )


def _replacing(store: ObjectStore, upload: Upload) -> Upload | UploadResult:
    """Return the upload that replaces exactly the object that is there, or that none is needed."""
    began_at = time.monotonic()
    seen = objects.head(store.connection, upload.key)  # the engine counts this request
    if seen is None:
        return upload
    proof = _same_content(store, seen, upload) if _same_metadata(seen, upload) else None
    if proof is None:
        return replace(upload, if_match=seen.etag)
    return UploadResult(
        success=True,
        s3_key=upload.key,
        local_path=upload.path,
        size_bytes=upload.size_bytes,
        duration_seconds=time.monotonic() - began_at,
        etag=seen.etag,
        version_id=seen.version_id,
        crc64nvme=seen.crc64nvme,
        proof=proof,
        already_there=True,
    )


def _same_metadata(seen: StoredObject, upload: Upload) -> bool:
    """Compare user metadata; servers differ in the case of the names."""
    there = {name.lower(): value for name, value in (seen.metadata or {}).items()}
    return there == upload.metadata


def _same_content(store: ObjectStore, seen: StoredObject, upload: Upload) -> Proof | None:
    """Compare the file with what HEAD said; None when it differs or only reading could tell."""
    if seen.size_bytes != upload.size_bytes:
        return None
    proof, told = Proof.CHECKSUM, seen.crc64nvme
    if told is None:
        try:
            if not objects.same_md5(seen, upload.path):
                return None
        except OSError as error:
            raise translate(error, item=str(upload.path)) from error
        proof = Proof.MD5
    content = local_files.read(upload.path)[1]
    if content != (told or content):
        return None
    found, is_read = told_checksums.checked(store.connection, replace(seen, crc64nvme=content))
    if found != content:
        return None
    return Proof.READ_BACK if is_read else proof


def _uploaded(outcome: Outcome, manner: Manner) -> UploadResult:
    request, error = outcome.request, outcome.error
    assert isinstance(request, Upload)  # noqa: S101 - only uploads were asked for
    if outcome.conflict is not None:
        error = PreconditionFailedError(
            "an object with other content is already there",
            item=request.key,
            hint="another writer has just put it there: look at it, then decide again"
            if manner.replace
            else "choose another key, or pass replace=True to replace it",
        )
    stored = outcome.stored if error is None else None
    return UploadResult(
        success=error is None,
        s3_key=request.key,
        local_path=request.path,
        size_bytes=request.size_bytes,
        duration_seconds=outcome.duration_s,
        exception=error,
        etag=stored.etag if stored else None,
        version_id=stored.version_id if stored else None,
        crc64nvme=stored.crc64nvme if stored else None,
        proof=outcome.proof,
        already_there=outcome.already_there,
    )


def _downloaded(
    outcome: Outcome, store: ObjectStore, seen: StoredObject, duration_s: float
) -> DownloadResult:
    request, stored, error = outcome.request, outcome.stored or seen, outcome.error
    if error is not None and ends_run(error):
        raise error
    if isinstance(error, ArchivedError):
        error = archived(stored, store.connection)
    elif isinstance(error, WouldOverwriteError):
        error = WouldOverwriteError(
            error.message, item=error.item, hint="name another file, or pass replace=True to replace it"
        )
    elif outcome.proof is Proof.UNVERIFIABLE:
        error = ItemError(
            "S3 holds no checksum of this object, so that only its size was compared",
            item=request.key,
            hint=f"the file is in its place ({request.path}); compare it with its origin",
        )
    return DownloadResult(
        success=error is None,
        s3_key=request.key,
        local_path=request.path,
        size_bytes=stored.size_bytes,
        duration_seconds=duration_s,
        exception=error,
        etag=stored.etag,
        version_id=stored.version_id,
        crc64nvme=stored.crc64nvme,
        proof=outcome.proof,
        already_there=outcome.already_there,
        fingerprint=outcome.fingerprint,
    )
