"""What `S3StorageManager` tells of many objects: the dictionaries of a listing and of a bucket's size."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the fields of a TypedDict are read when it runs
from typing import TypedDict

MB = 1 << 20
GB = 1 << 30
"""Bytes in the GB of the S3 bill."""


class ListedObject(TypedDict):
    """One object of a listing: full key, bytes, time of storing (also as ISO 8601), version token, class."""

    s3_key: str
    size_bytes: int
    last_modified: datetime | None
    last_modified_iso: str | None
    etag: str
    storage_class: str


class Amount(TypedDict):
    """A number of objects and their bytes."""

    objects: int
    size_bytes: int


class BucketSize(TypedDict):
    """How much there is: MB are 2^20 bytes and GB 2^30, as on the S3 bill."""

    total_objects: int
    total_size_bytes: int
    total_size_mb: float
    total_size_gb: float
    by_storage_class: dict[str, Amount]
