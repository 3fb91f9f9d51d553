"""The direct engine: what goes in one request is sent by threads of ours over connections that are kept.

Larger downloads, unusual keys and whatever a server does not take as usual go through the Common Runtime, or
from there through the classic engine. Nothing is tried again here, but for a kept connection on which the
server had hung up; `runs` does the rest.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, IncompleteReadError

from creative_s3.core.concurrency.pool import DaemonPool
from creative_s3.core.faults.translation import response_of
from creative_s3.core.files import local_files
from creative_s3.core.files.checksums import Crc64
from creative_s3.core.s3.framing import is_framed, unreadable
from creative_s3.core.transfers.crt import CrtEngine
from creative_s3.core.transfers.direct_requests import DirectRequests
from creative_s3.core.transfers.flights import PART_BYTES, Answer, Flight, Received, Reply, answer_of
from creative_s3.core.transfers.lines import lines_to
from creative_s3.core.transfers.wire import BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.s3.framing import AnswerHead
    from creative_s3.core.s3.tally import RequestTally
    from creative_s3.core.transfers.direct_requests import Unsigned
    from creative_s3.core.transfers.lines import Lines
    from creative_s3.core.transfers.wire import Line

_TOLD_FROM_BYTES = 1 << 20
"""Smaller bodies are over before anybody could see their progress."""
_OK = range(200, 300)


class DirectEngine:
    """The fastest for small objects; needs signature version 4 and no proxy."""

    name = "direct"

    def __init__(self, connection: Connection, *, tally: RequestTally) -> None:
        self._connection = connection
        self._tally = tally
        self._requests = DirectRequests(connection)
        self._lines = lines_to(connection, self._requests.endpoint_url)
        self._pool = DaemonPool(connection.config.max_parallel_uploads)
        self._other: CrtEngine | None = None

    def put(self, flight: Flight, arguments: Mapping[str, Any]) -> Callable[[], None]:
        """Begin an upload of a file that goes in one piece."""
        request = None if self._connection.dialect.refuses else self._requests.put(flight, arguments)
        if request is None:
            return self._others().put(flight, arguments)
        return self._begin("PutObject", _Put(flight, request))

    def get(self, flight: Flight) -> Callable[[], None]:
        """Begin a download."""
        is_whole = flight.size_bytes <= PART_BYTES and not self._connection.dialect.refuses
        request = self._requests.get(flight) if is_whole else None
        if request is None:
            return self._others().get(flight)
        return self._begin("GetObject", _Get(flight, request))

    def close(self) -> None:
        """Let go of connections and threads."""
        self._pool.shutdown()
        self._lines.close()
        if self._other is not None:
            self._other.close()

    def _begin(self, operation: str, exchange: _Exchange) -> Callable[[], None]:
        self._tally.add(operation)
        self._pool.run(exchange.run, self._lines, self._requests)
        return exchange.cancel

    def _others(self) -> CrtEngine:
        if self._other is None:
            self._other = CrtEngine(self._connection, tally=self._tally)
        return self._other


class _CancelledError(Exception):
    """The transfer was cancelled; nobody asks any more why it failed."""


class _Exchange:
    """One request and its answer. `run` is called by one thread, `cancel` by any other."""

    operation = ""
    has_body = True
    _is_framed = False

    def __init__(self, flight: Flight, request: Unsigned) -> None:
        self._flight = flight
        self._request = request
        self._told = 0
        self._lock = threading.Lock()
        self._line: Line | None = None
        self._is_cancelled = False
        self._received: Received | None = None

    def cancel(self) -> None:
        """End it soon, also when it waits for the server."""
        with self._lock:
            self._is_cancelled = True
            if self._line is not None:
                self._line.break_off()

    def run(self, lines: Lines, requests: DirectRequests) -> None:
        """Carry it out and tell its end."""
        try:
            reply = Reply(answer=self._result(lines, requests), received=self._received)
        except BaseException as error:  # noqa: BLE001 - the reply carries it on
            reply = Reply(answer=self._flight.answer, error=error)
        self._flight.done(reply)

    def _result(self, lines: Lines, requests: DirectRequests) -> Answer:
        if self._is_cancelled:
            raise _CancelledError
        line = lines.take()
        try:
            return self._on(line, lines, requests)
        except BotoCoreError:
            # Whoever keeps connections meets one that the server has just given up, and asks once more.
            if line.is_new or line.has_answered or self._is_cancelled:
                raise
        self._tell(-self._told)
        return self._on(lines.new(), lines, requests)

    def _on(self, line: Line, lines: Lines, requests: DirectRequests) -> Answer:
        with self._lock:
            if self._is_cancelled:
                lines.give_back(line)
                raise _CancelledError
            self._line = line
        is_over = False
        try:
            self._send(line, requests.signed(self._request))
            head, pieces = line.receive(has_body=self.has_body)
            if head.status not in _OK:
                raise _refused(head, line.short_body(pieces), self.operation)
            if not line.has_sent_all:  # whatever the server says, it cannot have the content
                raise ConnectionClosedError(endpoint_url=requests.endpoint_url)
            answer = self._flight.answer = answer_of(head.headers.items())
            self._is_framed = is_framed(head)
            self._take(line, pieces)
            is_over = True
        except ClientError:
            is_over = True
            raise
        finally:
            with self._lock:
                self._line = None
            if is_over and not self._is_cancelled:
                lines.give_back(line)
            else:
                line.close()
        return answer

    def _send(self, line: Line, head: bytes) -> None:
        line.send(head)

    def _take(self, line: Line, pieces: Iterator[memoryview]) -> None:
        """Take the answer's body."""
        line.short_body(pieces)

    def _tell(self, count_bytes: int) -> None:
        if count_bytes and self._flight.size_bytes >= _TOLD_FROM_BYTES:
            self._told += count_bytes
            self._flight.progress(count_bytes)


class _Put(_Exchange):
    """An upload."""

    operation = "PutObject"

    def _send(self, line: Line, head: bytes) -> None:
        body = self._flight.body
        line.send(head, self._blocks() if body is None else body)

    def _blocks(self) -> Iterator[bytes]:
        """Read the file while it is sent; its checksum was sent before."""
        left = self._flight.size_bytes
        descriptor = os.open(self._flight.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            while left:
                block = os.read(descriptor, min(left, BLOCK_BYTES))
                if not block:
                    raise local_files.changed(self._flight.path)
                yield block
                left -= len(block)
                self._tell(len(block))
        finally:
            os.close(descriptor)


class _Get(_Exchange):
    """A download."""

    operation = "GetObject"

    def _take(self, line: Line, pieces: Iterator[memoryview]) -> None:
        path = self._flight.path
        left = self._flight.size_bytes
        line.expect(left)
        crc = Crc64()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            for piece in pieces:
                left -= len(piece)
                if left < 0:
                    raise unreadable("more content than the object has")
                crc.update(piece)
                _write(descriptor, piece)
                self._tell(len(piece))
            if left and self._is_framed:  # nothing was cut: this is all that the server has
                raise unreadable("less content than the object has")
            if left:
                raise IncompleteReadError(
                    actual_bytes=self._flight.size_bytes - left, expected_bytes=self._flight.size_bytes
                )
            os.fsync(descriptor)
            self._received = Received(local_files.fingerprint_of(descriptor, path), crc.base64)
        finally:
            os.close(descriptor)


def _write(descriptor: int, piece: memoryview) -> None:
    while piece:
        piece = piece[os.write(descriptor, piece) :]


def _refused(head: AnswerHead, body: bytes, operation: str) -> ClientError:
    return ClientError(response_of(head.status, head.headers.items(), body), operation)  # type: ignore[arg-type]
