"""Images looked at before they are paid for, with Pillow as the judge of formats and pixels."""

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aidge_async._core import gateway
from aidge_async._core.image import _SIGNATURES, ImageFacts, format_of, is_whole, look_at, refuse_weight
from aidge_async.errors import RequestError

MIB4 = 4 * 1024 * 1024
ACCEPTED = ["JPEG", "PNG", "BMP", "WEBP"]


def picture(kind: str, width: int = 600, height: int = 700, **options: object) -> bytes:
    """Return a plain picture in the format that Pillow calls *kind*."""
    mode = options.pop("mode", "RGB")
    buffer = io.BytesIO()
    Image.new(str(mode), (width, height)).save(buffer, kind, **options)
    return buffer.getvalue()


def weighing(size_bytes: int) -> bytes:
    """Return a JPEG of exactly so many bytes: what follows the end of a picture is ignored by all readers."""
    head = picture("JPEG")
    return head + bytes(size_bytes - len(head))


@pytest.mark.parametrize(("width", "height"), [(600, 700), (700, 600), (1, 1), (513, 2001), (1023, 1025)])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"mode": "CMYK"}),
        ("JPEG", {"mode": "L"}),
        ("JPEG", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"}),
        ("JPEG", {"comment": b"\xff\xc0" * 50}),
        ("JPEG", {"icc_profile": b"\xff\xd9\xff\xc0" * 30_000}),
        ("PNG", {}),
        ("PNG", {"mode": "RGBA"}),
        ("PNG", {"mode": "P"}),
        ("PNG", {"mode": "I;16"}),
        ("PNG", {"mode": "1"}),
        ("BMP", {}),
        ("BMP", {"mode": "L"}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"mode": "RGBA"}),
        ("WEBP", {"exif": b"Exif\0\0"}),
    ],
)
def test_pixels_are_pillows(kind: str, options: dict[str, object], width: int, height: int) -> None:
    """Whatever the flavour of a format, its stored width and height are what Pillow reads."""
    content = picture(kind, width, height, **options)
    judge = Image.open(io.BytesIO(content))
    if min(width, height) < 512:
        with pytest.raises(RequestError, match=rf"^'look' has {width}x{height} px; the gateway takes more than 512"):
            look_at(content, "look")
    else:
        facts = look_at(content, "look")
        assert (facts.format, facts.width_px, facts.height_px) == (judge.format, *judge.size)


def test_top_down_bitmap_has_its_pixels() -> None:
    """A negative height means that the rows run downward, and is no unreadable header."""
    content = bytearray(picture("BMP", 600, 700))
    content[22:26] = struct.pack("<l", -700)
    assert Image.open(io.BytesIO(bytes(content))).size == (600, 700)
    assert look_at(bytes(content), "look") == ImageFacts(format="BMP", width_px=600, height_px=700)


REFUSED, UNSURE, FINE = "refused", "unsure", "fine"
EDGES = [
    (511, 511, REFUSED), (512, 512, UNSURE), (513, 513, FINE), (2999, 2999, FINE), (3000, 3000, UNSURE),
    (3001, 3001, REFUSED), (511, 513, UNSURE), (511, 512, UNSURE), (512, 513, UNSURE), (513, 2999, FINE),
    (513, 3000, UNSURE), (513, 3001, UNSURE), (3000, 3001, UNSURE), (511, 3001, REFUSED), (512, 3001, UNSURE),
    (511, 3000, UNSURE), (512, 3000, UNSURE), (100, 600, UNSURE), (600, 9000, UNSURE), (1, 511, REFUSED),
]  # fmt: skip


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("width", "height", "verdict"), EDGES)
def test_every_edge_is_refused_only_where_all_readings_refuse(
    width: int, height: int, verdict: str, turned: bool
) -> None:
    """Refused outside every reading of the page, warned of inside one only, and silent well inside."""
    size = (height, width) if turned else (width, height)
    content = picture("PNG", *size, mode="1")
    shown = f"{size[0]}x{size[1]} px"
    if verdict == REFUSED:
        with pytest.raises(RequestError, match=rf"^'look\.png' has {shown}; .* fewer than 3000 px a side: scale it fi"):
            look_at(content, "look.png")
        return
    facts = look_at(content, "look.png")
    assert len(facts.warnings) == (verdict == UNSURE)
    assert all(
        warning.startswith(f"'look.png' has {shown}: one side on or past the edge") for warning in facts.warnings
    )


@pytest.mark.parametrize(
    ("size_bytes", "warnings"), [(3_999_999, 0), (4_000_000, 0), (4_000_001, 1), (MIB4 - 1, 1), (MIB4, 1)]
)
def test_weight_between_the_two_readings_of_4_mb_is_warned_of(size_bytes: int, warnings: int) -> None:
    """4,000,000 bytes are 4 MB in each reading, 4 MiB in one."""
    facts = look_at(weighing(size_bytes), "look.jpg")
    assert len(facts.warnings) == warnings
    assert all(f"'look.jpg' has {size_bytes:,} bytes: within 4 MiB" in warning for warning in facts.warnings)


def test_weight_over_4_mib_is_refused() -> None:
    """One byte over is over in each reading; the same words from the size alone."""
    words = r"^'look\.jpg' has 4,194,305 bytes; the gateway takes at most 4 MB \(4,194,304 bytes\): save it smaller$"
    with pytest.raises(RequestError, match=words):
        look_at(weighing(MIB4 + 1), "look.jpg")
    with pytest.raises(RequestError, match=words):
        refuse_weight(MIB4 + 1, "look.jpg")
    refuse_weight(MIB4, "look.jpg")


def test_picture_may_be_unsure_in_two_ways() -> None:
    """Each doubt is a sentence of its own."""
    head = picture("JPEG", 512, 600)
    assert len(look_at(head + bytes(4_000_001 - len(head)), "look").warnings) == 2


def test_tiff_is_refused_word_for_word() -> None:
    """The name, what it is, the rule, and what to do."""
    with pytest.raises(RequestError) as caught:
        look_at(picture("TIFF"), "look.tiff")
    assert str(caught.value) == "'look.tiff' is TIFF; the gateway takes JPEG, PNG, BMP or WEBP: convert it first"


FOREIGN = [
    (picture("TIFF"), "TIFF"),
    (b"MM\x00*\0\0\0\x08", "TIFF"),
    (b"II+\x00\x08\0\0\0", "TIFF"),
    (b"MM\x00+\0\x08\0\0", "TIFF"),
    (picture("GIF"), "GIF"),
    (b"GIF87a" + bytes(20), "GIF"),
    (picture("AVIF"), "AVIF"),
    (b"\0\0\0\x18ftypavis\0\0\0\0", "AVIF"),
    (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
    (b"\0\0\0\x18ftypheix\0\0\0\0", "HEIC"),
    (b"\0\0\0\x18ftypmif1\0\0\0\0", "HEIF"),
    (b"\0\0\0\x18ftypmp42\0\0\0\0", "no picture"),
    (picture("PDF"), "PDF"),
    (b"8BPS\0\x01", "Photoshop"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    (b"<?xml version='1.0'?><svg/>", "XML"),
    (b"PK\x03\x04rest", "ZIP"),
    (b"RIFF\0\0\0\0WAVEfmt ", "no picture"),
    (b"RIFF", "no picture"),
    (picture("PPM"), "no picture"),
    (b"\0" * 100, "no picture"),
    (b"<html>", "no picture"),
    (b"\xff\xd8", "no picture"),
]


@pytest.mark.parametrize(("content", "kind"), FOREIGN)
def test_other_formats_are_refused_by_name_whatever_the_file_is_called(content: bytes, kind: str) -> None:
    """A renamed file is known by its first bytes."""
    with pytest.raises(RequestError, match=rf"^'look\.jpg' is {kind}; the gateway takes JPEG, PNG, BMP or WEBP: conv"):
        look_at(content, "look.jpg")


@pytest.mark.parametrize("kind", ACCEPTED)
def test_wrong_name_of_a_right_picture_does_not_matter(kind: str) -> None:
    """The bytes decide, not the extension."""
    assert look_at(picture(kind), "look.tiff").format == kind


def test_nothing_is_refused_as_empty() -> None:
    """Zero bytes are a file that was never written."""
    with pytest.raises(
        RequestError, match=r"^'look\.jpg' is empty; pass the bytes of a JPEG, PNG, BMP or WEBP picture"
    ):
        look_at(b"", "look.jpg")


@pytest.mark.parametrize("kind", ACCEPTED)
@pytest.mark.parametrize("length", [12, 15, 20])
def test_picture_cut_in_its_header_is_refused(kind: str, length: int) -> None:
    """What starts like a picture and ends at once has no size."""
    with pytest.raises(RequestError, match=rf"^'look' starts like {kind} but has no readable header; export it again"):
        look_at(picture(kind)[:length], "look")


def test_formats_taken_are_those_of_the_reference_page() -> None:
    """JPG is JPEG."""
    assert list(gateway.IMAGE_FORMATS) == ACCEPTED


ENDING = [*ACCEPTED, "GIF"]
THUMBNAIL = b"Exif\0\0" + picture("JPEG", 40, 30)  # no EXIF that is read, but its markers in their place


@pytest.mark.parametrize("kind", ENDING)
@pytest.mark.parametrize("behind", [b"", bytes(300), b"made-up trailer"])
def test_whole_picture_is_seen_by_its_end(kind: str, behind: bytes) -> None:
    """As Pillow wrote it; with something behind it too, except a GIF, which takes zeros only."""
    assert is_whole(picture(kind) + (b"" if kind == "GIF" else behind))


@given(st.sampled_from([*(picture(kind) for kind in ENDING), picture("JPEG", exif=THUMBNAIL)]), st.integers(0, 10**6))
def test_cut_picture_is_seen_by_its_end(content: bytes, place: int) -> None:
    """Wherever its pixels were cut; a whole thumbnail inside proves nothing."""
    first = max(16, content.rfind(b"\xff\xda") + 2)
    assert not is_whole(content[: first + place % (len(content) - 1 - first)])


def test_cut_picture_is_warned_of() -> None:
    """It would be paid for; its header alone is in order, so it is not refused."""
    content = picture("JPEG")
    (warning,) = look_at(content[:-200], "look.jpg").warnings
    assert warning.startswith("'look.jpg' ends before its format says, after ")


def test_format_without_an_end_is_taken_as_it_is() -> None:
    """A TIFF may end anywhere."""
    assert is_whole(picture("TIFF")[:64])


signatures = st.sampled_from([signature for signature, _ in _SIGNATURES] + [b"RIFF\0\0\0\0WEBPVP8", b"\0\0\0\x18ftyp"])
tails = st.binary(max_size=80) | st.lists(
    st.sampled_from(
        [b"\xff\xc0", b"\xff\xe1\0\x20Exif\0\0", b"\xff\xd8", b"\xff", b"\0\x11", b"IHDR", b"L", b"X", b" "]
    )
).map(b"".join)


@settings(max_examples=300)
@given(signatures, tails)
@pytest.mark.slow
def test_random_bytes_behind_a_signature_raise_nothing_foreign(signature: bytes, tail: bytes) -> None:
    """They are facts or a refusal; struct, index and overflow errors of a header reader never come out."""
    content = signature + tail
    try:
        facts = look_at(content, "look")
    except RequestError as exc:
        assert str(exc).startswith("'look' ")  # noqa: PT017  either way is right; here what is raised is looked at
    else:
        assert facts.format == format_of(content)


@settings(max_examples=60)
@given(st.sampled_from([picture(kind) for kind in ACCEPTED]), st.data())
def test_damaged_pictures_raise_nothing_foreign(content: bytes, data: st.DataObject) -> None:
    """A byte altered anywhere in the first 700, and the end cut off."""
    altered = bytearray(content)
    place = data.draw(st.integers(0, min(699, len(content) - 1)))
    altered[place] = data.draw(st.integers(0, 255))
    cut = bytes(altered[: data.draw(st.integers(1, len(altered)))])
    try:
        look_at(cut, "look")
    except RequestError as exc:
        assert str(exc).startswith("'look' ")  # noqa: PT017  as above


@pytest.mark.parametrize(("width", "height"), [(0, 700), (600, 0)])
def test_header_without_a_width_or_a_height_is_refused_as_unreadable(width: int, height: int) -> None:
    """One side that is nothing is no picture, whatever the other says."""
    content = bytearray(picture("PNG"))
    content[16:24] = struct.pack(">II", width, height)
    with pytest.raises(RequestError, match="no readable header"):
        look_at(bytes(content), "look.png")
