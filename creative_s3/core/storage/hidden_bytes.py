"""What a bucket stores and a plain listing does not show: older versions, and parts of unfinished uploads."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from creative_s3.core.bucket.uploads import unfinished
from creative_s3.core.costs.costs import SizeTotals
from creative_s3.core.costs.pricing import SMALL_OBJECT_BYTES
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.objects import ARCHIVE_CLASSES
from creative_s3.errors import (
    AccessDeniedError,
    CreativeS3Error,
    TemporaryError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from creative_s3.core.s3.object_store import ObjectStore

_NOTHING: Mapping[str, SizeTotals] = MappingProxyType({})
_SKIPPED = (AccessDeniedError, UnsupportedError)


@dataclass(frozen=True, slots=True)
class HiddenBytes:
    """What is stored besides the objects that a listing shows.

    Attributes:
        versions: Noncurrent versions by storage class.
        uploads: Unfinished uploads by the class that bills their parts; an object is one upload.
        problems: What could not be read, each a sentence.
    """

    versions: Mapping[str, SizeTotals] = field(default_factory=lambda: _NOTHING)
    uploads: Mapping[str, SizeTotals] = field(default_factory=lambda: _NOTHING)
    problems: tuple[str, ...] = ()


def hidden_bytes(store: ObjectStore, prefix: str) -> HiddenBytes:
    """Read noncurrent versions and unfinished uploads below a prefix, as far as that is allowed.

    Sends GetBucketVersioning, ListMultipartUploads, a ListParts for each unfinished upload, and where the
    bucket keeps or kept versions one ListObjectVersions for each 1,000.

    Raises:
        TemporaryError: A listing repeats itself, so that it would never end.
        CreativeS3Error: A request failed, for another reason than that it is not allowed or not supported.
    """
    problems: list[str] = []
    versions: Mapping[str, SizeTotals] = _NOTHING
    uploads: Mapping[str, SizeTotals] = _NOTHING
    try:
        if _ask(store, "get_bucket_versioning", "GetBucketVersioning").get("Status"):
            versions = _sums(_old_versions(store, prefix))
    except _SKIPPED as error:
        problems.append(f"older versions are not counted: {error.message}")
    try:
        uploads = _sums(_unfinished(store, prefix))
    except _SKIPPED as error:
        problems.append(f"unfinished uploads are not counted: {error.message}")
    return HiddenBytes(versions, uploads, tuple(problems))


def _old_versions(store: ObjectStore, prefix: str) -> Iterator[tuple[str, int]]:
    pages = _pages(
        store,
        "list_object_versions",
        "ListObjectVersions",
        prefix,
        {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"},
    )
    for page in pages:
        for version in page.get("Versions", ()):
            if not version["IsLatest"] and version["Key"].startswith(prefix):
                yield version.get("StorageClass") or "STANDARD", int(version["Size"])


def _unfinished(store: ObjectStore, prefix: str) -> Iterator[tuple[str, int]]:
    for upload in unfinished(store.connection, prefix):
        # Parts for an archive class lie in STANDARD until the upload is complete (AWS: "Uploading and copying
        # objects using multipart upload").
        is_staged = upload.storage_class in ARCHIVE_CLASSES
        yield "STANDARD" if is_staged else upload.storage_class, upload.size_bytes or 0


def _pages(
    store: ObjectStore, method: str, operation: str, prefix: str, markers: Mapping[str, str]
) -> Iterator[Mapping[str, Any]]:
    given: dict[str, Any] = {}
    while True:
        page = _ask(store, method, operation, Prefix=prefix, **given)
        yield page
        if not page.get("IsTruncated"):
            return
        following = {name: page[source] for name, source in markers.items() if page.get(source)}
        if not following or following == given:
            raise TemporaryError(
                "the server's listing ends before it is complete",
                item=f"s3://{store.bucket}/{prefix}",
                hint="run the same command again",
            )
        given = following


def _ask(store: ObjectStore, method: str, operation: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 - boto3's
    store.count({operation: 1})
    try:
        answer: Mapping[str, Any] = getattr(store.connection.client, method)(Bucket=store.bucket, **arguments)
    except Exception as error:
        ours: CreativeS3Error = translate(
            error, item=store.bucket, endpoint_url=store.connection.endpoint_url
        )
        raise ours from error
    return answer


def _sums(found: Iterator[tuple[str, int]]) -> Mapping[str, SizeTotals]:
    rows: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for storage_class, size_bytes in found:
        row = rows[storage_class]
        row[0] += 1
        row[1] += size_bytes
        if size_bytes >= SMALL_OBJECT_BYTES:
            row[2] += 1
            row[3] += size_bytes
    return {name: SizeTotals(*row) for name, row in sorted(rows.items())}
