"""
Draws the pictures of a task from the photograph that was sent.

Pure work on pixels, meant for a worker thread: no network, no clock, and chance only from the commission's seed.
Nothing is generated; the parts stand in `figure.py`, `scenes.py`, `retouch.py` and `label.py`.
"""

import io
from typing import Final

from PIL import Image, PngImagePlugin

from aidge_async.sandbox.commission import Commission
from aidge_async.sandbox.figure import estimate_figure
from aidge_async.sandbox.label import label_text, write_label
from aidge_async.sandbox.moods import MOODS
from aidge_async.sandbox.photo import open_photo, orientation_of
from aidge_async.sandbox.retouch import cast_shadow, recolour_skin, relight
from aidge_async.sandbox.scenes import paint_scene
from aidge_async.sandbox.standin import draw_stand_in

_JPEG_QUALITY: Final = 88  # a 768 px picture weighs some 150 kB
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def draw(ordered: Commission, source: bytes | None) -> tuple[bytes, ...]:
    """
    Return the encoded pictures that were *ordered*, in order.

    Args:
        source: The sent picture; `None` draws a stand-in, as does one whose pixels turn out to be damaged.
    """
    photo = _photograph(ordered, source)
    figure = estimate_figure(photo)
    return tuple(_encode(_variant(ordered, photo, figure, number), ordered, number) for number in range(ordered.count))


def _photograph(ordered: Commission, source: bytes | None) -> Image.Image:
    """Return the source upright, in the size of the result, RGBA where it may be transparent and RGB elsewhere."""
    size = (ordered.width_px, ordered.height_px)
    try:
        photo = _decoded(source) if source else None
    except Exception:  # noqa: BLE001  decoders raise anything on hostile bytes; the order was accepted by the header
        photo = None
    if photo is None:
        photo = draw_stand_in(size, seed=ordered.image_url or ordered.seed)
    return photo.convert("RGBA" if ordered.has_alpha else "RGB").resize(size, Image.Resampling.LANCZOS)


def _decoded(source: bytes) -> Image.Image:
    opened = open_photo(source)
    turn = _UPRIGHT.get(orientation_of(opened))
    opened.load()
    # Palettes and 16 bit do not survive resampling.
    photo = opened.convert("RGBA" if opened.has_transparency_data else "RGB")
    return photo.transpose(turn) if turn is not None else photo


def _variant(ordered: Commission, photo: Image.Image, figure: Image.Image, number: int) -> Image.Image:
    mood = MOODS[number % len(MOODS)]
    subject = recolour_skin(photo.convert("RGB"), figure, model=ordered.model, variant=number)
    subject = relight(subject, mood=mood, variant=number)
    if ordered.background is None:
        picture = Image.composite(subject, photo.convert("RGB"), figure)
        if photo.mode == "RGBA":
            picture.putalpha(photo.getchannel("A"))
    else:
        scene = paint_scene(ordered.background, photo.size, variant=number, seed=ordered.seed)
        picture = Image.composite(subject, cast_shadow(scene, figure, mirrored=mood.mirrored), figure)
    return write_label(picture, label_text(variant=number, count=ordered.count, model=ordered.model))


def _encode(picture: Image.Image, ordered: Commission, number: int) -> bytes:
    comment = label_text(variant=number, count=ordered.count, model=ordered.model)
    encoded = io.BytesIO()
    if ordered.has_alpha:
        about = PngImagePlugin.PngInfo()
        about.add_itxt("Comment", comment)
        picture.save(encoded, "PNG", pnginfo=about)
    else:
        picture.save(encoded, "JPEG", quality=_JPEG_QUALITY, comment=comment.encode())
    return encoded.getvalue()
