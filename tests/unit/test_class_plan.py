"""What changing storage classes takes and saves: requests, retrieval, early deletion, what pays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.assets.models import StoredObject
from creative_s3.core.classes.plan import EARLY_DELETE, RETRIEVAL, ClassPlan, plan_class_change
from creative_s3.core.costs.pricing import GB, load_bundled
from creative_s3.core.s3.copies import COPY_LIMIT_BYTES, copy_part_bytes, parts_of_copy
from creative_s3.setting_checks import STORAGE_CLASSES

VIRGINIA = load_bundled().region("us-east-1")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def stored(
    size_bytes: int, storage_class: str = "STANDARD", *, age_days: int = 400, key: str = "k"
) -> StoredObject:
    return StoredObject(
        key, size_bytes, "e", last_modified=NOW - timedelta(days=age_days), storage_class=storage_class
    )


def plan(target: str, *objects: StoredObject) -> ClassPlan:
    return plan_class_change(objects, target, VIRGINIA, now=NOW)


def test_each_object_is_looked_at_copied_and_proved() -> None:
    made = plan("GLACIER_IR", stored(GB), stored(GB))
    assert made.bill.requests == {"CopyObject": 2, "HeadObject": 4}
    assert made.bill.price == 2 * (Decimal("0.00002") + Decimal("0.0000004") + Decimal("0.00001"))


def test_more_than_5_gib_is_copied_in_parts() -> None:
    made = plan("STANDARD_IA", stored(COPY_LIMIT_BYTES + 1))
    assert made.bill.requests["UploadPartCopy"] == 11
    assert "CopyObject" not in made.bill.requests
    assert made.bill.requests["GetObjectTagging"] == 1


def test_parts_grow_so_that_ten_thousand_are_enough() -> None:
    size_bytes = 48 * 2**40
    assert parts_of_copy(size_bytes) <= 10_000
    assert copy_part_bytes(size_bytes) <= 5 * GB


def test_reading_from_an_infrequent_class_is_paid() -> None:
    assert plan("STANDARD", stored(10 * GB, "GLACIER_IR")).bill.extras[RETRIEVAL] == Decimal("0.3")
    assert RETRIEVAL not in plan("STANDARD_IA", stored(10 * GB)).bill.extras


def test_leaving_too_soon_is_named_and_priced() -> None:
    """GLACIER_IR has 90 days: after 59, 31 are left, the whole of March: .004 for a GB."""
    made = plan("STANDARD", stored(GB, "GLACIER_IR", age_days=59), stored(GB, "GLACIER_IR", age_days=90))
    assert made.early == 1
    assert made.bill.extras[EARLY_DELETE] == Decimal("0.004")


def test_it_pays_for_itself_when_it_saves() -> None:
    made = plan("GLACIER_IR", stored(GB))
    assert made.monthly_before - made.monthly_after == Decimal("0.019")
    assert made.months_to_repay == made.bill.total / Decimal("0.019")


def test_tiny_objects_never_pay_for_it_and_are_counted() -> None:
    made = plan("STANDARD_IA", *[stored(1000)] * 5, stored(GB))
    assert made.dearer == 5
    assert plan("STANDARD_IA", stored(1000)).months_to_repay is None


def test_an_unknown_class_is_priced_as_standard() -> None:
    assert plan("STANDARD_IA", stored(GB, "OUTPOSTS")).monthly_before == Decimal("0.023")


@given(
    st.lists(st.integers(0, 8 * GB), min_size=1, max_size=8),
    st.sampled_from(STORAGE_CLASSES),
    st.sampled_from(STORAGE_CLASSES),
    st.integers(0, 400),
)
def test_a_plan_for_more_never_costs_less(sizes: list[int], source: str, target: str, age_days: int) -> None:
    objects = [stored(size_bytes, source, age_days=age_days) for size_bytes in sizes]
    fewer, more = plan(target, *objects[1:]), plan(target, *objects)
    assert fewer.bill.total <= more.bill.total
    assert fewer.monthly_after <= more.monthly_after
    assert len(more.changes) + len(more.settled) == len(objects)
