"""Fewer, wider paths: all that changed is covered, no more is dropped than pays, within the quota."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from creative_s3.core.cdn.collapsing import Tariff, collapse

if TYPE_CHECKING:
    from collections.abc import Collection

    from creative_s3.core.cdn.collapsing import Collapsed

PRICE, FETCH = Decimal("0.005"), Decimal("0.0000004")
FOLDERS = ("/", "/a/", "/a/b/", "/a/b/c/", "/a-b/", "/a/d/", "/e/")
PATHS = st.builds(
    lambda folder, name: f"{folder}{name}.png", st.sampled_from(FOLDERS), st.sampled_from("123")
)
SETS = st.sets(PATHS, min_size=1, max_size=9)
# Dear fetches, so that dropping one object or two can cost as much as a path.
TARIFFS = st.builds(
    Tariff,
    path=st.just(PRICE),
    free=st.integers(0, 6),
    fetch=st.sampled_from([FETCH, PRICE / 13, PRICE / 26, PRICE]),
)


def covers(paths: Collection[str], path: str) -> bool:
    return any(path == one or (one.endswith("*") and path.startswith(one[:-1])) for one in paths)


def cost(paths: Collection[str], unchanged: Collection[str], tariff: Tariff) -> tuple[Decimal, int, int]:
    dropped = sum(covers(paths, path) for path in unchanged)
    wildcards = sum(path.endswith("*") for path in paths)
    return tariff.cost(len(paths), dropped), dropped, wildcards


def cheapest(
    changed: Collection[str], unchanged: Collection[str], tariff: Tariff, limits: tuple[int, int]
) -> tuple[Decimal, int, int] | None:
    """Try every set of folders."""
    folders = sorted({path[: place + 1] for path in changed for place, one in enumerate(path) if one == "/"})
    found = []
    for number in range(min(limits[1], len(folders)) + 1):
        for chosen in combinations(folders, number):
            single = [path for path in changed if not path.startswith(chosen)] if chosen else list(changed)
            if len(single) <= limits[0]:
                found.append(cost([*single, *(f"{folder}*" for folder in chosen)], unchanged, tariff))
    return min(found, default=None)


@given(SETS, st.sets(PATHS, max_size=12), TARIFFS, st.integers(1, 9), st.integers(1, 4))
@example({"/a/1.png", "/a/2.png"}, {"/a/3.png"}, Tariff(PRICE, 0, FETCH), 9, 4)
@example({"/1.png", "/a/1.png", "/3.png"}, {"/2.png"}, Tariff(PRICE, 3, FETCH), 2, 1)
def test_the_plan_covers_all_within_the_quota_and_no_other_one_is_cheaper(
    changed: set[str], others: set[str], tariff: Tariff, path_limit: int, wildcard_limit: int
) -> None:
    unchanged = others - changed
    made = collapse(changed, unchanged, tariff, path_limit=path_limit, wildcard_limit=wildcard_limit)
    assert all(covers(made.paths, path) for path in changed)
    wildcards = [path for path in made.paths if path.endswith("*")]
    assert len(wildcards) == made.wildcards <= wildcard_limit
    assert len(made.paths) - len(wildcards) <= path_limit
    assert len(set(made.paths)) == len(made.paths)
    assert made.dropped == sum(covers(made.paths, path) for path in unchanged)
    if not wildcards:
        assert set(made.paths) == changed  # and nothing outside
    expected = cheapest(changed, unchanged, tariff, (path_limit, wildcard_limit))
    assert cost(made.paths, unchanged, tariff) == expected


@given(SETS, st.sets(PATHS, max_size=12))
def test_while_paths_are_free_there_is_no_wildcard(changed: set[str], others: set[str]) -> None:
    made = collapse(changed, others, Tariff(PRICE, len(changed), FETCH))
    assert (set(made.paths), made.wildcards, made.dropped) == (changed, 0, 0)


def plan(changed: int, unchanged: int, *, free: int = 0) -> Collapsed:
    paths = [f"/products/{number}.png" for number in range(changed)]
    others = [f"/products/old/{number}.png" for number in range(unchanged)]
    return collapse(paths, others, Tariff(PRICE, free, FETCH))


def test_a_folder_is_taken_where_its_paths_cost_more_than_fetching_the_others_again() -> None:
    # Two paths cost a path more than one wildcard: as much as fetching 961 objects, 13 times each.
    assert plan(2, 961).paths == ("/products/*",)
    assert plan(2, 962).wildcards == 0


def test_what_is_free_is_used_up_before_a_folder_is_taken() -> None:
    assert plan(1_000, 10, free=1_000).wildcards == 0
    assert plan(1_001, 10, free=1_000).paths == ("/products/*",)


@pytest.mark.parametrize("free", [0, 10_000])
def test_more_paths_than_the_quota_become_folders_whatever_they_drop(free: int) -> None:
    made = plan(3_001, 1_000_000 if free else 0, free=free)
    assert made.paths == ("/products/*",)


def test_very_many_folders_stay_within_the_quota() -> None:
    changed = [f"/composites/{campaign}/{name}.jpg" for campaign in range(2_000) for name in range(5)]
    made = collapse(changed, ["/products/1.png"], Tariff(PRICE, 0, FETCH))
    assert made.paths == ("/composites/*",)
    assert made.dropped == 0
