"""The first answer that the Common Runtime gets from a server: where none comes, botocore looks at why.

The Common Runtime does not read heads whose lines end with LF alone. It waits for more until its own time is
over, half a minute for each of four tries, where botocore reads such a head at once.
"""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from creative_s3.core.s3.connection import Connection

_SILENT_S = 5.0
"""Long for the first of several answers, and short for a person; a look too many costs one request."""


class FirstAnswer:
    """Expected from the first request on; any thread may call it.

    Args:
        connection: Where to; AWS is never doubted.
        give_up: Called once, when the answers turn out to be such that the Common Runtime never reads them.
    """

    def __init__(self, connection: Connection, give_up: Callable[[], None]) -> None:
        self._connection = connection
        self._give_up = give_up
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._is_awaited = not connection.is_aws

    def expect(self, key: str) -> None:
        """Note that a request for a key is sent."""
        with self._lock:
            if not self._is_awaited or self._timer is not None:
                return
            self._timer = threading.Timer(_SILENT_S, self._look, (key,))
            self._timer.daemon = True
            self._timer.start()

    def came(self) -> None:
        """Note that something was answered, or that nothing is expected any more."""
        if not self._is_awaited:  # for each of many objects
            return
        with self._lock:
            self._is_awaited = False
            if self._timer is not None:
                self._timer.cancel()

    def _look(self, key: str) -> None:
        """Have botocore ask for a byte: whatever the answer is, its lines end in some way."""
        client, bucket = self._connection.client, self._connection.bucket
        with (
            suppress(Exception),
            closing(client.get_object(Bucket=bucket, Key=key, Range="bytes=0-0")["Body"]),
        ):
            pass
        if self._is_awaited and self._connection.line_ends.are_bare:
            self._give_up()
