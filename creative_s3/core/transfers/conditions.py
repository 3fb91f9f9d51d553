"""Whether a compatible server honours conditions on writes: learned during an upload, remembered for a week.

A server that reports CRC64NVME is newer than conditional writes and is not asked. AWS never is. Any other
one gets a single request, after it has stored the first object of a run: the same bytes for the same key
again, on the condition that no object is there, with a wrong Content-MD5. Whoever honours conditions
answers 412; whoever ignores them refuses the digest, and the object stays as it is.
"""

from __future__ import annotations

import base64
import threading
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from creative_s3.core.dialect import Refusal
from creative_s3.core.server_memory import ServerMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from creative_s3.core.aws import Connection

LARGEST_BYTES = 1 << 20
"""A larger object is not sent again for a question."""
IGNORED = (
    "this server ignores conditions on writes: each key is looked at right before it is written, and another"
    " writer's object could be replaced in between"
)
REFUSED = IGNORED.replace("ignores", "refuses")
_FACT = "honours_conditions"
_WRONG_MD5 = base64.b64encode(bytes(16)).decode()
_REFUSED_DIGESTS = frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"})


class Conditions:
    """What is known of one server; any thread may use it.

    Args:
        connection: Where to.
        directory: Where it is remembered; by default in the user's state directory.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        directory: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._memory = ServerMemory(connection.endpoint_url, directory=directory, clock=clock)
        self._are_honoured = True if connection.is_aws else self._remembered()
        self._is_asked = False

    @property
    def are_ignored(self) -> bool:
        """Whether a condition is known not to protect anything here."""
        return self._are_honoured is False or self._are_refused

    @property
    def warning(self) -> str | None:
        """What a report must say of it; None for nothing."""
        if self._are_refused:
            return REFUSED
        return IGNORED if self.are_ignored else None

    @property
    def _are_refused(self) -> bool:
        refuses = self._connection.dialect.refuses
        return bool(refuses) and Refusal.CONDITIONS in refuses

    def learn(self, key: str, content: Callable[[], bytes], arguments: Mapping[str, Any]) -> None:
        """Find out, once in a run and only where it is not known.

        Args:
            key: An object that this run has just stored.
            content: Returns its bytes.
            arguments: What it was stored with, as boto3's parameters without a checksum.
        """
        with self._lock:
            if self._are_honoured is not None or self._is_asked or self._are_refused:
                return
            self._is_asked = True
            self._ask(key, content, arguments)  # who waits here wants to know the answer, too

    def _ask(self, key: str, content: Callable[[], bytes], arguments: Mapping[str, Any]) -> None:
        try:
            self._connection.client.put_object(
                **arguments,
                Bucket=self._connection.bucket,
                Key=key,
                Body=content(),
                IfNoneMatch="*",
                ContentMD5=_WRONG_MD5,
            )
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 412:  # noqa: PLR2004 - HTTP's own
                self._remember(are_honoured=True)
            elif error.response["Error"]["Code"] in _REFUSED_DIGESTS:
                self._remember(are_honoured=False)
        except (BotoCoreError, OSError):
            return  # asked again in the next run
        else:
            self._remember(are_honoured=False)

    def _remembered(self) -> bool | None:
        known = self._memory.recall(_FACT)
        return None if known is None else bool(known)

    def _remember(self, *, are_honoured: bool) -> None:
        self._are_honoured = are_honoured
        self._memory.remember(_FACT, are_honoured)
