"""Copies on the server, in parts where an object is too large for one CopyObject; what they have to carry.

AWS: "CopyObject", "UploadPartCopy", "Copying an object using multipart upload". A copy in parts carries
nothing by itself: metadata, tags and encryption are said again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COPY_LIMIT_BYTES = 5 * 2**30
"""The most that one CopyObject copies; larger objects are copied in parts."""
COPY_PART_BYTES = 2**29
_MAX_PARTS = 10_000

SYSTEM_METADATA = (
    "ContentType",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
)
"""By the names that HeadObject and CopyObject share; ``Expires`` is apart."""
_CARRIED = (
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "BucketKeyEnabled",
    "WebsiteRedirectLocation",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "ObjectLockLegalHoldStatus",
)
"""What a copy loses unless it is said again."""


Send = Callable[..., Any]
"""Sends one request for the object that a copy becomes: boto3's method, S3's name, arguments by name."""


@dataclass(frozen=True, slots=True)
class CopySource:
    """What is copied.

    Attributes:
        where: As boto3 names it: ``Bucket``, ``Key`` and, for an older version, ``VersionId``.
        etag: Without quotes; the copy is of exactly this.
        size_bytes: Its length.
        content: Its CRC64NVME, base64; None where it is not known.
    """

    where: Mapping[str, str]
    etag: str
    size_bytes: int
    content: str | None = None


def system_metadata(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the system metadata of HeadObject's answer, as arguments."""
    kept = {name: answer[name] for name in SYSTEM_METADATA if answer.get(name)}
    expires = answer.get("ExpiresString")
    return {**kept, "Expires": expires} if expires else kept


def carried(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return encryption, redirect and locks of HeadObject's answer, as arguments."""
    return {name: answer[name] for name in _CARRIED if answer.get(name)}


def parts_of_copy(size_bytes: int, *, part_bytes: int = COPY_PART_BYTES) -> int:
    """Count the parts in which a large object is copied: at most 10,000."""
    return max(1, -(-size_bytes // copy_part_bytes(size_bytes, part_bytes=part_bytes)))


def copy_part_bytes(size_bytes: int, *, part_bytes: int = COPY_PART_BYTES) -> int:
    """Return the size of the parts in which a large object is copied."""
    return max(part_bytes, -(-size_bytes // _MAX_PARTS))


def copy_in_parts(  # noqa: PLR0913 - what is copied, what it becomes, and under which conditions
    send: Send,
    source: CopySource,
    answer: Mapping[str, Any],
    *,
    tags: Mapping[str, str],
    settings: Mapping[str, Any],
    conditions: Mapping[str, str],
    part_bytes: int = COPY_PART_BYTES,
    moved: Callable[[int], object] = lambda _bytes: None,
) -> None:
    """Copy a large object in parts; S3 compares the whole with the source's checksum where it is known.

    Whatever happens, no unfinished upload is left, unless aborting it fails, too.

    Args:
        send: For the object that the copy becomes.
        source: What is copied.
        answer: HeadObject's answer for it: its metadata and encryption.
        tags: Its tags.
        settings: The storage class, and what shall be other than with the source, such as its encryption.
        conditions: What must be true of the key at the end: ``IfMatch`` or ``IfNoneMatch``.
        part_bytes: The size of the parts, at least 5 MiB.
        moved: Told the bytes of each part that was copied.

    Raises:
        CreativeS3Error: A request failed, or a condition is not met.
    """
    upload = send(
        "create_multipart_upload",
        "CreateMultipartUpload",
        Metadata=answer.get("Metadata") or {},
        ChecksumAlgorithm="CRC64NVME",
        ChecksumType="FULL_OBJECT",
        **({"Tagging": urlencode(tags)} if tags else {}),
        **{**system_metadata(answer), **carried(answer), **settings},
    )["UploadId"]
    content = source.content
    try:
        parts = []
        for part, size_bytes in _parts(send, source, upload, part_bytes):
            parts.append(part)
            moved(size_bytes)
        send(
            "complete_multipart_upload",
            "CompleteMultipartUpload",
            UploadId=upload,
            MultipartUpload={"Parts": parts},
            MpuObjectSize=source.size_bytes,
            **conditions,
            **({"ChecksumCRC64NVME": content, "ChecksumType": "FULL_OBJECT"} if content else {}),
        )
    except BaseException:
        with suppress(CreativeS3Error):  # the first error says what happened
            send("abort_multipart_upload", "AbortMultipartUpload", UploadId=upload)
        raise


def _parts(
    send: Send, source: CopySource, upload: str, part_bytes: int
) -> Iterator[tuple[dict[str, Any], int]]:
    step = copy_part_bytes(source.size_bytes, part_bytes=part_bytes)
    for number, start in enumerate(range(0, source.size_bytes, step), start=1):
        end = min(start + step, source.size_bytes)
        made = send(
            "upload_part_copy",
            "UploadPartCopy",
            UploadId=upload,
            PartNumber=number,
            CopySource=source.where,
            CopySourceRange=f"bytes={start}-{end - 1}",
            CopySourceIfMatch=f'"{source.etag}"',
        )["CopyPartResult"]
        checksum = made.get("ChecksumCRC64NVME")
        part = {
            "PartNumber": number,
            "ETag": made["ETag"],
            **({"ChecksumCRC64NVME": checksum} if checksum else {}),
        }
        yield part, end - start
