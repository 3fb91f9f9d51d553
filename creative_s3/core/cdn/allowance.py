"""The free paths of a month: how many the account has used, over all its distributions.

CloudFront lists invalidations without their paths, so each one is asked for once; the catalog remembers how
many it had, which never changes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.costs.price_store import current_book
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from creative_s3.core.catalog.announcements import Announcements
    from creative_s3.core.cdn.cloudfront import CloudFront, Sent
    from creative_s3.core.costs.pricing import Fee

_WORKERS = 8


@dataclass(frozen=True, slots=True)
class MonthOfPaths:
    """What was invalidated in a month.

    Attributes:
        begins: The month's first moment, UTC.
        paths: By distribution; a wildcard and a tag count as one.
        fee: The price of a path, and how many are free.
        problem: Why not everything could be counted; None when it was.
    """

    begins: datetime
    paths: Mapping[str, int]
    fee: Fee
    problem: CreativeS3Error | None = None

    @property
    def used(self) -> int:
        """All of them."""
        return sum(self.paths.values())

    @property
    def free_left(self) -> int:
        """How many more cost nothing; none where it is not known."""
        return 0 if self.problem else max(self.fee.free - self.used, 0)

    @property
    def price(self) -> Decimal:
        """What they cost until now, in dollars."""
        return self.fee.cost(self.used)


def path_fee() -> Fee:
    """Return the price of an invalidated path, the same in all regions."""
    return current_book().region("us-east-1").fees["invalidation_path"]


def count_month(
    cloudfront: CloudFront, announcements: Announcements | None, *, now: datetime
) -> MonthOfPaths:
    """Count what the account has invalidated since the month began, in UTC.

    Args:
        cloudfront: Whom to ask.
        announcements: Remembers what was counted; None remembers nothing.
        now: With time zone.

    Raises:
        CreativeS3Error: CloudFront cannot be reached, or the credentials are not valid. What they may not
            see is no error: it is the result's `problem`.
    """
    begins = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    counted: dict[str, int] = {}
    fee = path_fee()
    try:
        for distribution in cloudfront.distributions():
            counted[distribution["Id"]] = _count(cloudfront, announcements, distribution["Id"], begins)
    except CreativeS3Error as error:
        if error.code != "access-denied":
            raise
        return MonthOfPaths(begins, counted, fee, error)
    return MonthOfPaths(begins, counted, fee)


def _count(
    cloudfront: CloudFront, announcements: Announcements | None, distribution: str, begins: datetime
) -> int:
    known = announcements.sizes(distribution) if announcements else {}
    listed = _since(cloudfront, distribution, begins)
    unknown = [sent.id for sent in listed if sent.id not in known]
    with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="cloudfront") as pool:
        asked = pool.map(lambda name: cloudfront.invalidation(distribution, name), unknown)
        new = {sent.id: len(sent.paths) for sent in asked}
    if announcements and new:
        announcements.remember_sizes(distribution, new)
    known |= new
    return sum(known[sent.id] for sent in listed)


def _since(cloudfront: CloudFront, distribution: str, begins: datetime) -> list[Sent]:
    """Return the invalidations since a moment: they are listed with the newest first."""
    found: list[Sent] = []
    for sent in cloudfront.invalidations(distribution):
        if sent.created_at is not None and sent.created_at < begins:
            break
        found.append(sent)
    return found
