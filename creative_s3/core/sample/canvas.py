"""A small canvas that makes real PNG files with the standard library alone; others decide what is painted.

Pure Python is slow per pixel, so hardly a pixel is computed alone. A picture is a plane of ink numbers,
painted in spans, and an ink is a gradient along one axis. Rendering is one table look-up and one strided copy
per line and channel, both done in C.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

_STEP = 3  # gradients have one colour per three pixels: finer steps are not seen
_COVERAGE = 5  # steps in which a pixel at an edge is covered
_MOST_INKS = 256
_HALO = 48  # steps of a halo
_OPAQUE = 255


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels, row by row: three bytes each, or four with alpha."""

    width: int
    height: int
    channels: Literal[3, 4]
    pixels: bytes


def mix(one: Colour, other: Colour, weight: float) -> Colour:
    """Return the colour between `one` (weight 0) and `other` (weight 1)."""
    red, green, blue = (round(a + (b - a) * weight) for a, b in zip(one, other, strict=True))
    return red, green, blue


class Canvas:
    """A plane of ink numbers.

    Spans run along `axis`, and the gradients of the inks too: ``y`` suits landscapes (a line is a column),
    ``x`` round bodies (a line is a row). Without a `background` the canvas is transparent.
    """

    def __init__(
        self, width: int, height: int, *, axis: Literal["x", "y"], background: Sequence[Colour] = ()
    ) -> None:
        self.width = width
        self.height = height
        self._axis = axis
        self._length = height if axis == "y" else width
        self._samples = -(-self._length // _STEP)
        self._lines = [bytearray(self._length) for _ in range(width if axis == "y" else height)]
        self._planes = [bytearray() for _ in range(4)]
        self._mixed: dict[tuple[int, int, int], int] = {}
        self._plain: dict[int, int] = {}
        self._transparent = not background
        self.ink(background or [(0, 0, 0)], alpha=0 if self._transparent else _OPAQUE)

    def ink(
        self, colours: Sequence[Colour], *, alpha: int = _OPAQUE, extent: tuple[float, float] = (0, 1)
    ) -> int:
        """Add an ink that runs through `colours`, over the part `extent` of the axis; return its number."""
        begin, end = extent
        last = max(len(colours) - 1, 0)
        samples = []
        for sample in range(self._samples):
            place = (sample * _STEP / self._length - begin) / (end - begin) if end > begin else 0.0
            place = min(max(place, 0.0), 1.0) * last
            index = min(int(place), max(last - 1, 0))
            samples.append(mix(colours[index], colours[min(index + 1, last)], place - index))
        return self._add(
            [bytes(channel) for channel in zip(*samples, strict=True)], bytes([alpha]) * self._samples
        )

    def over(self, front: int, behind: int, weight: float) -> int:
        """Return an ink: `front` covering `weight` of `behind`, in a few steps."""
        step = round(weight * _COVERAGE)
        if step <= 0 or front == behind:
            return behind
        behind = self._plain.get(behind, behind)
        if step >= _COVERAGE or (self._count >= _MOST_INKS and (front, behind, step) not in self._mixed):
            return front
        if (front, behind, step) not in self._mixed:
            colours, alpha = self._blend(front, behind, step)
            self._mixed[front, behind, step] = self._add(colours, alpha)
        return self._mixed[front, behind, step]

    def tinted(self, ground: int, colour: Colour, weight: float) -> int:
        """Add an ink: `ground` with a little of `colour`; over transparency, `colour` with a little alpha."""
        if ground == 0 and self._transparent:
            return self.ink([colour], alpha=round(_OPAQUE * weight))
        blended, alpha = self._blend(self.ink([colour]), ground, round(weight * 100), of=100)
        return self._add(blended, alpha)

    def glow(self, centre: tuple[int, int], radius: float, colour: Colour, *, reach: int) -> None:
        """Paint a disc with a halo of `reach` on the bare background; the canvas must run along ``y``."""
        sun = self.ink([colour])
        halo = [0]
        for step in range(1, _HALO):
            halo.append(self._add(*self._blend(sun, 0, step, of=_HALO)))
            self._plain[halo[-1]] = 0
        across, down = centre
        for aside in range(reach + 1):
            # A quarter is computed, the rest is its mirror image.
            half = bytearray()
            for below in range(reach + 1):
                distance = math.hypot(aside, below)
                fade = max(0.0, 1 - (distance - radius) / (reach - radius))
                cover = radius + 1 - distance if distance > radius else 1.0
                share = max(cover, 0.5 * min(fade, 1.0) ** 2)
                half.append(sun if share >= 1 else halo[int(share * (_HALO - 1))])
            column = half[:0:-1] + half
            cut = max(0, reach - down)
            for line in {across - aside, across + aside}:
                if 0 <= line < len(self._lines):
                    begin = down - reach + cut
                    end = min(down + reach + 1, self._length)
                    self._lines[line][begin:end] = column[cut : cut + end - begin]

    def span(self, line: int, start: float, end: float, ink: int) -> None:
        """Paint from `start` to `end` on one line; pixels that are covered in part are blended."""
        start, end = max(start, 0.0), min(end, float(self._length))
        if not 0 <= line < len(self._lines) or end <= start:
            return
        pixels = self._lines[line]
        first, last = int(start), int(end)
        if first == last:
            pixels[first] = self.over(ink, pixels[first], end - start)
            return
        if start > first:
            pixels[first] = self.over(ink, pixels[first], first + 1 - start)
            first += 1
        pixels[first:last] = bytes([ink]) * (last - first)
        if last < self._length:
            pixels[last] = self.over(ink, pixels[last], end - last)

    def spans(
        self, start: float, end: float, edges: Callable[[float], tuple[float, float]], ink: int
    ) -> None:
        """Paint the lines from `start` to `end`, each between the two `edges` of its middle."""
        for line in range(math.floor(start), math.ceil(end)):
            low, high = edges(min(max(line + 0.5, start), end))
            self.span(line, low, high, ink)

    def ellipse(self, centre: tuple[float, float], radii: tuple[float, float], ink: int) -> None:
        """Paint an ellipse; `centre` and `radii` are x, y."""
        (across, along), (wide, long) = (centre, radii) if self._axis == "y" else (centre[::-1], radii[::-1])

        def edges(line: float) -> tuple[float, float]:
            half = long * math.sqrt(max(0.0, 1 - ((line - across) / wide) ** 2))
            return along - half, along + half

        self.spans(across - wide, across + wide, edges, ink)

    def box(self, left: float, top: float, right: float, bottom: float, ink: int) -> None:
        """Paint a rectangle."""
        if self._axis == "y":
            self.spans(left, right, lambda _: (top, bottom), ink)
        else:
            self.spans(top, bottom, lambda _: (left, right), ink)

    def picture(self) -> Picture:
        """Render, with alpha when the canvas has no background."""
        channels: Literal[3, 4] = 4 if self._transparent else 3
        plane = b"".join(self._lines)
        out = bytearray(self.width * self.height * channels)
        for place in range(self._length):
            numbers = plane[place :: self._length]
            for channel in range(channels):
                table = self._planes[channel][place // _STEP :: self._samples].ljust(_MOST_INKS, b"\0")
                if self._axis == "y":
                    begin = place * self.width * channels
                    out[begin + channel : begin + self.width * channels : channels] = numbers.translate(table)
                else:
                    out[place * channels + channel :: self.width * channels] = numbers.translate(table)
        return Picture(self.width, self.height, channels, bytes(out))

    @property
    def _count(self) -> int:
        return len(self._planes[0]) // self._samples

    def _samples_of(self, ink: int) -> list[bytes]:
        return [bytes(plane[ink * self._samples : (ink + 1) * self._samples]) for plane in self._planes]

    def _add(self, colours: Iterable[bytes], alpha: bytes) -> int:
        number = self._count
        for plane, samples in zip(self._planes, (*colours, alpha), strict=True):
            plane.extend(samples)
        return number

    def _blend(self, front: int, behind: int, step: int, of: int = _COVERAGE) -> tuple[list[bytes], bytes]:
        *colours, alpha = self._samples_of(front)
        *under, under_alpha = self._samples_of(behind)
        if behind == 0 and self._transparent:
            return colours, bytes(value * step // of for value in alpha)
        rest = of - step
        blended = [
            bytes((a * step + b * rest) // of for a, b in zip(one, other, strict=True))
            for one, other in zip(colours, under, strict=True)
        ]
        return blended, max(alpha, under_alpha)


def place_over(scene: Picture, cutout: Picture, left: int, top: int) -> Picture:
    """Return `scene` with the transparent picture `cutout` on it; what is below its edge is cut off."""
    pixels = bytearray(scene.pixels)
    for row in range(min(cutout.height, scene.height - top)):
        source = cutout.pixels[row * cutout.width * 4 : (row + 1) * cutout.width * 4]
        alpha = source[3::4]
        used = alpha.strip(b"\0")
        if not used:
            continue
        first = len(alpha) - len(alpha.lstrip(b"\0"))
        begin = ((top + row) * scene.width + left + first) * 3
        old = pixels[begin : begin + len(used) * 3]
        new = bytearray(len(used) * 3)
        for channel in range(3):
            new[channel::3] = source[first * 4 + channel : (first + len(used)) * 4 : 4]
        for place, value in enumerate(used):
            if value != _OPAQUE:
                for at in range(place * 3, place * 3 + 3):
                    new[at] = (new[at] * value + old[at] * (_OPAQUE - value)) // _OPAQUE
        pixels[begin : begin + len(new)] = new
    return Picture(scene.width, scene.height, 3, bytes(pixels))


def encode_png(picture: Picture) -> bytes:
    """Return the PNG file (W3C, "Portable Network Graphics"): 8 bits per channel, one IDAT chunk."""
    stride = picture.width * picture.channels
    rows = bytearray()
    for begin in range(0, len(picture.pixels), stride):
        rows += b"\0"  # no filter: rows repeat well as they are
        rows += picture.pixels[begin : begin + stride]
    colour_type = 6 if picture.channels == 4 else 2  # noqa: PLR2004 - four channels are RGBA
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
