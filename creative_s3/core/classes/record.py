"""What the catalog is told of objects whose storage class changed. Where it is missing, none is made."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.catalog.catalog import Catalog, ProvedObject
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from creative_s3.core.classes.changes import ClassChanged

_log = logging.getLogger(__name__)


def record_changes(path: Path, bucket: str, results: Iterable[ClassChanged]) -> None:
    """Write down the new version tokens of objects that were proved, as far as the catalog knows them.

    The objects are what they were: without this, the next run would only have to prove them once more.
    Therefore a catalog that cannot be written stops nothing.

    Args:
        path: The catalog's file.
        bucket: The remote side; see `core.catalog.catalog.remote_side`.
        results: What was changed.
    """
    done = {result.before.key: result for result in results if result.proof is not None}
    if not done or not path.is_file():
        return
    at = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        with Catalog(path, bucket=bucket) as catalog:
            known = ((catalog.object(key), result) for key, result in done.items())
            renewed = (with_new_proof(proved, result, at=at) for proved, result in known if proved)
            catalog.remember(objects=[proved for proved in renewed if proved])
    except CreativeS3Error as error:
        _log.debug("the new version tokens were not written: %s", error)


def with_new_proof(known: ProvedObject, result: ClassChanged, *, at: str) -> ProvedObject | None:
    """Return what the catalog shall say of an object that was moved; None when that cannot be said.

    Args:
        known: What the catalog says now.
        result: What became of the object.
        at: When, ISO 8601.
    """
    after = result.after
    if after is None or result.proof is None or known.etag != result.before.etag:
        return None
    if after.crc64nvme is not None and after.crc64nvme != known.crc64nvme:
        return None
    return replace(
        known,
        etag=after.etag,
        version_id=after.version_id,
        storage_class=after.storage_class,
        proved_at=at,
    )
