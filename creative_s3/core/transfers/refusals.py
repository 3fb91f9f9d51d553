"""Is it one object that a server refuses, or everything? Another request and the other objects tell.

An answer such as 400, 401 or 405 means wrong credentials or a wrong server as a rule, and then a run ends. A
server that says so of a single object gives a finding of that object, and the others go on.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from creative_s3.core.faults.translation import ends_run, translate
from creative_s3.core.s3.genuine import MOST_IN_A_ROW
from creative_s3.errors import AccessDeniedError, CreativeS3Error, ItemError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from creative_s3.core.s3.connection import Connection

_KNOWN_FOR_S = 60.0


class Refusals:
    """What one run has met; any thread may call it.

    Args:
        connection: Where to.
        clock: Seconds, growing steadily.
    """

    def __init__(self, connection: Connection, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._accepted_at: float | None = None

    def succeeded(self) -> None:
        """Note that the server did what was asked of another object."""
        self._in_a_row = 0

    def of_item(self, error: CreativeS3Error, key: str) -> CreativeS3Error:
        """Return an error that would end a run as that of its object, where it is; else the error itself."""
        if not ends_run(error) or self._is_one_of_many() or not self._is_accepted():
            return error
        return ItemError(
            f"the server refuses this object, and accepts other requests: {error.message}",
            item=key,
            hint=error.hint,
        )

    def is_alone(self, error: CreativeS3Error) -> bool:
        """Tell whether a temporary failure may be that of its object alone: nothing was said."""
        is_silent = isinstance(error, TemporaryError) and not isinstance(error.__cause__, ClientError)
        return is_silent and not self._is_one_of_many()

    def _is_one_of_many(self) -> bool:
        with self._lock:
            self._in_a_row += 1
            return self._in_a_row > MOST_IN_A_ROW

    def _is_accepted(self) -> bool:
        """Tell whether the server takes credentials, clock and settings in another request."""
        with self._lock:
            now = self._clock()
            if self._accepted_at is None or now - self._accepted_at > _KNOWN_FOR_S:
                self._accepted_at = now if self._asked() else None
            return self._accepted_at is not None

    def _asked(self) -> bool:
        try:
            self._connection.client.list_objects_v2(Bucket=self._connection.bucket, MaxKeys=1)
        except Exception as error:  # noqa: BLE001 - it is the answer
            try:
                return isinstance(translate(error), AccessDeniedError)
            except Exception:  # noqa: BLE001 - a bug is met where it does its harm
                return False
        return True
