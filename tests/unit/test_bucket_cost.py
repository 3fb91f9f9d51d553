"""What a bucket costs a month: every byte once, by kind, class and campaign, hidden ones too."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.assets.models import StoredObject
from creative_s3.core.costs.costs import SizeTotals, storage_price
from creative_s3.core.costs.pricing import GB, load_bundled
from creative_s3.core.storage.bucket_cost import NO_CAMPAIGN, BucketCost, CostTally
from creative_s3.core.storage.hidden_bytes import HiddenBytes
from creative_s3.setting_checks import STORAGE_CLASSES

VIRGINIA = load_bundled().region("us-east-1")
KEYS = {
    "composite": "p/composites/spring/soap/1x1/a.png",
    "product": "p/products/original/dish-soap/soap/b.png",
    "background": "p/backgrounds/scene/us/fall/c.png",
    "cache": "p/cache/layout/fall/d.json",
    "other": "p/by-hand.png",
    "index": "p/metadata/index.json",
}


def cost_of(*objects: StoredObject, hidden: HiddenBytes | None = None) -> BucketCost:
    tally = CostTally("p")
    assert list(tally.through(objects)) == list(objects)
    return tally.cost(VIRGINIA, hidden or HiddenBytes())


def stored(sort: str, size_bytes: int, storage_class: str = "STANDARD") -> StoredObject:
    return StoredObject(KEYS[sort], size_bytes, "e", storage_class=storage_class)


def test_storage_and_tags_are_added_up_by_kind_class_and_campaign() -> None:
    """us-east-1: 10 GB at .023 and 5 GB at .004; tags as uploads set them, 6.5e-7 each."""
    found = cost_of(stored("composite", 10 * GB), stored("product", 5 * GB, "GLACIER_IR"))
    # a composite: type, campaign, product, ratio, season; a product: type, category, product, season
    tags = Decimal("0.00000065")
    assert found.kinds["composite"].monthly == Decimal("0.23") + 5 * tags
    assert found.kinds["product"].monthly == Decimal("0.02") + 4 * tags
    assert found.classes["GLACIER_IR"].size_bytes == 5 * GB
    assert list(found.campaigns) == ["spring", NO_CAMPAIGN]
    assert found.tags == 9 * tags


def test_older_versions_and_unfinished_uploads_are_paid_too() -> None:
    hidden = HiddenBytes(
        versions={"STANDARD": SizeTotals(3, 2 * GB, 3, 2 * GB)},
        uploads={"STANDARD": SizeTotals(1, GB, 1, GB)},
    )
    found = cost_of(stored("other", GB), hidden=hidden)
    assert found.versions.monthly == Decimal("0.046")
    assert found.uploads.monthly == Decimal("0.023")
    assert found.total.monthly == Decimal("0.092")
    assert found.total.objects == 5


def test_what_a_listing_cannot_tell_is_named() -> None:
    found = cost_of(stored("other", GB, "INTELLIGENT_TIERING"))
    assert any("frequent tier" in text for text in found.left_out)
    assert any("Tags" in text for text in found.left_out)


def test_an_empty_bucket_costs_nothing() -> None:
    assert cost_of().total.monthly == 0


OBJECTS = st.lists(
    st.builds(
        stored,
        st.sampled_from(sorted(KEYS)),
        st.integers(0, 10**15),
        st.sampled_from([*STORAGE_CLASSES, "OUTPOSTS"]),
    ),
    max_size=12,
)


@given(OBJECTS)
def test_kinds_classes_and_campaigns_each_add_up_to_the_bucket(objects: list[StoredObject]) -> None:
    found = cost_of(*objects)
    whole = found.total.monthly
    for part in (found.kinds, found.classes, found.campaigns):
        assert abs(sum((one.monthly for one in part.values()), Decimal(0)) - whole) < Decimal("1e-9")
        assert sum(one.objects for one in part.values()) == len(objects)


@given(OBJECTS, st.sampled_from(STORAGE_CLASSES))
def test_one_class_costs_what_the_price_book_says_of_its_sum(
    objects: list[StoredObject], storage_class: str
) -> None:
    """Volume tiers are filled by all of a class together, not by each kind anew."""
    ours = [one for one in objects if one.storage_class == storage_class]
    found = cost_of(*ours)
    large = [one.size_bytes for one in ours if one.size_bytes >= 131_072]
    sizes = SizeTotals(len(ours), sum(one.size_bytes for one in ours), len(large), sum(large))
    priced = storage_price(sizes, storage_class, VIRGINIA)
    assert abs(found.total.monthly - found.tags - priced) < Decimal("1e-9")


@pytest.mark.parametrize("sort", sorted(KEYS))
def test_every_object_is_of_one_kind(sort: str) -> None:
    assert list(cost_of(stored(sort, 1)).kinds) == [sort]
