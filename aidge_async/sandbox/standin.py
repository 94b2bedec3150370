"""
Draws a photograph that stands in for one that cannot be had: somebody in clothes before a plain wall.

It looks drawn on purpose. It is used for an `imageUrl` that is never fetched, and wherever a sample is wanted.
"""

import random
from typing import Final

import attrs
from PIL import Image

from aidge_async.sandbox.canvas import Canvas, Colour, Point, mix

_WALLS: Final = ((201, 205, 208), (212, 201, 186), (186, 200, 192), (205, 192, 200), (176, 190, 206), (222, 214, 196))
_CLOTHES: Final = ((176, 48, 56), (34, 82, 128), (230, 184, 64), (52, 110, 84), (110, 64, 120), (226, 118, 70))
_TROUSERS: Final = ((48, 56, 78), (92, 84, 76), (36, 38, 42), (120, 104, 84))
_SKINS: Final = ((236, 198, 170), (206, 160, 126), (148, 100, 72), (104, 68, 50))
_HAIRS: Final = ((44, 32, 26), (96, 62, 40), (28, 26, 30), (150, 108, 62))
_DARK: Final = (22, 22, 28)
_WHITE: Final = (255, 255, 255)


@attrs.frozen(kw_only=True)
class _Look:
    wall: Colour
    top: Colour
    bottom: Colour
    skin: Colour
    hair: Colour
    skirt: bool
    long_hair: bool


def draw_stand_in(size: tuple[int, int], *, seed: str) -> Image.Image:
    """
    Return a photograph-like drawing of a person in clothes.

    Args:
        size: Pixels.
        seed: Decides wall, clothes and person.
    """
    chance = random.Random(f"stand-in/{seed}")  # noqa: S311  a picture
    look = _Look(
        wall=chance.choice(_WALLS),
        top=chance.choice(_CLOTHES),
        bottom=chance.choice(_TROUSERS),
        skin=chance.choice(_SKINS),
        hair=chance.choice(_HAIRS),
        skirt=chance.choice((True, False)),
        long_hair=chance.choice((True, False)),
    )
    canvas = Canvas(size, chance)
    _wall(canvas, look.wall)
    _Person(canvas, look).paint()
    canvas.grain(0.04)
    return canvas.image


def _wall(canvas: Canvas, wall: Colour) -> None:
    floor = mix(wall, (120, 104, 90), 0.42)
    canvas.gradient(((0.0, mix(wall, _DARK, 0.10)), (0.6, wall), (1.0, mix(wall, _DARK, 0.06))), bottom=0.86)
    canvas.gradient(((0.0, mix(floor, _DARK, 0.12)), (1.0, mix(floor, _WHITE, 0.10))), top=0.86)
    canvas.box((0.0, 0.845), (1.0, 0.862), mix(wall, _WHITE, 0.5))
    canvas.glow((0.35, 0.3), 0.8, (255, 250, 240), strength=0.22)
    canvas.soften(0.003)


class _Person:
    """Paint with a frame of its own: heights from 0, the crown, to 1, the soles; widths in the same unit."""

    def __init__(self, canvas: Canvas, look: _Look) -> None:
        self._canvas = canvas
        self._look = look
        self._top = 0.055
        self._tall = 0.895
        # A body is as wide as its height tells, whatever the picture's aspect.
        self._aspect = self._tall * canvas.height / canvas.width

    def paint(self) -> None:
        skin, look = self._look.skin, self._look
        self._canvas.ellipse((0.5, 0.955), (0.25, 0.022), _DARK, opacity=0.38, blur=0.016)
        if look.long_hair:
            self._shape(((0.052, 0.03), (0.072, 0.10), (0.076, 0.205), (0.045, 0.225)), look.hair)
        self._legs()
        self._arms()
        self._shape(((0.021, 0.11), (0.022, 0.16), (0.034, 0.185)), mix(skin, _DARK, 0.12))
        self._torso()
        self._head()

    def _at(self, x: float, y: float) -> Point:
        return 0.5 + x * self._aspect, self._top + y * self._tall

    def _shape(self, half: tuple[Point, ...], colour: Colour, *, opacity: float = 1.0, blur: float = 0.0) -> None:
        """Paint a shape that is the same left and right; *half* runs down its right edge."""
        right = [self._at(x, y) for x, y in half]
        left = [self._at(-x, y) for x, y in reversed(half)]
        self._canvas.polygon([*right, *left], colour, opacity=opacity, blur=blur)

    def _limb(self, points: tuple[Point, ...], colour: Colour) -> None:
        for side in (-1, 1):
            shade = mix(colour, _DARK, 0.14 if side > 0 else 0.0)
            self._canvas.polygon([self._at(side * x, y) for x, y in points], shade)

    def _legs(self) -> None:
        look = self._look
        cloth = look.skin if look.skirt else look.bottom
        self._shape(((0.088, 0.455), (0.096, 0.52), (0.0, 0.56)), look.bottom)
        self._limb(((0.006, 0.50), (0.092, 0.50), (0.082, 0.74), (0.070, 0.955), (0.034, 0.955), (0.020, 0.74)), cloth)
        self._limb(
            ((0.026, 0.95), (0.072, 0.95), (0.094, 0.985), (0.090, 1.0), (0.024, 1.0)), mix(look.hair, _DARK, 0.3)
        )
        if look.skirt:
            self._shape(((0.086, 0.45), (0.112, 0.56), (0.150, 0.715)), look.bottom)
            for fold in (-0.08, -0.03, 0.03, 0.08):
                line = (self._at(fold * 0.7, 0.50), self._at(fold * 1.35, 0.712))
                self._canvas.line(line, mix(look.bottom, _DARK, 0.4), width=0.004, opacity=0.6)

    def _arms(self) -> None:
        sleeve = self._look.top
        self._limb(((0.100, 0.185), (0.138, 0.215), (0.158, 0.345), (0.116, 0.352), (0.094, 0.26)), sleeve)
        self._limb(
            ((0.119, 0.345), (0.155, 0.340), (0.168, 0.46), (0.164, 0.525), (0.136, 0.525), (0.134, 0.46)),
            self._look.skin,
        )

    def _torso(self) -> None:
        cloth = self._look.top
        edge = ((0.040, 0.168), (0.100, 0.182), (0.122, 0.205), (0.106, 0.27), (0.090, 0.36), (0.098, 0.475))
        self._shape(edge, cloth)
        shade = [self._at(x, y) for x, y in (*edge, (0.042, 0.475), (0.055, 0.30))]
        self._canvas.polygon(shade, mix(cloth, _DARK, 0.3), opacity=0.5, blur=0.012)
        self._shape(((0.034, 0.166), (0.0, 0.205)), mix(self._look.skin, _DARK, 0.06))
        for height in (0.25, 0.33, 0.41):
            band = (self._at(-0.090, height), self._at(0.090, height))
            self._canvas.line(band, mix(cloth, _WHITE, 0.35), width=0.010, opacity=0.75)
        self._shape(((0.094, 0.452), (0.097, 0.474)), mix(self._look.bottom, _DARK, 0.25))

    def _head(self) -> None:
        skin, hair = self._look.skin, self._look.hair
        self._oval((0.0, 0.055), (0.060, 0.062), hair)
        self._oval((0.0, 0.075), (0.049, 0.063), skin)
        self._oval((0.014, 0.082), (0.032, 0.050), mix(skin, _DARK, 0.12), opacity=0.4)
        self._shape(((0.030, 0.008), (0.056, 0.040), (0.050, 0.058), (0.020, 0.036), (0.0, 0.030)), hair)
        for side in (-1, 1):
            self._oval((side * 0.020, 0.072), (0.0065, 0.0036), mix(skin, _DARK, 0.85))
            brow = (self._at(side * 0.012, 0.061), self._at(side * 0.029, 0.060))
            self._canvas.line(brow, mix(hair, _DARK, 0.2), width=0.005)
        self._canvas.line((self._at(0.001, 0.078), self._at(0.006, 0.093)), mix(skin, _DARK, 0.3), width=0.003)
        self._oval((0.0, 0.108), (0.015, 0.0046), mix(skin, (176, 52, 62), 0.6))

    def _oval(self, centre: Point, radii: Point, colour: Colour, *, opacity: float = 1.0) -> None:
        unit = self._tall * self._canvas.height / self._canvas.unit
        self._canvas.ellipse(self._at(*centre), (radii[0] * unit, radii[1] * unit), colour, opacity=opacity)
