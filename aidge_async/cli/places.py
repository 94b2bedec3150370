"""
The six places in which the sample photographs are taken, out of focus as behind a subject.
"""

from collections.abc import Callable, Mapping
from typing import Final

from aidge_async.sandbox.canvas import Canvas, Colour, mix

_DARK: Final = (26, 26, 34)
_WHITE: Final = (255, 255, 255)


def studio(canvas: Canvas) -> None:
    """A pale blue paper roll under one lamp."""
    canvas.gradient(((0.0, (112, 142, 164)), (0.55, (156, 184, 202)), (0.80, (170, 196, 212)), (1.0, (126, 156, 176))))
    canvas.glow((0.42, 0.38), 0.85, (250, 250, 250), strength=0.32)
    canvas.vignette(0.30)


def street(canvas: Canvas) -> None:
    """A brick wall with a door and a window, and a pavement."""
    canvas.gradient(((0.0, (120, 66, 52)), (1.0, (146, 84, 66))), bottom=0.86)
    _bricks(canvas, (150, 86, 66))
    frame = (232, 226, 214)
    canvas.box((0.04, 0.13), (0.25, 0.47), frame)
    canvas.box((0.055, 0.145), (0.235, 0.455), (70, 92, 112))
    canvas.polygon(((0.055, 0.145), (0.16, 0.145), (0.055, 0.33)), (170, 194, 208), opacity=0.6)
    canvas.box((0.140, 0.145), (0.150, 0.455), frame)
    canvas.box((0.055, 0.295), (0.235, 0.305), frame)
    canvas.box((0.02, 0.47), (0.27, 0.495), mix(frame, _DARK, 0.15))
    canvas.box((0.78, 0.22), (1.0, 0.86), mix(frame, _DARK, 0.1))
    canvas.box((0.81, 0.25), (1.0, 0.86), (38, 66, 74))
    canvas.box((0.85, 0.30), (1.0, 0.52), (54, 86, 94))
    canvas.box((0.85, 0.57), (1.0, 0.81), (54, 86, 94))
    canvas.gradient(((0.0, (128, 124, 120)), (0.12, (158, 152, 146)), (1.0, (178, 172, 164))), top=0.86)
    canvas.box((0.0, 0.852), (1.0, 0.866), (92, 84, 80))
    canvas.glow((0.25, 0.12), 0.9, (255, 226, 190), strength=0.30)
    canvas.soften(0.0045)
    canvas.vignette(0.28)


def loft(canvas: Canvas) -> None:
    """A white room with a tall window, its light on the floor."""
    wall: Colour = (224, 220, 212)
    canvas.gradient(((0.0, mix(wall, _DARK, 0.10)), (1.0, wall)), bottom=0.84)
    canvas.gradient(((0.0, (168, 128, 92)), (1.0, (196, 156, 116))), top=0.84)
    canvas.box((0.03, 0.06), (0.27, 0.70), (248, 246, 240))
    canvas.box((0.045, 0.075), (0.255, 0.685), (188, 216, 236))
    canvas.gradient(((0.0, mix(wall, _DARK, 0.04)), (1.0, wall)), top=0.70, bottom=0.72)
    for across in (0.145, 0.150):
        canvas.box((across, 0.075), (across + 0.008, 0.685), (248, 246, 240))
    for down in (0.27, 0.47):
        canvas.box((0.045, down), (0.255, down + 0.010), (248, 246, 240))
    canvas.ellipse((0.10, 0.62), (0.10, 0.10), (118, 158, 112), opacity=0.8, blur=0.02)
    canvas.box((0.0, 0.825), (1.0, 0.842), (250, 248, 244))
    canvas.polygon(((0.36, 0.20), (0.56, 0.16), (0.74, 0.66), (0.54, 0.72)), (255, 248, 226), opacity=0.55, blur=0.012)
    canvas.box((0.80, 0.60), (0.965, 0.84), (176, 122, 88))
    for lean, tall in ((-0.07, 0.30), (-0.02, 0.24), (0.04, 0.27), (0.09, 0.33)):
        leaf = (
            (0.88, 0.62),
            (0.88 + lean * 0.4 - 0.02, tall + 0.12),
            (0.88 + lean, tall),
            (0.88 + lean * 0.6 + 0.02, tall + 0.14),
        )
        canvas.polygon(leaf, (72, 118, 84))
    canvas.soften(0.005)
    canvas.vignette(0.20)


def seaside(canvas: Canvas) -> None:
    """A promenade above the sea on a clear day."""
    canvas.gradient(((0.0, (96, 164, 214)), (0.7, (178, 214, 234)), (1.0, (226, 236, 238))), bottom=0.46)
    for x, y, wide in ((0.16, 0.15, 0.16), (0.24, 0.17, 0.12), (0.80, 0.11, 0.18), (0.90, 0.13, 0.12)):
        canvas.ellipse((x, y), (wide, 0.026), _WHITE, opacity=0.75, blur=0.012)
    canvas.polygon(((0.62, 0.46), (0.74, 0.36), (0.84, 0.40), (1.0, 0.31), (1.0, 0.46)), (112, 146, 152), blur=0.004)
    canvas.gradient(((0.0, (70, 138, 164)), (1.0, (40, 112, 146))), top=0.455, bottom=0.72)
    for row in range(14):
        y = 0.47 + 0.017 * row
        x = canvas.chance.random()
        canvas.line(((x, y), (x + 0.14, y)), (196, 226, 232), width=0.0035, opacity=0.55)
    canvas.gradient(((0.0, (206, 194, 172)), (1.0, (226, 214, 192))), top=0.72)
    for y in (0.575, 0.70):
        canvas.line(((0.0, y), (1.0, y)), (246, 244, 238), width=0.014)
    for post in range(9):
        canvas.box((0.02 + 0.12 * post, 0.56), (0.036 + 0.12 * post, 0.76), (246, 244, 238))
    canvas.glow((0.15, 0.05), 0.9, (255, 244, 214), strength=0.35)
    canvas.soften(0.004)


def parlour(canvas: Canvas) -> None:
    """A blue-green wall with a framed print, above a wooden floor."""
    wall: Colour = (62, 116, 122)
    canvas.gradient(((0.0, mix(wall, _DARK, 0.18)), (1.0, wall)), bottom=0.85)
    canvas.gradient(((0.0, (134, 88, 58)), (1.0, (176, 124, 84))), top=0.85)
    canvas.box((0.0, 0.833), (1.0, 0.853), mix(wall, _WHITE, 0.25))
    canvas.box((0.06, 0.14), (0.28, 0.40), (206, 170, 104))
    canvas.box((0.073, 0.151), (0.267, 0.389), (244, 238, 226))
    canvas.ellipse((0.17, 0.25), (0.062, 0.062), (222, 126, 82))
    canvas.polygon(((0.09, 0.375), (0.15, 0.29), (0.20, 0.34), (0.25, 0.27), (0.25, 0.375)), (62, 84, 106))
    canvas.line(((0.90, 0.30), (0.90, 0.85)), (70, 54, 44), width=0.012)
    canvas.polygon(((0.845, 0.20), (0.955, 0.20), (0.995, 0.325), (0.805, 0.325)), (236, 236, 220))
    canvas.glow((0.90, 0.30), 0.55, (255, 226, 190), strength=0.40)
    canvas.soften(0.0045)
    canvas.vignette(0.26)


def autumn(canvas: Canvas) -> None:
    """A park alley in October."""
    canvas.gradient(((0.0, (238, 222, 190)), (0.6, (240, 206, 150)), (1.0, (216, 168, 104))), bottom=0.70)
    golds: tuple[Colour, ...] = ((228, 150, 44), (206, 110, 40), (240, 188, 84), (184, 84, 40), (150, 130, 56))
    for x, wide in ((0.06, 0.030), (0.20, 0.020), (0.83, 0.022), (0.95, 0.034)):
        canvas.box((x - wide, 0.0), (x + wide, 0.74), (92, 66, 52), opacity=0.85, blur=0.006)
    for _ in range(150):
        side = canvas.chance.choice((-1, 1))
        x = 0.5 + side * (0.14 + 0.42 * canvas.chance.random())
        reach = 0.025 + 0.05 * canvas.chance.random()
        spot = canvas.chance.choice(golds)
        canvas.ellipse((x, 0.55 * canvas.chance.random() ** 1.2), (reach, reach), spot, opacity=0.55, blur=0.004)
    canvas.gradient(((0.0, (176, 128, 80)), (1.0, (206, 172, 126))), top=0.70)
    canvas.polygon(((0.40, 0.70), (0.60, 0.70), (0.98, 1.0), (0.02, 1.0)), (214, 196, 170), blur=0.01)
    for _ in range(90):
        leaf = (canvas.chance.random(), 0.72 + 0.27 * canvas.chance.random())
        canvas.ellipse(leaf, (0.011, 0.006), canvas.chance.choice(golds), opacity=0.8)
    canvas.glow((0.5, 0.40), 0.8, (255, 238, 200), strength=0.45)
    canvas.soften(0.006)
    canvas.vignette(0.24)


PLACES: Final[Mapping[str, Callable[[Canvas], None]]] = {
    "studio": studio,
    "street": street,
    "loft": loft,
    "seaside": seaside,
    "parlour": parlour,
    "autumn": autumn,
}


def _bricks(canvas: Canvas, brick: Colour) -> None:
    rows, across = 34, 0.115 * canvas.height / canvas.width
    tall = 0.86 / rows
    for row in range(rows):
        shift = (row % 2) * across / 2
        for column in range(-1, int(1 / across) + 1):
            tone = mix(brick, canvas.chance.choice((_DARK, _WHITE, (190, 96, 66))), canvas.chance.uniform(0.02, 0.22))
            left, top = column * across + shift, row * tall
            canvas.box((left, top), (left + across * 0.94, top + tall * 0.86), tone)
