"""Invalidations: telling CloudFront to fetch anew what it has cached; ``core.cdn.planning`` plans them."""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.aws import cloudfront_client, translate
from creative_s3.core.cdn.planning import caller_reference, invalidation_paths
from creative_s3.errors import AccessDeniedError, SettingsError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from creative_s3.core.aws import Connection


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
    distribution_id = connection.config.cloudfront_distribution_id
    if not distribution_id:
        raise SettingsError(
            "no CloudFront distribution is set",
            item="CLOUDFRONT_DISTRIBUTION_ID",
            hint="set CLOUDFRONT_DISTRIBUTION_ID in .env or the environment",
        )
    if not connection.is_aws:
        raise UnsupportedError(
            "CloudFront is a service of AWS, and the settings name another server; nothing was sent",
            item=connection.endpoint_url,
            hint="unset S3_ENDPOINT_URL, or leave the CDN alone",
        )
    # botocore repeats a request whose answer was lost: with the same reference it is carried out once.
    reference = caller_reference(wanted, token or secrets.token_hex(16))
    try:
        with closing(cloudfront_client(connection)) as client:
            answer = client.create_invalidation(
                DistributionId=distribution_id,
                InvalidationBatch={
                    "Paths": {"Quantity": len(wanted), "Items": list(wanted)},
                    "CallerReference": reference,
                },
            )
    except Exception as error:
        ours = translate(error, item=distribution_id, service="CloudFront")
        if isinstance(ours, AccessDeniedError):
            ours = AccessDeniedError(
                "CloudFront denies access",
                item=distribution_id,
                hint="allow cloudfront:CreateInvalidation on this distribution",
            )
        raise ours from error
    accepted = answer["Invalidation"]
    return InvalidationResult(
        id=accepted["Id"],
        status=accepted["Status"],
        paths=wanted,
        distribution_id=distribution_id,
        caller_reference=reference,
        created_at=accepted.get("CreateTime"),
    )
