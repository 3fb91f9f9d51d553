"""What became of one file on its way to S3 or back: values that the library returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.files.local_files import Fingerprint
    from creative_s3.core.transfers.outcomes import Proof
    from creative_s3.errors import CreativeS3Error


@dataclass(frozen=True, slots=True)
class TransferResult:
    """What became of one file; true exactly when it succeeded.

    Attributes:
        success: Whether file and object have the same content, proved.
        s3_key: The full key.
        local_path: The file.
        size_bytes: The size of the content; 0 when it is not known.
        duration_seconds: From the first try to the proof.
        exception: Why it failed, as an error with a ``hint`` what to do; None after success.
        etag: The object's version token, without quotes.
        version_id: In a versioned bucket.
        crc64nvme: Of the content, base64; None when S3 holds none.
        proof: How the content was proved.
        already_there: The content was there before, so that nothing was sent or fetched.
        fingerprint: Of a file that was fetched, its state as it got its name; None where it changed then.
    """

    success: bool
    s3_key: str
    local_path: Path
    size_bytes: int = 0
    duration_seconds: float = 0.0
    exception: CreativeS3Error | None = None
    etag: str | None = None
    version_id: str | None = None
    crc64nvme: str | None = None
    proof: Proof | None = None
    already_there: bool = False
    fingerprint: Fingerprint | None = None

    def __bool__(self) -> bool:
        return self.success

    @property
    def error(self) -> str | None:
        """Why it failed, as text; None after success."""
        return None if self.exception is None else self.exception.message


class UploadResult(TransferResult):
    """What became of one upload. An object that was already there keeps its metadata and tags."""

    __slots__ = ()


class DownloadResult(TransferResult):
    """What became of one download.

    With ``Proof.UNVERIFIABLE`` the file is in its place, but S3 holds no checksum that could prove it: that
    is no success.
    """

    __slots__ = ()
