"""
Paints a European street and a beach, without anybody there.

All lengths are shares of the picture. The other two places stand in `indoors.py`.
"""

from typing import Final

from aidge_async.sandbox.canvas import Canvas, Colour, mix
from aidge_async.sandbox.moods import Mood

_WHITE: Final = (255, 255, 255)
_NIGHT: Final = (24, 26, 34)


def paint_street(canvas: Canvas, mood: Mood) -> None:
    """A narrow street of plastered houses that runs to a tower."""
    canvas.gradient(
        ((0.0, mix((112, 152, 196), mood.light, 0.15)), (1.0, mix((236, 228, 214), mood.light, 0.5))), bottom=0.62
    )
    canvas.glow((0.5, 0.50), 0.5, mood.light, strength=0.6)
    _tower(canvas, mood)
    _cobbles(canvas, mood)
    plaster = ((222, 188, 140), (206, 150, 122), (226, 208, 178), (190, 170, 150), (214, 170, 118))
    for side in (-1, 1):
        offset = canvas.chance.randrange(len(plaster))
        for number in (3, 2, 1, 0):
            colour = mix(plaster[(number + offset) % len(plaster)], mood.wall, 0.3)
            _house(canvas, side=side, near=number, colour=mix(colour, _NIGHT, 0.16 if side < 0 else 0.0), mood=mood)
    _lamp(canvas)
    canvas.soften(0.0055)
    canvas.grain(0.06)
    canvas.vignette(0.26)


_VANISHING: Final = (0.5, 0.56)
_DEPTHS: Final = (1.25, 0.62, 0.36, 0.22, 0.14)  # how far from the middle the houses' edges stand, near to far


def _tower(canvas: Canvas, mood: Mood) -> None:
    stone = mix((196, 178, 156), mood.light, 0.35)
    canvas.box((0.462, 0.29), (0.538, 0.60), stone)
    canvas.polygon(((0.452, 0.295), (0.5, 0.17), (0.548, 0.295)), mix((128, 84, 74), stone, 0.3))
    canvas.rounded((0.486, 0.34), (0.514, 0.40), mix(stone, _NIGHT, 0.45), radius=0.012)


def _cobbles(canvas: Canvas, mood: Mood) -> None:
    stone = mix((150, 138, 126), mood.light, 0.12)
    canvas.gradient(((0.0, mix(stone, _WHITE, 0.25)), (1.0, mix(stone, _NIGHT, 0.22))), top=0.575)
    row, depth = 0.58, 0.006
    while row < 1.0:
        tone = mix(stone, _NIGHT, 0.32)
        canvas.line(((0.0, row), (1.0, row)), tone, width=depth * 0.16, opacity=0.6)
        step = depth * 2.3
        shift = canvas.chance.random() * step
        for number in range(round(1 / step) + 2):
            left = number * step - shift
            light = mix(
                stone, _WHITE if canvas.chance.choice((True, False)) else _NIGHT, canvas.chance.uniform(0.02, 0.22)
            )
            canvas.box((left, row), (left + step * 0.86, row + depth * 0.82), light, opacity=0.7)
        row, depth = row + depth, depth * 1.17
    canvas.polygon(((0.485, 0.575), (0.515, 0.575), (0.62, 1.0), (0.38, 1.0)), mood.light, opacity=0.12, blur=0.05)


def _house(canvas: Canvas, *, side: int, near: int, colour: Colour, mood: Mood) -> None:
    def at(across: float, up: float) -> tuple[float, float]:
        """Return the point a share *across* the front, from far to near, and *up* in units of the near height."""
        depth = _DEPTHS[near + 1] + (_DEPTHS[near] - _DEPTHS[near + 1]) * across
        return _VANISHING[0] + side * depth * 0.62, _VANISHING[1] + depth * (0.14 - 1.20 * up)

    height = 0.92 + 0.13 * ((near * 7 + (side > 0) * 3) % 4) / 3
    canvas.polygon((at(0, 0), at(1, 0), at(1, height), at(0, height)), colour)
    canvas.polygon((at(0, 0), at(1, 0), at(1, 0.07), at(0, 0.07)), mix(colour, _NIGHT, 0.35))
    canvas.polygon(
        (at(0, height), at(1, height), at(1, height + 0.05), at(0, height + 0.05)), mix((140, 84, 66), _NIGHT, 0.1)
    )
    canvas.polygon(
        (at(0, height - 0.03), at(1, height - 0.03), at(1, height), at(0, height)), mix(colour, _WHITE, 0.35)
    )
    shutter = mix(mood.accent, (74, 108, 96), 0.55)
    columns = 3
    for floor in (0.40, 0.64):
        for number in range(columns):
            left = (number + 0.28) / columns
            right = (number + 0.72) / columns
            frame = (at(left, floor), at(right, floor), at(right, floor + 0.17), at(left, floor + 0.17))
            wide = 0.13 / columns
            for start, end in ((left - wide, left), (right, right + wide)):
                canvas.polygon(
                    (at(start, floor), at(end, floor), at(end, floor + 0.17), at(start, floor + 0.17)), shutter
                )
            canvas.polygon(frame, mix((66, 78, 94), mood.light, 0.15 + 0.3 * canvas.chance.random()))
            canvas.polygon(
                (at(left, floor - 0.02), at(right, floor - 0.02), at(right, floor), at(left, floor)),
                mix(colour, _WHITE, 0.5),
            )
    canvas.polygon((at(0.12, 0.02), at(0.38, 0.02), at(0.38, 0.27), at(0.12, 0.27)), mix(mood.accent, _NIGHT, 0.45))
    canvas.polygon(
        (at(0.50, 0.08), at(0.90, 0.08), at(0.90, 0.26), at(0.50, 0.26)), mix((250, 214, 150), mood.light, 0.3)
    )
    awning = (at(0.46, 0.29), at(0.94, 0.29), at(0.96, 0.235), at(0.44, 0.235))
    canvas.polygon(awning, mix(mood.accent, _WHITE, 0.12))


def _lamp(canvas: Canvas) -> None:
    iron = (38, 40, 44)
    canvas.line(((0.865, 0.33), (0.865, 0.83)), iron, width=0.012)
    canvas.rounded((0.843, 0.80), (0.887, 0.84), iron, radius=0.008)
    canvas.polygon(((0.835, 0.25), (0.895, 0.25), (0.880, 0.335), (0.850, 0.335)), (255, 232, 184))
    canvas.polygon(((0.825, 0.252), (0.905, 0.252), (0.865, 0.215)), iron)
    canvas.glow((0.865, 0.29), 0.16, (255, 214, 140), strength=0.75)


def paint_beach(canvas: Canvas, mood: Mood) -> None:
    """Sky, sea, foam and sand, with a headland and a palm leaf."""
    top, low = mix((72, 140, 202), mood.accent, 0.18), mix((206, 228, 238), mood.light, 0.65)
    canvas.gradient(((0.0, top), (0.75, mix(top, low, 0.75)), (1.0, low)), bottom=0.46)
    canvas.glow((0.74, 0.36), 0.55, mood.light, strength=0.75)
    for _ in range(9):
        x, y, wide = canvas.chance.uniform(0, 1), canvas.chance.uniform(0.06, 0.36), canvas.chance.uniform(0.08, 0.22)
        for puff in range(4):
            centre = (x + wide * (puff - 1.5) * 0.35, y - 0.006 * (puff % 2))
            canvas.ellipse(centre, (wide * 0.4, 0.018), mix(_WHITE, mood.light, 0.4), opacity=0.42, blur=0.012)
    sea = mix((34, 120, 150), mood.accent, 0.10)
    canvas.gradient(
        ((0.0, mix(sea, _NIGHT, 0.22)), (0.6, sea), (1.0, mix(sea, (170, 222, 214), 0.7))), top=0.46, bottom=0.70
    )
    hill = mix((86, 110, 110), low, 0.35)
    canvas.polygon(((0.0, 0.462), (0.0, 0.405), (0.10, 0.39), (0.20, 0.425), (0.29, 0.44), (0.36, 0.462)), hill)
    _waves(canvas, mood)
    _sand(canvas, mood)
    _palm(canvas)
    canvas.soften(0.0045)
    canvas.grain(0.05)
    canvas.vignette(0.20)


def _waves(canvas: Canvas, mood: Mood) -> None:
    for _ in range(130):
        near = canvas.chance.random() ** 1.6
        x, y = canvas.chance.uniform(-0.05, 1.05), 0.468 + near * 0.20
        wide = 0.015 + 0.09 * near * canvas.chance.uniform(0.4, 1.0)
        bright = canvas.chance.choice((True, True, False))
        tone = mix(_WHITE, mood.light, 0.5) if bright else (20, 84, 112)
        canvas.ellipse((x, y), (wide, 0.0012 + 0.004 * near), tone, opacity=0.30 if bright else 0.22)
    for row, strength in ((0.615, 0.55), (0.655, 0.75)):
        points = [(number / 24, row + canvas.chance.uniform(-0.005, 0.005)) for number in range(25)]
        back = [(x, y + canvas.chance.uniform(0.006, 0.016)) for x, y in reversed(points)]
        canvas.polygon([*points, *back], _WHITE, opacity=strength, blur=0.003)


def _sand(canvas: Canvas, mood: Mood) -> None:
    sand = mix((226, 200, 158), mood.light, 0.22)
    edge = [(number / 16, 0.705 - 0.02 * (number / 16) + canvas.chance.uniform(-0.006, 0.006)) for number in range(17)]
    wet = [*edge, (1.0, 0.80), (0.0, 0.82)]
    canvas.gradient(((0.0, mix(sand, _NIGHT, 0.10)), (0.35, sand), (1.0, mix(sand, _NIGHT, 0.16))), top=0.72)
    canvas.polygon([*edge, (1.0, 1.0), (0.0, 1.0)], sand, opacity=1.0)
    canvas.polygon(wet, mix(sand, (110, 92, 78), 0.55), opacity=0.75, blur=0.02)
    canvas.polygon([*edge, *((x, y + 0.014) for x, y in reversed(edge))], _WHITE, opacity=0.92, blur=0.004)
    for _ in range(90):
        near = canvas.chance.random()
        centre = (canvas.chance.uniform(0, 1), 0.80 + 0.2 * near)
        tone = _WHITE if canvas.chance.choice((True, False)) else (150, 120, 88)
        canvas.ellipse(centre, (0.02 + 0.05 * near, 0.003 + 0.008 * near), tone, opacity=0.14, blur=0.005)
    canvas.grain(0.16, top=0.72, size=(0.003, 0.003))


def _palm(canvas: Canvas) -> None:
    for number in range(5):
        tip = (0.14 + 0.10 * number, 0.34 - 0.055 * abs(number - 0.5) + 0.02 * canvas.chance.random())
        for leaf in range(34):
            share = leaf / 34
            x, y = -0.02 + (tip[0] + 0.02) * share, 0.012 + (tip[1] - 0.012) * share**1.8
            tone = mix((40, 86, 60), (128, 152, 80), canvas.chance.random() * 0.6)
            drop = 0.10 * (1 - share * 0.75) * canvas.chance.uniform(0.8, 1.1)
            canvas.polygon(((x, y), (x + 0.014, y + 0.004), (x + 0.026, y + drop)), tone, opacity=0.9)
