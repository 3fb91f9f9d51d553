"""The AWS Price List: quotes from offer files and answers of the query API. Pure; nothing is fetched here.

An offer file is one service's prices (AWS Billing User Guide, "Reading the service price list files"); the
query API gives single products as JSON strings ("GetProducts"). Both become `Quote` values. A quote is found
by its service, its usage type without the region's prefix, compared whole, and often by its operation too:
several usage types have one price per operation. Which quote is which figure of the price book is in
``price_figures.py``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creative_s3.core.costs.pricing import Tier
from creative_s3.errors import CreativeS3Error, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

S3 = "AmazonS3"
DEEP_ARCHIVE = "AmazonS3GlacierDeepArchive"
"""DEEP_ARCHIVE has a service of its own; in `S3` there is only its staging storage, at 20 times the price."""
TRANSFER = "AWSDataTransfer"
CLOUDFRONT = "AmazonCloudFront"
_PREFIX = re.compile(r"(?:[A-Z]{2,4}[0-9]{1,2}|EU)-")
_CURRENCY = "USD"
_LARGEST_BYTES = 200 * 2**20


class PriceListError(CreativeS3Error):
    """What was given is no price list that can be used."""

    code = "price-list"
    exit_code = ExitCode.SETTINGS


@dataclass(frozen=True, slots=True)
class Quote:
    """One product's price on demand.

    Attributes:
        service: Such as ``AmazonS3``.
        usage_type: Without the region's prefix, such as ``TimedStorage-ByteHrs``.
        operation: Such as ``S3-GlacierTransition``; empty where the product names none.
        tiers: Price per unit by volume.
        attributes: The product's own.
        published: The price list's date, ISO 8601; empty when it names none.
    """

    service: str
    usage_type: str
    operation: str
    tiers: tuple[Tier, ...]
    attributes: Mapping[str, str]
    published: str

    @property
    def region(self) -> str:
        """The region's code; empty where there is none, as for data transfer."""
        return self.attributes.get("regionCode", "")


def read_offer(source: Path | Mapping[str, Any]) -> tuple[Quote, ...]:
    """Read an offer file, or the object that one holds.

    Raises:
        PriceListError: It is no offer file in JSON.
    """
    document = _load(source) if isinstance(source, Path) else source
    where = str(source) if isinstance(source, Path) else "the price list"
    try:
        service, published = str(document["offerCode"]), str(document.get("publicationDate", ""))
        on_demand = document["terms"]["OnDemand"]
        return tuple(
            _quotes(
                (
                    (service, published, product["attributes"], on_demand[sku])
                    for sku, product in document["products"].items()
                    if sku in on_demand
                )
            )
        )
    except (KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise _unreadable(where) from error


def read_answers(price_list: Iterable[str]) -> tuple[Quote, ...]:
    """Read the ``PriceList`` of `GetProducts` answers: each entry is a JSON text of its own.

    Raises:
        PriceListError: An entry is none.
    """

    def parts(text: str) -> tuple[str, str, Mapping[str, str], Mapping[str, Any]]:
        entry = json.loads(text)
        return (
            str(entry["serviceCode"]),
            str(entry.get("publicationDate", "")),
            entry["product"]["attributes"],
            entry["terms"].get("OnDemand", {}),
        )

    try:
        return tuple(_quotes(parts(text) for text in price_list))
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise _unreadable("the answer of the price list") from error


def _quotes(
    products: Iterable[tuple[str, str, Mapping[str, str], Mapping[str, Any]]],
) -> Iterator[Quote]:
    found = [
        (service, published, attributes, tiers)
        for service, published, attributes, terms in products
        if "usagetype" in attributes and (tiers := _tiers(terms))
    ]
    prefixes = _prefixes(attributes for service, _, attributes, _ in found if service == S3)
    for service, published, attributes, tiers in found:
        yield Quote(
            service=service,
            usage_type=_bare(attributes["usagetype"], prefixes.get(attributes.get("regionCode", ""))),
            operation=attributes.get("operation", ""),
            tiers=tiers,
            attributes=attributes,
            published=published[:10],
        )


def _tiers(terms: Mapping[str, Any]) -> tuple[Tier, ...]:
    """Return the price by volume; empty when there is none in dollars. The first is the newest term."""
    newest = max(terms.values(), key=lambda term: str(term.get("effectiveDate", "")), default=None)
    dimensions = newest["priceDimensions"].values() if newest else ()
    tiers = [
        Tier(Decimal(str(one.get("beginRange", "0"))), Decimal(str(one["pricePerUnit"][_CURRENCY])))
        for one in dimensions
        if _CURRENCY in one["pricePerUnit"]
    ]
    return tuple(sorted(tiers, key=lambda tier: tier.from_gb))


def _prefixes(attributes: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Learn each region's prefix from its own STANDARD storage, the one product that its attributes tell."""
    end = "TimedStorage-ByteHrs"
    return {
        one.get("regionCode", ""): one["usagetype"].removesuffix(end)
        for one in attributes
        if one.get("volumeType") == "Standard"
        and one.get("storageClass") == "General Purpose"
        and one["usagetype"].endswith(end)
        and _PREFIX.fullmatch(one["usagetype"].removesuffix(end) or "EU-")
    }


def _bare(usage_type: str, prefix: str | None) -> str:
    """Drop the region's prefix; us-east-1 has none, or ``USE1-``."""
    if prefix and usage_type.startswith(prefix):
        return usage_type[len(prefix) :]
    match = _PREFIX.match(usage_type)
    return usage_type[match.end() :] if match and prefix != "" else usage_type.removeprefix("USE1-")


def _load(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise PriceListError(
                "the file is too large for one region's prices",
                item=str(path),
                hint="use the file of one region: …/AmazonS3/current/REGION/index.json",
            )
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _unreadable(str(path)) from error
    if not isinstance(document, dict):
        raise _unreadable(str(path))
    return document


def _unreadable(where: str) -> PriceListError:
    return PriceListError(
        "this is no AWS price list in JSON",
        item=where,
        hint="an offer file is at https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonS3/current/"
        "REGION/index.json",
    )
