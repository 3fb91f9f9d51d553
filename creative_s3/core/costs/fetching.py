"""What fetching objects sends and costs. Pure."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from creative_s3.core.costs.costs import MIB
from creative_s3.core.costs.moves import retrieval_price
from creative_s3.core.costs.pricing import GB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from creative_s3.core.costs.pricing import RegionPrices

GET_BYTES = 8 * MIB
"""Both transfer engines fetch larger objects in ranges of this size."""
RETRIEVAL = "retrieval"
EGRESS = "transfer to the internet"


def fetching(size_bytes: int, *, looks: int = 1) -> Counter[str]:
    """Count the requests that fetch an object: looks at it, and a GET for each 8 MiB, none for nothing."""
    return Counter({"HeadObject": looks, "GetObject": -(-size_bytes // GET_BYTES)})


def fetching_extras(sizes: Iterable[tuple[str, int]], region: RegionPrices) -> dict[str, Decimal]:
    """Price retrieval, and transfer out in its first volume tier, of (storage class, bytes) that are fetched.

    Inside AWS the transfer is cheaper or free. What is archived was restored before, and its copy is read
    from STANDARD.
    """
    retrieval, size_bytes = Decimal(0), 0
    for name, length in sizes:
        size_bytes += length
        if name in region.classes and not region.of(name).rules.is_archive:
            retrieval += retrieval_price(length, name, region)
    egress = region.egress[0].price if region.egress else Decimal(0)
    return {RETRIEVAL: retrieval, EGRESS: Decimal(size_bytes) / GB * egress}
