"""The estimate of a migration: its sums, its suggestions, its honesty and its JSON."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.costs.costs import RequestCounts, measure, request_price
from creative_s3.core.costs.pricing import GB, load_bundled
from creative_s3.core.migration.estimates import UNUSED, MigrationEstimate, Use, estimate_migration
from creative_s3.errors import UsageError
from creative_s3.setting_checks import STORAGE_CLASSES

if TYPE_CHECKING:
    from random import Random

Item = tuple[str, int, bool]

KIB, MIB = 2**10, 2**20
BOOK = load_bundled()
VIRGINIA = BOOK.region("us-east-1")
ITEMS = st.lists(
    st.tuples(
        st.sampled_from(["product", "background", "composite"]), st.integers(0, 64 * MIB), st.booleans()
    ),
    max_size=30,
)


def estimate_of(
    *items: Item, region: str = "us-east-1", tags_per_object: int = 0, use: Use = UNUSED
) -> MigrationEstimate:
    return estimate_migration(
        measure(items), region=BOOK.region(region), tags_per_object=tags_per_object, use=use
    )


def test_an_estimate_adds_the_upload_the_storage_and_the_tags() -> None:
    """1,000 objects of 1 MiB, us-east-1: 1,000 PUTs, a LIST, 0.9765625 GB-months, 6,000 tags of 6.5e-7."""
    estimate = estimate_of(*[("product", MIB, True)] * 1000, tags_per_object=6)
    current = estimate.current
    assert estimate.total.requests == RequestCounts(put=1000, list=1)
    assert current.upload == Decimal("0.005005")
    assert current.storage == Decimal("0.9765625") * Decimal("0.023")
    assert current.tags == Decimal("0.0039")
    assert current.monthly == current.storage + current.tags
    assert current.yearly == 12 * current.monthly
    assert current.first_year == current.yearly + current.upload


def test_every_class_is_estimated_in_the_books_order() -> None:
    assert tuple(entry.storage_class for entry in estimate_of().classes) == STORAGE_CLASSES


def test_without_word_on_other_requests_what_is_already_there_is_listed_once() -> None:
    items = [("product", 1, False)] * 2500 + [("product", 1, True)] * 9
    assert estimate_of(*items).total.requests == RequestCounts(put=9, list=3)


def test_requests_beside_the_uploads_are_priced_too() -> None:
    besides = RequestCounts(list=2, head=10, put=1)
    estimate = estimate_migration(measure([("product", 1, True)]), region=VIRGINIA, besides=besides)
    assert estimate.total.requests == RequestCounts(put=2, list=2, head=10)
    assert estimate.current.upload == 4 * Decimal("0.000005") + 10 * Decimal("0.0000004")


def test_large_files_are_cheapest_in_glacier_ir_to_read_and_in_deep_archive_to_keep() -> None:
    estimate = estimate_of(*[("product", 10 * MIB, True)] * 100)
    assert (estimate.cheapest_readable, estimate.cheapest) == ("GLACIER_IR", "DEEP_ARCHIVE")


def test_tiny_files_are_cheapest_in_standard() -> None:
    """5 KB: below every class's break-even size, and every other class's PUT is dearer."""
    estimate = estimate_of(*[("product", 5 * KIB, True)] * 1000)
    assert (estimate.cheapest_readable, estimate.cheapest) == ("STANDARD", "STANDARD")


def test_the_upload_requests_weigh_in_the_suggestion() -> None:
    """20 KB in GLACIER saves 0.085 a month per million objects, but its PUTs cost 25.00 more."""
    estimate = estimate_of(*[("product", 20 * KIB, True)] * 1000)
    assert estimate.of("GLACIER").monthly < estimate.of("STANDARD").monthly
    assert estimate.cheapest == "STANDARD"


@given(ITEMS)
def test_classes_with_a_caution_are_never_suggested(items: list[Item]) -> None:
    estimate = estimate_of(*items)
    for name in (estimate.cheapest, estimate.cheapest_readable):
        assert estimate.of(name).caution is None
    assert estimate.of(estimate.cheapest_readable).first_byte == "milliseconds"
    assert {entry.storage_class for entry in estimate.classes if entry.caution} == {
        "ONEZONE_IA",
        "REDUCED_REDUNDANCY",
    }


@given(ITEMS, st.integers(0, 10), st.decimals(0, 10, places=2), st.none() | st.integers(0, 10**13))
def test_the_kinds_add_up_to_the_whole(
    items: list[Item], tags: int, reads: Decimal, egress_bytes: int | None
) -> None:
    use = Use(reads, egress_bytes if sum(size for _, size, _ in items) else 0)
    estimate = estimate_of(*items, tags_per_object=tags, use=use)
    list_price = request_price(RequestCounts(list=estimate.total.requests.list), "STANDARD", VIRGINIA)
    for entry in estimate.classes:
        assert abs(sum(kind.monthly for kind in entry.kinds) - entry.monthly) < Decimal("1e-18")
        assert sum(kind.upload for kind in entry.kinds) + list_price == entry.upload
    assert sum(kind.stored.objects for kind in estimate.kinds) == estimate.total.stored.objects == len(items)


@given(ITEMS, st.randoms(use_true_random=False))
def test_the_order_of_the_objects_does_not_matter(items: list[Item], random: Random) -> None:
    shuffled = random.sample(items, len(items))
    assert estimate_of(*items) == estimate_of(*shuffled)


@given(ITEMS, st.integers(0, 64 * MIB))
def test_one_more_object_never_makes_anything_cheaper(items: list[Item], size: int) -> None:
    before, after = estimate_of(*items), estimate_of(*items, ("product", size, True))
    for name in STORAGE_CLASSES:
        assert before.of(name).monthly <= after.of(name).monthly
        assert before.of(name).upload <= after.of(name).upload


def test_volume_tiers_are_shared_by_the_kinds_in_proportion() -> None:
    """52,900 GB in us-east-1 cost $1,215.00 (Amazon S3 FAQs' volume); half of it costs half."""
    half = 26_450 * GB
    estimate = estimate_of(("background", half, False), ("product", half, False))
    assert estimate.current.monthly == Decimal("1215.00")
    assert {kind.monthly for kind in estimate.current.kinds} == {Decimal("607.50")}


def test_break_even_reads_count_real_sizes_and_requests() -> None:
    large = estimate_of(("product", 64 * MIB, False)).of("STANDARD_IA").break_even_reads
    small = estimate_of(("product", 130 * KIB, False)).of("STANDARD_IA").break_even_reads
    assert large is not None
    assert small is not None
    assert small < large < Decimal("1.05")


def test_reads_at_the_break_even_cost_as_much_as_standard() -> None:
    estimate = estimate_of(("product", 3 * MIB, False), ("product", 40 * KIB, False))
    for name in ("STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"):
        entry = estimate.of(name)
        assert entry.break_even_reads is not None
        in_class = entry.monthly_with_reads(entry.break_even_reads)
        in_standard = estimate.of("STANDARD").monthly_with_reads(entry.break_even_reads)
        assert abs(in_class - in_standard) < Decimal("1e-20")


def test_a_class_that_loses_at_rest_has_no_break_even() -> None:
    assert estimate_of(("product", 10 * KIB, False)).of("STANDARD_IA").break_even_reads is None


def test_intelligent_tiering_shows_what_unread_objects_come_to() -> None:
    """us-east-1: from 128 KB on .004 (Archive Instant Access) and monitoring 2.5e-6; smaller stay at .023."""
    entry = estimate_of(("product", GB, False), ("product", 64 * KIB, False)).of("INTELLIGENT_TIERING")
    small = Decimal("0.023") * 64 * KIB / GB
    assert entry.monthly_unread == Decimal("0.004") + small + Decimal("0.0000025")
    assert estimate_of().of("STANDARD").monthly_unread is None


def test_reads_and_egress_are_in_the_month_when_they_are_told() -> None:
    """us-east-1: 10 GB in GLACIER_IR, read twice a month: 20 x .03, 2 GETs at .01 per 1,000, 20 x .09 out."""
    use = Use(reads_per_month=Decimal(2), egress_bytes=None)
    entry = estimate_of(("product", 10 * GB, False), use=use).of("GLACIER_IR")
    assert entry.reads == Decimal("0.6") + Decimal("0.00002")
    assert entry.egress == Decimal("1.8")
    assert entry.monthly == Decimal("0.04") + entry.reads + entry.egress


def test_egress_can_be_told_as_a_size() -> None:
    entry = estimate_of(("product", GB, False), use=Use(egress_bytes=100 * GB)).current
    assert (entry.reads, entry.egress) == (Decimal(0), Decimal(9))


def test_what_is_told_is_no_longer_left_out() -> None:
    said = {True: estimate_of(use=Use(Decimal(1), None)).left_out, False: estimate_of().left_out}
    assert [any(text.startswith("Reads:") for text in said[told]) for told in (False, True)] == [True, False]
    assert [any("free for an account" in text for text in said[told]) for told in (False, True)] == [
        False,
        True,
    ]


def test_reading_often_makes_a_readable_class_the_best() -> None:
    """Break-even of STANDARD_IA against STANDARD, per GB in us-east-1: 1.05 full reads a month."""
    items = [("product", GB, False)] * 10
    assert estimate_of(*items).cheapest_readable == "GLACIER_IR"
    assert estimate_of(*items, use=Use(Decimal("0.7"))).cheapest_readable == "STANDARD_IA"
    assert estimate_of(*items, use=Use(Decimal("1.1"))).cheapest_readable == "STANDARD"


def test_padding_is_what_minimum_sizes_and_overheads_cost() -> None:
    """us-east-1: 64 KB billed as 128 KB in STANDARD_IA; 32 KB at .0036 and 8 KB at .023 more in GLACIER."""
    estimate = estimate_of(("product", 64 * KIB, False))
    assert estimate.of("STANDARD_IA").padding == Decimal("0.0125") * 64 * KIB / GB
    archive = estimate.of("GLACIER").padding
    assert abs(archive - (Decimal("0.0036") * 32 + Decimal("0.023") * 8) * KIB / GB) < Decimal("1e-20")
    assert estimate.of("STANDARD").padding == 0


def test_an_unknown_region_is_the_first_thing_left_out() -> None:
    estimate = estimate_of(region="eu-south-1")
    assert estimate.is_fallback
    assert "eu-south-1" in estimate.left_out[0]
    assert "us-east-1" in estimate.left_out[0]
    assert estimate_of().left_out == estimate.left_out[1:]


def test_unverified_tiers_are_named_only_when_the_volume_reaches_them() -> None:
    little, much = (estimate_of(("product", size, False), region="sa-east-1") for size in (GB, 60_000 * GB))
    sentence = BOOK.region("sa-east-1").assumed["storage.STANDARD.tiers"]
    assert sentence not in little.assumed
    assert sentence in much.assumed


def test_the_json_form_has_plain_digits_and_the_sums() -> None:
    estimate = estimate_of(("product", 49, True), region="eu-central-1", tags_per_object=1)
    text = json.dumps(estimate.to_dict())
    data = json.loads(text)
    assert "E-" not in text
    assert (data["region"], data["currency"], data["prices_as_of"]) == ("eu-central-1", "USD", "2026-09-29")
    assert data["is_fallback"] is False
    assert data["total"]["requests"]["put"] == 1
    first = data["classes"][0]
    assert first["upload"] == "0.0000108"
    assert first["tags"] == "0.00000065"
    assert set(first) >= {
        "storage_class",
        "monthly",
        "yearly",
        "first_year",
        "kinds",
        "first_byte",
        "minimum_days",
    }


def test_a_storage_class_without_prices_is_refused() -> None:
    with pytest.raises(UsageError, match="EXPRESS_ONEZONE"):
        estimate_migration((), region=VIRGINIA, storage_class="EXPRESS_ONEZONE")


def test_a_million_objects_are_estimated_in_about_a_second() -> None:
    kinds = ("product", "background", "composite")
    items = ((kinds[n % 3], n * 7919 % (3 * MIB), n % 5 > 0) for n in range(1_000_000))
    started = time.process_time()
    estimate = estimate_migration(measure(items), region=VIRGINIA)
    assert estimate.total.stored.objects == 1_000_000
    assert estimate.total.upload_objects == 800_000
    assert time.process_time() - started < 5  # 0.5 s on a laptop; the margin is for slow, shared machines
