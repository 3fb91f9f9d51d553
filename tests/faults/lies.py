"""Answers of a broken or hostile server, by name: what it tells in the place of what the real one said."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from tests.faults.programme import Answer, Fault, Reply, Retell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_DRIP_S = 0.05
_PIECE = bytes(65_536)
_PIECES = 3_000
"""190 MiB, more than any test lets come."""
_MORE = 1 << 50


class Told:
    """How much of what has no end was told."""

    size_bytes = 0


def _flood(piece: bytes, times: int) -> Iterator[bytes]:
    for _ in range(times):
        Told.size_bytes += len(piece)
        yield piece


def _framed(reply: Reply, **fields: str | None) -> bytes:
    return reply.but(content_length=None, **fields).head.raw


def _dripping_head(reply: Reply) -> Iterator[bytes]:
    yield f"{reply.head.start}\r\nX-Drops: ".encode()
    yield from itertools.repeat(b"x")


def _dripping_body(reply: Reply) -> Iterator[bytes]:
    yield reply.but(content_length=str(max(1000, len(reply.content)))).head.raw
    yield from itertools.repeat(b"x")


def _dripping_chunks(reply: Reply) -> Iterator[bytes]:
    yield _framed(reply, transfer_encoding="chunked")
    yield from itertools.repeat(b"1\r\nx\r\n")


def _dripping_trailers(reply: Reply) -> Iterator[bytes]:
    yield _framed(reply, transfer_encoding="chunked")
    if reply.content:
        yield b"%x\r\n%s\r\n" % (len(reply.content), reply.content)
    yield b"0\r\nX-Trailer: "
    yield from itertools.repeat(b"x")


def _dripping_interim(_: Reply) -> Iterator[bytes]:
    yield from itertools.repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n")


def _dripping_error(_: Reply) -> Iterator[bytes]:
    yield b"HTTP/1.1 400 Bad Request\r\nContent-Length: 1000000\r\n\r\n<Error>"
    yield from itertools.repeat(b" ")


def _endless(reply: Reply) -> Iterator[bytes]:
    yield _framed(reply, connection="close")
    yield from _flood(_PIECE, _PIECES)


def _endless_length(reply: Reply) -> Iterator[bytes]:
    yield reply.but(content_range=None, content_length=str(_MORE)).head.raw
    yield from _flood(_PIECE, _PIECES)


def _endless_chunks(reply: Reply) -> Iterator[bytes]:
    yield _framed(reply, transfer_encoding="chunked")
    yield from _flood(b"10000\r\n%s\r\n" % _PIECE, _PIECES)


def _endless_interim(_: Reply) -> Iterator[bytes]:
    yield from _flood(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 100, 1000)


def _endless_head(reply: Reply) -> Iterator[bytes]:
    yield f"{reply.head.start}\r\n".encode()
    yield from _flood(b"X-More: %s\r\n" % (b"x" * 4000), 10_000)


def _endless_error(_: Reply) -> Iterator[bytes]:
    yield b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield from _flood(b"10000\r\n%s\r\n" % _PIECE, _PIECES)


def _with_length(write: Callable[[int], str]) -> Callable[[Reply], Iterator[bytes]]:
    def tell(reply: Reply) -> Iterator[bytes]:
        length = int(reply.head.field("content-length") or len(reply.content))
        yield reply.but(content_length=write(length)).head.raw + reply.content

    return tell


def _two_lengths(reply: Reply) -> Iterator[bytes]:
    length = int(reply.head.field("content-length") or len(reply.content))
    head = reply.but(content_length=str(length)).head.raw
    yield head.removesuffix(b"\r\n") + b"Content-Length: %d\r\n\r\n" % (length // 2) + reply.content


def _in_chunks(write: Callable[[int], str]) -> Callable[[Reply], Iterator[bytes]]:
    def tell(reply: Reply) -> Iterator[bytes]:
        yield _framed(reply, transfer_encoding="chunked")
        yield f"{write(len(reply.content))}\r\n".encode() + reply.content + b"\r\n0\r\n\r\n"

    return tell


def _underscored(number: str) -> str:
    return "_".join(number)


def _bare(status: int) -> Callable[[Reply], Iterator[bytes]]:
    def tell(_: Reply) -> Iterator[bytes]:
        yield b"HTTP/1.1 %d Bare\r\nContent-Length: 0\r\n\r\n" % status

    return tell


def _bare_of_checksums(reply: Reply) -> Reply:
    names = [name for name, _ in reply.head.fields if name.lower().startswith("x-amz-checksum-")]
    return reply.but(**dict.fromkeys(names))


def _without_checksum(reply: Reply) -> Iterator[bytes]:
    yield _bare_of_checksums(reply).raw


def _with_other_etag(reply: Reply) -> Iterator[bytes]:
    bare = _bare_of_checksums(reply)
    yield (bare if bare.head.field("etag") is None else bare.but(etag=f'"{0:032x}"')).raw


def _flipped(reply: Reply) -> Iterator[bytes]:
    bare = _bare_of_checksums(reply)
    content = bytearray(bare.content)
    if content:
        content[len(content) // 2] ^= 1
    yield bare.head.raw + bytes(content)


DRIPS: Mapping[str, Fault] = {
    "a head that drips": Retell(_dripping_head, pause_s=_DRIP_S),
    "a body that drips": Retell(_dripping_body, pause_s=_DRIP_S),
    "chunks that drip": Retell(_dripping_chunks, pause_s=_DRIP_S),
    "trailers that drip": Retell(_dripping_trailers, pause_s=_DRIP_S),
    "interim answers that drip": Retell(_dripping_interim, pause_s=_DRIP_S),
    "an error that drips": Retell(_dripping_error, pause_s=_DRIP_S),
}
ENDLESS_BODIES: Mapping[str, Fault] = {
    "an endless body": Retell(_endless, hangs_up=True),
    "an endless length": Retell(_endless_length, hangs_up=True),
    "endless chunks": Retell(_endless_chunks, hangs_up=True),
}
ENDLESS: Mapping[str, Fault] = {
    "endless interim answers": Retell(_endless_interim, hangs_up=True),
    "an endless head": Retell(_endless_head, hangs_up=True),
    "an endless error": Retell(_endless_error, hangs_up=True),
}
ODD_LENGTHS: Mapping[str, Fault] = {
    "a length with underscores": Retell(_with_length(lambda size: _underscored(str(size))), hangs_up=True),
    "a length with a sign": Retell(_with_length(lambda size: f"+{size}"), hangs_up=True),
    "a length with other digits": Retell(_with_length(lambda size: f"{size}\xb2"), hangs_up=True),
    "a length of many digits": Retell(_with_length(lambda size: f"{size:05000}"), hangs_up=True),
    "two lengths": Retell(_two_lengths, hangs_up=True),
    "two lengths in one": Retell(_with_length(lambda size: f"{size}, {size // 2}"), hangs_up=True),
}
ODD_CHUNKS: Mapping[str, Fault] = {
    "chunks in 0x": Retell(_in_chunks(lambda size: f"0x{size:x}"), hangs_up=True),
    "chunks with underscores": Retell(_in_chunks(lambda size: _underscored(f"{size:x}")), hangs_up=True),
    "chunks with many digits": Retell(_in_chunks(lambda size: f"{size:05000x}"), hangs_up=True),
    "chunks with a sign": Retell(_in_chunks(lambda size: f"+{size:x}"), hangs_up=True),
}
BARE_STATUS: Mapping[str, Fault] = {
    f"HTTP {status}": Retell(_bare(status))
    for status in (400, 401, 402, 403, 405, 410, 413, 414, 416, 417, 418, 421, 422, 451, 501)
}
NAMED: Mapping[str, Fault] = {
    f"{status} {code}": Answer(status, code)
    for status, code in (
        (400, "InvalidRequest"),
        (400, "Odd"),
        (400, "ExpiredToken"),
        (401, "Unauthorized"),
        (403, "InvalidAccessKeyId"),
        (404, "NoSuchBucket"),
        (405, "MethodNotAllowed"),
        (501, "NotImplemented"),
    )
}
FLIPPED: Fault = Retell(_flipped)
WITHOUT_CHECKSUM: Fault = Retell(_without_checksum)
OTHER_ETAGS: Fault = Retell(_with_other_etag)
"""Each object has the same one, and no checksum."""
