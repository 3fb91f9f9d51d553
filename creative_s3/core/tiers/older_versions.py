"""The very version that a file was demoted with, where the bucket keeps versions and another one is current.

`tiers undo` needs it after somebody has overwritten or deleted the object. The transfer engines know current
versions only, and such files are few: this fetches one at a time.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from creative_s3.core.faults.translation import translate
from creative_s3.core.files import local_files
from creative_s3.core.files.checksums import Crc64
from creative_s3.core.files.folders import OpenFolder
from creative_s3.core.s3 import objects
from creative_s3.core.transfers.outcomes import Download, Outcome, Proof
from creative_s3.errors import AccessDeniedError, ChecksumMismatchError, CreativeS3Error, WouldOverwriteError

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.s3.object_store import ObjectStore
    from creative_s3.core.tiers.movements import Movement


def find_version(store: ObjectStore, known: Movement) -> StoredObject | None:
    """Return the version that a file was proved to be when it went; None when it is gone, or may not be read.

    Raises:
        CreativeS3Error: The request failed.
    """
    if known.version_id is None:
        return None
    store.count({"HeadObject": 1})
    try:
        stored = objects.head(store.connection, known.key, version_id=known.version_id)
    except AccessDeniedError:
        return None  # it takes s3:GetObjectVersion, which nothing else here needs
    if stored is None or objects.is_archived(stored) or stored.size_bytes != known.size_bytes:
        return None
    return stored if stored.crc64nvme in {None, known.crc64nvme} else None


def fetch_version(store: ObjectStore, request: Download, *, known: Movement) -> Outcome:
    """Fetch a version into its place; it gets the name when it has the content that went. Over nothing.

    Args:
        store: The bucket.
        request: Where to; `stored` is what `find_version` returned.
        known: What went.
    """
    stored, path = request.stored, request.path
    assert stored is not None  # noqa: S101 - the caller has found it
    store.count({"GetObject": 1})
    try:
        with OpenFolder(path.parent, request.below) as folder:
            partial = local_files.partial_path(folder.at(path.name))
            try:
                if _write(store, stored, partial) != known.crc64nvme:
                    raise ChecksumMismatchError(
                        "what arrived is not what was demoted",
                        item=stored.key,
                        hint="run the same command again",
                    )
                local_files.sync(partial)
                if request.check is not None:
                    request.check(partial)
                local_files.dress(partial, mode=known.mode, mtime_ns=known.mtime_ns)
                before = local_files.fingerprint(partial)
                if not local_files.name_new(partial, folder.at(path.name)):
                    raise WouldOverwriteError(
                        "a file is in its place by now", item=str(path), hint=f"ls -l {path}"
                    )
                folder.sync()
            finally:
                partial.unlink(missing_ok=True)
    except CreativeS3Error as error:
        return Outcome(request, stored=stored, error=error)
    except OSError as error:
        return Outcome(request, stored=stored, error=translate(error, item=str(path)))
    return Outcome(
        request, stored=stored, proof=Proof.CHECKSUM, fingerprint=local_files.renamed(before, path)
    )


def _write(store: ObjectStore, stored: StoredObject, partial: Path) -> str:
    """Write a version's content into a new file; return its CRC64NVME."""
    crc = Crc64()
    connection = store.connection
    try:
        answer = connection.client.get_object(
            Bucket=store.bucket, Key=stored.key, VersionId=str(stored.version_id), ChecksumMode="ENABLED"
        )
        with closing(answer["Body"]) as body, partial.open("xb") as file:
            for chunk in objects.content_of(body, stored.size_bytes, key=stored.key):
                crc.update(chunk)
                file.write(chunk)
    except Exception as error:
        raise translate(error, item=stored.key, endpoint_url=connection.endpoint_url) from error
    return crc.base64
