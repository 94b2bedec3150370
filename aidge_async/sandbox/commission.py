"""
What is to be drawn for one task, as a value.

It names the source and never holds it, so that ten thousand tasks cost no pictures in memory.
"""

import random

import attrs

from aidge_async.sandbox.photo import Photo
from aidge_async.sandbox.submission import Submission


@attrs.frozen(kw_only=True)
class Commission:
    """
    Name a task's pictures.

    Args:
        seed: Decides everything that is drawn by chance.
        source: SHA-256 of the sent picture in the spool; `None` where a stand-in is drawn.
        image_url: The URL that the stand-in stands for.
        has_alpha: Whether the source may be transparent; the pictures are PNG then, otherwise JPEG.
    """

    seed: str
    source: str | None
    image_url: str | None
    has_alpha: bool
    model: str
    background: str | None
    count: int
    width_px: int
    height_px: int

    @property
    def extension(self) -> str:
        """The pictures' file name extension, which is also the short name of their format."""
        return "png" if self.has_alpha else "jpg"

    @property
    def media_type(self) -> str:
        """The pictures' media type."""
        return "image/png" if self.has_alpha else "image/jpeg"


def scaled(width_px: int, height_px: int, *, short_side: int) -> tuple[int, int]:
    """Return the size whose short side is *short_side*, the aspect kept to the nearest pixel."""
    shorter = min(width_px, height_px)
    return round(width_px * short_side / shorter), round(height_px * short_side / shorter)


def stand_in_size(seed: str) -> tuple[int, int]:
    """Return the size of the photograph that stands in for a URL that is never fetched."""
    return random.Random(seed).choice(((960, 1280), (1080, 1440), (1000, 1500), (1200, 1200)))  # noqa: S311  a picture


def commission(submission: Submission, *, photo: Photo | None, source: str | None, seed: str) -> Commission:
    """
    Return what is to be drawn for *submission*.

    Args:
        photo: The header of the source; `None` where a stand-in is drawn.
        source: SHA-256 of the source in the spool.
        seed: Decides everything that is drawn by chance.
    """
    size = (photo.width_px, photo.height_px) if photo else stand_in_size(submission.image_url or "")
    width_px, height_px = scaled(*size, short_side=submission.dimension)
    return Commission(
        seed=seed,
        source=source,
        image_url=submission.image_url,
        has_alpha=photo is not None and photo.has_alpha,
        model=submission.model,
        background=submission.background,
        count=submission.count,
        width_px=width_px,
        height_px=height_px,
    )
