"""The pictures of the sample workspace: products, composites, rooms, gradients, texts and layouts.

Each function always returns the same picture. How painting works lives in ``sample_canvas``, landscapes in
``sample_landscape``; which files are made of the pictures in ``sample``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from creative_s3.core.sample.canvas import Canvas, Colour, Picture, mix, place_over
from creative_s3.core.sample.landscape import GROUNDS, SKIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WHITE: Colour = (255, 255, 255)
_BLACK: Colour = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Product:
    """How a product looks.

    Attributes:
        form: One of ``FORMS``.
        body: The main colour.
        cap: The colour of the cap.
        accent: The colour of the emblem on the label.
    """

    form: str
    body: Colour
    cap: Colour
    accent: Colour


@dataclass(frozen=True, slots=True)
class Room:
    """How a room looks.

    Attributes:
        wall: The wall's colour.
        counter: The counter's colour.
        season: What the window shows.
        tiled: Whether the wall has tiles.
    """

    wall: Colour
    counter: Colour
    season: str
    tiled: bool = False


# Outlines from top to bottom as (place, half width), in parts of the height and of the width.
_Outline = tuple[tuple[float, float], ...]
_CAP, _BODY, _LABEL = "cap", "body", "label"
FORMS: Mapping[str, Sequence[tuple[str, _Outline]]] = {
    "jug": (
        (_CAP, ((0.08, 0.13), (0.10, 0.15), (0.21, 0.16))),
        (_BODY, ((0.21, 0.12), (0.25, 0.13), (0.36, 0.33), (0.42, 0.36), (0.90, 0.36), (0.94, 0.33))),
        (_LABEL, ((0.47, 0.28), (0.49, 0.30), (0.82, 0.30), (0.84, 0.28))),
    ),
    "squeeze": (
        (_CAP, ((0.05, 0.03), (0.12, 0.045), (0.13, 0.11), (0.20, 0.12))),
        (
            _BODY,
            (
                (0.20, 0.11),
                (0.26, 0.20),
                (0.38, 0.28),
                (0.58, 0.23),
                (0.72, 0.25),
                (0.91, 0.29),
                (0.94, 0.26),
            ),
        ),
        (_LABEL, ((0.60, 0.17), (0.62, 0.19), (0.85, 0.215), (0.87, 0.195))),
    ),
    "pump": (
        (_CAP, ((0.06, 0.15), (0.10, 0.16), (0.105, 0.03), (0.17, 0.03), (0.175, 0.11), (0.23, 0.11))),
        (_BODY, ((0.23, 0.13), (0.26, 0.22), (0.29, 0.25), (0.92, 0.25), (0.945, 0.23))),
        (_LABEL, ((0.42, 0.19), (0.44, 0.205), (0.80, 0.205), (0.82, 0.19))),
    ),
    "tube": (
        (_BODY, ((0.06, 0.24), (0.10, 0.24), (0.105, 0.225), (0.60, 0.20), (0.78, 0.15))),
        (_CAP, ((0.78, 0.12), (0.80, 0.125), (0.93, 0.135), (0.94, 0.12))),
        (_LABEL, ((0.20, 0.16), (0.22, 0.17), (0.58, 0.155), (0.60, 0.145))),
    ),
    "bar": (
        (_CAP, ((0.34, 0.36), (0.36, 0.38), (0.52, 0.38))),
        (_BODY, ((0.52, 0.38), (0.90, 0.38), (0.92, 0.36))),
        (_LABEL, ((0.42, 0.27), (0.44, 0.29), (0.82, 0.29), (0.84, 0.27))),
    ),
    "jar": (
        (_CAP, ((0.30, 0.27), (0.32, 0.29), (0.43, 0.29))),
        (_BODY, ((0.43, 0.26), (0.46, 0.33), (0.90, 0.33), (0.935, 0.29))),
        (_LABEL, ((0.53, 0.26), (0.55, 0.27), (0.82, 0.27), (0.84, 0.26))),
    ),
}


def product(look: Product, width: int, height: int) -> Picture:
    """Paint a product without background: 8-bit alpha."""
    canvas = Canvas(width, height, axis="x")
    for part, outline in FORMS[look.form]:
        widest = max(half for _, half in outline) * width
        extent = (0.5 - widest / width, 0.5 + widest / width)
        if part == _LABEL:
            ink = canvas.ink([(222, 226, 232), _WHITE, _WHITE, (206, 211, 219)], extent=extent)
        else:
            ink = canvas.ink(_cylinder(look.cap if part == _CAP else look.body), extent=extent)
        canvas.spans(
            outline[0][0] * height,
            outline[-1][0] * height,
            partial(_edges, outline, width, height),
            ink,
        )
        if part == _LABEL:
            _emblem(canvas, look, outline, width, height)
    return canvas.picture()


def studio(cutout: Picture, tint: Colour) -> Picture:
    """Paint the product in front of a studio backdrop."""
    width, height = cutout.width, cutout.height
    light = mix(tint, _WHITE, 0.82)
    canvas = Canvas(
        width, height, axis="y", background=[light, mix(tint, _WHITE, 0.92), mix(tint, _WHITE, 0.72)]
    )
    floor = canvas.ink([mix(tint, _WHITE, 0.66), mix(tint, _WHITE, 0.86)], extent=(0.72, 1))
    canvas.box(0, height * 0.72, width, height, floor)
    _shadow(canvas, floor, (width / 2, height * 0.935), (width * 0.40, height * 0.035))
    return place_over(canvas.picture(), cutout, 0, 0)


def composite(scene: Picture, look: Product) -> Picture:
    """Put a product into the foreground of a scene, with its shadow."""
    height = round(min(scene.height * 0.66, scene.width * 0.95))
    width = round(height * 0.8)
    left, top = (scene.width - width) // 2, round(scene.height * 0.97) - height
    canvas = Canvas(width, height, axis="y")
    _shadow(canvas, 0, (width / 2, height * 0.93), (width * 0.42, height * 0.032))
    return place_over(place_over(scene, canvas.picture(), left, top), product(look, width, height), left, top)


def gradient(colours: Sequence[Colour], width: int, height: int) -> Picture:
    """Paint a vertical gradient with two large, faint circles."""
    canvas = Canvas(width, height, axis="y", background=colours)
    light = canvas.ink([_WHITE])
    canvas.ellipse((width * 0.86, height * 0.16), (width * 0.42, width * 0.42), canvas.over(light, 0, 0.2))
    canvas.ellipse((width * 0.08, height * 0.90), (width * 0.30, width * 0.30), canvas.over(light, 0, 0.2))
    return canvas.picture()


def solid(colour: Colour, width: int, height: int) -> Picture:
    """Paint one colour."""
    return Canvas(width, height, axis="y", background=[colour]).picture()


def room(look: Room, width: int, height: int) -> Picture:
    """Paint a room: a wall, a window, a counter to put things on."""
    wall, counter, window = look.wall, look.counter, look.season
    canvas = Canvas(width, height, axis="y", background=[mix(wall, _WHITE, 0.35), wall])
    line = canvas.ink([mix(wall, _BLACK, 0.08)])
    if look.tiled:
        size = height / 9
        for row in range(1, 7):
            canvas.box(0, row * size, width, row * size + 1.4, line)
        for row in range(7):
            for column in range(-1, int(width / size / 1.6) + 2):
                left = (column + 0.5 * (row % 2)) * size * 1.6
                canvas.box(left, row * size, left + 1.4, (row + 1) * size, line)
    left, top, right, bottom = width * 0.58, height * 0.10, width * 0.90, height * 0.52
    frame = canvas.ink([_WHITE, (228, 230, 234)])
    canvas.box(left - 8, top - 8, right + 8, bottom + 8, frame)
    canvas.box(left, top, right, bottom, canvas.ink(SKIES[window], extent=(0.1, 0.5)))
    green = canvas.ink([GROUNDS[window][1], GROUNDS[window][2]], extent=(0.36, 0.52))
    for x in range(int(left), int(right)):
        canvas.span(x, height * (0.42 + 0.03 * math.sin(x / 17)), bottom, green)
    canvas.box((left + right) / 2 - 3, top, (left + right) / 2 + 3, bottom, frame)
    _plant(canvas, width, height)
    canvas.box(
        0, height * 0.72, width, height, canvas.ink([mix(counter, _BLACK, 0.18), mix(counter, _BLACK, 0.42)])
    )
    slab = canvas.ink([mix(counter, _WHITE, 0.35), counter], extent=(0.69, 0.75))
    canvas.box(0, height * 0.69, width, height * 0.745, slab)
    return canvas.picture()


def text_overlay(text: str, ink: Colour, width: int, height: int) -> Picture:
    """Paint a badge with `text` on it, transparent around; letters of ``_LETTERS`` only."""
    canvas = Canvas(width, height, axis="x")
    radius = height * 0.42
    middle = height / 2
    badge = canvas.ink([ink, mix(ink, _WHITE, 0.18)])

    def edges(y: float) -> tuple[float, float]:
        inset = radius - math.sqrt(max(0.0, radius**2 - (y - middle) ** 2))
        return 6 + inset, width - 6 - inset

    canvas.spans(middle - radius, middle + radius, edges, badge)
    dot = min((width - 2 * radius) / (6 * len(text) - 1), height * 0.5 / 7)
    left, top = (width - dot * (6 * len(text) - 1)) / 2, (height - dot * 7) / 2
    white = canvas.ink([_WHITE])
    for position, letter in enumerate(text):
        for row, pattern in enumerate(_LETTERS[letter].split()):
            for column, mark in enumerate(pattern):
                if mark == "#":
                    x, y = left + (position * 6 + column) * dot, top + row * dot
                    canvas.box(x, y, x + dot, y + dot, white)
    return canvas.picture()


def layout(columns: int, accent: Colour, width: int, height: int) -> Picture:
    """Paint a page layout: a header, panels in columns, lines of text below each."""
    canvas = Canvas(width, height, axis="y", background=[(248, 249, 251)])
    grey, pale, strong = (canvas.ink([c]) for c in ((214, 219, 226), (232, 235, 240), accent))
    gap = width * 0.04
    canvas.box(gap, gap, width - gap, gap + height * 0.13, strong)
    wide = (width - gap * (columns + 1)) / columns
    for number in range(columns):
        left, top = gap + number * (wide + gap), gap * 2 + height * 0.13
        canvas.box(left, top, left + wide, top + height * 0.38, pale if number % 2 else grey)
        canvas.ellipse(
            (left + wide / 2, top + height * 0.19), (wide * 0.18, wide * 0.18), canvas.over(strong, 0, 0.4)
        )
        for line in range(4):
            y = top + height * (0.43 + 0.07 * line)
            canvas.box(left, y, left + wide * (1, 0.9, 0.95, 0.6)[line], y + height * 0.028, grey)
    return canvas.picture()


def _cylinder(colour: Colour) -> list[Colour]:
    """A round body under a light from the left: dark rims, a highlight, a reflection."""
    return [
        mix(colour, _BLACK, 0.34),
        mix(colour, _BLACK, 0.08),
        mix(colour, _WHITE, 0.42),
        mix(colour, _WHITE, 0.10),
        colour,
        colour,
        mix(colour, _BLACK, 0.10),
        mix(colour, _BLACK, 0.26),
        mix(colour, _BLACK, 0.38),
        mix(colour, _BLACK, 0.22),
    ]


def _edges(outline: _Outline, width: int, height: int, y: float) -> tuple[float, float]:
    place, middle, half = y / height, width / 2, outline[-1][1]
    for (top, above), (bottom, below) in pairwise(outline):
        if place <= bottom:
            part = (place - top) / (bottom - top)
            half = above + (below - above) * (1 - math.cos(math.pi * part)) / 2
            break
    return middle - half * width, middle + half * width


def _emblem(canvas: Canvas, look: Product, outline: _Outline, width: int, height: int) -> None:
    """A disc with two waves, and two lines that stand for text."""
    top, bottom = outline[0][0] * height, outline[-1][0] * height
    half = min(part for _, part in outline) * width
    middle, centre = width / 2, top + (bottom - top) * 0.40
    radius = min(half * 0.72, (bottom - top) * 0.30)
    disc = canvas.ink([mix(look.accent, _WHITE, 0.25), look.accent])
    canvas.ellipse((middle, centre), (radius, radius), disc)
    wave = canvas.ink([_WHITE])
    for number in (-0.1, 0.32):
        for x in range(int(middle - radius * 0.72), int(middle + radius * 0.72)):
            y = centre + radius * (number + 0.13 * math.sin((x - middle) / radius * 4.2))
            thick = radius * 0.15 * math.sqrt(max(0.0, 1 - ((x + 0.5 - middle) / (radius * 0.72)) ** 2))
            for line in range(math.floor(y - thick), math.ceil(y + thick)):
                cover = min(line + 1, y + thick) - max(line, y - thick)
                canvas.span(line, x, x + min(1.0, max(0.0, cover)), wave)
    text = canvas.ink([mix(look.accent, (90, 96, 108), 0.5)])
    for number, part in ((0.78, 0.74), (0.87, 0.46)):
        y = top + (bottom - top) * number
        canvas.box(middle - half * part, y, middle + half * part, y + (bottom - top) * 0.045, text)


def _shadow(canvas: Canvas, ground: int, centre: tuple[float, float], radii: tuple[float, float]) -> None:
    """A soft shadow: ellipses that get smaller and darker."""
    for step in range(1, 9):
        part = 1.12 - step * 0.07
        ink = canvas.tinted(ground, (20, 24, 40), step * 0.055)
        canvas.ellipse(centre, (radii[0] * part, radii[1] * part), ink)


def _plant(canvas: Canvas, width: int, height: int) -> None:
    """A plant in a pot, left on the counter."""
    leaf = [canvas.ink([c]) for c in ((96, 160, 104), (70, 134, 86))]
    across, base = width * 0.20, height * 0.53
    for number, (shift, rise) in enumerate(
        ((-0.055, 0.05), (0.055, 0.06), (-0.025, 0.12), (0.03, 0.14), (0, 0.2))
    ):
        canvas.ellipse(
            (across + shift * width, base - rise * height), (width * 0.030, height * 0.095), leaf[number % 2]
        )
    pot = canvas.ink([(214, 142, 104), (176, 104, 74)], extent=(0.55, 0.7))
    canvas.spans(
        across - width * 0.055,
        across + width * 0.055,
        lambda x: (base, height * (0.70 - 0.9 * max(0.0, abs(x - across) / width - 0.038))),
        pot,
    )


_LETTERS = {
    "E": "##### #.... #.... ####. #.... #.... #####",
    "F": "##### #.... #.... ####. #.... #.... #....",
    "H": "#...# #...# #...# ##### #...# #...# #...#",
    "N": "#...# ##..# ##..# #.#.# #..## #..## #...#",
    "R": "####. #...# #...# ####. #.#.. #..#. #...#",
    "S": ".#### #.... #.... .###. ....# ....# ####.",
    "W": "#...# #...# #...# #.#.# #.#.# ##.## #...#",
}
