"""What moving between the tiers, fetching and restoring send and cost, as planned and as sent."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from creative_s3.core.assets.models import StoredObject
from creative_s3.core.costs.bills import RESTORE, Bill, bill_of, counts_of, sent_between
from creative_s3.core.costs.costs import RequestCounts
from creative_s3.core.costs.fetching import EGRESS, RETRIEVAL, fetching
from creative_s3.core.costs.pricing import GB, load_bundled
from creative_s3.core.tiers.bills import planned_moves, planned_restores, sent_moves
from creative_s3.core.tiers.report import Settled, TierReport
from creative_s3.core.tiers.restoring import Restore, RestoreState
from creative_s3.core.tiers.tiers import Action, Cause, Evidence, TierFile

VIRGINIA = load_bundled().region("us-east-1")
MIB = 2**20


def file(size_bytes: int, storage_class: str = "STANDARD") -> TierFile:
    return TierFile(
        file_path="cache/a",
        cache_keys=("a",),
        key="p/a",
        kind="product",
        size_bytes=size_bytes,
        is_hot=False,
        is_cold=True,
        in_cache=True,
        last_used_at=datetime(2026, 1, 1, tzinfo=UTC),
        evidence=next(iter(Evidence)),
        storage_class=storage_class,
    )


def test_a_demotion_is_a_head_and_asks_once_more_for_rules_and_bucket() -> None:
    bill = planned_moves([(Action.DEMOTE, file(GB))] * 3, VIRGINIA, sent={"ListObjectsV2": 1})
    assert bill.requests == {"GetBucketLifecycleConfiguration": 1, "HeadObject": 3, "ListObjectsV2": 2}
    assert bill.price == 4 * Decimal("0.0000004") + 2 * Decimal("0.000005")
    assert bill.extras == {}


def test_a_promotion_pays_for_retrieval_and_the_way_out() -> None:
    """us-east-1: 10 GB of GLACIER_IR at .03, and .09 out; 1,280 GETs of 8 MiB and a HEAD at .01 per 1,000."""
    bill = planned_moves([(Action.PROMOTE, file(10 * GB, "GLACIER_IR"))], VIRGINIA, sent={})
    assert bill.requests == {"GetObject": 1280, "HeadObject": 1}
    assert bill.price == 1281 * Decimal("0.00001")
    assert bill.extras == {RETRIEVAL: Decimal("0.3"), EGRESS: Decimal("0.9")}
    assert bill.total == Decimal("1.2") + bill.price


@pytest.mark.parametrize(("size_bytes", "gets"), [(0, 0), (1, 1), (8 * MIB, 1), (8 * MIB + 1, 2)])
def test_objects_are_fetched_in_ranges(size_bytes: int, gets: int) -> None:
    assert fetching(size_bytes)["GetObject"] == gets


def test_what_was_sent_has_the_prices_of_the_classes_that_explain_it() -> None:
    moved = Settled(file(MIB, "GLACIER_IR"), Action.PROMOTE, Cause.ASKED, done=True, reason="")
    report = TierReport((moved,), requests={"HeadObject": 3, "GetObject": 1})
    bill = sent_moves(report, VIRGINIA)
    assert bill.number == 4
    assert bill.price == 2 * Decimal("0.00001") + 2 * Decimal("0.0000004")


def test_what_failed_pays_no_retrieval() -> None:
    failed = Settled(file(GB, "GLACIER_IR"), Action.PROMOTE, Cause.ASKED, done=False, reason="")
    assert sent_moves(TierReport((failed,), requests={"HeadObject": 1}), VIRGINIA).extras == {}


def test_a_restore_pays_request_retrieval_and_its_copy() -> None:
    """us-east-1, GLACIER, Standard: .05 per 1,000, .01 per GB, and 3 days of STANDARD at .023."""
    needed = Restore(
        StoredObject("k", 10 * GB, "e", storage_class="GLACIER"), RestoreState.NEEDED, Decimal(0), ""
    )
    bill = planned_restores([needed], VIRGINIA, option="Standard", days=3)
    assert bill.requests == {RESTORE: 1}
    assert bill.price == Decimal("0.00005")
    assert bill.extras == {RETRIEVAL: Decimal("0.1"), "storage of the copies": Decimal("0.023")}


def test_no_restore_costs_nothing() -> None:
    assert planned_restores([], VIRGINIA, option="Bulk", days=3).total == 0


def test_operations_are_counted_as_the_price_book_does() -> None:
    sent = {"PutObject": 1, "UploadPartCopy": 2, "DeleteObjects": 3, "GetBucketVersioning": 4, RESTORE: 5}
    assert counts_of(sent) == RequestCounts(put=1, upload_part=2, delete=3, get=4)


def test_an_unknown_class_has_standards_prices() -> None:
    assert bill_of({"OUTPOSTS": {"GetObject": 1000}}, VIRGINIA).price == Decimal("0.0004")


def test_a_tally_between_two_moments_is_what_was_sent_in_between() -> None:
    assert sent_between({"a": 1, "b": 2}, {"a": 1, "b": 5, "c": 1}) == {"b": 3, "c": 1}


def test_a_bill_in_json_has_plain_digits() -> None:
    plain = Bill({"PutObject": 1}, Decimal("4E-7"), {RETRIEVAL: Decimal("1E-8")}).to_dict()
    assert (plain["price"], plain["extras"]) == ("0.0000004", {RETRIEVAL: "0.00000001"})
    assert plain["total"] == "0.00000041"
