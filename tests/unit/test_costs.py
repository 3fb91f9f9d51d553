"""The arithmetic of the bill: golden figures that others computed, and what must hold for any sizes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.costs.costs import (
    KindTotals,
    RequestCounts,
    SizeTotals,
    billed_bytes,
    break_even_reads,
    break_even_size_bytes,
    list_requests,
    measure,
    part_count,
    read_price,
    request_price,
    storage_price,
)
from creative_s3.core.costs.pricing import GB, load_bundled
from creative_s3.setting_checks import STORAGE_CLASSES

KIB, MIB = 2**10, 2**20
VIRGINIA = load_bundled().region("us-east-1")
SIZES = st.integers(0, 200 * MIB)


def sizes_of(*sizes: int) -> SizeTotals:
    parts = measure(("any", size, False) for size in sizes)
    return parts[0].stored if parts else SizeTotals()


def per_object(size: int, storage_class: str) -> Decimal:
    return storage_price(sizes_of(size), storage_class, VIRGINIA)


# --- golden figures


def test_a_million_tiny_objects_cost_little_less_in_glacier() -> None:
    """20 KB x 1,000,000, us-east-1: STANDARD 0.439; GLACIER, with overheads, 0.179 + 0.175 = 0.354."""
    tiny = SizeTotals(objects=1_000_000, size_bytes=1_000_000 * 20 * KIB)
    standard, glacier = (storage_price(tiny, each, VIRGINIA) for each in ("STANDARD", "GLACIER"))
    assert round(standard, 3) == Decimal("0.439")
    assert round(glacier, 3) == Decimal("0.354")
    assert round(standard - glacier, 3) == Decimal("0.085")


def test_moving_a_million_tiny_objects_to_glacier_takes_29_years_to_repay() -> None:
    """The same case: the transitions cost 30.00 once and save 0.085 per month."""
    tiny = SizeTotals(objects=1_000_000, size_bytes=1_000_000 * 20 * KIB)
    transition = VIRGINIA.of("GLACIER").transition
    assert transition is not None
    saved = storage_price(tiny, "STANDARD", VIRGINIA) - storage_price(tiny, "GLACIER", VIRGINIA)
    assert 1_000_000 * transition == Decimal("30.00")
    assert round(1_000_000 * transition / saved / 12) in {29, 30}


@pytest.mark.parametrize(
    ("storage_class", "reads"), [("STANDARD_IA", "1.05"), ("GLACIER_IR", "0.63"), ("ONEZONE_IA", "1.3")]
)
def test_reads_per_month_that_make_a_class_as_dear_as_standard(storage_class: str, reads: str) -> None:
    """us-east-1, prices per GB: STANDARD_IA (.023-.0125)/.01 = 1.05, GLACIER_IR (.023-.004)/.03 = 0.63."""
    found = break_even_reads(storage_class, VIRGINIA)
    assert found is not None
    assert round(found, 2) == Decimal(reads)


@pytest.mark.parametrize("storage_class", ["STANDARD", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY"])
def test_a_class_that_is_no_cheaper_at_rest_has_no_break_even(storage_class: str) -> None:
    assert break_even_reads(storage_class, VIRGINIA) is None
    assert break_even_size_bytes(storage_class, VIRGINIA) is None


@pytest.mark.parametrize(
    ("storage_class", "kib"), [("STANDARD_IA", "69.6"), ("GLACIER_IR", "22.3"), ("GLACIER", "15.4")]
)
def test_smallest_object_that_a_class_stores_for_less(storage_class: str, kib: str) -> None:
    """us-east-1: 128 KB x .0125/.023 = 69.6; 128 x .004/.023 = 22.3; GLACIER, by its overheads only, 15.4."""
    found = break_even_size_bytes(storage_class, VIRGINIA)
    assert found is not None
    assert round(Decimal(found) / KIB, 1) == Decimal(kib)


def test_smallest_object_that_repays_its_transition_to_glacier_in_a_year() -> None:
    """us-east-1: overheads and the .03 per 1,000 transitions over 12 months: about 150 KB."""
    found = break_even_size_bytes("GLACIER", VIRGINIA, transition_months=12)
    assert found is not None
    assert 150 * KIB <= found < 151 * KIB


@pytest.mark.parametrize(
    "storage_class", ["STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"]
)
def test_the_break_even_size_is_exactly_where_the_prices_cross(storage_class: str) -> None:
    found = break_even_size_bytes(storage_class, VIRGINIA)
    assert found is not None
    assert per_object(found, storage_class) <= per_object(found, "STANDARD")
    assert per_object(found - 1, storage_class) > per_object(found - 1, "STANDARD")


@pytest.mark.parametrize("storage_class", ["STANDARD_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"])
def test_with_a_transition_the_crossing_includes_its_price(storage_class: str) -> None:
    found = break_even_size_bytes(storage_class, VIRGINIA, transition_months=6)
    transition = VIRGINIA.of(storage_class).transition
    assert found is not None
    assert transition is not None
    for size, pays in ((found, True), (found - 1, False)):
        saved = 6 * (per_object(size, "STANDARD") - per_object(size, storage_class))
        assert (saved >= transition) == pays


# --- the classes' rules


def test_infrequent_classes_bill_at_least_128_kb() -> None:
    billed = billed_bytes(sizes_of(0, 1, 128 * KIB - 1, 128 * KIB, 200 * KIB), VIRGINIA.of("STANDARD_IA"))
    assert billed.own_bytes == 4 * 128 * KIB + 200 * KIB


def test_archives_bill_32_kb_at_their_own_price_and_8_kb_at_standards() -> None:
    billed = billed_bytes(sizes_of(1, 10 * MIB), VIRGINIA.of("DEEP_ARCHIVE"))
    assert (billed.own_bytes, billed.standard_bytes) == (10 * MIB + 1 + 2 * 32 * KIB, 2 * 8 * KIB)
    assert per_object(GB, "DEEP_ARCHIVE") == (
        Decimal("0.00099") * (GB + 32 * KIB) / GB + Decimal("0.023") * 8 * KIB / GB
    )


def test_intelligent_tiering_monitors_from_128_kb_on() -> None:
    below, at = per_object(128 * KIB - 1, "INTELLIGENT_TIERING"), per_object(128 * KIB, "INTELLIGENT_TIERING")
    assert below == per_object(128 * KIB - 1, "STANDARD")
    assert at == per_object(128 * KIB, "STANDARD") + Decimal("0.0000025")


def test_reading_from_an_archive_includes_the_standard_restore() -> None:
    one_gb = sizes_of(GB)
    assert read_price(one_gb, "GLACIER", VIRGINIA) == Decimal("0.01") + Decimal("0.00005") + Decimal(
        "0.0000004"
    )
    assert read_price(one_gb, "GLACIER_IR", VIRGINIA) == Decimal("0.03") + Decimal("0.00001")
    assert read_price(one_gb, "STANDARD", VIRGINIA) == Decimal("0.0000004")


# --- requests


def test_requests_are_priced_by_the_class_of_the_object() -> None:
    counts = RequestCounts(put=1000, head=1000, get=1000, delete=1000)
    assert request_price(counts, "STANDARD", VIRGINIA) == Decimal("0.0058")
    assert request_price(counts, "GLACIER_IR", VIRGINIA) == Decimal("0.04")


def test_a_list_costs_standards_put_price_in_every_class() -> None:
    prices = {request_price(RequestCounts(list=1000), each, VIRGINIA) for each in STORAGE_CLASSES}
    assert prices == {Decimal("0.005")}


def test_only_the_completion_of_a_multipart_upload_costs_the_archives_price() -> None:
    """S3 User Guide, "Uploading and copying objects using multipart upload": parts are staged in STANDARD."""
    counts = RequestCounts(create_multipart=1, upload_part=10, complete_multipart=1)
    assert request_price(counts, "DEEP_ARCHIVE", VIRGINIA) == 11 * Decimal("0.000005") + Decimal("0.00005")
    assert request_price(counts, "STANDARD_IA", VIRGINIA) == 12 * Decimal("0.00001")


def test_deletes_are_free() -> None:
    assert request_price(RequestCounts(delete=10**6), "STANDARD", VIRGINIA) == 0


def test_a_copy_costs_what_a_put_costs() -> None:
    for each in STORAGE_CLASSES:
        copy, put = (
            request_price(counts, each, VIRGINIA) for counts in (RequestCounts(copy=7), RequestCounts(put=7))
        )
        assert copy == put


def test_counts_add_up_and_know_their_total() -> None:
    both = RequestCounts(put=1, list=2) + RequestCounts(put=3, delete=4)
    assert both == RequestCounts(put=4, list=2, delete=4)
    assert both.total == 10


@pytest.mark.parametrize(("keys", "pages"), [(0, 1), (1, 1), (1000, 1), (1001, 2)])
def test_a_listing_has_pages_of_a_thousand_keys(keys: int, pages: int) -> None:
    assert list_requests(keys) == pages


@pytest.mark.parametrize(
    ("size", "parts"),
    [(8 * MIB, 1), (8 * MIB + 1, 2), (80_000 * MIB, 10_000), (80_000 * MIB + 1, 5_001), (50 * 2**40, 6_400)],
)
def test_parts_grow_when_ten_thousand_are_not_enough(size: int, parts: int) -> None:
    assert part_count(size, 8 * MIB) == parts


# --- measuring


def test_measuring_counts_what_there_is_and_what_is_to_be_uploaded() -> None:
    items = [
        ("product", 100, True),
        ("product", 200 * KIB, False),
        ("background", 8 * MIB - 1, True),
        ("background", 20 * MIB, True),
    ]
    background, product = measure(items)
    assert product == KindTotals(
        kind="product",
        stored=SizeTotals(2, 100 + 200 * KIB, 1, 200 * KIB),
        upload_objects=1,
        upload_bytes=100,
        requests=RequestCounts(put=1),
    )
    assert background.requests == RequestCounts(
        put=1, create_multipart=1, upload_part=3, complete_multipart=1
    )
    assert background.upload_bytes == 28 * MIB - 1


def test_a_file_of_exactly_the_threshold_goes_up_in_parts() -> None:
    (kind,) = measure([("any", 5 * MIB, True)], part_size_bytes=5 * MIB, multipart_threshold_bytes=5 * MIB)
    assert kind.requests == RequestCounts(create_multipart=1, upload_part=1, complete_multipart=1)


def test_nothing_measures_as_nothing_and_costs_nothing() -> None:
    assert measure([]) == ()
    assert all(storage_price(SizeTotals(), each, VIRGINIA) == 0 for each in STORAGE_CLASSES)


# --- for any sizes


@given(st.lists(SIZES, max_size=20), SIZES, st.sampled_from(STORAGE_CLASSES))
def test_the_sums_price_as_each_object_by_itself(sizes: list[int], one: int, storage_class: str) -> None:
    together = storage_price(sizes_of(*sizes, one), storage_class, VIRGINIA)
    apart = sum(per_object(size, storage_class) for size in [*sizes, one])
    assert abs(together - apart) < Decimal("1e-20")


@given(SIZES, SIZES, st.sampled_from(STORAGE_CLASSES), st.sampled_from(sorted(load_bundled().regions)))
def test_a_larger_object_never_costs_less(one: int, other: int, storage_class: str, region_name: str) -> None:
    region = load_bundled().region(region_name)
    smaller, larger = (sizes_of(size) for size in sorted((one, other)))
    assert storage_price(smaller, storage_class, region) <= storage_price(larger, storage_class, region)
    assert read_price(smaller, storage_class, region) <= read_price(larger, storage_class, region)


@given(st.integers(0, 10**18), st.integers(0, 10**18), st.sampled_from(sorted(load_bundled().regions)))
def test_more_volume_never_costs_less_across_the_tiers(one: int, other: int, region_name: str) -> None:
    standard = load_bundled().region(region_name).of("STANDARD")
    smaller, larger = sorted((one, other))
    assert standard.storage_price(smaller) <= standard.storage_price(larger)
