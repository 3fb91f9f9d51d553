"""What odd servers do, in front of moto: each oddity is one function between the client and the server.

moto checks no signature, so that requests may be changed on their way.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_BETWEEN = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"}
)


@dataclass(slots=True)
class Asked:
    """A request; an oddity may change it.

    Attributes:
        method: Such as ``PUT``.
        target: Path and query as they came.
        headers: By name in lower case.
        body: Whole.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> Mapping[str, list[str]]:
        """The parts of the query, empty ones too."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def is_object(self) -> bool:
        """Whether it is about an object."""
        return urlsplit(self.target).path.strip("/").count("/") > 0

    @property
    def completes(self) -> bool:
        """Whether it completes an upload in parts."""
        return self.method == "POST" and "uploadId" in self.query

    @property
    def reads_asset(self) -> bool:
        """Whether it reads the content of an object that is no index."""
        return self.method == "GET" and self.is_object and not self.query and "/metadata/" not in self.target

    @property
    def stores(self) -> bool:
        """Whether it stores a whole object."""
        return self.completes or (self.method == "PUT" and self.is_object and not self.query)


@dataclass(slots=True)
class Said:
    """An answer; an oddity may change it. Attributes as in `Asked`."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


if TYPE_CHECKING:
    PassOn = Callable[[Asked], Said]
    Oddity = Callable[[Asked, PassOn], Said]


def refused(status: int, code: str) -> Said:
    """Return an error as S3 tells it."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
    return Said(status, {"content-type": "application/xml"}, body.encode())


# -- what servers leave out


def without_checksums(asked: Asked, pass_on: PassOn) -> Said:
    """Know no checksum but Content-MD5."""
    for name in [
        name for name in asked.headers if name.startswith(("x-amz-checksum-", "x-amz-sdk-checksum"))
    ]:
        del asked.headers[name]
    asked.body = (
        re.sub(rb"<Checksum[A-Z0-9]+>[^<]*</Checksum[A-Z0-9]+>", b"", asked.body)
        if asked.completes
        else asked.body
    )
    said = pass_on(asked)
    for name in [name for name in said.headers if name.startswith("x-amz-checksum-")]:
        del said.headers[name]
    if asked.completes:
        said.body = re.sub(rb"<Checksum[A-Z0-9a-z]+>[^<]*</Checksum[A-Z0-9a-z]+>", b"", said.body)
    return said


def without_metadata(asked: Asked, pass_on: PassOn) -> Said:
    """Keep no user metadata."""
    for name in [name for name in asked.headers if name.startswith("x-amz-meta-")]:
        del asked.headers[name]
    return pass_on(asked)


def without_list_parts(asked: Asked, pass_on: PassOn) -> Said:
    """Do not list the parts of an upload."""
    if asked.method == "GET" and "uploadId" in asked.query:
        return refused(501, "NotImplemented")
    return pass_on(asked)


def without_tagging(asked: Asked, pass_on: PassOn) -> Said:
    """Have no tags to read, and say so as if it were an accident."""
    return refused(500, "InternalError") if "tagging" in asked.query else pass_on(asked)


def without_versioning(asked: Asked, pass_on: PassOn) -> Said:
    """Have no versions."""
    return refused(501, "NotImplemented") if "versioning" in asked.query else pass_on(asked)


def without_conditions(asked: Asked, pass_on: PassOn) -> Said:
    """Ignore every condition on a write."""
    if asked.stores:
        asked.headers.pop("if-match", None)
        asked.headers.pop("if-none-match", None)
    return pass_on(asked)


# -- what servers do with conditions


def if_match_is_501(asked: Asked, pass_on: PassOn) -> Said:
    """Refuse If-Match by name, as Swift does."""
    return refused(501, "NotImplemented") if asked.stores and "if-match" in asked.headers else pass_on(asked)


def if_match_is_405(asked: Asked, pass_on: PassOn) -> Said:
    """Refuse If-Match by another name."""
    refuses = asked.stores and "if-match" in asked.headers
    return refused(405, "MethodNotAllowed") if refuses else pass_on(asked)


def if_match_is_never_met(asked: Asked, pass_on: PassOn) -> Said:
    """Refuse every If-Match, as Ceph does in a versioned bucket."""
    refuses = asked.stores and "if-match" in asked.headers
    return refused(412, "PreconditionFailed") if refuses else pass_on(asked)


def if_match_is_met_bare(asked: Asked, pass_on: PassOn) -> Said:
    """Compare If-Match without quotes, as Ceph does in other buckets."""
    wanted = asked.headers.get("if-match", "")
    if asked.stores and wanted.startswith('"'):
        return refused(412, "PreconditionFailed")
    if wanted and asked.stores:
        asked.headers["if-match"] = f'"{wanted}"'
    return pass_on(asked)


def if_none_match_is_never_met(asked: Asked, pass_on: PassOn) -> Said:
    """Refuse to create anything on a condition."""
    refuses = asked.stores and "if-none-match" in asked.headers
    return refused(412, "PreconditionFailed") if refuses else pass_on(asked)


def complete_takes_no_conditions(asked: Asked, pass_on: PassOn) -> Said:
    """Take conditions with PutObject only."""
    has_one = "if-match" in asked.headers or "if-none-match" in asked.headers
    return refused(501, "NotImplemented") if asked.completes and has_one else pass_on(asked)


def get_takes_no_conditions(asked: Asked, pass_on: PassOn) -> Said:
    """Refuse the object's own ETag when it is read."""
    refuses = asked.method == "GET" and asked.is_object and "if-match" in asked.headers
    return refused(412, "PreconditionFailed") if refuses else pass_on(asked)


def ranges_are_ignored(asked: Asked, pass_on: PassOn) -> Said:
    """Send the whole object where a range is asked for."""
    asked.headers.pop("range", None)
    return pass_on(asked)


# -- what servers do with content


def nothing_is_given_back(asked: Asked, pass_on: PassOn) -> Said:
    """Confirm assets, list them, tell of them, and have none that could be read."""
    return refused(404, "NoSuchKey") if asked.reads_asset else pass_on(asked)


def other_content_is_given_back(asked: Asked, pass_on: PassOn) -> Said:
    """Give back zeros of the same number in the place of assets."""
    said = pass_on(asked)
    if asked.reads_asset:
        said.body = bytes(len(said.body))
    return said


# -- what servers do with ETags


def complete_has_another_etag(asked: Asked, pass_on: PassOn) -> Said:
    """Answer Complete with an ETag that the object does not have, as rclone does."""
    said = pass_on(asked)
    if asked.completes:
        said.body = re.sub(rb"<ETag>[^<]*</ETag>", b"<ETag>&quot;" + b"0" * 32 + b"&quot;</ETag>", said.body)
    return said


def complete_has_no_etag(asked: Asked, pass_on: PassOn) -> Said:
    """Answer Complete with an empty ETag, as Ceph does."""
    said = pass_on(asked)
    if asked.completes:
        said.body = re.sub(rb"<ETag>[^<]*</ETag>", b"<ETag></ETag>", said.body)
    return said


def etags_are_weak(asked: Asked, pass_on: PassOn) -> Said:
    """Have weak ETags everywhere but in listings."""
    asked.body = asked.body.replace(b"W/", b"") if asked.completes else asked.body
    said = pass_on(asked)
    if etag := said.headers.get("etag"):
        said.headers["etag"] = f"W/{etag}"
    return said


def etags_are_in_capitals(asked: Asked, pass_on: PassOn) -> Said:
    """Write ETags in capitals, and compare them so."""
    if wanted := asked.headers.get("if-match"):
        asked.headers["if-match"] = wanted.lower() if wanted.upper() == wanted else '"no"'
    if asked.completes:
        asked.body = re.sub(rb"<ETag>[^<]*</ETag>", _small, asked.body)
    said = pass_on(asked)
    if etag := said.headers.get("etag"):
        said.headers["etag"] = etag.upper()
    said.body = re.sub(rb"<ETag>[^<]*</ETag>", _capitals, said.body)
    return said


def lists_have_no_etags(asked: Asked, pass_on: PassOn) -> Said:
    """List objects without their ETags."""
    said = pass_on(asked)
    if "list-type" in asked.query:
        said.body = re.sub(rb"<ETag>[^<]*</ETag>", b"", said.body)
    return said


def lists_have_other_etags(asked: Asked, pass_on: PassOn) -> Said:
    """List objects with other ETags than all other answers have."""
    said = pass_on(asked)
    if "list-type" in asked.query:
        said.body = re.sub(rb"<ETag>[^<]*</ETag>", b"<ETag>&quot;" + b"a" * 32 + b"&quot;</ETag>", said.body)
    return said


# -- what servers do with configurations


def lifecycle_has_the_older_form(asked: Asked, pass_on: PassOn) -> Said:
    """Tell a rule's filter by prefix in the older form, as Ceph does."""
    said = pass_on(asked)
    if asked.method == "GET" and "lifecycle" in asked.query:
        said.body = re.sub(
            rb"<Filter>\s*(<Prefix>[^<]*</Prefix>|<Prefix\s*/>)\s*</Filter>", rb"\1", said.body
        )
        said.body = re.sub(rb"<Filter>\s*</Filter>|<Filter\s*/>", b"<Prefix></Prefix>", said.body)
    return said


def _capitals(found: re.Match[bytes]) -> bytes:
    inside = found[0].removeprefix(b"<ETag>").removesuffix(b"</ETag>")
    return b"<ETag>" + inside.replace(b"&quot;", b'"').upper() + b"</ETag>"


def _small(found: re.Match[bytes]) -> bytes:
    return found[0].lower().replace(b"etag", b"ETag")


def _has_other_content(asked: Asked) -> bool:
    """Tell whether a body is not what its Content-MD5 says; moto looks at none."""
    wanted = asked.headers.get("content-md5")
    return (
        wanted is not None
        and base64.b64decode(wanted) != hashlib.md5(asked.body, usedforsecurity=False).digest()
    )


class OddServer(ThreadingHTTPServer):
    """Passes requests on to a server, through the oddities."""

    daemon_threads = True

    def __init__(self, server_url: str, oddities: Sequence[Oddity]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(server_url)
        self.server = (str(parts.hostname), int(parts.port or 80))
        self.oddities = tuple(oddities)
        self.asked: list[tuple[str, str, int]] = []

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def said(self, asked: Asked) -> Said:
        """Return the answer to a request."""

        def through(oddities: Sequence[Oddity], one: Asked) -> Said:
            if not oddities and _has_other_content(one):
                return refused(400, "BadDigest")
            if not oddities:
                return _forwarded(self.server, one)
            return oddities[0](one, lambda changed: through(oddities[1:], changed))

        said = through(self.oddities, asked)
        self.asked.append((asked.method, asked.target, said.status))
        return said


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OddServer

    def _answer(self) -> None:
        promised = int(self.headers.get("Content-Length") or 0)
        try:
            body = self.rfile.read(promised)
        except ConnectionError:
            body = b""
        if len(body) < promised:  # A client that was killed: its half is no object, as with every server.
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        said = self.server.said(Asked(self.command, self.path, headers, body))
        self.send_response(said.status)
        is_head = self.command == "HEAD"
        for name, value in said.headers.items():
            if name not in _BETWEEN:
                self.send_header(name, value)
        length = said.headers.get("content-length", "0") if is_head else str(len(said.body))
        if said.status != 204:
            self.send_header("Content-Length", length)
        self.end_headers()
        if not is_head:
            self.wfile.write(said.body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


def _forwarded(server: tuple[str, int], asked: Asked) -> Said:
    connection = http.client.HTTPConnection(*server, timeout=60)
    try:
        headers = {name: value for name, value in asked.headers.items() if name not in _BETWEEN}
        headers.pop("expect", None)
        connection.request(
            asked.method, asked.target, asked.body, {**headers, "Host": f"{server[0]}:{server[1]}"}
        )
        answer = connection.getresponse()
        return Said(
            answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        )
    finally:
        connection.close()


@contextmanager
def odd_server(server_url: str, *oddities: Oddity) -> Iterator[OddServer]:
    """Run one in front of a server."""
    with OddServer(server_url, oddities) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
