"""
Draws the sample photographs of the demo: people in clothes, in four formats and six sizes.

Drawn, not taken: no person's picture is shipped. Who and where is `wardrobe.py`'s and `places.py`'s matter.
"""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
from PIL import Image

from aidge_async.cli.brush import Brush, oval
from aidge_async.cli.people import Person
from aidge_async.cli.places import PLACES
from aidge_async.cli.wardrobe import OUTFITS
from aidge_async.sandbox.canvas import Canvas

_SAVED: Final[Mapping[str, Mapping[str, Any]]] = {
    "jpg": {"format": "JPEG", "quality": 90},
    "png": {"format": "PNG"},
    "bmp": {"format": "BMP"},
    "webp": {"format": "WEBP", "quality": 88},
}


@attrs.frozen(kw_only=True)
class Sample:
    """
    Say what one sample photograph shows.

    Args:
        name: Who is on it, a key of `OUTFITS`.
        place: Where, a key of `PLACES`.
        extension: Which format it is saved in.
        size: Its pixels.
        crown: Where the figure's head begins, a fraction of the picture's height.
        tall: The figure's height, the same; over 1 it is cut off below, as photographers do.
    """

    name: str
    place: str
    extension: str
    size: tuple[int, int]
    crown: float
    tall: float


SAMPLES: Final = (
    Sample(name="red-dress", place="studio", extension="jpg", size=(960, 1440), crown=0.07, tall=0.88),
    Sample(name="trench-coat", place="street", extension="png", size=(900, 1200), crown=0.07, tall=0.89),
    Sample(name="denim-shirt", place="loft", extension="bmp", size=(900, 900), crown=0.10, tall=1.42),
    Sample(name="summer-skirt", place="seaside", extension="webp", size=(1440, 960), crown=0.09, tall=1.20),
    Sample(name="knit-jumper", place="parlour", extension="jpg", size=(1000, 1250), crown=0.09, tall=1.16),
    Sample(name="green-coat", place="autumn", extension="jpg", size=(1080, 1350), crown=0.08, tall=0.88),
)


def draw_sample(sample: Sample) -> Image.Image:
    """Return the photograph."""
    chance = random.Random(sample.name)  # noqa: S311  a picture, the same each time
    canvas = Canvas(sample.size, chance)
    PLACES[sample.place](canvas)
    dress, body = OUTFITS[sample.name]
    brush = Brush(
        canvas.image,
        crown=(canvas.width / 2, sample.crown * canvas.height),
        height_px=sample.tall * canvas.height,
        chance=chance,
    )
    brush.shape(oval((0.02, 1.0), (0.17, 0.014)), (40, 34, 40), volume=0, soft=0.012)
    person = Person(brush, body)
    if body.long_hair:
        person.back_hair()
    dress(person)
    person.head()
    canvas.grain(0.035)
    return canvas.image


def save_samples(folder: Path) -> list[Path]:
    """Draw all samples into *folder* and return their paths; the same files each time."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for sample in SAMPLES:
        path = folder / f"{sample.name}.{sample.extension}"
        draw_sample(sample).save(path, **_SAVED[sample.extension])
        paths.append(path)
    return paths
