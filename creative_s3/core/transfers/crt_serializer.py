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

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.transfers.flights import Flight

PATTERN_KEY = "creative-s3-pattern"
KEY_SAFE = "/-._~"
"""What botocore leaves as it is in a key; everything else is percent-encoded."""
HEADERS_OF_PUT = {
    "ContentType": "Content-Type",
    "StorageClass": "x-amz-storage-class",
    "Tagging": "x-amz-tagging",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "ChecksumCRC64NVME": "x-amz-checksum-crc64nvme",
}
"""Arguments that are one header each (AWS API reference, "PutObject")."""
_NO_MD5 = {"ContentMD5": "override-to-be-removed"}
"""s3transfer's word to its serializer: botocore's MD5 is not wanted."""
_PLAIN = {
    "put_object": {"ContentLength", "ContentMD5"},
    "get_object": {"ChecksumMode"},
    "head_object": {"ChecksumMode"},
}
"""Arguments that the pattern has, too."""
_USUAL = {name: frozenset(plain) for name, plain in _PLAIN.items()}
_USUAL["put_object"] |= {*HEADERS_OF_PUT, "Metadata"}


class LeanSerializer(BotocoreCRTRequestSerializer):
    """Makes requests, unsigned, with the conditions of their flights.

    Args:
        connection: Where to.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.session, dict(connection.client_options))
        self._bucket = connection.bucket
        self._patterns: dict[str, _Pattern] = {}

    def request(
        self, operation: str, key: str, arguments: Mapping[str, Any], flight: Flight | None = None
    ) -> awscrt.http.HttpRequest:
        """Return a request.

        Args:
            operation: boto3's name of it, such as ``put_object``.
            key: The object's key.
            arguments: boto3's other parameters; of a body only its length.
            flight: Has the conditions; None for no conditions.
        """
        if _USUAL[operation].issuperset(arguments) and is_plain(key):
            pattern = self._patterns.get(operation)
            if pattern is None:
                plain = {name: arguments[name] for name in _PLAIN[operation] if name in arguments}
                pattern = self._patterns[operation] = _Pattern(self._botocores(operation, PATTERN_KEY, plain))
            request = pattern.request(key, arguments)
        else:
            request = self._botocores(operation, key, arguments)
        if flight is None:
            return request
        for name, value in condition_headers(flight):
            request.headers.set(name, value)
        return request

    def _botocores(self, operation: str, key: str, arguments: Mapping[str, Any]) -> awscrt.http.HttpRequest:
        extra = dict(arguments) | (_NO_MD5 if operation == "put_object" else {})
        call = SimpleNamespace(bucket=self._bucket, key=key, extra_args=extra)
        transfer: Any = SimpleNamespace(meta=SimpleNamespace(call_args=call))
        return self.serialize_http_request(operation, transfer)


class _Pattern:
    """What all usual requests of one kind have in common."""

    def __init__(self, request: awscrt.http.HttpRequest) -> None:
        path, _, query = request.path.partition("?")
        self._method = request.method
        self._before = path.removesuffix(PATTERN_KEY)
        self._after = f"?{query}" if query else ""
        self._headers = [(name, value) for name, value in request.headers if name.lower() != "content-length"]

    def request(self, key: str, arguments: Mapping[str, Any]) -> awscrt.http.HttpRequest:
        """Return the request for one object."""
        path = f"{self._before}{quote(key, safe=KEY_SAFE)}{self._after}"
        headers = awscrt.http.HttpHeaders([*self._headers, *_varying(arguments)])
        return awscrt.http.HttpRequest(self._method, path, headers, None)


def _varying(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Content-Length", str(arguments.get("ContentLength", 0))
    for argument, header in HEADERS_OF_PUT.items():
        if argument in arguments:
            yield header, arguments[argument]
    for name, value in arguments.get("Metadata", {}).items():
        yield f"x-amz-meta-{name}", value


def condition_headers(flight: Flight) -> Iterator[tuple[str, str]]:
    """Return the conditions of a flight."""
    if flight.if_none_match:
        yield "if-none-match", flight.if_none_match
    if flight.if_match:
        yield "if-match", flight.if_match


def is_plain(key: str) -> bool:
    """Tell whether no client reads the key as a path with something to leave out."""
    return not any(part in {"", ".", ".."} for part in key.split("/"))
