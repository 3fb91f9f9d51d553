"""The CRT engine: the AWS Common Runtime's S3 client, given our requests directly.

s3transfer's manager around the same client calls Python for every chunk that arrives and keeps books for each
transfer that `runs` keeps already (see docs/decisions.md). What is s3transfer's here is the way of making
requests (`crt_serializer`); the client itself is made in `crt_client`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from awscrt.s3 import S3RequestType

from creative_s3.core.faults import proxies
from creative_s3.core.s3.connection import hurried_client
from creative_s3.core.transfers.classic import ClassicEngine
from creative_s3.core.transfers.crt_client import CrtCredentials, crt_client
from creative_s3.core.transfers.crt_exchanges import Exchange, Look, Ranges, Whole
from creative_s3.core.transfers.crt_serializer import LeanSerializer
from creative_s3.core.transfers.crt_watch import Watch
from creative_s3.core.transfers.first_answer import FirstAnswer
from creative_s3.core.transfers.flights import MULTIPART_FROM_BYTES, PART_BYTES, Answer, Flight

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.s3.tally import RequestTally

_WHOLE_UP_TO_BYTES = 1 << 20
"""Larger objects are asked for by ranges, which the client writes to disk in larger pieces. An answer to a
range has no checksum of the object, so they cost one HEAD more where the checksum is not known."""


class CrtEngine:
    """Fast, few Python steps per object; needs signature version 4 and no proxy.

    Attributes:
        credentials: botocore's.
        first_answer: Looked after.
        is_understood: Whether the server's HTTP is strict enough, it answers ranges with ranges, and nothing
            stands between; else the classic engine does the rest.
        slowed: The keys whose last try the server answered with 503. The Common Runtime does not pass on how
            long it asked to wait; the next try, which botocore makes once, hears that.
        watch: Ends what does not come on.
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
        self.watch = Watch(
            connection.client.meta.config.read_timeout, carried=connection.config.max_parallel_uploads
        )
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
        exchange = Exchange(flight, self, lambda: self._classic().put(flight, arguments))
        return exchange.begin(
            lambda: self._client.make_request(
                type=S3RequestType.PUT_OBJECT,
                request=self._serializer.request(
                    "put_object", flight.key, {**arguments, "ContentLength": flight.size_bytes}, flight
                ),
                send_filepath=path,
                multipart_upload_threshold=MULTIPART_FROM_BYTES,
                on_headers=exchange.on_headers,
                on_done=exchange.on_done,
            )
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
            return self._get_whole(flight)
        if flight.wants_checksum:
            return self._look(flight, path)
        return self._get_ranges(flight, path, None)

    def close(self) -> None:
        """End the other engines' threads; the native client ends by itself when nothing refers to it."""
        self.watch.close()
        self.first_answer.came()
        for other in (self._fallback, self._listening):
            if other is not None:
                other.close()

    def _get_whole(self, flight: Flight) -> Callable[[], None]:
        """Fetch an object by one plain request, whose answer has the object's checksum."""
        self._tally.add("GetObject")
        exchange = Whole(flight, self, self._otherwise(flight))
        return exchange.begin(
            lambda: self._client.make_request(
                type=S3RequestType.DEFAULT,
                operation_name="GetObject",
                request=self._serializer.request(
                    "get_object", flight.key, {"ChecksumMode": "ENABLED"}, flight
                ),
                on_headers=exchange.on_headers,
                on_body=exchange.on_body,
                on_done=exchange.on_done,
            )
        )

    def _look(self, flight: Flight, path: str) -> Callable[[], None]:
        """Ask for the object's checksum, then fetch it by ranges."""
        self._tally.add("HeadObject")
        exchange = Look(
            flight, self, self._otherwise(flight), lambda looked: self._get_ranges(flight, path, looked)
        )
        return exchange.begin(
            lambda: self._client.make_request(
                type=S3RequestType.DEFAULT,
                operation_name="HeadObject",
                request=self._serializer.request(
                    "head_object", flight.key, {"ChecksumMode": "ENABLED"}, flight
                ),
                on_headers=exchange.on_headers,
                on_done=exchange.on_done,
            )
        )

    def _get_ranges(self, flight: Flight, path: str, looked: Answer | None) -> Callable[[], None]:
        """Fetch an object by ranges, several at once; `looked` is what HEAD said, where that was asked."""
        self._tally.add("GetObject", max(1, math.ceil(flight.size_bytes / PART_BYTES)))
        exchange = Ranges(flight, self, self._otherwise(flight), looked)
        return exchange.begin(
            lambda: self._client.make_request(
                type=S3RequestType.GET_OBJECT,
                operation_name="GetObject",
                request=self._serializer.request(
                    "get_object", flight.key, {"ChecksumMode": "ENABLED"}, flight
                ),
                recv_filepath=path,
                on_headers=exchange.on_headers,
                on_progress=exchange.on_progress,
                on_done=exchange.on_done,
            )
        )

    def _otherwise(self, flight: Flight) -> Callable[[], Callable[[], None]]:
        return lambda: self._classic().get(flight)

    @property
    def _is_for_classic(self) -> bool:
        """Whether the server takes less than is sent here, or answers in a way that is not read here."""
        is_read = self.is_understood and not self._connection.line_ends.are_bare
        return bool(self._connection.dialect.refuses) or not is_read

    def _give_up(self) -> None:
        """Have the classic engine do whatever is under way anew, and all the rest."""
        self.is_understood = False
        self.watch.end()

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


def _as_text(flight: Flight) -> str | None:
    """Return the path as text, or None: the Common Runtime takes no other bytes."""
    path = str(flight.path)
    try:
        path.encode()
    except UnicodeEncodeError:
        return None
    return path
