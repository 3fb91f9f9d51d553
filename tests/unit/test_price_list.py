"""Prices from the AWS Price List: what becomes which figure, what misleads, and what is stored and used."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from creative_s3.core.costs.price_figures import RefreshedRow, refresh_row
from creative_s3.core.costs.price_list import PriceListError, read_answers, read_offer
from creative_s3.core.costs.price_source import quotes_by_query, quotes_from
from creative_s3.core.costs.price_store import current_prices, current_row, forget_rows, store_row
from creative_s3.core.costs.pricing import bundled_data, load_bundled, parse_book
from creative_s3.errors import CreativeS3Error
from tests.unit.offers import TRAP, TRAPS, add, answers, deep_archive_offer, s3_offer, transfer_offer

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.costs.price_list import Quote
    from creative_s3.core.costs.pricing import RegionPrices

BOTH = ("us-east-1", "eu-central-1")


def quotes(*offers: dict[str, Any]) -> list[Quote]:
    return [quote for offer in offers for quote in read_offer(offer)]


def everything(*regions: str) -> list[Quote]:
    return quotes(s3_offer(*regions), deep_archive_offer(*regions), transfer_offer(*regions))


def refreshed(region: str, given: list[Quote] | None = None) -> RefreshedRow:
    return refresh_row(
        everything(*BOTH) if given is None else given,
        region,
        bundled=bundled_data(),
        current=bundled_data()["regions"].get(region),
    )


def prices_of(made: RefreshedRow) -> RegionPrices:
    book = parse_book({**bundled_data(), "regions": {**bundled_data()["regions"], made.region: made.row}})
    return book.region(made.region)


# --- reading


@pytest.mark.parametrize("region", BOTH)
def test_a_list_with_the_bundled_prices_gives_the_bundled_book(region: str) -> None:
    """AWS Price List offer files, 2026: the figures of `data/prices.json` come from them."""
    found, known = prices_of(refreshed(region)), load_bundled().region(region)
    for name, one in found.classes.items():
        if name != "REDUCED_REDUNDANCY" or region == "us-east-1":
            assert one.tiers == known.of(name).tiers
        assert (one.put, one.get, one.transition, one.retrieval_per_gb) == (
            known.of(name).put,
            known.of(name).get,
            known.of(name).transition,
            known.of(name).retrieval_per_gb,
        )
    assert found.egress == known.egress


def test_nothing_that_misleads_becomes_a_price() -> None:
    """Usage types are compared whole and with their operation: every trap costs 9.99 here."""
    for region in BOTH:
        assert not [change for change in refreshed(region).changes if change.after >= Decimal(TRAP)]


def test_the_traps_are_in_the_list() -> None:
    found = {f"{one.usage_type} {one.operation}".strip() for one in read_offer(s3_offer("eu-central-1"))}
    assert set(TRAPS) <= found


def test_deep_archive_is_not_its_staging_storage() -> None:
    """Without the service of its own, INTELLIGENT_TIERING's deepest tier stands in: the same price."""
    made = refreshed("eu-central-1", quotes(s3_offer(*BOTH)))
    assert prices_of(made).of("DEEP_ARCHIVE").per_gb_month == Decimal("0.0018")


def test_one_usage_type_has_a_price_for_each_operation() -> None:
    found = prices_of(refreshed("us-east-1"))
    per_1000 = {name: one.transition * 1000 for name, one in found.classes.items() if one.transition}
    assert per_1000["GLACIER_IR"] == Decimal("0.02")
    assert per_1000["STANDARD_IA"] == Decimal("0.01")
    assert found.of("GLACIER").restores["Standard"].request * 1000 == Decimal("0.05")
    assert found.of("GLACIER").restores["Standard"].per_gb == Decimal("0.01")
    assert found.of("DEEP_ARCHIVE").restores["Standard"].per_gb == Decimal("0.02")


def test_a_regions_own_fees_take_the_place_of_us_east_1s() -> None:
    found = prices_of(refreshed("eu-central-1"))
    assert found.fees["tags"].price == Decimal("0.007")
    assert found.intelligent_tiers["AIA"] == Decimal("0.0058")
    assert found.of("REDUCED_REDUNDANCY").per_gb_month == Decimal("0.026")
    assert "us_east_1_figures" not in found.assumed
    assert "storage.STANDARD.tiers" not in found.assumed
    assert found.fees["invalidation_path"].is_assumed


def test_egress_is_told_by_where_the_data_go_and_not_by_s3s_own_product() -> None:
    made = refreshed("eu-central-1", quotes(s3_offer(*BOTH)))
    assert "egress_per_gb" in made.kept
    assert prices_of(made).egress == load_bundled().region("eu-central-1").egress
    assert "egress_per_gb" not in refreshed("eu-central-1").kept


@pytest.mark.parametrize("prefix", ["", "USE1-"])
def test_us_east_1_has_no_prefix_or_one(prefix: str) -> None:
    offer = s3_offer("us-east-1")
    for product in offer["products"].values():
        product["attributes"]["usagetype"] = prefix + product["attributes"]["usagetype"]
    assert prices_of(refreshed("us-east-1", quotes(offer))).of("STANDARD").put == Decimal("0.000005")


def test_two_prices_for_one_figure_are_not_guessed_between() -> None:
    offer = s3_offer("us-east-1")
    add(offer, "us-east-1", "Requests-Tier1", "0.0000990000")
    made = refreshed("us-east-1", quotes(offer))
    assert "put_per_1000.STANDARD" in made.kept
    assert prices_of(made).of("STANDARD").put == Decimal("0.000005")


def test_the_date_is_the_price_lists() -> None:
    assert prices_of(refreshed("eu-central-1")).as_of == "2026-10-15"


def test_a_price_that_more_than_doubled_is_implausible() -> None:
    offer = s3_offer("us-east-1")
    terms = offer["terms"]["OnDemand"]
    sku = next(
        sku for sku, one in offer["products"].items() if one["attributes"]["usagetype"] == "Requests-Tier2"
    )
    (term,) = terms[sku].values()
    next(iter(term["priceDimensions"].values()))["pricePerUnit"]["USD"] = "0.0000400000"
    made = refreshed("us-east-1", quotes(offer))
    assert [change.name for change in made.implausible] == ["get_per_1000.STANDARD"]


def test_a_region_that_is_not_bundled_gets_prices_of_its_own() -> None:
    made = refresh_row(everything(*BOTH), "eu-central-1", bundled=bundled_data(), current=None)
    assert prices_of(made).of("STANDARD").per_gb_month == Decimal("0.0245")


def test_a_region_that_is_not_bundled_needs_all_of_its_own_prices() -> None:
    with pytest.raises(PriceListError, match="egress_per_gb"):
        refresh_row(quotes(s3_offer(*BOTH)), "eu-central-1", bundled=bundled_data(), current=None)


def test_a_list_without_the_region_says_which_it_has() -> None:
    with pytest.raises(PriceListError) as caught:
        refreshed("ap-south-1")
    assert caught.value.hint == "it has: eu-central-1, us-east-1"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"offerCode": "AmazonS3"}', "offer,price\n1,2", "[" * 100_000]
)
def test_a_file_that_is_no_price_list_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PriceListError):
        read_offer(path)


def test_a_path_and_its_object_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text(json.dumps(s3_offer(*BOTH)), encoding="utf-8")
    assert read_offer(path) == read_offer(s3_offer(*BOTH)) == quotes_from([str(path)], "us-east-1")


def test_prices_are_not_fetched_without_encryption() -> None:
    with pytest.raises(PriceListError, match="https only"):
        quotes_from(["http://127.0.0.1:1/index.json"], "us-east-1")


def test_the_query_api_gives_the_same_as_the_files() -> None:
    """`GetProducts`: pages, and a JSON text for each product; moto has no such service."""
    client: Any = boto3.client(
        "pricing",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",  # noqa: S106 - of nobody
    )
    offers = [s3_offer("eu-central-1"), deep_archive_offer("eu-central-1"), transfer_offer("eu-central-1")]
    with Stubber(client) as stubber:
        first = answers(offers[0])
        page = {"FormatVersion": "aws_v1", "PriceList": first[:20], "NextToken": "more"}
        stubber.add_response("get_products", page)
        stubber.add_response("get_products", {"FormatVersion": "aws_v1", "PriceList": first[20:]})
        for offer in offers[1:]:
            stubber.add_response("get_products", {"FormatVersion": "aws_v1", "PriceList": answers(offer)})
        stubber.add_response("get_products", {"FormatVersion": "aws_v1", "PriceList": []})
        asked = quotes_by_query(client, "eu-central-1")
        stubber.assert_no_pending_responses()
    client.close()
    assert refreshed("eu-central-1", list(asked)).row == refreshed("eu-central-1").row


def test_who_may_not_ask_is_told_the_permission_and_the_other_way() -> None:
    client: Any = boto3.client(
        "pricing",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",  # noqa: S106 - of nobody
    )
    with Stubber(client) as stubber:
        stubber.add_client_error("get_products", "AccessDeniedException", "no", 400)
        with pytest.raises(CreativeS3Error) as caught:
            quotes_by_query(client, "eu-central-1")
    client.close()
    assert caught.value.code == "access-denied"
    assert "pricing:GetProducts" in (caught.value.hint or "")


def test_an_answer_that_is_no_json_is_refused() -> None:
    with pytest.raises(PriceListError):
        read_answers(["{"])


# --- storing


def test_refreshed_prices_are_used_from_then_on_and_can_be_dropped(tmp_path: Path) -> None:
    path = tmp_path / "data" / "prices.json"
    store_row("eu-central-1", refreshed("eu-central-1").row, path)
    used = current_prices(path)
    assert used.refreshed == ("eu-central-1",)
    assert used.book.region("eu-central-1").as_of == "2026-10-15"
    assert used.book.region("us-east-1") == load_bundled().region("us-east-1")
    assert [file.name for file in path.parent.iterdir()] == ["prices.json"]
    assert forget_rows(path=path) == ("eu-central-1",)
    assert not path.exists()
    assert current_prices(path).book == load_bundled()


def test_two_regions_are_kept_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    for region in BOTH:
        store_row(region, refreshed(region).row, path)
    assert current_prices(path).refreshed == ("eu-central-1", "us-east-1")
    assert forget_rows("us-east-1", path) == ("us-east-1",)
    assert current_prices(path).refreshed == ("eu-central-1",)


def test_bundled_prices_that_are_newer_win(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    store_row("us-east-1", {**refreshed("us-east-1").row, "as_of": "2026-01-01"}, path)
    used = current_prices(path)
    assert (used.refreshed, used.outdated) == ((), ("us-east-1",))
    assert used.book.region("us-east-1").as_of == "2026-09-29"


@pytest.mark.parametrize(
    "text", ["", "{", '{"format": 99}', '{"format": 1, "regions": {"us-east-1": {}}}', "[]"]
)
def test_a_damaged_file_leaves_the_bundled_prices_and_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text, encoding="utf-8")
    used = current_prices(path)
    assert used.book == load_bundled()
    assert str(path) in (used.problem or "")
    store_row("us-east-1", refreshed("us-east-1").row, path)
    assert current_prices(path).problem is None


def test_a_row_that_cannot_be_read_back_is_not_stored(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    with pytest.raises(KeyError):
        store_row("us-east-1", {"as_of": "2026-10-15"}, path)
    assert not path.exists()


def test_a_second_refresh_compares_with_the_first(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    store_row("eu-central-1", refreshed("eu-central-1").row, path)
    again = refresh_row(
        everything(*BOTH), "eu-central-1", bundled=bundled_data(), current=current_row("eu-central-1", path)
    )
    assert again.changes == ()


def test_a_price_list_error_is_one_of_ours() -> None:
    assert issubclass(PriceListError, CreativeS3Error)
