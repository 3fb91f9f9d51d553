"""Bounds for what botocore reads: urllib3's time-outs begin anew with every byte that comes.

Its connections get sockets that count, so that an answer which drips or never ends is that request's error.
Interim answers, such as 103 of a proxy, are none. Private names: botocore's table of connection pools and
what its connections do on 100; how ``http.client`` reads the status.
"""

from __future__ import annotations

import http.client
import math
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.exceptions import ReadTimeoutError

from creative_s3.core.faults.translation import NotHttpError, not_http
from creative_s3.core.http.answer_heads import why_unreadable
from creative_s3.core.http.least_speed import LeastSpeed, SlowAnswerError
from creative_s3.core.s3.framing import chunk_size, length_of, unreadable

if TYPE_CHECKING:
    from io import BufferedReader
    from typing import IO

MOST_BYTES = 64 << 20
"""Of an answer that is read whole; a page of a listing has some 5 MiB at most."""
_MOST_WORK_TIMEOUTS = 15
"""How many of its time-outs a server may work, sending a space now and then: 15 minutes with 60 s."""
_SILENT_S = 60.0
_WORKING = frozenset({"CompleteMultipartUpload", "CopyObject", "DeleteObjects", "UploadPartCopy"})
"""S3 sends a space now and then while it works on them (AWS: "CompleteMultipartUpload", "CopyObject")."""
_MOST_HEAD_BYTES = 256 << 10
"""With all interim answers before it."""
_MOST_ERROR_BYTES = 1 << 20
_CONTENT = range(200, 300)
_MOST_SILENCES = 2
"""How often one request may come to its time-out: five times a minute looks like a program that hangs."""
_MOST_LINE_BYTES = 64 << 10
_MOST_INTERIM_LINES = 100
_MOST_INTERIM = 16
_INTERIM = frozenset(range(100, 200)) - {http.client.SWITCHING_PROTOCOLS}


@dataclass(slots=True)
class LineEnds:
    """How a server ends the lines of its heads; any thread may use it.

    Attributes:
        are_bare: Whether an answer was seen whose lines end with LF alone, which not every client reads.
    """

    are_bare: bool = False


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What an answer may take, and who wants to know how its lines end."""

    works: bool = False
    most_bytes: int | None = MOST_BYTES
    ends: LineEnds = field(default_factory=LineEnds)


class _Now(threading.local):
    """What this thread sends."""

    bounds = _Bounds()


_now = _Now()


def bound(client: Any, ends: LineEnds | None = None) -> None:  # noqa: ANN401 - boto3's clients have no common type
    """Bound the answers that a client reads, in time and, unless they are streams, in size.

    Args:
        client: boto3's.
        ends: Notes how the lines of its answers end.
    """
    events, noting = client.meta.events, ends or LineEnds()
    events.register("before-send.s3", partial(_before_send, noting), unique_id="creative-s3-bounds")
    events.register_first("needs-retry.s3", _give_up, unique_id="creative-s3-giving-up")
    with suppress(AttributeError):  # a later botocore may do without that table: its time-outs stay
        client._endpoint.http_session._pool_classes_by_scheme.update(http=_Pool, https=_TlsPool)  # noqa: SLF001


def _before_send(ends: LineEnds, request: Any, event_name: str, **_: Any) -> None:  # noqa: ANN401 - botocore's
    _now.bounds = _Bounds(
        works=event_name.rpartition(".")[2] in _WORKING,
        most_bytes=None if request.stream_output else MOST_BYTES,
        ends=ends,
    )


def _give_up(caught_exception: Exception | None, attempts: int, event_name: str, **_: object) -> None:
    if caught_exception is not None and why_unreadable(caught_exception) is not None:
        raise caught_exception
    works = event_name.rpartition(".")[2] in _WORKING
    if isinstance(caught_exception, ReadTimeoutError) and (
        _is_slow(caught_exception) if works else attempts >= _MOST_SILENCES
    ):
        raise caught_exception
    if caught_exception is not None and not_http(caught_exception) is not None:
        raise caught_exception  # who answers so does so again


def _is_slow(error: ReadTimeoutError) -> bool:
    """Tell whether something came, too slowly, and not nothing at all."""
    return isinstance(getattr(error.kwargs.get("error"), "__cause__", None), SlowAnswerError)


class _Counting:
    """What both kinds of sockets do with what comes."""

    _speed: LeastSpeed | None = None
    _most_bytes: int | None = None
    _came_bytes = 0

    def expect(self, window_s: float | None, most_bytes: int | None) -> None:
        """Expect an answer."""
        silent_s = cast("socket.socket", self).gettimeout() or _SILENT_S
        self._speed = LeastSpeed(window_s or silent_s)
        self.allow(most_bytes)

    def allow(self, most_bytes: int | None) -> None:
        """Let as many bytes more come; None for content that ends by itself."""
        self._most_bytes = most_bytes
        self._came_bytes = 0
        if most_bytes is None and self._speed is not None:
            self._speed.expect(math.inf)

    def recv_into(self, *arguments: Any, **more: Any) -> int:  # noqa: ANN401 - the socket's own
        began = time.monotonic()
        count: int = super().recv_into(*arguments, **more)  # type: ignore[misc]  # the other base's
        self._count(count, began)
        return count

    def _count(self, count: int, began: float) -> None:
        if self._speed is None:
            self.expect(None, _MOST_HEAD_BYTES)
            assert self._speed is not None  # noqa: S101 - just made
        self._speed.came(count, waited_s=time.monotonic() - began)
        self._came_bytes += count
        if self._most_bytes is not None and self._came_bytes > self._most_bytes:
            raise NotHttpError(error=f"an answer of more than {self._most_bytes} bytes")


class _Socket(_Counting, socket.socket):
    pass


class _TlsSocket(_Counting, ssl.SSLSocket):
    pass


class _Answer(http.client.HTTPResponse):
    """The answer after any interim ones: ``http.client`` takes all but 100 for the answer itself."""

    _interim = 0

    def _read_status(self) -> tuple[str, int, str]:
        first, end, _ = self.fp.peek(1).partition(b"\n")
        if end and not first.endswith(b"\r"):
            _now.bounds.ends.are_bare = True
        version, status, reason = super()._read_status()  # type: ignore[misc]  # not in typeshed
        if status not in _INTERIM:
            return version, status, reason
        self._interim += 1
        if self._interim > _MOST_INTERIM:
            raise unreadable("one interim answer after the other")
        return version, http.client.CONTINUE, reason

    def begin(self) -> None:
        """Read the head; Python itself takes ``2_0`` and ``+20`` for lengths, and ``0x14`` for a chunk's."""
        super().begin()
        lengths = self.headers.get_all("content-length")
        if lengths is not None:
            length_of({"content-length": ",".join(lengths)})
        if self.chunked:
            self.fp = cast("BufferedReader", _ChunkLines(self.fp))


class _ChunkLines:
    """What an answer in chunks is read from: a line is a chunk's size, up to the last one.

    The line that ends a chunk is read as two bytes by both of the readers, and as a line by neither.
    """

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 - as http.client has it
        self._stream = stream
        self._is_in_trailers = False

    def readline(self, limit: int = -1) -> bytes:
        """Read the next line.

        Raises:
            NotHttpError: It should have been a chunk's size.
        """
        line: bytes = self._stream.readline(_MOST_LINE_BYTES if limit < 0 else limit)
        if line and not self._is_in_trailers:
            self._is_in_trailers = chunk_size(line) == 0
        return line

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stream, name)


class _Reading:
    """What both kinds of connections do."""

    response_class = _Answer

    def _new_conn(self) -> socket.socket:
        made: socket.socket = super()._new_conn()  # type: ignore[misc]  # the other base's
        timeout_s = made.gettimeout()
        counting = _Socket(made.family, made.type, made.proto, fileno=made.detach())
        counting.settimeout(timeout_s)
        return counting

    def getresponse(self) -> http.client.HTTPResponse:
        counting, bounds = getattr(self, "sock", None), _now.bounds
        if isinstance(counting, _Counting):
            # The socket still has the time-out of connecting; urllib3 sets the one of reading in here.
            silent_s = getattr(self, "timeout", None)
            silent_s = silent_s if isinstance(silent_s, (int, float)) else _SILENT_S
            counting.expect(silent_s * (_MOST_WORK_TIMEOUTS if bounds.works else 1), _MOST_HEAD_BYTES)
        answer: http.client.HTTPResponse = super().getresponse()  # type: ignore[misc]  # the other base's
        if isinstance(counting, _Counting):
            counting.allow(bounds.most_bytes if answer.status in _CONTENT else _MOST_ERROR_BYTES)
        return answer

    def _is_100_continue_status(self, maybe_status_line: bytes) -> bool:
        """Tell whether an interim answer comes while 100 is waited for: the body may go all the same."""
        _, status, _ = (*maybe_status_line.split(None, 2), b"", b"", b"")[:3]
        return maybe_status_line.startswith(b"HTTP/") and status.isdigit() and int(status) in _INTERIM

    def _consume_headers(self, fp: IO[bytes]) -> None:
        """Read what follows an interim answer; botocore waits for ever where its lines end without CR."""
        for _ in range(_MOST_INTERIM_LINES):
            if fp.readline() in {b"\r\n", b"\n", b""}:
                return
        raise http.client.HTTPException("an interim answer without an end")


class _Connection(_Reading, AWSHTTPConnection):  # type: ignore[misc]  # botocore's own discord
    pass


class _TlsConnection(_Reading, AWSHTTPSConnection):  # type: ignore[misc]  # the same
    def connect(self) -> None:
        context = getattr(self, "ssl_context", None)
        if context is not None:
            context.sslsocket_class = _TlsSocket
        super().connect()


class _Pool(AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(AWSHTTPSConnectionPool):
    ConnectionCls = _TlsConnection
