"""Which uploads are read back, and reading them: a server may confirm what it does not store.

A checksum in an answer proves that the server had the content in its hands. AWS stores it then; any other
server has to show that once, and is believed for a week.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from creative_s3.core import objects
from creative_s3.errors import AccessDeniedError, ArchivedError, ChecksumMismatchError

if TYPE_CHECKING:
    from creative_s3.core.aws import Connection

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
        if self._wanted is None:
            return self._is_open
        with self._lock:
            self._proved += 1
            return self._wanted and self._proved % _EVERY == 1

    def read_back(self, key: str, *, size_bytes: int, crc64nvme: str) -> None:
        """Read an object that was just confirmed, one at a time, and compare it with what was sent.

        Raises:
            ChecksumMismatchError: It is not there, or it is other content.
            CreativeS3Error: It cannot be read.
        """
        with self._lock:
            if self._wanted is None and not self._is_open:  # another one has shown it meanwhile
                return
            try:
                self._compare(key, size_bytes, crc64nvme)
            except ArchivedError:
                return  # it is there, and it cannot be read now
            except AccessDeniedError:
                if self._wanted:
                    raise
                self._is_denied = True  # credentials that only write

    def _compare(self, key: str, size_bytes: int, crc64nvme: str) -> None:
        seen = objects.head(self._connection, key)
        if seen is None or seen.size_bytes != size_bytes:
            raise self._lied(key, "has no such object" if seen is None else "has another one")
        if objects.is_archived(seen):
            return
        if objects.read_back(self._connection, seen) != crc64nvme:
            raise self._lied(key, "gives back other content")
        self._connection.dialect.found_stored()

    @property
    def _is_open(self) -> bool:
        return (
            not self._is_denied
            and not self._connection.is_aws
            and not self._connection.dialect.is_known_to_store
        )

    def _lied(self, key: str, what: str) -> ChecksumMismatchError:
        return ChecksumMismatchError(
            f"the server confirmed the upload and {what}",
            item=key,
            hint="check the server, then run the same command again",
        )


def sample_size(connection: Connection, uploads: int, *, wanted: bool | None) -> int:
    """Return how many of so many uploads will be read back, for the price of a plan."""
    if wanted is None:
        is_known = connection.is_aws or connection.dialect.is_known_to_store
        return 0 if is_known else min(1, uploads)
    return math.ceil(uploads / _EVERY) if wanted else 0
