"""
Gives the four backgrounds of the reference page: a studio, a room, a European street, a beach.

Places without people, out of focus as behind a subject; how each looks stands in `indoors.py` and `outdoors.py`. Who
is put in front of them is the business of `studio.py`.
"""

import random
from collections.abc import Callable, Mapping
from typing import Final

from PIL import Image

from aidge_async.sandbox.canvas import Canvas
from aidge_async.sandbox.indoors import paint_room, paint_studio
from aidge_async.sandbox.moods import MOODS, Mood
from aidge_async.sandbox.outdoors import paint_beach, paint_street

# Out of focus, more pixels than these would not be seen.
_PAINTED_SHORT_SIDE_PX: Final = 896

_PAINTERS: Final[Mapping[str, Callable[[Canvas, Mood], None]]] = {
    "studio": paint_studio,
    "room": paint_room,
    "European_street": paint_street,
    "beach": paint_beach,
}


def paint_scene(background: str, size: tuple[int, int], *, variant: int, seed: str) -> Image.Image:
    """
    Return a picture of a place.

    Args:
        background: One of `gateway.BACKGROUNDS`.
        size: Pixels.
        variant: Counts from 0; each has its mood.
        seed: Decides where things stand.
    """
    factor = min(1.0, _PAINTED_SHORT_SIDE_PX / min(size))
    painted = (round(size[0] * factor), round(size[1] * factor))
    canvas = Canvas(painted, random.Random(f"{seed}/{background}/{variant}"))  # noqa: S311  a picture
    mood = MOODS[variant % len(MOODS)]
    _PAINTERS[background](canvas, mood)
    scene = canvas.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mood.mirrored else canvas.image
    return scene.resize(size, Image.Resampling.BICUBIC)
