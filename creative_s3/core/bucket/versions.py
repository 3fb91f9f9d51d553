"""The versions of one object, and bringing one of them back: undelete, or roll back.

Nothing is removed but a delete marker. An older version comes back as a new one on top, so that what was
there last can come back, too. Amazon S3 User Guide, "Working with delete markers" and "Restoring previous
versions".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.core.events import Emit, Finished, PhaseStarted, Progressed, Queued, TotalsKnown, ignore
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.copies import COPY_LIMIT_BYTES, COPY_PART_BYTES, CopySource, copy_in_parts
from creative_s3.core.s3.endpoints import may_send
from creative_s3.core.s3.objects import bare_etag, from_answer
from creative_s3.core.shell_words import quoted
from creative_s3.errors import (
    ChecksumMismatchError,
    ObjectNotFoundError,
    PreconditionFailedError,
    RefusedError,
    TemporaryError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from creative_s3.core.s3.connection import Connection

_NO_VERSION = "null"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or a delete marker among them.

    Attributes:
        version_id: S3's name for it; ``null`` for what was written before versioning was on.
        is_latest: Whether it is what a reader gets.
        is_delete_marker: Whether it says that the object is deleted.
        last_modified: When it was written.
        size_bytes: Its length; 0 for a delete marker.
        etag: S3's token of its content, without quotes; empty for a delete marker.
        storage_class: Where it lies.
    """

    version_id: str
    is_latest: bool
    is_delete_marker: bool
    last_modified: datetime | None
    size_bytes: int = 0
    etag: str = ""
    storage_class: str = ""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a version would come back.

    Attributes:
        key: The object.
        target: The version that would be read from then on.
        markers: Delete markers that would be removed, the newest first.
        copies: Whether the target is copied on top; else removing the markers is enough.
        current: What is on top now.
    """

    key: str
    target: Version
    markers: tuple[Version, ...]
    copies: bool
    current: Version

    @property
    def is_needed(self) -> bool:
        """Whether anything has to be done."""
        return self.copies or bool(self.markers)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery did.

    Attributes:
        key: The object.
        version_id: The version that is read from now on.
        size_bytes: Its length.
        proof: What shows that it is the one that was wanted: ``checksum``, ``etag`` or ``size``.
    """

    key: str
    version_id: str
    size_bytes: int
    proof: str


def versions_of(connection: Connection, key: str) -> tuple[Version, ...]:
    """List the versions of exactly one key, the newest first.

    Raises:
        TemporaryError: The listing does not go on.
        CreativeS3Error: A request failed; needs ``s3:ListBucketVersions``.
    """
    found: list[Version] = []
    marks: dict[str, str] = {}
    while True:
        try:
            page = connection.client.list_object_versions(Bucket=connection.bucket, Prefix=key, **marks)
        except Exception as error:
            raise translate(error, item=connection.bucket, endpoint_url=connection.endpoint_url) from error
        for kind, is_marker in (("Versions", False), ("DeleteMarkers", True)):
            ours = [one for one in page.get(kind, ()) if one["Key"] == key]
            found += [_version(one, is_delete_marker=is_marker) for one in ours]
        following = {
            "KeyMarker": page.get("NextKeyMarker") or "",
            "VersionIdMarker": page.get("NextVersionIdMarker") or "",
        }
        # Keys are listed in order: once the next page begins behind this one, there are no more of it.
        if not page.get("IsTruncated") or following["KeyMarker"].encode() > key.encode():
            break
        if following == marks or not following["KeyMarker"]:
            raise TemporaryError(
                "the server's listing of versions does not go on", item=key, hint="run the same command again"
            )
        marks = {name: value for name, value in following.items() if value}
    return _in_order(found)


def _in_order(found: list[Version]) -> tuple[Version, ...]:
    """Put the newest first: S3 lists versions and markers apart, and says only which one is the latest."""
    dated = sorted(
        found,
        key=lambda one: (one.is_latest, one.last_modified.timestamp() if one.last_modified else 0.0),
        reverse=True,
    )
    return tuple(dated)


def plan_recovery(connection: Connection, key: str, version_id: str | None = None) -> Recovery:
    """Say how a version would come back. Changes nothing.

    Args:
        connection: Of the bucket.
        key: The object.
        version_id: The version; without it, the newest one of a deleted object.

    Raises:
        ObjectNotFoundError: There is no such object, or no such version.
        UsageError: The object is not deleted, and no version was named; or the version is a delete marker.
        CreativeS3Error: A request failed.
    """
    found = versions_of(connection, key)
    if not found:
        raise ObjectNotFoundError(
            "the bucket has no version of this object", item=key, hint="creative-s3 assets list"
        )
    removes = may_send(connection.provider, "object", "DELETE", frozenset({"versionId"}))
    return plan_from(key, found, version_id, removes_markers=removes)


def plan_from(
    key: str, found: tuple[Version, ...], version_id: str | None, *, removes_markers: bool = True
) -> Recovery:
    """Decide how a version of `found`, the newest first, would come back. Pure.

    Raises:
        ObjectNotFoundError: There is no such version.
        UsageError: The object is not deleted, and no version was named; or the version is a delete marker.
    """
    on_top: list[Version] = []
    for one in found:
        if not one.is_delete_marker:
            break
        on_top.append(one)
    below = found[len(on_top)] if len(on_top) < len(found) else None
    if version_id is None:
        if below is None:
            raise ObjectNotFoundError(
                "only delete markers are left of this object", item=key, hint=_look(key)
            )
        if not on_top:
            raise UsageError(
                "the object is not deleted, so that the version to go back to has to be named",
                item=key,
                hint=f"{_look(key)}  # then repeat with --version ID",
            )
        target = below
    else:
        named = [one for one in found if one.version_id == version_id]
        if not named:
            raise ObjectNotFoundError(f"there is no version {version_id}", item=key, hint=_look(key))
        target = named[0]
        if target.is_delete_marker:
            raise UsageError("this version is a delete marker: it has no content", item=key, hint=_look(key))
    if target is below and (removes_markers or not on_top):
        return Recovery(key, target, tuple(on_top), copies=False, current=found[0])
    return Recovery(key, target, (), copies=True, current=found[0])


def recover(
    connection: Connection,
    plan: Recovery,
    *,
    copy_limit_bytes: int = COPY_LIMIT_BYTES,
    part_bytes: int = COPY_PART_BYTES,
    emit: Emit = ignore,
) -> Recovered:
    """Carry out a recovery, and prove that the object is what the version was.

    Args:
        connection: Of the bucket.
        plan: From `plan_recovery`.
        copy_limit_bytes: A larger version is copied in parts.
        part_bytes: The size of those parts, at least 5 MiB.
        emit: Takes events.

    Raises:
        PreconditionFailedError: Somebody has written or deleted the object meanwhile; nothing was done.
        RefusedError: Versioning is not on, so that the copy would replace the last content for good.
        ChecksumMismatchError: The object is not what the version was.
        CreativeS3Error: A request failed.
    """
    now = versions_of(connection, plan.key)
    if not now or now[0].version_id != plan.current.version_id:
        raise PreconditionFailedError(
            "somebody has written or deleted the object meanwhile; nothing was done",
            item=plan.key,
            hint=_look(plan.key),
        )
    wanted = _head(connection, plan.key, VersionId=plan.target.version_id)
    for marker in plan.markers:
        _remove_marker(connection, plan.key, marker)
    if plan.copies:
        if not plan.current.is_delete_marker and not _keeps_versions(connection):
            raise RefusedError(
                "the bucket's versioning is not on: the copy would replace the present content for good",
                item=plan.key,
                hint="creative-s3 bucket apply --only versioning",
            )
        emit(PhaseStarted("copying"))
        emit(TotalsKnown(1, plan.target.size_bytes))
        emit(Queued(plan.key, plan.target.size_bytes))
        copier = _Copier(connection, plan)
        if plan.target.size_bytes <= copy_limit_bytes:
            copier.copy()
        else:
            copier.copy_in_parts(wanted, part_bytes, lambda moved: emit(Progressed(plan.key, moved)))
        emit(Finished(plan.key, plan.target.size_bytes))
    found = _head(connection, plan.key)
    return Recovered(
        key=plan.key,
        version_id=str(found.get("VersionId") or _NO_VERSION),
        size_bytes=int(found["ContentLength"]),
        proof=_proof(plan.key, wanted, found),
    )


class _Copier:
    """Copies the version that is to come back on top."""

    def __init__(self, connection: Connection, plan: Recovery) -> None:
        self._connection = connection
        self._plan = plan
        self._source = {
            "Bucket": connection.bucket,
            "Key": plan.key,
            "VersionId": plan.target.version_id,
        }
        self._settings: dict[str, Any] = {"StorageClass": plan.target.storage_class or "STANDARD"}
        if connection.config.kms_key_id:
            self._settings |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": connection.config.kms_key_id}

    def copy(self) -> None:
        """Copy it in one request."""
        self._send("copy_object", "CopyObject", CopySource=self._source, **self._settings)

    def copy_in_parts(self, answer: dict[str, Any], part_bytes: int, moved: Callable[[int], object]) -> None:
        """Copy it in parts, unless somebody writes the object meanwhile."""
        current, target = self._plan.current, self._plan.target
        # Locks are the old version's own: it keeps them, and their time may be over.
        kept = {name: value for name, value in answer.items() if not name.startswith("ObjectLock")}
        told = self._send("get_object_tagging", "GetObjectTagging", VersionId=target.version_id).get(
            "TagSet", ()
        )
        copy_in_parts(
            self._send,
            CopySource(self._source, target.etag, target.size_bytes, answer.get("ChecksumCRC64NVME")),
            kept,
            tags={tag["Key"]: tag["Value"] for tag in told},
            settings=self._settings,
            conditions={"IfNoneMatch": "*"} if current.is_delete_marker else {"IfMatch": f'"{current.etag}"'},
            part_bytes=part_bytes,
            moved=moved,
        )

    def _send(self, method: str, _operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - boto3's
        connection, key = self._connection, self._plan.key
        try:
            return getattr(connection.client, method)(Bucket=connection.bucket, Key=key, **arguments)
        except Exception as error:
            raise translate(error, item=key, endpoint_url=connection.endpoint_url) from error


def _remove_marker(connection: Connection, key: str, marker: Version) -> None:
    try:
        connection.client.delete_object(Bucket=connection.bucket, Key=key, VersionId=marker.version_id)
    except Exception as error:
        raise translate(error, item=key, endpoint_url=connection.endpoint_url) from error


def _keeps_versions(connection: Connection) -> bool:
    try:
        answer = connection.client.get_bucket_versioning(Bucket=connection.bucket)
    except Exception as error:
        raise translate(error, item=connection.bucket, endpoint_url=connection.endpoint_url) from error
    return bool(answer.get("Status") == "Enabled")


def _head(connection: Connection, key: str, **which: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = connection.client.head_object(
            Bucket=connection.bucket, Key=key, ChecksumMode="ENABLED", **which
        )
    except Exception as error:
        raise translate(error, item=key, endpoint_url=connection.endpoint_url) from error
    return answer | {"ContentLength": from_answer(key, answer).size_bytes}


def _proof(key: str, wanted: dict[str, Any], found: dict[str, Any]) -> str:
    """Say what shows that two answers are of the same content.

    Raises:
        ChecksumMismatchError: They are not.
    """
    pairs = {
        "checksum": (wanted.get("ChecksumCRC64NVME"), found.get("ChecksumCRC64NVME")),
        "etag": (bare_etag(wanted.get("ETag")), bare_etag(found.get("ETag"))),
        "size": (wanted["ContentLength"], found["ContentLength"]),
    }
    if pairs["size"][0] != pairs["size"][1]:
        raise _mismatch(key)
    for name in ("checksum", "etag"):
        one, other = pairs[name]
        # The ETag of a multipart upload changes with a copy (AWS: "Checking object integrity").
        if one and other and (name == "checksum" or "-" not in one):
            if one == other:
                return name
            if name == "checksum":
                raise _mismatch(key)
    return "size"


def _mismatch(key: str) -> ChecksumMismatchError:
    return ChecksumMismatchError("the object is not what the version was", item=key, hint=_look(key))


def _version(entry: dict[str, Any], *, is_delete_marker: bool) -> Version:
    return Version(
        version_id=str(entry.get("VersionId") or _NO_VERSION),
        is_latest=bool(entry.get("IsLatest")),
        is_delete_marker=is_delete_marker,
        last_modified=entry.get("LastModified"),
        size_bytes=int(entry.get("Size") or 0),
        etag=bare_etag(entry.get("ETag")) or "",
        storage_class=entry.get("StorageClass") or "STANDARD",
    )


def _look(key: str) -> str:
    return f"creative-s3 bucket versions {quoted(key)}"
