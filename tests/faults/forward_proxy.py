"""An HTTP proxy of the tests' own, as companies have them: tunnels and absolute addresses, passwords."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

HOST = "127.0.0.1"
_BLOCK_BYTES = 64 << 10
_END = b"\r\n\r\n"


class ForwardProxy:
    """Passes requests on to whatever address they name, all to one place of the test.

    Args:
        to: Where everything really goes, as host and port; None for where the request says.
        credentials: What clients must give, as ``user:password``; None for nothing.
        tls: What it speaks TLS with.

    Attributes:
        asked: The first lines of the requests that were passed on.
        refused: How many were not.
    """

    def __init__(
        self,
        *,
        to: tuple[str, int] | None = None,
        credentials: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._to = to
        self._wanted = base64.b64encode(credentials.encode()).decode() if credentials else None
        self._tls = tls
        self._listening = socket.create_server((HOST, 0))
        self.asked: list[str] = []
        self.refused = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    @property
    def url(self) -> str:
        """Its address, without credentials."""
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._attend, args=(client,), daemon=True).start()

    def _secured(self, client: socket.socket) -> socket.socket:
        if self._tls is None:
            return client
        try:
            return self._tls.wrap_socket(client, server_side=True)
        except OSError:
            client.close()
            raise

    def _attend(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), self._secured(client) as secured:
            head, rest = _head(secured)
            line = head.partition(b"\r\n")[0].decode()
            if self._wanted and f"Basic {self._wanted}" not in _credentials(head):
                self.refused += 1
                secured.sendall(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n"
                    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
                )
                return
            self.asked.append(line)
            method, target, version = line.split(" ", 2)
            if method == "CONNECT":
                host, _, port = target.rpartition(":")
                with socket.create_connection(self._to or (host, int(port))) as server:
                    secured.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    _both_ways(secured, server)
                return
            parts = urlsplit(target)
            with socket.create_connection(self._to or (parts.hostname or "", parts.port or 80)) as server:
                path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
                kept = [
                    field
                    for field in head.split(b"\r\n")[1:]
                    if field and not field.lower().startswith((b"proxy-", b"connection:"))
                ]
                lines = [f"{method} {path} {version}".encode(), *kept, b"Connection: close", b"", b""]
                server.sendall(b"\r\n".join(lines) + rest)
                _both_ways(secured, server)


def _head(connection: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while _END not in received:
        block = connection.recv(_BLOCK_BYTES)
        if not block:
            raise OSError("the client left")
        received += block
    head, _, rest = received.partition(_END)
    return head, rest


def _credentials(head: bytes) -> list[str]:
    fields = [line.decode("latin-1").partition(": ") for line in head.split(b"\r\n")]
    return [value for name, _, value in fields if name.lower() == "proxy-authorization"]


def _both_ways(client: socket.socket, server: socket.socket) -> None:
    up = threading.Thread(target=_pass, args=(client, server), daemon=True)
    up.start()
    _pass(server, client)
    for one in (client, server):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    up.join()


def _pass(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := one.recv(_BLOCK_BYTES):
            other.sendall(block)
