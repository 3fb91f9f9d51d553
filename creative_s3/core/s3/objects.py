"""Single objects as S3 reports them: HEAD, decoding answers, reading content back. No transfers to disk."""

from __future__ import annotations

import hashlib
import math
import re
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from creative_s3.core.assets.models import StoredObject
from creative_s3.core.faults.translation import translate
from creative_s3.core.files.checksums import CHUNK_BYTES, Crc64, multipart_etag
from creative_s3.core.s3.conditions import PRECONDITION_FAILED
from creative_s3.core.s3.dialect import REFUSED_STATUS, status_of
from creative_s3.errors import UnreadableAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from creative_s3.core.s3.connection import Connection

_MOST_ETAG_CHARACTERS = 1024
_CRC64NVME = re.compile(r"[A-Za-z0-9+/]{10}[AEIMQUYcgkosw048]=", re.ASCII)
_WHOLE = re.compile("[0-9a-f]{32}")
_OF_PARTS = re.compile("[0-9a-f]{32}-([1-9][0-9]{0,4})")
_USUAL_PARTS_MIB = (8, 5, 10, 15, 16, 32, 50, 64, 100, 128)
_MOST_PARTS = 10_000
ARCHIVE_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


def head(connection: Connection, key: str, *, version_id: str | None = None) -> StoredObject | None:
    """Ask S3 for everything it knows of an object, its checksum included; None when there is none.

    A bucket that does not exist gives None too: HEAD has no error body (AWS: "HeadObject").

    Raises:
        CreativeS3Error: The request failed.
    """
    arguments: dict[str, Any] = {"Bucket": connection.bucket, "Key": key, "ChecksumMode": "ENABLED"}
    if version_id is not None:
        arguments["VersionId"] = version_id
    try:
        answer = connection.client.head_object(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
            return None
        raise translate(error, item=key, endpoint_url=connection.endpoint_url) from error
    except Exception as error:
        raise translate(error, item=key, endpoint_url=connection.endpoint_url) from error
    return from_answer(key, answer)


def from_answer(key: str, answer: Mapping[str, Any], *, size_bytes: int | None = None) -> StoredObject:
    """Decode boto3's answer to HeadObject or GetObject.

    Args:
        key: The object's key.
        answer: boto3's.
        size_bytes: How much content came, where it was read: not every answer tells before.

    Raises:
        UnreadableAnswerError: Nothing tells the object's size.
    """
    size_bytes = answer.get("ContentLength") if size_bytes is None else size_bytes
    if size_bytes is None:
        raise UnreadableAnswerError(
            "the server does not tell the object's size", item=key, hint="run `creative-s3 doctor`"
        )
    return StoredObject(
        key=key,
        size_bytes=size_bytes,
        etag=bare_etag(answer.get("ETag")),
        last_modified=answer.get("LastModified"),
        storage_class=answer.get("StorageClass") or "STANDARD",
        version_id=bare_version(answer.get("VersionId")),
        crc64nvme=whole_crc64nvme(answer.get("ChecksumCRC64NVME"), answer.get("ChecksumType")),
        # Names of headers, which some servers write in capitals.
        metadata=MappingProxyType({n.lower(): text for n, text in (answer.get("Metadata") or {}).items()}),
        content_type=answer.get("ContentType"),
        restore=answer.get("Restore"),
    )


def whole_crc64nvme(text: str | None, kind: str | None) -> str | None:
    """Return the checksum of an object's whole content as a server tells it; None where it tells none.

    What is not the base64 of eight bytes tells nothing: the content is proved in another way then.

    Args:
        text: The checksum.
        kind: ``FULL_OBJECT``, which is meant where nothing is said, or ``COMPOSITE``.
    """
    is_whole = text is not None and kind in {None, "FULL_OBJECT"} and _CRC64NVME.fullmatch(text)
    return text if is_whole else None


def bare_etag(text: str | None) -> str:
    """Return an ETag without its quotes; empty for one that no condition could repeat."""
    etag = (text or "").strip().removeprefix("W/").strip('"')
    return etag if len(etag) <= _MOST_ETAG_CHARACTERS and etag.isascii() and etag.isprintable() else ""


def bare_version(text: str | None) -> str | None:
    """Return a version ID; None for the ``null`` version of an unversioned bucket."""
    return None if text in {None, "", "null"} else text


def http_date(text: str | None) -> datetime | None:
    """Decode an HTTP date; None when it is missing or is none."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except (ArithmeticError, ValueError):
        return None


def is_archived(stored: StoredObject) -> bool:
    """Tell whether the object must be restored to be read (AWS: "Working with archived objects")."""
    if stored.storage_class not in ARCHIVE_CLASSES and 'archive-status="' not in (stored.restore or ""):
        return False
    return 'ongoing-request="false"' not in (stored.restore or "")


def same_md5(stored: StoredObject, path: Path) -> bool:
    """Tell whether the object's ETag is made of the file's MD5s, which proves that the content is equal.

    Of an object in parts it is the MD5 of its parts' MD5s, for a size of parts that many programs take.
    Unequal proves nothing: under KMS an ETag is no MD5, and parts may have any size (AWS: "Object", ETag).

    Raises:
        OSError: The file cannot be read.
    """
    etag = stored.etag.lower()
    if found := _OF_PARTS.fullmatch(etag):
        number = int(found[1])
        sizes = _part_sizes(stored.size_bytes)
        fitting = [size for size in sizes if max(1, math.ceil(stored.size_bytes / size)) == number]
        return any(multipart_etag(path, stored.size_bytes, size) == etag for size in fitting)
    if not _WHOLE.fullmatch(etag):
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == etag


def is_md5_form(stored: StoredObject) -> bool:
    """Tell whether an object's ETag has the form of the MD5 of content that was sent in one request."""
    return _WHOLE.fullmatch(stored.etag.lower()) is not None


def is_md5(connection: Connection, stored: StoredObject) -> bool:
    """Ask whether an object's ETag can only be the MD5 of its content, so that other content is a fault.

    Raises:
        CreativeS3Error: The request failed.
    """
    if not is_md5_form(stored) or connection.dialect.makes_other_etags:
        return False
    try:
        answer = connection.client.head_object(Bucket=connection.bucket, Key=stored.key)
    except Exception as error:
        raise translate(error, item=stored.key, endpoint_url=connection.endpoint_url) from error
    return tells_md5(connection, stored, answer)


def tells_md5(connection: Connection, stored: StoredObject, answer: Mapping[str, Any]) -> bool:
    """Tell whether an object's ETag is the MD5 of its content, of this or of other content.

    It is, of what was sent in one request and is not under KMS or a key of the customer's (AWS: "Object",
    ETag), unless the server was seen to make others.

    Args:
        connection: Where it is.
        stored: The object.
        answer: boto3's, to HeadObject or GetObject.
    """
    has_form = is_md5_form(stored) and bare_etag(answer.get("ETag")) == stored.etag
    is_keyed = answer.get("ServerSideEncryption") not in {None, "AES256"} or "SSECustomerAlgorithm" in answer
    return has_form and not is_keyed and not connection.dialect.makes_other_etags


def _part_sizes(size_bytes: int) -> Iterator[int]:
    """Yield our own size of parts, then those of other programs."""
    own = max(_USUAL_PARTS_MIB[0] << 20, math.ceil(size_bytes / _MOST_PARTS))
    yield from dict.fromkeys((own, *(mib << 20 for mib in _USUAL_PARTS_MIB)))


def listed_etag(connection: Connection, key: str) -> str | None:
    """Ask what a listing says the object's ETag is; None where it lists no such object.

    Raises:
        CreativeS3Error: The request failed.
    """
    try:
        answer = connection.client.list_objects_v2(Bucket=connection.bucket, Prefix=key, MaxKeys=1)
    except Exception as error:
        raise translate(error, item=key, endpoint_url=connection.endpoint_url) from error
    first = next(iter(answer.get("Contents", ())), None)
    return bare_etag(first.get("ETag")) if first and first.get("Key") == key else None


def read_back(connection: Connection, stored: StoredObject, *, also: Callable[[bytes], object] = len) -> str:
    """Read an object's whole content and return its CRC64NVME: the proof when there is no usable checksum.

    Args:
        connection: Where it is.
        stored: The object.
        also: Given each block.

    Raises:
        CreativeS3Error: The request failed, or the object is no longer the one that `stored` describes.
    """
    crc = Crc64()
    try:
        answer = _reading(connection, stored)
        with closing(answer["Body"]) as body:
            left = stored.size_bytes
            for chunk in body.iter_chunks(CHUNK_BYTES):
                crc.update(chunk)
                also(chunk)
                left -= len(chunk)
                if left < 0:  # whatever follows: it is not the object
                    break
    except Exception as error:
        raise translate(error, item=stored.key, endpoint_url=connection.endpoint_url) from error
    return crc.base64


def content_of(body: Any, size_bytes: int, *, key: str) -> Iterator[bytes]:  # noqa: ANN401 - botocore's stream
    """Yield an object's content in blocks, to the end that it should have.

    Raises:
        UnreadableAnswerError: More comes.
    """
    left = size_bytes
    for block in body.iter_chunks(CHUNK_BYTES):
        left -= len(block)
        if left < 0:
            raise UnreadableAnswerError(
                "the server sends more content than the object has", item=key, hint="run `creative-s3 doctor`"
            )
        yield block


def _reading(connection: Connection, stored: StoredObject) -> Any:  # noqa: ANN401 - boto3's answer
    """Begin to read this very object; some servers refuse its own ETag, and then the answer's is compared."""
    arguments = {"Bucket": connection.bucket, "Key": stored.key}
    try:
        condition = {"IfMatch": f'"{stored.etag}"'} if stored.etag else {}
        return connection.client.get_object(**arguments, **condition)
    except ClientError as error:
        if connection.is_aws or status_of(error) not in {PRECONDITION_FAILED, *REFUSED_STATUS}:
            raise
        answer = connection.client.get_object(**arguments)
        if bare_etag(answer.get("ETag")) == stored.etag:
            return answer
        answer["Body"].close()
        raise
