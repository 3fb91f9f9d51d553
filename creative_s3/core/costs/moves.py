"""What it costs to move objects from one storage class to another, and to give a class up too soon. Pure.

Two ways lead to another class: a lifecycle transition, billed by the number of objects, and a copy that
replaces the object, billed as a request and as reading the old one. Both, and deleting and overwriting,
end a minimum duration early, which S3 bills to its end.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from creative_s3.core.costs.costs import billed_bytes
from creative_s3.core.costs.pricing import GB
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from creative_s3.core.costs.costs import SizeTotals
    from creative_s3.core.costs.pricing import RegionPrices


def months_of(start: date, days: int) -> Decimal:
    """Tell how many months `days` days from `start` on are: each day is one day of its own calendar month.

    The whole of February is 1, and so is the whole of March; 30 days of March are 30/31.
    """
    months = Decimal(0)
    while days > 0:
        length = monthrange(start.year, start.month)[1]
        taken = min(days, length - start.day + 1)
        months += Decimal(taken) / length
        start += timedelta(days=taken)
        days -= taken
    return months


def transition_price(objects: int, storage_class: str, region: RegionPrices) -> Decimal:
    """Price moving so many objects into a class by lifecycle rules; their bytes cost nothing.

    Raises:
        UsageError: No lifecycle rule moves objects into this class.
    """
    price = region.of(storage_class).transition
    if price is None:
        raise UsageError(
            f"no lifecycle rule moves objects into {storage_class}",
            item=storage_class,
            hint="use STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, GLACIER_IR, GLACIER or DEEP_ARCHIVE",
        )
    return objects * price


def early_delete_price(
    sizes: SizeTotals, storage_class: str, region: RegionPrices, *, age_days: int, on: date
) -> Decimal:
    """Price what S3 bills for objects that leave a class before its minimum duration is over.

    Deleting, overwriting and moving all count (S3 User Guide, "Understanding your AWS billing and usage
    reports for Amazon S3": the remaining days are billed pro rata at the class's price). Minimum sizes count,
    and the archive classes' 32 KB; what an archived object keeps in STANDARD has no minimum duration.

    Args:
        sizes: The objects.
        storage_class: The class they leave.
        region: The prices.
        age_days: How long they have been in this class, in whole days.
        on: The day on which they leave it, from which the remaining days are counted.
    """
    prices = region.of(storage_class)
    remaining = prices.rules.minimum_days - age_days
    if remaining <= 0:
        return Decimal(0)
    return prices.storage_price(billed_bytes(sizes, prices).own_bytes) * months_of(on, remaining)


def retrieval_price(size_bytes: int, storage_class: str, region: RegionPrices) -> Decimal:
    """Price the bytes that are read from a class, without the requests; a copy reads its source, too."""
    return Decimal(size_bytes) / GB * region.of(storage_class).retrieval_per_gb
