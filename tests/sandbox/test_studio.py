"""The drawn pictures: size, aspect, background, variants, label."""

import io
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from aidge_async._core import gateway
from aidge_async.sandbox import studio
from aidge_async.sandbox.commission import Commission, scaled
from aidge_async.sandbox.figure import estimate_figure
from aidge_async.sandbox.label import label_text, write_label
from aidge_async.sandbox.standin import draw_stand_in
from aidge_async.sandbox.studio import draw
from tests.sandbox.by_hand import photo

pytestmark = pytest.mark.slow  # each test draws

SIZE = (300, 400)


def ordered(**changes: Any) -> Commission:
    """Return a commission of one small picture on a beach, with *changes*."""
    plain = {
        "seed": "0/0",
        "source": "named elsewhere",
        "image_url": None,
        "has_alpha": False,
        "model": "universal_model_2",
        "background": "beach",
        "count": 1,
        "width_px": SIZE[0],
        "height_px": SIZE[1],
    }
    return Commission(**{**plain, **changes})


def drawn(source: bytes | None, **changes: Any) -> list[Image.Image]:
    """Return the decoded pictures of one commission."""
    return [Image.open(io.BytesIO(content)).convert("RGB") for content in draw(ordered(**changes), source)]


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def part(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """Return a part of a picture, in fractions."""
    width, height = picture.size
    return picture.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))


@pytest.fixture
def rough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a block in the middle for the subject, for tests of everything else: estimating it is the slow part."""

    def block(photo: Image.Image) -> Image.Image:
        mask = Image.new("L", photo.size)
        mask.paste(255, (photo.width // 3, photo.height // 10, photo.width * 2 // 3, photo.height))
        return mask

    monkeypatch.setattr(studio, "estimate_figure", block)


SIDES = ((0.0, 0.1, 0.12, 0.9), (0.88, 0.1, 1.0, 0.9))
BODY = (0.42, 0.4, 0.58, 0.85)


@pytest.mark.parametrize("background", gateway.BACKGROUNDS)
def test_background_is_replaced_and_clothing_stays(background: str) -> None:
    """Around the subject everything is new; in the middle the red shirt is still red."""
    source = photo()
    before = Image.open(io.BytesIO(source)).convert("RGB").resize(SIZE)
    (after,) = drawn(source, background=background)
    assert after.size == SIZE
    assert min(difference(part(before, *side), part(after, *side)) for side in SIDES) > 12
    red, green, blue = ImageStat.Stat(part(after, *BODY)).mean
    assert (red > 110, max(green, blue) < 80) == (True, True)


def test_kept_background_is_kept() -> None:
    """Where the background is kept it is the sent one, in every variant."""
    source = photo()
    before = Image.open(io.BytesIO(source)).convert("RGB").resize(SIZE)
    for after in drawn(source, background=None, count=2):
        assert max(difference(part(before, *side), part(after, *side)) for side in SIDES) < 4


@pytest.mark.parametrize("background", [None, *gateway.BACKGROUNDS])
@pytest.mark.usefixtures("rough")
def test_variants_differ_visibly(background: str | None) -> None:
    """No two of four variants look alike, in the subject itself."""
    pictures = drawn(photo(), background=background, count=4)
    for index, one in enumerate(pictures):
        for other in pictures[index + 1 :]:
            assert difference(part(one, 0.34, 0.05, 0.66, 0.9), part(other, 0.34, 0.05, 0.66, 0.9)) > 4


@pytest.mark.usefixtures("rough")
def test_models_differ_visibly() -> None:
    """Another model has another skin."""
    source = photo()
    faces = [
        part(drawn(source, model=model, background=None)[0], 0.45, 0.12, 0.55, 0.2)
        for model in gateway.DOCUMENTED_MODELS
    ]
    for index, one in enumerate(faces):
        assert all(difference(one, other) > 5 for other in faces[index + 1 :])


@pytest.mark.usefixtures("rough")
def test_seed_repeats_the_bytes() -> None:
    """The same commission gives the same bytes, another seed others."""
    source, room = photo(), ordered(background="room")
    assert draw(room, source) == draw(room, source)
    assert draw(room, source) != draw(ordered(background="room", seed="1/0"), source)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.usefixtures("rough")
def test_orientation_is_honoured(orientation: int) -> None:
    """Whatever way the file lies, the subject stands upright."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = Image.open(io.BytesIO(photo()))
    stored = upright.transpose(turns[orientation]) if orientation in turns else upright
    exif, content = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    stored.save(content, "JPEG", exif=exif)
    (picture,) = drawn(content.getvalue(), background=None)
    assert difference(part(picture, *SIDES[0]), part(upright.convert("RGB").resize(SIZE), *SIDES[0])) < 4
    red, green, _ = ImageStat.Stat(part(picture, *BODY)).mean
    assert red > green + 50


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "RGBA", "LA", "I;16"])
@pytest.mark.parametrize("background", [None, "room"])
@pytest.mark.usefixtures("rough")
def test_every_pixel_format_is_drawn(mode: str, background: str | None) -> None:
    """Grey, palette, CMYK, 16 bit and transparent sources all give a picture."""
    content = io.BytesIO()
    Image.new(mode, (600, 600)).save(content, "JPEG" if mode == "CMYK" else "PNG")
    has_alpha = mode in ("RGBA", "LA")
    (encoded,) = draw(ordered(background=background, has_alpha=has_alpha), content.getvalue())
    picture = Image.open(io.BytesIO(encoded))
    assert picture.format == ("PNG" if has_alpha else "JPEG")
    assert picture.size == SIZE


@pytest.mark.parametrize("source", [None, b"\xff\xd8\xff damaged", photo()[:3000], b"GIF89a"])
@pytest.mark.usefixtures("rough")
def test_what_cannot_be_decoded_becomes_a_stand_in(source: bytes | None) -> None:
    """A task that was accepted by its header always has pictures."""
    (picture,) = drawn(source)
    assert picture.size == SIZE


@pytest.mark.usefixtures("rough")
def test_metadata_say_that_nothing_was_generated() -> None:
    """The label stands in the file's metadata as well."""
    (jpeg,) = draw(ordered(), photo())
    assert Image.open(io.BytesIO(jpeg)).info["comment"].endswith(b"not generated, variant 1/1, model universal_model_2")
    (png,) = draw(ordered(has_alpha=True, background=None), photo(kind="PNG"))
    assert str(Image.open(io.BytesIO(png)).info["Comment"]).endswith("model universal_model_2")


@pytest.mark.parametrize("width", [512, 768, 2048])
def test_label_fits_and_can_be_read(width: int) -> None:
    """The band has light letters on dark, and the longest text ends before the edge."""
    text = label_text(variant=3, count=4, model="universal_model_4")
    labelled = write_label(Image.new("RGB", (width, width), "white"), text)
    band = labelled.crop((0, width - width // 24, width, width)).convert("L")
    assert sum(band.histogram()[:80]) > 0
    assert sum(band.histogram()[240:]) > 0
    right_edge = band.crop((round(width * 0.985), band.height // 3, width, band.height))
    assert sum(right_edge.histogram()[90:]) == 0


def test_figure_is_found_before_a_plain_wall() -> None:
    """On a stand-in the estimate covers the body and leaves the sides."""
    mask = estimate_figure(draw_stand_in((480, 640), seed="1"))
    assert ImageStat.Stat(part(mask, 0.45, 0.25, 0.55, 0.5)).mean[0] > 240
    assert max(ImageStat.Stat(part(mask, *side)).mean[0] for side in SIDES) < 3


def test_alpha_channel_is_the_figure() -> None:
    """Where the source itself says what is subject, nothing is estimated."""
    photo_with_alpha = Image.new("RGBA", (200, 300), (200, 30, 30, 0))
    photo_with_alpha.paste((200, 30, 30, 255), (0, 0, 50, 300))
    assert estimate_figure(photo_with_alpha).tobytes() == photo_with_alpha.getchannel("A").tobytes()


def test_uniform_photograph_still_has_a_figure() -> None:
    """A picture of one colour does not stop the drawing."""
    assert estimate_figure(Image.new("RGB", (200, 300), "grey")).size == (200, 300)


@pytest.mark.parametrize(
    ("size", "short_side", "expected"),
    [((600, 800), 768, (768, 1024)), ((800, 600), 512, (683, 512)), ((1000, 1000), 2048, (2048, 2048))],
)
def test_short_side_becomes_the_dimension(size: tuple[int, int], short_side: int, expected: tuple[int, int]) -> None:
    """The aspect is kept to the nearest pixel."""
    assert scaled(*size, short_side=short_side) == expected
