"""Fills a population from a bucket: its objects and, where these may be seen, old versions and uploads.

Only reads. What the catalog knows of the objects is in `known_use`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from creative_s3.core.bucket.uploads import is_none
from creative_s3.core.faults.translation import translate
from creative_s3.core.lifecycle.bucket_rules import is_versioned
from creative_s3.core.lifecycle.midnights import midnight_from
from creative_s3.core.lifecycle.population import Population, State
from creative_s3.errors import AccessDeniedError, TemporaryError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from creative_s3.core.lifecycle.known_use import KnownUse
    from creative_s3.core.s3.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class Holdings:
    """What was seen of a bucket.

    Attributes:
        population: The objects in groups.
        is_versioned: Whether the bucket keeps versions; None when that may not be known.
        counted: What was listed.
        left_out: What could not be, in plain sentences.
    """

    population: Population
    is_versioned: bool | None
    counted: frozenset[State]
    left_out: tuple[str, ...] = ()


def take(
    store: ObjectStore,
    population: Population,
    *,
    prefixes: Iterable[str],
    use: KnownUse,
    classes: Collection[str] | None = None,
) -> Holdings:
    """List what is under some prefixes into a population, each key once.

    Args:
        store: The bucket.
        population: Takes in what is there.
        prefixes: What keys begin with; one inside another is listed once.
        use: What the catalog knows of the objects.
        classes: Storage classes that can be priced; objects in others are left out. None takes all.

    Raises:
        CreativeS3Error: The objects cannot be listed.
    """
    covering = covering_prefixes(prefixes)
    keeps = is_versioned(store)
    counted, left_out = {State.CURRENT}, []
    strange = 0
    for prefix in covering:
        for stored in store.objects(prefix):
            if stored.last_modified is None or (classes is not None and stored.storage_class not in classes):
                strange += 1
                continue
            population.add(
                stored.key,
                stored.size_bytes,
                storage_class=stored.storage_class,
                stored_day=midnight_from(stored.last_modified),
                reads_per_year=use.reads_of(stored.key),
                is_only_copy=stored.key in use.only_copies,
            )
    if strange:
        left_out.append(f"{strange:,} objects without a time or in a class without prices are left out")
    if keeps is not False:
        try:
            for prefix in covering:
                _take_versions(store, population, prefix, classes)
            counted.add(State.NONCURRENT)
        except (AccessDeniedError, UnsupportedError) as error:
            left_out.append(f"old versions are left out: {error.message}")
    else:
        counted.add(State.NONCURRENT)  # there are none
    if problem := _uploads_problem(store, population, covering, classes):
        left_out.append(f"unfinished uploads are left out: {problem}")
    else:
        counted.add(State.UPLOAD)
    return Holdings(population, keeps, frozenset(counted), tuple(left_out))


def covering_prefixes(prefixes: Iterable[str]) -> tuple[str, ...]:
    """Return the prefixes that lie in no other one."""
    covering: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not covering or not prefix.startswith(covering[-1]):
            covering.append(prefix)
    return tuple(covering)


def _take_versions(
    store: ObjectStore, population: Population, prefix: str, classes: Collection[str] | None
) -> None:
    """Take in noncurrent versions: S3 lists a key's versions one after another, the newest first."""
    key, replaced_at, newer = None, None, 0
    for entry in _versions(store, prefix):
        if entry["Key"] != key:
            key, newer = entry["Key"], 0
        elif "Size" in entry and replaced_at is not None:
            storage_class = entry.get("StorageClass") or "STANDARD"
            if classes is None or storage_class in classes:
                population.add(
                    entry["Key"],
                    int(entry["Size"]),
                    storage_class=storage_class,
                    stored_day=midnight_from(entry["LastModified"]),
                    state=State.NONCURRENT,
                    since_day=midnight_from(replaced_at),
                    newer_versions=newer,
                )
            newer += 1
        replaced_at = entry["LastModified"]


def _versions(store: ObjectStore, prefix: str) -> Iterator[Mapping[str, Any]]:
    """Yield versions and delete markers in the order of their keys, a key's newest first."""
    marks: dict[str, str] = {}
    while True:
        page = _request(store, "list_object_versions", "ListObjectVersions", Prefix=prefix, **marks)
        listed = (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        entries = [entry for entry in listed if entry["Key"].startswith(prefix)]
        # A current version stands first whatever its time: two of one second have no other order.
        entries.sort(key=lambda entry: entry["LastModified"], reverse=True)
        entries.sort(key=lambda entry: (entry["Key"].encode(), not entry.get("IsLatest")))
        yield from entries
        following = {
            name: page[f"Next{name}"] for name in ("KeyMarker", "VersionIdMarker") if page.get(f"Next{name}")
        }
        if not page.get("IsTruncated") or not following or following == marks:
            return
        marks = following


def _uploads_problem(
    store: ObjectStore, population: Population, prefixes: Iterable[str], classes: Collection[str] | None
) -> str | None:
    """Take in unfinished uploads, or say why they cannot be listed."""
    try:
        for prefix in prefixes:
            _take_uploads(store, population, prefix, classes)
    except (AccessDeniedError, UnsupportedError) as error:
        return error.message
    except TemporaryError as error:
        if not is_none(error.__cause__):
            raise
    return None


def _take_uploads(
    store: ObjectStore, population: Population, prefix: str, classes: Collection[str] | None
) -> None:
    marks: dict[str, str] = {}
    while True:
        page = _request(store, "list_multipart_uploads", "ListMultipartUploads", Prefix=prefix, **marks)
        for upload in page.get("Uploads", ()):
            storage_class = upload.get("StorageClass") or "STANDARD"
            if not upload["Key"].startswith(prefix) or (classes is not None and storage_class not in classes):
                continue
            population.add(
                upload["Key"],
                _uploaded_bytes(store, upload["Key"], upload["UploadId"]),
                storage_class=storage_class,
                stored_day=midnight_from(upload.get("Initiated") or datetime.now(UTC)),
                state=State.UPLOAD,
            )
        following = {
            name: page[f"Next{name}"] for name in ("KeyMarker", "UploadIdMarker") if page.get(f"Next{name}")
        }
        if not page.get("IsTruncated") or not following or following == marks:
            return
        marks = following


def _uploaded_bytes(store: ObjectStore, key: str, upload_id: str) -> int:
    size_bytes, mark = 0, 0
    while True:
        page = _request(store, "list_parts", "ListParts", Key=key, UploadId=upload_id, PartNumberMarker=mark)
        size_bytes += sum(int(part["Size"]) for part in page.get("Parts", ()))
        following = int(page.get("NextPartNumberMarker") or 0)
        if not page.get("IsTruncated") or following <= mark:
            return size_bytes
        mark = following


def _request(store: ObjectStore, method: str, operation: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - boto3's
    connection = store.connection
    store.count({operation: 1})
    try:
        answer: dict[str, Any] = getattr(connection.client, method)(Bucket=store.bucket, **arguments)
    except Exception as error:
        raise translate(error, item=store.bucket, endpoint_url=connection.endpoint_url) from error
    return answer


def cache_types(store: ObjectStore, prefix: str) -> tuple[str, ...]:
    """Return the folders under ``cache``, one for each type of cache entry.

    Raises:
        CreativeS3Error: The bucket cannot be listed.
    """
    inside = f"{prefix}/cache/" if prefix else "cache/"
    marks: dict[str, str] = {}
    found: list[str] = []
    while True:
        page = _request(store, "list_objects_v2", "ListObjectsV2", Prefix=inside, Delimiter="/", **marks)
        found += [
            entry["Prefix"].removeprefix(inside).rstrip("/") for entry in page.get("CommonPrefixes", ())
        ]
        token = page.get("NextContinuationToken")
        if not page.get("IsTruncated") or not token or marks.get("ContinuationToken") == token:
            return tuple(found)
        marks = {"ContinuationToken": token}
