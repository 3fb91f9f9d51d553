"""Requests for the Common Runtime: botocore's own for anything unusual, and a lean way for the usual ones.

botocore resolves endpoint, addressing style and common headers for every request anew, which costs more than
moving a small object. Here it does so once, on a pattern; what differs from object to object is the key and a
few headers whose form S3's API fixes. Whatever has other arguments than those goes through botocore.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import awscrt.http
from s3transfer.crt import BotocoreCRTRequestSerializer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from creative_s3.core.aws import Connection
    from creative_s3.core.transfers.flights import Flight

_PATTERN_KEY = "creative-s3-pattern"
_KEY_SAFE = "/-._~"
"""What botocore leaves as it is in a key; everything else is percent-encoded."""
_HEADERS = {
    "ContentType": "Content-Type",
    "StorageClass": "x-amz-storage-class",
    "Tagging": "x-amz-tagging",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}
"""Arguments that are one header each (AWS API reference, "PutObject")."""
_PLAIN = {"put_object": {"ContentLength", "ContentMD5"}, "get_object": {"ChecksumMode"}}
"""Arguments that the pattern has, too."""
_USUAL = {
    "put_object": frozenset({*_HEADERS, "Metadata", *_PLAIN["put_object"]}),
    "get_object": frozenset(_PLAIN["get_object"]),
}


class LeanSerializer(BotocoreCRTRequestSerializer):
    """Serializes requests, adds the conditions, and notes each request for the client.

    Args:
        connection: Where to.
        flights: Takes each request's flight, by the request's identity.
    """

    def __init__(self, connection: Connection, flights: dict[int, Flight]) -> None:
        super().__init__(connection.session, dict(connection.client_options))
        self._flights = flights
        self._patterns: dict[tuple[str, str], _Pattern] = {}

    def serialize_http_request(self, transfer_type: str, future: Any) -> Any:  # noqa: ANN401 - s3transfer's
        """Return the request of a transfer, unsigned."""
        call = future.meta.call_args
        request = self._lean(transfer_type, call.bucket, call.key, call.extra_args)
        if request is None:
            request = super().serialize_http_request(transfer_type, future)
        (flight,) = call.subscribers
        if flight.if_none_match:
            request.headers.set("If-None-Match", flight.if_none_match)
        if flight.if_match:
            request.headers.set("If-Match", f'"{flight.if_match}"')
        self._flights[id(request)] = flight
        return request

    def _lean(
        self, transfer_type: str, bucket: str, key: str, arguments: Mapping[str, Any]
    ) -> awscrt.http.HttpRequest | None:
        if not _USUAL.get(transfer_type, frozenset()).issuperset(arguments) or not _is_plain(key):
            return None
        pattern = self._patterns.get((transfer_type, bucket))
        if pattern is None:
            plain = {name: arguments[name] for name in _PLAIN[transfer_type] if name in arguments}
            pattern = self._patterns[transfer_type, bucket] = self._pattern(transfer_type, bucket, plain)
        return pattern.request(key, arguments)

    def _pattern(self, transfer_type: str, bucket: str, plain: Mapping[str, Any]) -> _Pattern:
        call = SimpleNamespace(bucket=bucket, key=_PATTERN_KEY, extra_args=dict(plain))
        transfer: Any = SimpleNamespace(meta=SimpleNamespace(call_args=call))
        return _Pattern(super().serialize_http_request(transfer_type, transfer))


class _Pattern:
    """What all usual requests of one kind have in common."""

    def __init__(self, request: awscrt.http.HttpRequest) -> None:
        path, _, query = request.path.partition("?")
        self._method = request.method
        self._before = path.removesuffix(_PATTERN_KEY)
        self._after = f"?{query}" if query else ""
        self._headers = [(name, value) for name, value in request.headers if name.lower() != "content-length"]

    def request(self, key: str, arguments: Mapping[str, Any]) -> awscrt.http.HttpRequest:
        """Return the request for one object."""
        path = f"{self._before}{quote(key, safe=_KEY_SAFE)}{self._after}"
        headers = awscrt.http.HttpHeaders([*self._headers, *_varying(arguments)])
        return awscrt.http.HttpRequest(self._method, path, headers, None)


def _varying(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Content-Length", str(arguments.get("ContentLength", 0))
    for argument, header in _HEADERS.items():
        if argument in arguments:
            yield header, arguments[argument]
    for name, value in arguments.get("Metadata", {}).items():
        yield f"x-amz-meta-{name}", value


def _is_plain(key: str) -> bool:
    """Tell whether no client reads the key as a path with something to leave out."""
    return not any(part in {"", ".", ".."} for part in key.split("/"))
