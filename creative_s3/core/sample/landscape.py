"""The landscapes of the sample workspace: four seasons in four regions, in any size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from creative_s3.core.sample.canvas import Canvas, Colour, Picture, mix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WHITE: Colour = (255, 255, 255)
_CYPRESS: Colour = (44, 92, 70)
_GOLDEN = 0.6180339887498949  # its multiples spread evenly: what looks random here is not

SKIES: Mapping[str, tuple[Colour, ...]] = {
    "spring": ((138, 196, 238), (205, 226, 240), (255, 231, 214)),
    "summer": ((30, 120, 208), (112, 190, 240), (214, 241, 250)),
    "fall": ((112, 140, 184), (240, 190, 150), (255, 214, 158)),
    "holiday": ((10, 18, 56), (34, 46, 108), (112, 112, 172)),
}
GROUNDS: Mapping[str, tuple[Colour, ...]] = {
    "spring": ((150, 186, 196), (158, 202, 158), (118, 182, 110), (84, 156, 84)),
    "summer": ((112, 160, 196), (104, 178, 132), (60, 152, 90), (34, 118, 68)),
    "fall": ((166, 146, 164), (212, 152, 96), (192, 112, 56), (146, 76, 44)),
    "holiday": ((70, 84, 146), (130, 146, 198), (190, 204, 234), (238, 244, 255)),
}
_CROWNS: Mapping[str, tuple[Colour, ...]] = {
    "spring": ((255, 190, 208), (248, 164, 190)),
    "summer": ((52, 138, 74), (40, 116, 62)),
    "fall": ((236, 134, 48), (206, 84, 40)),
    "holiday": ((24, 74, 66), (18, 58, 56)),
}
_SUNS: Mapping[str, tuple[float, float, float, Colour]] = {
    "spring": (0.70, 0.30, 0.055, (255, 250, 226)),
    "summer": (0.74, 0.20, 0.070, (255, 244, 186)),
    "fall": (0.30, 0.40, 0.075, (255, 236, 178)),
    "holiday": (0.72, 0.22, 0.050, (250, 248, 232)),
}
# Peaks of the far range as (place, half width, height), in parts of the width and the height.
_PEAKS: Mapping[str, Sequence[tuple[float, float, float]]] = {
    "us": ((0.10, 0.30, 0.20), (0.34, 0.26, 0.27), (0.62, 0.30, 0.21), (0.92, 0.32, 0.29)),
    "emea": (
        (0.05, 0.24, 0.24),
        (0.26, 0.22, 0.33),
        (0.46, 0.20, 0.25),
        (0.80, 0.26, 0.30),
        (1.02, 0.2, 0.2),
    ),
    "apac": ((0.40, 0.46, 0.36),),
    "latam": ((0.24, 0.30, 0.30), (0.72, 0.34, 0.20), (0.98, 0.24, 0.26)),
}
_SNOW_FROM = {"us": 9.0, "emea": 0.245, "apac": 0.25, "latam": 9.0}


def landscape(season: str, region: str, width: int, height: int, *, variant: float = 0.0) -> Picture:
    """Paint a landscape.

    Args:
        season: spring, summer, fall or holiday.
        region: us, emea, apac or latam; decides the far range and what stands in front.
        width: In pixels.
        height: In pixels.
        variant: Another number gives other hills of the same kind.
    """
    canvas = Canvas(width, height, axis="y", background=SKIES[season])
    size = min(width, height)
    horizon = height * 0.60
    across, down, radius, light = _SUNS[season]
    sun = (round((1 - across if region in {"emea", "latam"} else across) * width), round(down * height))
    canvas.glow(sun, radius * size, light, reach=round(0.24 * size))
    white = canvas.ink([_WHITE])
    if season == "holiday":
        _dots(canvas, 46, (0, 0.55), (0.0022 * size, 0.0045 * size), white)
    else:
        _clouds(canvas, season, sun[0], size)
    far, *hills = (canvas.ink([mix(c, _WHITE, 0.16), c], extent=(0.35, 1.0)) for c in GROUNDS[season])
    _range(canvas, region, horizon, far, canvas.over(white, far, 0.8))
    for number, hill in enumerate(hills):
        top = height * (0.63 + 0.115 * number)
        phase = 2.1 * number + 1.7 * len(region) + 5 * variant + len(season)
        heights = [_hill(x / width, phase, number) * size + top for x in range(width)]
        for x, y in enumerate(heights):
            canvas.span(x, y, height, hill)
        if number < len(hills) - 1:
            _trees(canvas, season, region, number, heights)
    if season == "holiday":
        _dots(canvas, 60, (0.1, 1.0), (0.005 * size, 0.009 * size), white)
    return canvas.picture()


def _hill(place: float, phase: float, number: int) -> float:
    slow = math.sin(place * (3.1 + number) + phase)
    return -0.045 * slow - 0.014 * math.sin(place * 9.7 + 2 * phase)


def _range(canvas: Canvas, region: str, horizon: float, rock: int, snow: int) -> None:
    width, height = canvas.width, canvas.height
    for x in range(width):
        place = x / width
        tallest = 0.03
        for peak, half, tall in _PEAKS[region]:
            distance = abs(place - peak) / half
            if distance < 1:
                # A volcano is hollow-flanked, other mountains are straight and a little rough.
                rough = 0.010 * math.sin(place * 61 + peak * 7) + 0.006 * math.sin(place * 143)
                flank = (1 - distance) ** 1.6 if region == "apac" else (1 - distance)
                tallest = max(tallest, tall * flank + (0 if region == "apac" else rough * (1 - distance)))
        if region == "apac":
            tallest = min(tallest, 0.33)  # the crater
        top = horizon + 0.04 * height - tallest * height
        canvas.span(x, top, height, rock)
        if tallest > _SNOW_FROM[region]:
            edge = _SNOW_FROM[region] + 0.014 * math.sin(place * 90)
            canvas.span(x, top, horizon + 0.04 * height - edge * height, snow)


def _clouds(canvas: Canvas, season: str, sun: float, size: int) -> None:
    white = canvas.ink([_WHITE])
    soft = canvas.over(white, 0, 0.4 if season == "fall" else 0.6)
    for number in range(3):
        across = ((number * _GOLDEN + 0.17 + len(season) * 0.13) % 1.0) * canvas.width
        wide = size * (0.13 - 0.02 * number)
        if abs(across - sun) < 0.12 * size + 1.3 * wide:
            continue  # never over the sun
        down = (0.13 + 0.09 * number) * canvas.height
        for shift, part in ((-0.7, 0.55), (0.0, 1.0), (0.75, 0.6)):
            _dome(canvas, (across + shift * wide, down), wide * 0.75 * part, wide * 0.34 * part, soft)


def _dome(canvas: Canvas, middle: tuple[float, float], half: float, rise: float, ink: int) -> None:
    """Paint the upper half of an ellipse."""
    x, down = middle
    canvas.spans(
        x - half,
        x + half,
        lambda at: (down - rise * math.sqrt(max(0.0, 1 - ((at - x) / half) ** 2)), down),
        ink,
    )


def _trees(canvas: Canvas, season: str, region: str, number: int, heights: Sequence[float]) -> None:
    """Plant hill `number` with the season's trees: firs in winter; cypresses among others in EMEA."""
    size = min(canvas.width, canvas.height)
    light, dark = (canvas.ink([c]) for c in _CROWNS[season])
    trunk, snow, cypress = (canvas.ink([c]) for c in ((92, 66, 52), (226, 234, 250), _CYPRESS))
    for tree in range(7 + 2 * number):
        x = ((tree + 1) * _GOLDEN + 0.31 * number + 0.07 * len(region)) % 1.0 * canvas.width
        ground = heights[min(int(x), len(heights) - 1)] + 0.012 * size
        tall = size * (0.055 + 0.035 * number) * (0.8 + 0.4 * ((tree * _GOLDEN * 3) % 1.0))
        if season == "holiday":
            _fir(canvas, (x, ground), tall * 1.15, light, snow)
        elif region == "emea" and tree % 2:
            canvas.ellipse((x, ground - tall * 0.55), (tall * 0.13, tall * 0.60), cypress)
        else:
            canvas.box(x - tall * 0.05, ground - tall * 0.5, x + tall * 0.05, ground, trunk)
            canvas.ellipse((x, ground - tall * 0.72), (tall * 0.36, tall * 0.40), dark)
            canvas.ellipse((x - tall * 0.06, ground - tall * 0.78), (tall * 0.27, tall * 0.30), light)


def _fir(canvas: Canvas, foot: tuple[float, float], tall: float, green: int, snow: int) -> None:
    x, ground = foot
    for tier in range(3):
        base, top = ground - tall * 0.26 * tier, ground - tall * (0.46 + 0.27 * tier)
        half = tall * (0.30 - 0.07 * tier)
        _cone(canvas, (x, top), half, base, green)
        _cone(canvas, (x, top), half * 0.36, top + (base - top) * 0.36, snow)


def _cone(canvas: Canvas, tip: tuple[float, float], half: float, base: float, ink: int) -> None:
    """Paint an upright triangle from its tip to `base`, `half` wide to each side."""
    x, top = tip
    canvas.spans(x - half, x + half, lambda at: (top + (base - top) * abs(at - x) / half, base), ink)


def _dots(
    canvas: Canvas, count: int, between: tuple[float, float], radii: tuple[float, float], ink: int
) -> None:
    for number in range(1, count + 1):
        x = (number * _GOLDEN) % 1.0 * canvas.width
        y = (between[0] + (number * number * 0.7548776662) % 1.0 * (between[1] - between[0])) * canvas.height
        radius = radii[0] + (radii[1] - radii[0]) * ((number * 0.5698402910) % 1.0)
        canvas.ellipse((x, y), (radius, radius), ink)
