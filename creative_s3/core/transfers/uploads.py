"""One upload, step by step: read, send under a condition, prove. Never a success without a proof."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.models import StoredObject
from creative_s3.core.faults.translation import translate
from creative_s3.core.files import local_files
from creative_s3.core.s3 import conditions, objects
from creative_s3.core.s3.dialect import REFUSED_STATUS, status_of
from creative_s3.core.transfers.flights import MULTIPART_FROM_BYTES, Flight, part_bytes_of
from creative_s3.core.transfers.jobs import Job, Surroundings
from creative_s3.core.transfers.outcomes import Outcome, Proof, Upload
from creative_s3.core.transfers.tagging import tagging
from creative_s3.errors import (
    ChecksumMismatchError,
    FileChangedError,
    ItemError,
    PreconditionFailedError,
    TemporaryError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from creative_s3.core.s3.conditions import Conditions
    from creative_s3.core.transfers.flights import Answer, Engine, Reply
    from creative_s3.core.transfers.jobs import Folders

_READ_AT_ONCE_BYTES = 4 << 20
"""Smaller files are read where they are submitted: handing them to a thread costs more than the reading."""
_KEPT_BYTES = 256 << 10
"""Smaller files are sent from memory: they need not be read again."""


class UploadJob(Job):
    """An upload on its way."""

    request: Upload

    def __init__(self, request: Upload, around: Surroundings) -> None:
        super().__init__(request, around)
        self._before: local_files.Fingerprint | None = None
        self._crc64nvme = ""
        self._body: bytes | None = None
        self._parts: tuple[str, ...] = ()
        self._has_learned = False
        self._own: StoredObject | None = None  # what an earlier try of ours stored and proved
        self._sent: Mapping[str, str] = {}
        self._is_sampled = False
        self._was_met = False  # the condition that the server refused last

    @property
    def size_bytes(self) -> int:
        """What the plan saw."""
        return self.request.size_bytes

    @property
    def left(self) -> StoredObject | None:
        """The earlier content of a file that changed while it was sent."""
        return self._own

    @property
    def _is_large(self) -> bool:
        """Whether it goes in parts."""
        return self.request.size_bytes >= MULTIPART_FROM_BYTES

    @property
    def prepares_long(self) -> bool:
        """Whether the file is large, or the server has to be asked first."""
        return self.request.size_bytes > _READ_AT_ONCE_BYTES or self._looks_first

    @property
    def _conditions(self) -> Conditions:
        return self.around.connection.conditions

    @property
    def _replaces(self) -> str | None:
        """The ETag of the object that may be replaced; None where none may."""
        return self._own.etag if self._own else self.request.if_match

    @property
    def _looks_first(self) -> bool:
        return not self._conditions.protects(self._replaces)

    def prepare(self) -> Outcome | None:
        """Read the file; its checksum binds the upload to exactly this content."""
        if self._is_large:
            self._before, self._crc64nvme, self._parts = local_files.read_in_parts(
                self.request.path, part_bytes_of(self.request.size_bytes)
            )
        elif self.request.size_bytes <= _KEPT_BYTES:
            self._before, self._crc64nvme, self._body = local_files.read_whole(self.request.path, _KEPT_BYTES)
        else:
            self._before, self._crc64nvme = local_files.read(self.request.path)
        if self._before.size_bytes != self.request.size_bytes:
            raise FileChangedError(
                f"the file has {self._before.size_bytes} bytes, the plan saw {self.request.size_bytes}",
                item=str(self.request.path),
                hint="run the same command again: it plans from what is there now",
            )
        if self._own is not None and self._own.crc64nvme == self._crc64nvme:
            return self._success(self._own, Proof.CHECKSUM)  # only its times had changed
        return self._look_first() if self._looks_first else None

    def _look_first(self) -> Outcome | None:
        """Compare the key with what the plan saw, where no condition does so."""
        seen = objects.head(self.around.connection, self.request.key)
        return None if (seen.etag if seen else None) == self._replaces else self._contested(seen)

    def send(self, engine: Engine, done: Callable[[Reply], None]) -> Callable[[], None]:
        """Send the file under the condition that nobody else's object is replaced unseen."""
        if self._replaces == "":
            raise ItemError(
                "the server tells no ETag of the object, so that it cannot be replaced safely",
                item=self.request.key,
                hint="look at it, and delete it if it is not needed: then it is stored anew",
            )
        self._sent = self._conditions.sent(self._replaces)
        flight = Flight(
            key=self.request.key,
            path=self.request.path,
            size_bytes=self.request.size_bytes,
            progress=self.meter.add,
            done=done,
            if_none_match=self._sent.get("IfNoneMatch"),
            if_match=self._sent.get("IfMatch"),
            replaces=self._replaces,
            body=self._body,
            part_crc64nvmes=self._parts,
        )
        self._body = None
        if self._is_large:
            return self.around.multipart.put(flight, self._arguments())
        return engine.put(flight, self._arguments())

    def settle_at_once(self, reply: Reply) -> Outcome | None:
        """Compare the checksum that S3 answered, and look at the file once more."""
        if reply.error is not None or reply.answer is None or reply.answer.crc64nvme != self._crc64nvme:
            return None
        if self.around.verification.is_due():
            self._is_sampled = True
            return None
        return self._confirmed(reply.answer)

    def _confirmed(self, answer: Answer) -> Outcome:
        self._own = self._stored(answer)
        self._check_unchanged()
        return self._success(self._own, Proof.CHECKSUM)

    @property
    def settles_long(self) -> bool:
        """Always: it asks S3."""
        return True

    def settle(self, reply: Reply, folders: Folders) -> Outcome:  # noqa: ARG002 - an upload makes no names
        """Settle a refusal or a failure, or ask S3 for the proof that its answer lacked."""
        if reply.error is not None:
            self._learn(reply.error)
            error = translate(
                reply.error, item=self.request.key, endpoint_url=self.around.connection.endpoint_url
            )
            if isinstance(error, PreconditionFailedError):
                seen = objects.head(self.around.connection, self.request.key)
                self._see_through(seen, reply.error)
                return self._contested(seen)
            if isinstance(error, (ChecksumMismatchError, FileChangedError)):
                self._check_unchanged()  # S3 refused content that is not what was read first: say which
            if self._is_large and isinstance(error, UnsupportedError):
                raise ItemError(  # smaller files go in one request, and arrive
                    f"this file goes in parts, and {error.message}", item=self.request.key, hint=error.hint
                ) from reply.error
            raise error from reply.error
        if self._is_sampled and reply.answer is not None:
            self._is_sampled = False
            self.around.verification.read_back(
                self.request.key, size_bytes=self.request.size_bytes, crc64nvme=self._crc64nvme
            )
            return self._confirmed(reply.answer)
        seen = objects.head(self.around.connection, self.request.key)
        proof = self._proof(seen) if seen else None
        is_ours = seen is not None and reply.answer is not None and seen.etag == reply.answer.etag
        if seen is not None and (proof or is_ours):
            self._own = replace(seen, crc64nvme=self._crc64nvme if proof else None)
        self._check_unchanged()
        if seen is None or proof is None:
            if not is_ours:
                raise PreconditionFailedError(
                    "another writer replaced the object right after it was stored",
                    item=self.request.key,
                    hint="run the same command again: it plans from what is there now",
                )
            raise ChecksumMismatchError(
                "S3 stored other content than was sent",
                item=self.request.key,
                hint="run the same command again",
            )
        self.around.connection.dialect.found_metadata(self.request.metadata, seen.metadata)
        if seen.crc64nvme is None and seen.size_bytes <= conditions.LARGEST_BYTES:
            seen = self._ask(seen)
        return self._success(seen, proof)

    def _ask(self, stored: StoredObject) -> StoredObject:
        """Find out whether the server honours the condition; return the object as it is after that."""
        connection, key = self.around.connection, self.request.key
        told = self._arguments() | {"Bucket": connection.bucket, "Key": key}
        del told["ChecksumCRC64NVME"]

        def is_unchanged() -> bool:
            seen = objects.head(connection, key)
            return seen is not None and seen.etag == stored.etag

        is_stored_again = self._conditions.learn(
            connection.client,
            conditions.Purpose.of(self.request.if_match),
            content=self.request.path.read_bytes,
            arguments=told,
            is_unchanged=is_unchanged,
        )
        return objects.head(connection, key) or stored if is_stored_again else stored

    def _see_through(self, seen: StoredObject | None, error: BaseException) -> None:
        """Send again where the server refuses a condition that is met.

        Once, that may also be another writer who has come and gone in between; so it is asked twice.
        """
        if status_of(error) != conditions.PRECONDITION_FAILED or self.around.connection.is_aws:
            return
        is_met = (seen.etag if seen else None) == self._replaces
        was_met, self._was_met = self._was_met, is_met
        if is_met and (not was_met or self._conditions.refuted(self._replaces, self._sent)):
            raise TemporaryError(
                "the server refuses a condition that is met; it is sent again", item=self.request.key
            ) from error

    def _learn(self, error: BaseException) -> None:
        """Find out whether the server refuses more than this object; then it is sent in another way."""
        connection = self.around.connection
        if connection.is_aws or status_of(error) not in REFUSED_STATUS:
            return
        has_learned, self._has_learned = self._has_learned, True
        if (
            not has_learned
            and connection.dialect.learn(connection.client, connection.bucket, self.request.key, error)
        ) or self._conditions.doubted(self._replaces, self._sent, error):
            raise TemporaryError(
                "the server refuses what it was sent; it is sent again without that", item=self.request.key
            ) from error

    def abandon(self) -> None:
        """Do nothing: the sender keeps an unfinished multipart upload with its record, or aborts it."""

    def _contested(self, seen: StoredObject | None) -> Outcome:
        """Settle a refused condition: the object may be ours after all, when only an answer was lost."""
        if seen is None:
            if self.request.if_match is None:
                raise TemporaryError(
                    "another writer has just removed the object",
                    item=self.request.key,
                    hint="run the command again",
                )
            raise PreconditionFailedError(
                "the object that was to be replaced is gone",
                item=self.request.key,
                hint="run the same command again: it plans from what is there now",
            )
        if proof := self._proof(seen):
            self._check_unchanged()
            return self._success(seen, proof, already_there=True)
        return Outcome(
            request=self.request,
            conflict=seen,
            error=PreconditionFailedError(
                "an object with other content is already there",
                item=self.request.key,
                hint="run the same command again: it plans from what is there now",
            ),
        )

    def _proof(self, seen: StoredObject) -> Proof | None:
        """Compare the object with what was read; None when it is different."""
        if seen.size_bytes != self.request.size_bytes:
            return None
        dialect, verification = self.around.connection.dialect, self.around.verification
        dialect.found_checksum(is_told=seen.crc64nvme is not None)
        if seen.crc64nvme is not None:
            is_same = seen.crc64nvme == self._crc64nvme
            return verification.proof_of(seen) if is_same else None
        if not dialect.not_stored and self._is_md5(seen):
            dialect.found_etag(is_md5=True)
            is_read = verification.is_due() and verification.read_back(
                seen.key, size_bytes=seen.size_bytes, crc64nvme=self._crc64nvme
            )
            return Proof.READ_BACK if is_read else Proof.MD5
        if objects.read_back(self.around.connection, seen) != self._crc64nvme:
            return None
        if objects.is_md5(self.around.connection, seen):
            dialect.found_etag(is_md5=False)
        return Proof.READ_BACK

    def _is_md5(self, seen: StoredObject) -> bool:
        try:
            return objects.same_md5(seen, self.request.path)
        except OSError as error:
            raise translate(error, item=str(self.request.path)) from error

    def _check_unchanged(self) -> None:
        if self._before is None or not local_files.is_unchanged(self.request.path, self._before):
            raise local_files.changed(self.request.path)

    def _success(self, stored: StoredObject, proof: Proof, *, already_there: bool = False) -> Outcome:
        return Outcome(
            request=self.request,
            stored=replace(stored, crc64nvme=self._crc64nvme),  # proved, whoever says so
            proof=proof,
            fingerprint=self._before,
            already_there=already_there,
            warning=self._warning(),
        )

    def _warning(self) -> str | None:
        connection = self.around.connection
        warnings = (connection.conditions.warning(self.request.if_match), connection.dialect.warning())
        return "; ".join(warning for warning in warnings if warning) or None

    def _stored(self, answer: Answer) -> StoredObject:
        """Describe the object from what was sent and what S3 answered, which saves a HEAD."""
        return StoredObject(
            key=self.request.key,
            size_bytes=self.request.size_bytes,
            etag=answer.etag,
            storage_class=self.request.storage_class,
            version_id=answer.version_id,
            crc64nvme=answer.crc64nvme,
            metadata=self.request.metadata,
            content_type=self.request.content_type,
        )

    def _arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "ChecksumCRC64NVME": self._crc64nvme,
            "ContentType": self.request.content_type,
            "StorageClass": self.request.storage_class,
        }
        if self.request.metadata:
            arguments["Metadata"] = dict(self.request.metadata)
        if self.request.tags:
            arguments["Tagging"] = tagging(self.request.tags)
        if kms_key_id := self.around.connection.config.kms_key_id:
            arguments |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id}
        return arguments
