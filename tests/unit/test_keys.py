"""Who gets a contested key: the rules one by one, and what holds for any assets and any bucket."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from creative_s3.core.assets.keys import Claim, Occupant, assign_keys

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

KEY = "p/scene/background.jpg"
OTHER_KEY = "p/scene/other.jpg"
ONE, TWO, THREE = "1" * 16, "2" * 16, "3" * 16
# The first 8 digits are those of ONE.
NEARLY_ONE = "1" * 8 + "f" * 8

CONTENTS = st.sampled_from([ONE, TWO, THREE, NEARLY_ONE])
NAMES = st.sampled_from("abcdef")
SUFFIXED = [
    f"p/scene/{stem}-{suffix}.jpg"
    for stem in ("background", "other")
    for suffix in ("1" * 8, "2" * 8, ONE, NEARLY_ONE, f"{ONE}-2")
]
KEYS = st.sampled_from([KEY, OTHER_KEY, *SUFFIXED])


@st.composite
def claim_sets(draw: st.DrawFn) -> tuple[Claim, ...]:
    names = draw(st.lists(NAMES, unique=True, min_size=1, max_size=6))
    return tuple(
        Claim(
            cache_key=name,
            plain_key=draw(st.sampled_from([KEY, OTHER_KEY])),
            content=draw(CONTENTS),
            assigned_key=draw(st.none() | KEYS),
            also_known_as=draw(st.sampled_from([(), (f"alias-{name}",)])),
        )
        for name in names
    )


OCCUPANTS = st.dictionaries(
    KEYS,
    st.builds(
        Occupant,
        owner=st.none() | NAMES | st.sampled_from(["alias-a", "alias-b", "foreign"]),
        content=st.none() | CONTENTS,
    ),
    max_size=8,
)


def keys_of(*claims: Claim, bucket: Mapping[str, Occupant] | None = None) -> Mapping[str, str]:
    return assign_keys(claims, (bucket or {}).get)


def suffix(content: str, digits: int = 8) -> str:
    return f"p/scene/background-{content[:digits]}.jpg"


def test_an_uncontested_asset_gets_its_plain_key_without_its_content_being_known() -> None:
    assert keys_of(Claim("a", KEY), Claim("b", OTHER_KEY)) == {"a": KEY, "b": OTHER_KEY}


def test_of_two_contents_the_smallest_cache_key_gets_the_plain_key() -> None:
    assert keys_of(Claim("b", KEY, ONE), Claim("a", KEY, TWO)) == {"a": KEY, "b": suffix(ONE)}


def test_the_same_bytes_under_the_same_key_are_one_object() -> None:
    assert keys_of(Claim("a", KEY, ONE), Claim("b", KEY, TWO), Claim("c", KEY, ONE)) == {
        "a": KEY,
        "b": suffix(TWO),
        "c": KEY,
    }


def test_losers_with_the_same_bytes_share_the_suffixed_key() -> None:
    keys = keys_of(Claim("a", KEY, ONE), Claim("b", KEY, TWO), Claim("c", KEY, TWO))
    assert keys["b"] == keys["c"] == suffix(TWO)


def test_contents_that_begin_alike_get_longer_suffixes() -> None:
    keys = keys_of(Claim("a", KEY, TWO), Claim("b", KEY, ONE), Claim("c", KEY, NEARLY_ONE))
    assert keys == {"a": KEY, "b": suffix(ONE), "c": suffix(NEARLY_ONE, 16)}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_the_assets_does_not_say_who_gets_the_shorter_suffix(order: tuple[int, ...]) -> None:
    claims = Claim("a", KEY, TWO), Claim("b", KEY, ONE), Claim("c", KEY, NEARLY_ONE)
    assert keys_of(*(claims[number] for number in order))["b"] == suffix(ONE)


def test_the_asset_that_the_object_belongs_to_keeps_the_key_whatever_it_holds_now() -> None:
    bucket = {KEY: Occupant("b", THREE)}
    assert keys_of(Claim("a", KEY, ONE), Claim("b", KEY, TWO), bucket=bucket) == {"a": suffix(ONE), "b": KEY}


def test_an_asset_owns_an_object_under_its_other_name_too() -> None:
    bucket = {KEY: Occupant("product:x", THREE)}
    claim = Claim("b", KEY, TWO, also_known_as=("product:x",))
    assert keys_of(Claim("a", KEY, ONE), claim, bucket=bucket) == {"a": suffix(ONE), "b": KEY}


def test_assets_whose_content_is_there_already_share_the_object() -> None:
    bucket = {KEY: Occupant("foreign", TWO)}
    claims = Claim("a", KEY, ONE), Claim("b", KEY, TWO), Claim("c", KEY, TWO)
    assert keys_of(*claims, bucket=bucket) == {"a": suffix(ONE), "b": KEY, "c": KEY}


def test_an_object_of_somebody_else_is_left_alone() -> None:
    for there in (Occupant("foreign", THREE), Occupant(None, THREE), Occupant("foreign", None)):
        assert keys_of(Claim("a", KEY, ONE), bucket={KEY: there}) == {"a": suffix(ONE)}


def test_an_object_of_somebody_else_under_a_suffixed_key_is_left_alone_too() -> None:
    bucket = {
        KEY: Occupant("foreign", THREE),
        suffix(ONE): Occupant("foreign", None),
        suffix(ONE, 16): Occupant("foreign", None),
        f"p/scene/background-{ONE}-2.jpg": Occupant("foreign", THREE),
    }
    assert keys_of(Claim("a", KEY, ONE), bucket=bucket) == {"a": f"p/scene/background-{ONE}-3.jpg"}


def test_a_suffixed_key_that_holds_our_content_already_is_used() -> None:
    bucket = {KEY: Occupant("foreign", THREE), suffix(ONE): Occupant("someone", ONE)}
    assert keys_of(Claim("a", KEY, ONE), bucket=bucket) == {"a": suffix(ONE)}


def test_a_key_once_given_stays_when_its_object_is_gone() -> None:
    claims = Claim("a", KEY, ONE), Claim("b", KEY, TWO, assigned_key=KEY)
    assert keys_of(*claims) == {"a": suffix(ONE), "b": KEY}


def test_a_key_given_under_an_older_description_stays() -> None:
    bucket = {KEY: Occupant("a", ONE)}
    assert keys_of(Claim("a", OTHER_KEY, TWO, assigned_key=KEY), bucket=bucket) == {"a": KEY}


def test_a_key_whose_object_somebody_else_replaced_is_given_up() -> None:
    bucket = {KEY: Occupant("foreign", THREE)}
    assert keys_of(Claim("a", KEY, ONE, assigned_key=KEY), bucket=bucket) == {"a": suffix(ONE)}


def test_twins_whose_contents_went_apart_get_two_keys_and_the_owner_keeps_the_object() -> None:
    bucket = {KEY: Occupant("b", ONE)}
    a, b = Claim("a", KEY, ONE, assigned_key=KEY), Claim("b", KEY, TWO, assigned_key=KEY)
    assert keys_of(a, b, bucket=bucket) == {"a": suffix(ONE), "b": KEY}
    assert keys_of(a, b) == {"a": KEY, "b": suffix(TWO)}


def test_thousands_of_assets_that_want_one_key_are_settled_at_once() -> None:
    same = [Claim(f"s{number}", KEY, ONE) for number in range(5000)]
    other = [Claim(f"t{number}", KEY, f"{number:016x}") for number in range(5000)]
    keys = keys_of(*same, *other)
    assert len(set(keys.values())) == 5001


@given(claim_sets(), OCCUPANTS, st.randoms(use_true_random=False))
def test_the_order_of_the_assets_changes_nothing(
    claims: tuple[Claim, ...], bucket: dict[str, Occupant], source: random.Random
) -> None:
    other = list(claims)
    source.shuffle(other)
    assert keys_of(*claims, bucket=bucket) == keys_of(*other, bucket=bucket)


@given(claim_sets(), OCCUPANTS)
@example(
    (Claim("a", KEY, TWO), Claim("b", KEY, ONE)),
    {suffix(ONE): Occupant("foreign", TWO), suffix(ONE, 16): Occupant("foreign", None)},
)
def test_every_asset_has_a_key_and_two_contents_never_share_one(
    claims: tuple[Claim, ...], bucket: dict[str, Occupant]
) -> None:
    keys = keys_of(*claims, bucket=bucket)
    assert set(keys) == {claim.cache_key for claim in claims}
    contents: dict[str, set[str | None]] = {}
    for claim in claims:
        contents.setdefault(keys[claim.cache_key], set()).add(claim.content)
    assert all(len(each) == 1 for each in contents.values())


@given(claim_sets(), OCCUPANTS)
def test_an_object_of_somebody_else_is_never_taken(
    claims: tuple[Claim, ...], bucket: dict[str, Occupant]
) -> None:
    keys = keys_of(*claims, bucket=bucket)
    for key in set(keys.values()) & set(bucket):
        there = bucket[key]
        mine = [claim for claim in claims if keys[claim.cache_key] == key]
        assert any(claim.is_known_as(there.owner) or claim.content == there.content for claim in mine)


@given(claim_sets(), OCCUPANTS)
def test_an_asset_keeps_its_key_when_the_object_there_is_its_own(
    claims: tuple[Claim, ...], bucket: dict[str, Occupant]
) -> None:
    keys = keys_of(*claims, bucket=bucket)
    for claim in claims:
        there = bucket.get(claim.wanted_key)
        if there and claim.is_known_as(there.owner):
            assert keys[claim.cache_key] == claim.wanted_key


@given(claim_sets())
def test_an_asset_keeps_a_key_that_it_alone_was_given_when_the_object_is_gone(
    claims: tuple[Claim, ...],
) -> None:
    keys = keys_of(*claims)
    given_keys = [claim.assigned_key for claim in claims]
    for claim in claims:
        if claim.assigned_key and given_keys.count(claim.assigned_key) == 1:
            assert keys[claim.cache_key] == claim.assigned_key


@given(claim_sets(), OCCUPANTS)
def test_planning_again_after_the_upload_changes_no_key(
    claims: tuple[Claim, ...], bucket: dict[str, Occupant]
) -> None:
    keys = keys_of(*claims, bucket=bucket)
    uploaded = dict(bucket)
    again = []
    for claim in sorted(claims, key=lambda each: each.cache_key, reverse=True):
        key = keys[claim.cache_key]
        there = bucket.get(key)
        if there is None or there.content != claim.content:
            uploaded[key] = Occupant(claim.cache_key, claim.content)
        again.append(Claim(claim.cache_key, claim.plain_key, claim.content, key, claim.also_known_as))
    # An object that changed hands under one of its keys is another story, told above.
    assume(all(uploaded[keys[claim.cache_key]].content == claim.content for claim in claims))
    assert keys_of(*again, bucket=uploaded) == keys
