"""The price of a plan: assets that are only counted cost what they would cost as operations."""

from __future__ import annotations

from array import array

from creative_s3.core.assets.models import Kind
from creative_s3.core.migration.plan_costs import price_plan
from creative_s3.core.migration.planning import MigrationPlan
from creative_s3.core.migration.settled import NewAssets, SettledAssets, sort_of
from creative_s3.settings import S3Config

CONFIG = S3Config(region="us-east-1")
_ROWS = array("q", [1, 2])
_SIZES = array("q", [10, 17 * 2**20])
_SORTS = bytes([sort_of(Kind.PRODUCT, is_cold=False)] * 2)


def test_the_tags_of_settled_and_of_new_objects_are_in_the_price() -> None:
    settled = SettledAssets(rows=_ROWS, sizes=_SIZES, sorts=_SORTS, tags=600_000)
    new = NewAssets(rows=_ROWS, sizes=_SIZES, sorts=_SORTS, tags=600_000)
    one = price_plan(MigrationPlan(None, "p", (), settled=settled), CONFIG).current
    other = price_plan(MigrationPlan(None, "p", (), new=new), CONFIG).current
    both = price_plan(MigrationPlan(None, "p", (), settled=settled, new=new), CONFIG).current
    assert one.tags == other.tags > 0
    assert both.tags == 2 * one.tags


def test_only_new_objects_are_paid_for_when_they_are_sent() -> None:
    settled = SettledAssets(rows=_ROWS, sizes=_SIZES, sorts=_SORTS)
    new = NewAssets(rows=_ROWS, sizes=_SIZES, sorts=_SORTS)
    requests = price_plan(MigrationPlan(None, "p", (), settled=settled), CONFIG).total.requests
    assert (requests.put, requests.upload_part) == (0, 0)
    requests = price_plan(MigrationPlan(None, "p", (), settled=settled, new=new), CONFIG).total.requests
    assert (requests.put, requests.create_multipart, requests.upload_part) == (2, 1, 3)
