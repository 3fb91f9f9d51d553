"""The policy of the tiers: what goes, in which order, what comes back, and that it can always say why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.costs.pricing import load_bundled
from creative_s3.core.tiers.policy import (
    GRACE,
    MARGIN,
    check_share,
    is_due,
    is_fresh,
    make_plan,
    needed_bytes,
    regret,
)
from creative_s3.core.tiers.reasons import briefly, evidence_of, explain
from creative_s3.core.tiers.report import intended
from creative_s3.core.tiers.returning import return_terms
from creative_s3.core.tiers.tiers import (
    HOT_USES,
    Action,
    Cause,
    Evidence,
    Hold,
    Policy,
    Room,
    TierFile,
    TierPlan,
)
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TERMS = return_terms(load_bundled().region("us-east-1"))
KIB = 1024


def a_file(name: str, size_bytes: int = KIB, *, days: float = 100, **more: Any) -> TierFile:  # noqa: ANN401
    values: dict[str, Any] = {
        "file_path": f"cache/{name}.png",
        "cache_keys": (name,),
        "key": f"creative-assets/{name}.png",
        "kind": "background",
        "size_bytes": size_bytes,
        "is_hot": True,
        "is_cold": False,
        "in_cache": True,
        "last_used_at": NOW - timedelta(days=days),
        "evidence": Evidence.ACCESS,
        "changed_at": NOW - timedelta(days=days),
    }
    return TierFile(**(values | more))


def a_cold_file(name: str, size_bytes: int = KIB, *, uses: int = 5, **more: Any) -> TierFile:  # noqa: ANN401
    return a_file(
        name, size_bytes, is_hot=False, is_cold=True, changed_at=None, recent_uses=uses, uses=uses, **more
    )


def plan_of(files: Sequence[TierFile], policy: Policy | None = None, *, free_bytes: int = 10**12) -> TierPlan:
    used = sum(file.size_bytes for file in files if file.is_hot and file.in_cache)
    return make_plan(files, policy or Policy(), Room(used, free_bytes), now=NOW, terms=TERMS)


def names(plan: TierPlan) -> tuple[list[str], list[str]]:
    return (
        [move.file.cache_keys[0] for move in plan.demotions],
        [move.file.cache_keys[0] for move in plan.promotions],
    )


def test_what_was_not_used_for_thirty_days_goes_and_nothing_else() -> None:
    files = [a_file("old", days=30), a_file("younger", days=29.9), a_file("ancient", days=400)]
    assert names(plan_of(files)) == (["ancient", "old"], [])


def test_a_limit_of_days_moves_the_boundary() -> None:
    files = [a_file("a", days=8), a_file("b", days=6)]
    assert names(plan_of(files, Policy(cold_days=7)))[0] == ["a"]


def test_over_the_limit_files_go_until_ten_per_cent_below() -> None:
    files = [a_file(f"f{number:02}", 10 * KIB, days=1 + number / 100) for number in range(20)]
    plan = plan_of(files, Policy(limit_bytes=150 * KIB))
    assert plan.room.used_bytes - plan.freed_bytes == 130 * KIB  # 135 KiB is allowed, files have 10
    assert {move.cause for move in plan.demotions} == {Cause.SPACE}


def test_at_the_limit_nothing_goes() -> None:
    files = [a_file("a", 100 * KIB, days=1)]
    assert not plan_of(files, Policy(limit_bytes=100 * KIB)).demotions


def test_too_little_free_disk_makes_files_go() -> None:
    files = [a_file(f"f{number}", 100 * KIB, days=1) for number in range(10)]
    plan = plan_of(files, Policy(min_free_bytes=1000 * KIB), free_bytes=900 * KIB)
    assert plan.freed_bytes == 200 * KIB  # to 1,100 KiB
    assert plan.shortfall_bytes == 0


def test_a_file_that_turns_out_not_to_be_needed_stays() -> None:
    small, large = a_file("small", 10 * KIB, days=29), a_file("large", 500 * KIB, days=1, uses=400)
    plan = plan_of([small, large], Policy(limit_bytes=450 * KIB))
    assert regret(small, TERMS, now=NOW) != regret(large, TERMS, now=NOW)
    assert names(plan)[0] == ["large"]


@pytest.mark.parametrize(
    ("sooner", "later"),
    [
        ({"days": 20.0}, {"days": 10.0}),
        ({"size_bytes": 100 * KIB}, {"size_bytes": 10 * KIB}),
        ({"uses": 1}, {"uses": 9}),
        ({"recent_uses": 0}, {"recent_uses": 4}),
        ({"storage_class": "STANDARD"}, {"storage_class": "GLACIER_IR", "size_bytes": KIB}),
        ({"later_class": None}, {"later_class": "GLACIER"}),
        ({"later_class": "GLACIER"}, {"later_class": "DEEP_ARCHIVE"}),
    ],
    ids=["age", "size", "uses", "recent uses", "price", "hours", "more hours"],
)
def test_the_less_regretted_file_goes_first(sooner: dict[str, Any], later: dict[str, Any]) -> None:
    first, second = a_file("first", **sooner), a_file("second", **later)
    assert regret(first, TERMS, now=NOW) < regret(second, TERMS, now=NOW)


def test_a_file_that_would_take_twelve_hours_to_restore_goes_last() -> None:
    slow = a_file("slow", 1000 * KIB, days=29, later_class="DEEP_ARCHIVE")
    others = [a_file(f"f{number}", 10 * KIB, days=2, uses=50) for number in range(5)]
    assert regret(slow, TERMS, now=NOW) > max(regret(file, TERMS, now=NOW) for file in others)


@pytest.mark.parametrize("hold", list(Hold))
def test_what_is_held_never_goes_however_full_it_is(hold: Hold) -> None:
    files = [a_file("held", 100 * KIB, days=999, hold=hold)]
    plan = plan_of(files, Policy(limit_bytes=1, min_free_bytes=10**12), free_bytes=0)
    assert not plan.demotions
    assert plan.held == {hold: tuple(files)}
    assert plan.shortfall_bytes > 0
    assert explain(plan, files[0]).startswith("stays: ")


def test_what_was_used_or_written_within_the_hour_stays_even_over_the_limit() -> None:
    used = a_file("used", days=0.5 / 24)
    written = a_file("written", days=60, changed_at=NOW - timedelta(minutes=59))
    plan = plan_of([used, written], Policy(limit_bytes=0))
    assert not plan.demotions
    assert "less than an hour" in explain(plan, written)
    assert {file.file_path for file in plan.held[Hold.FRESH]} == {used.file_path, written.file_path}
    assert not plan_of([used], Policy()).held  # nobody misses what was not due


def test_a_use_in_the_future_counts_as_now() -> None:
    file = a_file("ahead", days=-3)
    assert file.idle_days(NOW) == 0
    assert is_fresh(file, NOW)


def test_files_outside_the_cache_neither_count_nor_go() -> None:
    files = [a_file("composite", 10**9, in_cache=False), a_file("inside", days=1)]
    plan = plan_of(files, Policy(limit_bytes=10 * KIB))
    assert names(plan) == ([], [])
    assert plan.hot_bytes == KIB


def test_hot_assets_come_back_hottest_first() -> None:
    files = [a_cold_file("three", uses=3), a_cold_file("nine", uses=9), a_cold_file("two", uses=2)]
    assert names(plan_of(files))[1] == ["nine", "three"]


def test_hot_assets_come_back_only_while_the_limit_allows() -> None:
    files = [a_file("here", 60 * KIB, days=1)]
    files += [a_cold_file("big", 50 * KIB, uses=9), a_cold_file("small", 30 * KIB, uses=4)]
    plan = plan_of(files, Policy(limit_bytes=100 * KIB))
    assert names(plan)[1] == ["small"]
    assert "no room" in explain(plan, files[1])


def test_hot_assets_do_not_take_the_disk_below_its_minimum() -> None:
    files = [a_cold_file("a", 50 * KIB)]
    assert not plan_of(files, Policy(min_free_bytes=70 * KIB), free_bytes=100 * KIB).promotions


def test_where_files_go_for_space_what_comes_back_stays_below_the_same_mark() -> None:
    files = [a_file(f"f{number}", 10 * KIB, days=1) for number in range(11)]
    files.append(a_cold_file("hot", 15 * KIB, uses=50))
    plan = plan_of(files, Policy(limit_bytes=100 * KIB))
    assert plan.demotions
    assert not plan.promotions


def test_a_file_that_somebody_removed_does_not_come_back_by_itself() -> None:
    lost = a_cold_file("lost", uses=9)._replace(is_cold=False)
    assert not plan_of([lost]).promotions


def test_directions_can_be_switched_off() -> None:
    files = [a_file("old"), a_cold_file("hot")]
    assert names(plan_of(files, Policy(demotes=False))) == ([], ["hot"])
    assert names(plan_of(files, Policy(promotes=False))) == (["old"], [])


def test_no_more_than_the_allowed_part_of_the_local_bytes_goes() -> None:
    files = [a_file(f"f{number}", 10 * KIB) for number in range(10)]
    plan = plan_of(files)
    with pytest.raises(RefusedError, match="100%"):
        check_share(plan, 0.5)
    trimmed = plan.within(0.5)
    assert (len(trimmed.demotions), len(trimmed.spared)) == (5, 5)
    check_share(trimmed, 0.5)
    assert "allowed part" in explain(trimmed, trimmed.spared[0].file)
    assert intended(trimmed).demoted == 5


def test_every_decision_about_a_cold_asset_is_a_sentence() -> None:
    files = [a_cold_file("rare", uses=1), a_cold_file("archived", hold=Hold.ARCHIVED)]
    plan = plan_of(files)
    assert "used once in the last 30 days" in explain(plan, files[0])
    assert "archived" in explain(plan, files[1])
    assert "nothing is promoted" in explain(plan_of(files, Policy(promotes=False)), files[0])


def test_a_cold_asset_of_which_no_use_is_known_is_not_given_one() -> None:
    file = a_cold_file("unknown", uses=0)._replace(evidence=Evidence.NOTHING)
    assert "not used in the last 30 days" in explain(plan_of([file]), file)
    assert evidence_of(file, NOW) == "it is not known when it was used"


def test_a_demotion_says_what_coming_back_takes() -> None:
    file = a_file("slow", later_class="DEEP_ARCHIVE")
    plan = plan_of([file])
    assert plan.demotions[0].hours == 12
    text = explain(plan, file)
    assert "after a restore" in text
    assert "DEEP_ARCHIVE" in text
    assert "$" in text


def test_a_plan_says_why_in_a_few_words() -> None:
    files = [
        a_file("cold", days=100),
        a_file("used", days=50, uses=4, later_class="GLACIER"),
        a_cold_file("hot"),
        a_file("warm", 10 * KIB, days=2),
    ]
    plan = plan_of(files, Policy(limit_bytes=5 * KIB))
    assert {move.file.cache_keys[0]: briefly(move, NOW) for move in (*plan.demotions, *plan.promotions)} == {
        "cold": "unused for 100 days",
        "used": "unused for 50 days, used 4 times in all; a rule will move it to GLACIER",
        "warm": "for space; unused for 2 days",
        "hot": "used 5 times in 30 days",
    }


FILES = st.lists(
    st.builds(
        a_file,
        name=st.integers(0, 10**6).map(str),
        size_bytes=st.integers(0, 10**7),
        days=st.floats(-5, 500),
        uses=st.integers(0, 50),
        recent_uses=st.integers(0, 50),
        hold=st.one_of(st.none(), st.none(), st.sampled_from(Hold)),
        later_class=st.sampled_from([None, "GLACIER", "DEEP_ARCHIVE"]),
        is_hot=st.booleans(),
        is_cold=st.booleans(),
        in_cache=st.booleans(),
    ).map(lambda file: file._replace(is_cold=file.is_cold and not file.is_hot)),
    unique_by=lambda file: file.file_path,
    max_size=40,
)
POLICIES = st.builds(
    Policy,
    cold_days=st.integers(0, 100),
    limit_bytes=st.one_of(st.none(), st.integers(0, 10**8)),
    min_free_bytes=st.one_of(st.none(), st.integers(0, 10**8)),
    promotes=st.booleans(),
    demotes=st.booleans(),
)


@given(files=FILES, policy=POLICIES, free_bytes=st.integers(0, 10**9), data=st.data())
def test_every_plan_keeps_the_promises(
    files: list[TierFile], policy: Policy, free_bytes: int, data: st.DataObject
) -> None:
    plan = plan_of(files, policy, free_bytes=free_bytes)
    going = [move.file for move in plan.demotions]
    coming = [move.file for move in plan.promotions]
    _check_who_moves(plan, going, coming)
    _check_amounts(plan, free_bytes)
    if policy.demotes and plan.shortfall_bytes:  # then everything that may go goes
        movable = [file for file in files if file.is_hot and file.in_cache and file.hold is None]
        assert {file for file in movable if file.size_bytes and not is_fresh(file, NOW)} <= set(going)
    assert len({file.file_path for file in (*going, *coming)}) == len(going) + len(coming)
    assert plan_of(data.draw(st.permutations(files)), policy, free_bytes=free_bytes) == plan
    assert all(explain(plan, file) for file in files)


def _check_who_moves(plan: TierPlan, going: list[TierFile], coming: list[TierFile]) -> None:
    policy = plan.policy
    assert policy.demotes or not going
    assert policy.promotes or not coming
    for file in going:
        assert file.hold is None
        assert file.is_hot
        assert file.in_cache
        assert NOW - file.last_used_at >= GRACE
    for file in coming:
        assert file.hold is None
        assert file.is_cold
        assert file.recent_uses >= HOT_USES
    for move in plan.demotions:
        assert move.action is Action.DEMOTE
        assert is_due(move.file, policy, NOW) == (move.cause is Cause.COLD)


def _check_amounts(plan: TierPlan, free_bytes: int) -> None:
    policy, needed = plan.policy, needed_bytes(plan.policy, plan.room)
    for_space = [move.file.size_bytes for move in plan.demotions if move.cause is Cause.SPACE]
    if for_space:  # never more than was asked: each of them is needed
        assert plan.freed_bytes >= needed or plan.shortfall_bytes
        assert plan.freed_bytes - min(for_space) < needed
    used = plan.room.used_bytes - plan.freed_bytes
    brought = sum(move.file.size_bytes for move in plan.promotions if move.file.in_cache)
    if plan.promotions:
        assert free_bytes + plan.freed_bytes - plan.brought_bytes >= (policy.min_free_bytes or 0)
        if policy.limit_bytes is not None and brought:
            assert used + brought <= policy.limit_bytes * (1 - MARGIN if needed else 1)
    if needed and not plan.shortfall_bytes and policy.demotes and policy.limit_bytes is not None:
        assert used <= policy.limit_bytes
