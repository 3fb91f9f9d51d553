"""What requests and stored bytes cost: the arithmetic of the bill, pure.

From sums over objects (how many, how large, how many reach 128 KB) every storage class's price follows, so
a million objects are read once and forgotten. Prices and class rules come from ``pricing.py``; the estimate
that a person reads is put together in ``estimates.py``. A month's price is per calendar month.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING

from creative_s3.core.costs.pricing import GB, SMALL_OBJECT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from creative_s3.core.costs.pricing import ClassPrices, RegionPrices

MIB = 2**20
MAX_PARTS = 10_000
LIST_PAGE_KEYS = 1_000


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """How many requests of each sort are to be sent, or were.

    Attributes:
        put: PutObject.
        create_multipart: CreateMultipartUpload.
        upload_part: UploadPart and UploadPartCopy.
        complete_multipart: CompleteMultipartUpload.
        list: ListObjectsV2 and the other listings, per page.
        head: HeadObject.
        get: GetObject.
        copy: CopyObject.
        delete: DeleteObject and DeleteObjects; free.
    """

    put: int = 0
    create_multipart: int = 0
    upload_part: int = 0
    complete_multipart: int = 0
    list: int = 0
    head: int = 0
    get: int = 0
    copy: int = 0
    delete: int = 0

    @property
    def total(self) -> int:
        """All requests together."""
        return sum(getattr(self, field.name) for field in fields(self))

    def __add__(self, other: RequestCounts) -> RequestCounts:
        return RequestCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class SizeTotals:
    """Sums over objects, enough to price them in any storage class.

    Attributes:
        objects: How many.
        size_bytes: Their content together.
        large_objects: Those of at least 128 KB.
        large_bytes: The content of those.
    """

    objects: int = 0
    size_bytes: int = 0
    large_objects: int = 0
    large_bytes: int = 0

    def __add__(self, other: SizeTotals) -> SizeTotals:
        return SizeTotals(
            self.objects + other.objects,
            self.size_bytes + other.size_bytes,
            self.large_objects + other.large_objects,
            self.large_bytes + other.large_bytes,
        )


@dataclass(frozen=True, slots=True)
class KindTotals:
    """One kind of asset: what there is, and what uploading the missing part takes.

    Attributes:
        kind: For example ``product``.
        stored: All objects of this kind, as they will lie in S3.
        upload_objects: Those still to be uploaded.
        upload_bytes: Their content.
        requests: What their upload sends.
    """

    kind: str
    stored: SizeTotals = SizeTotals()
    upload_objects: int = 0
    upload_bytes: int = 0
    requests: RequestCounts = RequestCounts()

    def __add__(self, other: KindTotals) -> KindTotals:
        return KindTotals(
            self.kind,
            self.stored + other.stored,
            self.upload_objects + other.upload_objects,
            self.upload_bytes + other.upload_bytes,
            self.requests + other.requests,
        )


@dataclass(frozen=True, slots=True)
class BilledBytes:
    """What S3 bills for objects in one class, minimum sizes and overheads included.

    Attributes:
        own_bytes: At the class's price.
        standard_bytes: At STANDARD's price, for the index that the archive classes keep there.
        monitored_objects: Objects that pay the monitoring fee.
    """

    own_bytes: int
    standard_bytes: int
    monitored_objects: int


def measure(
    items: Iterable[tuple[str, int, bool]],
    *,
    part_size_bytes: int = 8 * MIB,
    multipart_threshold_bytes: int = 8 * MIB,
) -> tuple[KindTotals, ...]:
    """Sum up ``(kind, size in bytes, needs upload)`` by kind, in the order of the kinds' names.

    Reads `items` once and keeps nothing of them; their order does not matter. A file of at least
    `multipart_threshold_bytes` is uploaded in parts.
    """
    rows: dict[str, list[int]] = {}
    for kind, size_bytes, needs_upload in items:
        row = rows.get(kind)
        if row is None:
            row = rows[kind] = [0] * 8
        row[0] += 1
        row[1] += size_bytes
        if size_bytes >= SMALL_OBJECT_BYTES:
            row[2] += 1
            row[3] += size_bytes
        if needs_upload:
            row[4] += 1
            row[5] += size_bytes
            if size_bytes >= multipart_threshold_bytes:
                row[6] += 1
                row[7] += part_count(size_bytes, part_size_bytes)
    return tuple(_kind_totals(kind, *row) for kind, row in sorted(rows.items()))


def _kind_totals(  # noqa: PLR0913, PLR0917 - one parameter per sum, in the order of measure's row
    kind: str,
    objects: int,
    size_bytes: int,
    large_objects: int,
    large_bytes: int,
    upload_objects: int,
    upload_bytes: int,
    multipart_objects: int,
    parts: int,
) -> KindTotals:
    return KindTotals(
        kind=kind,
        stored=SizeTotals(objects, size_bytes, large_objects, large_bytes),
        upload_objects=upload_objects,
        upload_bytes=upload_bytes,
        requests=RequestCounts(
            put=upload_objects - multipart_objects,
            create_multipart=multipart_objects,
            upload_part=parts,
            complete_multipart=multipart_objects,
        ),
    )


def part_count(size_bytes: int, part_size_bytes: int) -> int:
    """Count the parts of an upload; parts double in size until 10,000 are enough, as in s3transfer."""
    while size_bytes > part_size_bytes * MAX_PARTS:
        part_size_bytes *= 2
    return max(1, -(-size_bytes // part_size_bytes))


def list_requests(keys: int) -> int:
    """Count the pages that listing so many keys takes; an empty listing is one request too."""
    return max(1, -(-keys // LIST_PAGE_KEYS))


def request_price(counts: RequestCounts, storage_class: str, region: RegionPrices) -> Decimal:
    """Price requests on objects of one storage class.

    A LIST costs STANDARD's PUT price whatever the class. In the archive classes a multipart upload lies in
    STANDARD until it is complete, so only the completion costs the class's own price (S3 User Guide,
    "Uploading and copying objects using multipart upload").
    """
    prices = region.of(storage_class)
    part = region.of("STANDARD").put if prices.rules.is_archive else prices.put
    return (
        (counts.put + counts.copy + counts.complete_multipart) * prices.put
        + (counts.create_multipart + counts.upload_part) * part
        + (counts.head + counts.get) * prices.get
        + counts.list * region.list_request
    )


def billed_bytes(sizes: SizeTotals, prices: ClassPrices) -> BilledBytes:
    """Apply a class's minimum size, overheads and monitoring threshold to a set of objects."""
    rules = prices.rules
    own = sizes.size_bytes
    if rules.minimum_bytes:
        # Both size rules of S3 lie at 128 KB, which is why `SizeTotals` needs to split there only.
        own = sizes.large_bytes + (sizes.objects - sizes.large_objects) * rules.minimum_bytes
    return BilledBytes(
        own_bytes=own + sizes.objects * rules.own_overhead_bytes,
        standard_bytes=sizes.objects * rules.standard_overhead_bytes,
        monitored_objects=0 if rules.monitored_from_bytes is None else sizes.large_objects,
    )


def storage_price(sizes: SizeTotals, storage_class: str, region: RegionPrices) -> Decimal:
    """Price a month of storage in one class: bytes as billed, volume tiers, monitoring. Tags are apart."""
    prices = region.of(storage_class)
    billed = billed_bytes(sizes, prices)
    return (
        prices.storage_price(billed.own_bytes)
        + region.of("STANDARD").storage_price(billed.standard_bytes)
        + region.fees["monitoring"].cost(billed.monitored_objects)
    )


def storage_share(part: SizeTotals, whole: SizeTotals, storage_class: str, region: RegionPrices) -> Decimal:
    """Give some objects their share of a month of storage: volume tiers are filled by all in proportion."""
    prices, standard = region.of(storage_class), region.of("STANDARD")
    own, all_own = billed_bytes(part, prices), billed_bytes(whole, prices)
    share = region.fees["monitoring"].cost(own.monitored_objects)
    if all_own.own_bytes:
        share += prices.storage_price(all_own.own_bytes) * own.own_bytes / all_own.own_bytes
    if all_own.standard_bytes:
        share += standard.storage_price(all_own.standard_bytes) * own.standard_bytes / all_own.standard_bytes
    return share


def read_price(sizes: SizeTotals, storage_class: str, region: RegionPrices) -> Decimal:
    """Price reading every object once: GET, retrieval, and for an archive class the Standard restore.

    The restored copy's own storage and any transfer out of S3 are not included.
    """
    prices = region.of(storage_class)
    restore = prices.restores["Standard"].request if prices.rules.is_archive else Decimal(0)
    gb = Decimal(sizes.size_bytes) / GB
    return sizes.objects * (prices.get + restore) + gb * prices.retrieval_per_gb


def break_even_reads(storage_class: str, region: RegionPrices) -> Decimal | None:
    """Tell how many full reads of an object per month make a class as dear as STANDARD, for large objects.

    Compares storage and retrieval per GB; requests and minimum sizes are left out, so no size is needed.
    Returns None when reads do not decide: the class is no cheaper at rest, or reading from it is free too.
    """
    prices, standard = region.of(storage_class), region.of("STANDARD")
    saved = standard.per_gb_month - prices.per_gb_month
    extra = prices.retrieval_per_gb - standard.retrieval_per_gb
    return saved / extra if saved > 0 and extra > 0 else None


def break_even_size_bytes(
    storage_class: str, region: RegionPrices, *, transition_months: int | None = None
) -> int | None:
    """Tell the smallest object that a class stores for no more than STANDARD does.

    With `transition_months`, the transition into the class has to be earned back within so many months.
    Returns None when no size is large enough. First volume tier, no reads.
    """
    prices, standard = region.of(storage_class), region.of("STANDARD").per_gb_month
    rules, own = prices.rules, prices.per_gb_month
    saved = standard - own
    if saved <= 0:
        return None
    # Prices here are per byte times 2**30, so that the sizes come out in bytes.
    fixed = rules.own_overhead_bytes * own + rules.standard_overhead_bytes * standard
    if transition_months is not None and prices.transition is not None:
        fixed += prices.transition * GB / transition_months
    beyond_minimum = fixed / saved
    if beyond_minimum >= rules.minimum_bytes:
        return ceil(beyond_minimum)
    return ceil((rules.minimum_bytes * own + fixed) / standard)
