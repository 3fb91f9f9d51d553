"""HTTP/1.1 over connections that are kept: requests with a length, answers that are read to their end.

A request of botocore, or of the Common Runtime, costs several times the CPU of moving 64 KiB (benchmarks,
decisions.md). What is here is only what S3 needs for that: no redirects, no proxies, no encodings. Whatever
goes wrong is raised as botocore would raise it, and its connection is closed.
"""

from __future__ import annotations

import math
import select
import socket
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore import exceptions as boto

from creative_s3.core.http.least_speed import LeastSpeed
from creative_s3.core.s3.framing import (
    END_OF_HEAD,
    MOST_HEAD_BYTES,
    AnswerHead,
    chunk_size,
    is_chunked,
    length_of,
    parse_head,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


BLOCK_BYTES = 256 << 10
_MOST_SHORT_BYTES = 1 << 20
_MOST_INTERIM = 16
_MOST_LINE_BYTES = 4 << 10
_FINAL = 200
_NO_BODY = frozenset({204, 304})


class Line:
    """One connection, for one exchange at a time; what any thread may call is only `break_off`."""

    def __init__(self, connected: socket.socket, address: str) -> None:
        self._socket = connected
        self._address = address
        self._buffer = bytearray(BLOCK_BYTES)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        timeout_s = connected.gettimeout() or 0.0
        self._receiving = LeastSpeed(timeout_s)
        self._sending = LeastSpeed(timeout_s)
        self._interim = 0
        self._is_last = False
        self.has_answered = False
        self.has_sent_all = True
        self.is_new = True
        self._early: AnswerHead | None = None

    # -- one exchange

    def send(self, head: bytes, body: bytes | Iterable[bytes] = b"") -> None:
        """Send a request; stop where the server answers before it has all of it.

        Raises:
            BotoCoreError: The connection broke.
            OSError: Reading `body` failed, if it does so.
        """
        self.has_answered = False
        self.has_sent_all = True
        self._interim = 0
        self._receiving.begin()
        self._sending.begin()
        self._sending.expect(math.inf)  # it ends by itself
        if isinstance(body, bytes):
            self._send(head + body)
            return
        self._send(head)
        for block in body:
            if self._has_answer():
                self._is_last = True  # what was not sent is still to come, as the server sees it
                self.has_sent_all = False
                return
            self._send(block)

    def receive(self, *, has_body: bool) -> tuple[AnswerHead, Iterator[memoryview]]:
        """Return the answer's head and its body piece by piece; read the body before the next exchange.

        A piece is good until the next one is asked for.

        Raises:
            BotoCoreError: The connection broke, or the answer cannot be understood.
        """
        head = self._early or self._final()
        self._early = None
        self._is_last = self._is_last or head.says_close
        if not has_body or head.status in _NO_BODY:
            return head, iter(())
        length = length_of(head.headers)
        if is_chunked(head):
            self._is_last = self._is_last or length is not None  # two ways to read it: this one is HTTP's
            return head, self._chunks()
        if length is not None:
            return head, self._body(length)
        self._is_last = True
        return head, self._rest()

    def expect(self, size_bytes: int) -> None:
        """Allow the time that content of this size takes; without it, an answer is taken for a short one."""
        self._receiving.expect(size_bytes)

    def short_body(self, pieces: Iterator[memoryview]) -> bytes:
        """Return a body that has no reason to be long, or as much as is needed of it."""
        content = bytearray()
        for piece in pieces:
            content += piece
            if len(content) > _MOST_SHORT_BYTES:
                self._is_last = True
                break
        return bytes(content)

    # -- the connection

    @property
    def is_reusable(self) -> bool:
        """Whether another exchange may follow the one that has just ended."""
        return not self._is_last and self._start == self._end

    def is_fit(self) -> bool:
        """Tell whether a connection that was kept is still good: an idle one has nothing to say."""
        return not self._is_readable()

    def rest(self) -> None:
        """Note that the exchange ended."""
        self.is_new = False

    def break_off(self) -> None:
        """End whatever is under way: who waits for the other side is told that it hung up."""
        with suppress(OSError):
            # Past TLS: its own way changes the object that the other thread reads from.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()

    # -- bytes

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                before = time.monotonic()
                count = self._socket.send(left)
                left = left[count:]
                if left:
                    self._sending.came(count, waited_s=time.monotonic() - before)
        except TimeoutError as error:
            raise boto.ReadTimeoutError(endpoint_url=self._address, error=error) from error
        except OSError as error:
            # The server may have answered, and hung up without reading on.
            self._is_last = True
            self.has_sent_all = False
            if not self._is_readable():
                raise boto.ConnectionClosedError(endpoint_url=self._address, error=error) from error

    def _has_answer(self) -> bool:
        """Tell whether the server has answered before it has the whole request; interim answers are none."""
        while self._is_readable():
            head = self._head()
            if head.status >= _FINAL:
                self._early = head
                return True
        return False

    def _is_readable(self) -> bool:
        if self._end > self._start or (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()):
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if not poll.poll(0):
            return False
        return not isinstance(self._socket, ssl.SSLSocket) or self._is_answer(self._socket)

    def _is_answer(self, connected: ssl.SSLSocket) -> bool:
        """Tell whether what came is the other side's, or its end: TLS 1.3 sends tickets of its own, too."""
        self._make_room()
        timeout_s = connected.gettimeout()
        connected.settimeout(0)
        try:
            count = connected.recv_into(self._view[self._end :])
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            return True  # whoever receives next is told
        finally:
            connected.settimeout(timeout_s)
        self._end += count
        self.has_answered = self.has_answered or count > 0
        return True

    def _fill(self) -> bool:
        """Receive behind what is there; return False at the end."""
        self._make_room()
        try:
            before = time.monotonic()
            count = self._socket.recv_into(self._view[self._end :])
            self._receiving.came(count, waited_s=time.monotonic() - before)
        except TimeoutError as error:
            raise boto.ReadTimeoutError(endpoint_url=self._address, error=error) from error
        except OSError as error:
            raise boto.ConnectionClosedError(endpoint_url=self._address, error=error) from error
        self._end += count
        self.has_answered = self.has_answered or count > 0
        return count > 0

    def _make_room(self) -> None:
        """Move what is there to the front."""
        if self._start:
            left = self._end - self._start
            self._buffer[:left] = self._buffer[self._start : self._end]
            self._start, self._end = 0, left

    def _more(self) -> None:
        if not self._fill():
            raise boto.ConnectionClosedError(endpoint_url=self._address)

    def _until(self, find: Callable[[int], tuple[int, int] | None], most_bytes: int) -> bytes:
        """Take what comes before a mark, and the mark.

        Args:
            find: Returns where the mark begins and ends, looking from a place on.
            most_bytes: How far it is looked for.
        """
        seen = 0
        while (at := find(self._start + max(0, seen - 2))) is None:
            seen = self._end - self._start
            if seen >= most_bytes:
                raise unreadable("no end in sight")
            self._more()
        taken = bytes(self._view[self._start : at[0]])
        self._start = at[1]
        return taken.removesuffix(b"\r")

    def _end_of_head(self, begin: int) -> tuple[int, int] | None:
        found = END_OF_HEAD.search(self._buffer, begin, self._end)
        return found.span() if found else None

    def _end_of_line(self, begin: int) -> tuple[int, int] | None:
        at = self._buffer.find(b"\n", begin, self._end)
        return None if at < 0 else (at, at + 1)

    # -- HTTP

    def _final(self) -> AnswerHead:
        while (head := self._head()).status < _FINAL:
            pass
        return head

    def _head(self) -> AnswerHead:
        head = parse_head(self._until(self._end_of_head, MOST_HEAD_BYTES))
        if head.status < _FINAL:
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                raise unreadable("one interim answer after the other")
        return head

    def _body(self, size_bytes: int) -> Iterator[memoryview]:
        left = size_bytes
        while left:
            while self._end - self._start < min(left, BLOCK_BYTES):
                self._more()
            piece = self._view[self._start : min(self._end, self._start + left)]
            left -= len(piece)
            self._start += len(piece)
            yield piece

    def _chunks(self) -> Iterator[memoryview]:
        while size_bytes := chunk_size(self._until(self._end_of_line, _MOST_LINE_BYTES)):
            yield from self._body(size_bytes)
            if self._until(self._end_of_line, 2):
                raise unreadable("a chunk without an end")
        left = MOST_HEAD_BYTES
        while trailer := self._until(self._end_of_line, _MOST_LINE_BYTES):
            left -= len(trailer)
            if left < 0:
                raise unreadable("trailers without an end")

    def _rest(self) -> Iterator[memoryview]:
        while self._end > self._start or self._fill():
            piece = self._view[self._start : self._end]
            self._start = self._end
            yield piece
