"""How alike two descriptions of assets are. Pure; finding the most similar ones is `core.search.ranking`.

The parts and their weights, in hundredths:

========  ==  =====================================================================================
style     25  the same visual style
season    20  the same season; half for neighbours (spring and summer, fall and winter), and for
              ``none``, which suits all seasons, beside any other
category  20  the same product category
region    15  the same region
palette   10  how near each colour of either palette is to the nearest of the other: 1 for the same
              colour, 0 from a distance of 50 on (CIE 1976, L*a*b*, D65)
tags      10  the tags that both have, among all that either has (Jaccard)
========  ==  =====================================================================================

A part of which the model says nothing is left out, and the rest is scaled, so that an equal description has
1. A part that only the model has counts 0. Points are whole numbers: equal is equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import dist
from types import MappingProxyType
from typing import TYPE_CHECKING

from creative_s3.core.assets.models import Season

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from creative_s3.core.assets.models import SemanticMetadata

WEIGHTS: Mapping[str, int] = MappingProxyType(
    {"style": 25, "season": 20, "category": 20, "region": 15, "palette": 10, "tags": 10}
)
FULL = 10_000
"""The points of a part for each hundredth of its weight."""

Look = tuple[str | None, str | None, str | None, str | None]
"""Style, season, category and region."""
LOOK_PARTS = ("style", "season", "category", "region")
_NEIGHBOURS = (
    frozenset({str(Season.SPRING), str(Season.SUMMER)}),
    frozenset({str(Season.FALL), str(Season.WINTER)}),
)
_FAR = 50.0
_HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})")
_SHORT_DIGITS = 3
_Lab = tuple[float, float, float]
# Channels of sRGB as amounts of light (IEC 61966-2-1).
_LINEAR = tuple(
    level / 255 / 12.92 if level <= 10 else ((level / 255 + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - the standard's
    for level in range(256)
)


@dataclass(frozen=True, slots=True)
class Score:
    """How alike an asset is to the model.

    Attributes:
        points: Of all parts together.
        most: The points of an equal description.
        parts: The points of each part that counts.
    """

    points: int
    most: int
    parts: Mapping[str, int]

    @property
    def value(self) -> float:
        """The score from 0 to 1."""
        return self.points / self.most

    @property
    def shares(self) -> dict[str, float]:
        """What each part adds to the score."""
        return {name: points / self.most for name, points in self.parts.items()}


class Likeness:
    """Compares descriptions with one model.

    Attributes:
        most: The points of an equal description.
        most_palette: The most that the palette can add.
        most_beside_look: The most that palette and tags can add.
    """

    def __init__(self, model: SemanticMetadata) -> None:
        self._look = {
            name: _fold(value) for name, value in zip(LOOK_PARTS, look(model), strict=True) if value
        }
        self._palette = _colours(model.color_palette)
        self._tags = _tag_set(model.tags)
        said = {**self._look, "palette": self._palette, "tags": self._tags}
        self.parts = tuple(name for name in WEIGHTS if said.get(name))
        self.most = sum(WEIGHTS[name] * FULL for name in self.parts)
        self.most_palette = WEIGHTS["palette"] * FULL if self._palette else 0
        self.most_beside_look = self.most_palette + self.most_tag_points(len(self._tags))

    def look_parts(self, other: Look) -> dict[str, int]:
        """Return the points of style, season, category and region, as far as they count."""
        return {
            name: self.part_points(name, value)
            for name, value in zip(LOOK_PARTS, other, strict=True)
            if name in self._look
        }

    def part_points(self, name: str, value: str | None) -> int:
        """Return the points of style, season, category or region; 0 for one that does not count."""
        mine, theirs = self._look.get(name), _fold(value) if value else None
        if mine is None:
            return 0
        degree = _season_degree(mine, theirs) if name == "season" else FULL * (mine == theirs)
        return WEIGHTS[name] * degree

    def palette_points(self, palette: Iterable[str]) -> int:
        """Return the points of a palette."""
        theirs = _colours(palette)
        if not theirs or not self._palette:
            return 0
        pairs = [[_nearness(mine, other) for other in theirs] for mine in self._palette]
        nearest = [max(row) for row in pairs] + [max(column) for column in zip(*pairs, strict=True)]
        return WEIGHTS["palette"] * round(FULL * sum(nearest) / len(nearest))

    def tag_points(self, tags: Iterable[str]) -> int:
        """Return the points of tags."""
        theirs = _tag_set(tags)
        if not theirs or not self._tags:
            return 0
        return WEIGHTS["tags"] * (FULL * len(theirs & self._tags) // len(theirs | self._tags))

    def most_tag_points(self, shared: int) -> int:
        """Return the most points that tags can have of which so many, or fewer, are the model's."""
        return WEIGHTS["tags"] * (FULL * shared // len(self._tags)) if self._tags else 0

    def score(self, other: SemanticMetadata) -> Score:
        """Compare a whole description."""
        palette, tags = self.palette_points(other.color_palette), self.tag_points(other.tags)
        return self.total(self.look_parts(look(other)), palette, tags)

    def total(self, look_parts: Mapping[str, int], palette: int, tags: int) -> Score:
        """Return the score whose parts are known."""
        parts = {**look_parts, "palette": palette, "tags": tags}
        counted = {name: parts[name] for name in self.parts}
        return Score(sum(counted.values()), self.most, counted)


def look(semantic: SemanticMetadata) -> Look:
    """Return style, season, category and region."""
    return semantic.visual_style, semantic.season, semantic.product_category, semantic.region


@lru_cache(maxsize=16384)
def _fold(text: str) -> str:
    """Return a text without the case of its ASCII letters, which is what the catalog ignores."""
    return str(text).encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _tag_set(tags: Iterable[str]) -> frozenset[str]:
    return frozenset(_fold(tag) for tag in tags)


def _season_degree(mine: str | None, theirs: str | None) -> int:
    if mine == theirs:
        return FULL
    is_near = str(Season.NONE) in (mine, theirs) or {mine, theirs} in _NEIGHBOURS
    return FULL // 2 if is_near and theirs else 0


def _colours(palette: Iterable[str]) -> tuple[_Lab, ...]:
    return tuple(lab for lab in map(_lab, palette) if lab is not None)


@lru_cache(maxsize=4096)
def _lab(colour: str) -> _Lab | None:
    """Return a colour written as ``#RGB`` or ``#RRGGBB`` in CIE L*a*b*; None for what is no colour."""
    match = _HEX.fullmatch(colour.strip().lower())
    if match is None:
        return None
    digits = match[1]
    if len(digits) == _SHORT_DIGITS:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (_LINEAR[channel] for channel in bytes.fromhex(digits))
    # XYZ relative to the white point D65, then CIE 1976 L*a*b*.
    x = _root((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505)
    y = _root(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    z = _root((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _root(value: float) -> float:
    return value ** (1 / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116


def _nearness(one: _Lab, other: _Lab) -> float:
    return max(0.0, 1 - dist(one, other) / _FAR)
