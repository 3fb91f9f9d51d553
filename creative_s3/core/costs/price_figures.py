"""Which quote of the AWS Price List is which figure of the price book, and what a region's row becomes. Pure.

A row has the form of ``regions`` in ``data/prices.json``. A figure that the quotes lack, or have twice with
different prices, keeps the value it had, and is named.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from creative_s3.core.costs.price_list import CLOUDFRONT, DEEP_ARCHIVE, S3, TRANSFER, PriceListError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from creative_s3.core.costs.price_list import Quote

    Path = tuple[str, ...]

_PER_1000 = 1000
_PLAUSIBLE = 2
"""A price that more than doubled or halved is not believed unasked."""
_CLASS_CODES = {"STANDARD_IA": "SIA", "ONEZONE_IA": "ZIA", "GLACIER_IR": "GIR"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the price book, and how the price list names it.

    Attributes:
        path: Where it is in a region's row.
        service: Of the quote.
        usage_types: Any of these, whole.
        operations: Any of these; None when the usage type alone says it.
        per: For so many units.
        is_tiered: Whether it has a price for each volume.
    """

    path: Path
    service: str
    usage_types: tuple[str, ...]
    operations: tuple[str, ...] | None = None
    per: int = 1
    is_tiered: bool = False

    def matches(self, quote: Quote) -> bool:
        """Tell whether a quote is this figure."""
        return (
            quote.service == self.service
            and quote.usage_type in self.usage_types
            and (self.operations is None or quote.operation in self.operations)
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A figure that is not what it was.

    Attributes:
        name: Of the figure, such as ``storage_per_gb_month.STANDARD``.
        before: As it was; None when the region was not known.
        after: As the price list has it.
    """

    name: str
    before: Decimal | None
    after: Decimal

    @property
    def is_implausible(self) -> bool:
        """Whether the step is too large to be believed unasked."""
        if self.before is None or self.before == self.after:
            return False
        if not self.before or not self.after:
            return True
        return not 1 / Decimal(_PLAUSIBLE) <= self.after / self.before <= _PLAUSIBLE


@dataclass(frozen=True, slots=True)
class RefreshedRow:
    """A region's prices as a price list has them.

    Attributes:
        region: Its name.
        row: In the form of ``data/prices.json``, with ``as_of`` and ``source`` of its own.
        changes: What is not as it was, in the order of the figures.
        kept: Figures that the quotes lack, or have with several prices.
        found: How many figures were found.
    """

    region: str
    row: Mapping[str, Any]
    changes: tuple[Change, ...]
    kept: tuple[str, ...]
    found: int

    @property
    def implausible(self) -> tuple[Change, ...]:
        """The changes that are not believed unasked."""
        return tuple(change for change in self.changes if change.is_implausible)


def _storage(name: str, code: str, service: str = S3) -> Figure:
    return Figure(("storage_per_gb_month", name), service, (f"TimedStorage-{code}",))


def _transition(name: str, code: str) -> Figure:
    # The same operation is under Requests-Tier3 for some classes and Requests-Tier4 for others.
    tiers = ("Requests-Tier3", "Requests-Tier4")
    return Figure(("transition_per_1000", name), S3, tiers, (f"S3-{code}Transition",), per=_PER_1000)


_DEEP_RESTORE = ("DeepArchiveRestoreObject", "")
FIGURES: tuple[Figure, ...] = (
    Figure(("storage_per_gb_month", "STANDARD"), S3, ("TimedStorage-ByteHrs",), is_tiered=True),
    *(_storage(name, f"{code}-ByteHrs") for name, code in _CLASS_CODES.items()),
    _storage("GLACIER", "GlacierByteHrs"),
    _storage("DEEP_ARCHIVE", "GDA-ByteHrs", DEEP_ARCHIVE),
    *(
        Figure(("intelligent_tiers", tier), S3, (f"TimedStorage-INT-{tier}-ByteHrs",))
        for tier in ("IA", "AIA", "AA", "DAA")
    ),
    Figure(("reduced_redundancy_per_gb_month",), S3, ("TimedStorage-RRS-ByteHrs",)),
    Figure(("put_per_1000", "STANDARD"), S3, ("Requests-Tier1",), per=_PER_1000),
    Figure(("get_per_1000", "STANDARD"), S3, ("Requests-Tier2",), per=_PER_1000),
    *(
        Figure((field, name), S3, (f"Requests-{code}-{tier}",), per=_PER_1000)
        for name, code in _CLASS_CODES.items()
        for field, tier in (("put_per_1000", "Tier1"), ("get_per_1000", "Tier2"))
    ),
    Figure(
        ("put_per_1000", "GLACIER"),
        S3,
        ("Requests-GLACIER-Tier1",),
        ("PutObject", "PostObject"),
        per=_PER_1000,
    ),
    Figure(("put_per_1000", "DEEP_ARCHIVE"), DEEP_ARCHIVE, ("Requests-GDA-Tier1",), per=_PER_1000),
    *(_transition(name, code) for name, code in _CLASS_CODES.items()),
    _transition("INTELLIGENT_TIERING", "INT"),
    _transition("GLACIER", "Glacier"),
    _transition("DEEP_ARCHIVE", "GDA"),
    *(Figure(("retrieval_per_gb", name), S3, (f"Retrieval-{code}",)) for name, code in _CLASS_CODES.items()),
    Figure(("retrieval_per_gb", "GLACIER"), S3, ("Standard-Retrieval-Bytes",), ("RestoreObject", "")),
    Figure(("retrieval_per_gb", "DEEP_ARCHIVE"), DEEP_ARCHIVE, ("Standard-Retrieval-Bytes",), _DEEP_RESTORE),
    Figure(
        ("restores", "GLACIER", "Standard", "per_1000"),
        S3,
        ("Requests-Tier3",),
        ("RestoreObject",),
        per=_PER_1000,
    ),
    Figure(("restores", "GLACIER", "Expedited", "per_1000"), S3, ("Requests-Tier6",), per=_PER_1000),
    Figure(("restores", "GLACIER", "Expedited", "per_gb"), S3, ("Expedited-Retrieval-Bytes",)),
    Figure(
        ("restores", "DEEP_ARCHIVE", "Standard", "per_1000"),
        DEEP_ARCHIVE,
        ("Requests-GDA-Tier3",),
        per=_PER_1000,
    ),
    Figure(
        ("restores", "DEEP_ARCHIVE", "Bulk", "per_1000"), DEEP_ARCHIVE, ("Requests-GDA-Tier5",), per=_PER_1000
    ),
    Figure(
        ("restores", "DEEP_ARCHIVE", "Bulk", "per_gb"), DEEP_ARCHIVE, ("Bulk-Retrieval-Bytes",), _DEEP_RESTORE
    ),
    Figure(("fees", "tags"), S3, ("TagStorage-TagHrs",), per=10_000),
    Figure(("fees", "monitoring"), S3, ("Monitoring-Automation-INT",), per=_PER_1000),
    Figure(("fees", "inventory"), S3, ("Inventory-ObjectsListed",), per=1_000_000),
    Figure(("fees", "storage_class_analysis"), S3, ("StorageAnalytics-ObjCount",), per=1_000_000),
    Figure(("fees", "batch_job"), S3, ("BatchOperations-Jobs",)),
    Figure(("fees", "batch_object"), S3, ("BatchOperations-Objects",), per=1_000_000),
    Figure(("fees", "batch_manifest"), S3, ("BatchOperations-Manifest",), per=1_000_000),
    Figure(("fees", "invalidation_path"), CLOUDFRONT, ("Invalidations",)),
)
"""In the order in which they are shown. Egress is apart: its quotes are told by where the data go."""
_ESSENTIAL = frozenset(
    {
        *(".".join(one.path) for one in FIGURES if one.path[0] == "storage_per_gb_month"),
        *(f"put_per_1000.{name}" for name in ("STANDARD", "GLACIER", "DEEP_ARCHIVE")),
        "get_per_1000.STANDARD",
        *(f"retrieval_per_gb.{name}" for name in ("GLACIER", "DEEP_ARCHIVE")),
        "egress_per_gb",
    }
)
"""What no other region's price stands in for."""


def refresh_row(
    quotes: Sequence[Quote], region: str, *, bundled: Mapping[str, Any], current: Mapping[str, Any] | None
) -> RefreshedRow:
    """Make a region's row from quotes.

    Args:
        quotes: Of any services and regions; those of other regions are left out.
        region: The region's code.
        bundled: The whole price file, for what is common to all regions.
        current: The region's row as it is used now; None for a region that the book lacks.

    Raises:
        PriceListError: There is no quote for the region, or storage or request prices are missing for a
            region that the book lacks.
    """
    ours = [quote for quote in quotes if quote.region in {region, ""} or quote.service == CLOUDFRONT]
    if not any(quote.service == S3 and quote.region == region for quote in ours):
        there = sorted({quote.region for quote in quotes if quote.service == S3 and quote.region})
        raise PriceListError(
            f"the price list has no S3 prices for {region}",
            item=region,
            hint=f"it has: {', '.join(there)}" if there else "give the AmazonS3 offer file of this region",
        )
    row: dict[str, Any] = deepcopy(dict(current or {"assumed": []}))
    before = _flat(row, bundled)
    kept: list[str] = []
    found: set[Path] = set()
    for figure in FIGURES:
        prices = {_prices(quote, figure) for quote in ours if figure.matches(quote)}
        if figure.path == ("storage_per_gb_month", "DEEP_ARCHIVE") and not prices:
            # INTELLIGENT_TIERING's deepest tier costs the same; the staging storage beside it does not.
            like = next(one for one in FIGURES if one.path == ("intelligent_tiers", "DAA"))
            prices = {_prices(quote, like) for quote in ours if like.matches(quote)}
        if len(prices) != 1:
            kept.append(".".join(figure.path))
            continue
        _put(row, figure, prices.pop(), bundled)
        found.add(figure.path)
    if _put_egress(row, _location(ours, region), ours):
        found.add(("egress_per_gb",))
    else:
        kept.append("egress_per_gb")
    if current is None:
        _check_complete(kept, region)
    row["as_of"] = max((quote.published for quote in ours if quote.service == S3), default="")
    row["source"] = "AWS Price List"
    row["assumed"] = _assumed(row["assumed"], found)
    after = _flat(row, bundled)
    return RefreshedRow(
        region=region,
        row=row,
        changes=tuple(
            Change(name, before.get(name), amount)
            for name, amount in after.items()
            if before.get(name) != amount
        ),
        kept=tuple(kept),
        found=len(found),
    )


def _prices(quote: Quote, figure: Figure) -> tuple[tuple[Decimal, Decimal], ...]:
    tiers = quote.tiers if figure.is_tiered else quote.tiers[:1]
    return tuple((tier.from_gb, (tier.price * figure.per).normalize()) for tier in tiers)


def _put(
    row: dict[str, Any],
    figure: Figure,
    prices: tuple[tuple[Decimal, Decimal], ...],
    bundled: Mapping[str, Any],
) -> None:
    texts = [f"{price:f}" for _, price in prices]
    *folders, name = figure.path
    place = row
    for folder in folders:
        place = place.setdefault(folder, {})
    if figure.path[0] == "storage_per_gb_month":
        place[name] = texts
        starts = [int(start) for start, _ in prices]
        if figure.is_tiered and starts != bundled["storage_tiers_from_gb"][: len(starts)]:
            row["storage_tiers_from_gb"] = starts
    else:
        place[name] = texts[0]


def _location(quotes: Iterable[Quote], region: str) -> str | None:
    """Return the region's name in words, by which data transfer is told."""
    return next((quote.attributes.get("location") for quote in quotes if quote.region == region), None)


def _put_egress(row: dict[str, Any], location: str | None, quotes: Iterable[Quote]) -> bool:
    """Take the prices out to the internet: of `TRANSFER`, and not S3's own product of a similar name."""
    found = {
        tuple((tier.from_gb, tier.price.normalize()) for tier in quote.tiers)
        for quote in quotes
        if quote.service == TRANSFER
        and quote.attributes.get("fromLocation") == location
        and quote.attributes.get("fromLocationType") == "AWS Region"
        and quote.attributes.get("toLocation") == "External"
        and quote.attributes.get("transferType") == "AWS Outbound"
        and not quote.usage_type.startswith("Global-")
        and any(tier.price for tier in quote.tiers)
    }
    if location is None or len(found) != 1:
        return False
    tiers = [(start, price) for start, price in found.pop() if price]  # the free first GB are left out
    row["egress_per_gb"] = [f"{price:f}" for _, price in tiers]
    row["egress_tiers_from_gb"] = [0, *(int(start) for start, _ in tiers[1:])]
    return True


def _check_complete(kept: Iterable[str], region: str) -> None:
    missing = [name for name in kept if name in _ESSENTIAL]
    if missing:
        raise PriceListError(
            f"{region} is not bundled, and the price list lacks {', '.join(missing)}",
            item=region,
            hint="give the region's files of AmazonS3, AmazonS3GlacierDeepArchive and AWSDataTransfer, too",
        )


def _assumed(assumed: Iterable[str], found: set[Path]) -> list[str]:
    """Drop what need not be assumed any more."""
    regional = {
        ("fees", "tags"),
        ("fees", "monitoring"),
        ("reduced_redundancy_per_gb_month",),
        ("restores", "GLACIER", "Standard", "per_1000"),
        ("transition_per_1000", "STANDARD_IA"),
        ("transition_per_1000", "GLACIER_IR"),
    }
    proved: dict[str, Callable[[], bool]] = {
        "storage.STANDARD.tiers": lambda: ("storage_per_gb_month", "STANDARD") in found,
        "storage.STANDARD.flat": lambda: ("storage_per_gb_month", "STANDARD") in found,
        "storage.INTELLIGENT_TIERING.AIA": lambda: ("intelligent_tiers", "AIA") in found,
        "egress.flat": lambda: ("egress_per_gb",) in found,
        "us_east_1_figures": lambda: regional <= found,
    }
    return [name for name in assumed if name not in proved or not proved[name]()]


def _flat(row: Mapping[str, Any], bundled: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return a row's figures by name, first tiers only, with what it takes from the common parts."""
    common, virginia = bundled["everywhere"], bundled["us_east_1"]
    flat: dict[str, Decimal] = {}
    for figure in FIGURES:
        value: Any = row
        for part in figure.path:
            value = value.get(part) if isinstance(value, dict) else None
        if value is None and row.get("storage_per_gb_month"):
            value = _common(figure.path, common, virginia, row)
        if value is not None:
            flat[".".join(figure.path)] = Decimal(value[0] if isinstance(value, list) else value)
    if row.get("egress_per_gb"):
        flat["egress_per_gb"] = Decimal(row["egress_per_gb"][0])
    return flat


def _common(
    path: Path, common: Mapping[str, Any], virginia: Mapping[str, Any], row: Mapping[str, Any]
) -> Any:  # noqa: ANN401 - as JSON has it
    first, *rest = path
    if first == "fees":
        return virginia["fees"][rest[0]]["price"]
    if first == "intelligent_tiers":
        like = {"IA": "STANDARD_IA", "AIA": "GLACIER_IR", "AA": "GLACIER", "DAA": "DEEP_ARCHIVE"}[rest[0]]
        return row["storage_per_gb_month"][like]
    if first == "transition_per_1000":
        return virginia[first].get(rest[0]) or row["put_per_1000"].get(rest[0])
    if first == "restores":
        return virginia[first][rest[0]][rest[1]][rest[2]]
    if first == "reduced_redundancy_per_gb_month":
        return virginia[first]
    return common.get(first, {}).get(rest[0])
