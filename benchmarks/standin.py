"""A stand-in for S3 that only lists: a million keys that no server has to store."""

from __future__ import annotations

import contextlib
import threading
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FULL = "full"
"""The bucket that has all keys; any other one is empty."""
ETAG = "0123456789abcdef0123456789abcdef"
"""The ETag of every object."""

_PAGE = 1000
_LAST = "\U0010ffff"


@dataclass(slots=True)
class Listing:
    """What the stand-in lists.

    Attributes:
        keys: In the order of their bytes; ASCII.
        size_bytes: Of each object.
        given: How many keys were handed out so far.
        refused: What was asked for besides listings.
    """

    keys: Sequence[str] = ()
    size_bytes: int = 0
    given: int = 0
    refused: list[str] = field(default_factory=list)

    def page(self, bucket: str, query: dict[str, str]) -> str:
        """Return one page as ListObjectsV2 does (Amazon S3 API Reference, ListObjectsV2)."""
        keys = self.keys if bucket == FULL else ()
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        at = bisect_left(keys, prefix)
        for after in (query.get("start-after", ""), unquote(query.get("continuation-token", ""))):
            at = max(at, bisect_right(keys, after))
        end = bisect_left(keys, prefix + _LAST)
        room = min(_PAGE, int(query.get("max-keys", _PAGE)))
        entries: list[str] = []
        last = ""
        while at < end and len(entries) < room:
            key = keys[at]
            head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            if found:
                last = f"{prefix}{head}{delimiter}{_LAST}"
                entries.append(
                    f"<CommonPrefixes><Prefix>{_shown(last[:-1], query)}</Prefix></CommonPrefixes>"
                )
                at = bisect_right(keys, last, at)
            else:
                last = key
                entries.append(self._entry(_shown(key, query)))
                self.given += 1
                at += 1
        more = at < end
        token = f"<NextContinuationToken>{quote(last)}</NextContinuationToken>" if more else ""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{bucket}</Name><Prefix>{_shown(prefix, query)}</Prefix>"
            f"<KeyCount>{len(entries)}</KeyCount>"
            f"<MaxKeys>{room}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{token}"
            f"{''.join(entries)}</ListBucketResult>"
        )

    def _entry(self, key: str) -> str:
        return (
            f"<Contents><Key>{key}</Key><LastModified>2026-03-04T10:00:00.000Z</LastModified>"
            f"<ETag>&quot;{ETAG}&quot;</ETag><Size>{self.size_bytes}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
        )


@contextlib.contextmanager
def listing_server(listing: Listing) -> Iterator[str]:
    """Serve a listing on a free port of the loopback; give its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            bucket, _, key = parts.path.lstrip("/").partition("/")
            query = {
                name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()
            }
            if key or "list-type" not in query:
                self._refuse("NoSuchKey" if key else "NotImplemented")
                return
            self._answer(HTTPStatus.OK, listing.page(bucket, query))

        def do_HEAD(self) -> None:
            _, _, key = urlsplit(self.path).path.lstrip("/").partition("/")
            self.send_response(HTTPStatus.NOT_FOUND if key else HTTPStatus.OK)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_PUT(self) -> None:
            self._refuse("NotImplemented")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _refuse(self, code: str) -> None:
            listing.refused.append(f"{self.command} {self.path}")
            status = HTTPStatus.NOT_FOUND if code == "NoSuchKey" else HTTPStatus.NOT_IMPLEMENTED
            self._answer(status, f"<Error><Code>{code}</Code><Message>{escape(self.path)}</Message></Error>")

        def _answer(self, status: HTTPStatus, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _shown(text: str, query: dict[str, str]) -> str:
    return quote(text) if query.get("encoding-type") == "url" else escape(text)
