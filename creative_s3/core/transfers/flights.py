"""One transfer under way, in the words that both engines share: what is sent, what S3 answers.

How bytes move is in `crt` and `classic`; what a transfer is for is known to neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from creative_s3.core.s3.objects import bare_etag, bare_version, whole_crc64nvme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from creative_s3.core.files.local_files import Fingerprint

MIB = 1 << 20
PART_BYTES = 8 * MIB
"""Also the smallest part; `part_bytes_of` raises it where a file would need more than 10,000 parts."""
MULTIPART_FROM_BYTES = 16 * MIB
"""What is smaller goes in one request."""
MAX_PARTS = 10_000
NO_RANGES = frozenset({416, 501})
"""What a server answers that has no such range of an object, or no ranges at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What S3 said of the object it stored or sent.

    Attributes:
        etag: Without quotes.
        version_id: None in an unversioned bucket.
        crc64nvme: Of the full object, as the server reports it in this answer; None where it does not.
        is_telling: Whether the answer would have the object's checksum if there were one.
        encoding: Its ``Content-Encoding``: the object's own, or that of a proxy which compresses.
    """

    etag: str
    version_id: str | None
    crc64nvme: str | None
    is_telling: bool = True
    encoding: str | None = None


def answer_of(headers: Iterable[tuple[str, str]]) -> Answer:
    """Read an answer's headers."""
    etag = version_id = crc64nvme = kind = encoding = None
    for name, value in headers:
        match name.lower():
            case "etag":
                etag = value
            case "x-amz-version-id":
                version_id = value
            case "x-amz-checksum-crc64nvme":
                crc64nvme = value
            case "x-amz-checksum-type":
                kind = value
            case "content-encoding":
                encoding = value
    return Answer(
        bare_etag(etag), bare_version(version_id), whole_crc64nvme(crc64nvme, kind), encoding=encoding
    )


@dataclass(frozen=True, slots=True)
class Received:
    """A file that a download wrote whole and made durable, as it was right after that.

    Attributes:
        fingerprint: Its state.
        crc64nvme: Of the bytes that came and were written, in S3's text form.
    """

    fingerprint: Fingerprint
    crc64nvme: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The end of one transfer: an answer, or the error as the library raised it.

    Attributes:
        answer: What S3 said.
        error: Why it failed.
        received: What a download wrote, where the engine saw every byte of it.
    """

    answer: Answer | None = None
    error: BaseException | None = None
    received: Received | None = None


@dataclass(slots=True, eq=False)
class Flight:
    """One transfer under way; any thread calls its callables, also before ``put`` or ``get`` returns.

    Attributes:
        key: The object's key.
        path: The file that is read or written.
        size_bytes: The file's or the object's size.
        progress: Takes the bytes that moved since the last call; negative when they have to be sent again.
        done: Called once, with the reply.
        if_none_match: ``*`` to create only.
        if_match: The ETag that the object must have, as it is sent: with quotes, as a rule.
        replaces: The ETag of the object that an upload replaces, without quotes; None where it creates.
        body: The file's content, where it is small enough to be kept from when its checksum was made.
        part_crc64nvmes: Of each part of an upload in parts, in S3's text form.
        wants_checksum: Whether a download's answer shall have the object's checksum; an upload's always has.
        is_doubted: Whether an earlier try brought other content: the Common Runtime, for one, does not read
            an answer without a length to its end.
        answer: What S3 said, as soon as it has.
    """

    key: str
    path: Path
    size_bytes: int
    progress: Callable[[int], None]
    done: Callable[[Reply], None]
    if_none_match: str | None = None
    if_match: str | None = None
    replaces: str | None = None
    body: bytes | None = None
    part_crc64nvmes: tuple[str, ...] = ()
    wants_checksum: bool = True
    is_doubted: bool = False
    answer: Answer | None = None

    def conditions(self) -> dict[str, str]:
        """Return the conditions as boto3's parameters."""
        conditions = {}
        if self.if_none_match:
            conditions["IfNoneMatch"] = self.if_none_match
        if self.if_match:
            conditions["IfMatch"] = self.if_match
        return conditions


class Engine(Protocol):
    """What moves bytes."""

    name: str

    def put(self, flight: Flight, arguments: Mapping[str, Any]) -> Callable[[], None]:
        """Begin an upload in one piece with s3transfer's ``extra_args``; return what cancels it."""

    def get(self, flight: Flight) -> Callable[[], None]:
        """Begin a download; return what cancels it."""

    def close(self) -> None:
        """Let go of threads; call it when nothing is under way. Does not wait."""


def part_bytes_of(size_bytes: int) -> int:
    """Return the size of the parts of a multipart upload of `size_bytes`."""
    return max(PART_BYTES, math.ceil(size_bytes / MAX_PARTS))


def part_count(size_bytes: int) -> int:
    """Return how many parts a multipart upload of `size_bytes` has."""
    return max(1, math.ceil(size_bytes / part_bytes_of(size_bytes)))
