"""What a look at the bucket proved goes into the catalog; so does what was replaced, unknown to any run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import owner_of
from creative_s3.core.catalog.catalog import ProvedObject
from creative_s3.core.catalog.runs import RunRecord
from creative_s3.core.migration.staleness import is_only_told
from creative_s3.core.transfers.outcomes import Proof
from creative_s3.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.migration.candidates import Candidate


def remember(candidates: Sequence[Candidate], catalog: Catalog, *, drops_metadata: bool = False) -> None:
    """Record the objects whose content was just proved to be the file's, so that the next look asks less.

    What was recorded of an object of which the server tells a checksum that it does not have is forgotten.

    Args:
        candidates: Files with their objects.
        catalog: Gets what was proved.
        drops_metadata: Whether the server keeps no metadata: whose an object is stays as it was recorded.
    """
    refuted = [candidate.key for candidate in candidates if is_only_told(candidate)]
    if refuted:
        catalog.forget_proofs(refuted)
    proved = [
        (candidate, candidate.remote)
        for candidate in candidates
        if candidate.remote is not None
        and candidate.remote.metadata is not None  # asked for just now, not vouched for by the catalog
        and candidate.crc64nvme is not None
        and candidate.crc64nvme == candidate.remote_crc64nvme
    ]
    if not proved:
        return
    now = datetime.now(UTC)
    objects = [
        ProvedObject(
            key=stored.key,
            size_bytes=stored.size_bytes,
            etag=stored.etag,
            crc64nvme=candidate.crc64nvme or "",
            version_id=stored.version_id,
            storage_class=stored.storage_class,
            owner=owner_of(stored.metadata) or (_recorded_owner(stored, catalog) if drops_metadata else None),
            proof=str(Proof.CHECKSUM if stored.crc64nvme else Proof.READ_BACK),
            proved_at=now.isoformat(timespec="seconds"),
        )
        for candidate, stored in proved
    ]
    with catalog.database.transaction():
        _record_replaced(objects, catalog, now)
        catalog.remember(
            objects=objects,
            assignments={candidate.asset.cache_key: candidate.key for candidate, _ in proved},
            origins=[
                (candidate.asset.file_path, candidate.crc64nvme)
                for candidate, _ in proved
                if candidate.crc64nvme
            ],
        )


def _recorded_owner(stored: StoredObject, catalog: Catalog) -> str | None:
    """Return whose object this was when it was stored."""
    known = catalog.object(stored.key)
    return known.owner if known is not None and known.etag == stored.etag != "" else None


def _record_replaced(objects: Sequence[ProvedObject], catalog: Catalog, now: datetime) -> None:
    """Record what has other content than was proved before, as a run: no other one may have done so.

    A run that was killed, or whose requests were cancelled, can have replaced objects of which it never knew.
    """
    replaced = [
        seen.key
        for seen in objects
        if (known := catalog.object(seen.key)) is not None and known.crc64nvme != seen.crc64nvme
    ]
    if not replaced:
        return
    number = catalog.runs.begin("migrate plan", now)
    catalog.runs.add_changes(number, [(key, True) for key in replaced])
    catalog.runs.end(
        RunRecord(
            command="migrate plan",
            bucket=catalog.bucket,
            started_at=now.isoformat(timespec="seconds"),
            duration_s=0.0,
            exit_code=ExitCode.OK,
            files=0,
            size_bytes=0,
            failed=0,
            requests={},
            number=number,
            replaced=len(replaced),
        )
    )
