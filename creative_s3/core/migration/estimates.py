"""The estimate of a migration: what there is, what uploading it costs, what each storage class would cost.

Pure: sums in, a frozen report out. Reading sizes from disk is the planner's work, showing the report the
command line's. The arithmetic itself is in ``costs.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from creative_s3.core.costs.costs import (
    KindTotals,
    RequestCounts,
    SizeTotals,
    billed_bytes,
    list_requests,
    read_price,
    request_price,
    storage_price,
    storage_share,
)
from creative_s3.core.costs.pricing import FIRST_TIER_BYTES, GB, amount_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from creative_s3.core.costs.pricing import ClassPrices, RegionPrices

MONTHS_PER_YEAR = 12
_NO_READS = (
    "Reads: GET requests, retrieval and restores; the price of one full read stands beside each class."
)
_NO_EGRESS = "Transfer out of S3 to the internet or to another region, and CloudFront."
_EGRESS = "The first 100 GB a month out to the internet, which are free for an account; CloudFront."
_LEFT_OUT = (
    "Taxes, discounts, credits and the free tier.",
    "What else the account stores in this region: it fills the same volume tiers.",
    "Requests repeated after errors, versions kept after overwriting, and unfinished uploads.",
    "The charge for removing, overwriting or moving an object before its class's minimum days are over.",
    "Moving objects that are already in S3 from one class to another.",
    "KMS requests, replication, access logs and metrics.",
)


@dataclass(frozen=True, slots=True)
class Use:
    """How the stored objects are used each month.

    Attributes:
        reads_per_month: So many times everything is read; a tenth of everything once is 0.1.
        egress_bytes: So many bytes leave for the internet; None for all that is read.
    """

    reads_per_month: Decimal = Decimal(0)
    egress_bytes: int | None = 0

    def egress_of(self, size_bytes: int) -> int:
        """Return how many bytes leave for the internet when so many are stored."""
        return int(self.reads_per_month * size_bytes) if self.egress_bytes is None else self.egress_bytes


UNUSED = Use()


@dataclass(frozen=True, slots=True)
class KindCost:
    """One kind's share of a class's cost.

    Attributes:
        kind: For example ``product``.
        monthly: Storage, monitoring, tags, reads and egress of its objects.
        upload: The requests that upload its missing objects.
    """

    kind: str
    monthly: Decimal
    upload: Decimal


@dataclass(frozen=True, slots=True)
class ClassEstimate:
    """All objects in one storage class.

    Attributes:
        storage_class: S3's own word.
        billed_bytes: The stored bytes as billed, minimum sizes and overheads included.
        storage: Bytes per month.
        padding: What of `storage` is for minimum sizes and overheads, and not for content.
        monitoring: INTELLIGENT_TIERING's fee per month.
        tags: Object tags per month.
        reads: Requests, retrieval and restores per month.
        egress: Out to the internet per month; the same in every class.
        upload: All requests of the upload, once; LIST and HEAD included.
        read_once: Reading everything once, restores included.
        retrieval_per_gb: Per GB read.
        break_even_reads: So many full reads of everything per month make this class as dear as STANDARD;
            None when reads do not decide.
        monthly_unread: INTELLIGENT_TIERING only: per month once objects of 128 KB and more have gone unread
            long enough for the Archive Instant Access tier.
        minimum_days: For each object; 0 for none.
        first_byte: How long a read waits, in words.
        caution: Why the class is never suggested, or None.
        kinds: The same cost by kind; LIST and HEAD belong to none.
    """

    storage_class: str
    billed_bytes: int
    storage: Decimal
    padding: Decimal
    monitoring: Decimal
    tags: Decimal
    reads: Decimal
    egress: Decimal
    upload: Decimal
    read_once: Decimal
    retrieval_per_gb: Decimal
    break_even_reads: Decimal | None
    monthly_unread: Decimal | None
    minimum_days: int
    first_byte: str
    caution: str | None
    kinds: tuple[KindCost, ...]

    @property
    def monthly(self) -> Decimal:
        """Everything that recurs each month."""
        return self.storage + self.monitoring + self.tags + self.reads + self.egress

    @property
    def content(self) -> Decimal:
        """What of `storage` is for the content itself."""
        return self.storage - self.padding

    @property
    def yearly(self) -> Decimal:
        """Twelve months."""
        return MONTHS_PER_YEAR * self.monthly

    @property
    def first_year(self) -> Decimal:
        """The upload and twelve months; what the suggestions compare."""
        return self.upload + self.yearly

    def monthly_with_reads(self, reads_per_month: Decimal) -> Decimal:
        """Price a month in which everything is read so many times more."""
        return self.monthly + reads_per_month * self.read_once


@dataclass(frozen=True, slots=True)
class MigrationEstimate:
    """What a migration costs, once and per month.

    Attributes:
        region: The region asked for.
        prices_region: The region whose prices are shown.
        prices_as_of: Their date, ISO 8601.
        currency: Of all amounts.
        storage_class: The class that the settings name.
        kinds: What there is, by kind.
        total: All kinds together, under the kind ``total``; its requests include LIST and HEAD.
        classes: One entry per storage class.
        cheapest_readable: The class whose first year is cheapest among those that read in milliseconds.
        use: How the objects are used, which is in the monthly amounts.
        cheapest: The same among all classes. Classes with a caution are never named in either.
        assumed: What was taken without proof, in plain sentences.
        left_out: What is not in the amounts, in plain sentences.
    """

    region: str
    prices_region: str
    prices_as_of: str
    currency: str
    storage_class: str
    kinds: tuple[KindTotals, ...]
    total: KindTotals
    classes: tuple[ClassEstimate, ...]
    cheapest_readable: str
    cheapest: str
    use: Use
    assumed: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def is_fallback(self) -> bool:
        """Whether another region's prices stand in for those of the region asked for."""
        return self.region != self.prices_region

    @property
    def current(self) -> ClassEstimate:
        """The entry of the class that the settings name."""
        return self.of(self.storage_class)

    def of(self, storage_class: str) -> ClassEstimate:
        """Return one class's entry; KeyError when there is none."""
        return {entry.storage_class: entry for entry in self.classes}[storage_class]

    def to_dict(self) -> dict[str, object]:
        """Return the estimate for JSON; amounts are strings of plain digits."""
        plain = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        plain["is_fallback"] = self.is_fallback
        return plain


def estimate_migration(  # noqa: PLR0913 - what there is, and how it will be used
    kinds: Iterable[KindTotals],
    *,
    region: RegionPrices,
    storage_class: str = "STANDARD",
    tags_per_object: Decimal | int = 0,
    besides: RequestCounts | None = None,
    use: Use = UNUSED,
) -> MigrationEstimate:
    """Price a migration in every storage class.

    Args:
        kinds: From ``costs.measure``.
        region: The prices.
        storage_class: The class that the settings name.
        tags_per_object: S3 object tags on each object, on average.
        besides: Requests beside the objects' own uploads: listing, HEADs, the published index. Without it,
            one listing of the objects that are already there.
        use: How the objects are used each month.

    Raises:
        UsageError: The book has no such class.
    """
    region.of(storage_class)
    parts = tuple(sorted(kinds, key=lambda part: part.kind))
    total = sum(parts, KindTotals("total"))
    if besides is None:
        besides = RequestCounts(list=list_requests(total.stored.objects - total.upload_objects))
    total += KindTotals("total", requests=besides)
    classes = tuple(
        _class_estimate(prices, parts, total, region=region, tags_per_object=tags_per_object, use=use)
        for prices in region.classes.values()
    )
    advised = [entry for entry in classes if entry.caution is None]
    readable = [entry for entry in advised if not region.of(entry.storage_class).rules.is_archive]
    return MigrationEstimate(
        region=region.requested,
        prices_region=region.name,
        prices_as_of=region.as_of,
        currency=region.currency,
        storage_class=storage_class,
        kinds=parts,
        total=total,
        classes=classes,
        cheapest_readable=min(readable, key=lambda entry: entry.first_year).storage_class,
        cheapest=min(advised, key=lambda entry: entry.first_year).storage_class,
        use=use,
        assumed=_assumed(region, total.stored, use),
        left_out=_left_out(region, use),
    )


def _class_estimate(  # noqa: PLR0913 - the same, for one class
    prices: ClassPrices,
    parts: tuple[KindTotals, ...],
    total: KindTotals,
    *,
    region: RegionPrices,
    tags_per_object: Decimal | int,
    use: Use,
) -> ClassEstimate:
    name, sizes = prices.storage_class, total.stored
    billed = billed_bytes(sizes, prices)
    monitoring = region.fees["monitoring"].cost(billed.monitored_objects)
    tags = region.fees["tags"].cost(sizes.objects * tags_per_object)
    storage = storage_price(sizes, name, region) - monitoring
    read_once = read_price(sizes, name, region)
    saved = storage_price(sizes, "STANDARD", region) - storage - monitoring
    extra = read_once - read_price(sizes, "STANDARD", region)
    egress = region.egress_price(use.egress_of(sizes.size_bytes))
    return ClassEstimate(
        storage_class=name,
        billed_bytes=billed.own_bytes + billed.standard_bytes,
        storage=storage,
        padding=storage - prices.storage_price(sizes.size_bytes),
        monitoring=monitoring,
        tags=tags,
        reads=use.reads_per_month * read_once,
        egress=egress,
        upload=request_price(total.requests, name, region),
        read_once=read_once,
        retrieval_per_gb=prices.retrieval_per_gb,
        break_even_reads=saved / extra if saved > 0 and extra > 0 else None,
        monthly_unread=_unread(sizes, region) + monitoring + tags if name == "INTELLIGENT_TIERING" else None,
        minimum_days=prices.rules.minimum_days,
        first_byte=prices.rules.first_byte,
        caution=prices.rules.caution,
        kinds=tuple(
            KindCost(
                kind=part.kind,
                monthly=storage_share(part.stored, sizes, name, region)
                + region.fees["tags"].cost(part.stored.objects * tags_per_object)
                + use.reads_per_month * read_price(part.stored, name, region)
                + (egress * part.stored.size_bytes / sizes.size_bytes if sizes.size_bytes else 0),
                upload=request_price(part.requests, name, region),
            )
            for part in parts
        ),
    )


def _unread(sizes: SizeTotals, region: RegionPrices) -> Decimal:
    small_bytes = sizes.size_bytes - sizes.large_bytes  # never monitored, so always in the frequent tier
    frequent = region.of("INTELLIGENT_TIERING").storage_price(small_bytes)
    return frequent + Decimal(sizes.large_bytes) / GB * region.intelligent_tiers["AIA"]


def _assumed(region: RegionPrices, sizes: SizeTotals, use: Use) -> tuple[str, ...]:
    irrelevant = () if use.egress_of(sizes.size_bytes) else ("egress.",)
    if sizes.size_bytes <= FIRST_TIER_BYTES:
        irrelevant = (*irrelevant, "storage.STANDARD.")
    return tuple(text for name, text in region.assumed.items() if not name.startswith(irrelevant))


def _left_out(region: RegionPrices, use: Use) -> tuple[str, ...]:
    sentences = [_EGRESS if use.egress_bytes or use.egress_bytes is None else _NO_EGRESS, *_LEFT_OUT]
    if not use.reads_per_month:
        sentences.insert(0, _NO_READS)
    if region.is_fallback:
        own = f"{region.requested}'s own prices: the book lacks them, {region.name}'s are shown."
        sentences.insert(0, own)
    return tuple(sentences)


def _plain(value: object) -> object:
    """Turn a value of an estimate into what JSON knows, the sums of a class included."""
    if isinstance(value, Decimal):
        return amount_text(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if not is_dataclass(value):
        return value
    plain = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, ClassEstimate):
        plain |= {name: amount_text(getattr(value, name)) for name in ("monthly", "yearly", "first_year")}
    return plain
