"""The classic engine: s3transfer's manager over botocore; slower, and it serves wherever botocore does.

s3transfer accepts no conditions on a write and shows no answer's headers. Both are added by a thin layer
around the boto3 client that it is given.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError
from s3transfer.manager import TransferConfig, TransferManager
from s3transfer.subscribers import BaseSubscriber

from creative_s3.core.concurrency.pool import DaemonPool
from creative_s3.core.files import local_files
from creative_s3.core.s3.dialect import status_of
from creative_s3.core.s3.framing import unreadable
from creative_s3.core.s3.objects import bare_etag, bare_version, whole_crc64nvme
from creative_s3.core.transfers.flights import (
    MULTIPART_FROM_BYTES,
    NO_RANGES,
    PART_BYTES,
    Answer,
    Flight,
    Reply,
)
from creative_s3.errors import TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import ThreadPoolExecutor

    from botocore.client import BaseClient

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.transfers.bandwidth import Bandwidth


class ClassicEngine:
    """Slower, with more Python per object; takes proxies and anything else that botocore takes."""

    name = "classic"

    def __init__(self, connection: Connection, *, bandwidth: Bandwidth | None = None) -> None:
        self._bucket = connection.bucket
        self._parallel = connection.config.max_parallel_uploads
        self._bandwidth = bandwidth
        self._client = _ObservedClient(connection.client)
        self._manager = self._manager_from(MULTIPART_FROM_BYTES)
        self._whole: TransferManager | None = None

    def put(self, flight: Flight, arguments: Mapping[str, Any]) -> Callable[[], None]:
        """Begin an upload of a file that goes in one piece."""
        self._client.puts[flight.key] = flight
        future = self._manager.upload(
            str(flight.path),
            self._bucket,
            flight.key,
            extra_args=dict(arguments),
            subscribers=[_Observer(flight, self._client.puts)],
        )
        return future.cancel

    def get(self, flight: Flight) -> Callable[[], None]:
        """Begin a download: by ranges where it is large, and whole where the server sends no ranges."""
        self._client.gets[flight.key] = flight
        if self._client.ignores_ranges and self._whole is None:
            self._whole = self._manager_from(sys.maxsize)
        future = (self._whole or self._manager).download(
            self._bucket,
            flight.key,
            str(flight.path),
            extra_args={"ChecksumMode": "ENABLED"},
            subscribers=[_DownloadObserver(flight, self._client.gets, self._client.bodies)],
        )
        return future.cancel

    def close(self) -> None:
        """End the managers' threads."""
        self._manager.shutdown()
        if self._whole is not None:
            self._whole.shutdown()

    def _manager_from(self, multipart_from_bytes: int) -> TransferManager:
        manager = TransferManager(
            cast("BaseClient", self._client),
            TransferConfig(
                multipart_threshold=multipart_from_bytes,
                multipart_chunksize=PART_BYTES,
                max_request_concurrency=self._parallel,
                num_download_attempts=1,  # `runs` tries again, and knows for how long
            ),
            executor_cls=cast(
                "type[ThreadPoolExecutor]", DaemonPool
            ),  # only its submit and shutdown are used
        )
        if self._bandwidth is not None:
            self._bandwidth.hold_back(manager)
        return manager


class _Observer(BaseSubscriber):
    """A subscriber in s3transfer's form that reports to its flight."""

    def __init__(self, flight: Flight, flights: dict[str, Flight]) -> None:
        self._flight = flight
        self._flights = flights

    def on_progress(self, future: Any, bytes_transferred: int, **_: Any) -> None:  # noqa: ANN401, ARG002
        self._flight.progress(bytes_transferred)

    def on_done(self, future: Any, **_: Any) -> None:  # noqa: ANN401
        error: BaseException | None = None
        try:
            future.result()
        except BaseException as caught:  # noqa: BLE001 - the reply carries it on, cancellation included
            error = caught
        self._flights.pop(self._flight.key, None)
        self._flight.done(Reply(answer=self._flight.answer, error=error))


class _DownloadObserver(_Observer):
    """The same; it also tells the size, which saves s3transfer's own HEAD, and lets go of connections."""

    def __init__(self, flight: Flight, flights: dict[str, Flight], bodies: dict[str, list[Any]]) -> None:
        super().__init__(flight, flights)
        self._bodies = bodies

    def on_queued(self, future: Any, **_: Any) -> None:  # noqa: ANN401
        future.meta.provide_transfer_size(self._flight.size_bytes)
        future.meta.provide_object_etag(self._flight.if_match or '""')  # or s3transfer sends a HEAD

    def on_done(self, future: Any, **details: Any) -> None:  # noqa: ANN401
        for body in self._bodies.pop(self._flight.key, ()):
            body.close()  # s3transfer drops the other parts of a failed download unread
        super().on_done(future, **details)


@dataclass(slots=True, repr=False)  # s3transfer makes the text of it for every task
class _ObservedClient:
    """A boto3 client that adds the conditions of a key's flight and notes what S3 answers.

    Attributes:
        client: boto3's.
        puts: Uploads under way, by key.
        gets: Downloads under way, by key.
        bodies: Of the answers to each download.
        ignores_ranges: Whether the server has answered a request for a range with the whole object, or
            refused it.
    """

    client: Any
    puts: dict[str, Flight] = field(default_factory=dict)
    gets: dict[str, Flight] = field(default_factory=dict)
    bodies: dict[str, list[Any]] = field(default_factory=dict)
    ignores_ranges: bool = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the client has
        return getattr(self.client, name)

    def put_object(self, **arguments: Any) -> Any:  # noqa: ANN401
        flight = self.puts[arguments["Key"]]
        return _noted(flight, self.client.put_object(**arguments, **flight.conditions()))

    def create_multipart_upload(self, **arguments: Any) -> Any:  # noqa: ANN401
        """Refuse: s3transfer asks for parts only where a file has grown since it was read."""
        raise local_files.changed(self.puts[arguments["Key"]].path)

    def get_object(self, **arguments: Any) -> Any:  # noqa: ANN401
        flight = self.gets[arguments["Key"]]
        arguments.pop("IfMatch", None)  # s3transfer's, of what it was provided with
        try:
            answer = self.client.get_object(**arguments, **flight.conditions())
        except ClientError as error:
            if "Range" in arguments and status_of(error) in NO_RANGES:
                raise self._whole_from_now(flight) from error
            raise
        self.bodies.setdefault(flight.key, []).append(answer["Body"])
        if (
            "Range" in arguments
            and answer["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.PARTIAL_CONTENT
        ):
            raise self._whole_from_now(flight)
        answer["Body"] = _Body(answer["Body"], _expected_bytes(flight, arguments.get("Range")))
        if "Range" not in arguments:
            return _noted(flight, answer)
        if encoding := answer.get("ContentEncoding"):
            flight.answer = Answer("", None, None, is_telling=False, encoding=encoding)
        return answer

    def _whole_from_now(self, flight: Flight) -> TemporaryError:
        """Return the error after which objects are fetched whole."""
        self.ignores_ranges = True
        return TemporaryError("the server sends no ranges of objects; it is fetched whole", item=flight.key)


class _Body:
    """A body in the form that s3transfer reads, which ends where the object does.

    Args:
        stream: botocore's.
        size_bytes: How much is expected.
    """

    def __init__(self, stream: Any, size_bytes: int) -> None:  # noqa: ANN401 - botocore's stream
        self._stream = stream
        self._left = size_bytes

    def read(self, size_bytes: int | None = None) -> bytes:
        """Read on.

        Raises:
            NotHttpError: There is more than there should be.
        """
        block: bytes = self._stream.read(size_bytes)
        self._left -= len(block)
        if self._left < 0:
            raise unreadable("more content than the object has")
        return block

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stream, name)


def _expected_bytes(flight: Flight, asked: str | None) -> int:
    """Return how long an answer is: ``bytes=0-8388607`` asks for a range, and its end may be left out."""
    if asked is None:
        return flight.size_bytes
    first, _, last = asked.removeprefix("bytes=").partition("-")
    return (int(last) + 1 if last else flight.size_bytes) - int(first)


def _noted(flight: Flight, answer: Any) -> Any:  # noqa: ANN401 - boto3's answer
    flight.answer = Answer(
        etag=bare_etag(answer.get("ETag")),
        version_id=bare_version(answer.get("VersionId")),
        crc64nvme=whole_crc64nvme(answer.get("ChecksumCRC64NVME"), answer.get("ChecksumType")),
        encoding=answer.get("ContentEncoding"),
    )
    return answer
