"""One invalidation of paths that the caller names, as the guide has it; `core.cdn.sending` does many."""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.cdn.cloudfront import CloudFront, distribution_id_of
from creative_s3.core.cdn.planning import caller_reference, invalidation_paths

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from creative_s3.core.s3.connection import Connection


@dataclass(frozen=True, slots=True)
class InvalidationResult:
    """An invalidation that CloudFront has accepted; it takes effect within minutes.

    Attributes:
        id: CloudFront's name for it.
        status: ``InProgress``, or ``Completed``.
        paths: What was sent, in CloudFront's spelling. Each is billed as one path, a wildcard too, after the
            account's first 1,000 in a month.
        distribution_id: The distribution.
        caller_reference: Our name for the request.
        created_at: When CloudFront took it.
    """

    id: str
    status: str
    paths: tuple[str, ...]
    distribution_id: str
    caller_reference: str
    created_at: datetime | None = None


def invalidate(
    connection: Connection, paths: Iterable[str], *, token: str | None = None
) -> InvalidationResult:
    """Ask CloudFront to forget `paths`.

    Args:
        connection: For its settings and credentials.
        paths: What viewers ask for; see `creative_s3.core.cdn.planning.invalidation_paths`.
        token: Names the request; the same token and paths again are not paid again. A new one by default.

    Raises:
        UsageError: A path cannot be invalidated.
        SettingsError: No distribution is set, or it does not exist.
        UnsupportedError: The settings name another server than AWS, before which there is no CloudFront.
        TemporaryError: Too many invalidations are in progress.
        CreativeS3Error: The request failed.
    """
    wanted = invalidation_paths(paths)
    distribution_id = distribution_id_of(connection)
    # botocore repeats a request whose answer was lost: with the same reference it is carried out once.
    reference = caller_reference(wanted, token or secrets.token_hex(16))
    with closing(CloudFront(connection)) as cloudfront:
        accepted = cloudfront.create(distribution_id, wanted, reference)
    return InvalidationResult(
        id=accepted.id,
        status=accepted.status,
        paths=wanted,
        distribution_id=distribution_id,
        caller_reference=reference,
        created_at=accepted.created_at,
    )
