"""
The six people of the sample photographs, and what they wear.

Each is a list of shapes from back to front. Where they stand is `photos.py`'s matter.
"""

from collections.abc import Callable, Sequence
from typing import Final

import attrs
from PIL import ImageDraw

from aidge_async.cli.brush import Brush, Joint, Pattern, mirrored, oval, ring, tube
from aidge_async.sandbox.canvas import Colour, Point, mix

_DARK: Final = (30, 24, 30)
_WHITE: Final = (255, 252, 246)
_LEFT_ARM: Final = ((-0.092, 0.206, 0.025), (-0.122, 0.285, 0.0215), (-0.136, 0.365, 0.019), (-0.134, 0.49, 0.0125))
_ON_HIP: Final = ((0.092, 0.206, 0.025), (0.146, 0.285, 0.0215), (0.178, 0.352, 0.019), (0.102, 0.432, 0.0130))


@attrs.frozen(kw_only=True)
class Body:
    """
    Hold what a person brings along.

    Args:
        skin: Colour of the skin.
        hair: Colour of the hair.
        long_hair: Whether it falls over the shoulders.
        made_up: Whether lips and cheeks are.
        arms: The two arms, as spines from shoulder to wrist.
    """

    skin: Colour
    hair: Colour
    long_hair: bool = False
    made_up: bool = True
    arms: tuple[Sequence[Joint], ...] = (_LEFT_ARM, _ON_HIP)


class Person:
    """Paint a person's parts with *brush*."""

    def __init__(self, brush: Brush, body: Body) -> None:
        self.brush = brush
        self.body = body

    def back_hair(self) -> None:
        """Paint the hair that falls behind the shoulders."""
        half = ((0.0, 0.004), (0.040, 0.012), (0.056, 0.05), (0.055, 0.11), (0.066, 0.17), (0.058, 0.225), (0.0, 0.235))
        self.brush.shape(ring(mirrored(half)), mix(self.body.hair, _DARK, 0.25))

    def legs(self, colour: Colour, *, width: float = 1.0, to: float = 0.945, pattern: Pattern | None = None) -> None:
        """Paint both legs, bare or in trousers, down to *to*."""
        for side, lean in ((1, 0.006), (-1, -0.004)):
            spine = (
                (side * 0.047, 0.47, 0.047 + 0.004 * width),
                (side * 0.050 + lean, 0.60, 0.040 * width),
                (side * 0.048 + lean, 0.735, 0.0275 * width),
                (side * 0.050 + lean, 0.80, 0.0285 * width),
                (side * 0.046 + lean, to, 0.0160 * width * width),
            )
            self.brush.shape(tube(spine), colour, depth=0.018, pattern=pattern)

    def shoes(self, colour: Colour, *, top: float = 0.955) -> None:
        """Paint both shoes."""
        for side in (1, -1):
            points = ((0.030, top), (0.066, top), (0.070, 0.975), (0.088, 0.992), (0.084, 1.002), (0.030, 1.002))
            self.brush.shape(ring([(side * x, y) for x, y in points]), colour, depth=0.010)

    def arms(self, sleeve: Colour | None, *, to: int = 4, wide: float = 1.0, pattern: Pattern | None = None) -> None:
        """Paint both arms; the *sleeve* reaches down to the spine's point number *to*."""
        for arm in self.body.arms:
            (x, y, _), (x0, y0, _) = arm[-1], arm[-2]
            hand = (x + 0.13 * (x - x0), y + 0.13 * (y - y0), 0.0145), (x + 0.26 * (x - x0), y + 0.30 * (y - y0), 0.010)
            self.brush.shape(tube((*arm, *hand)), self.body.skin, depth=0.012)
            if sleeve:
                cloth = [(x, y, radius * wide + 0.004) for x, y, radius in arm[:to]]
                self.brush.shape(tube(cloth, flat_end=True), sleeve, depth=0.016, pattern=pattern)

    def neck(self) -> None:
        """Paint neck and shoulders."""
        skin = mix(self.body.skin, _DARK, 0.06)
        half = (
            (0.0, 0.10),
            (0.024, 0.105),
            (0.025, 0.150),
            (0.050, 0.172),
            (0.094, 0.186),
            (0.080, 0.230),
            (0.0, 0.245),
        )
        self.brush.shape(ring(mirrored(half)), skin, volume=0.3)
        self.brush.stroke(
            ((-0.014, 0.140), (0.006, 0.147), (0.022, 0.134)), _DARK, width=0.016, soft=0.006, opacity=0.28
        )

    def head(self) -> None:
        """Paint face and hair."""
        body, brush = self.body, self.brush
        brush.shape(oval((0.0, 0.052), (0.052, 0.056)), body.hair, volume=0.5)
        for side in (1, -1):
            brush.shape(oval((side * 0.0445, 0.076), (0.007, 0.012)), mix(body.skin, _DARK, 0.1), depth=0.004)
        face = (
            (0.0, 0.012),
            (0.034, 0.022),
            (0.0455, 0.055),
            (0.043, 0.092),
            (0.026, 0.124),
            (0.010, 0.134),
            (0.0, 0.135),
        )
        brush.shape(ring(mirrored(face)), body.skin, volume=0.30, depth=0.020)
        self._features()
        self._fringe()

    def _features(self) -> None:
        body, brush = self.body, self.brush
        for side in (1, -1):
            brush.shape(oval((side * 0.0195, 0.0735), (0.0088, 0.0042)), _WHITE, volume=0.1, depth=0.002)
            brush.shape(oval((side * 0.0190, 0.0735), (0.0043, 0.0045)), mix(body.hair, (60, 44, 30), 0.5), volume=0.0)
            lid = ((side * 0.0095, 0.0735), (side * 0.019, 0.0685), (side * 0.0300, 0.0725))
            brush.stroke(lid, mix(body.hair, _DARK, 0.7), width=0.0032)
            brow = ((side * 0.0085, 0.0605), (side * 0.020, 0.0560), (side * 0.0320, 0.0615))
            brush.stroke(brow, mix(body.hair, _DARK, 0.3), width=0.0046, opacity=0.85)
            blush = mix(body.skin, (214, 84, 78), 0.26 if body.made_up else 0.08)
            brush.shape(oval((side * 0.0265, 0.0940), (0.010, 0.007)), blush, volume=0, soft=0.006)
        shade = mix(body.skin, (96, 40, 32), 0.45)
        brush.stroke(
            ((0.004, 0.078), (0.0062, 0.090), (0.0035, 0.0955), (-0.004, 0.0965)), shade, width=0.0028, opacity=0.8
        )
        lips = mix(body.skin, (176, 44, 54) if body.made_up else (140, 70, 64), 0.58 if body.made_up else 0.35)
        half = ((0.0, 0.1085), (0.0052, 0.1065), (0.0155, 0.1115), (0.008, 0.1175), (0.0, 0.1185))
        brush.shape(ring(mirrored(half)), lips, volume=0.2, depth=0.003)
        brush.stroke(((-0.0150, 0.1115), (0.0, 0.1125), (0.0150, 0.1115)), mix(lips, _DARK, 0.55), width=0.0020)

    def _fringe(self) -> None:
        hair = self.body.hair
        parting = (
            (-0.018, 0.006),
            (0.030, 0.004),
            (0.054, 0.036),
            (0.054, 0.080),
            (0.047, 0.076),
            (0.042, 0.050),
            (0.020, 0.030),
            (-0.014, 0.024),
            (-0.036, 0.042),
            (-0.046, 0.078),
            (-0.054, 0.080),
            (-0.055, 0.036),
        )
        self.brush.shape(ring(parting), hair, volume=0.45, depth=0.014)
        if self.body.long_hair:
            for side in (1, -1):
                lock = ((0.049, 0.050, 0.008), (0.055, 0.10, 0.013), (0.062, 0.155, 0.014), (0.056, 0.215, 0.007))
                self.brush.shape(tube([(side * x, y, radius) for x, y, radius in lock]), hair, depth=0.010)
        shine = mix(hair, _WHITE, 0.45)
        self.brush.stroke(
            ((-0.036, 0.028), (-0.020, 0.012), (0.004, 0.008)), shine, width=0.007, soft=0.003, opacity=0.5
        )


def folds(person: Person, lines: Sequence[tuple[Point, ...]], cloth: Colour, *, width: float = 0.007) -> None:
    """Paint the folds of a cloth: a dark line and a light one beside it."""
    for line in lines:
        person.brush.stroke(line, mix(cloth, _DARK, 0.55), width=width, soft=0.0025, opacity=0.55)
        beside = [(x - 0.008, y) for x, y in line]
        person.brush.stroke(beside, mix(cloth, _WHITE, 0.5), width=width, soft=0.003, opacity=0.35)


def stripes(colour: Colour, *, gap: float, width: float) -> Pattern:
    """Return a pattern of level stripes."""

    def paint(draw: ImageDraw.ImageDraw, at: Callable[[Point], Point], height_px: float) -> None:
        for step in range(int(1 / gap)):
            draw.line(
                (at((-0.5, step * gap)), at((0.5, step * gap))), fill=colour, width=max(1, round(width * height_px))
            )

    return paint


def checks(colour: Colour, *, gap: float, width: float) -> Pattern:
    """Return a pattern of crossing lines."""
    level = stripes(colour, gap=gap, width=width)

    def paint(draw: ImageDraw.ImageDraw, at: Callable[[Point], Point], height_px: float) -> None:
        level(draw, at, height_px)
        for step in range(round(-0.5 / gap), round(0.5 / gap)):
            line = (at((step * gap, 0)), at((step * gap, 1)))
            draw.line(line, fill=mix(colour, _DARK, 0.25), width=max(1, round(width * height_px)))

    return paint


def dots(colour: Colour, *, gap: float, radius: float) -> Pattern:
    """Return a pattern of dots in staggered rows."""

    def paint(draw: ImageDraw.ImageDraw, at: Callable[[Point], Point], height_px: float) -> None:
        reach = radius * height_px
        for row in range(int(1 / gap)):
            for column in range(round(-0.4 / gap), round(0.4 / gap)):
                x, y = at(((column + (row % 2) / 2) * gap, row * gap))
                draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour)

    return paint
