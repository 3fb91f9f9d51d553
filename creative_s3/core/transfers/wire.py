"""HTTP/1.1 over connections that are kept: requests with a length, answers that are read to their end.

A request of botocore, or of the Common Runtime, costs several times the CPU of moving 64 KiB (benchmarks,
decisions.md). What is here is only what S3 needs for that: no redirects, no proxies, no encodings. Whatever
goes wrong is raised as botocore would raise it, and its connection is closed.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.httpsession import get_cert_path
from urllib3.exceptions import NameResolutionError

from creative_s3.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from creative_s3.core.aws import Connection

BLOCK_BYTES = 256 << 10
_MOST_HEAD_BYTES = 64 << 10
_MOST_ERROR_BYTES = 1 << 20
_END_OF_HEAD = b"\r\n\r\n"
_FINAL = 200
_NO_BODY = frozenset({204, 304})


class AnswerHead(NamedTuple):
    """The head of an answer.

    Attributes:
        status: HTTP's.
        headers: By name in lower case, read as Latin-1, as botocore does.
    """

    status: int
    headers: dict[str, str]


class Line:
    """One connection, for one exchange at a time; what any thread may call is only `break_off`."""

    def __init__(self, connected: socket.socket, address: str) -> None:
        self._socket = connected
        self._address = address
        self._buffer = bytearray(BLOCK_BYTES)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
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
        head = self._early or self._head()
        self._early = None
        while head.status < _FINAL:
            head = self._head()
        headers = head.headers
        self._is_last = self._is_last or headers.get("connection", "").lower() == "close"
        if not has_body or head.status in _NO_BODY:
            return head, iter(())
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return head, self._chunks()
        if "content-length" in headers:
            return head, self._body(_number(headers["content-length"], 10))
        self._is_last = True
        return head, self._rest()

    def error_body(self, pieces: Iterator[memoryview]) -> bytes:
        """Return the body of an answer that is an error, or what is needed of it."""
        content = bytearray()
        for piece in pieces:
            content += piece
            if len(content) > _MOST_ERROR_BYTES:
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
        try:
            self._socket.sendall(data)
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
            count = self._socket.recv_into(self._view[self._end :])
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

    def _until(self, mark: bytes, most_bytes: int) -> bytes:
        """Take what comes before `mark`, and `mark`."""
        while (at := self._buffer.find(mark, self._start, self._end)) < 0:
            if self._end - self._start >= most_bytes:
                raise _not_understood("no end in sight")
            self._more()
        taken = bytes(self._view[self._start : at])
        self._start = at + len(mark)
        return taken

    # -- HTTP

    def _head(self) -> AnswerHead:
        first, *lines = self._until(_END_OF_HEAD, _MOST_HEAD_BYTES).decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1."):
            raise _not_understood(first[:40])
        self._is_last = self._is_last or version == "HTTP/1.0"
        headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise _not_understood(line[:40])
            headers[name.lower()] = value.strip()
        return AnswerHead(_number(rest[:3], 10), headers)

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
        while size_bytes := _number(self._until(b"\r\n", _MOST_HEAD_BYTES).partition(b";")[0].decode(), 16):
            yield from self._body(size_bytes)
            if self._until(b"\r\n", 2):
                raise _not_understood("a chunk without an end")
        while self._until(b"\r\n", _MOST_HEAD_BYTES):  # trailers
            pass

    def _rest(self) -> Iterator[memoryview]:
        while self._end > self._start or self._fill():
            piece = self._view[self._start : self._end]
            self._start = self._end
            yield piece


class Lines:
    """Connections to one address that are kept for the next exchange; any thread may call it.

    Args:
        endpoint_url: Scheme, host and port.
        connect_timeout_s: How long a connection may take.
        read_timeout_s: How long the other side may be silent.
        ca_bundle: A file or folder with the certificates to trust; None for botocore's.
    """

    def __init__(
        self, endpoint_url: str, *, connect_timeout_s: float, read_timeout_s: float, ca_bundle: str | None
    ) -> None:
        parts = urlsplit(endpoint_url)
        self._address = endpoint_url
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._tls = _trusting(ca_bundle) if parts.scheme == "https" else None
        self._lock = threading.Lock()
        self._kept: list[Line] = []
        self._is_closed = False

    def take(self) -> Line:
        """Return a connection that nobody else uses.

        Raises:
            BotoCoreError: Nothing answers there.
        """
        while True:
            with self._lock:
                line = self._kept.pop() if self._kept else None
            if line is None:
                return self.new()
            if line.is_fit():
                return line
            line.close()

    def new(self) -> Line:
        """Return a new connection.

        Raises:
            BotoCoreError: Nothing answers there.
        """
        connect_s, read_s = self._timeouts_s
        try:
            connected = socket.create_connection((self._host, self._port), timeout=connect_s)
        except socket.gaierror as error:
            unknown = NameResolutionError(self._host, None, error)  # type: ignore[arg-type]
            raise boto.EndpointConnectionError(endpoint_url=self._address, error=unknown) from error
        except TimeoutError as error:
            raise boto.ConnectTimeoutError(endpoint_url=self._address, error=error) from error
        except OSError as error:
            raise boto.EndpointConnectionError(endpoint_url=self._address, error=error) from error
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connected = self._tls.wrap_socket(connected, server_hostname=self._host)
            connected.settimeout(read_s)
        except ssl.SSLCertVerificationError as error:
            connected.close()
            raise boto.SSLError(endpoint_url=self._address, error=error) from error
        except OSError as error:
            connected.close()
            raise boto.ConnectionClosedError(endpoint_url=self._address, error=error) from error
        return Line(connected, self._address)

    def give_back(self, line: Line) -> None:
        """Keep a connection whose exchange has ended, if it can be used again."""
        with self._lock:
            if line.is_reusable and not self._is_closed:
                line.rest()
                self._kept.append(line)
                return
        line.close()

    def close(self) -> None:
        """Let go of all that are kept."""
        with self._lock:
            self._is_closed = True
            kept = tuple(self._kept)
            self._kept.clear()
        for line in kept:
            line.close()


def lines_to(connection: Connection, endpoint_url: str) -> Lines:
    """Return connections to an address, with the times and certificates of a connection's own client."""
    config = connection.client.meta.config
    return Lines(
        endpoint_url,
        connect_timeout_s=config.connect_timeout,
        read_timeout_s=config.read_timeout,
        ca_bundle=connection.session.get_config_variable("ca_bundle"),
    )


def _trusting(ca_bundle: str | None) -> ssl.SSLContext:
    where = Path(ca_bundle or str(get_cert_path(verify=True)))
    try:
        if where.is_dir():
            context = ssl.create_default_context(capath=where)
        else:
            context = ssl.create_default_context(cafile=where)
    except OSError as error:
        raise SettingsError(
            f"the certificates to trust cannot be read: {error}", item=str(where), hint="check AWS_CA_BUNDLE"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _number(text: str, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise _not_understood(text[:40])
    return number


def _not_understood(what: str) -> boto.BotoCoreError:
    return boto.HTTPClientError(error=f"an answer that is not HTTP: {what}")
