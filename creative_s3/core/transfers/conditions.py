"""Whether a compatible server honours conditions on writes: learned during an upload, remembered for a week.

A server that reports CRC64NVME is newer than conditional writes and is not asked. AWS never is. Any other
one gets a single request, after it has stored the first object of a run: the same bytes for the same key
again, on the condition that no object is there, with a wrong Content-MD5. Whoever honours conditions
answers 412; whoever ignores them refuses the digest, and the object stays as it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import platformdirs
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from creative_s3.core.aws import Connection

REMEMBERED_S = 7 * 86_400
LARGEST_BYTES = 1 << 20
"""A larger object is not sent again for a question."""
IGNORED = (
    "this server ignores conditions on writes: each key is looked at right before it is written, and another"
    " writer's object could be replaced in between"
)
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
        self._clock = clock
        self._lock = threading.Lock()
        name = hashlib.sha256((connection.endpoint_url or "").encode()).hexdigest()
        state = directory or platformdirs.user_state_path("creative-s3", appauthor=False) / "servers"
        self._path = state / f"{name}.json"
        self._are_honoured = True if connection.is_aws else self._remembered()
        self._is_asked = False

    @property
    def are_ignored(self) -> bool:
        """Whether a condition is known not to protect anything here."""
        return self._are_honoured is False

    def learn(self, key: str, content: Callable[[], bytes], arguments: Mapping[str, Any]) -> None:
        """Find out, once in a run and only where it is not known.

        Args:
            key: An object that this run has just stored.
            content: Returns its bytes.
            arguments: What it was stored with, as boto3's parameters without a checksum.
        """
        with self._lock:
            if self._are_honoured is not None or self._is_asked:
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
        try:
            known = json.loads(self._path.read_bytes())
            is_fresh = 0 <= self._clock() - float(known["learned_at"]) < REMEMBERED_S
            return bool(known["honours_conditions"]) if is_fresh else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _remember(self, *, are_honoured: bool) -> None:
        self._are_honoured = are_honoured
        known = {
            "endpoint_url": self._connection.endpoint_url,
            "honours_conditions": are_honoured,
            "learned_at": self._clock(),
        }
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.write_text(json.dumps(known), encoding="utf-8")
        except OSError:
            return  # it is asked again in the next run
