"""What a bucket costs a month as it is today: by kind, storage class and campaign. Pure.

Older versions and unfinished uploads are read by ``hidden_bytes.py``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.layout import parse_key, published_key
from creative_s3.core.costs.costs import SizeTotals, storage_share
from creative_s3.core.costs.pricing import SMALL_OBJECT_BYTES, amount_text
from creative_s3.core.storage.assets import OTHER
from creative_s3.core.storage.inventory import INDEX, SORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from creative_s3.core.assets.layout import KeyParts
    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.costs.pricing import RegionPrices
    from creative_s3.core.storage.hidden_bytes import HiddenBytes

    _Group = tuple[str, str, str]

_TAGGED = frozenset({"category", "slug", "region", "season", "style", "campaign", "ratio"})
_UNSPECIFIED = "unspecified"
NO_CAMPAIGN = "no campaign in the key"
_LEFT_OUT = (
    "Requests, retrieval and transfer: a bucket does not say how it is used.",
    "What the account stores elsewhere in this region: it fills the same volume tiers.",
    "Taxes, discounts, credits and the free tier; KMS, replication, inventory, logs and metrics.",
)
_TIERING = "INTELLIGENT_TIERING is priced as if all of it were in its frequent tier: a listing does not tell."
_TAGS = (
    "Tags that the keys do not tell: a listing has none, so those that an upload sets for a key are counted."
)


@dataclass(frozen=True, slots=True)
class Cost:
    """A part of the bucket, and what it costs a month.

    Attributes:
        objects: How many.
        size_bytes: Their content.
        monthly: Storage as billed, monitoring and tags.
    """

    objects: int = 0
    size_bytes: int = 0
    monthly: Decimal = Decimal(0)

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.objects + other.objects, self.size_bytes + other.size_bytes, self.monthly + other.monthly
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        return {
            "objects": self.objects,
            "size_bytes": self.size_bytes,
            "monthly": amount_text(self.monthly),
        }


@dataclass(frozen=True, slots=True)
class BucketCost:
    """What a bucket costs a month.

    Attributes:
        kinds: By kind, in the order of reports.
        classes: By storage class.
        campaigns: By the campaign in the key, the dearest first.
        versions: Noncurrent versions.
        uploads: Unfinished uploads.
        tags: What of the kinds' costs is for tags.
        region: The prices.
        left_out: What is not in the amounts, in plain sentences.
    """

    kinds: Mapping[str, Cost]
    classes: Mapping[str, Cost]
    campaigns: Mapping[str, Cost]
    versions: Cost
    uploads: Cost
    tags: Decimal
    region: RegionPrices
    left_out: tuple[str, ...]

    @property
    def total(self) -> Cost:
        """Everything together."""
        return sum(self.kinds.values(), self.versions + self.uploads)

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        return {
            "monthly": amount_text(self.total.monthly),
            "by_kind": {name: cost.to_dict() for name, cost in self.kinds.items()},
            "by_storage_class": {name: cost.to_dict() for name, cost in self.classes.items()},
            "by_campaign": {name: cost.to_dict() for name, cost in self.campaigns.items()},
            "noncurrent_versions": self.versions.to_dict(),
            "unfinished_uploads": self.uploads.to_dict(),
            "tags": amount_text(self.tags),
            "region": self.region.requested,
            "prices_region": self.region.name,
            "prices_as_of": self.region.as_of,
            "currency": self.region.currency,
            "left_out": list(self.left_out),
        }


class CostTally:
    """Sums up a listing while somebody else reads it: a million objects are read once.

    Args:
        prefix: What keys of the layout begin with.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._index_key = published_key(prefix)
        self._rows: defaultdict[_Group, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])

    def through(self, objects: Iterable[StoredObject]) -> Iterator[StoredObject]:
        """Yield the objects as they come, and count them."""
        for stored in objects:
            self._add(stored)
            yield stored

    def _add(self, stored: StoredObject) -> None:
        parts = None if stored.key == self._index_key else parse_key(stored.key, self._prefix)
        sort = INDEX if stored.key == self._index_key else str(parts.kind) if parts else OTHER
        campaign = parts.fields.get("campaign", NO_CAMPAIGN) if parts else NO_CAMPAIGN
        row = self._rows[sort, stored.storage_class, campaign]
        row[0] += 1
        row[1] += stored.size_bytes
        if stored.size_bytes >= SMALL_OBJECT_BYTES:
            row[2] += 1
            row[3] += stored.size_bytes
        if parts:
            row[4] += _tags(parts)

    def cost(self, region: RegionPrices, hidden: HiddenBytes) -> BucketCost:
        """Price what was counted, with what a listing does not show."""
        sizes = {group: SizeTotals(*row[:4]) for group, row in self._rows.items()}
        wholes: defaultdict[str, SizeTotals] = defaultdict(SizeTotals)
        for (_, storage_class, _), part in sizes.items():
            wholes[_priced(storage_class, region)] += part
        for more in (hidden.versions, hidden.uploads):
            for storage_class, part in more.items():
                wholes[_priced(storage_class, region)] += part

        def cost(part: SizeTotals, storage_class: str, tags: int = 0) -> Cost:
            name = _priced(storage_class, region)
            monthly = storage_share(part, wholes[name], name, region) + region.fees["tags"].cost(tags)
            return Cost(part.objects, part.size_bytes, monthly)

        costs = {group: cost(part, group[1], self._rows[group][4]) for group, part in sizes.items()}
        left_out = [*_LEFT_OUT, _TAGS]
        if "INTELLIGENT_TIERING" in wholes:
            left_out.append(_TIERING)
        if region.is_fallback:
            left_out.insert(0, f"{region.requested}'s own prices: {region.name}'s are shown.")
        campaigns = _grouped(costs, lambda group: group[2])
        kinds = _grouped(costs, lambda group: group[0])
        return BucketCost(
            kinds={sort: kinds[sort] for sort in SORTS if sort in kinds},
            classes=dict(sorted(_grouped(costs, lambda group: group[1]).items())),
            campaigns=dict(sorted(campaigns.items(), key=lambda item: (-item[1].monthly, item[0]))),
            versions=sum((cost(part, name) for name, part in hidden.versions.items()), Cost()),
            uploads=sum((cost(part, name) for name, part in hidden.uploads.items()), Cost()),
            tags=region.fees["tags"].cost(sum(row[4] for row in self._rows.values())),
            region=region,
            left_out=tuple(left_out),
        )


def _tags(parts: KeyParts) -> int:
    """Count the tags that an upload sets, as far as the key tells (see `core.assets.layout.object_tags`)."""
    known = sum(name in _TAGGED and value != _UNSPECIFIED for name, value in parts.fields.items())
    season = parts.asset_type is not None and "season" not in parts.fields
    return 1 + known + season


def _grouped(costs: Mapping[_Group, Cost], name_of: Callable[[_Group], str]) -> dict[str, Cost]:
    grouped: defaultdict[str, Cost] = defaultdict(Cost)
    for group, cost in costs.items():
        grouped[name_of(group)] += cost
    return dict(grouped)


def _priced(storage_class: str, region: RegionPrices) -> str:
    """Return the class whose prices are used: STANDARD's where the book has none."""
    return storage_class if storage_class in region.classes else "STANDARD"
