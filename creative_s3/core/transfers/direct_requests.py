"""The heads of usual requests for one object, signed and in bytes; what is unusual is left to others.

botocore resolves endpoint and addressing style once, for a pattern. What differs from object to object is the
key and a few headers whose form S3's API fixes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from creative_s3.core.aws import no_credentials
from creative_s3.core.faults import translate
from creative_s3.core.transfers.crt_serializer import (
    HEADERS_OF_PUT,
    KEY_SAFE,
    PATTERN_KEY,
    condition_headers,
    is_plain,
)
from creative_s3.core.transfers.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.aws import Connection
    from creative_s3.core.transfers.flights import Flight

_HEADERS = {argument: header.lower() for argument, header in HEADERS_OF_PUT.items()}
_USUAL_OF_PUT = frozenset({*HEADERS_OF_PUT, "Metadata"})


class DirectRequests:
    """Makes the heads of requests to one bucket; any thread may use it.

    Args:
        connection: Where to.

    Raises:
        CredentialsError: There are none, or they cannot be fetched.
    """

    def __init__(self, connection: Connection) -> None:
        credentials = connection.session.get_credentials()
        if credentials is None:
            raise no_credentials()
        try:
            credentials.get_frozen_credentials()
        except Exception as error:
            raise translate(error) from error
        self._signer = Signer(credentials.get_frozen_credentials, connection.region)
        pattern = urlsplit(
            connection.client.generate_presigned_url(
                "head_object", Params={"Bucket": connection.bucket, "Key": PATTERN_KEY}
            )
        )
        self.endpoint_url = f"{pattern.scheme}://{pattern.netloc}"
        self._before = pattern.path.removesuffix(PATTERN_KEY)
        self._common = (("host", pattern.netloc), ("user-agent", connection.client.meta.config.user_agent))

    def put(self, flight: Flight, arguments: Mapping[str, Any]) -> bytes | None:
        """Return the head of a PutObject with s3transfer's ``extra_args``, or None where it is unusual."""
        if not (_USUAL_OF_PUT.issuperset(arguments) and is_plain(flight.key)):
            return None
        varying = [("content-length", str(flight.size_bytes)), *condition_headers(flight)]
        for argument, value in arguments.items():
            if argument == "Metadata":
                varying += [(f"x-amz-meta-{name.lower()}", text) for name, text in value.items()]
            else:
                varying.append((_HEADERS[argument], value))
        return self._head("PUT", flight.key, varying)

    def get(self, flight: Flight) -> bytes | None:
        """Return the head of a GetObject that asks for the checksum, or None where it is unusual."""
        if not is_plain(flight.key):
            return None
        return self._head("GET", flight.key, [_WITH_CHECKSUM, *condition_headers(flight)])

    def head(self, key: str) -> bytes | None:
        """Return the head of a HeadObject that asks for the checksum, or None where it is unusual."""
        return self._head("HEAD", key, [_WITH_CHECKSUM]) if is_plain(key) else None

    def _head(self, method: str, key: str, varying: list[tuple[str, str]]) -> bytes | None:
        path = f"{self._before}{quote(key, safe=KEY_SAFE)}"
        try:
            headers = self._signer.sign(method, path, "", [*self._common, *varying])
            lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
            head = f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("ascii")
        except UnicodeEncodeError:
            return None
        # No value may add a header of its own.
        return (
            head if head.count(b"\n") == len(headers) + 2 and head.count(b"\r") == len(headers) + 2 else None
        )


_WITH_CHECKSUM = ("x-amz-checksum-mode", "ENABLED")
