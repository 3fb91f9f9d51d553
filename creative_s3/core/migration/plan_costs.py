"""The price of a plan before it is carried out, and of a run afterwards. Pure: counts in, an estimate out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creative_s3.core.costs.costs import RequestCounts, list_requests, measure, request_price
from creative_s3.core.costs.pricing import load_bundled
from creative_s3.core.layout import object_tags
from creative_s3.core.migration.estimates import MigrationEstimate, estimate_migration
from creative_s3.core.migration.planning import MigrationPlan, Reason
from creative_s3.core.transfers.flights import MULTIPART_FROM_BYTES, PART_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from creative_s3.settings import S3Config

_FIELD_OF_OPERATION: Mapping[str, str] = {
    "PutObject": "put",
    "CreateMultipartUpload": "create_multipart",
    "UploadPart": "upload_part",
    "CompleteMultipartUpload": "complete_multipart",
    "ListObjectsV2": "list",
    "ListMultipartUploads": "list",
    "ListParts": "list",
    "HeadObject": "head",
    "HeadBucket": "head",
    "GetObject": "get",
    "CopyObject": "copy",
    "DeleteObject": "delete",
    "AbortMultipartUpload": "delete",
}


def price_plan(plan: MigrationPlan, config: S3Config) -> MigrationEstimate:
    """Price what a plan would send and what storing everything costs in each storage class.

    Counts the listing, the uploads with their parts, and the published index.
    """
    stored = [
        operation for operation in plan.operations if operation.reason not in {Reason.MISSING, Reason.REFUSED}
    ]
    tags = max((len(object_tags(operation.asset)) for operation in stored), default=0)
    already_there = sum(1 for operation in stored if operation.reason is not Reason.NEW)
    writes_index = bool(plan.uploads)
    return estimate_migration(
        measure(
            ((str(operation.asset.kind), operation.size_bytes, operation.is_upload) for operation in stored),
            part_size_bytes=PART_BYTES,
            multipart_threshold_bytes=MULTIPART_FROM_BYTES,
        ),
        region=load_bundled().region(config.region),
        storage_class=config.storage_class,
        tags_per_object=tags,
        besides=RequestCounts(list=list_requests(already_there), get=1, put=1 if writes_index else 0),
    )


def counts_of(requests: Mapping[str, int]) -> RequestCounts:
    """Return requests by S3 operation name as the price book counts them; unknown operations count as GET."""
    counts = dict.fromkeys(_FIELD_OF_OPERATION.values(), 0)
    for operation, number in requests.items():
        counts[_FIELD_OF_OPERATION.get(operation, "get")] += number
    return RequestCounts(**counts)


def price_requests(requests: Mapping[str, int], config: S3Config) -> Decimal:
    """Return what the requests of a run cost, in dollars."""
    region = load_bundled().region(config.region)
    return request_price(counts_of(requests), config.storage_class, region)
