"""What registering an asset takes and gives: values of the pipeline's library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from creative_s3.core.transfers.file_results import UploadResult

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.core.storage.additions import Added


@dataclass(frozen=True, slots=True)
class Registration:
    """An asset that is in the catalog now.

    Attributes:
        cache_key: Its identity.
        path: Its file, absolute.
        upload: What became of the upload; None when none was tried.
    """

    cache_key: str
    path: Path
    upload: UploadResult | None = None


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to register: where it goes in index.json, and its fields."""

    section: str
    name: str
    value: dict[str, Any]


def renewed(old: AssetRecord | None, new: AssetRecord) -> AssetRecord:
    """Return a row registered anew, with what the one that is there says of itself."""
    if old is None:
        return new
    if new.slug_is_derived and not old.slug_is_derived and old.asset.product_slug:
        # The entry says its slug itself, and goes on saying it.
        asset = replace(new.asset, product_slug=old.asset.product_slug)
        return replace(new, id=old.id, asset=asset, slug_is_derived=False)
    return replace(new, id=old.id)


def local_now() -> str:
    """Return the time as the pipeline writes it: local, without a zone."""
    return datetime.now().isoformat()  # noqa: DTZ005 - the pipeline's own form


def result_of(added: Added) -> UploadResult:
    """Return what became of a file that was added as an asset."""
    operation, outcome = added.addition.operation, added.outcome
    stored = outcome.stored if outcome else None
    return UploadResult(
        success=True,
        s3_key=operation.key,
        local_path=operation.path,
        size_bytes=operation.size_bytes,
        duration_seconds=outcome.duration_s if outcome else 0.0,
        etag=stored.etag if stored else None,
        version_id=stored.version_id if stored else None,
        crc64nvme=operation.crc64nvme,
        proof=outcome.proof if outcome else None,
        already_there=not added.sent,
    )
