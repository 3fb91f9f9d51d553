"""What lifecycle rules do to objects: every form of a filter, and doubt on the safe side."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from creative_s3.core.lifecycle.fates import fates_of

KEY = "creative-assets/backgrounds/scene/us/fall/a.png"


def a_rule(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - a rule holds anything
    return {"ID": "clean", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 30}} | more


@pytest.mark.parametrize(
    ("chosen", "applies"),
    [
        ({}, True),
        ({"Prefix": ""}, True),
        ({"Prefix": "creative-assets/"}, True),
        ({"Prefix": "other/"}, False),
        ({"ObjectSizeGreaterThan": 1000}, False),
        ({"ObjectSizeGreaterThan": 999}, True),
        ({"ObjectSizeLessThan": 1000}, False),
        ({"ObjectSizeLessThan": 1001}, True),
        ({"And": {"Prefix": "creative-assets/", "ObjectSizeGreaterThan": 10}}, True),
        ({"And": {"Prefix": "creative-assets/", "ObjectSizeGreaterThan": 5000}}, False),
        ({"Weather": "rainy"}, True),
        ({"And": {"Prefix": "other/", "Weather": "rainy"}}, True),
    ],
)
def test_a_rule_applies_to_what_its_filter_says_and_to_all_when_that_is_not_understood(
    chosen: dict[str, Any],
    applies: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    fates = fates_of([a_rule(Filter=chosen)])
    assert (fates.deletion(KEY, 1000) is not None) is applies


def test_the_old_form_of_a_prefix_counts() -> None:
    rule = {"ID": "old", "Status": "Enabled", "Prefix": "creative-assets/", "Expiration": {"Days": 1}}
    found = fates_of([rule]).deletion(KEY, 1)
    assert found is not None
    assert (found.rule, found.when) == ("old", "1 days after it was stored")


def test_a_disabled_rule_does_nothing() -> None:
    assert fates_of([a_rule(Status="Disabled")]).deletion(KEY, 1) is None


def test_a_rule_that_only_clears_markers_or_old_versions_deletes_nothing_current() -> None:
    rules = [
        a_rule(Expiration={"ExpiredObjectDeleteMarker": True}),
        {"ID": "v", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
        {
            "ID": "m",
            "Status": "Enabled",
            "Filter": {},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
    ]
    assert fates_of(rules).deletions == ()


def test_a_date_counts_as_well_and_so_does_an_expiration_that_nobody_understands() -> None:
    date = datetime(2027, 1, 1, tzinfo=UTC)
    assert fates_of([a_rule(Expiration={"Date": date})]).deletions[0].when == "on 2027-01-01"
    assert fates_of([a_rule(Expiration={"Someday": 1})]).deletion(KEY, 1) is not None


def test_a_rule_with_tags_depends_on_the_tags() -> None:
    fates = fates_of([a_rule(Filter={"And": {"Prefix": "", "Tags": [{"Key": "season", "Value": "fall"}]}})])
    assert fates.deletion(KEY, 1) is None
    (perhaps,) = fates.tagged_deletions(KEY, 1)
    assert perhaps.meets(KEY, 1, {"season": "fall", "region": "US"})
    assert not perhaps.meets(KEY, 1, {"season": "spring"})
    assert fates_of([a_rule(Filter={"Tag": {"Key": "a", "Value": "b"}})]).tagged_deletions(KEY, 1)


def test_an_accepted_rule_does_not_count() -> None:
    fates = fates_of([a_rule(), a_rule(ID="other")])
    assert fates.deletion(KEY, 1, accepted=["clean", "other"]) is None
    found = fates.deletion(KEY, 1, accepted=["clean"])
    assert found is not None
    assert found.rule == "other"


def test_a_rule_without_an_id_is_called_by_its_place() -> None:
    rule = a_rule()
    del rule["ID"]
    found = fates_of([a_rule(Status="Disabled"), rule]).deletion(KEY, 1)
    assert found is not None
    assert found.rule == "#2"


def test_the_slowest_archive_counts() -> None:
    rule = {
        "ID": "a",
        "Status": "Enabled",
        "Filter": {},
        "Transitions": [
            {"Days": 30, "StorageClass": "STANDARD_IA"},
            {"Days": 90, "StorageClass": "GLACIER"},
            {"Days": 180, "StorageClass": "DEEP_ARCHIVE"},
        ],
    }
    found = fates_of([rule]).archiving(KEY, 1)
    assert found is not None
    assert found.storage_class == "DEEP_ARCHIVE"
    assert fates_of([a_rule()]).archiving(KEY, 1) is None
