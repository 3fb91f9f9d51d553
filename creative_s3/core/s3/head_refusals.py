"""Why a HEAD was refused: its answer has no body, so a GET is asked for S3's own word.

A wrong secret, an unknown access key, an expired token, a wrong clock or setting: to HEAD, each is a bare 400
or 403, as a missing permission is. Each client of `core.s3.connection` is watched.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from creative_s3.core.faults.table import REFUSED_OBJECT
from creative_s3.core.faults.translation import translate
from creative_s3.errors import ClockError, CredentialsError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

_OF_ALL = frozenset({"400", "401", "405", "501"})
"""What means credentials or server where other requests are refused, too; 403 may be a permission."""
_BARE = _OF_ALL | {"403"}
_KNOWN_FOR_S = 60.0
"""Credentials that were accepted may expire."""
_HEADS = ("HeadBucket", "HeadObject")


def explain(client: Any) -> None:  # noqa: ANN401 - boto3's clients have no common type
    """Let the errors of a client's HEADs say whether credentials, clock or settings are wrong."""
    refusals = _Refusals(client)
    for operation in _HEADS:
        client.meta.events.register(
            f"after-call.s3.{operation}", refusals.name, unique_id=f"creative-s3-refusal-{operation}"
        )


class _Refusals:
    """What one client has learned of its credentials; any thread may call it."""

    def __init__(self, client: Any, clock: Callable[[], float] = time.monotonic) -> None:  # noqa: ANN401 - as above
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._accepted_at: float | None = None

    def name(
        self, parsed: MutableMapping[str, Any], context: dict[str, Any], event_name: str, **_: object
    ) -> None:
        """Put S3's own word in the place of a bare status."""
        bucket = context.get("s3_redirect", {}).get("bucket")
        code = parsed.get("Error", {}).get("Code")
        if code not in _BARE or not bucket:
            return
        with self._lock:
            found = None  # it is this one object, or this one permission
            if self._accepted_at is None or self._clock() - self._accepted_at > _KNOWN_FOR_S:
                found = self._asked(bucket)
                self._accepted_at = self._clock() if found is None else None
        if found is not None:
            parsed["Error"] = found
        elif code in _OF_ALL and event_name.endswith("HeadObject"):
            parsed["Error"]["Code"] = REFUSED_OBJECT

    def _asked(self, bucket: str) -> dict[str, Any] | None:
        """Return what is wrong for every request; None for nothing."""
        with suppress(BotoCoreError):  # whatever it is, the HEAD's own answer stands
            try:
                self._client.list_objects_v2(Bucket=bucket, MaxKeys=1)
            except ClientError as error:
                if isinstance(translate(error), CredentialsError | ClockError | SettingsError):
                    return dict(error.response["Error"])
        return None
