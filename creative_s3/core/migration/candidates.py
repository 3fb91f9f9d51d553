"""What is known of an asset before anything is decided about it. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from creative_s3.core.assets.models import Asset, StoredObject
    from creative_s3.core.files.workspace import LocalFile


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of one asset when the plan is made.

    Attributes:
        asset: The asset.
        key: The key it has.
        local: Its file.
        crc64nvme: Of the file's content, base64; None when nothing under the key made it necessary to know.
        remote: The object under the key; None when there is none.
        remote_crc64nvme: Of that object's content; None when S3 has no such checksum.
        is_as_proved: Whether the object is the very one that this machine proved.
        proved_crc64nvme: What this machine last proved to be under the key, perhaps in an older object.
        origin_crc64nvme: What the file was when it was last sent from here or brought here; None when that is
            not known.
        is_cold: Whether the file is not here because the asset is in S3 only, as recorded.
        is_lost: Whether it is recorded as in S3 only, and the object is gone.
        cold_bytes: The recorded size of a cold asset.
    """

    asset: Asset
    key: str
    local: LocalFile
    crc64nvme: str | None = None
    remote: StoredObject | None = None
    remote_crc64nvme: str | None = None
    is_as_proved: bool = False
    proved_crc64nvme: str | None = None
    origin_crc64nvme: str | None = None
    is_cold: bool = False
    is_lost: bool = False
    cold_bytes: int = 0
