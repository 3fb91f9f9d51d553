"""Whether the checksum that a server tells of an object is believed, or the object is read.

AWS is believed. Another server is while it has shown that it stores what it confirms, and while nothing else
that it says of the object speaks against it.
"""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from typing import TYPE_CHECKING

from creative_s3.core.s3 import objects
from creative_s3.errors import AccessDeniedError, ArchivedError, ObjectNotFoundError, PreconditionFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.s3.connection import Connection


def may_be_read(connection: Connection) -> bool:
    """Tell whether the next object that is compared by its checksum is read, too."""
    return not connection.is_aws and not connection.dialect.is_known_to_store


def expected_reads(connection: Connection, objects: int) -> int:
    """Return how many of so many objects that tell a checksum are read for it, for the price of a plan."""
    if connection.dialect.not_stored:
        return objects
    return min(1, objects) if may_be_read(connection) else 0


def checked(
    connection: Connection,
    stored: StoredObject,
    *,
    is_doubted: bool = False,
    count: Callable[[], object] = lambda: None,
) -> tuple[str | None, bool]:
    """Return the CRC64NVME of an object's content, and whether the object was read for it.

    What may not be read, or is archived, is believed as long as nothing speaks against the server.

    Args:
        connection: Where it is.
        stored: The object as HEAD told it, with a checksum, or with that which its ETag tells as an MD5.
        is_doubted: Something else that the server says contradicts the checksum.
        count: Called before the object is read.

    Returns:
        The checksum is None where the object cannot be read and the server is not believed.

    Raises:
        CreativeS3Error: It cannot be read.
    """
    dialect = connection.dialect
    if connection.is_aws or not stored.size_bytes:
        return stored.crc64nvme, False
    is_shown = not dialect.not_stored and not is_doubted  # one object is enough for all who wait
    with dialect.reading_back if is_shown else nullcontext():
        if dialect.is_known_to_store and not is_doubted:
            return stored.crc64nvme, False
        is_refuted = is_doubted or bool(dialect.not_stored)
        if objects.is_archived(stored):
            return None if is_refuted else stored.crc64nvme, False
        count()
        try:
            found = content(connection, stored)
        except (AccessDeniedError, ArchivedError):
            if is_refuted:
                raise
            return stored.crc64nvme, False
        if found == stored.crc64nvme:
            dialect.found_stored(connection.bucket, stored.key)
        else:
            dialect.found_not_stored(connection.bucket, stored.key)
        return found, True


def content(connection: Connection, stored: StoredObject, *, also: Callable[[bytes], object] = len) -> str:
    """Read an object and return its CRC64NVME; empty where GET knows another object than HEAD, or none.

    Args:
        connection: Where it is.
        stored: The object as HEAD told it.
        also: Given each block.

    Raises:
        CreativeS3Error: It cannot be read, or another writer has just replaced or removed it.
    """
    try:
        return objects.read_back(connection, stored, also=also)
    except (ObjectNotFoundError, PreconditionFailedError):
        seen = None if connection.is_aws else objects.head(connection, stored.key)
        if seen is None or seen.etag != stored.etag:
            raise
        return ""


def content_of_md5(connection: Connection, stored: StoredObject) -> str | None:
    """Read an object whose ETag is the MD5 of its content; return its CRC64NVME, None where it is another's.

    Raises:
        CreativeS3Error: It cannot be read.
    """
    digest, dialect = hashlib.md5(usedforsecurity=False), connection.dialect
    found = content(connection, stored, also=digest.update)
    if found and digest.hexdigest() == stored.etag.lower():
        dialect.found_stored(connection.bucket, stored.key)
        return found
    dialect.found_not_stored(connection.bucket, stored.key)
    return None


def has_other_md5(connection: Connection, stored: StoredObject, is_same: Callable[[], bool]) -> bool:
    """Tell whether the object's ETag is an MD5, and not that of a file: then they are not equal.

    Args:
        connection: Where the object is.
        stored: The object.
        is_same: Reads the file and tells whether its MD5 is the ETag; called only where that is needed.

    Raises:
        OSError: The file cannot be read.
        CreativeS3Error: The request failed.
    """
    if connection.is_aws or not objects.is_md5_form(stored) or connection.dialect.makes_other_etags:
        return False
    return not is_same() and objects.is_md5(connection, stored)
