"""Bills: how many requests a plan or a run sends, by S3 operation, and what they cost. Pure.

Every plan that sends requests shows its bill, and the report afterwards sets beside it the bill of what was
really sent.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from creative_s3.core.costs.costs import RequestCounts, request_price
from creative_s3.core.costs.pricing import amount_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.costs.pricing import RegionPrices

FIELD_OF_OPERATION: Mapping[str, str] = MappingProxyType(
    {
        "PutObject": "put",
        "PutObjectTagging": "put",
        "CreateMultipartUpload": "create_multipart",
        "UploadPart": "upload_part",
        "UploadPartCopy": "upload_part",
        "CompleteMultipartUpload": "complete_multipart",
        "ListObjectsV2": "list",
        "ListObjectVersions": "list",
        "ListMultipartUploads": "list",
        "ListParts": "list",
        "HeadObject": "head",
        "HeadBucket": "head",
        "GetObject": "get",
        "CopyObject": "copy",
        "DeleteObject": "delete",
        "DeleteObjects": "delete",
        "AbortMultipartUpload": "delete",
    }
)
"""How the price book counts each operation; one that is not named here counts as a GET."""
LEFT_OUT = (
    "Requests repeated after errors.",
    "Taxes, discounts, credits and the free tier.",
)
"""What is in no bill, in plain sentences."""
RESTORE = "RestoreObject"
"""Priced by its retrieval option and not here: see ``pricing.RestorePrice``."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Requests and their price.

    Attributes:
        requests: How many of each, by S3 operation name.
        price: Of all of them together, in the book's currency.
        extras: What is paid besides requests, by its name in words, such as ``"retrieval"``.
        region: The region whose prices these are.
        as_of: Their date, ISO 8601.
        currency: For example ``USD``.
    """

    requests: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    price: Decimal = Decimal(0)
    extras: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    region: str = ""
    as_of: str = ""
    currency: str = "USD"

    @property
    def number(self) -> int:
        """How many requests."""
        return sum(self.requests.values())

    @property
    def total(self) -> Decimal:
        """Requests and everything else."""
        return self.price + sum(self.extras.values(), Decimal(0))

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``; amounts are strings of plain digits."""
        return {
            "requests": dict(self.requests),
            "number": self.number,
            "price": amount_text(self.price),
            "extras": {name: amount_text(amount) for name, amount in self.extras.items()},
            "total": amount_text(self.total),
            "region": self.region,
            "prices_as_of": self.as_of,
            "currency": self.currency,
            "left_out": list(LEFT_OUT),
        }


def counts_of(requests: Mapping[str, int]) -> RequestCounts:
    """Return requests by S3 operation name as the price book counts them."""
    counts = dict.fromkeys(FIELD_OF_OPERATION.values(), 0)
    for operation, number in requests.items():
        if operation != RESTORE:
            counts[FIELD_OF_OPERATION.get(operation, "get")] += number
    return RequestCounts(**counts)


def bill_of(
    requests: Mapping[str, Mapping[str, int]],
    region: RegionPrices,
    *,
    extras: Mapping[str, Decimal] | None = None,
) -> Bill:
    """Price requests that concern objects of several storage classes.

    Args:
        requests: By storage class, then by S3 operation. A class that the book lacks is priced as STANDARD.
        region: The prices.
        extras: What is paid besides; amounts of nothing are left out.
    """
    together: Counter[str] = Counter()
    price = Decimal(0)
    for storage_class, numbers in requests.items():
        known = storage_class if storage_class in region.classes else "STANDARD"
        price += request_price(counts_of(numbers), known, region)
        together.update(numbers)
    return Bill(
        requests=MappingProxyType({name: number for name, number in sorted(together.items()) if number}),
        price=price,
        extras=MappingProxyType({name: amount for name, amount in (extras or {}).items() if amount}),
        region=region.name,
        as_of=region.as_of,
        currency=region.currency,
    )


def sent_between(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return what was sent between two tallies."""
    return {
        name: number - before.get(name, 0) for name, number in after.items() if number > before.get(name, 0)
    }
