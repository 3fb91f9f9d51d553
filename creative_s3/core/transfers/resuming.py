"""What an unfinished multipart upload has already, and which of its parts can be kept. Nothing is sent here.

A part is kept only when the server's own word proves that it holds the file's bytes: the CRC64NVME that
ListParts gives, or, where a server lists none (SeaweedFS), the ETag, which is then the part's MD5. The object
is verified as a whole by its CRC64NVME when the upload is completed, whatever was kept.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.s3.objects import bare_etag, whole_crc64nvme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from creative_s3.core.s3.connection import Connection

_MD5 = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Part:
    """A part as the file has it.

    Attributes:
        number: From 1.
        start: Its first byte's place in the file.
        size_bytes: Its length.
        crc64nvme: Of its bytes, in S3's text form.
    """

    number: int
    start: int
    size_bytes: int
    crc64nvme: str


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part as the server lists it.

    Attributes:
        number: From 1.
        size_bytes: Its length.
        etag: Without quotes.
        crc64nvme: None where the server lists none.
    """

    number: int
    size_bytes: int
    etag: str
    crc64nvme: str | None


def parts_of(size_bytes: int, part_bytes: int, crc64nvmes: Sequence[str]) -> tuple[Part, ...]:
    """Return a file's parts in order."""
    return tuple(
        Part(number, start, min(part_bytes, size_bytes - start), crc64nvme)
        for number, (start, crc64nvme) in enumerate(
            zip(range(0, size_bytes, part_bytes), crc64nvmes, strict=True), start=1
        )
    )


def stored_parts(connection: Connection, key: str, upload_id: str) -> Iterator[StoredPart]:
    """List the parts that an unfinished upload has.

    Raises:
        ClientError: ``NoSuchUpload``: it was completed or aborted meanwhile.
    """
    pages = connection.client.get_paginator("list_parts").paginate(
        Bucket=connection.bucket, Key=key, UploadId=upload_id
    )
    for page in pages:
        for part in page.get("Parts", ()):
            yield StoredPart(
                number=part["PartNumber"],
                size_bytes=part["Size"],
                etag=bare_etag(part.get("ETag")),
                crc64nvme=whole_crc64nvme(part.get("ChecksumCRC64NVME"), None),
            )


def kept(
    parts: Sequence[Part], stored: Mapping[int, StoredPart], md5_of: Callable[[Part], str]
) -> Iterator[StoredPart]:
    """Yield the stored parts that hold the file's own bytes.

    Args:
        parts: The file's parts.
        stored: The server's, by number.
        md5_of: Returns the MD5 of a part of the file, in hexadecimal; asked where no checksum is listed.
    """
    for part in parts:
        found = stored.get(part.number)
        if found is not None and found.size_bytes == part.size_bytes and _is_same(part, found, md5_of):
            yield found


def empty_uploads(connection: Connection, key: str, *, since: float, until: float) -> Iterator[str]:
    """Yield the IDs of the unfinished uploads of exactly `key` that were begun in this time and have no part.

    Args:
        connection: Where.
        key: The object's key.
        since: Seconds since 1970, by the server's clock.
        until: The same.

    Raises:
        ClientError: The uploads cannot be listed.
    """
    client, bucket = connection.client, connection.bucket
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key):
        for upload in page.get("Uploads", ()):
            begun = upload.get("Initiated")
            if upload["Key"] != key or begun is None or not since <= begun.timestamp() <= until:
                continue
            listed = client.list_parts(Bucket=bucket, Key=key, UploadId=upload["UploadId"], MaxParts=1)
            if not listed.get("Parts"):
                yield upload["UploadId"]


def md5_in(path: Path, part: Part) -> str:
    """Return the MD5 of a part of a file.

    Raises:
        OSError: The file cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return hashlib.md5(
            os.pread(descriptor, part.size_bytes, part.start), usedforsecurity=False
        ).hexdigest()
    finally:
        os.close(descriptor)


def _is_same(part: Part, found: StoredPart, md5_of: Callable[[Part], str]) -> bool:
    if found.crc64nvme is not None:
        return found.crc64nvme == part.crc64nvme
    # The ETag of a part under KMS is no MD5 and merely looks like one: then it is unequal, and sent again.
    return bool(_MD5.fullmatch(found.etag.lower())) and found.etag.lower() == md5_of(part)
