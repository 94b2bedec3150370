"""
Writes on a picture what it is: sandbox output, not generated.

The text is part of the picture and of its metadata, so that none is ever taken for the gateway's work.
"""

from typing import Final

from PIL import Image, ImageDraw, ImageFont

_SHARE: Final = 36  # letters are a thirty-sixth of the width high, so that the longest line fits
_SMALLEST_PX: Final = 12
_BAND: Final = (12, 14, 20, 200)
_TEXT: Final = (255, 255, 255, 255)
_ACCENT: Final = (255, 176, 66, 255)
_DASH: Final = " \N{EN DASH} "


def label_text(*, variant: int, count: int, model: str) -> str:
    """Return what the picture of that *variant*, counted from 0, says of itself."""
    return f"SANDBOX{_DASH}not generated, variant {variant + 1}/{count}, model {model}"


def write_label(picture: Image.Image, text: str) -> Image.Image:
    """Return *picture* with a band of text along its bottom edge, in its own mode."""
    size = max(_SMALLEST_PX, picture.width // _SHARE)
    height = round(size * 1.75)
    band = Image.new("RGBA", (picture.width, height), _BAND)
    draw = ImageDraw.Draw(band)
    draw.rectangle((0, 0, picture.width, max(1, size // 9)), fill=_ACCENT)
    _write(draw, text, at=(size // 2 + 2, height * 0.54), size=size)
    labelled = picture.convert("RGBA")
    labelled.alpha_composite(band, (0, picture.height - height))
    return labelled if picture.mode == "RGBA" else labelled.convert("RGB")


def _write(draw: ImageDraw.ImageDraw, text: str, *, at: tuple[float, float], size: int) -> None:
    """Write *text* in Pillow's own font, which has no dash: that one is drawn."""
    font, (x, y) = ImageFont.load_default(size), at
    head, _, tail = text.partition(_DASH)
    draw.text((x, y), head, font=font, fill=_TEXT, anchor="lm")
    x += font.getlength(head) + size * 0.35
    draw.line((x, y, x + size * 0.55, y), fill=_TEXT, width=max(1, size // 11))
    draw.text((x + size * 0.9, y), tail, font=font, fill=_TEXT, anchor="lm")
