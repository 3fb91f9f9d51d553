"""Unfinished multipart uploads: their parts are stored, and paid for, until somebody aborts them.

A run that was killed leaves them. Younger ones may be somebody's work in progress.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from creative_s3.core.faults.translation import translate
from creative_s3.errors import CreativeS3Error, ObjectNotFoundError, TemporaryError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime, timedelta

    from creative_s3.core.s3.connection import Connection

_GONE = "the multipart upload is gone"
_ROUNDS = 5
"""An abort can race with a part that is under way; S3 then keeps the part (AWS: "AbortMultipartUpload")."""


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """One multipart upload that was begun and not completed.

    Attributes:
        key: The object that it would make.
        upload_id: S3's name for it.
        begun: When; None when the server does not tell.
        storage_class: What its parts are billed as.
        size_bytes: What its parts hold; None when nobody counted.
    """

    key: str
    upload_id: str
    begun: datetime | None
    storage_class: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Abortion:
    """What became of one upload that was to be aborted.

    Attributes:
        upload: Which.
        error: Why it is still there; None when it is gone.
    """

    upload: UnfinishedUpload
    error: CreativeS3Error | None = None


def unfinished(connection: Connection, prefix: str = "") -> Iterator[UnfinishedUpload]:
    """List the unfinished uploads under a prefix, with what their parts hold.

    Raises:
        TemporaryError: The listing does not go on; it is never taken as complete.
        UnsupportedError: The server has no such listing.
        CreativeS3Error: A request failed.
    """
    marks: dict[str, str] = {}
    while True:
        try:
            page = connection.client.list_multipart_uploads(Bucket=connection.bucket, Prefix=prefix, **marks)
        except Exception as error:
            if not marks and is_none(error):
                return
            ours = translate(error, item=connection.bucket, endpoint_url=connection.endpoint_url)
            raise _named(ours) from error
        for one in page.get("Uploads", ()):
            if not one["Key"].startswith(prefix):
                continue  # not every server keeps to the prefix
            yield UnfinishedUpload(
                key=one["Key"],
                upload_id=one["UploadId"],
                begun=one.get("Initiated"),
                storage_class=one.get("StorageClass") or "STANDARD",
                size_bytes=parts_size(connection, one["Key"], one["UploadId"]),
            )
        if not page.get("IsTruncated"):
            return
        following = {
            "KeyMarker": page.get("NextKeyMarker", ""),
            "UploadIdMarker": page.get("NextUploadIdMarker", ""),
        }
        if following == marks or not following["KeyMarker"]:
            raise TemporaryError(
                "the server's listing of unfinished uploads does not go on",
                item=f"s3://{connection.bucket}/{prefix}",
                hint="run the same command again",
            )
        marks = following


def _named(error: CreativeS3Error) -> CreativeS3Error:
    """Name what a server lacks that has no such listing."""
    if not isinstance(error, UnsupportedError):
        return error
    return UnsupportedError(
        "this server does not list unfinished uploads",
        item=error.item,
        hint="what this machine left unfinished goes on with the next `creative-s3 migrate upload`",
    )


def is_none(error: BaseException | None) -> bool:
    """Tell whether a server says that there is no upload at all: rclone does, before the first one."""
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchUpload"


def parts_size(connection: Connection, key: str, upload_id: str) -> int:
    """Return how many bytes the parts of an upload hold; none when it has just ended.

    Raises:
        CreativeS3Error: The request failed; needs ``s3:ListMultipartUploadParts``.
    """
    total, marker = 0, 0
    while True:
        try:
            page = connection.client.list_parts(
                Bucket=connection.bucket, Key=key, UploadId=upload_id, PartNumberMarker=marker
            )
        except Exception as error:
            ours = translate(error, item=key, endpoint_url=connection.endpoint_url)
            if isinstance(ours, ObjectNotFoundError) or ours.message == _GONE:
                return total
            raise ours from error
        total += sum(int(part["Size"]) for part in page.get("Parts", ()))
        following = int(page.get("NextPartNumberMarker") or 0)
        if not page.get("IsTruncated") or following <= marker:
            return total
        marker = following


def older_than(
    uploads: Iterable[UnfinishedUpload], age: timedelta, *, now: datetime
) -> tuple[UnfinishedUpload, ...]:
    """Return the uploads that were begun longer ago than `age`; what has no date is not known to be old."""
    return tuple(one for one in uploads if one.begun is not None and now - one.begun > age)


def abort(connection: Connection, uploads: Iterable[UnfinishedUpload]) -> Iterator[Abortion]:
    """Abort uploads, each until S3 knows no part of it any more; one that fails does not stop the others."""
    for upload in uploads:
        try:
            _abort(connection, upload)
        except CreativeS3Error as error:
            yield Abortion(upload, error)
        else:
            yield Abortion(upload)


def _abort(connection: Connection, upload: UnfinishedUpload) -> None:
    names = {"Bucket": connection.bucket, "Key": upload.key, "UploadId": upload.upload_id}
    for _ in range(_ROUNDS):
        try:
            connection.client.abort_multipart_upload(**names)
        except Exception as error:
            ours = translate(error, item=upload.key, endpoint_url=connection.endpoint_url)
            if isinstance(ours, ObjectNotFoundError) or ours.message == _GONE:
                return
            raise ours from error
        if not _is_there(connection, upload):
            return
    raise TemporaryError(
        "parts of the upload are still arriving, so that it comes back",
        item=upload.key,
        hint="stop the program that uploads it, then run the same command again",
    )


def _is_there(connection: Connection, upload: UnfinishedUpload) -> bool:
    try:
        page = connection.client.list_parts(
            Bucket=connection.bucket, Key=upload.key, UploadId=upload.upload_id, MaxParts=1
        )
    except Exception as error:
        ours = translate(error, item=upload.key, endpoint_url=connection.endpoint_url)
        if isinstance(ours, ObjectNotFoundError) or ours.message == _GONE:
            return False
        raise ours from error
    return bool(page.get("Parts"))
