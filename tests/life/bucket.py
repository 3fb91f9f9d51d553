"""What a bucket holds, as plain boto3 tells it: every object and every version, with owner and content."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

METADATA = "/metadata/"


class Held(NamedTuple):
    """One version of an object.

    Attributes:
        key: Its key.
        owner: The asset that its metadata names.
        content: Its bytes.
        is_current: Whether it is what a GET of the key gives.
    """

    key: str
    owner: str
    content: bytes
    is_current: bool


class Bucket:
    """A bucket; each version is read once."""

    def __init__(self, s3: S3Client, name: str) -> None:
        self._s3 = s3
        self._name = name
        self._known: dict[tuple[str, str, str, str], tuple[str, bytes]] = {}

    def held(self) -> list[Held]:
        """Return everything but what the program keeps there of its own."""
        found = []
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=self._name):
            for one in page.get("Versions", ()):
                if METADATA in one["Key"]:
                    continue
                place = (one["Key"], one["VersionId"], one["ETag"], one["LastModified"].isoformat())
                if place not in self._known:
                    self._known[place] = self._read(one["Key"], one["VersionId"])
                found.append(Held(one["Key"], *self._known[place], one["IsLatest"]))
        return found

    def _read(self, key: str, version: str) -> tuple[str, bytes]:
        which = {"VersionId": version} if version not in {"", "null"} else {}
        answer = self._s3.get_object(Bucket=self._name, Key=key, **which)  # type: ignore[arg-type]
        return unquote(answer["Metadata"].get("cache-key", "")), answer["Body"].read()
