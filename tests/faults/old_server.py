"""An S3 server in memory as they were before 2024: without new checksums, with or without conditions."""

from __future__ import annotations

import base64
import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator


class OldServer(ThreadingHTTPServer):
    """Keeps objects by key, and what it was asked."""

    daemon_threads = True

    def __init__(self, *, honours_conditions: bool, refuses: Collection[str] = ()) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.honours_conditions = honours_conditions
        self.refuses = refuses
        self.looks_at_digests = True
        self.looks_at_digests_first = False
        self.before_each_answer: Callable[[], None] | None = None
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.writes = 0

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OldServer

    def do_PUT(self) -> None:
        key, content = self._key(), self.rfile.read(int(self.headers["Content-Length"]))
        wanted = self.headers.get("Content-MD5") if self.server.looks_at_digests else None
        is_whole = not wanted or base64.b64decode(wanted) == bytes.fromhex(_etag(content))
        if self.server.before_each_answer and key != "taken":
            self.server.before_each_answer()
        if any(name.lower().startswith(tuple(self.server.refuses)) for name in self.headers):
            self._answer(501, b"<Error><Code>NotImplemented</Code></Error>")
        elif (
            self.server.honours_conditions
            and not self._is_met(key)
            and (is_whole or not self.server.looks_at_digests_first)
        ):
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        elif not is_whole:
            self._answer(400, b"<Error><Code>BadDigest</Code></Error>")
        else:
            self.server.writes += 1
            self.server.objects[key] = content
            self._answer(200, etag_of=content)

    def do_HEAD(self) -> None:
        content = self.server.objects.get(self._key())
        self._answer(404) if content is None else self._answer(200, content, etag_of=content)

    def _is_met(self, key: str) -> bool:
        present, wanted = self.server.objects.get(key), self.headers.get("If-Match")
        if self.headers.get("If-None-Match"):
            return present is None
        return wanted is None or (present is not None and wanted == f'"{_etag(present)}"')

    do_GET = do_HEAD  # noqa: N815 - the base class's names

    def _key(self) -> str:
        key = unquote(urlsplit(self.path).path).removeprefix("/bucket/")
        self.server.asked.append((self.command, key))
        return key

    def _answer(self, status: int, body: bytes = b"", *, etag_of: bytes | None = None) -> None:
        self.send_response(status)
        if etag_of is not None:
            self.send_header("ETag", f'"{_etag(etag_of)}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


def _etag(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@contextmanager
def old_server(*, honours_conditions: bool, refuses: Collection[str] = ()) -> Iterator[OldServer]:
    """Run one; it answers 501 to a write with a header whose name begins with one of `refuses`."""
    with OldServer(honours_conditions=honours_conditions, refuses=refuses) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
