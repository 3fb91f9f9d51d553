"""The two ways to move bytes: s3transfer's CRT manager and its classic manager behind one small interface.

s3transfer accepts no conditions on a write and shows no answer's headers. Both are added at its seams: the CRT
manager's request serializer and client, and the classic manager's client, are given with a thin layer around them
that adds ``If-None-Match`` or ``If-Match`` and keeps what S3 answers. What to send and what an answer means is
decided elsewhere.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import awscrt.auth
import awscrt.exceptions
import awscrt.io
import awscrt.s3
from botocore import UNSIGNED
from botocore.credentials import RefreshableCredentials
from botocore.utils import get_environ_proxies
from s3transfer.crt import BotocoreCRTRequestSerializer, CRTTransferManager
from s3transfer.manager import TransferConfig, TransferManager

from creative_s3.core.aws import CONNECT_TIMEOUT_S, no_credentials, translate
from creative_s3.core.objects import bare_etag, bare_version
from creative_s3.core.pool import DaemonPool
from creative_s3.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from creative_s3.core.aws import Connection

MIB = 1 << 20
PART_BYTES = 8 * MIB
"""Also the smallest part; both managers raise it where a file would need more than 10,000 parts."""
MULTIPART_FROM_BYTES = 16 * MIB
MAX_PARTS = 10_000

EngineName = Literal["auto", "crt", "classic"]

_CRT_RETRIES = 3
_TRANSFERS_PER_MANAGER = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What S3 said of the object it stored or sent.

    Attributes:
        etag: Without quotes.
        version_id: None in an unversioned bucket.
        crc64nvme: Of the full object, as the server reports it in this answer; None where it does not.
    """

    etag: str
    version_id: str | None
    crc64nvme: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """The end of one transfer: an answer, or the error as the library raised it."""

    answer: Answer | None = None
    error: BaseException | None = None


@dataclass(slots=True, eq=False)
class Flight:
    """One transfer under way. The callables may be called from any thread, also before ``put`` or ``get`` returns.

    Attributes:
        key: The object's key.
        path: The file that is read or written.
        size_bytes: The file's or the object's size.
        progress: Takes the bytes that moved since the last call; negative when they have to be sent again.
        done: Called once, with the reply.
        if_none_match: ``*`` to create only.
        if_match: The ETag that the object must have.
    """

    key: str
    path: Path
    size_bytes: int
    progress: Callable[[int], None]
    done: Callable[[Reply], None]
    if_none_match: str | None = None
    if_match: str | None = None
    answer: Answer | None = None
    begun: bool = False

    def conditions(self) -> dict[str, str]:
        """Return the conditions as boto3's parameters."""
        conditions = {}
        if self.if_none_match:
            conditions["IfNoneMatch"] = self.if_none_match
        if self.if_match:
            conditions["IfMatch"] = f'"{self.if_match}"'
        return conditions


class Engine(Protocol):
    """What moves bytes."""

    name: str

    def put(self, flight: Flight, arguments: Mapping[str, Any]) -> Callable[[], None]:
        """Begin an upload with s3transfer's ``extra_args``; return what cancels it."""

    def get(self, flight: Flight) -> Callable[[], None]:
        """Begin a download; return what cancels it."""

    def close(self) -> None:
        """Let go of threads; call it when nothing is under way. Does not wait."""


class RequestTally:
    """Counts requests by S3 operation name, as far as the engines show them; any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, operation: str, count: int = 1) -> None:
        """Count `count` requests."""
        with self._lock:
            self._counts[operation] += count

    def counts(self) -> dict[str, int]:
        """Return what was counted so far."""
        with self._lock:
            return dict(self._counts)


def open_engine(name: EngineName, connection: Connection, *, tally: RequestTally) -> Engine:
    """Make the engine that `name` asks for; ``auto`` is CRT where it can serve.

    Raises:
        UnsupportedError: CRT was asked for and cannot serve here.
        CredentialsError: The credentials cannot be resolved.
    """
    obstacle = _crt_obstacle(connection)
    if name == "crt" and obstacle:
        raise UnsupportedError(
            f"the CRT engine cannot serve here: {obstacle}", item="--engine crt", hint="use --engine auto"
        )
    if name == "classic" or obstacle:
        return ClassicEngine(connection)
    return CrtEngine(connection, tally=tally)


def _crt_obstacle(connection: Connection) -> str | None:
    """Say why the CRT engine cannot serve, or None when it can."""
    meta = connection.client.meta
    if meta.config.proxies or get_environ_proxies(meta.endpoint_url):
        return "requests go through a proxy"
    if meta.config.signature_version is UNSIGNED or "v4" not in str(meta.config.signature_version):
        return "it signs with signature version 4 only"
    return None


def part_count(size_bytes: int) -> int:
    """Return how many parts a multipart upload of `size_bytes` has."""
    part_bytes = max(PART_BYTES, math.ceil(size_bytes / MAX_PARTS))
    return max(1, math.ceil(size_bytes / part_bytes))


# --- CRT ------------------------------------------------------------------------------------------------------------


class CrtEngine:
    """s3transfer's manager over the AWS Common Runtime, built directly so that the endpoint is honoured."""

    name = "crt"

    def __init__(self, connection: Connection, *, tally: RequestTally) -> None:
        self._bucket = connection.bucket
        self._tally = tally
        self._flights: dict[int, Flight] = {}
        self._credentials = _CrtCredentials(connection)
        self._serializer = _ConditionalSerializer(connection, self._flights)
        self._client = _ObservedCrtClient(_crt_client(connection, self._credentials), self._flights, self._credentials)
        self._config = TransferConfig(
            multipart_threshold=MULTIPART_FROM_BYTES,
            multipart_chunksize=PART_BYTES,
            max_request_concurrency=connection.config.max_parallel_uploads,
        )
        self._manager = self._new_manager()
        self._submitted = 0

    def put(self, flight: Flight, arguments: Mapping[str, Any]) -> Callable[[], None]:
        """Begin an upload."""
        if flight.size_bytes > MULTIPART_FROM_BYTES:
            self._tally.add("CreateMultipartUpload")
            self._tally.add("UploadPart", part_count(flight.size_bytes))
            self._tally.add("CompleteMultipartUpload")
        else:
            self._tally.add("PutObject")
        return self._begin(self._next_manager().upload, str(flight.path), flight, dict(arguments))

    def get(self, flight: Flight) -> Callable[[], None]:
        """Begin a download."""
        self._tally.add("GetObject", max(1, math.ceil(flight.size_bytes / PART_BYTES)))
        return self._begin(self._next_manager().download, str(flight.path), flight, {"ChecksumMode": "ENABLED"})

    def close(self) -> None:
        """Let go of the manager; the native client ends by itself when nothing refers to it."""
        del self._manager

    def _begin(
        self, submit: Callable[..., Any], path: str, flight: Flight, arguments: dict[str, Any]
    ) -> Callable[[], None]:
        ends = (flight.key, path) if submit.__name__ == "download" else (path, flight.key)
        if submit.__name__ == "download":
            future = submit(self._bucket, *ends, extra_args=arguments, subscribers=[flight])
        else:
            future = submit(ends[0], self._bucket, ends[1], extra_args=arguments, subscribers=[flight])
        if not flight.begun:  # refused before it reached the client: the reason is in the future
            try:
                future.result()
            except Exception as error:  # noqa: BLE001 - the reply carries it on
                flight.done(Reply(error=error))
        return future.cancel  # type: ignore[no-any-return]

    def _new_manager(self) -> CRTTransferManager:
        return CRTTransferManager(self._client, self._serializer, config=self._config)

    def _next_manager(self) -> CRTTransferManager:
        """Renew the manager now and then: it remembers every transfer it made, and a run may make a million."""
        self._submitted += 1
        if self._submitted % _TRANSFERS_PER_MANAGER == 0:
            self._manager = self._new_manager()
        return self._manager


def _crt_client(connection: Connection, credentials: _CrtCredentials) -> awscrt.s3.S3Client:
    """Make the native client. s3transfer's own factory takes neither attempts nor time-outs nor a connection limit."""
    endpoint_url: str = connection.client.meta.endpoint_url
    tls = None
    if endpoint_url.startswith("https://") and (bundle := connection.session.get_config_variable("ca_bundle")):
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
        retry_config=awscrt.s3.S3RetryConfig(max_retries=_CRT_RETRIES),
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
            self.provider = provider.new_static(frozen.access_key_id, frozen.secret_access_key, frozen.session_token)

    def _frozen(self) -> awscrt.auth.AwsCredentials:
        try:
            frozen = self._source.get_frozen_credentials()  # type: ignore[union-attr]
        except Exception as error:
            self.failure = error  # the Common Runtime reports only that its delegate failed
            raise
        return awscrt.auth.AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token)


class _ConditionalSerializer(BotocoreCRTRequestSerializer):  # type: ignore[misc]
    """botocore's own serializer, with the conditions added and each request noted for the client."""

    def __init__(self, connection: Connection, flights: dict[int, Flight]) -> None:
        super().__init__(connection.session, dict(connection.client_options))
        self._flights = flights

    def serialize_http_request(self, transfer_type: str, future: Any) -> Any:  # noqa: ANN401 - s3transfer's signature
        request = super().serialize_http_request(transfer_type, future)
        (flight,) = future.meta.call_args.subscribers
        if flight.if_none_match:
            request.headers.set("If-None-Match", flight.if_none_match)
        if flight.if_match:
            request.headers.set("If-Match", f'"{flight.if_match}"')
        self._flights[id(request)] = flight
        return request


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

        def on_headers(headers: list[tuple[str, str]], **_: Any) -> None:  # noqa: ANN401
            flight.answer = _answer_of(dict((name.lower(), value) for name, value in headers), flight)

        def on_done(error: BaseException | None, **details: Any) -> None:  # noqa: ANN401
            manager_done(error=error, **details)  # first: it gives a download its name
            if isinstance(error, awscrt.exceptions.AwsCrtError) and error.name.startswith("AWS_AUTH_"):
                error = self._credentials.failure or error
            flight.done(Reply(answer=flight.answer, error=error))

        if arguments.get("recv_filepath"):
            arguments["checksum_config"] = None  # the whole file is compared afterwards; a HEAD for that is too many
        arguments |= {"on_headers": on_headers, "on_done": on_done, "on_progress": flight.progress}
        request = self._client.make_request(**arguments)
        flight.begun = True
        return request


def _answer_of(headers: Mapping[str, str], flight: Flight) -> Answer:
    # The answer to a part of a large download may carry that part's checksum.
    full = headers.get("x-amz-checksum-type", "FULL_OBJECT") == "FULL_OBJECT" and flight.size_bytes <= PART_BYTES
    return Answer(
        etag=bare_etag(headers.get("etag")),
        version_id=bare_version(headers.get("x-amz-version-id")),
        crc64nvme=headers.get("x-amz-checksum-crc64nvme") if full or flight.if_none_match else None,
    )


# --- classic --------------------------------------------------------------------------------------------------------


class ClassicEngine:
    """s3transfer's classic manager over botocore: slower, and serves wherever botocore does."""

    name = "classic"

    def __init__(self, connection: Connection) -> None:
        self._bucket = connection.bucket
        self._client = _ObservedClient(connection.client)
        self._manager = TransferManager(
            self._client,
            TransferConfig(
                multipart_threshold=MULTIPART_FROM_BYTES,
                multipart_chunksize=PART_BYTES,
                max_request_concurrency=connection.config.max_parallel_uploads,
            ),
            executor_cls=DaemonPool,
        )

    def put(self, flight: Flight, arguments: Mapping[str, Any]) -> Callable[[], None]:
        """Begin an upload."""
        self._client.puts[flight.key] = flight
        future = self._manager.upload(
            str(flight.path), self._bucket, flight.key, extra_args=dict(arguments), subscribers=[_Observer(flight)]
        )
        return future.cancel

    def get(self, flight: Flight) -> Callable[[], None]:
        """Begin a download."""
        self._client.gets[flight.key] = flight
        future = self._manager.download(
            self._bucket,
            flight.key,
            str(flight.path),
            extra_args={"ChecksumMode": "ENABLED"},
            subscribers=[_Observer(flight)],
        )
        return future.cancel

    def close(self) -> None:
        """End the manager's threads."""
        self._manager.shutdown()


class _Observer:
    """A subscriber in s3transfer's form."""

    def __init__(self, flight: Flight) -> None:
        self._flight = flight

    def on_queued(self, future: Any, **_: Any) -> None:  # noqa: ANN401 - s3transfer's signature
        """Tell the size of a download, which saves s3transfer's own HEAD."""
        if future.meta.size is None and self._flight.if_match:
            future.meta.provide_transfer_size(self._flight.size_bytes)
            future.meta.provide_object_etag(f'"{self._flight.if_match}"')

    def on_progress(self, bytes_transferred: int, **_: Any) -> None:  # noqa: ANN401
        self._flight.progress(bytes_transferred)

    def on_done(self, future: Any, **_: Any) -> None:  # noqa: ANN401
        error: BaseException | None = None
        try:
            future.result()
        except BaseException as caught:  # noqa: BLE001 - the reply carries it on, cancellation included
            error = caught
        self._flight.done(Reply(answer=self._flight.answer, error=error))


@dataclass(slots=True)
class _ObservedClient:
    """A boto3 client that adds the conditions of a key's flight and notes what S3 answers; the rest passes through."""

    client: Any
    puts: dict[str, Flight] = field(default_factory=dict)
    gets: dict[str, Flight] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the client has
        return getattr(self.client, name)

    def put_object(self, **arguments: Any) -> Any:  # noqa: ANN401
        flight = self.puts[arguments["Key"]]
        return _noted(flight, self.client.put_object(**arguments, **flight.conditions()))

    def complete_multipart_upload(self, **arguments: Any) -> Any:  # noqa: ANN401
        flight = self.puts[arguments["Key"]]
        return _noted(flight, self.client.complete_multipart_upload(**arguments, **flight.conditions()))

    def get_object(self, **arguments: Any) -> Any:  # noqa: ANN401
        flight = self.gets[arguments["Key"]]
        answer = self.client.get_object(**(arguments | flight.conditions()))
        return answer if "Range" in arguments else _noted(flight, answer)


def _noted(flight: Flight, answer: Any) -> Any:  # noqa: ANN401 - boto3's answer
    full = answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    flight.answer = Answer(
        etag=bare_etag(answer.get("ETag")),
        version_id=bare_version(answer.get("VersionId")),
        crc64nvme=answer.get("ChecksumCRC64NVME") if full else None,
    )
    return answer
