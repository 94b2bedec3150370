"""
Looks at a picture that was sent: format by its first bytes, weight, pixels, orientation; from the header alone.

Decoding the pixels is the business of `studio.py`. Pillow's plugins are named one by one, so that no other decoder
of Pillow can be reached from outside. The client reads headers with another library on purpose.
"""

import base64
import binascii
import io
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Final

import attrs
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from aidge_async._core import gateway
from aidge_async.sandbox.contents import shown

_READERS: Final[Mapping[str, Callable[[io.BytesIO], ImageFile.ImageFile]]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "BMP": BmpImageFile,
    "WEBP": WebPImageFile,
}

# Formats that people send by mistake, to be called by their names.
_OTHERS: Final = (
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
    (b"<", "HTML or XML"),
    (b"{", "JSON"),
)
_LONGEST: Final = 6  # 3000 to 512, the longest that is inside in every reading, is 5.9
_QUIET: Final = threading.Lock()  # the filters of `warnings` belong to the whole process
_ORIENTATION_TAG: Final = 0x0112  # Exif 2.32, 4.6.4
_TURNED: Final = range(5, 9)  # orientations in which width and height trade places


class PhotoError(Exception):
    """Raised when a picture breaks a documented rule. The message goes behind the field's name."""


@attrs.frozen(kw_only=True)
class Photo:
    """
    What the header says.

    Args:
        format: One of `gateway.IMAGE_FORMATS`.
        width_px: Upright, orientation honoured.
        height_px: The same.
        orientation: EXIF orientation, 1 to 8.
        has_alpha: Whether pixels may be transparent.
    """

    format: str
    width_px: int
    height_px: int
    orientation: int
    has_alpha: bool


def decode_base64(value: object) -> bytes:
    """
    Return the bytes that raw, padded, standard Base64 means.

    Raises:
        PhotoError: It is something else; the message says what.
    """
    if not isinstance(value, str):
        raise PhotoError(f"must be Base64 text (got {shown(value)})")
    if value[:5].lower() == "data:":
        raise PhotoError(f"must be raw Base64 without a 'data:' prefix (got {shown(value[:40])}...)")
    if len(value) > (gateway.IMAGE_MOST_BYTES_LENIENT + 2) // 3 * 4:
        raise PhotoError(f"must weigh at most 4 MB (got {len(value)} characters of Base64)")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        hint = ""
        if " " in value:
            hint = "; it holds spaces: in a form '+' is written %2B"
        elif "-" in value or "_" in value:
            hint = "; '-' and '_' belong to the URL-safe alphabet"
        raise PhotoError(f"is not Base64: {error}{hint}") from None


def format_of(content: bytes) -> str | None:
    """Return the documented format that the first bytes name, or `None`."""
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content.startswith(b"BM"):
        return "BMP"
    return "WEBP" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def open_photo(content: bytes) -> ImageFile.ImageFile:
    """
    Return Pillow's view of *content*, header read and pixels not yet decoded.

    Raises:
        PhotoError: It is none of the documented formats, or its header is damaged.
    """
    name = format_of(content)
    if name is None:
        raise PhotoError(f"must be {', '.join(gateway.IMAGE_FORMATS)} by its content (got {_guess(content)})")
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of damaged EXIF blocks; the picture is none the worse
            return _READERS[name](io.BytesIO(content))
    except Exception as error:  # noqa: BLE001  on hostile bytes Pillow's readers raise classes without a common root
        raise PhotoError(f"is a damaged {name}: its header cannot be read ({type(error).__name__})") from None


def look(content: bytes) -> Photo:
    """
    Return what the header of *content* says, if the gateway would take the picture.

    Only what is outside in every reading of the page is refused. "4 MB" may be 4,000,000 bytes or 4 MiB; "more than
    512x512 and less than 3000x3000 pixels" may or may not mean the edges, and one side, the other or both.

    Raises:
        PhotoError: A documented rule is broken, or the picture is too long for the sandbox to draw.
    """
    check_weight(len(content))
    opened = open_photo(content)
    width_px, height_px = opened.size
    _check_pixels(width_px, height_px)
    orientation = orientation_of(opened)
    if orientation in _TURNED:
        width_px, height_px = height_px, width_px
    return Photo(
        format=format_of(content) or "",
        width_px=width_px,
        height_px=height_px,
        orientation=orientation,
        has_alpha=opened.has_transparency_data,
    )


def check_weight(size_bytes: int) -> None:
    """
    Return if the gateway may take a picture of that weight.

    Raises:
        PhotoError: It is too heavy in both readings of "4 MB".
    """
    if size_bytes > gateway.IMAGE_MOST_BYTES_LENIENT:
        raise PhotoError(f"must weigh at most 4 MB (got {size_bytes} bytes)")


def _check_pixels(width_px: int, height_px: int) -> None:
    least, most = gateway.IMAGE_ABOVE_PX, gateway.IMAGE_BELOW_PX
    shorter, longer = sorted((width_px, height_px))
    by_sides = longer < least or shorter > most or (shorter < least and longer > most)
    if by_sides or shorter * longer > most**2:
        rule = f"more than {least}x{least} and less than {most}x{most} pixels"
        raise PhotoError(f"must have {rule} (got {width_px}x{height_px})")
    if longer > _LONGEST * shorter:
        # No rule of the page: it keeps a strip of a few pixels from becoming a result of gigabytes.
        raise PhotoError(f"is over {_LONGEST} times as long as wide, which this sandbox does not draw")


def orientation_of(opened: Image.Image) -> int:
    """Return the EXIF orientation that the header holds, 1 where it says nothing or nonsense."""
    content = opened.info.get("exif")
    if not isinstance(content, bytes):
        return 1
    exif = Image.Exif()
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif.load(content)
            value = exif.get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001  a damaged EXIF block says nothing; it must not stop a good picture
        return 1
    return value if value in range(1, 9) else 1


def _guess(content: bytes) -> str:
    if not content:
        return "nothing"
    if content[4:8] == b"ftyp":
        return "HEIC, AVIF or a video"
    head = content[:256].lstrip()
    return next((name for magic, name in _OTHERS if head.startswith(magic)), "unknown bytes")
