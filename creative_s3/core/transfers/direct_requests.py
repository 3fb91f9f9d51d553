"""The heads of usual requests for one object, signed and in bytes; what is unusual is left to others.

botocore resolves endpoint and addressing style once, for a pattern. What differs from object to object is the
key and a few headers whose form S3's API fixes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import BotoCoreError
from s3transfer.crt import FakeRawResponse

from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.credentials import no_credentials
from creative_s3.core.transfers.crt_serializer import (
    HEADERS_OF_PUT,
    KEY_SAFE,
    PATTERN_KEY,
    condition_headers,
    is_plain,
)
from creative_s3.core.transfers.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.transfers.flights import Flight

_HEADERS = {argument: header.lower() for argument, header in HEADERS_OF_PUT.items()}
_USUAL_OF_PUT = frozenset({*HEADERS_OF_PUT, "Metadata"})


class Unsigned(NamedTuple):
    """A request before it is signed.

    Attributes:
        method: HTTP's.
        path: Percent-encoded.
        headers: With names in lower case.
    """

    method: str
    path: str
    headers: list[tuple[str, str]]


class DirectRequests:
    """Makes the heads of requests to one bucket; any thread may use it.

    Args:
        connection: Where to.
        clock: Seconds since 1970.

    Raises:
        CredentialsError: There are none, or they cannot be fetched.
        SettingsError: The AWS configuration makes no host for the bucket.
    """

    def __init__(self, connection: Connection, *, clock: Callable[[], float] = time.time) -> None:
        credentials = connection.session.get_credentials()
        if credentials is None:
            raise no_credentials()
        try:
            credentials.get_frozen_credentials()
        except Exception as error:
            raise translate(error) from error
        self._signer = Signer(credentials.get_frozen_credentials, connection.region, clock=clock)
        pattern = _pattern(connection)
        url = urlsplit(pattern.url)
        self.endpoint_url = f"{url.scheme}://{url.netloc}"
        self._before = url.path.removesuffix(PATTERN_KEY)
        self._common = (("host", url.netloc), ("user-agent", str(pattern.headers["User-Agent"])))

    def put(self, flight: Flight, arguments: Mapping[str, Any]) -> Unsigned | None:
        """Return a PutObject with s3transfer's ``extra_args``, or None where it is unusual."""
        if not _USUAL_OF_PUT.issuperset(arguments):
            return None
        varying = [("content-length", str(flight.size_bytes)), *condition_headers(flight)]
        for argument, value in arguments.items():
            if argument == "Metadata":
                varying += [(f"x-amz-meta-{name.lower()}", text) for name, text in value.items()]
            else:
                varying.append((_HEADERS[argument], value))
        return self._unsigned("PUT", flight.key, varying)

    def get(self, flight: Flight) -> Unsigned | None:
        """Return a GetObject that asks for the checksum, or None where it is unusual."""
        return self._unsigned("GET", flight.key, [_WITH_CHECKSUM, *condition_headers(flight)])

    def head(self, key: str) -> Unsigned | None:
        """Return a HeadObject that asks for the checksum, or None where it is unusual."""
        return self._unsigned("HEAD", key, [_WITH_CHECKSUM])

    def signed(self, request: Unsigned) -> bytes:
        """Return the request's head as it is sent now: a signature is good for some minutes only.

        Raises:
            CredentialsError: The credentials are out of date and cannot be fetched.
        """
        try:
            headers = self._signer.sign(request.method, request.path, "", request.headers)
        except BotoCoreError as error:
            raise translate(error) from error
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
        return f"{request.method} {request.path} HTTP/1.1\r\n{lines}\r\n".encode("ascii")

    def _unsigned(self, method: str, key: str, varying: list[tuple[str, str]]) -> Unsigned | None:
        if not is_plain(key):
            return None
        said = "".join([f"{name}{value}" for name, value in varying])
        if not said.isascii() or "\n" in said or "\r" in said:
            return None  # no value may add a header of its own
        try:
            path = f"{self._before}{quote(key, safe=KEY_SAFE)}"
        except UnicodeEncodeError:
            return None
        return Unsigned(method, path, [*self._common, *varying])


def _pattern(connection: Connection) -> Any:  # noqa: ANN401 - botocore's prepared request
    """Return the request that botocore would send for an object, and send nothing."""
    made: list[Any] = []

    def keep(request: Any, **_: Any) -> AWSResponse | None:  # noqa: ANN401 - botocore's signature
        if not urlsplit(request.url).path.endswith(f"/{PATTERN_KEY}"):
            return None  # another thread's
        made.append(request)
        return AWSResponse(request.url, 200, HeadersDict({"ETag": "none"}), FakeRawResponse(b""))  # type: ignore[arg-type]

    client, name = connection.client, f"creative-s3-pattern-{id(made)}"
    client.meta.events.register_first("before-send.s3.HeadObject", keep, unique_id=name)
    try:
        client.head_object(Bucket=connection.bucket, Key=PATTERN_KEY)
    except BotoCoreError as error:
        raise translate(error, item=connection.bucket, endpoint_url=connection.endpoint_url) from error
    finally:
        client.meta.events.unregister("before-send.s3.HeadObject", unique_id=name)
    return made[0]


_WITH_CHECKSUM = ("x-amz-checksum-mode", "ENABLED")
