"""Whether a compatible server honours conditions on writes: to create (If-None-Match), to replace (If-Match).

Each is learned for itself and remembered for a week. AWS honours both and is never asked. A condition that is
met and refused all the same is tried in the next form: an ETag with its quotes, without them, then none. What
is not protected by a condition is looked at right before it is written.

A server that stored an object and reported no CRC64NVME is asked: the same bytes for the same key again, on a
condition that is not met, with a wrong Content-MD5. One that honours conditions answers 412. One that refuses
the digest may only have looked at it first: then the same request goes once more with the right digest, and
one that ignores conditions stores the same object again.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from creative_s3.core.s3.dialect import REFUSED_STATUS, WRONG_DIGEST, WRONG_MD5, Refusal, status_of
from creative_s3.core.s3.server_memory import ServerMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from creative_s3.core.s3.dialect import Dialect

LARGEST_BYTES = 1 << 20
"""A larger object is not sent again for a question."""
PRECONDITION_FAILED = 412
_NO_OBJECT = "0" * 32
"""An ETag that no object has."""
_NOT_THERE = frozenset({405, 501})
_NOT_TAKEN = frozenset({"InvalidArgument", "InvalidRequest", "NotImplemented"})
_UNGUARDED = (
    "this server {what} conditions on {which}: each key is looked at right before it is written, and another"
    " writer's object could be replaced in between"
)


class Purpose(StrEnum):
    """What a condition is for."""

    CREATE = "create"
    REPLACE = "replace"

    @classmethod
    def of(cls, if_match: str | None) -> Purpose:
        """Return what a write is for: to replace the object of this ETag, or to create where it is None."""
        return cls.CREATE if if_match is None else cls.REPLACE


class Standing(StrEnum):
    """What is known of a condition."""

    HONOURED = "honoured"
    BARE = "bare"
    """An ETag with quotes is refused although it is the object's; without them it has not been refused."""
    IGNORED = "ignored"
    REFUSED = "refused"
    """It is refused also where it is met."""


UNPROTECTED = frozenset({Standing.IGNORED, Standing.REFUSED})
_REFUSALS = {Purpose.CREATE: Refusal.CONDITIONS, Purpose.REPLACE: Refusal.REPLACING}
_OBJECTS = {Purpose.CREATE: "new objects", Purpose.REPLACE: "objects that are replaced"}


class Conditions:
    """What is known of one server; any thread may use it.

    Args:
        endpoint_url: The server; None for AWS.
        dialect: What it refuses.
        directory: Where it is remembered; by default in the user's state directory.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        endpoint_url: str | None,
        dialect: Dialect,
        *,
        directory: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._is_aws = endpoint_url is None
        self._dialect = dialect
        self._memory = ServerMemory(endpoint_url, directory=directory, clock=clock)
        self._lock = threading.RLock()
        self._known: dict[Purpose, Standing | None] = {}
        self._asked: set[Purpose] = set()
        self._are_refused_with_parts = False

    def standing(self, purpose: Purpose) -> Standing | None:
        """Return what is known; None for nothing."""
        if self._is_aws:
            return Standing.HONOURED
        if _REFUSALS[purpose] in self._dialect.refuses:
            return Standing.REFUSED
        if purpose not in self._known:
            known = self._memory.recall(_fact(purpose))
            self._known[purpose] = next((one for one in Standing if one == known), None)
        return self._known[purpose]

    def protects(self, if_match: str | None) -> bool:
        """Tell whether a condition is not known to be useless: else look right before writing."""
        return self.standing(Purpose.of(if_match)) not in UNPROTECTED

    def sent(self, if_match: str | None) -> dict[str, str]:
        """Return the condition of a write as boto3's parameter; empty where the server takes none.

        Args:
            if_match: The ETag of the object to replace, without quotes; None to create.
        """
        standing = self.standing(Purpose.of(if_match))
        if standing is Standing.REFUSED:
            return {}
        if if_match is None:
            return {"IfNoneMatch": "*"}
        return {"IfMatch": if_match if standing is Standing.BARE else f'"{if_match}"'}

    def refuted(self, if_match: str | None, sent: Mapping[str, str]) -> bool:
        """Take note that a condition was refused although it was met; return whether to send again.

        Args:
            if_match: As for `sent`.
            sent: What `sent` returned for that request.
        """
        if self._is_aws or not sent:
            return False
        purpose = Purpose.of(if_match)
        with self._lock:
            if sent == self.sent(if_match):  # else another thread was faster
                is_last = purpose is Purpose.CREATE or self.standing(purpose) is Standing.BARE
                self._remember(purpose, Standing.REFUSED if is_last else Standing.BARE)
        return True

    def doubted(self, if_match: str | None, sent: Mapping[str, str], error: BaseException) -> bool:
        """Do without a condition in this run where it may be what a request was refused for.

        Args:
            if_match: As for `sent`.
            sent: What `sent` returned for that request.
            error: What the request failed with, as a library raised it.

        Returns:
            Whether to send again.
        """
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
        is_refusal = status_of(error) in _NOT_THERE or code in _NOT_TAKEN
        if self._is_aws or not sent or not is_refusal:
            return False
        self._known[Purpose.of(if_match)] = Standing.REFUSED
        return True

    def refused_with_parts(self) -> None:
        """Take note that an upload in parts was completed without its condition, which was not taken."""
        self._are_refused_with_parts = True

    def warning(self, if_match: str | None) -> str | None:
        """Say what a report must say of a write; None for nothing."""
        purpose = Purpose.of(if_match)
        standing = self.standing(purpose)
        if standing in UNPROTECTED:
            what = "ignores" if standing is Standing.IGNORED else "refuses"
            return _UNGUARDED.format(what=what, which=_OBJECTS[purpose])
        if self._are_refused_with_parts:
            return _UNGUARDED.format(what="refuses", which="uploads in parts")
        return None

    def learn(
        self,
        client: Any,  # noqa: ANN401 - boto3's clients have no common type
        purpose: Purpose,
        *,
        content: Callable[[], bytes],
        arguments: Mapping[str, Any],
        is_unchanged: Callable[[], bool],
    ) -> bool:
        """Find out, once in a run and only where it is not known; return whether the object was stored again.

        Args:
            client: Of the server.
            purpose: Which condition.
            content: Returns the bytes of an object that this run has just stored.
            arguments: Bucket, key and all else that it was stored with, as boto3's parameters, no checksum.
            is_unchanged: Tells whether the object is still the one that this run stored.
        """
        with self._lock:  # who waits here wants to know the answer, too
            if self.standing(purpose) is not None or purpose in self._asked:
                return False
            self._asked.add(purpose)
            try:
                return self._ask(client, purpose, content(), dict(arguments), is_unchanged)
            except (BotoCoreError, OSError):
                return False  # asked again in the next run

    def _ask(
        self,
        client: Any,  # noqa: ANN401 - as above
        purpose: Purpose,
        content: bytes,
        arguments: dict[str, Any],
        is_unchanged: Callable[[], bool],
    ) -> bool:
        arguments["Body"] = content
        arguments |= self.sent(_NO_OBJECT if purpose is Purpose.REPLACE else None)
        status, code = _answer(client, arguments | {"ContentMD5": WRONG_MD5})
        if code in WRONG_DIGEST:
            if not is_unchanged():
                return False
            right = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
            status, code = _answer(client, arguments | {"ContentMD5": right})
        if status == PRECONDITION_FAILED:
            self._remember(purpose, Standing.HONOURED)
        elif not status:
            self._remember(purpose, Standing.IGNORED)
        elif status in REFUSED_STATUS and code not in WRONG_DIGEST:
            self._remember(purpose, Standing.REFUSED)
        return not status

    def _remember(self, purpose: Purpose, standing: Standing) -> None:
        self._known[purpose] = standing
        self._memory.remember(_fact(purpose), str(standing))


def _fact(purpose: Purpose) -> str:
    return f"condition_to_{purpose}"


def _answer(client: Any, arguments: Mapping[str, Any]) -> tuple[int, str]:  # noqa: ANN401 - as above
    """Return status and code of a refusal; 0 and nothing for a success."""
    try:
        client.put_object(**arguments)
    except ClientError as error:
        return status_of(error), str(error.response["Error"]["Code"])
    return 0, ""
