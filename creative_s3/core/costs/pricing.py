"""The price book: what S3 charges, per region and storage class, from a bundled and dated file.

Here are the prices and the rules that belong to a class (minimum size, minimum days, overhead). What a set
of objects costs under them is computed in ``costs.py`` and ``estimates.py``. Money is ``Decimal`` throughout,
in the book's currency, before tax and without a free tier. GB is 2**30 bytes, as on the S3 bill (Amazon S3
FAQs), and a GB-month is a GB for one calendar month, however many days that has.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GB = 2**30
"""Bytes in the GB of the S3 bill."""
SMALL_OBJECT_BYTES = 128 * 1024
"""Below this, the infrequent-access classes bill a minimum and INTELLIGENT_TIERING does not monitor."""
FIRST_TIER_BYTES = 51_200 * GB
"""Where STANDARD's first volume tier ends."""
FALLBACK_REGION = "us-east-1"
_TWELVE_PLACES = Decimal("1e-12")  # one byte-month in the cheapest class is still 0.000000000001 dollars


@dataclass(frozen=True, slots=True)
class Tier:
    """A price per GB that holds from a volume on; volumes count per account, region and month.

    Attributes:
        from_gb: Where the tier begins.
        price: Per GB.
    """

    from_gb: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class ClassRules:
    """What a storage class demands of each object, the same in all regions.

    Source: S3 User Guide, "Understanding and managing Amazon S3 storage classes", and for the waiting times
    "Understanding archive retrieval options".

    Attributes:
        minimum_bytes: A smaller object is billed as this many bytes; 0 when there is no minimum.
        minimum_days: An object removed, overwritten or moved sooner is billed to the end of them; 0 for none.
        own_overhead_bytes: Billed per object at the class's own price, on top of its size.
        standard_overhead_bytes: Billed per object at STANDARD's price, on top of its size.
        monitored_from_bytes: Objects from this size on pay the monitoring fee; None when there is none.
        is_archive: Reading takes a restore first.
        first_byte: How long a read waits, in words.
        caution: Why the class is never suggested, in words; None when it may be.
    """

    minimum_bytes: int
    minimum_days: int
    own_overhead_bytes: int
    standard_overhead_bytes: int
    monitored_from_bytes: int | None
    is_archive: bool
    first_byte: str
    caution: str | None


@dataclass(frozen=True, slots=True)
class RestorePrice:
    """What one retrieval option of an archive class costs.

    Attributes:
        request: Per object restored.
        per_gb: Per GB restored.
        wait: How long it takes, in words.
    """

    request: Decimal
    per_gb: Decimal
    wait: str


@dataclass(frozen=True, slots=True)
class ClassPrices:
    """One storage class in one region.

    Attributes:
        storage_class: S3's own word.
        rules: The class's rules.
        tiers: Storage per GB-month, by volume, the first from 0 GB.
        put: One PUT, COPY or POST that creates an object in this class.
        get: One GET of an object in this class.
        transition: One lifecycle transition into this class; None where there is no such transition.
        retrieval_per_gb: Per GB read; for an archive class, by the Standard restore.
        restores: By option (``Expedited``, ``Standard``, ``Bulk``); empty for a class that is read directly.
    """

    storage_class: str
    rules: ClassRules
    tiers: tuple[Tier, ...]
    put: Decimal
    get: Decimal
    transition: Decimal | None
    retrieval_per_gb: Decimal
    restores: Mapping[str, RestorePrice]

    @property
    def per_gb_month(self) -> Decimal:
        """The price of the first tier."""
        return self.tiers[0].price

    def storage_price(self, size_bytes: int) -> Decimal:
        """Price `size_bytes` stored for a whole month, filling the tiers from the bottom."""
        return _tiered(self.tiers, Decimal(size_bytes) / GB)


@dataclass(frozen=True, slots=True)
class Fee:
    """A price that is known for us-east-1 only, and that other regions are shown for want of a better one.

    Attributes:
        price: For `per` units.
        per: How many units the price is for.
        unit: What is counted, in words.
        free: So many units cost nothing.
        is_assumed: Not verified in a price list.
    """

    price: Decimal
    per: int
    unit: str
    free: int = 0
    is_assumed: bool = False

    def cost(self, count: int | Decimal) -> Decimal:
        """Price `count` units."""
        return max(Decimal(count) - self.free, Decimal(0)) * self.price / self.per


@dataclass(frozen=True, slots=True)
class RegionPrices:
    """One region's prices.

    Attributes:
        name: The region whose prices these are.
        requested: The region that was asked for.
        as_of: The date of the prices, ISO 8601.
        source: Where they come from, in words.
        currency: For example ``USD``.
        classes: By storage class.
        intelligent_tiers: INTELLIGENT_TIERING per GB-month by access tier: ``IA``, ``AIA``, ``AA``, ``DAA``.
            Its frequent tier has STANDARD's prices.
        egress: Out to the internet, per GB and month, by volume.
        fees: The prices that are known for us-east-1 only, by name.
        assumed: What was taken without proof, by name, each a plain sentence.
    """

    name: str
    requested: str
    as_of: str
    source: str
    currency: str
    classes: Mapping[str, ClassPrices]
    intelligent_tiers: Mapping[str, Decimal]
    egress: tuple[Tier, ...]
    fees: Mapping[str, Fee]
    assumed: Mapping[str, str]

    @property
    def is_fallback(self) -> bool:
        """Whether another region's prices stand in for those of the region asked for."""
        return self.name != self.requested

    @property
    def list_request(self) -> Decimal:
        """One LIST: STANDARD's PUT price, whatever the class of the listed objects."""
        return self.classes["STANDARD"].put

    def of(self, storage_class: str) -> ClassPrices:
        """Return the prices of a storage class.

        Raises:
            UsageError: The book has no such class.
        """
        try:
            return self.classes[storage_class]
        except KeyError:
            raise UsageError(
                f"there are no prices for the storage class {storage_class}",
                item=storage_class,
                hint=f"use one of: {', '.join(self.classes)}",
            ) from None

    def egress_price(self, size_bytes: int) -> Decimal:
        """Price `size_bytes` sent to the internet in one month, without a free allowance."""
        return _tiered(self.egress, Decimal(size_bytes) / GB)


@dataclass(frozen=True, slots=True)
class PriceBook:
    """All prices of one date.

    Attributes:
        as_of: The date of the prices, ISO 8601.
        source: Where they come from, in words.
        currency: For example ``USD``.
        terms: What the prices leave out, in words.
        regions: By name.
    """

    as_of: str
    source: str
    currency: str
    terms: str
    regions: Mapping[str, RegionPrices]

    def region(self, name: str) -> RegionPrices:
        """Return a region's prices; for a region the book lacks, us-east-1's with ``is_fallback`` set."""
        found = self.regions.get(name)
        return found if found is not None else replace(self.regions[FALLBACK_REGION], requested=name)


@cache
def load_bundled() -> PriceBook:
    """Read the price file that comes with this package, once; refreshed prices are ``price_store``'s."""
    return parse_book(bundled_data())


@cache
def bundled_data() -> Mapping[str, Any]:
    """Return the price file that comes with this package, as JSON has it."""
    data: Mapping[str, Any] = json.loads(
        files(__package__).joinpath("data", "prices.json").read_text(encoding="utf-8")
    )
    return MappingProxyType(data)


def parse_book(data: Mapping[str, Any]) -> PriceBook:
    """Build a price book from the form of ``data/prices.json``.

    Raises:
        KeyError: A part is missing.
    """
    rules = {name: ClassRules(**fields) for name, fields in data["classes"].items()}
    regions = {name: _region(name, data, rules) for name in data["regions"]}
    return PriceBook(
        as_of=data["as_of"],
        source=data["source"],
        currency=data["currency"],
        terms=data["terms"],
        regions=MappingProxyType(regions),
    )


def gb_months(byte_hours: int, *, days_in_month: int) -> Decimal:
    """Convert the bill's byte-hours into GB-months of a month with so many days (Amazon S3 FAQs)."""
    return Decimal(byte_hours) / GB / (days_in_month * 24)


def money(amount: Decimal) -> str:
    """Write dollars for a person: ``$1,215.00``, ``$0.0042``, ``<$0.0001``; ``$0.00`` only for nothing."""
    size = abs(amount)
    if 0 < size < Decimal("0.0001"):
        return "<$0.0001" if amount > 0 else ">-$0.0001"
    sign = "-" if amount < 0 else ""
    if size >= 1:
        return f"{sign}${size.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"
    return f"{sign}${_trimmed(size.quantize(Decimal('0.0001'), ROUND_HALF_UP))}"


def amount_text(amount: Decimal) -> str:
    """Write an amount for a machine: plain digits, two to twelve decimals, such as ``0.000245``."""
    return _trimmed(amount.quantize(_TWELVE_PLACES, ROUND_HALF_UP))


def _trimmed(amount: Decimal) -> str:
    """Drop the zeros at the end, but keep two decimals."""
    whole, _, decimals = f"{amount:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _tiered(tiers: tuple[Tier, ...], gb: Decimal) -> Decimal:
    total = Decimal(0)
    for tier, end in zip(tiers, [*(tier.from_gb for tier in tiers[1:]), None], strict=True):
        upper = gb if end is None else min(gb, end)
        if upper > tier.from_gb:
            total += (upper - tier.from_gb) * tier.price
    return total


def _tiers(starts: Iterable[int], prices: list[str]) -> tuple[Tier, ...]:
    # A region may know fewer prices than there are tiers: then its last known one holds for the rest.
    return tuple(Tier(Decimal(start), Decimal(price)) for start, price in zip(starts, prices, strict=False))


def _region(name: str, data: Mapping[str, Any], rules: Mapping[str, ClassRules]) -> RegionPrices:
    row = data["regions"][name]
    texts = data["assumptions"]
    # INTELLIGENT_TIERING's colder tiers cost what the classes of the same speed cost.
    like = {"IA": "STANDARD_IA", "AIA": "GLACIER_IR", "AA": "GLACIER", "DAA": "DEEP_ARCHIVE"}
    storage = row["storage_per_gb_month"]
    return RegionPrices(
        name=name,
        requested=name,
        as_of=row.get("as_of") or data["as_of"],
        source=row.get("source") or data["source"],
        currency=data["currency"],
        classes=MappingProxyType({key: _class(key, row, data, rules[key]) for key in rules}),
        intelligent_tiers=MappingProxyType(
            {
                tier: Decimal(row.get("intelligent_tiers", {}).get(tier) or storage[key][0])
                for tier, key in like.items()
            }
        ),
        egress=_tiers(row.get("egress_tiers_from_gb") or data["egress_tiers_from_gb"], row["egress_per_gb"]),
        fees=MappingProxyType(
            {
                key: _fee(fields, row.get("fees", {}).get(key))
                for key, fields in data["us_east_1"]["fees"].items()
            }
        ),
        assumed=MappingProxyType({key: texts[key] for key in [*data["assumed_everywhere"], *row["assumed"]]}),
    )


def _class(name: str, row: Mapping[str, Any], data: Mapping[str, Any], rules: ClassRules) -> ClassPrices:
    common, virginia = data["everywhere"], data["us_east_1"]
    storage = {
        **row["storage_per_gb_month"],
        "INTELLIGENT_TIERING": row["storage_per_gb_month"]["STANDARD"],
        "REDUCED_REDUNDANCY": [
            row.get("reduced_redundancy_per_gb_month") or virginia["reduced_redundancy_per_gb_month"]
        ],
    }
    puts = {**common["put_per_1000"], **row["put_per_1000"]}
    gets = {**common["get_per_1000"], **row["get_per_1000"]}
    # For GLACIER and DEEP_ARCHIVE a PUT and a transition cost the same.
    transitions = {
        **virginia["transition_per_1000"],
        **row["put_per_1000"],
        **row.get("transition_per_1000", {}),
    }
    transition = transitions[name] if name in transitions and name != "STANDARD" else None
    retrieval = Decimal({**common["retrieval_per_gb"], **row["retrieval_per_gb"]}[name])
    return ClassPrices(
        storage_class=name,
        rules=rules,
        tiers=_tiers(row.get("storage_tiers_from_gb") or data["storage_tiers_from_gb"], storage[name]),
        put=_per_request(puts.get(name, puts["STANDARD"])),
        get=_per_request(gets.get(name, gets["STANDARD"])),
        transition=None if transition is None else _per_request(transition),
        retrieval_per_gb=retrieval,
        restores=MappingProxyType(
            {
                option: _restore(
                    {**fields, **row.get("restores", {}).get(name, {}).get(option, {})}, retrieval
                )
                for option, fields in virginia["restores"].get(name, {}).items()
            }
        ),
    )


def _restore(fields: Mapping[str, Any], retrieval: Decimal) -> RestorePrice:
    return RestorePrice(
        request=_per_request(fields["per_1000"]),
        per_gb=retrieval if fields["per_gb"] == "regional" else Decimal(fields["per_gb"]),
        wait=fields["wait"],
    )


def _per_request(per_1000: str) -> Decimal:
    return Decimal(per_1000) / 1000


def _fee(fields: Mapping[str, Any], price: str | None) -> Fee:
    return Fee(
        price=Decimal(price or fields["price"]),
        per=fields["per"],
        unit=fields["unit"],
        free=fields.get("free", 0),
        is_assumed=fields["assumed"] and price is None,
    )
