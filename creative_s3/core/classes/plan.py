"""What changing the storage class of objects takes and saves. Pure: objects and prices in, a plan out.

How the copies are made and proved is in ``class_changes.py``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from creative_s3.core.costs.bills import bill_of
from creative_s3.core.costs.costs import SizeTotals, storage_price
from creative_s3.core.costs.moves import early_delete_price, retrieval_price
from creative_s3.core.costs.pricing import SMALL_OBJECT_BYTES, amount_text
from creative_s3.core.s3.copies import COPY_LIMIT_BYTES, parts_of_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.costs.bills import Bill
    from creative_s3.core.costs.pricing import RegionPrices
    from creative_s3.errors import CreativeS3Error

RETRIEVAL = "retrieval"
EARLY_DELETE = "early delete"
LEFT_OUT = (
    "Requests repeated after errors, and reading objects that have no checksum S3 could compare.",
    "Early deletion is counted from when an object was stored; where a rule moved it later, it can be more.",
    "Versions that a versioned bucket keeps of what is replaced.",
    "Taxes, discounts, credits and the free tier.",
)


@dataclass(frozen=True, slots=True)
class Refused:
    """An object whose class is not changed, and why."""

    key: str
    error: CreativeS3Error


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """Which objects move to a class, and what that costs.

    Attributes:
        target: The class they move to.
        changes: The objects that move, as they were seen.
        settled: Objects that are in the class already.
        refused: Objects that cannot be moved.
        bill: The requests, and what is paid besides: retrieval from the old class, early deletion.
        early: How many objects are billed for leaving their class too soon.
        monthly_before: Their storage per month now.
        monthly_after: Their storage per month in the new class.
        dearer: How many of them cost more per month in the new class than now, each by itself.
    """

    target: str
    changes: tuple[StoredObject, ...]
    settled: tuple[StoredObject, ...]
    refused: tuple[Refused, ...]
    bill: Bill
    early: int
    monthly_before: Decimal
    monthly_after: Decimal
    dearer: int

    @property
    def size_bytes(self) -> int:
        """The content of the objects that move."""
        return sum(stored.size_bytes for stored in self.changes)

    @property
    def by_class(self) -> dict[str, tuple[int, int]]:
        """How many objects move out of each class, and their bytes."""
        found: dict[str, tuple[int, int]] = {}
        for stored in self.changes:
            number, size_bytes = found.get(stored.storage_class, (0, 0))
            found[stored.storage_class] = (number + 1, size_bytes + stored.size_bytes)
        return dict(sorted(found.items()))

    @property
    def months_to_repay(self) -> Decimal | None:
        """After how many months the saving has paid for the change; None when it saves nothing."""
        saved = self.monthly_before - self.monthly_after
        return self.bill.total / saved if saved > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        months = self.months_to_repay
        return {
            "target": self.target,
            "objects": len(self.changes),
            "size_bytes": self.size_bytes,
            "from": {
                name: {"objects": number, "size_bytes": size_bytes}
                for name, (number, size_bytes) in self.by_class.items()
            },
            "already_there": len(self.settled),
            "bill": self.bill.to_dict(),
            "early_deletes": self.early,
            "monthly_before": amount_text(self.monthly_before),
            "monthly_after": amount_text(self.monthly_after),
            "months_to_repay": None if months is None else round(float(months), 2),
            "dearer_objects": self.dearer,
            "left_out": list(LEFT_OUT),
        }


def plan_class_change(  # noqa: PLR0913 - each of them is a choice of the caller
    objects: Iterable[StoredObject],
    target: str,
    region: RegionPrices,
    *,
    now: datetime,
    refused: Iterable[Refused] = (),
    reads: Callable[[int], int] = lambda _: 0,
) -> ClassPlan:
    """Plan to move objects to a storage class by copying each onto itself.

    Args:
        objects: As LIST or HEAD saw them; archived ones are among `refused`.
        target: The class they shall have.
        region: The prices.
        now: With time zone: the age of each object is counted from when it was stored.
        refused: What cannot be moved.
        reads: Tells how many of so many copies are read for their proof.

    Raises:
        UsageError: The book has no such class.
    """
    region.of(target)
    changes: list[StoredObject] = []
    settled: list[StoredObject] = []
    for stored in objects:
        (settled if stored.storage_class == target else changes).append(stored)
    groups = _by_class_and_age(changes, now)
    extras, early_objects = _extras(groups, region, now)
    before: defaultdict[str, SizeTotals] = defaultdict(SizeTotals)
    for (name, _), sizes in groups.items():
        before[name if name in region.classes else "STANDARD"] += sizes
    return ClassPlan(
        target=target,
        changes=tuple(changes),
        settled=tuple(settled),
        refused=tuple(refused),
        bill=bill_of(_requests(changes, target, reads(len(changes))), region, extras=extras),
        early=early_objects,
        monthly_before=sum((storage_price(part, name, region) for name, part in before.items()), Decimal(0)),
        monthly_after=storage_price(sum(before.values(), SizeTotals()), target, region),
        dearer=_dearer(changes, target, region),
    )


def bill_of_changes(
    sent: Mapping[str, Mapping[str, int]],
    changed: Iterable[StoredObject],
    region: RegionPrices,
    *,
    now: datetime,
) -> Bill:
    """Price what a run sent, and what is paid besides for the objects that it moved.

    Args:
        sent: Requests by the storage class whose price they have, then by S3 operation.
        changed: The objects that moved, as they were before.
        region: The prices.
        now: When they moved.
    """
    return bill_of(sent, region, extras=_extras(_by_class_and_age(changed, now), region, now)[0])


def _requests(changes: Iterable[StoredObject], target: str, reads: int) -> Mapping[str, Mapping[str, int]]:
    requests: defaultdict[str, Counter[str]] = defaultdict(Counter)
    if reads:
        requests[target]["GetObject"] = reads
    for stored in changes:
        requests[stored.storage_class]["HeadObject"] += 1  # once more before the copy
        requests[target]["HeadObject"] += 1  # the proof
        if stored.size_bytes <= COPY_LIMIT_BYTES:
            requests[target]["CopyObject"] += 1
            continue
        requests[stored.storage_class]["GetObjectTagging"] += 1
        requests[target].update(
            CreateMultipartUpload=1,
            UploadPartCopy=parts_of_copy(stored.size_bytes),
            CompleteMultipartUpload=1,
        )
    return requests


def _extras(
    groups: Mapping[tuple[str, int], SizeTotals], region: RegionPrices, now: datetime
) -> tuple[dict[str, Decimal], int]:
    """Price what is paid besides requests, and count the objects that leave their class too soon."""
    retrieval = early = Decimal(0)
    number = 0
    for (name, age_days), sizes in groups.items():
        if name not in region.classes:
            continue
        if not region.of(name).rules.is_archive:  # a restored object is read from its copy in STANDARD
            retrieval += retrieval_price(sizes.size_bytes, name, region)
        charge = early_delete_price(sizes, name, region, age_days=age_days, on=now.date())
        early += charge
        number += sizes.objects if charge else 0
    return {RETRIEVAL: retrieval, EARLY_DELETE: early}, number


def _by_class_and_age(objects: Iterable[StoredObject], now: datetime) -> dict[tuple[str, int], SizeTotals]:
    rows: dict[tuple[str, int], list[int]] = {}
    for stored in objects:
        age_days = (now - stored.last_modified).days if stored.last_modified else 0
        row = rows.setdefault((stored.storage_class, max(age_days, 0)), [0, 0, 0, 0])
        row[0] += 1
        row[1] += stored.size_bytes
        if stored.size_bytes >= SMALL_OBJECT_BYTES:
            row[2] += 1
            row[3] += stored.size_bytes
    return {name: SizeTotals(*row) for name, row in rows.items()}


def _dearer(objects: Iterable[StoredObject], target: str, region: RegionPrices) -> int:
    """Count the objects that the new class stores for more; sizes repeat, so each is priced once."""
    sizes = Counter(
        (stored.storage_class if stored.storage_class in region.classes else "STANDARD", stored.size_bytes)
        for stored in objects
    )
    number = 0
    for (name, size_bytes), times in sizes.items():
        large = size_bytes >= SMALL_OBJECT_BYTES
        one = SizeTotals(1, size_bytes, int(large), size_bytes if large else 0)
        if storage_price(one, target, region) > storage_price(one, name, region):
            number += times
    return number
