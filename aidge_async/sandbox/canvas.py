"""
Paint in fractions of a picture: gradients, soft shapes, glow, grain.

What is painted with it stands in `scenes.py` and `standin.py`. Everything by chance comes from the generator that is
handed in, so a seed gives the same picture again.
"""

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Point = tuple[float, float]

_SMOOTH: Final = 2  # shapes are drawn that much larger and shrunk: Pillow's own edges are jagged


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return *one* with a *share*, 0 to 1, of *other* in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def soft_disc(size: tuple[int, int]) -> Image.Image:
    """Return a mask that is full in its middle and fades to nothing at its edges."""
    # Pillow's gradient reaches 255 in the corners, so it is 181 at the edges.
    fading = Image.radial_gradient("L").point([max(0, 255 - value * 255 // 181) for value in range(256)])
    return fading.resize(size)


class Canvas:
    """
    A picture to paint on; (0, 0) is the top left corner and (1, 1) the bottom right one.

    Args:
        size: Pixels.
        chance: Where everything random comes from.
    """

    def __init__(self, size: tuple[int, int], chance: random.Random) -> None:
        self.image = Image.new("RGB", size)
        self.chance = chance
        self.width, self.height = size
        self.unit = min(size)  # what lengths that must not be distorted are measured by

    def gradient(self, stops: Sequence[tuple[float, Colour]], *, top: float = 0.0, bottom: float = 1.0) -> None:
        """Fill the band from *top* to *bottom* with colours that change downwards; *stops* are fractions of it."""
        first, last = round(top * self.height), round(bottom * self.height)
        column = Image.new("RGB", (1, max(1, last - first)))
        for row in range(column.height):
            column.putpixel((0, row), _between(stops, row / column.height))
        self.image.paste(column.resize((self.width, column.height)), (0, first))

    def polygon(self, points: Sequence[Point], colour: Colour, *, opacity: float = 1.0, blur: float = 0.0) -> None:
        """Paint a polygon; *blur* is a fraction of the shorter side."""
        self._stamp(points, lambda draw, at: draw.polygon(at, fill=255), colour, opacity=opacity, blur=blur)

    def box(self, corner: Point, other: Point, colour: Colour, *, opacity: float = 1.0, blur: float = 0.0) -> None:
        """Paint an upright rectangle."""
        (left, top), (right, bottom) = corner, other
        points = ((left, top), (right, top), (right, bottom), (left, bottom))
        self.polygon(points, colour, opacity=opacity, blur=blur)

    def rounded(self, corner: Point, other: Point, colour: Colour, *, radius: float = 0.02, blur: float = 0.0) -> None:
        """Paint a rectangle with round corners; *radius* and *blur* are fractions of the shorter side."""
        reach = radius * self.unit * _SMOOTH
        self._stamp(
            (corner, other), lambda draw, at: draw.rounded_rectangle(at, radius=reach, fill=255), colour, blur=blur
        )

    def ellipse(self, centre: Point, radii: Point, colour: Colour, *, opacity: float = 1.0, blur: float = 0.0) -> None:
        """Paint an ellipse; *radii* are fractions of the shorter side, so equal ones make a circle."""
        across, down = radii[0] * self.unit / self.width, radii[1] * self.unit / self.height
        (x, y) = centre
        corners = ((x - across, y - down), (x + across, y + down))
        self._stamp(corners, lambda draw, at: draw.ellipse(at, fill=255), colour, opacity=opacity, blur=blur)

    def line(self, points: Sequence[Point], colour: Colour, *, width: float, opacity: float = 1.0) -> None:
        """Paint a line; *width* is a fraction of the shorter side."""
        thick = max(1, round(width * self.unit * _SMOOTH))
        self._stamp(
            points,
            lambda draw, at: draw.line(at, fill=255, width=thick, joint="curve"),
            colour,
            opacity=opacity,
            margin=width,
        )

    def glow(self, centre: Point, radius: float, colour: Colour, *, strength: float) -> None:
        """Add light around a point; *radius* is a fraction of the shorter side."""
        reach = round(radius * self.unit)
        spot = soft_disc((2 * reach, 2 * reach)).point(
            [round(255 * strength * (value / 255) ** 2) for value in range(256)]
        )
        light = Image.new("L", (self.width, self.height))
        light.paste(spot, (round(centre[0] * self.width) - reach, round(centre[1] * self.height) - reach))
        bands = [light.point([value * part // 255 for value in range(256)]) for part in colour]
        self.image = ImageChops.screen(self.image, Image.merge("RGB", bands))

    def grain(self, strength: float, *, top: float = 0.0, bottom: float = 1.0, size: Point = (0.004, 0.004)) -> None:
        """Add light and dark specks to a band; *size* is a speck's, a fraction of the shorter side."""
        first, last = round(top * self.height), round(bottom * self.height)
        cells = (
            max(1, round(self.width / max(1, size[0] * self.unit))),
            max(1, round((last - first) / max(1, size[1] * self.unit))),
        )
        noise = Image.frombytes("L", cells, self.chance.randbytes(cells[0] * cells[1]))
        noise = noise.point([128 + round((value - 128) * strength) for value in range(256)])
        noise = noise.resize((self.width, max(1, last - first)), Image.Resampling.BICUBIC)
        part = self.image.crop((0, first, self.width, first + noise.height))
        self.image.paste(ImageChops.overlay(part, Image.merge("RGB", [noise] * 3)), (0, first))

    def vignette(self, strength: float) -> None:
        """Darken the corners."""
        dark = Image.radial_gradient("L").resize((self.width, self.height))
        factor = dark.point([round(255 - 255 * strength * (value / 255) ** 2.5) for value in range(256)])
        self.image = ImageChops.multiply(self.image, Image.merge("RGB", [factor] * 3))

    def soften(self, radius: float) -> None:
        """Blur everything painted so far, as a lens does behind its subject; a fraction of the shorter side."""
        self.image = self.image.filter(ImageFilter.GaussianBlur(radius * self.unit))

    def _stamp(
        self,
        points: Sequence[Point],
        paint: Callable[[ImageDraw.ImageDraw, list[Point]], None],
        colour: Colour,
        *,
        opacity: float = 1.0,
        blur: float = 0.0,
        margin: float = 0.0,
    ) -> None:
        """Paint through a mask that is no larger than the shape: a street has hundreds of them."""
        pixels = [(x * self.width, y * self.height) for x, y in points]
        reach = round((3 * blur + margin) * self.unit) + 1
        left, top = (max(0, math.floor(min(part)) - reach) for part in zip(*pixels, strict=True))
        right = min(self.width, math.ceil(max(x for x, _ in pixels)) + reach)
        bottom = min(self.height, math.ceil(max(y for _, y in pixels)) + reach)
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", ((right - left) * _SMOOTH, (bottom - top) * _SMOOTH))
        paint(ImageDraw.Draw(mask), [((x - left) * _SMOOTH, (y - top) * _SMOOTH) for x, y in pixels])
        mask = mask.reduce(_SMOOTH)
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur * self.unit))
        if opacity < 1:
            mask = mask.point([round(value * opacity) for value in range(256)])
        self.image.paste(colour, (left, top), mask)


def _between(stops: Sequence[tuple[float, Colour]], at: float) -> Colour:
    for (start, one), (end, other) in pairwise(stops):
        if at <= end:
            return mix(one, other, max(0.0, at - start) / (end - start))
    return stops[-1][1]
