"""What the sandbox reads from a picture's header, judged by Pillow's own decoder."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aidge_async.sandbox.photo import PhotoError, format_of, look
from tests.sandbox.by_hand import PHOTO, photo


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP"])
def test_header_is_read_without_decoding(kind: str) -> None:
    """Format and pixels of every documented format are found from the first half of the file."""
    content = photo(700, 900, kind)
    assert format_of(content) == kind
    seen = look(content)
    assert (seen.format, seen.width_px, seen.height_px, seen.has_alpha) == (kind, 700, 900, False)


def test_name_and_content_may_disagree() -> None:
    """Only the bytes count: a PNG is a PNG whatever it is called."""
    assert look(photo(kind="PNG")).format == "PNG"


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_size_is_that_of_the_upright_picture(orientation: int) -> None:
    """Orientations of five and above exchange width and height."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = look(photo(900, 600, exif=exif))
    assert (seen.width_px, seen.height_px) == ((600, 900) if orientation >= 5 else (900, 600))
    assert seen.orientation == orientation


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_damaged_exif_says_nothing(exif: bytes) -> None:
    """A picture with a broken EXIF block is upright."""
    assert look(photo(exif=exif)).orientation == 1


def test_nonsense_orientation_says_nothing() -> None:
    """An orientation that does not exist is upright."""
    exif = Image.Exif()
    exif[0x0112] = 77
    assert look(photo(exif=exif)).orientation == 1


@pytest.mark.parametrize(("mode", "has_alpha"), [("RGBA", True), ("LA", True), ("RGB", False), ("P", False)])
def test_alpha_is_told_from_the_header(mode: str, has_alpha: bool) -> None:
    """Whether the results are PNG is known before anything is decoded."""
    content = io.BytesIO()
    Image.new(mode, (600, 600)).save(content, "PNG")
    assert look(content.getvalue()).has_alpha is has_alpha


def test_palette_with_a_transparent_colour_has_alpha() -> None:
    """A transparent palette entry counts as transparency."""
    content = io.BytesIO()
    Image.new("P", (600, 600)).save(content, "PNG", transparency=0)
    assert look(content.getvalue()).has_alpha is True


@pytest.mark.parametrize(
    ("size", "taken"),
    [
        ((512, 512), True),
        ((511, 511), False),
        ((511, 513), True),
        ((3000, 3000), True),
        ((3001, 3001), False),
        ((2900, 3100), True),
        ((512, 3072), True),
        ((511, 3001), False),
        ((600, 3700), False),
    ],
)
@pytest.mark.slow
def test_only_what_is_outside_in_every_reading_is_refused(size: tuple[int, int], taken: bool) -> None:
    """Edges and single sides that one reading of the page allows pass; six times as long as wide is our own bound."""
    content = photo(*size, kind="PNG")
    if taken:
        assert (look(content).width_px, look(content).height_px) == size
    else:
        with pytest.raises(PhotoError, match=r"pixels|6 times"):
            look(content)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "nothing"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"MM\0*", "TIFF"),
        (b"%PDF-1.7", "PDF"),
        (b"  <svg xmlns='x'/>", "SVG"),
        (b"<!doctype html>", "HTML"),
        (b'{"error": 1}', "JSON"),
        (b"RIFF\0\0\0\0WAVE", "unknown bytes"),
    ],
)
def test_other_formats_are_called_by_their_names(content: bytes, named: str) -> None:
    """What people send by mistake is named."""
    with pytest.raises(PhotoError, match=f"got {named}"):
        look(content)


@given(st.binary(max_size=300), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF1234WEBP"]))
@settings(deadline=None)
def test_hostile_headers_end_in_one_error(content: bytes, magic: bytes) -> None:
    """Any bytes behind a good beginning are a photograph or a `PhotoError`."""
    try:
        look(magic + content)
    except PhotoError as error:
        message = str(error)
    else:
        message = "is a picture"
    assert message.startswith(("is ", "must "))


@given(st.integers(0, len(PHOTO) - 1), st.integers(0, 255))
@settings(deadline=None)
def test_damaged_photographs_end_in_one_error(at: int, value: int) -> None:
    """One wrong byte anywhere never does more than refuse the picture."""
    content = bytearray(PHOTO)
    content[at] = value
    try:
        look(bytes(content))
    except PhotoError as error:
        assert_message = str(error)
    else:
        assert_message = "is a picture"
    assert assert_message.startswith(("is ", "must "))
