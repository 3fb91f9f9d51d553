"""Why a download brought other content than the object's, where that can be found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creative_s3.core.faults.translation import clean
from creative_s3.core.s3 import objects
from creative_s3.errors import ChecksumMismatchError, CreativeS3Error, ItemError, UnreadableAnswerError

if TYPE_CHECKING:
    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.transfers.flights import Reply


def explained(
    error: CreativeS3Error, reply: Reply, stored: StoredObject | None, connection: Connection
) -> CreativeS3Error:
    """Return the error with its cause, or as it is where none is found.

    Args:
        error: What went wrong; a failure that may pass is never explained.
        reply: What came.
        stored: The object that was asked for, as far as it was known.
        connection: Asked for the object's size where only a listing told it.
    """
    is_other = isinstance(error, (ChecksumMismatchError, UnreadableAnswerError))
    if not is_other and type(error) is not ItemError:
        return error
    if stored is not None and (size_bytes := _other_size(stored, connection)) is not None:
        return ItemError(
            f"this server lists {stored.size_bytes} bytes, and the object has {size_bytes}",
            item=stored.key,
            hint="run `creative-s3 doctor`",
        )
    if is_other and reply.answer is not None and (encoding := reply.answer.encoding):
        return type(error)(
            f"{error.message}; it came with Content-Encoding: {clean(encoding)}, as from a proxy",
            item=error.item,
            hint=error.hint,
        )
    return error


def _other_size(stored: StoredObject, connection: Connection) -> int | None:
    """Return the object's size where only a listing told it, and another one."""
    if stored.metadata is not None:
        return None
    try:
        seen = objects.head(connection, stored.key)
    except CreativeS3Error:
        return None
    is_wrong = seen is not None and seen.etag == stored.etag and seen.size_bytes != stored.size_bytes
    return seen.size_bytes if seen is not None and is_wrong else None
