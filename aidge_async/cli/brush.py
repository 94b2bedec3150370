"""
Paints rounded shapes in a figure's own frame: heights from 0, the crown, to 1, the soles; widths in the same unit.

Light falls from the upper left, so every shape is lit there and shaded on the other side by itself. Who is painted is
`people.py`'s matter.
"""

import math
import random
from collections.abc import Callable, Sequence
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from aidge_async.sandbox.canvas import Colour, Point, mix

Joint = tuple[float, float, float]  # across, down, radius
Pattern = Callable[[ImageDraw.ImageDraw, Callable[[Point], Point], float], None]

_SMOOTH: Final = 3  # shapes are drawn that much larger and shrunk: Pillow's own edges are jagged
_SHADE: Final = (20, 16, 40)
_LIGHT: Final = (255, 246, 228)


class Brush:
    """
    Paint on a picture.

    Args:
        image: The picture; it is painted on.
        crown: Where the crown of the head is, in pixels.
        height_px: The figure's height.
        chance: Where everything random comes from.
    """

    def __init__(self, image: Image.Image, *, crown: Point, height_px: float, chance: random.Random) -> None:
        self._image = image
        self._crown = crown
        self._height_px = height_px
        self.chance = chance

    def shape(
        self,
        outline: Sequence[Point],
        colour: Colour,
        *,
        volume: float = 0.4,
        depth: float = 0.022,
        pattern: Pattern | None = None,
        soft: float = 0.0,
    ) -> None:
        """
        Paint a closed shape.

        Args:
            outline: Its corners.
            colour: Its own colour.
            volume: How strongly it is lit and shaded, 0 to 1.
            depth: How far light and shade reach in from the edge.
            pattern: Paints on the cloth before the light falls on it; stays inside.
            soft: How blurred its edge is.
        """
        pixels = [self._at(point) for point in outline]
        reach = depth * self._height_px
        pad = math.ceil(3 * reach + 3 * soft * self._height_px) + 2
        left, top = (math.floor(min(part)) - pad for part in zip(*pixels, strict=True))
        right, bottom = (math.ceil(max(part)) + pad for part in zip(*pixels, strict=True))
        mask = self._mask(pixels, (left, top, right, bottom), soft)
        cloth = Image.new("RGB", mask.size, colour)
        if pattern:
            pattern(
                ImageDraw.Draw(cloth),
                lambda point: (self._at(point)[0] - left, self._at(point)[1] - top),
                self._height_px,
            )
        cloth = _lit(cloth, mask, reach=reach, volume=volume)
        self._image.paste(cloth, (left, top), mask)

    def stroke(
        self, points: Sequence[Point], colour: Colour, *, width: float, soft: float = 0.0, opacity: float = 1
    ) -> None:
        """Paint a line that tapers at its ends; *width* is its widest."""
        count = len(points) - 1
        swell = [math.sin(math.pi * min(0.92, max(0.08, place / count))) for place in range(count + 1)]
        outline = tube([(x, y, width / 2 * (0.35 + 0.65 * s)) for (x, y), s in zip(points, swell, strict=True)])
        pixels = [self._at(point) for point in outline]
        pad = math.ceil(3 * soft * self._height_px) + 2
        left, top = (math.floor(min(part)) - pad for part in zip(*pixels, strict=True))
        right, bottom = (math.ceil(max(part)) + pad for part in zip(*pixels, strict=True))
        mask = self._mask(pixels, (left, top, right, bottom), soft)
        self._image.paste(colour, (left, top), mask.point([round(value * opacity) for value in range(256)]))

    def _at(self, point: Point) -> Point:
        return self._crown[0] + point[0] * self._height_px, self._crown[1] + point[1] * self._height_px

    def _mask(self, pixels: Sequence[Point], box: tuple[int, int, int, int], soft: float) -> Image.Image:
        left, top, right, bottom = box
        large = Image.new("L", ((right - left) * _SMOOTH, (bottom - top) * _SMOOTH))
        ImageDraw.Draw(large).polygon([((x - left) * _SMOOTH, (y - top) * _SMOOTH) for x, y in pixels], fill=255)
        mask = large.reduce(_SMOOTH)
        return mask.filter(ImageFilter.GaussianBlur(soft * self._height_px)) if soft else mask


def ring(points: Sequence[Point], *, steps: int = 8) -> list[Point]:
    """Return a smooth closed line through *points*; a point given twice is a corner (Catmull-Rom)."""
    count = len(points)
    return [
        _between(points[(i - 1) % count], points[i], points[(i + 1) % count], points[(i + 2) % count], step / steps)
        for i in range(count)
        if points[i] != points[(i + 1) % count]
        for step in range(steps)
    ]


def mirrored(half: Sequence[Point]) -> list[Point]:
    """Return a shape that is the same left and right; *half* runs down its right side."""
    return [*half, *((-x, y) for x, y in reversed(half))]


def oval(centre: Point, radii: Point, *, turn: float = 0.0) -> list[Point]:
    """Return an ellipse, turned by *turn* radians."""
    angles = [2 * math.pi * step / 40 for step in range(40)]
    flat = [(radii[0] * math.cos(angle), radii[1] * math.sin(angle)) for angle in angles]
    return [
        (centre[0] + x * math.cos(turn) - y * math.sin(turn), centre[1] + x * math.sin(turn) + y * math.cos(turn))
        for x, y in flat
    ]


def tube(spine: Sequence[Joint], *, flat_end: bool = False, steps: int = 10) -> list[Point]:
    """Return the outline of a limb along *spine*, round at both ends or cut off flat at the last one."""
    ends = (spine[0], *spine, spine[-1])
    line = [
        tuple(_spline(a, b, c, d, step / steps) for a, b, c, d in zip(*ends[i : i + 4], strict=True))
        for i in range(len(ends) - 3)
        for step in range(steps)
    ]
    line.append(spine[-1])
    sides: tuple[list[Point], list[Point]] = ([], [])
    for place, (x, y, radius) in enumerate(line):
        before, after = line[max(0, place - 1)], line[min(len(line) - 1, place + 1)]
        across = math.atan2(after[1] - before[1], after[0] - before[0]) + math.pi / 2
        for side, turn in zip(sides, (0.0, math.pi), strict=True):
            side.append((x + radius * math.cos(across + turn), y + radius * math.sin(across + turn)))
    end = [] if flat_end else _cap(line[-1], sides[0][-1])
    return [*sides[0], *end, *reversed(sides[1]), *_cap(line[0], sides[1][0])]


def _cap(joint: Sequence[float], start: Point) -> list[Point]:
    """Return the half circle that closes a limb, from *start* round to the other side."""
    first = math.atan2(start[1] - joint[1], start[0] - joint[0])
    angles = [first - math.pi * step / 12 for step in range(1, 12)]
    return [(joint[0] + joint[2] * math.cos(angle), joint[1] + joint[2] * math.sin(angle)) for angle in angles]


def _between(before: Point, one: Point, other: Point, after: Point, share: float) -> Point:
    return (
        _spline(before[0], one[0], other[0], after[0], share),
        _spline(before[1], one[1], other[1], after[1], share),
    )


def _spline(before: float, one: float, other: float, after: float, share: float) -> float:
    return 0.5 * (
        2 * one
        + (other - before) * share
        + (2 * before - 5 * one + 4 * other - after) * share**2
        + (3 * one - before - 3 * other + after) * share**3
    )


def _lit(cloth: Image.Image, mask: Image.Image, *, reach: float, volume: float) -> Image.Image:
    """Shade *cloth* along the right and lower edge of *mask* and light it along the left one."""
    for colour, way, strength in ((_SHADE, -1, 0.85 * volume), (_LIGHT, 1, 0.45 * volume)):
        moved = ImageChops.offset(mask, round(way * 0.9 * reach), round(way * 0.35 * reach))
        edge = ImageChops.subtract(mask, moved.filter(ImageFilter.GaussianBlur(reach)))
        tone = Image.new("RGB", cloth.size, colour)
        if way < 0:
            tone = ImageChops.multiply(cloth, Image.new("RGB", cloth.size, mix(colour, (90, 80, 110), 0.6)))
        cloth = Image.composite(tone, cloth, edge.point([round(value * strength) for value in range(256)]))
    return cloth
