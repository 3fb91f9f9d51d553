"""Changing the storage class of objects: each is copied onto itself, and proved to be what it was.

A copy in place is the only way to a readable class and the only one for chosen objects; lifecycle rules move
by age and only downwards. The copy is conditional, on the source and on what it replaces, and it carries
metadata, tags, encryption and locks; access control lists are not copied (AWS: "CopyObject"). Archived
objects have to be restored first. What it costs is in ``class_plan.py``.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from creative_s3.core.classes.selection import archived
from creative_s3.core.concurrency.lookahead import in_order
from creative_s3.core.events import (
    Emit,
    Failed,
    Finished,
    PhaseStarted,
    Progressed,
    Queued,
    Skipped,
    TotalsKnown,
    ignore,
)
from creative_s3.core.faults.translation import ends_run, translate
from creative_s3.core.s3 import told_checksums
from creative_s3.core.s3.copies import (
    COPY_LIMIT_BYTES,
    COPY_PART_BYTES,
    SYSTEM_METADATA,
    CopySource,
    carried,
    copy_in_parts,
    system_metadata,
)
from creative_s3.core.s3.objects import from_answer, is_archived, read_back, tells_md5
from creative_s3.core.shell_words import quoted
from creative_s3.core.transfers.outcomes import Proof
from creative_s3.errors import (
    ChecksumMismatchError,
    CreativeS3Error,
    ItemError,
    NotStoredError,
    ObjectNotFoundError,
    PreconditionFailedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.s3.object_store import ObjectStore

_MD5_DIGITS = 32
_PLAN_AGAIN = "run the same command again: it plans from what is there now"


@dataclass(frozen=True, slots=True)
class ClassChanged:
    """What became of one object.

    Attributes:
        before: As the plan saw it.
        after: As HEAD saw it after the change; None when it failed.
        proof: How the content was proved; None when it was in the class already, or it failed.
        error: Why it failed.
    """

    before: StoredObject
    after: StoredObject | None = None
    proof: Proof | None = None
    error: CreativeS3Error | None = None


class ClassChanger:
    """Moves the objects of one bucket to one class. Any thread may call `change`.

    Args:
        store: The bucket.
        target: The class.
        copy_limit_bytes: Larger objects are copied in parts.
        part_bytes: The size of those parts, at least 5 MiB.
    """

    def __init__(
        self,
        store: ObjectStore,
        target: str,
        *,
        copy_limit_bytes: int = COPY_LIMIT_BYTES,
        part_bytes: int = COPY_PART_BYTES,
    ) -> None:
        self._store = store
        self._target = target
        self._copy_limit_bytes = copy_limit_bytes
        self._part_bytes = part_bytes
        self._lock = threading.Lock()
        self._sent: dict[str, Counter[str]] = {}

    @property
    def sent(self) -> dict[str, dict[str, int]]:
        """Requests sent so far, by the storage class whose price they have, then by S3 operation."""
        with self._lock:
            return {name: dict(numbers) for name, numbers in self._sent.items()}

    def change(self, stored: StoredObject) -> ClassChanged:
        """Move one object, and prove it; every failure of this object alone is in the result.

        Raises:
            CreativeS3Error: Nothing can be sent any more, such as without valid credentials.
        """
        try:
            return self._change(stored)
        except CreativeS3Error as error:
            if ends_run(error):
                raise
            return ClassChanged(stored, error=error)

    def _change(self, stored: StoredObject) -> ClassChanged:
        answer = self._look(stored.key, stored.storage_class)
        before = from_answer(stored.key, answer)
        if before.etag != stored.etag or before.size_bytes != stored.size_bytes:
            raise PreconditionFailedError(
                "it is no longer the object that the plan saw", item=stored.key, hint=_PLAN_AGAIN
            )
        if before.storage_class == self._target:
            return ClassChanged(stored, after=before)
        if is_archived(before):
            raise archived(before)
        if answer.get("MissingMeta"):
            raise ItemError(
                "it has metadata that S3 cannot report, so that nobody could prove they were kept",
                item=stored.key,
                hint="copy it with the tool that made it",
            )
        content = before.crc64nvme or self._content(before, answer)
        try:
            if before.size_bytes <= self._copy_limit_bytes:
                self._copy(before, answer)
            else:
                self._copy_in_parts(before, answer, content)
        except PreconditionFailedError:
            # Our own copy may have succeeded and its answer been lost: then what is there is what we want.
            return self._proved(stored, answer, content, otherwise=_PLAN_AGAIN)
        return self._proved(stored, answer, content)

    def _content(self, before: StoredObject, answer: Mapping[str, Any]) -> str | None:
        """Return the CRC64NVME of an object that tells none; None where its ETag tells the same of the copy.

        Raises:
            NotStoredError: The server has not shown that it stores, and gives back what the ETag is none of.
            CreativeS3Error: It cannot be read.
        """
        connection = self._store.connection
        if not _is_md5(answer, before):
            return self._read_back(before)
        if not before.size_bytes or not told_checksums.may_be_read(connection):
            return None
        if not tells_md5(connection, before, answer):
            return self._read_back(before)
        self._count("GetObject", before.storage_class)
        if content := told_checksums.content_of_md5(connection, before):
            return content
        raise NotStoredError(
            "the server gives back other content than its ETag tells, or none",
            item=before.key,
            hint="check the server, then upload the asset again",
        )

    def _look(self, key: str, storage_class: str) -> Mapping[str, Any]:
        self._count("HeadObject", storage_class)
        try:
            answer: Mapping[str, Any] = self._store.connection.client.head_object(
                Bucket=self._store.bucket, Key=key, ChecksumMode="ENABLED"
            )
        except Exception as error:
            translated = self._translate(error, key)
            if isinstance(translated, ObjectNotFoundError):
                translated.hint = _PLAN_AGAIN
            raise translated from error
        return answer

    def _copy(self, before: StoredObject, answer: Mapping[str, Any]) -> None:
        kept: dict[str, Any] = {"MetadataDirective": "COPY"}
        if not self._store.connection.is_aws:
            # SeaweedFS, for one, refuses a copy in place unless the metadata are sent anew.
            kept = {
                "MetadataDirective": "REPLACE",
                "Metadata": answer.get("Metadata") or {},
                **system_metadata(answer),
            }
        self._send(
            before.key,
            "copy_object",
            "CopyObject",
            CopySource={"Bucket": self._store.bucket, "Key": before.key},
            CopySourceIfMatch=f'"{before.etag}"',
            IfMatch=f'"{before.etag}"',
            StorageClass=self._target,
            TaggingDirective="COPY",
            ChecksumAlgorithm="CRC64NVME",
            **kept,
            **carried(answer),
        )

    def _copy_in_parts(self, before: StoredObject, answer: Mapping[str, Any], content: str | None) -> None:
        self._count("GetObjectTagging", before.storage_class, in_store=False)
        where = {"Bucket": self._store.bucket, "Key": before.key}
        copy_in_parts(
            partial(self._send, before.key),
            CopySource(where, before.etag, before.size_bytes, content),
            answer,
            tags=self._store.tags(before.key),
            settings={"StorageClass": self._target},
            conditions={"IfMatch": f'"{before.etag}"'},
            part_bytes=self._part_bytes,
        )

    def _proved(
        self,
        stored: StoredObject,
        answer: Mapping[str, Any],
        content: str | None,
        *,
        otherwise: str | None = None,
    ) -> ClassChanged:
        """Ask for the object once more, and compare class, size, content, metadata and the number of tags."""
        now = self._look(stored.key, self._target)
        after = from_answer(stored.key, now)
        if after.storage_class != self._target:
            if otherwise:
                raise PreconditionFailedError(
                    "another writer was faster: it is no longer the object that the plan saw",
                    item=stored.key,
                    hint=otherwise,
                )
            raise ItemError(
                f"the server copied it and left it in {after.storage_class}",
                item=stored.key,
                hint="this server has no such storage class",
            )
        proof = self._content_proof(stored, after, content)
        if proof is None or after.size_bytes != stored.size_bytes:
            raise ChecksumMismatchError(
                "its content after the copy is not proved to be what it was",
                item=stored.key,
                hint=_recovery(self._store, answer, stored.key),
            )
        lost = [name for name in (*SYSTEM_METADATA, "Metadata", "TagCount") if _differs(answer, now, name)]
        if lost:
            raise ItemError(
                f"the copy did not keep {', '.join(lost)}",
                item=stored.key,
                hint=_recovery(self._store, answer, stored.key),
            )
        return ClassChanged(stored, after=after, proof=proof)

    def _content_proof(self, stored: StoredObject, after: StoredObject, content: str | None) -> Proof | None:
        if content is None:  # then the ETag before was the content's MD5
            return Proof.MD5 if after.etag == stored.etag else None
        if after.crc64nvme is not None:
            if after.crc64nvme != content:
                return None
            found, is_read = told_checksums.checked(
                self._store.connection, after, count=lambda: self._count("GetObject", after.storage_class)
            )
            return None if found != content else Proof.READ_BACK if is_read else Proof.CHECKSUM
        if is_archived(after):
            return None
        return Proof.READ_BACK if self._read_back(after) == content else None

    def _read_back(self, stored: StoredObject) -> str:
        self._count("GetObject", stored.storage_class)
        return read_back(self._store.connection, stored)

    def _send(self, key: str, method: str, operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - boto3's
        self._count(operation, self._target)
        try:
            return getattr(self._store.connection.client, method)(
                Bucket=self._store.bucket, Key=key, **arguments
            )
        except Exception as error:
            raise self._translate(error, key) from error

    def _count(self, operation: str, storage_class: str, *, in_store: bool = True) -> None:
        if in_store:
            self._store.count({operation: 1})
        with self._lock:
            self._sent.setdefault(storage_class, Counter())[operation] += 1

    def _translate(self, error: Exception, key: str) -> CreativeS3Error:
        return translate(error, item=key, endpoint_url=self._store.connection.endpoint_url)


def change_classes(
    changer: ClassChanger,
    objects: Sequence[StoredObject],
    *,
    workers: int,
    note: Callable[[ClassChanged], object],
    emit: Emit = ignore,
) -> None:
    """Move objects, many at once, and tell `note` of each as soon as it is settled, in their order.

    Raises:
        CreativeS3Error: Nothing can be sent any more; what was settled before was noted.
    """
    emit(PhaseStarted("changing the storage class"))
    emit(TotalsKnown(len(objects), sum(stored.size_bytes for stored in objects)))

    def change(stored: StoredObject) -> ClassChanged:
        emit(Queued(stored.key, stored.size_bytes))
        return changer.change(stored)

    for result in in_order(change, objects, workers=workers):
        note(result)
        key = result.before.key
        if result.error:
            emit(Failed(key, result.error.message))
        elif result.proof is None:
            emit(Skipped(key, "it is in this class already"))
        else:
            emit(Progressed(key, result.before.size_bytes))
            emit(Finished(key, result.before.size_bytes))


def _is_md5(answer: Mapping[str, Any], stored: StoredObject) -> bool:
    """Tell whether the ETag is the content's MD5 (AWS: "Object", ETag), and will be after a copy."""
    plain = answer.get("ServerSideEncryption") in {None, "AES256"} and "SSECustomerAlgorithm" not in answer
    return plain and len(stored.etag) == _MD5_DIGITS and stored.size_bytes <= COPY_LIMIT_BYTES


def _differs(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> bool:
    return (before.get(name) or None) != (after.get(name) or None)


def _recovery(store: ObjectStore, answer: Mapping[str, Any], key: str) -> str:
    version = answer.get("VersionId")
    if not version or version == "null":
        return f"creative-s3 assets show {quoted(key)}"
    source = f"{store.bucket}/{key}?versionId={version}"
    return (
        f"aws s3api copy-object --bucket {quoted(store.bucket)} --key {quoted(key)}"
        f" --copy-source {quoted(source)}  # brings the version from before back"
    )
