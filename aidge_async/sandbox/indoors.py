"""
Paints a photographer's studio and a living room, without anybody in them.

All lengths are shares of the picture. The other two places stand in `outdoors.py`.
"""

from typing import Final

from aidge_async.sandbox.canvas import Canvas, Colour, mix
from aidge_async.sandbox.moods import Mood

_WHITE: Final = (255, 255, 255)
_NIGHT: Final = (24, 26, 34)


def paint_studio(canvas: Canvas, mood: Mood) -> None:
    """A paper roll that runs from the wall to the floor, lit by a soft box."""
    wall, shade = mix(mood.wall, _WHITE, 0.18), mix(mood.wall, _NIGHT, 0.38)
    canvas.gradient(
        (
            (0.0, mix(shade, _NIGHT, 0.12)),
            (0.45, wall),
            (0.74, mix(wall, shade, 0.25)),
            (0.80, mix(wall, _WHITE, 0.3)),
            (1.0, mix(wall, shade, 0.35)),
        )
    )
    canvas.glow((0.5, 0.42), 0.75, mood.light, strength=0.55)
    edge = mix(shade, _NIGHT, 0.55)
    canvas.box((0.0, 0.0), (0.07, 0.77), edge, opacity=0.85, blur=0.012)
    canvas.box((0.93, 0.0), (1.0, 0.77), edge, opacity=0.85, blur=0.012)
    canvas.box((0.0, 0.035), (1.0, 0.055), edge, blur=0.006)
    canvas.box((0.0, 0.02), (1.0, 0.036), mix(edge, _WHITE, 0.35), blur=0.004)
    canvas.line(((0.15, 0.30), (0.15, 0.83)), _NIGHT, width=0.014)
    canvas.line(((0.15, 0.70), (0.06, 0.86)), _NIGHT, width=0.010)
    canvas.line(((0.15, 0.70), (0.24, 0.86)), _NIGHT, width=0.010)
    canvas.polygon(((0.015, 0.09), (0.27, 0.13), (0.27, 0.33), (0.015, 0.37)), _NIGHT)
    canvas.polygon(((0.03, 0.105), (0.258, 0.142), (0.258, 0.318), (0.03, 0.355)), mix(mood.light, _WHITE, 0.75))
    canvas.glow((0.15, 0.23), 0.55, mood.light, strength=0.55)
    canvas.rounded((0.80, 0.66), (0.97, 0.86), mix(mood.accent, _NIGHT, 0.15), radius=0.01)
    canvas.polygon(((0.80, 0.66), (0.84, 0.635), (1.01, 0.635), (0.97, 0.66)), mix(mood.accent, _WHITE, 0.25))
    canvas.ellipse((0.885, 0.875), (0.15, 0.018), _NIGHT, opacity=0.4, blur=0.014)
    canvas.soften(0.005)
    canvas.grain(0.05)
    canvas.vignette(0.28)


def paint_room(canvas: Canvas, mood: Mood) -> None:
    """A living room: window, curtains, picture, sofa, plant, planks."""
    wall = mix(mood.wall, _WHITE, 0.22)
    canvas.gradient(((0.0, mix(wall, _NIGHT, 0.10)), (1.0, wall)), bottom=0.74)
    _planks(canvas, mix((150, 108, 74), mood.accent, 0.12))
    canvas.box((0.0, 0.715), (1.0, 0.742), mix(wall, _WHITE, 0.65))
    _window(canvas, mood)
    canvas.polygon(((0.40, 0.22), (0.60, 0.20), (0.72, 0.62), (0.52, 0.66)), mood.light, opacity=0.22, blur=0.03)
    canvas.rounded((0.655, 0.145), (0.855, 0.335), mix(_NIGHT, mood.accent, 0.2), radius=0.006)
    canvas.box((0.67, 0.157), (0.84, 0.323), mix(wall, _WHITE, 0.8))
    canvas.ellipse((0.755, 0.23), (0.050, 0.050), mood.accent, opacity=0.85)
    canvas.box((0.69, 0.255), (0.82, 0.30), mix(mood.accent, _NIGHT, 0.35), opacity=0.8)
    _sofa(canvas, mood)
    _plant(canvas)
    canvas.soften(0.006)
    canvas.grain(0.05)
    canvas.vignette(0.30)


def _planks(canvas: Canvas, wood: Colour) -> None:
    canvas.gradient(((0.0, mix(wood, _NIGHT, 0.25)), (1.0, mix(wood, _WHITE, 0.12))), top=0.74)
    for number in range(-9, 19):
        left, right = number / 9, (number + 1) / 9
        tone = mix(wood, _NIGHT if canvas.chance.choice((True, False)) else _WHITE, canvas.chance.uniform(0.03, 0.16))
        points = (_toward(left), _toward(right), (right * 2.2 - 0.6, 1.0), (left * 2.2 - 0.6, 1.0))
        canvas.polygon(points, tone, opacity=0.75)
        canvas.line((points[0], points[3]), mix(wood, _NIGHT, 0.55), width=0.0025, opacity=0.7)
    canvas.grain(0.22, top=0.74, size=(0.004, 0.05))


def _toward(x: float) -> tuple[float, float]:
    return 0.5 + (x - 0.5) * 1.15, 0.74


def _window(canvas: Canvas, mood: Mood) -> None:
    canvas.box((0.075, 0.085), (0.425, 0.525), mix(mood.wall, _WHITE, 0.85))
    sky = mix((196, 220, 238), mood.light, 0.5)
    for column in range(2):
        for row in range(2):
            left, top = 0.095 + column * 0.158, 0.10 + row * 0.208
            canvas.box((left, top), (left + 0.147, top + 0.195), mix(sky, _WHITE, 0.45 - 0.25 * row))
    canvas.ellipse((0.17, 0.50), (0.10, 0.07), (122, 150, 110), opacity=0.55, blur=0.012)
    canvas.ellipse((0.33, 0.51), (0.12, 0.06), (134, 160, 118), opacity=0.55, blur=0.012)
    canvas.box((0.06, 0.52), (0.44, 0.54), mix(mood.wall, _WHITE, 0.9))
    canvas.line(((0.01, 0.062), (0.50, 0.062)), mix(_NIGHT, mood.accent, 0.3), width=0.010)
    for left, right in ((0.02, 0.13), (0.385, 0.48)):
        for fold in range(5):
            start = left + (right - left) * fold / 5
            tone = mix(mood.accent, _WHITE if fold % 2 else _NIGHT, 0.30 if fold % 2 else 0.06)
            canvas.box((start, 0.065), (start + (right - left) / 5, 0.72), tone, opacity=0.93, blur=0.003)
    canvas.glow((0.26, 0.28), 0.62, mood.light, strength=0.50)


def _sofa(canvas: Canvas, mood: Mood) -> None:
    cloth = mix(mood.accent, mood.wall, 0.25)
    canvas.ellipse((0.80, 0.895), (0.34, 0.025), _NIGHT, opacity=0.45, blur=0.02)
    canvas.rounded((0.56, 0.575), (1.06, 0.78), mix(cloth, _NIGHT, 0.12), radius=0.04)
    canvas.rounded((0.58, 0.70), (1.06, 0.84), mix(cloth, _WHITE, 0.10), radius=0.03)
    canvas.rounded((0.53, 0.665), (0.61, 0.875), mix(cloth, _NIGHT, 0.22), radius=0.03)
    canvas.box((0.57, 0.825), (1.06, 0.875), mix(cloth, _NIGHT, 0.30))
    canvas.rounded((0.66, 0.61), (0.80, 0.72), mix(mood.light, mood.wall, 0.3), radius=0.03)


def _plant(canvas: Canvas) -> None:
    leaf = (62, 102, 70)
    for number in range(11):
        reach = canvas.chance.uniform(0.06, 0.15)
        lean = (number - 5) / 5
        tip = (0.055 + lean * reach, 0.50 + abs(lean) * 0.10 - canvas.chance.uniform(0.0, 0.05))
        tone = mix(leaf, _WHITE if number % 3 == 0 else _NIGHT, 0.18)
        middle = (0.055 + lean * reach * 0.55, 0.585)
        canvas.polygon(
            ((0.055, 0.78), (middle[0] - 0.022, middle[1]), tip, (middle[0] + 0.022, middle[1] + 0.02)), tone
        )
    canvas.polygon(((-0.01, 0.755), (0.12, 0.755), (0.10, 0.90), (0.01, 0.90)), (186, 172, 156))
