"""The price book against the published figures, copied here by hand from the price list's table."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.costs.pricing import (
    FIRST_TIER_BYTES,
    GB,
    SMALL_OBJECT_BYTES,
    amount_text,
    gb_months,
    load_bundled,
    money,
)
from creative_s3.errors import UsageError
from creative_s3.setting_checks import STORAGE_CLASSES

BOOK = load_bundled()
# Per GB-month STD SIA ZIA GIR GFR GDA; per 1,000 PUT and GET in STD, PUT into GFR and GDA; per GB retrieval
# from GFR and GDA, and out to the internet.
TABLE = """
us-east-1       .023  .0125 .0100  .004  .0036  .00099 .0050 .00040 .030   .050 .010  .020 .09
us-east-2       .023  .0125 .0100  .004  .0036  .00099 .0050 .00040 .030   .050 .010  .020 .09
us-west-2       .023  .0125 .0100  .004  .0036  .00099 .0050 .00040 .030   .050 .010  .020 .09
us-west-1       .026  .0144 .0115  .005  .0045  .0020  .0055 .00044 .033   .060 .011  .022 .09
ca-central-1    .025  .0138 .01104 .005  .00405 .0018  .0055 .00044 .033   .060 .011  .022 .09
eu-west-1       .023  .0125 .0100  .004  .0036  .00099 .0050 .00040 .033   .055 .010  .020 .09
eu-north-1      .023  .0125 .0100  .004  .0036  .00099 .0050 .00040 .033   .055 .010  .020 .09
eu-west-2       .024  .0131 .01048 .005  .00405 .0018  .0053 .00042 .0318  .060 .0105 .021 .09
eu-west-3       .024  .0131 .01048 .005  .00405 .0018  .0053 .00042 .0318  .060 .0105 .021 .09
eu-central-1    .0245 .0135 .0108  .005  .00405 .0018  .0054 .00043 .036   .060 .012  .024 .09
ap-southeast-1  .025  .0138 .0110  .005  .0045  .0020  .0050 .00040 .036   .060 .012  .024 .12
ap-southeast-2  .025  .0138 .0110  .005  .0045  .0020  .0055 .00044 .036   .060 .012  .024 .114
ap-northeast-1  .025  .0138 .0110  .005  .0045  .0020  .0047 .00037 .03426 .065 .011  .022 .114
ap-south-1      .025  .0138 .0110  .005  .0045  .0020  .0050 .00040 .036   .070 .012  .024 .1093
sa-east-1       .0405 .0221 .0177  .0083 .00765 .0032  .0070 .00056 .042   .100 .014  .028 .15
"""
ROWS = [
    (name, [Decimal(cell) for cell in cells]) for name, *cells in map(str.split, TABLE.strip().splitlines())
]


@pytest.mark.parametrize(("name", "figures"), ROWS, ids=[name for name, _ in ROWS])
def test_a_region_has_the_published_prices(name: str, figures: list[Decimal]) -> None:
    """AWS Price List offer files, 2026."""
    region = BOOK.region(name)
    standard, glacier, deep = (region.of(each) for each in ("STANDARD", "GLACIER", "DEEP_ARCHIVE"))
    classes = ("STANDARD", "STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
    assert [region.of(each).per_gb_month for each in classes] == figures[:6]
    requests = (standard.put, standard.get, glacier.put, deep.put)
    assert [price * 1000 for price in requests] == figures[6:10]
    assert [glacier.transition, deep.transition] == [glacier.put, deep.put]
    assert [glacier.retrieval_per_gb, deep.retrieval_per_gb] == figures[10:12]
    assert region.egress[0].price == figures[12]
    assert not region.is_fallback


def test_the_book_has_exactly_the_regions_of_the_table() -> None:
    assert set(BOOK.regions) == {name for name, _ in ROWS}


@pytest.mark.parametrize("name", BOOK.regions)
def test_the_infrequent_classes_cost_the_same_per_request_everywhere(name: str) -> None:
    """AWS Price List offer files, 2026: SIA and ZIA .01/.001 and .01 per GB, GIR .02/.01 and .03 per GB."""
    region = BOOK.region(name)
    figures = {
        each: (region.of(each).put * 1000, region.of(each).get * 1000, region.of(each).retrieval_per_gb)
        for each in ("STANDARD_IA", "ONEZONE_IA", "GLACIER_IR")
    }
    infrequent = (Decimal("0.01"), Decimal("0.001"), Decimal("0.01"))
    instant = (Decimal("0.02"), Decimal("0.01"), Decimal("0.03"))
    assert figures == {"STANDARD_IA": infrequent, "ONEZONE_IA": infrequent, "GLACIER_IR": instant}


@pytest.mark.parametrize("name", BOOK.regions)
def test_intelligent_tiering_is_requested_and_stored_at_standards_price(name: str) -> None:
    region = BOOK.region(name)
    standard, tiering = region.of("STANDARD"), region.of("INTELLIGENT_TIERING")
    assert (tiering.tiers, tiering.put, tiering.get) == (standard.tiers, standard.put, standard.get)
    assert region.intelligent_tiers["IA"] == region.of("STANDARD_IA").per_gb_month
    assert region.intelligent_tiers["DAA"] == region.of("DEEP_ARCHIVE").per_gb_month


def test_the_byte_hours_example_costs_what_the_bill_says() -> None:
    """Amazon S3 FAQs: 42,259,901,212,262,400 byte-hours in a 31-day month are 52,900 GB-months; $1,215.00."""
    volume_gb = gb_months(42_259_901_212_262_400, days_in_month=31)
    assert volume_gb == 52_900
    price = BOOK.region("us-east-1").of("STANDARD").storage_price(int(volume_gb) * GB)
    assert price == Decimal("1215.00")
    assert money(price) == "$1,215.00"


def test_the_third_tier_begins_at_500_tb() -> None:
    """us-east-1: 51,200 GB at .023, up to 512,000 GB at .022, then .021."""
    standard = BOOK.region("us-east-1").of("STANDARD")
    expected = 51_200 * Decimal("0.023") + 460_800 * Decimal("0.022") + Decimal("0.021")
    assert standard.storage_price(512_001 * GB) == expected
    assert standard.tiers[1].from_gb * GB == FIRST_TIER_BYTES


def test_a_region_without_known_tiers_says_that_its_first_price_is_used() -> None:
    mumbai = BOOK.region("ap-south-1")
    assert mumbai.of("STANDARD").storage_price(600_000 * GB) == 600_000 * Decimal("0.025")
    assert "first price is used for any volume" in mumbai.assumed["storage.STANDARD.flat"]


@pytest.mark.parametrize(
    "name", ["eu-west-1", "eu-central-1", "ap-southeast-1", "ap-northeast-1", "sa-east-1"]
)
def test_a_region_with_unverified_tiers_says_so(name: str) -> None:
    region = BOOK.region(name)
    assert len(region.of("STANDARD").tiers) == 3
    assert "not verified" in region.assumed["storage.STANDARD.tiers"]


@pytest.mark.parametrize("name", ["us-east-1", "us-east-2", "us-west-2"])
def test_a_region_with_verified_tiers_assumes_nothing_about_them(name: str) -> None:
    assert not any(key.startswith("storage.STANDARD") for key in BOOK.region(name).assumed)


@pytest.mark.parametrize("name", sorted(set(BOOK.regions) - {"us-east-1"}))
def test_other_regions_say_which_figures_are_us_east_1s(name: str) -> None:
    assert "us-east-1's prices" in BOOK.region(name).assumed["us_east_1_figures"]


@pytest.mark.parametrize(
    ("name", "prices"),
    [
        ("us-east-1", ".09 .085 .07 .05"),
        ("eu-central-1", ".09 .085 .07 .05"),
        ("ap-southeast-1", ".12 .085 .082 .08"),
        ("ap-northeast-1", ".114 .089 .086 .084"),
        ("sa-east-1", ".15 .138 .126 .114"),
        ("ap-south-1", ".1093"),
    ],
)
def test_egress_fills_its_tiers(name: str, prices: str) -> None:
    """The first 10 TB, the next 40, the next 100, and beyond 150 TB (price lists of 2024-09 and 2026)."""
    region = BOOK.region(name)
    figures = [Decimal(price) for price in prices.split()]
    assert [tier.price for tier in region.egress] == figures
    figures += [figures[-1]] * (4 - len(figures))
    volumes = (10_240, 40_960, 102_400, 1_000)
    expected = sum(volume * price for volume, price in zip(volumes, figures, strict=True))
    assert region.egress_price(sum(volumes) * GB) == expected


def test_the_rules_of_the_classes_are_the_user_guides() -> None:
    """S3 User Guide, "Understanding and managing Amazon S3 storage classes"."""
    region = BOOK.region("us-east-1")
    rules = {name: region.of(name).rules for name in STORAGE_CLASSES}
    minimums = {name: (each.minimum_bytes, each.minimum_days) for name, each in rules.items()}
    assert minimums == {
        "STANDARD": (0, 0),
        "INTELLIGENT_TIERING": (0, 0),
        "STANDARD_IA": (131_072, 30),
        "ONEZONE_IA": (131_072, 30),
        "GLACIER_IR": (131_072, 90),
        "GLACIER": (0, 90),
        "DEEP_ARCHIVE": (0, 180),
        "REDUCED_REDUNDANCY": (0, 0),
    }
    overheads = {
        name: (each.own_overhead_bytes, each.standard_overhead_bytes) for name, each in rules.items()
    }
    archives = {"GLACIER", "DEEP_ARCHIVE"}
    assert {name for name, pair in overheads.items() if pair == (32_768, 8_192)} == archives
    assert {name for name, pair in overheads.items() if pair == (0, 0)} == set(STORAGE_CLASSES) - archives
    assert {name for name, each in rules.items() if each.is_archive} == archives


def test_every_size_rule_lies_where_sums_over_objects_are_split() -> None:
    region = BOOK.region("us-east-1")
    for name in STORAGE_CLASSES:
        rules = region.of(name).rules
        assert rules.minimum_bytes in {0, SMALL_OBJECT_BYTES}
        assert rules.monitored_from_bytes in {None, SMALL_OBJECT_BYTES}


def test_restores_cost_what_their_option_costs() -> None:
    """us-east-1 offer file, 2026: per 1,000 requests and per GB."""
    region = BOOK.region("us-east-1")
    figures = {
        (name, option): (price.request * 1000, price.per_gb)
        for name in ("GLACIER", "DEEP_ARCHIVE")
        for option, price in region.of(name).restores.items()
    }
    assert figures == {
        ("GLACIER", "Expedited"): (10, Decimal("0.03")),
        ("GLACIER", "Standard"): (Decimal("0.05"), Decimal("0.01")),
        ("GLACIER", "Bulk"): (0, 0),
        ("DEEP_ARCHIVE", "Standard"): (Decimal("0.10"), Decimal("0.02")),
        ("DEEP_ARCHIVE", "Bulk"): (Decimal("0.025"), Decimal("0.0025")),
    }
    assert not region.of("STANDARD").restores


def test_transitions_cost_what_the_target_costs() -> None:
    """us-east-1 offer file, 2026, per 1,000."""
    region = BOOK.region("us-east-1")
    figures = {name: region.of(name).transition for name in STORAGE_CLASSES}
    per_1000 = {name: None if price is None else price * 1000 for name, price in figures.items()}
    assert per_1000 == {
        "STANDARD": None,
        "INTELLIGENT_TIERING": Decimal("0.01"),
        "STANDARD_IA": Decimal("0.01"),
        "ONEZONE_IA": Decimal("0.01"),
        "GLACIER_IR": Decimal("0.02"),
        "GLACIER": Decimal("0.03"),
        "DEEP_ARCHIVE": Decimal("0.05"),
        "REDUCED_REDUNDANCY": None,
    }


def test_eight_hundred_invalidation_paths_beyond_the_free_ones_cost_four_dollars() -> None:
    """CloudFront Developer Guide, "Pay for file invalidation": 3 distributions x 600 paths, 800 billed."""
    fee = BOOK.region("us-east-1").fees["invalidation_path"]
    assert fee.cost(3 * 600) == Decimal("4.000")
    assert fee.cost(999) == 0
    assert fee.is_assumed


def test_a_batch_job_costs_its_quarter_and_its_objects() -> None:
    """An AWS solution guide's table: 25 jobs 6.25, 20,809 objects 0.02."""
    fees = BOOK.region("us-east-1").fees
    assert fees["batch_job"].cost(25) == Decimal("6.25")
    assert money(fees["batch_object"].cost(20_809)) == "$0.0208"


def test_an_unknown_region_is_shown_at_us_east_1s_prices_and_says_so() -> None:
    region = BOOK.region("eu-south-1")
    assert region.is_fallback
    assert (region.requested, region.name) == ("eu-south-1", "us-east-1")
    assert region.of("STANDARD") == BOOK.region("us-east-1").of("STANDARD")


def test_an_unknown_storage_class_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="storage class OUTPOSTS") as caught:
        BOOK.region("us-east-1").of("OUTPOSTS")
    assert caught.value.hint is not None
    assert "GLACIER_IR" in caught.value.hint


def test_every_class_that_can_be_set_has_a_price() -> None:
    assert all(tuple(region.classes) == STORAGE_CLASSES for region in BOOK.regions.values())


def test_the_book_is_dated_and_names_its_source() -> None:
    assert BOOK.as_of == "2026-09-29"
    assert "Price List" in BOOK.source
    assert BOOK.currency == "USD"


def test_the_book_is_read_once() -> None:
    assert load_bundled() is load_bundled()


def test_prices_load_neither_boto3_nor_pydantic() -> None:
    code = (
        "import json, sys, creative_s3.core.migration.estimates as e\n"
        "from creative_s3.core.costs.pricing import load_bundled\n"
        "load_bundled()\n"
        "print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"boto3", "botocore", "pydantic", "rich", "typer"} & set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1215", "$1,215.00"),
        ("0.0042", "$0.0042"),
        ("0.00001", "<$0.0001"),
        ("0", "$0.00"),
        ("0.439", "$0.439"),
        ("0.25", "$0.25"),
        ("0.99999", "$1.00"),
        ("1.005", "$1.01"),
        ("1234567.891", "$1,234,567.89"),
        ("-3.2", "-$3.20"),
        ("-0.00001", ">-$0.0001"),
    ],
)
def test_money_is_written_for_people(amount: str, text: str) -> None:
    assert money(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.000245", "0.000245"),
        ("1215", "1215.00"),
        ("0", "0.00"),
        ("6.5E-7", "0.00000065"),
        ("-1E+3", "-1000.00"),
    ],
)
def test_amounts_are_written_for_machines_without_exponents(amount: str, text: str) -> None:
    assert amount_text(Decimal(amount)) == text


@given(st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, places=12))
def test_money_is_zero_only_when_nothing_is_owed(amount: Decimal) -> None:
    assert (money(amount) == "$0.00") == (amount == 0)
    assert Decimal(amount_text(amount)) == amount


def test_one_byte_in_the_cheapest_class_does_not_vanish_from_the_json() -> None:
    cheapest = min(
        (each for r in BOOK.regions.values() for each in r.classes.values()), key=lambda c: c.per_gb_month
    )
    assert Decimal(amount_text(cheapest.storage_price(1))) > 0
