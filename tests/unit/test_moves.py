"""Moving between storage classes: transitions, what leaving too soon costs, months with their days."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.costs.costs import measure
from creative_s3.core.costs.moves import early_delete_price, months_of, retrieval_price, transition_price
from creative_s3.core.costs.pricing import GB, load_bundled
from creative_s3.errors import UsageError
from creative_s3.setting_checks import STORAGE_CLASSES

KIB = 2**10
VIRGINIA = load_bundled().region("us-east-1")
LEFT_ON = date(2026, 3, 1)


def early(storage_class: str, *sizes: int, age_days: int, on: date = LEFT_ON) -> Decimal:
    (kind,) = measure(("any", size, False) for size in sizes)
    return early_delete_price(kind.stored, storage_class, VIRGINIA, age_days=age_days, on=on)


@pytest.mark.parametrize(
    ("start", "days", "months"),
    [
        (date(2026, 2, 1), 28, "1"),
        (date(2024, 2, 1), 29, "1"),
        (date(2026, 3, 1), 31, "1"),
        (date(2026, 1, 1), 365, "12"),
        (date(2026, 3, 1), 0, "0"),
    ],
)
def test_whole_months_are_whole_whatever_their_days(start: date, days: int, months: str) -> None:
    """Amazon S3 FAQs: a GB-month is GB-hours over the hours of that calendar month."""
    assert abs(months_of(start, days) - Decimal(months)) < Decimal("1e-20")


@given(st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.integers(0, 800), st.integers(0, 800))
def test_days_add_up_across_months(start: date, first: int, second: int) -> None:
    together = months_of(start, first + second)
    apart = months_of(start, first) + months_of(date.fromordinal(start.toordinal() + first), second)
    assert abs(together - apart) < Decimal("1e-20")


@pytest.mark.parametrize(
    ("storage_class", "price"),
    [
        ("STANDARD_IA", "10"),
        ("ONEZONE_IA", "10"),
        ("INTELLIGENT_TIERING", "10"),
        ("GLACIER_IR", "20"),
        ("GLACIER", "30"),
        ("DEEP_ARCHIVE", "50"),
    ],
)
def test_a_million_transitions_cost_what_the_price_list_says(storage_class: str, price: str) -> None:
    """AWS Price List, us-east-1, 2026: .01, .02, .03 and .05 per 1,000."""
    assert transition_price(1_000_000, storage_class, VIRGINIA) == Decimal(price)


@pytest.mark.parametrize("storage_class", ["STANDARD", "REDUCED_REDUNDANCY"])
def test_no_rule_moves_objects_into_standard(storage_class: str) -> None:
    with pytest.raises(UsageError, match="no lifecycle rule"):
        transition_price(1, storage_class, VIRGINIA)


def test_leaving_glacier_after_60_days_is_billed_to_the_90th() -> None:
    """S3 User Guide, billing reports: the remaining days pro rata at the class's price; 30 days of March."""
    price = early("GLACIER", GB, age_days=60)
    assert price == Decimal("0.0036") * (GB + 32 * KIB) / GB * (Decimal(30) / 31)


def test_leaving_an_infrequent_class_early_bills_its_minimum_size() -> None:
    assert early("STANDARD_IA", 1, age_days=0) == Decimal("0.0125") * 128 * KIB / GB * (Decimal(30) / 31)


@pytest.mark.parametrize("storage_class", ["STANDARD", "INTELLIGENT_TIERING"])
def test_a_class_without_a_minimum_can_be_left_at_once(storage_class: str) -> None:
    """The price list still has EarlyDelete-INT; the class has no minimum duration, so it is not charged."""
    assert early(storage_class, GB, age_days=0) == 0


@given(st.sampled_from(STORAGE_CLASSES), st.integers(0, 200), st.integers(0, 400), st.integers(0, 400))
def test_waiting_never_makes_leaving_dearer(storage_class: str, kib: int, one: int, other: int) -> None:
    sooner, later = sorted((one, other))
    prices = [early(storage_class, kib * KIB, age_days=age) for age in (sooner, later)]
    # 30 days of February are more months than 30 days of March: so the day of leaving is the same here.
    assert prices[0] >= prices[1]
    assert (prices[1] == 0) == (later >= VIRGINIA.of(storage_class).rules.minimum_days)


def test_reading_is_billed_by_the_class_that_is_read() -> None:
    assert retrieval_price(10 * GB, "GLACIER_IR", VIRGINIA) == Decimal("0.3")
    assert retrieval_price(10 * GB, "STANDARD", VIRGINIA) == 0
