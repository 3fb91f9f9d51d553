"""Pins: what is pinned stays known, whatever becomes of the catalog, and doubt is never read as "nothing"."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.tiers.pins import PINS_NAME, Pins, change_pins, read_pins
from creative_s3.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    made = tmp_path / "cache"
    made.mkdir()
    return made


def test_nothing_is_pinned_at_first(cache_dir: Path) -> None:
    assert not read_pins(cache_dir)


def test_pins_are_kept_and_taken_back(cache_dir: Path) -> None:
    change_pins(cache_dir, lambda pins: pins.with_more(keys=["a", "日本"], campaigns=["spring"]))
    assert read_pins(cache_dir) == Pins(frozenset({"a", "日本"}), frozenset({"spring"}))
    before, after = change_pins(cache_dir, lambda pins: pins.without(keys=["a", "never"]))
    assert before.keys - after.keys == {"a"}
    assert after.campaigns == {"spring"}
    assert read_pins(cache_dir) == after


def test_a_campaign_pins_all_of_its_assets() -> None:
    pins = Pins(frozenset({"b"}), frozenset({"spring"}))
    assert pins.reason(["a"], [None, "spring"]) == "with the campaign spring"
    assert pins.reason(["a", "b"], [None]) == "as b"
    assert pins.reason(["a"], ["autumn"]) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"version": 2, "keys": [], "campaigns": []}', '{"version": 1, "keys": "a"}'],
)
def test_a_list_that_cannot_be_understood_is_refused(cache_dir: Path, text: str) -> None:
    change_pins(cache_dir, lambda pins: pins.with_more(keys=["a"]))
    (cache_dir / ".creative-s3" / "pins.json").write_text(text)
    with pytest.raises(RefusedError, match="pinned"):
        read_pins(cache_dir)


@pytest.mark.permission_bits
def test_a_list_that_may_not_be_read_is_refused(cache_dir: Path) -> None:
    change_pins(cache_dir, lambda pins: pins.with_more(keys=["a"]))
    path = cache_dir / ".creative-s3" / "pins.json"
    path.chmod(0)
    with pytest.raises(RefusedError):
        read_pins(cache_dir)


def test_many_who_pin_at_once_lose_nothing(cache_dir: Path) -> None:
    def pin(number: int) -> None:
        change_pins(cache_dir, lambda pins: pins.with_more(keys=[f"k{number}"]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(pin, range(40)))
    assert read_pins(cache_dir).keys == {f"k{number}" for number in range(40)}


def test_a_name_that_nothing_can_have_is_refused_and_counts_for_nothing_in_the_file(cache_dir: Path) -> None:
    with pytest.raises(UsageError, match="no text in UTF-8"):
        change_pins(cache_dir, lambda pins: pins.with_more(campaigns=["\udcff"]))
    _, after = change_pins(cache_dir, lambda pins: pins.with_more(keys=["hero"]))
    path = catalog_path(cache_dir).with_name(PINS_NAME)
    path.write_text(path.read_text().replace('"hero"', '"hero", "\\udcff"'))
    assert read_pins(cache_dir) == after
