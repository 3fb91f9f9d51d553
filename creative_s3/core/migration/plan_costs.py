"""The price of a plan before it is carried out, and of a run afterwards. Pure: counts in, an estimate out."""

from __future__ import annotations

import itertools
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import object_tags
from creative_s3.core.costs.bills import Bill, bill_of
from creative_s3.core.costs.costs import RequestCounts, list_requests, measure
from creative_s3.core.costs.price_store import current_book
from creative_s3.core.migration.estimates import UNUSED, MigrationEstimate, Use, estimate_migration
from creative_s3.core.migration.planning import MigrationPlan, Reason
from creative_s3.core.transfers.flights import MULTIPART_FROM_BYTES, PART_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.settings import S3Config


_OPERATIONS: Mapping[str, str] = {
    "put": "PutObject",
    "create_multipart": "CreateMultipartUpload",
    "upload_part": "UploadPart",
    "complete_multipart": "CompleteMultipartUpload",
    "list": "ListObjectsV2",
    "head": "HeadObject",
    "get": "GetObject",
}


def price_plan(
    plan: MigrationPlan, config: S3Config, *, use: Use = UNUSED, proving: Mapping[str, int] | None = None
) -> MigrationEstimate:
    """Price what a plan would send and what storing everything costs in each storage class.

    Counts what making the plan took, the uploads with their parts, the published index, and two requests to
    find what an earlier run has sent of each upload that it began: at most that is sent, but for what fails.

    Args:
        plan: The plan.
        config: Its region and storage class.
        use: How the objects will be used each month.
        proving: What proving the uploads sends, by S3 operation.
    """
    stored = [
        operation for operation in plan.operations if operation.reason not in {Reason.MISSING, Reason.REFUSED}
    ]
    tags = plan.settled.tags + plan.new.tags + sum(len(object_tags(operation.asset)) for operation in stored)
    already_there = len(plan.settled) + sum(1 for operation in stored if operation.reason is not Reason.NEW)
    objects = len(stored) + len(plan.settled) + len(plan.new)
    also = Counter(plan.looked) + Counter(proving or {})
    listed = max(list_requests(already_there), plan.looked.get("ListObjectsV2", 0))
    return estimate_migration(
        measure(
            itertools.chain(
                (
                    (str(operation.asset.kind), operation.size_bytes, operation.is_upload)
                    for operation in stored
                ),
                ((str(kind), size_bytes, False) for kind, size_bytes in plan.settled.amounts()),
                ((str(kind), size_bytes, True) for kind, size_bytes in plan.new.amounts()),
            ),
            part_size_bytes=PART_BYTES,
            multipart_threshold_bytes=MULTIPART_FROM_BYTES,
        ),
        region=current_book().region(config.region),
        storage_class=config.storage_class,
        tags_per_object=Decimal(tags) / objects if objects else Decimal(0),
        besides=RequestCounts(
            list=listed + 2 * plan.unfinished,
            head=also.get("HeadObject", 0),
            get=1 + also.get("GetObject", 0),
            put=1 if plan.total_files else 0,
        ),
        use=use,
    )


def planned_bill(estimate: MigrationEstimate) -> Bill:
    """Return the bill of what a plan sends, for the class that the settings name."""
    counts = estimate.total.requests
    return Bill(
        requests={name: number for field, name in _OPERATIONS.items() if (number := getattr(counts, field))},
        price=estimate.current.upload,
        region=estimate.prices_region,
        as_of=estimate.prices_as_of,
        currency=estimate.currency,
    )


def sent_bill(requests: Mapping[str, int], config: S3Config) -> Bill:
    """Price what a run sent, by S3 operation name, for the class that the settings name."""
    return bill_of({config.storage_class: requests}, current_book().region(config.region))
