"""Lifecycle rules: ours replace ours, others stay, only assets are touched, and S3's own calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.assets.layout import PUBLISHED_INDEX, key_of
from creative_s3.core.assets.models import Asset, AssetType, SemanticMetadata
from creative_s3.core.costs.pricing import load_bundled
from creative_s3.core.lifecycle.rules import (
    REACHABLE,
    Policy,
    asset_prefixes,
    due_at,
    make_policy,
    merge,
    rules_for,
    warnings_for,
)
from creative_s3.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from creative_s3.core.bucket.lifecycle_rules import Rule

GUIDE = Policy(transition_days=90, expiration_days=365, archive_storage_class="GLACIER")
CLASSES = {name: prices.rules for name, prices in load_bundled().region("us-east-1").classes.items()}

foreign_rules = st.lists(
    st.fixed_dictionaries(
        {
            "ID": st.text(min_size=1, max_size=8).filter(lambda name: not name.startswith("creative-s3:")),
            "Status": st.sampled_from(["Enabled", "Disabled"]),
            "Filter": st.dictionaries(st.sampled_from(["Prefix", "Tag"]), st.text(max_size=5), max_size=1),
            "NoncurrentVersionExpiration": st.fixed_dictionaries({"NoncurrentDays": st.integers(1, 99)}),
        }
    ),
    max_size=6,
    unique_by=lambda rule: str(rule["ID"]),
)
policies = st.builds(
    Policy,
    transition_days=st.none() | st.integers(0, 99),
    expiration_days=st.none() | st.integers(100, 999),
    archive_storage_class=st.sampled_from(sorted(REACHABLE["STANDARD"])),
)


def test_the_guides_call_gives_one_rule_for_each_folder_of_assets() -> None:
    rules = rules_for(GUIDE, "creative-assets")
    assert rules[0] == {
        "ID": "creative-s3:creative-assets/products/",
        "Status": "Enabled",
        "Filter": {"Prefix": "creative-assets/products/"},
        "Transitions": [{"Days": 90, "StorageClass": "GLACIER"}],
        "Expiration": {"Days": 365},
    }
    assert [rule["Filter"]["Prefix"].split("/")[1] for rule in rules] == [
        "products",
        "backgrounds",
        "composites",
        "cache",
        "unsorted",
    ]


@pytest.mark.parametrize("prefix", ["creative-assets", "a/b", ""])
def test_every_asset_is_under_a_rule_and_the_published_index_is_under_none(prefix: str) -> None:
    folders = asset_prefixes(prefix)
    assets = [
        *(Asset("k", "cache/a.png", SemanticMetadata(asset_type)) for asset_type in AssetType),
        Asset("k", "cache/a.png"),
        Asset("k", "cache/a.png", indexed=False),
    ]
    for asset in assets:
        assert key_of(asset, prefix).startswith(folders)
    assert not f"{prefix}/{PUBLISHED_INDEX}".lstrip("/").startswith(folders)


def test_two_prefixes_in_one_bucket_have_rules_of_their_own() -> None:
    first, second = rules_for(GUIDE, "one"), rules_for(GUIDE, "two")
    assert merge(first, second) == (*first, *second)


def test_a_very_long_prefix_still_has_ids_that_s3_takes() -> None:
    ids = {rule["ID"] for rule in rules_for(GUIDE, "p" * 400)}
    assert len(ids) == 5
    assert max(map(len, ids)) <= 255


@given(foreign_rules, policies, policies)
def test_rules_of_others_stay_as_they_are_whatever_we_set(
    foreign: list[Rule], first: Policy, second: Policy
) -> None:
    once = merge(foreign, rules_for(first, "p"))
    twice = merge(once, rules_for(second, "p"))
    ours = {rule["ID"] for rule in rules_for(second, "p")}
    assert [rule for rule in twice if rule["ID"] not in ours] == foreign
    assert merge(twice, rules_for(second, "p")) == twice
    assert len({rule["ID"] for rule in twice}) == len(twice)


def test_our_rules_keep_their_place_among_others() -> None:
    foreign: Rule = {"ID": "theirs", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}
    before = (*rules_for(GUIDE, "p"), foreign)
    assert merge(before, rules_for(GUIDE, "p")) == before


def test_a_rule_without_an_id_is_somebody_elses() -> None:
    foreign: Rule = {"Status": "Enabled", "Prefix": "p/products/", "Expiration": {"Days": 1}}
    assert merge([foreign], rules_for(GUIDE, "p"))[0] == foreign


def test_more_than_1000_rules_are_refused() -> None:
    foreign = [{"ID": str(number), "Status": "Enabled"} for number in range(996)]
    assert len(merge(foreign[:995], rules_for(GUIDE, "p"))) == 1000
    with pytest.raises(RefusedError, match="1,001 lifecycle rules"):
        merge(foreign, rules_for(GUIDE, "p"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"archive_storage_class": "STANDARD"}, "cannot move objects to this storage class"),
        ({"archive_storage_class": "ICE"}, "cannot move objects to this storage class"),
        ({"transition_days": -1}, "transition_days is a whole number of days from 0 on"),
        ({"transition_days": 1.5}, "transition_days is a whole number"),
        ({"transition_days": True}, "transition_days is a whole number"),
        ({"expiration_days": 0}, "expiration_days is a whole number of days from 1 on"),
        ({"transition_days": 90, "expiration_days": 90}, "deleted after 90 days and move after 90"),
        ({"transition_days": None, "expiration_days": None}, "neither"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        make_policy(
            **{"transition_days": 30, "expiration_days": 400, "archive_storage_class": "GLACIER", **arguments}
        )


def test_a_storage_class_may_be_written_in_small_letters() -> None:
    policy = make_policy(transition_days=0, expiration_days=None, archive_storage_class="deep_archive")
    assert policy == Policy(0, None, "DEEP_ARCHIVE")


def test_an_object_is_due_at_the_next_midnight_as_in_the_user_guides_example() -> None:
    """S3 User Guide, "Lifecycle configuration elements": 15 January 2014, 10:30, 3 days."""
    assert due_at(datetime(2014, 1, 15, 10, 30, tzinfo=UTC), 3) == datetime(2014, 1, 19, tzinfo=UTC)


def test_an_object_stored_at_midnight_is_due_after_exactly_so_many_days_wherever_its_clock_is() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert due_at(datetime(2026, 11, 22, 9, tzinfo=tokyo), 1) == datetime(2026, 11, 23, tzinfo=UTC)


def warned(policy: Policy, **more: Any) -> str:  # noqa: ANN401 - passed on
    arguments = {"stored_as": "STANDARD", "is_versioned": True, "moves_small_objects": True, **more}
    return "\n".join(warnings_for(policy, rules_of=CLASSES, **arguments))


def test_an_expiration_says_what_it_does_to_the_only_copy_and_whether_it_can_be_undone() -> None:
    assert "nothing brings them back" in warned(GUIDE, is_versioned=False)
    assert "only copy of cold ones included" in warned(GUIDE, is_versioned=False)
    assert "cost as before until" in warned(GUIDE)
    assert "could not be seen" in warned(GUIDE, is_versioned=None)
    assert "deletes" not in warned(Policy(90, None, "GLACIER"))


def test_an_archive_says_that_a_restore_comes_before_reading() -> None:
    assert "cannot be read before a restore" in warned(GUIDE)
    assert "restore" not in warned(Policy(90, None, "GLACIER_IR"))


def test_small_objects_that_stay_are_mentioned() -> None:
    assert "under 128 KB do not move" in warned(GUIDE, moves_small_objects=False)
    assert "128 KB" not in warned(GUIDE)


def test_deleting_before_the_minimum_duration_is_mentioned() -> None:
    assert "deleted 20 days after they moved; GLACIER is billed for at least 90" in warned(
        Policy(10, 30, "GLACIER")
    )
    assert "billed for at least" not in warned(GUIDE)


def test_a_transition_that_s3_cannot_do_is_mentioned() -> None:
    assert "cannot move to GLACIER" in warned(GUIDE, stored_as="DEEP_ARCHIVE")
    assert "cannot move" not in warned(GUIDE, stored_as="REDUCED_REDUNDANCY")
