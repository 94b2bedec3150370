"""
What the people of the sample photographs wear: six outfits, each a function that dresses one person.

A person's body is `people.py`'s matter.
"""

from collections.abc import Callable, Mapping
from typing import Final

from aidge_async.cli.brush import Joint, mirrored, oval, ring, tube
from aidge_async.cli.people import Body, Person, checks, dots, folds, stripes
from aidge_async.sandbox.canvas import Colour, Point, mix

Outfit = Callable[[Person], None]

_DARK: Final = (30, 24, 30)
_WHITE: Final = (255, 252, 246)
_RELAXED: Final = (
    ((-0.092, 0.206, 0.025), (-0.122, 0.285, 0.0215), (-0.134, 0.365, 0.019), (-0.126, 0.49, 0.0125)),
    ((0.092, 0.206, 0.025), (0.124, 0.285, 0.0215), (0.137, 0.365, 0.019), (0.130, 0.49, 0.0125)),
)


def red_dress(person: Person) -> None:
    """Dress in a wrap dress with a swinging skirt."""
    cloth = (186, 38, 52)
    person.legs(person.body.skin)
    person.shoes((40, 26, 30))
    person.neck()
    skirt = (
        (0.062, 0.365), (0.062, 0.365), (0.100, 0.46), (0.138, 0.60), (0.165, 0.735), (0.165, 0.735), (0.09, 0.752),
        (0.0, 0.744), (-0.08, 0.756), (-0.160, 0.735), (-0.160, 0.735), (-0.132, 0.60), (-0.100, 0.46),
        (-0.062, 0.365), (-0.062, 0.365),
    )  # fmt: skip
    person.brush.shape(ring(skirt), cloth, depth=0.034)
    folds(
        person,
        [((0.02, 0.40), (0.045, 0.56), (0.075, 0.735)), ((-0.03, 0.40), (-0.055, 0.56), (-0.085, 0.74)),
         ((0.045, 0.40), (0.09, 0.56), (0.125, 0.735)), ((0.0, 0.42), (-0.005, 0.58), (-0.01, 0.735))],
        cloth,
    )  # fmt: skip
    bodice = (
        (0.048, 0.172), (0.048, 0.172), (0.098, 0.186), (0.090, 0.245), (0.084, 0.285), (0.063, 0.370), (0.063, 0.370),
        (-0.063, 0.370), (-0.063, 0.370), (-0.084, 0.285), (-0.090, 0.245), (-0.098, 0.186), (-0.048, 0.172),
        (-0.048, 0.172), (0.006, 0.262), (0.006, 0.262),
    )  # fmt: skip
    person.brush.shape(ring(bodice), cloth)
    person.brush.stroke(((-0.046, 0.174), (-0.014, 0.232), (0.058, 0.366)), mix(cloth, _DARK, 0.6), width=0.005)
    person.arms(cloth, to=2, wide=1.15)
    person.brush.shape(ring(mirrored(((0.064, 0.362), (0.066, 0.384)))), mix(cloth, _DARK, 0.35), depth=0.008)
    person.brush.shape(oval((0.050, 0.374), (0.016, 0.011)), mix(cloth, _DARK, 0.2), depth=0.006)
    person.brush.shape(tube(((0.052, 0.38, 0.006), (0.060, 0.43, 0.008), (0.056, 0.48, 0.005))), mix(cloth, _DARK, 0.3))


def trench_coat(person: Person) -> None:
    """Dress in a belted trench coat over dark trousers."""
    cloth = (172, 184, 194)
    person.legs((52, 54, 66), width=1.12, to=0.965)
    person.shoes((44, 42, 48))
    person.neck()
    person.brush.shape(ring(mirrored(((0.0, 0.150), (0.040, 0.165), (0.036, 0.24), (0.0, 0.30)))), (236, 232, 222))
    person.arms(cloth, wide=1.3)
    _coat(person, cloth, hem=0.72, flare=0.128)
    seam = mix(cloth, _DARK, 0.5)
    person.brush.stroke(((0.022, 0.30), (0.026, 0.50), (0.030, 0.715)), seam, width=0.004)
    for side in (1, -1):
        collar = ((0.018, 0.150), (0.050, 0.158), (0.086, 0.196), (0.060, 0.222), (0.052, 0.240), (0.008, 0.312))
        points = [(side * x, y) for x, y in collar]
        person.brush.shape(ring(_cornered(points)), mix(cloth, _WHITE, 0.10), depth=0.010)
        pocket = [(side * 0.060, 0.468), (side * 0.088, 0.520)]
        person.brush.stroke(pocket, seam, width=0.009)
    for height in (0.325, 0.455, 0.525):
        for x in (-0.018, 0.048):
            person.brush.shape(oval((x, height), (0.0068, 0.0068)), (84, 58, 38), depth=0.004)
    belt = ((0.081, 0.368), (0.083, 0.402))
    person.brush.shape(ring(_cornered(mirrored(belt))), mix(cloth, _DARK, 0.16), depth=0.010)
    person.brush.shape(
        ring(_cornered(((-0.016, 0.364), (0.020, 0.364), (0.020, 0.406), (-0.016, 0.406)))), (96, 62, 38)
    )
    tail: tuple[Joint, ...] = ((0.012, 0.40, 0.010), (0.020, 0.45, 0.011), (0.012, 0.50, 0.009))
    person.brush.shape(tube(tail), mix(cloth, _DARK, 0.12), depth=0.008)


def denim_shirt(person: Person) -> None:
    """Dress in a denim shirt with rolled sleeves over white trousers."""
    cloth = (74, 112, 158)
    person.legs((238, 232, 220), width=1.28, to=0.962)
    person.shoes((150, 96, 60))
    person.neck()
    person.arms(cloth, to=3, wide=1.3)
    torso = (
        (0.030, 0.162),
        (0.095, 0.182),
        (0.112, 0.205),
        (0.094, 0.262),
        (0.084, 0.36),
        (0.100, 0.505),
        (0.05, 0.522),
    )
    person.brush.shape(ring(mirrored([*torso, (0.0, 0.515)])), cloth, depth=0.026)
    person.brush.shape(ring(mirrored(((0.0, 0.152), (0.024, 0.160), (0.0, 0.218)))), person.body.skin, volume=0.15)
    for side in (1, -1):
        collar = [(side * x, y) for x, y in ((0.020, 0.146), (0.044, 0.164), (0.050, 0.206), (0.002, 0.222))]
        person.brush.shape(ring(_cornered(collar)), mix(cloth, _WHITE, 0.14), depth=0.010)
        pocket = [
            (side * x, y) for x, y in ((0.028, 0.262), (0.070, 0.258), (0.068, 0.312), (0.048, 0.322), (0.028, 0.314))
        ]
        person.brush.shape(ring(_cornered(pocket)), mix(cloth, _WHITE, 0.07), depth=0.006)
        person.brush.stroke((pocket[0], pocket[1]), mix(cloth, _DARK, 0.4), width=0.005)
    person.brush.stroke(((0.001, 0.222), (0.0, 0.36), (0.001, 0.512)), mix(cloth, _DARK, 0.42), width=0.005)
    for step in range(6):
        person.brush.shape(oval((0.0075, 0.250 + 0.045 * step), (0.0042, 0.0042)), (232, 224, 208), depth=0.002)
    folds(
        person, [((0.078, 0.25), (0.055, 0.34)), ((-0.075, 0.40), (-0.04, 0.44)), ((0.07, 0.42), (0.04, 0.47))], cloth
    )


def summer_skirt(person: Person) -> None:
    """Dress in a white blouse and a dotted yellow skirt."""
    blouse, skirt = (244, 240, 232), (226, 164, 40)
    person.legs(person.body.skin)
    person.shoes((168, 98, 62))
    person.neck()
    person.arms(blouse, to=3, wide=1.5)
    torso = ((0.040, 0.176), (0.098, 0.186), (0.098, 0.215), (0.088, 0.262), (0.068, 0.375), (0.0, 0.380))
    person.brush.shape(ring([*mirrored(torso), (-0.040, 0.176), (0.0, 0.226)]), blouse, depth=0.022)
    folds(person, [((0.03, 0.24), (0.025, 0.37)), ((-0.035, 0.24), (-0.028, 0.37)), ((0.0, 0.25), (0.0, 0.36))], blouse)
    hem: tuple[Point, ...] = (
        (0.068, 0.362), (0.068, 0.362), (0.108, 0.47), (0.145, 0.60), (0.172, 0.705), (0.172, 0.705), (0.06, 0.726),
        (-0.06, 0.722), (-0.168, 0.705), (-0.168, 0.705), (-0.142, 0.60), (-0.106, 0.47), (-0.068, 0.362),
        (-0.068, 0.362),
    )  # fmt: skip
    person.brush.shape(ring(hem), skirt, depth=0.034, pattern=dots((250, 226, 160), gap=0.030, radius=0.0052))
    folds(
        person,
        [
            ((0.03, 0.40), (0.06, 0.55), (0.10, 0.70)),
            ((-0.03, 0.40), (-0.06, 0.55), (-0.10, 0.70)),
            ((0.0, 0.40), (0.0, 0.70)),
        ],
        skirt,
    )
    person.brush.shape(
        ring(_cornered(mirrored(((0.069, 0.358), (0.071, 0.384))))), mix(skirt, _DARK, 0.28), depth=0.008
    )


def knit_jumper(person: Person) -> None:
    """Dress in a ribbed roll-neck jumper and a checked skirt."""
    wool, tweed = (220, 226, 232), (92, 62, 104)
    person.legs((48, 42, 50), to=0.955)
    person.shoes((34, 28, 32), top=0.90)
    hips = ((0.092, 0.455), (0.104, 0.49), (0.118, 0.60), (0.118, 0.66), (0.118, 0.66), (0.0, 0.668))
    person.brush.shape(
        ring(mirrored(hips)), tweed, depth=0.026, pattern=checks((214, 178, 120), gap=0.030, width=0.005)
    )
    person.neck()
    ribs = stripes(mix(wool, _DARK, 0.13), gap=0.0125, width=0.0042)
    person.arms(wool, wide=1.3, pattern=ribs)
    torso = (
        (0.030, 0.160),
        (0.094, 0.182),
        (0.114, 0.206),
        (0.102, 0.27),
        (0.094, 0.38),
        (0.101, 0.462),
        (0.098, 0.476),
    )
    person.brush.shape(ring(mirrored([*torso, (0.0, 0.480)])), wool, depth=0.030, pattern=ribs)
    welt = ((0.101, 0.448), (0.098, 0.482))
    person.brush.shape(ring(_cornered(mirrored(welt))), mix(wool, _DARK, 0.08), depth=0.010)
    roll = ((0.0, 0.124), (0.031, 0.128), (0.036, 0.148), (0.040, 0.170), (0.0, 0.180))
    person.brush.shape(ring(mirrored(roll)), mix(wool, _WHITE, 0.2), depth=0.014)
    person.brush.stroke(
        ((-0.034, 0.152), (0.0, 0.160), (0.035, 0.151)), mix(wool, _DARK, 0.4), width=0.004, opacity=0.7
    )


def green_coat(person: Person) -> None:
    """Dress in a long green coat and a scarf."""
    cloth, scarf = (38, 98, 78), (210, 110, 62)
    person.legs((38, 38, 48), width=1.15, to=0.965)
    person.shoes((58, 38, 30))
    person.neck()
    person.arms(cloth, wide=1.32)
    _coat(person, cloth, hem=0.79, flare=0.124)
    seam = mix(cloth, _DARK, 0.5)
    person.brush.stroke(((0.010, 0.25), (0.012, 0.50), (0.016, 0.785)), seam, width=0.0045)
    for side in (1, -1):
        lapel = [(side * x, y) for x, y in ((0.030, 0.168), (0.070, 0.176), (0.074, 0.232), (0.010, 0.330))]
        person.brush.shape(ring(_cornered(lapel)), mix(cloth, _WHITE, 0.07), depth=0.010)
        flap = [(side * x, y) for x, y in ((0.038, 0.498), (0.088, 0.492), (0.090, 0.518), (0.040, 0.524))]
        person.brush.shape(ring(_cornered(flap)), mix(cloth, _DARK, 0.12), depth=0.006)
    for height in (0.36, 0.43, 0.50):
        person.brush.shape(oval((-0.012, height), (0.0075, 0.0075)), (28, 34, 34), depth=0.004)
    ends: tuple[Joint, ...] = ((-0.020, 0.18, 0.020), (-0.034, 0.26, 0.021), (-0.030, 0.36, 0.021))
    person.brush.shape(tube(ends), scarf, depth=0.014, pattern=stripes(mix(scarf, _WHITE, 0.4), gap=0.034, width=0.007))
    loop = ((0.0, 0.128), (0.038, 0.134), (0.056, 0.160), (0.044, 0.190), (0.0, 0.200))
    person.brush.shape(ring(mirrored(loop)), scarf, depth=0.018)
    folds(person, [((-0.045, 0.146), (0.0, 0.168), (0.046, 0.158)), ((-0.04, 0.172), (0.0, 0.184))], scarf, width=0.006)


OUTFITS: Final[Mapping[str, tuple[Outfit, Body]]] = {
    "red-dress": (red_dress, Body(skin=(222, 172, 140), hair=(52, 32, 26), long_hair=True)),
    "trench-coat": (trench_coat, Body(skin=(240, 204, 178), hair=(46, 34, 38), long_hair=True, arms=_RELAXED)),
    "denim-shirt": (denim_shirt, Body(skin=(146, 98, 70), hair=(30, 24, 24), made_up=False)),
    "summer-skirt": (summer_skirt, Body(skin=(202, 152, 116), hair=(36, 26, 26), long_hair=True)),
    "knit-jumper": (knit_jumper, Body(skin=(112, 74, 54), hair=(26, 20, 22), arms=_RELAXED)),
    "green-coat": (green_coat, Body(skin=(232, 188, 158), hair=(178, 172, 166), made_up=False, arms=_RELAXED)),
}


def _coat(person: Person, cloth: Colour, *, hem: float, flare: float) -> None:
    outline = (
        (0.026, 0.156), (0.096, 0.180), (0.118, 0.206), (0.102, 0.262), (0.084, 0.380), (0.104, 0.50), (flare, hem),
        (flare, hem), (0.05, hem + 0.012), (0.0, hem + 0.006),
    )  # fmt: skip
    person.brush.shape(ring(mirrored(outline)), cloth, depth=0.034)
    folds(
        person,
        [((0.05, 0.42), (0.07, 0.55), (0.085, hem - 0.01)), ((-0.05, 0.42), (-0.07, 0.55), (-0.085, hem - 0.01))],
        cloth,
    )


def _cornered(points: list[Point] | tuple[Point, ...]) -> list[Point]:
    """Return the points twice each: `ring` then goes straight from corner to corner."""
    return [point for point in points for _ in (0, 1)]
