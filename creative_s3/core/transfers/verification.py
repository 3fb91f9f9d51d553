"""Which uploads are read back, and reading them: a server may confirm what it does not store.

A checksum in an answer proves that the server had the content in its hands. AWS stores it then; any other
server has to show that once, and is believed for a week.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from creative_s3.core.s3 import objects, told_checksums
from creative_s3.core.transfers.outcomes import Proof
from creative_s3.errors import AccessDeniedError, ArchivedError, NotStoredError

if TYPE_CHECKING:
    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.s3.connection import Connection

_EVERY = 100


class Verification:
    """Reads back a sample of the uploads of one run; any thread may call it.

    Args:
        connection: Where they go.
        wanted: True reads back the first and each hundredth after it, False none; None all until the server
            has shown once that it stores, which AWS need not.
    """

    def __init__(self, connection: Connection, *, wanted: bool | None = None) -> None:
        self._connection = connection
        self._wanted = wanted
        self._lock = threading.Lock()
        self._proved = 0
        self._is_denied = False

    def is_due(self) -> bool:
        """Tell whether the next upload that the server has confirmed is one of the sample."""
        if self._wanted is None or self._connection.dialect.not_stored:
            return self._is_open
        with self._lock:
            self._proved += 1
            return self._wanted and self._proved % _EVERY == 1

    def read_back(self, key: str, *, size_bytes: int, crc64nvme: str) -> bool:
        """Read an object that was just confirmed, one at a time, and compare it with what was sent.

        Returns:
            Whether it was read: one is enough for all who wait, and it may be archived or not be read.

        Raises:
            NotStoredError: It is not there, or it is other content.
            CreativeS3Error: It cannot be read.
        """
        with self._lock:
            if self._wanted is None and not self._is_open:  # another one has shown it meanwhile
                return False
            try:
                return self._compare(key, size_bytes, crc64nvme)
            except ArchivedError:
                return False  # it is there, and it cannot be read now
            except AccessDeniedError:
                if self._wanted or self._connection.dialect.not_stored:
                    raise
                self._is_denied = True  # credentials that only write
                return False

    def proof_of(self, seen: StoredObject) -> Proof | None:
        """Return how far the checksum that HEAD told proves an object's content; None where it is another.

        Raises:
            CreativeS3Error: It has to be read, and cannot be.
        """
        if self._wanted is False and not self._connection.dialect.not_stored:
            return Proof.CHECKSUM
        crc64nvme, is_read = told_checksums.checked(self._connection, seen)
        if crc64nvme != seen.crc64nvme:
            return None
        return Proof.READ_BACK if is_read else Proof.CHECKSUM

    def _compare(self, key: str, size_bytes: int, crc64nvme: str) -> bool:
        seen = objects.head(self._connection, key)
        dialect, bucket = self._connection.dialect, self._connection.bucket
        if seen is None:
            dialect.found_not_stored(bucket, key)
            raise self._lied(key, "has no such object")
        if seen.size_bytes != size_bytes:  # HEAD tells it, perhaps of another writer's
            raise self._lied(key, "has another one")
        if objects.is_archived(seen):
            return False
        if told_checksums.content(self._connection, seen) != crc64nvme:
            if seen.crc64nvme in {None, crc64nvme}:  # HEAD does not tell it
                dialect.found_not_stored(bucket, key)
            raise self._lied(key, "gives back other content")
        dialect.found_stored(bucket, key)
        return True

    @property
    def _is_open(self) -> bool:
        is_believed = self._is_denied and not self._connection.dialect.not_stored
        return not is_believed and told_checksums.may_be_read(self._connection)

    def _lied(self, key: str, what: str) -> NotStoredError:
        return NotStoredError(
            f"the server confirmed the upload and {what}",
            item=key,
            hint="check the server, then run the same command again",
        )


def proving_uploads(connection: Connection, uploads: int, *, wanted: bool | None) -> dict[str, int]:
    """Return what proving so many uploads will send besides them, by S3 operation, for the price of a plan.

    Args:
        connection: Where they go.
        uploads: How many objects are sent.
        wanted: As in `Verification`.
    """
    sample = _sample(connection, uploads, wanted=wanted)
    if not connection.dialect.tells_no_checksums:
        return {"HeadObject": sample, "GetObject": sample}
    reads = uploads if connection.dialect.makes_other_etags else sample
    return {"HeadObject": uploads + sample, "GetObject": reads}


def reading_before_demotion(connection: Connection, files: int) -> int:
    """Return how many of so many objects will be read before their files go, for the price of a plan."""
    if connection.dialect.tells_no_checksums:
        return files
    return told_checksums.expected_reads(connection, files)


def _sample(connection: Connection, uploads: int, *, wanted: bool | None) -> int:
    if wanted is None or connection.dialect.not_stored:
        return told_checksums.expected_reads(connection, uploads)
    return math.ceil(uploads / _EVERY) if wanted else 0
