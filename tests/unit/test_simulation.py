"""What lifecycle rules cost: the grouped simulation against single objects, and against figures of others."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creative_s3.core.costs.pricing import load_bundled
from creative_s3.core.lifecycle.actions import ReadRule, read_all
from creative_s3.core.lifecycle.bills import ClassBill, tiered
from creative_s3.core.lifecycle.growth import Growth, growth_of
from creative_s3.core.lifecycle.losses import losers
from creative_s3.core.lifecycle.midnights import date_of, midnight_from
from creative_s3.core.lifecycle.population import Population, State
from creative_s3.core.lifecycle.simulation import Comparison, Scenario, Setting, Simulator
from tests.unit import lifecycle_by_hand as by_hand
from tests.unit.lifecycle_by_hand import KB128, Thing

if TYPE_CHECKING:
    from creative_s3.core.bucket.lifecycle_rules import Rule

VIRGINIA = load_bundled().region("us-east-1")
FIRST = date(2026, 11, 27)
NOW = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
CLASSES = [name for name in VIRGINIA.classes if name != "REDUCED_REDUNDANCY"]


def population_of(
    things: list[Thing], *rule_sets: list[Rule]
) -> tuple[Population, list[tuple[ReadRule, ...]]]:
    read = [read_all(rules) for rules in rule_sets]
    population = Population([rule for rules in read for rule in rules])
    for thing in things:
        population.add(
            thing.key,
            thing.size,
            storage_class=thing.storage_class,
            stored_day=midnight_from(thing.stored_at),
            reads_per_year=thing.reads_per_year,
        )
    return population, read


def simulated(things: list[Thing], rules: list[Rule], **options: Any) -> Scenario:  # noqa: ANN401 - passed on
    population, (read,) = population_of(things, rules)
    arguments: dict[str, Any] = {"start": FIRST.toordinal(), "months": 14, "region": VIRGINIA, **options}
    return Simulator(population, Setting(**arguments)).run("rules", read)


def rule(**parts: Any) -> Rule:  # noqa: ANN401 - a rule's parts
    return {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, **parts}


sizes = st.sampled_from([0, 1, 20_480, 99_999, KB128 - 1, KB128, KB128 + 1, 300_000, 5_000_000, 7 * 2**30])
things = st.builds(
    Thing,
    key=st.sampled_from(["a/1", "a/2", "a/b/1", "c/1"]),
    size=sizes | st.integers(0, 10**7),
    storage_class=st.sampled_from(CLASSES),
    stored_at=st.integers(0, 500 * 86_400).map(lambda seconds: NOW - timedelta(seconds=seconds))
    | st.just(datetime(2026, 10, 1, tzinfo=UTC)),
    reads_per_year=st.sampled_from([0, 0, 1, 3, 12, 400]),
)
filters = st.one_of(
    st.sampled_from([{"Prefix": ""}, {"Prefix": "a/"}, {"Prefix": "a/b/"}, {"Prefix": "a/1"}]),
    st.builds(
        lambda prefix, more, less: {
            "And": {"Prefix": prefix, "ObjectSizeGreaterThan": more, "ObjectSizeLessThan": less}
        },
        st.sampled_from(["", "a/"]),
        st.integers(0, 200_000),
        st.integers(250_000, 10**7),
    ),
)
when = st.one_of(
    st.fixed_dictionaries({"Days": st.integers(0, 400)}),
    st.fixed_dictionaries({"Date": st.dates(date(2026, 9, 1), date(2027, 12, 1))}),
)
rules = st.lists(
    st.fixed_dictionaries(
        {"Status": st.sampled_from(["Enabled", "Enabled", "Disabled"]), "Filter": filters},
        optional={
            "Transitions": st.lists(
                st.builds(
                    lambda time, target: {**time, "StorageClass": target},
                    when,
                    st.sampled_from(by_hand.CHOICE),
                ),
                max_size=3,
            ),
            "Expiration": when.filter(lambda time: time.get("Days") != 0),
            "NoncurrentVersionExpiration": st.fixed_dictionaries({"NoncurrentDays": st.integers(1, 200)}),
        },
    ),
    max_size=3,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(things, max_size=6), rules, st.booleans(), st.booleans())
def test_the_grouped_simulation_equals_the_sum_over_single_objects_day_by_day(
    objects: list[Thing],
    wanted: list[Rule],
    is_versioned: bool,  # noqa: FBT001 - drawn
    small_too: bool,  # noqa: FBT001 - drawn
) -> None:
    fast = simulated(objects, wanted, is_versioned=is_versioned, moves_small_objects=small_too)
    slow = by_hand.simulate(
        objects,
        wanted,
        first=FIRST,
        months=14,
        region=VIRGINIA,
        is_versioned=is_versioned,
        small_too=small_too,
    )
    assert [bill.month.name for bill in fast.bills] == list(slow)
    for bill, dollars in zip(fast.bills, slow.values(), strict=True):
        assert abs(Fraction(bill.total) - dollars) < Fraction(1, 10**18)


@settings(max_examples=25, deadline=None)
@given(st.lists(things, min_size=1, max_size=6), rules)
def test_an_object_loses_money_exactly_if_its_own_simulation_says_so(
    objects: list[Thing], wanted: list[Rule]
) -> None:
    population, (nothing, read) = population_of(objects, [], wanted)
    simulator = Simulator(population, Setting(start=FIRST.toordinal(), months=14, region=VIRGINIA))
    found = losers(simulator, nothing, read)
    losing, lost = [], Decimal(0)
    for thing in objects:
        alone, (none, same) = population_of([thing], [], wanted)
        single = Simulator(alone, simulator.setting)
        more = single.run("after", same).total - single.run("before", none).total
        if more > Decimal("1e-18"):
            losing.append(thing)
            lost += more
    assert found.objects == len(losing)
    assert found.size_bytes == sum(thing.size for thing in losing)
    assert found.largest_bytes == max((thing.size for thing in losing), default=0)
    assert abs(found.lost - lost) < Decimal("1e-15")


def test_a_million_objects_of_20_kb_in_glacier_take_29_years_to_repay() -> None:
    """FACTS 1.4, us-east-1: transition 30.00 once; monthly 0.439 -> 0.354; about 29 years."""
    one = Thing("a/1", 20 * 1024, "STANDARD", datetime(2026, 12, 31, tzinfo=UTC))
    every = rule(Filter={"ObjectSizeGreaterThan": 0}, Transitions=[{"Days": 1, "StorageClass": "GLACIER"}])
    population, (none, read) = population_of([one], [], [every])
    simulator = Simulator(population, Setting(date(2027, 1, 1).toordinal(), 13, VIRGINIA))
    simulator.groups = [(traits, 1_000_000, 1_000_000 * size) for traits, _, size in simulator.groups]
    before, after = simulator.run("nothing", none), simulator.run("rules", read)
    assert after.once == Decimal("30.00")
    assert round(before.bills[-1].recurring, 3) == Decimal("0.439")
    assert round(after.bills[-1].recurring, 3) == Decimal("0.354")
    comparison = Comparison(before, after)
    assert comparison.break_even is None
    assert comparison.months_to_repay is not None
    assert 29 * 12 <= comparison.months_to_repay < 30 * 12
    assert losers(simulator, none, read).objects == 1  # one size stands for the million


def test_an_object_of_15_january_2014_with_3_days_moves_at_midnight_of_the_19th() -> None:
    """S3 User Guide, "Lifecycle configuration elements": 10:30 UTC and 3 days are 19 January, 00:00 UTC."""
    thing = Thing("a", 2**30, "STANDARD", datetime(2014, 1, 15, 10, 30, tzinfo=UTC))
    population, (read,) = population_of([thing], [rule(Transitions=[{"Days": 3, "StorageClass": "GLACIER"}])])
    simulator = Simulator(population, Setting(date(2014, 1, 16).toordinal(), 2, VIRGINIA))
    ((traits, _, _),) = simulator.groups
    courses = simulator.courses(read)
    (move,) = courses.of(courses.fate(traits)).moves
    assert date_of(move.day) == date(2014, 1, 19)


def test_the_first_volume_tier_ends_where_the_faqs_example_says() -> None:
    """Amazon S3 FAQs: 52,900 GB-months in STANDARD, us-east-1; 51,200 x 0.023 + 1,700 x 0.022 = 1,215.00."""
    assert tiered(VIRGINIA.of("STANDARD").tiers, Fraction(52_900)) == Fraction("1215")


def test_the_seeds_rule_is_legal_and_pays_no_minimum_duration() -> None:
    """FACTS 2.4: GLACIER at 90, deleted at 365; 365 >= 90 + 90."""
    thing = Thing("a", 2**30, "STANDARD", NOW)
    seed = rule(Transitions=[{"Days": 90, "StorageClass": "GLACIER"}], Expiration={"Days": 365})
    done = simulated([thing], [seed])
    assert done.once == VIRGINIA.of("GLACIER").transition
    assert sum(bill.deleted_objects for bill in done.bills) == 1
    assert done.bills[-1].objects == 0


def test_leaving_glacier_after_10_days_pays_the_other_80() -> None:
    thing = Thing("a", 2**30, "STANDARD", datetime(2026, 11, 27, tzinfo=UTC))
    soon = rule(Transitions=[{"Days": 0, "StorageClass": "GLACIER"}], Expiration={"Days": 10})
    early = sum(
        bill.classes["GLACIER"].early_deletes for bill in simulated([thing], [soon]).bills[:2] if bill.once
    )
    # From 7 December: 25 of 31, 31 of 31, and 24 of February's 28 days, at 0.0036, with 32 KB of overhead.
    months = Fraction(25, 31) + 1 + Fraction(24, 28)
    assert early == pytest.approx(Decimal(float(months * Fraction("0.0036") * (1 + Fraction(32, 2**20)))))


def test_growth_adds_what_it_says_and_its_newcomers_follow_the_rules() -> None:
    thing = Thing("a", 2**30, "GLACIER_IR", datetime(2026, 1, 1, tzinfo=UTC))
    move = rule(Transitions=[{"Days": 40, "StorageClass": "GLACIER"}])
    done = simulated([thing], [move], months=4, growth=growth_of("10%", None))
    assert [round(bill.objects, 6) for bill in done.bills] == [
        Decimal(1),
        Decimal("1.1"),
        Decimal("1.21"),
        Decimal("1.331"),
    ]
    # Those of December are 40 days old in January, those of January in February.
    assert [round(bill.classes["GLACIER"].moved, 6) for bill in done.bills] == [
        Decimal(1),
        Decimal(0),
        Decimal("0.1"),
        Decimal("0.11"),
    ]
    steady = simulated([thing], [], months=4, growth=Growth(monthly_bytes=2**29))
    assert [bill.objects for bill in steady.bills] == [Decimal(n) / 10 for n in (10, 15, 20, 25)]


def test_a_rule_for_old_versions_frees_what_an_expiration_hides() -> None:
    thing = Thing("a", 2**30, "STANDARD", NOW)
    hide = rule(Expiration={"Days": 10})
    both = {**hide, "NoncurrentVersionExpiration": {"NoncurrentDays": 5}}
    hidden, freed = (simulated([thing], [wanted], is_versioned=True, months=3) for wanted in (hide, both))
    assert hidden.bills[-1].size_bytes == 2**30
    assert freed.bills[-1].size_bytes == 0
    assert [bill.deleted_objects for bill in freed.bills] == [0, 1, 0]


def test_rules_with_tags_do_nothing_in_a_simulation() -> None:
    thing = Thing("a", 2**30, "STANDARD", NOW)
    tagged = rule(Filter={"Tag": {"Key": "k", "Value": "v"}}, Expiration={"Days": 1})
    assert simulated([thing], [tagged]) == simulated([thing], [])


def test_old_versions_go_by_their_own_days_except_the_newest_that_stay() -> None:
    keep_one = rule(
        NoncurrentVersionTransitions=[{"NoncurrentDays": 10, "StorageClass": "GLACIER_IR"}],
        NoncurrentVersionExpiration={"NoncurrentDays": 40, "NewerNoncurrentVersions": 1},
    )
    (read,) = (read_all([keep_one]),)
    population = Population(read)
    for newer in (0, 1):
        population.add(
            "a",
            2**30,
            storage_class="STANDARD",
            stored_day=FIRST.toordinal() - 300,
            state=State.NONCURRENT,
            since_day=FIRST.toordinal() - 1,
            newer_versions=newer,
        )
    done = Simulator(population, Setting(FIRST.toordinal(), 3, VIRGINIA, is_versioned=True)).run("r", read)
    assert [bill.classes.get("GLACIER_IR", ClassBill()).moved for bill in done.bills] == [0, 2, 0]
    assert [bill.deleted_objects for bill in done.bills] == [0, 0, 1]  # 40 days after 26 November: 5 January
    # It leaves GLACIER_IR after 30 of 90 days: 27 of January's, 28 of February's and 5 of March's are billed.
    months = Fraction(27, 31) + 1 + Fraction(5, 31)
    paid = Fraction(done.bills[2].classes["GLACIER_IR"].early_deletes)
    assert abs(paid - months * Fraction("0.004")) < Fraction(1, 10**15)


def test_an_unfinished_upload_is_stored_until_it_is_aborted() -> None:
    abort = rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7})
    (read,) = (read_all([abort]),)
    population = Population(read)
    population.add("a", 2**30, storage_class="GLACIER", stored_day=FIRST.toordinal(), state=State.UPLOAD)
    simulator = Simulator(population, Setting(FIRST.toordinal(), 2, VIRGINIA))
    done = simulator.run("r", read)
    # Parts lie in STANDARD: 4 days of November, 3 of December.
    assert [Fraction(bill.total) for bill in done.bills] == [
        pytest.approx(Fraction(4, 30) * Fraction("0.023")),
        pytest.approx(Fraction(3, 31) * Fraction("0.023")),
    ]
    assert simulator.run("none", ()).bills[1].objects == 1


def test_a_day_too_few_of_a_minimum_duration_is_billed() -> None:
    thing = Thing("a", 2**30, "STANDARD_IA", datetime(2026, 12, 1, tzinfo=UTC))
    early = [
        sum(bill.once for bill in simulated([thing], [rule(Expiration={"Days": days})]).bills)
        for days in (29, 30)
    ]
    assert early == [pytest.approx(Decimal("0.0125") / 31), 0]
