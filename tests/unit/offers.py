"""Offer files of the AWS Price List in their real shape, trimmed: two regions, and the products that mislead.

The prices are those of the bundled book (us-east-1 and eu-central-1, 2026); each trap costs 9.99 or more, so
that it shows wherever it is taken for the real thing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOCATIONS = {"us-east-1": "US East (N. Virginia)", "eu-central-1": "EU (Frankfurt)"}
PREFIXES = {"us-east-1": "", "eu-central-1": "EUC1-"}
PUBLISHED = "2026-10-15T18:35:12Z"
TRAP = "9.9900000000"

_S3 = {
    "us-east-1": {
        "TimedStorage-ByteHrs": ["0.0230000000", "0.0220000000", "0.0210000000"],
        "TimedStorage-SIA-ByteHrs": "0.0125000000",
        "TimedStorage-ZIA-ByteHrs": "0.0100000000",
        "TimedStorage-GIR-ByteHrs": "0.0040000000",
        "TimedStorage-GlacierByteHrs": "0.0036000000",
        "TimedStorage-INT-IA-ByteHrs": "0.0125000000",
        "TimedStorage-INT-AIA-ByteHrs": "0.0040000000",
        "TimedStorage-INT-AA-ByteHrs": "0.0036000000",
        "TimedStorage-INT-DAA-ByteHrs": "0.0009900000",
        "TimedStorage-RRS-ByteHrs": "0.0240000000",
        "Requests-Tier1": "0.0000050000",
        "Requests-Tier2": "0.0000004000",
        "Requests-GLACIER-Tier1 PutObject": "0.0000300000",
        "Requests-Tier3 S3-GlacierTransition": "0.0000300000",
        "Requests-Tier3 S3-GDATransition": "0.0000500000",
        "Requests-Tier3 RestoreObject": "0.0000500000",
        "Standard-Retrieval-Bytes RestoreObject": "0.0100000000",
        "TagStorage-TagHrs": "0.0000006500",
    },
    "eu-central-1": {
        "TimedStorage-ByteHrs": ["0.0245000000", "0.0235000000", "0.0225000000"],
        "TimedStorage-SIA-ByteHrs": "0.0135000000",
        "TimedStorage-ZIA-ByteHrs": "0.0108000000",
        "TimedStorage-GIR-ByteHrs": "0.0050000000",
        "TimedStorage-GlacierByteHrs": "0.0040500000",
        "TimedStorage-INT-IA-ByteHrs": "0.0135000000",
        "TimedStorage-INT-AIA-ByteHrs": "0.0058000000",
        "TimedStorage-INT-AA-ByteHrs": "0.0040500000",
        "TimedStorage-INT-DAA-ByteHrs": "0.0018000000",
        "TimedStorage-RRS-ByteHrs": "0.0260000000",
        "Requests-Tier1": "0.0000054000",
        "Requests-Tier2": "0.0000004300",
        "Requests-GLACIER-Tier1 PutObject": "0.0000360000",
        "Requests-Tier3 S3-GlacierTransition": "0.0000360000",
        "Requests-Tier3 S3-GDATransition": "0.0000600000",
        "Requests-Tier3 RestoreObject": "0.0000600000",
        "Standard-Retrieval-Bytes RestoreObject": "0.0120000000",
        "TagStorage-TagHrs": "0.0000007000",
    },
}
_S3_EVERYWHERE = {
    "Requests-SIA-Tier1": "0.0000100000",
    "Requests-SIA-Tier2": "0.0000010000",
    "Requests-ZIA-Tier1": "0.0000100000",
    "Requests-ZIA-Tier2": "0.0000010000",
    "Requests-GIR-Tier1": "0.0000200000",
    "Requests-GIR-Tier2": "0.0000100000",
    "Requests-Tier4 S3-SIATransition": "0.0000100000",
    "Requests-Tier4 S3-ZIATransition": "0.0000100000",
    "Requests-Tier4 S3-INTTransition": "0.0000100000",
    "Requests-Tier4 S3-GIRTransition": "0.0000200000",
    "Requests-Tier6": "0.0100000000",
    "Expedited-Retrieval-Bytes": "0.0300000000",
    "Retrieval-SIA": "0.0100000000",
    "Retrieval-ZIA": "0.0100000000",
    "Retrieval-GIR": "0.0300000000",
    "Monitoring-Automation-INT": "0.0000025000",
    "Inventory-ObjectsListed": "0.0000000025",
    "StorageAnalytics-ObjCount": "0.0000001000",
    "BatchOperations-Jobs": "0.2500000000",
    "BatchOperations-Objects": "0.0000010000",
    "BatchOperations-Manifest": "0.0000000150",
}
TRAPS = (
    "Tables-TimedStorage-ByteHrs",
    "Annotation-TimedStorage-ByteHrs",
    "Files-TimedStorage-ByteHrs",
    "Vectors-TimedStorage-ByteHrs",
    "TimedStorage-GDA-Staging",
    "Requests-Tables-Tier1",
    "Requests-Annotation-Tier1",
    "Requests-GLACIER-Tier1 UploadPart",
    "Requests-Tier3 SomethingElse",
    "Requests-Tier4 SomethingElse",
    "Standard-Retrieval-Bytes DeepArchiveRestoreObject",
    "EarlyDelete-INT",
    "DataTransfer-Out-Bytes",
    "Compute-Checksum-Processed-Bytes",
)
"""Usage types, some with an operation, that must never become a figure of the book."""
_DEEP = {
    "us-east-1": ("0.0009900000", "0.0000500000", "0.0001000000", "0.0200000000"),
    "eu-central-1": ("0.0018000000", "0.0000600000", "0.0001200000", "0.0240000000"),
}


def s3_offer(*regions: str) -> dict[str, Any]:
    """Return the AmazonS3 offer with these regions and all traps."""
    offer = _offer("AmazonS3")
    for region in regions:
        for name, prices in {**_S3[region], **_S3_EVERYWHERE}.items():
            usage_type, _, operation = name.partition(" ")
            more = (
                {"volumeType": "Standard", "storageClass": "General Purpose", "productFamily": "Storage"}
                if usage_type == "TimedStorage-ByteHrs"
                else {}
            )
            add(offer, region, usage_type, prices, operation=operation, more=more)
        for name in TRAPS:
            usage_type, _, operation = name.partition(" ")
            add(offer, region, usage_type, TRAP, operation=operation)
    return offer


def deep_archive_offer(*regions: str) -> dict[str, Any]:
    """Return the offer of DEEP_ARCHIVE, which is a service of its own."""
    offer = _offer("AmazonS3GlacierDeepArchive")
    for region in regions:
        storage, put, restore, retrieval = _DEEP[region]
        add(offer, region, "TimedStorage-GDA-ByteHrs", storage)
        add(offer, region, "Requests-GDA-Tier1", put)
        add(offer, region, "Requests-GDA-Tier3", restore, operation="DeepArchiveRestoreObject")
        add(offer, region, "Requests-GDA-Tier5", "0.0000250000", operation="DeepArchiveRestoreObject")
        add(offer, region, "Standard-Retrieval-Bytes", retrieval, operation="DeepArchiveRestoreObject")
        add(offer, region, "Bulk-Retrieval-Bytes", "0.0025000000", operation="DeepArchiveRestoreObject")
    return offer


def transfer_offer(*regions: str) -> dict[str, Any]:
    """Return the offer of data transfer, which names its regions in words only."""
    offer = _offer("AWSDataTransfer")
    for region in regions:
        out = {
            "fromLocation": LOCATIONS[region],
            "fromLocationType": "AWS Region",
            "toLocation": "External",
            "transferType": "AWS Outbound",
        }
        tiers = ["0.0900000000", "0.0850000000", "0.0700000000", "0.0500000000"]
        starts = (0, 10_240, 51_200, 153_600)
        add(offer, None, f"{PREFIXES[region]}DataTransfer-Out-Bytes", tiers, starts=starts, more=out)
        add(offer, None, "Global-DataTransfer-Out-Bytes", "0.0000000000", more=out)
        add(offer, None, f"{PREFIXES[region]}DataTransfer-Out-Free", "0.0000000000", more=out)
        between = {**out, "toLocation": "US West (Oregon)", "transferType": "InterRegion Outbound"}
        add(offer, None, f"{PREFIXES[region]}USW2-AWS-Out-Bytes", TRAP, more=between)
    return offer


def add(  # noqa: PLR0913 - what a product has
    offer: dict[str, Any],
    region: str | None,
    usage_type: str,
    prices: str | Sequence[str],
    *,
    operation: str = "",
    starts: tuple[int, ...] = (0, 51_200, 512_000),
    more: Mapping[str, str] | None = None,
) -> None:
    """Add a product with its price on demand."""
    sku = f"SKU{len(offer['products']):08}"
    place = {"regionCode": region, "location": LOCATIONS[region]} if region else {}
    prefix = PREFIXES[region] if region else ""
    offer["products"][sku] = {
        "sku": sku,
        "attributes": {
            "servicecode": offer["offerCode"],
            "usagetype": f"{prefix}{usage_type}",
            "operation": operation,
            **place,
            **(more or {}),
        },
    }
    amounts = [prices] if isinstance(prices, str) else list(prices)
    ends = [*(str(start) for start in starts[1 : len(amounts)]), "Inf"]
    offer["terms"]["OnDemand"][sku] = {
        f"{sku}.JRTCKXETXF": {
            "offerTermCode": "JRTCKXETXF",
            "sku": sku,
            "effectiveDate": "2026-10-01T00:00:00Z",
            "priceDimensions": {
                f"{sku}.JRTCKXETXF.{number}": {
                    "unit": "GB-Mo",
                    "beginRange": str(starts[number]),
                    "endRange": ends[number],
                    "description": f"${amount} per unit",
                    "appliesTo": [],
                    "pricePerUnit": {"USD": amount},
                }
                for number, amount in enumerate(amounts)
            },
            "termAttributes": {},
        }
    }


def answers(offer: dict[str, Any]) -> list[str]:
    """Return the products of an offer as the query API gives them: each a JSON text of its own."""
    return [
        json.dumps(
            {
                "product": product,
                "serviceCode": offer["offerCode"],
                "terms": {"OnDemand": offer["terms"]["OnDemand"][sku]},
                "version": offer["version"],
                "publicationDate": offer["publicationDate"],
            }
        )
        for sku, product in offer["products"].items()
    ]


def _offer(code: str) -> dict[str, Any]:
    return {
        "formatVersion": "v1.0",
        "disclaimer": "This pricing list is for informational purposes only.",
        "offerCode": code,
        "version": "20261015183512",
        "publicationDate": PUBLISHED,
        "products": {},
        "terms": {"OnDemand": {}},
    }
