"""Signature version 4 for requests that are sent directly: as botocore signs, with less work for each.

AWS: "Signature Calculations for the Authorization Header" and "Unsigned payload option". The body is not part
of the signature; a signed header has its CRC64NVME.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from botocore.credentials import ReadOnlyCredentials

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "s3"
_END = "aws4_request"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_NOT_SIGNED = frozenset({"expect", "transfer-encoding", "user-agent", "x-amzn-trace-id", "connection"})
"""Headers that something on the way may change; botocore leaves them out, too."""


class _Key(NamedTuple):
    """A signing key, which is good for a day."""

    secret_key: str
    date: str
    digest: bytes


class Signer:
    """Signs requests of one region; any thread may use it.

    Args:
        keys: Returns the present credentials; called for each request.
        region: The region that is asked.
        clock: Seconds since 1970.
    """

    def __init__(
        self, keys: Callable[[], ReadOnlyCredentials], region: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._keys = keys
        self._region = region
        self._clock = clock
        self._key = _Key("", "", b"")
        self._now = (0, "")

    def sign(
        self, method: str, path: str, query: str, headers: Iterable[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        """Return all headers of a request, with those that its signature needs.

        Args:
            method: HTTP's.
            path: The path as it is sent, percent-encoded.
            query: The query as it is sent, its parts in the order of their names; empty for none.
            headers: All others, ``host`` with them; their names in lower case, none twice.
        """
        keys = self._keys()
        time_stamp = self._time_stamp()
        date = time_stamp[:8]
        all_headers = [*headers, ("x-amz-content-sha256", _UNSIGNED), ("x-amz-date", time_stamp)]
        if keys.token:
            all_headers.append(("x-amz-security-token", keys.token))
        signed = sorted([header for header in all_headers if header[0] not in _NOT_SIGNED])
        names = ";".join([name for name, _ in signed])
        lines = "".join([f"{name}:{' '.join(value.split())}\n" for name, value in signed])
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{_UNSIGNED}"
        scope = f"{date}/{self._region}/{_SERVICE}/{_END}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"{_ALGORITHM}\n{time_stamp}\n{scope}\n{digest}"
        signature = hmac.digest(
            self._signing_key(keys.secret_key or "", date), to_sign.encode(), "sha256"
        ).hex()
        credential = f"Credential={keys.access_key}/{scope}"
        all_headers.append(
            ("authorization", f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}")
        )
        return all_headers

    def _time_stamp(self) -> str:
        now = int(self._clock())
        second, text = self._now
        if second != now:
            text = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
            self._now = (now, text)
        return text

    def _signing_key(self, secret_key: str, date: str) -> bytes:
        key = self._key
        if key.secret_key != secret_key or key.date != date:
            digest = f"AWS4{secret_key}".encode()
            for step in (date, self._region, _SERVICE, _END):
                digest = hmac.digest(digest, step.encode(), "sha256")
            self._key = key = _Key(secret_key, date, digest)
        return key.digest
