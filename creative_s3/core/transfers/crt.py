"""The CRT engine: the AWS Common Runtime's S3 client, given our requests directly.

s3transfer's manager around the same client calls Python for every chunk that arrives and keeps books for each
transfer that `runs` keeps already (see docs/decisions.md). What is s3transfer's here is the way of making
requests (`crt_serializer`); the client itself is made in `crt_client`.
"""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from awscrt.exceptions import AwsCrtError
from awscrt.s3 import S3Request, S3RequestType, S3ResponseError

from creative_s3.core import proxies
from creative_s3.core.aws import hurried_client
from creative_s3.core.transfers.classic import ClassicEngine
from creative_s3.core.transfers.crt_client import CrtCredentials, crt_client
from creative_s3.core.transfers.crt_serializer import LeanSerializer
from creative_s3.core.transfers.first_answer import FirstAnswer
from creative_s3.core.transfers.flights import (
    MULTIPART_FROM_BYTES,
    PART_BYTES,
    Answer,
    Flight,
    Reply,
    RequestTally,
    answer_of,
)
from creative_s3.errors import TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from creative_s3.core.aws import Connection

_WHOLE_UP_TO_BYTES = 1 << 20
"""Larger objects are asked for by ranges, which the client writes to disk in larger pieces. An answer to a
range has no checksum of the object, so they cost one HEAD more where the checksum is not known."""


_NOT_UNDERSTOOD = frozenset(
    {
        "AWS_ERROR_DEST_COPY_TOO_SMALL",  # more than the range that was asked for
        "AWS_ERROR_HTTP_PROTOCOL_ERROR",
        "AWS_ERROR_S3_INVALID_CONTENT_LENGTH_HEADER",
        "AWS_ERROR_S3_INVALID_CONTENT_RANGE_HEADER",
        "AWS_ERROR_S3_MISSING_CONTENT_LENGTH_HEADER",
        "AWS_ERROR_S3_MISSING_CONTENT_RANGE_HEADER",
        "AWS_ERROR_S3_MISSING_ETAG",
    }
)
"""Answers that the Common Runtime does not read: botocore does, or knows what is wrong with them."""
_SLOW_DOWN = "AWS_ERROR_S3_SLOW_DOWN"
_DONE = range(200, 300)


class CrtEngine:
    """Fast, few Python steps per object; needs signature version 4 and no proxy.

    Attributes:
        credentials: botocore's.
        first_answer: Looked after.
        is_understood: Whether the server's HTTP is strict enough, it answers ranges with ranges, and nothing
            stands between; else the classic engine does the rest.
        slowed: The keys whose last try the server answered with 503. The Common Runtime does not pass on how
            long it asked to wait; the next try, which botocore makes once, hears that.
    """

    name = "crt"

    def __init__(self, connection: Connection, *, tally: RequestTally) -> None:
        self._connection = connection
        self._fallback: ClassicEngine | None = None
        self._listening: ClassicEngine | None = None
        self._bucket = connection.bucket
        self._tally = tally
        self.credentials = CrtCredentials(connection)
        self.is_understood = not proxies.is_any()
        self._serializer = LeanSerializer(connection)
        self._client = crt_client(connection, self.credentials)
        self._under_way: WeakSet[S3Request] = WeakSet()
        self._lock = threading.Lock()
        self.first_answer = FirstAnswer(connection, self._give_up)
        self.slowed: set[str] = set()

    def put(self, flight: Flight, arguments: Mapping[str, Any]) -> Callable[[], None]:
        """Begin an upload of a file that goes in one piece."""
        path = _as_text(flight)
        if flight.key in self.slowed:
            return self._once("PutObject", flight).put(flight, arguments)
        if path is None or self._is_for_classic:
            return self._classic().put(flight, arguments)
        self._tally.add("PutObject")
        exchange = _Exchange(flight, self)
        return self._begin(
            flight,
            type=S3RequestType.PUT_OBJECT,
            request=self._serializer.request(
                "put_object", flight.key, {**arguments, "ContentLength": flight.size_bytes}, flight
            ),
            send_filepath=path,
            multipart_upload_threshold=MULTIPART_FROM_BYTES,
            on_headers=exchange.on_headers,
            on_done=exchange.on_done,
        )

    def get(self, flight: Flight) -> Callable[[], None]:
        """Begin a download."""
        path = _as_text(flight)
        if flight.key in self.slowed:
            return self._once("GetObject", flight).get(flight)
        # Between ranges, this client sets the condition that the first answer's ETag stays.
        if path is None or self._is_for_classic or flight.is_doubted or flight.if_match is None:
            return self._classic().get(flight)
        if flight.size_bytes <= _WHOLE_UP_TO_BYTES:
            return self._get_whole(flight, path)
        if flight.wants_checksum:
            return _Look(self, flight, path).begin()
        return self.get_ranges(flight, path)

    def head(self, flight: Flight, exchange: _Exchange) -> Callable[[], None]:
        """Ask for the object's checksum."""
        self._tally.add("HeadObject")
        return self._begin(
            flight,
            type=S3RequestType.DEFAULT,
            operation_name="HeadObject",
            request=self._serializer.request("head_object", flight.key, {"ChecksumMode": "ENABLED"}, flight),
            on_headers=exchange.on_headers,
            on_done=exchange.on_done,
        )

    def get_ranges(self, flight: Flight, path: str, *, looked: Answer | None = None) -> Callable[[], None]:
        """Fetch an object by ranges, several at once; `looked` is what HEAD said, where that was asked."""
        self._tally.add("GetObject", max(1, math.ceil(flight.size_bytes / PART_BYTES)))
        exchange = _Ranges(flight, self, looked)
        return self._fetch(flight, path, exchange, S3RequestType.GET_OBJECT)

    def close(self) -> None:
        """End the other engines' threads; the native client ends by itself when nothing refers to it."""
        self.first_answer.came()
        for other in (self._fallback, self._listening):
            if other is not None:
                other.close()

    def _get_whole(self, flight: Flight, path: str) -> Callable[[], None]:
        """Fetch an object by one plain request, whose answer has the object's checksum."""
        self._tally.add("GetObject")
        return self._fetch(flight, path, _Exchange(flight, self), S3RequestType.DEFAULT)

    def _fetch(
        self, flight: Flight, path: str, exchange: _Exchange, kind: S3RequestType
    ) -> Callable[[], None]:
        return self._begin(
            flight,
            type=kind,
            operation_name="GetObject",
            request=self._serializer.request("get_object", flight.key, {"ChecksumMode": "ENABLED"}, flight),
            recv_filepath=path,
            on_headers=exchange.on_headers,
            on_progress=exchange.on_progress if flight.size_bytes > PART_BYTES else None,
            on_done=exchange.on_done,
        )

    def _begin(self, flight: Flight, **request: Any) -> Callable[[], None]:  # noqa: ANN401 - make_request's own
        self.first_answer.expect(flight.key)
        made = self._client.make_request(**request)
        with self._lock:
            self._under_way.add(made)
        if not self.is_understood:  # found out right now
            made.cancel()
        cancel: Callable[[], None] = made.cancel
        return cancel

    def _give_up(self) -> None:
        """Have the classic engine do whatever is under way anew, and all the rest."""
        self.is_understood = False
        with self._lock:
            under_way = tuple(self._under_way)
        for request in under_way:
            request.cancel()

    @property
    def _is_for_classic(self) -> bool:
        """Whether the server takes less than is sent here, or answers in a way that is not read here."""
        is_read = self.is_understood and not self._connection.line_ends.are_bare
        return bool(self._connection.dialect.refuses) or not is_read

    def _once(self, operation: str, flight: Flight) -> ClassicEngine:
        """Return the engine for one try that tells at once what the server asks for."""
        self.slowed.discard(flight.key)
        self._tally.add(operation)  # the tally sees only what the connection's own client sends
        if self._listening is None:
            client = hurried_client(self._connection, attempts=1)
            self._listening = ClassicEngine(replace(self._connection, client=client))
        return self._listening

    def _classic(self) -> ClassicEngine:
        """Return the engine for what the Common Runtime cannot open, or a server does not take from it."""
        if self._fallback is None:
            self._fallback = ClassicEngine(self._connection)
        return self._fallback


class _Exchange:
    """What one request's callbacks note and pass on.

    They come from native threads; an exception there would be lost.
    """

    __slots__ = ("_engine", "_flight", "answer")

    def __init__(self, flight: Flight, engine: CrtEngine) -> None:
        self._flight = flight
        self._engine = engine
        self.answer: Answer | None = None

    def on_headers(self, headers: Iterable[tuple[str, str]], **_: Any) -> None:  # noqa: ANN401
        self._engine.first_answer.came()
        self.answer = answer_of(headers)

    def on_progress(self, progress: int, **_: Any) -> None:  # noqa: ANN401
        self._flight.progress(progress)

    def on_done(self, error: BaseException | None = None, **_: Any) -> None:  # noqa: ANN401
        self._flight.done(self.reply(error))

    def reply(self, error: BaseException | None) -> Reply:
        """Return the end of the request in our words."""
        self._engine.first_answer.came()
        if isinstance(error, AwsCrtError) and error.name.startswith("AWS_AUTH_"):
            error = self._engine.credentials.failure or error
        if isinstance(error, AwsCrtError) and error.name in _NOT_UNDERSTOOD:
            self._engine.is_understood = False
        if isinstance(error, AwsCrtError) and error.name == _SLOW_DOWN:
            self._engine.slowed.add(self._flight.key)
        if isinstance(error, S3ResponseError) and error.status_code in _DONE:
            self._engine.is_understood = False
            error = TemporaryError(f"an answer of HTTP {error.status_code}; it is asked in another way")
        return Reply(answer=self.answer, error=error)


class _Ranges(_Exchange):
    """A download by ranges: an answer to one of them says nothing of the object's checksum."""

    __slots__ = ("_looked",)

    def __init__(self, flight: Flight, engine: CrtEngine, looked: Answer | None) -> None:
        super().__init__(flight, engine)
        self._looked = looked

    def on_headers(self, headers: Iterable[tuple[str, str]], **_: Any) -> None:  # noqa: ANN401
        self._engine.first_answer.came()
        answer = answer_of(headers)
        self.answer = self._looked or replace(answer, crc64nvme=None, is_telling=False)


class _Look(_Exchange):
    """A download of which the checksum has to be asked for first."""

    __slots__ = ("_cancel", "_is_cancelled", "_lock", "_path")

    def __init__(self, engine: CrtEngine, flight: Flight, path: str) -> None:
        super().__init__(flight, engine)
        self._path = path
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._cancel: Callable[[], None] | None = None

    def begin(self) -> Callable[[], None]:
        """Ask; return what cancels whatever is under way."""
        with self._lock:
            self._cancel = self._engine.head(self._flight, self)
        return self.cancel

    def cancel(self) -> None:
        """Cancel the look or the download."""
        with self._lock:
            self._is_cancelled = True
            cancel = self._cancel
        if cancel is not None:
            cancel()

    def on_done(self, error: BaseException | None = None, **details: Any) -> None:  # noqa: ANN401
        if error is not None:
            super().on_done(error, **details)
            return
        try:
            with self._lock:
                self._cancel = self._engine.get_ranges(self._flight, self._path, looked=self.answer)
                is_cancelled = self._is_cancelled
        except Exception as caught:  # noqa: BLE001 - the reply carries it on
            super().on_done(caught)
            return
        if is_cancelled:
            self.cancel()


def _as_text(flight: Flight) -> str | None:
    """Return the path as text, or None: the Common Runtime takes no other bytes."""
    path = str(flight.path)
    try:
        path.encode()
    except UnicodeEncodeError:
        return None
    return path
