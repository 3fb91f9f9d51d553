"""`CloudFront`: the requests about one distribution and its invalidations. Any thread may use it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from creative_s3.core.cdn.distributions import Distribution, distribution_of
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.connection import cloudfront_client
from creative_s3.core.s3.endpoints import is_aws
from creative_s3.errors import AccessDeniedError, SettingsError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from creative_s3.core.s3.connection import Connection

COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Sent:
    """An invalidation that CloudFront has.

    Attributes:
        id: CloudFront's name for it.
        status: ``InProgress`` or ``Completed``.
        created_at: When CloudFront took it.
        paths: What it names; empty where only the list was asked for.
        caller_reference: The name of the request; empty likewise.
    """

    id: str
    status: str
    created_at: datetime | None = None
    paths: tuple[str, ...] = ()
    caller_reference: str = ""

    @property
    def is_completed(self) -> bool:
        """Whether every edge has forgotten the paths."""
        return self.status.lower() == COMPLETED


class CloudFront:
    """CloudFront with a connection's credentials.

    Raises:
        UnsupportedError: The settings name another server than AWS, before which there is no CloudFront.
        SettingsError: The AWS configuration cannot be used.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._client = cloudfront_client(connection)
        address = self._client.meta.endpoint_url.rstrip("/")
        # An address for CloudFront alone (AWS_ENDPOINT_URL_CLOUDFRONT) is meant; the S3 server's is not.
        if not connection.is_aws and (is_aws(address) or address == str(connection.endpoint_url).rstrip("/")):
            raise UnsupportedError(
                "CloudFront is a service of AWS, and the settings name another server; nothing was sent",
                item=connection.endpoint_url,
                hint="unset S3_ENDPOINT_URL, or leave the CDN alone",
            )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def distribution(self, name: str) -> Distribution:
        """Ask for a distribution.

        Raises:
            CreativeS3Error: The request failed; needs ``cloudfront:GetDistribution``.
        """
        return distribution_of(self._ask("get_distribution", name, "GetDistribution", Id=name))

    def distributions(self) -> list[dict[str, Any]]:
        """List the account's distributions, as CloudFront describes them.

        Raises:
            CreativeS3Error: The request failed; needs ``cloudfront:ListDistributions``.
        """
        found: list[dict[str, Any]] = []
        marker: dict[str, str] = {}
        while True:
            page = self._ask("list_distributions", "distributions", "ListDistributions", **marker)
            listed = page["DistributionList"]
            found += listed.get("Items") or []
            if not listed.get("IsTruncated"):
                return found
            marker = {"Marker": listed["NextMarker"]}

    def create(self, distribution_id: str, paths: Sequence[str], reference: str) -> Sent:
        """Send an invalidation; the same reference with the same paths is carried out once.

        Raises:
            TemporaryError: Too many are in progress.
            CreativeS3Error: The request failed; needs ``cloudfront:CreateInvalidation``.
        """
        answer = self._ask(
            "create_invalidation",
            distribution_id,
            "CreateInvalidation",
            DistributionId=distribution_id,
            InvalidationBatch={
                "Paths": {"Quantity": len(paths), "Items": list(paths)},
                "CallerReference": reference,
            },
        )
        return _sent(answer["Invalidation"])

    def invalidation(self, distribution_id: str, name: str) -> Sent:
        """Ask for one invalidation, with its paths.

        Raises:
            CreativeS3Error: The request failed; needs ``cloudfront:GetInvalidation``.
        """
        answer = self._ask(
            "get_invalidation", name, "GetInvalidation", DistributionId=distribution_id, Id=name
        )
        return _sent(answer["Invalidation"])

    def invalidations(self, distribution_id: str) -> Iterator[Sent]:
        """List a distribution's invalidations, the newest first, without their paths.

        Raises:
            CreativeS3Error: The request failed; needs ``cloudfront:ListInvalidations``.
        """
        marker: dict[str, str] = {}
        while True:
            page = self._ask(
                "list_invalidations",
                distribution_id,
                "ListInvalidations",
                DistributionId=distribution_id,
                **marker,
            )
            listed = page["InvalidationList"]
            yield from map(_sent, listed.get("Items") or ())
            if not listed.get("IsTruncated"):
                return
            marker = {"Marker": listed["NextMarker"]}

    def access_control(self, name: str) -> dict[str, Any]:
        """Ask for an origin access control's settings.

        Raises:
            CreativeS3Error: The request failed; needs ``cloudfront:GetOriginAccessControl``.
        """
        answer = self._ask("get_origin_access_control", name, "GetOriginAccessControl", Id=name)
        config: dict[str, Any] = answer["OriginAccessControl"]["OriginAccessControlConfig"]
        return config

    def _ask(self, method: str, item: str, action: str, **arguments: Any) -> Any:  # noqa: ANN401 - boto3's answers
        try:
            return getattr(self._client, method)(**arguments)
        except Exception as error:
            ours = translate(error, item=item, service="CloudFront")
            if isinstance(ours, AccessDeniedError):
                ours = AccessDeniedError(
                    "CloudFront denies access",
                    item=item,
                    hint=f"allow cloudfront:{action} to these credentials",
                )
            raise ours from error


def distribution_id_of(connection: Connection) -> str:
    """Return the distribution that is set.

    Raises:
        SettingsError: None is.
    """
    name = connection.config.cloudfront_distribution_id
    if not name:
        raise SettingsError(
            "no CloudFront distribution is set",
            item="CLOUDFRONT_DISTRIBUTION_ID",
            hint="set CLOUDFRONT_DISTRIBUTION_ID in .env or the environment; `creative-s3 cdn setup` helps",
        )
    return name


def _sent(found: dict[str, Any]) -> Sent:
    batch = found.get("InvalidationBatch") or {}
    created = found.get("CreateTime")
    return Sent(
        id=found["Id"],
        status=found["Status"],
        created_at=created.astimezone(UTC) if isinstance(created, datetime) else None,
        paths=tuple((batch.get("Paths") or {}).get("Items") or ()),
        caller_reference=batch.get("CallerReference") or "",
    )
