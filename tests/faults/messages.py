"""As much of HTTP/1.1 and S3 as a proxy must read: heads, the framing of bodies, the names of operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from asyncio import StreamReader
    from collections.abc import AsyncIterator

READ_BYTES = 64 << 10
_HEAD_ENDS = b"\r\n\r\n"
_NO_BODY = frozenset({204, 304})
_BUCKET_READS = {
    "list-type": "ListObjectsV2",
    "uploads": "ListMultipartUploads",
    "lifecycle": "GetBucketLifecycleConfiguration",
    "versioning": "GetBucketVersioning",
}
_OF_OBJECTS = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
_OF_UPLOADS = {
    "PUT": "UploadPart",
    "GET": "ListParts",
    "POST": "CompleteMultipartUpload",
    "DELETE": "AbortMultipartUpload",
}


@dataclass(frozen=True, slots=True)
class Head:
    """The lines before a body, as they were received."""

    start: str
    fields: tuple[tuple[str, str], ...]

    def field(self, name: str) -> str | None:
        """Return a header's value; `name` is lower case."""
        return next((value for known, value in self.fields if known.lower() == name), None)

    def without(self, name: str) -> Head:
        """Return the same without one header."""
        return Head(self.start, tuple(pair for pair in self.fields if pair[0].lower() != name))

    @property
    def raw(self) -> bytes:
        """The bytes that go over the wire."""
        lines = [self.start, *(f"{name}: {value}" for name, value in self.fields), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    @property
    def is_last(self) -> bool:
        """Whether the connection ends after this message."""
        return (self.field("connection") or "").lower() == "close"


@dataclass(frozen=True, slots=True)
class Request:
    """A request, in S3's words.

    Attributes:
        operation: Such as ``PutObject``.
        key: The object's; empty for a bucket's own requests.
        method: HTTP's.
        head: Everything before the body.
        part: The number of the part that it sends; 0 for none.
    """

    operation: str
    key: str
    method: str
    head: Head
    part: int = 0

    @classmethod
    def of(cls, head: Head) -> Request:
        """Read what a head asks for; the bucket is in the path, or in the name of AWS's host."""
        method, target, _ = head.start.split(" ", 2)
        parts = urlsplit(target)
        path = unquote(parts.path).removeprefix("/")
        host = head.field("host") or ""
        key = path if _names_bucket(host) else path.partition("/")[2]
        query = parse_qs(parts.query, keep_blank_values=True)
        part = int(query.get("partNumber", ["0"])[0])
        return cls(_operation(method, key, frozenset(query)), key, method, head, part)


def _names_bucket(host: str) -> bool:
    return host.endswith(".amazonaws.com") and not host.startswith(("s3.", "s3-"))


def _operation(method: str, key: str, names: frozenset[str]) -> str:
    if not key:
        if method == "GET":
            return next((name for word, name in _BUCKET_READS.items() if word in names), "GetBucket")
        return {"HEAD": "HeadBucket", "PUT": "CreateBucket", "POST": "DeleteObjects"}.get(
            method, "DeleteBucket"
        )
    if "uploads" in names:
        return "CreateMultipartUpload"
    return (_OF_UPLOADS if "uploadId" in names else _OF_OBJECTS).get(method, method)


async def read_head(reader: StreamReader) -> Head | None:
    """Read the lines before a body; None when the other side has closed the connection instead.

    Raises:
        IncompleteReadError: It closed the connection within them.
    """
    raw = b""
    while not raw.endswith(_HEAD_ENDS):
        line = await reader.readline()
        if not line and not raw:
            return None
        if not line.endswith(b"\n"):
            raise EOFError("the connection ended within a head")
        raw += line
    start, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Head(start, tuple((name, value.strip()) for name, _, value in pairs))


def status_of(head: Head) -> int:
    """Return the status of an answer's head."""
    return int(head.start.split(" ", 2)[1])


def answer_has_body(method: str, head: Head) -> bool:
    """Tell whether a body follows an answer's head."""
    return method != "HEAD" and status_of(head) not in _NO_BODY


async def body(
    reader: StreamReader, head: Head, *, until_close: bool = False
) -> AsyncIterator[tuple[bytes, bool]]:
    """Yield a body as it comes: pieces of the wire's bytes, and whether each is content or framing.

    Raises:
        EOFError: The connection ended before the body did.
    """
    if "chunked" in (head.field("transfer-encoding") or "").lower():
        async for chunk in _chunks(reader):
            yield chunk
        return
    length = head.field("content-length")
    if length is None and not until_close:
        return
    left = int(length) if length is not None else None
    while left is None or left > 0:
        piece = await reader.read(READ_BYTES if left is None else min(left, READ_BYTES))
        if not piece:
            if left is None:
                return
            raise EOFError(f"{left} bytes of the body never came")
        left = None if left is None else left - len(piece)
        yield piece, True


async def _chunks(reader: StreamReader) -> AsyncIterator[tuple[bytes, bool]]:
    while True:
        line = await _line(reader)
        yield line, False
        left = int(line.split(b";")[0], 16)
        if not left:
            break
        while left:
            piece = await reader.read(min(left, READ_BYTES))
            if not piece:
                raise EOFError(f"{left} bytes of a chunk never came")
            left -= len(piece)
            yield piece, True
        yield await _line(reader), False
    while (line := await _line(reader)) != b"\r\n":
        yield line, False
    yield line, False


async def _line(reader: StreamReader) -> bytes:
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise EOFError("the connection ended within a chunked body")
    return line
