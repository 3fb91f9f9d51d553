"""What is asked of the transfer engine and what becomes of it: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.files.local_files import Fingerprint
    from creative_s3.errors import CreativeS3Error


class Proof(StrEnum):
    """How it was proved that the file and the object have the same content."""

    CHECKSUM = "checksum"
    """S3 verified and reports the CRC64NVME that we computed."""
    MD5 = "md5"
    """The ETag is the MD5 of the file, or of its parts."""
    READ_BACK = "read-back"
    """The object was read back whole and has the file's CRC64NVME."""
    RECORD = "record"
    """The file has the CRC64NVME that was proved and recorded for this very object. Downloads only."""
    UNVERIFIABLE = "unverifiable"
    """Only the size was compared: S3 holds no checksum of this object. Downloads only."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to be stored under a key; never over an object that the caller has not seen.

    Attributes:
        path: The file.
        key: The full key.
        size_bytes: What the plan saw; a file of another size has changed.
        content_type: The MIME type.
        storage_class: S3's own word.
        metadata: User metadata, ASCII already.
        tags: At most ten object tags.
        if_match: The ETag of the object to replace; None creates, and only where no object is.
    """

    path: Path
    key: str
    size_bytes: int
    content_type: str = "application/octet-stream"
    storage_class: str = "STANDARD"
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """An object to be brought to a path. The caller decides that the path is a good place.

    Attributes:
        key: The full key.
        path: The destination; missing parents are made.
        stored: The object as HEAD or LIST saw it, and no other version is accepted; None asks S3.
        replace: Whether a file with other content may be replaced.
        mode: The permissions that the file gets before its name; None for the usual ones. Without those to
            run it, or to run it as another user.
        check: Looks at the file before it gets its name, and raises where it may not have it.
        mtime_ns: The time of writing that it gets before its name, since 1970; None for now.
        crc64nvme: What the caller has proved this very object to hold, for a server that keeps no checksum;
            None where that is not known.
        below: The folder at or above the destination's that may be reached by links; below it none is
            followed. None is the destination's own folder.
    """

    key: str
    path: Path
    stored: StoredObject | None = None
    replace: bool = False
    check: Callable[[Path], None] | None = None
    mode: int | None = None
    mtime_ns: int | None = None
    crc64nvme: str | None = None
    below: Path | None = None


@dataclass(slots=True)
class Outcome:
    """What became of one request; one item's failure is data. The engine fills in the last two.

    Attributes:
        request: What was asked.
        stored: The object as it is now, when that is known. After a proof it has the checksum of the content
            that was proved, also where the server keeps none.
        error: Why it failed; None after success, which always carries a proof.
        proof: How the content was proved.
        fingerprint: The file's state that was proved, of a download as it got its name: compare it before
            relying on the file later. None where the file was changed in that moment.
        already_there: Nothing was sent, or an answer was lost: the same content was there.
        conflict: The object with other content that stands in the way of an upload.
        warning: What a person should know although it succeeded.
        attempts: How often it was tried.
        duration_s: From the first try to the end.
    """

    request: Upload | Download
    stored: StoredObject | None = None
    error: CreativeS3Error | None = None
    proof: Proof | None = None
    fingerprint: Fingerprint | None = None
    already_there: bool = False
    conflict: StoredObject | None = None
    warning: str | None = None
    attempts: int = 1
    duration_s: float = 0.0
