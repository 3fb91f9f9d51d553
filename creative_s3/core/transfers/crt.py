"""The CRT engine: s3transfer's manager over the AWS Common Runtime, built directly to honour the endpoint.

s3transfer accepts no conditions on a write and shows no answer's headers. Both are added at its own seams:
the request serializer (`core.transfers.crt_serializer`) and the client that it is given.
"""

from __future__ import annotations

import math
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import awscrt.auth
import awscrt.exceptions
import awscrt.io
import awscrt.s3
from botocore.credentials import RefreshableCredentials
from s3transfer.crt import CRTTransferManager
from s3transfer.manager import TransferConfig

from creative_s3.core.aws import CONNECT_TIMEOUT_S, no_credentials, translate
from creative_s3.core.objects import bare_etag, bare_version
from creative_s3.core.transfers.classic import ClassicEngine
from creative_s3.core.transfers.crt_serializer import LeanSerializer
from creative_s3.core.transfers.flights import (
    MULTIPART_FROM_BYTES,
    PART_BYTES,
    Answer,
    Flight,
    Reply,
    RequestTally,
    part_count,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from s3transfer.subscribers import BaseSubscriber

    from creative_s3.core.aws import Connection

_RETRIES = 3
_GRACE_S = 2.0
_TRANSFERS_PER_MANAGER = 256


class CrtEngine:
    """Fast, few Python steps per object; needs signature version 4 and no proxy."""

    name = "crt"

    def __init__(self, connection: Connection, *, tally: RequestTally) -> None:
        self._connection = connection
        self._fallback: ClassicEngine | None = None
        self._bucket = connection.bucket
        self._tally = tally
        self._flights: dict[int, Flight] = {}
        self._credentials = _CrtCredentials(connection)
        self._serializer = LeanSerializer(connection, self._flights)
        self._client = _ObservedCrtClient(
            _crt_client(connection, self._credentials), self._flights, self._credentials
        )
        self._config = TransferConfig(
            multipart_threshold=MULTIPART_FROM_BYTES,
            multipart_chunksize=PART_BYTES,
            max_request_concurrency=connection.config.max_parallel_uploads,
        )
        self._manager = self._new_manager()
        self._submitted = 0

    def put(self, flight: Flight, arguments: Mapping[str, Any]) -> Callable[[], None]:
        """Begin an upload."""
        if not _is_utf8(flight):
            return self._classic().put(flight, arguments)
        is_multipart = flight.size_bytes > MULTIPART_FROM_BYTES
        if is_multipart:
            self._tally.add("CreateMultipartUpload")
            self._tally.add("UploadPart", part_count(flight.size_bytes))
            self._tally.add("CompleteMultipartUpload")
        else:
            self._tally.add("PutObject")
        future = self._next_manager().upload(
            str(flight.path),
            self._bucket,
            flight.key,
            extra_args=dict(arguments),
            subscribers=cast("list[BaseSubscriber]", [flight]),
        )
        cancel = _begun(flight, future)
        return partial(_cancel_multipart, flight, cancel, time.monotonic()) if is_multipart else cancel

    def get(self, flight: Flight) -> Callable[[], None]:
        """Begin a download."""
        if not _is_utf8(flight):
            return self._classic().get(flight)
        self._tally.add("GetObject", max(1, math.ceil(flight.size_bytes / PART_BYTES)))
        future = self._next_manager().download(
            self._bucket,
            flight.key,
            str(flight.path),
            extra_args={"ChecksumMode": "ENABLED"},
            subscribers=cast("list[BaseSubscriber]", [flight]),
        )
        return _begun(flight, future)

    def close(self) -> None:
        """End the fallback's threads; the native client ends by itself when nothing refers to it."""
        if self._fallback is not None:
            self._fallback.close()

    def _classic(self) -> ClassicEngine:
        """Return the engine for what the Common Runtime cannot open."""
        if self._fallback is None:
            self._fallback = ClassicEngine(self._connection)
        return self._fallback

    def _new_manager(self) -> CRTTransferManager:
        return CRTTransferManager(self._client, self._serializer, config=self._config)

    def _next_manager(self) -> CRTTransferManager:
        """Renew the manager now and then: it remembers every transfer that it made."""
        self._submitted += 1
        if self._submitted % _TRANSFERS_PER_MANAGER == 0:
            self._manager = self._new_manager()
        return self._manager


def _is_utf8(flight: Flight) -> bool:
    """Tell whether the path is text: the Common Runtime takes no other bytes."""
    try:
        str(flight.path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _begun(flight: Flight, future: Any) -> Callable[[], None]:  # noqa: ANN401 - s3transfer's future
    """Report a transfer that was refused before it reached the client; return what cancels it."""
    if not flight.begun:
        try:
            future.result()
        except Exception as error:  # noqa: BLE001 - the reply carries it on
            flight.done(Reply(error=error))
    cancel: Callable[[], None] = future.cancel
    return cancel


def _cancel_multipart(flight: Flight, cancel: Callable[[], None], began_at: float) -> None:
    """Cancel a multipart upload, but give it the time to learn its ID first.

    The Common Runtime cancels the request that creates the upload too, and cannot abort what it then does not
    know. Once a part has gone out, the ID is known.
    """
    grace_s = began_at + _GRACE_S - time.monotonic()

    def wait() -> None:
        flight.moved.wait(grace_s)
        cancel()

    if flight.moved.is_set() or grace_s <= 0:
        cancel()
    else:
        threading.Thread(target=wait, name="cancel-multipart", daemon=True).start()


def _crt_client(connection: Connection, credentials: _CrtCredentials) -> awscrt.s3.S3Client:
    """Make the native client: s3transfer's own factory takes no attempts, time-out or connection limit."""
    endpoint_url: str = connection.client.meta.endpoint_url
    tls = None
    if endpoint_url.startswith("https://") and (
        bundle := connection.session.get_config_variable("ca_bundle")
    ):
        options = awscrt.io.TlsContextOptions()
        options.override_default_trust_store_from_path(ca_filepath=bundle)
        tls = awscrt.io.ClientTlsContext(options).new_connection_options()
    mode = awscrt.s3.S3RequestTlsMode
    return awscrt.s3.S3Client(
        region=connection.region,
        credential_provider=credentials.provider,
        tls_mode=mode.ENABLED if endpoint_url.startswith("https://") else mode.DISABLED,
        tls_connection_options=tls,
        part_size=PART_BYTES,
        max_active_connections_override=connection.config.max_parallel_uploads,
        retry_config=awscrt.s3.S3RetryConfig(max_retries=_RETRIES),
        connect_timeout_ms=CONNECT_TIMEOUT_S * 1000,
    )


class _CrtCredentials:
    """botocore's credentials for the Common Runtime, refreshed where they can be."""

    def __init__(self, connection: Connection) -> None:
        self._source = connection.session.get_credentials()
        self.failure: BaseException | None = None
        if self._source is None:
            raise no_credentials()
        try:
            frozen = self._frozen()
        except Exception as error:
            raise translate(error) from error
        provider = awscrt.auth.AwsCredentialsProvider
        if isinstance(self._source, RefreshableCredentials):
            self.provider = provider.new_delegate(self._frozen)
        else:
            self.provider = provider.new_static(
                frozen.access_key_id, frozen.secret_access_key, frozen.session_token
            )

    def _frozen(self) -> awscrt.auth.AwsCredentials:
        try:
            frozen = self._source.get_frozen_credentials()  # type: ignore[union-attr]
        except Exception as error:
            self.failure = error  # the Common Runtime reports only that its delegate failed
            raise
        return awscrt.auth.AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token)


class _ObservedCrtClient:
    """The native client, with each transfer's headers and end reported to its flight.

    The callbacks come from native threads; an exception there would be lost, so they only note and pass on.
    """

    def __init__(
        self, client: awscrt.s3.S3Client, flights: dict[int, Flight], credentials: _CrtCredentials
    ) -> None:
        self._client = client
        self._flights = flights
        self._credentials = credentials

    def make_request(self, **arguments: Any) -> awscrt.s3.S3Request:  # noqa: ANN401 - awscrt's signature
        flight = self._flights.pop(id(arguments["request"]))
        manager_done = arguments["on_done"]
        is_download = bool(arguments.get("recv_filepath"))
        # The answer to the first part of a large download may carry that part's checksum.
        is_whole = not is_download or flight.size_bytes <= PART_BYTES

        def on_headers(headers: list[tuple[str, str]], **_: Any) -> None:  # noqa: ANN401
            flight.answer = _answer_of({name.lower(): value for name, value in headers}, is_whole=is_whole)

        def on_progress(progress: int, **_: Any) -> None:  # noqa: ANN401
            flight.moved.set()
            flight.progress(progress)

        def on_done(error: BaseException | None, **details: Any) -> None:  # noqa: ANN401
            flight.moved.set()
            manager_done(error=error, **details)  # first: it gives a download its name
            if isinstance(error, awscrt.exceptions.AwsCrtError) and error.name.startswith("AWS_AUTH_"):
                error = self._credentials.failure or error
            flight.done(Reply(answer=flight.answer, error=error))

        if is_download:
            arguments["checksum_config"] = None  # the whole file is compared afterwards, without another HEAD
            if (
                is_whole
            ):  # as one plain request; as a GetObject it would ask for a range, which has no checksum
                arguments |= {"type": awscrt.s3.S3RequestType.DEFAULT, "operation_name": "GetObject"}
        arguments |= {"on_headers": on_headers, "on_done": on_done, "on_progress": on_progress}
        request = self._client.make_request(**arguments)
        flight.begun = True
        return request


def _answer_of(headers: Mapping[str, str], *, is_whole: bool) -> Answer:
    is_full = is_whole and headers.get("x-amz-checksum-type", "FULL_OBJECT") == "FULL_OBJECT"
    return Answer(
        etag=bare_etag(headers.get("etag")),
        version_id=bare_version(headers.get("x-amz-version-id")),
        crc64nvme=headers.get("x-amz-checksum-crc64nvme") if is_full else None,
    )
