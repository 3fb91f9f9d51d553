"""CRC64NVME: S3's default checksum, over the whole object also for multipart uploads; and the ETag of parts.

As S3 has it, the text form is the base64 of the eight bytes, most significant first (AWS: "Checking object
integrity in Amazon S3").
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING

from awscrt.checksums import combine_crc64nvme, crc64nvme

if TYPE_CHECKING:
    from pathlib import Path

CHUNK_BYTES = 1 << 20


class Crc64:
    """A CRC64NVME that grows chunk by chunk."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add `data`."""
        self._value = crc64nvme(data, self._value)

    @property
    def base64(self) -> str:
        """S3's text form."""
        return _base64(self._value)

    @property
    def hex(self) -> str:
        """16 lowercase hexadecimal digits."""
        return f"{self._value:016x}"


def crc64nvme_of(content: bytes) -> str:
    """Return S3's text form of the CRC64NVME of `content`."""
    return _base64(crc64nvme(content))


def crc64nvme_of_file(path: Path) -> str:
    """Return S3's text form of the CRC64NVME of a file's content.

    Raises:
        OSError: The file cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return crc64nvme_of_descriptor(descriptor)[0]
    finally:
        os.close(descriptor)


def crc64nvme_of_descriptor(descriptor: int) -> tuple[str, int]:
    """Read an open file to its end; return the CRC64NVME in S3's text form and the number of bytes read."""
    crc = Crc64()
    size_bytes = 0
    # readinto would save an allocation per chunk, but a small file is then dearer than one plain read.
    while chunk := os.read(descriptor, CHUNK_BYTES):
        crc.update(chunk)
        size_bytes += len(chunk)
    return crc.base64, size_bytes


def crc64nvmes_of_parts(descriptor: int, part_bytes: int) -> tuple[str, tuple[str, ...], int]:
    """Read an open file to its end; return its CRC64NVME, that of each part, and the number of bytes read."""
    parts: list[str] = []
    whole = size_bytes = 0
    while True:
        part, left = 0, part_bytes
        while left and (chunk := os.read(descriptor, min(CHUNK_BYTES, left))):
            part = crc64nvme(chunk, part)
            left -= len(chunk)
        if left == part_bytes:
            return _base64(whole), tuple(parts), size_bytes
        size_bytes += part_bytes - left
        whole = combine_crc64nvme(whole, part, part_bytes - left)
        parts.append(_base64(part))


def multipart_etag(path: Path, size_bytes: int, part_bytes: int) -> str:
    """Return the ETag of a file that was stored in parts of this size, as S3 makes it of the parts' MD5s.

    Raises:
        OSError: The file cannot be read.
    """
    digests = []
    with path.open("rb") as file:
        for start in range(0, size_bytes, part_bytes):
            digest = hashlib.md5(usedforsecurity=False)
            left = min(part_bytes, size_bytes - start)
            while left and (block := file.read(min(left, CHUNK_BYTES))):
                digest.update(block)
                left -= len(block)
            digests.append(digest.digest())
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


def crc64_hex(text: str) -> str:
    """Return S3's text form as 16 hexadecimal digits.

    Raises:
        ValueError: `text` is not the base64 of eight bytes.
    """
    raw = base64.b64decode(text, validate=True)
    if len(raw) != 8:  # noqa: PLR2004 - 64 bits
        raise ValueError(f"not the base64 of eight bytes: {text!r}")
    return raw.hex()


def _base64(value: int) -> str:
    return base64.b64encode(value.to_bytes(8, "big")).decode("ascii")
