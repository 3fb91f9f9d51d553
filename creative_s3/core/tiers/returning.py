"""What bringing an object back takes: the price, and how long one waits. Pure.

It is what a local copy saves, and therefore what the policy in ``tiers.py`` weighs.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from creative_s3.core.costs.pricing import GB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.costs.pricing import ClassPrices, RegionPrices

_STANDARD_RESTORE = "Standard"
_RESTORE_HOURS = {"GLACIER": 5.0, "DEEP_ARCHIVE": 12.0}
"""The longest a Standard restore takes (S3 User Guide, "Understanding archive retrieval options")."""


@dataclass(frozen=True, slots=True)
class ReturnTerms:
    """What it takes to read an object of one storage class and send it here.

    Attributes:
        storage_class: S3's own word.
        per_object: The requests.
        per_byte: Retrieval, and transfer out of S3 to the internet in its first volume tier; inside AWS the
            transfer is cheaper or free.
        hours: How long a restore takes at most; 0 for a class that is read at once.
        wait: The same in words.
        rough_per_object: `per_object` as an ordinary number.
        rough_per_byte: `per_byte` likewise.
    """

    storage_class: str
    per_object: Decimal
    per_byte: Decimal
    hours: float
    wait: str
    rough_per_object: float
    rough_per_byte: float

    @property
    def is_archive(self) -> bool:
        """Whether a restore comes first."""
        return self.hours > 0

    def price(self, size_bytes: int) -> Decimal:
        """Price one object of so many bytes."""
        return self.per_object + self.per_byte * size_bytes

    def rough_price(self, size_bytes: int) -> float:
        """Price one object in ordinary numbers: for comparing many of them."""
        return self.rough_per_object + self.rough_per_byte * size_bytes


def return_terms(region: RegionPrices) -> Mapping[str, ReturnTerms]:
    """Return the terms of every storage class in a region."""
    egress = region.egress[0].price if region.egress else Decimal(0)
    return {name: _terms(prices, egress) for name, prices in region.classes.items()}


def terms_of(storage_class: str, terms: Mapping[str, ReturnTerms]) -> ReturnTerms:
    """Return the terms of a class; of one that the price book lacks, those of STANDARD."""
    return terms.get(storage_class) or terms["STANDARD"]


def _terms(prices: ClassPrices, egress: Decimal) -> ReturnTerms:
    restore = prices.restores.get(_STANDARD_RESTORE) if prices.rules.is_archive else None
    per_object = prices.get + (restore.request if restore else 0)
    per_byte = (prices.retrieval_per_gb + egress) / GB
    return ReturnTerms(
        storage_class=prices.storage_class,
        per_object=per_object,
        per_byte=per_byte,
        rough_per_object=float(per_object),
        rough_per_byte=float(per_byte),
        hours=_RESTORE_HOURS.get(prices.storage_class, 0.0),
        wait=restore.wait if restore else "at once",
    )
