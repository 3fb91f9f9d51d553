"""What should be known before lifecycle rules are set, and the options that say what is wanted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.assets.layout import campaign_folders, folders_of
from creative_s3.core.costs.pricing import load_bundled
from creative_s3.core.lifecycle.actions import read_all
from creative_s3.core.lifecycle.bucket_rules import BucketRules
from creative_s3.core.lifecycle.changes import removing, setting
from creative_s3.core.lifecycle.lint import Code, Finding, Surroundings, lint
from creative_s3.core.lifecycle.midnights import midnight_from
from creative_s3.core.lifecycle.population import Population
from creative_s3.core.lifecycle.rule_files import from_json, to_json
from creative_s3.core.lifecycle.wanted import Wanted, make_wanted, named, rules_of
from creative_s3.core.lifecycle.wording import sentence
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from creative_s3.core.bucket.lifecycle_rules import Rule

NOW = datetime(2026, 11, 26, 15, tzinfo=UTC)
OBJECTS = (("a/tiny", 20_000, 10), ("a/big", 5_000_000, 100), ("a/old", 5_000_000, 800))


def findings(
    others: tuple[Rule, ...] = (),
    *,
    is_only_copy: bool = False,
    versioned: bool = False,
    **wanted: Any,  # noqa: ANN401
) -> dict[Code, Finding]:
    ours = rules_of(make_wanted(**wanted), ("a/",), name="ours")
    everything = read_all((*others, *ours))
    population = Population(everything)
    for key, size_bytes, age_days in OBJECTS:
        population.add(
            key,
            size_bytes,
            storage_class="STANDARD",
            stored_day=midnight_from(NOW - timedelta(days=age_days)),
            is_only_copy=is_only_copy,
        )
    about = Surroundings(
        population, load_bundled().region("us-east-1"), midnight_from(NOW), is_versioned=versioned
    )
    return {one.code: one for one in lint(read_all(ours), everything, about)}


def test_a_rule_that_is_fine_has_nothing_to_be_said_of() -> None:
    assert findings(transitions=["GLACIER_IR:200d"], minimum_bytes=200_000) == {}


def test_a_transition_that_leads_nowhere_is_named() -> None:
    found = findings(transitions=["GLACIER:30d", "STANDARD_IA:200d"], minimum_bytes=200_000)
    assert found[Code.WATERFALL].text == (
        "nothing moves from GLACIER to STANDARD_IA: the transition after 200 days does nothing"
    )


def test_a_minimum_duration_that_is_not_served_has_its_price() -> None:
    found = findings(transitions=["GLACIER_IR:30d"], expire="100d", minimum_bytes=200_000)
    early = found[Code.EARLY_DELETE]
    assert early.text.startswith("objects leave GLACIER_IR after 70 days and are billed for 90: <$0.0001 for")
    assert early.amount.objects == 2
    assert early.price > 0
    assert Code.EARLY_DELETE not in findings(transitions=["GLACIER_IR:30d"], expire="120d")


def test_tiny_objects_that_lose_money_are_counted_and_the_size_is_named() -> None:
    found = findings(transitions=["GLACIER:30d"], minimum_bytes=1)
    assert found[Code.TINY].amount.objects == 1
    assert "--min-size 151KiB" in found[Code.TINY].text
    assert findings(transitions=["GLACIER:30d"])[Code.SMALL_STAY].amount.objects == 1


def test_an_expiration_says_whose_only_copy_goes_and_what_goes_at_once() -> None:
    found = findings(expire="500d", is_only_copy=True)
    assert found[Code.ONLY_COPY].refuses
    assert found[Code.ONLY_COPY].text == "it would delete the only copy of 3 assets without a local file"
    assert found[Code.AT_ONCE].amount.objects == 1
    assert "hide" in findings(expire="500d", is_only_copy=True, versioned=True)[Code.ONLY_COPY].text
    assert Code.ONLY_COPY not in findings(expire="500d")


def test_assets_that_are_readable_at_once_and_would_not_be_are_counted() -> None:
    found = findings(transitions=["DEEP_ARCHIVE:30d"], is_only_copy=True)
    assert found[Code.ARCHIVED].amount.objects == 2
    assert "after a restore" in found[Code.ARCHIVED].text
    assert Code.ARCHIVED not in findings(transitions=["GLACIER_IR:30d"], is_only_copy=True)


def test_an_expiration_that_frees_nothing_in_a_versioned_bucket_is_named() -> None:
    assert Code.FREES_NOTHING in findings(expire="900d", versioned=True)
    assert Code.FREES_NOTHING not in findings(expire="900d", versioned=True, noncurrent_expire="30d")
    assert Code.FREES_NOTHING not in findings(expire="900d")


def test_other_rules_for_the_same_objects_are_named() -> None:
    other: Rule = {
        "ID": "all {x}",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": 900},
    }
    assert "the rule all {x} concerns" in findings((other,), expire="900d")[Code.OVERLAP].text
    elsewhere = {**other, "Filter": {"Prefix": "b/"}}
    assert Code.OVERLAP not in findings((elsewhere,), expire="900d")
    assert Code.OVERLAP not in findings(({**other, "Status": "Disabled"},), expire="900d")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"transitions": ["GLACIER"]}, "no transition"),
        ({"transitions": ["ICE:3d"]}, "no transition"),
        ({"transitions": ["GLACIER:soon"]}, "no number of days"),
        ({"transitions": ["GLACIER:9d"], "expire": "9d"}, "deleted after 9 days and move to GLACIER after 9"),
        ({"transitions": ["GLACIER:9d", "GLACIER_IR:9d"]}, "one transition a day"),
        ({"transitions": ["GLACIER:9d", "GLACIER:99d"]}, "one into each class"),
        ({"expire": "0d"}, "from 1 on"),
        ({"expire": "9d", "minimum_bytes": 0}, "at least one byte"),
        ({"minimum_bytes": 5}, "nothing is wanted"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(wanted: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        make_wanted(**wanted)


def test_weeks_and_small_letters_are_understood() -> None:
    assert make_wanted(transitions=["deep-archive:26w"]).transitions == (("DEEP_ARCHIVE", 182),)


def test_kinds_types_and_campaigns_have_their_folders() -> None:
    assert folders_of("composite") == folders_of("composites") == ("composites",)
    assert folders_of("product_original") == ("products/original",)
    assert folders_of("metadata") == ()
    assert campaign_folders("Spring 26", ["layout"]) == ("composites/spring-26", "cache/layout/spring-26")


def test_a_rule_is_one_plain_sentence() -> None:
    (rule,) = read_all(rules_of(make_wanted(transitions=["GLACIER:90d"], minimum_bytes=131_072), ("a/",)))
    assert sentence(rule) == (
        "objects under a/ of at least 128 KiB: moves them to GLACIER 90 days after they were stored"
    )


wishes = st.builds(
    make_wanted,
    transitions=st.sampled_from([[], ["GLACIER:90d"], ["GLACIER_IR:0d", "DEEP_ARCHIVE:99d"]]),
    expire=st.none() | st.integers(100, 999).map(lambda days: f"{days}d"),
    noncurrent_expire=st.none() | st.just("9d"),
    abort_uploads=st.just("7d"),
    minimum_bytes=st.none() | st.integers(1, 10**9),
)
foreign = st.lists(
    st.fixed_dictionaries(
        {
            "ID": st.text(min_size=1, max_size=6),
            "Status": st.sampled_from(["Enabled", "Disabled"]),
            "Filter": st.fixed_dictionaries({"Prefix": st.text(max_size=4)}),
            "Expiration": st.fixed_dictionaries({"Days": st.integers(1, 99)})
            | st.fixed_dictionaries({"Date": st.just(datetime(2027, 1, 1, tzinfo=UTC))}),
        }
    ),
    max_size=4,
    unique_by=lambda rule: str(rule["ID"]),
)


@given(foreign, wishes, wishes)
def test_setting_keeps_foreign_rules_twice_is_once_and_removing_takes_ours_alone(
    others: list[Rule],
    first: Wanted,
    second: Wanted,
) -> None:
    folders = ("p/products/", "p/cache/")
    before = BucketRules(tuple(others), "varies_by_storage_class")
    once = setting(setting(before, rules_of(first, folders)).before, rules_of(first, folders))
    again = setting(BucketRules(once.after, once.minimum), rules_of(first, folders))
    assert not again.is_needed
    other = setting(BucketRules(once.after, once.minimum), rules_of(second, folders))
    assert other.minimum == "varies_by_storage_class"
    ids = named(other.after, "creative-s3")
    assert [rule for rule in other.after if rule["ID"] not in ids] == others
    assert removing(BucketRules(other.after), ids).after == tuple(others)


@given(foreign, st.none() | st.just("varies_by_storage_class"))
def test_rules_come_back_from_a_file_as_they_were(others: list[Rule], minimum: str | None) -> None:
    rules = BucketRules(tuple(others), minimum)
    assert from_json(to_json(rules), name="f") == rules
