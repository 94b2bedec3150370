"""
Looks at an image's bytes before they are paid for: format, pixels, weight, against the documented limits.

It decodes nothing and opens nothing. What is outside a limit in every reading of the reference page is refused; what
is outside in only one reading is passed with a warning, because the page does not say which reading is meant.
"""

import io
from typing import Final

import attrs

from aidge_async._core import gateway
from aidge_async.errors import RequestError

# First bytes of the formats one meets in shops, with those the gateway does not take, so that a refusal names them.
_SIGNATURES: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"8BPS", "Photoshop"),
    (b"%PDF-", "PDF"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML"),
    (b"PK\x03\x04", "ZIP"),
)
_BRANDS: Final = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF"}
_ACCEPTED: Final = "JPEG, PNG, BMP or WEBP"


@attrs.frozen(kw_only=True)
class ImageFacts:
    """
    Hold what an image's first bytes tell.

    Args:
        format: `"JPEG"`, `"PNG"`, `"BMP"` or `"WEBP"`.
        width_px: Stored width.
        height_px: Stored height.
        warnings: Sentences on limits that are met in one reading of the reference page and broken in the other, and
            on an end that is missing.
    """

    format: str
    width_px: int
    height_px: int
    warnings: tuple[str, ...] = ()


def format_of(content: bytes) -> str | None:
    """Return the format that the first bytes show, whatever a file is called, or `None`."""
    for signature, name in _SIGNATURES:
        if content.startswith(signature):
            return name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12])
    return None


def is_whole(content: bytes) -> bool:
    """
    Return whether a picture comes to the end that its format has; of a format that has none, true.

    What follows that end is passed over, as readers of pictures do: a picture that is paid must not be refused for it.
    """
    match format_of(content):
        case "JPEG":
            # Compressed pixels hold neither marker (ITU-T T.81, B.1.1.2); a thumbnail's stand before the last scan.
            return 0 <= content.rfind(b"\xff\xda") < content.rfind(b"\xff\xd9")
        case "PNG":
            return content.rfind(b"IEND\xae\x42\x60\x82") >= 0  # the chunk with its checksum, which is always the same
        case "GIF":
            return content.rstrip(b"\0").endswith(b";")
        case "WEBP":
            return len(content) >= int.from_bytes(content[4:8], "little") + 8  # RIFF counts what follows its own eight
        case "BMP":
            return len(content) >= int.from_bytes(content[2:6], "little")
        case _:
            return True


def look_at(content: bytes, name: str) -> ImageFacts:
    """
    Return what is known of an image, or refuse it.

    Args:
        content: All bytes of the image.
        name: What to call it in a message.

    Raises:
        RequestError: The image is outside a documented limit in every reading.
    """
    found = format_of(content)
    if not content:
        raise RequestError(f"{name!r} is empty; pass the bytes of a {_ACCEPTED} picture")
    if found not in gateway.IMAGE_FORMATS:
        raise RequestError(f"{name!r} is {found or 'no picture'}; the gateway takes {_ACCEPTED}: convert it first")
    refuse_weight(len(content), name)
    width, height = _pixels(content)
    if width <= 0 or height <= 0:
        raise RequestError(f"{name!r} starts like {found} but has no readable header; export it again as {_ACCEPTED}")
    if _outside(width, height):
        raise RequestError(
            f"{name!r} has {width}x{height} px; the gateway takes more than {gateway.IMAGE_ABOVE_PX} and fewer than "
            f"{gateway.IMAGE_BELOW_PX} px a side: scale it first"
        )
    return ImageFacts(
        format=found, width_px=width, height_px=height, warnings=tuple(_warnings(content, width, height, name))
    )


def refuse_weight(size_bytes: int, name: str) -> None:
    """Refuse a weight that is outside the limit in both readings of "4 MB"."""
    if size_bytes > gateway.IMAGE_MOST_BYTES_LENIENT:
        raise RequestError(
            f"{name!r} has {size_bytes:,} bytes; the gateway takes at most 4 MB "
            f"({gateway.IMAGE_MOST_BYTES_LENIENT:,} bytes): save it smaller"
        )


def _pixels(content: bytes) -> tuple[int, int]:
    import imagesize  # 8 ms of start-up (urllib, xml) that a caller who sends URLs never needs

    width, height = imagesize.get(io.BytesIO(content), exif_rotation=False)
    return int(width), int(height)


def _outside(width: int, height: int) -> bool:
    """Return whether the pixels break the limits whichever side they are meant for."""
    short, long = sorted((width, height))
    too_small, too_large = short < gateway.IMAGE_ABOVE_PX, long > gateway.IMAGE_BELOW_PX
    return long < gateway.IMAGE_ABOVE_PX or short > gateway.IMAGE_BELOW_PX or (too_small and too_large)


def _warnings(content: bytes, width: int, height: int, name: str) -> list[str]:
    unsure, size_bytes = [], len(content)
    if not is_whole(content):
        unsure.append(f"{name!r} ends before its format says, after {size_bytes:,} bytes: it may have been cut")
    if size_bytes > gateway.IMAGE_MOST_BYTES_STRICT:
        unsure.append(
            f"{name!r} has {size_bytes:,} bytes: within 4 MiB but over 4,000,000; the gateway's page says '4 MB' only"
        )
    if min(width, height) <= gateway.IMAGE_ABOVE_PX or max(width, height) >= gateway.IMAGE_BELOW_PX:
        unsure.append(
            f"{name!r} has {width}x{height} px: one side on or past the edge of 512 to 3000; the gateway's page "
            "does not say which side is meant"
        )
    return unsure
