"""
What tells one variant of a picture from the next: colours and light.

Values only, for the scenes and for the subject in front of them.
"""

from typing import Final

import attrs

from aidge_async.sandbox.canvas import Colour


@attrs.frozen(kw_only=True)
class Mood:
    """
    What tells one variant of a scene from the next.

    Args:
        wall: Colour of walls and backdrops.
        accent: Colour of what stands about.
        light: Colour of the light; it falls on the subject as well.
        mirrored: Whether left and right trade places.
    """

    wall: Colour
    accent: Colour
    light: Colour
    mirrored: bool


MOODS: Final = (
    Mood(wall=(214, 205, 192), accent=(176, 98, 72), light=(255, 244, 226), mirrored=False),
    Mood(wall=(158, 178, 178), accent=(60, 98, 108), light=(226, 238, 255), mirrored=True),
    Mood(wall=(222, 178, 160), accent=(132, 60, 84), light=(255, 214, 176), mirrored=False),
    Mood(wall=(150, 150, 172), accent=(206, 160, 78), light=(232, 222, 255), mirrored=True),
)
