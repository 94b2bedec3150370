"""
Changes how a subject looks without touching what it wears: tone of the skin, fall of the light, shadow on the ground.

Simple image arithmetic that makes variants tell apart; nobody is recognised and nobody is made up.
"""

from collections.abc import Mapping
from typing import Final

from PIL import Image, ImageChops, ImageFilter, ImageOps

from aidge_async.sandbox.canvas import Colour, mix, soft_disc
from aidge_async.sandbox.moods import Mood

# A look for each of the four models. Which model means whom is not documented: these only have to differ.
_SKINS: Final[Mapping[str, Colour]] = {
    "universal_model_1": (232, 190, 164),
    "universal_model_2": (124, 82, 60),
    "universal_model_3": (222, 178, 134),
    "universal_model_4": (172, 122, 88),
}
_PALE: Final = (255, 246, 236)
_DEEP: Final = (34, 20, 16)
# Variants of one model lie on both sides of its look.
_TONES: Final = ((_PALE, 0.0), (_DEEP, 0.20), (_PALE, 0.24), (_DEEP, 0.08))

# Where skin of any tone lies in YCbCr (Chai and Ngan, 1999), as ranges of Cb and Cr.
_SKIN_CB: Final = range(77, 128)
_SKIN_CR: Final = range(133, 174)
_LEAST_SKIN: Final = 0.02  # of the region looked at; less is chance
_INSIDE: Final = 200  # of 255
_FACE_SHARE: Final = 0.22  # of a subject's height, from the top

# From where the light comes, a variant each, as degrees to turn a gradient that is bright at its bottom.
_LIGHT_FROM: Final = (270, 90, 180, 0)


def recolour_skin(photo: Image.Image, figure: Image.Image, *, model: str, variant: int) -> Image.Image:
    """Return *photo* with the skin of its subject in the tone of *model*; unchanged where no skin is seen."""
    skin = _skin_mask(photo, figure)
    if skin is None:
        return photo
    toward, share = _TONES[variant % len(_TONES)]
    tone = mix(_SKINS[model], toward, share)
    grey = ImageOps.grayscale(photo)
    middle = max(20, min(235, _mean_under(grey, skin)))
    toned = ImageOps.colorize(
        grey, black=mix(tone, _DEEP, 0.85), mid=tone, white=mix(tone, _PALE, 0.8), midpoint=middle
    )
    return Image.composite(toned, photo, skin)


def _skin_mask(photo: Image.Image, figure: Image.Image) -> Image.Image | None:
    seed = _skin_seed(photo, figure)
    if seed is None:
        return None
    (usual, blue, red), (light, *hues) = seed, photo.convert("YCbCr").split()
    off = ImageChops.add(_difference(hues[0], blue), _difference(hues[1], red))
    near = off.point([_fading(value, most=14, over=16) for value in range(256)])
    # Shade and shine lie within these bounds; cloth of the same hue often does not.
    lit = light.point([_plausible(value, usual) for value in range(256)])
    soft = ImageChops.darker(near, lit).filter(ImageFilter.GaussianBlur(min(photo.size) / 500))
    return ImageChops.multiply(soft, figure)


def _fading(value: float, *, most: float, over: float) -> int:
    """Return 255 up to *most*, then less, and nothing from *over* beyond it."""
    return round(255 * max(0.0, min(1.0, 1 - (value - most) / over)))


def _plausible(value: int, usual: int) -> int:
    """Return 255 for a brightness that shade or shine may give to skin of the *usual* one."""
    return min(_fading(usual - value, most=0.55 * usual, over=12), _fading(value - usual, most=56, over=20))


def _difference(band: Image.Image, value: int) -> Image.Image:
    return ImageChops.difference(band, Image.new("L", band.size, value))


def _skin_seed(photo: Image.Image, figure: Image.Image) -> tuple[int, int, int] | None:
    """Return the usual brightness, Cb and Cr of what looks like skin where a face would be."""
    bounds = figure.point([0] * 160 + [255] * 96).getbbox()
    if bounds is None:
        return None
    left, top, right, bottom = bounds
    third = (right - left) // 3
    box = (left + third, top, right - third, top + max(1, round((bottom - top) * _FACE_SHARE)))
    pixels = photo.crop(box).resize((32, 32), Image.Resampling.BOX).convert("YCbCr").tobytes()
    inside = figure.crop(box).resize((32, 32), Image.Resampling.BOX).tobytes()
    colours = zip(pixels[0::3], pixels[1::3], pixels[2::3], inside, strict=True)
    found = [(y, cb, cr) for y, cb, cr, share in colours if share > _INSIDE and cb in _SKIN_CB and cr in _SKIN_CR]
    if len(found) < _LEAST_SKIN * 32 * 32:
        return None
    light, blue, red = (sorted(band)[len(found) // 2] for band in zip(*found, strict=True))
    return light, blue, red


def _mean_under(grey: Image.Image, mask: Image.Image) -> int:
    counts = grey.histogram(mask.point([0] * 128 + [255] * 128))
    return round(sum(value * count for value, count in enumerate(counts)) / max(1, sum(counts)))


def relight(photo: Image.Image, *, mood: Mood, variant: int) -> Image.Image:
    """Return *photo* under the light of *mood*, which comes from a different side in each variant."""
    fall = Image.linear_gradient("L").rotate(_LIGHT_FROM[variant % len(_LIGHT_FROM)]).resize(photo.size)
    lit = Image.merge(
        "RGB", [fall.point([70 + (part - 70) * value // 255 for value in range(256)]) for part in mood.light]
    )
    return Image.blend(photo, ImageChops.soft_light(photo, lit), 0.85)


def cast_shadow(scene: Image.Image, figure: Image.Image, *, mirrored: bool) -> Image.Image:
    """Return *scene* with the soft shadow that a subject of that outline throws beside itself and at its feet."""
    unit = min(scene.size)
    beside = ImageChops.offset(figure, round(unit * (-0.025 if mirrored else 0.025)), round(unit * 0.012))
    beside = beside.filter(ImageFilter.GaussianBlur(unit * 0.028)).point([value * 2 // 5 for value in range(256)])
    dark = ImageChops.lighter(beside, _ground_shadow(figure))
    return Image.composite(Image.new("RGB", scene.size, (18, 16, 20)), scene, dark)


def _ground_shadow(figure: Image.Image) -> Image.Image:
    """Return the contact shadow of a subject whose feet are seen; nothing where the picture cuts it off."""
    shadow = Image.new("L", figure.size)
    solid = figure.point([0] * 160 + [255] * 96)
    bounds = solid.getbbox()
    if bounds is None or bounds[3] > 0.985 * figure.height:
        return shadow
    feet = solid.crop((0, round(bounds[3] - 0.06 * figure.height), figure.width, bounds[3])).getbbox()
    left, right = (feet[0], feet[2]) if feet else (bounds[0], bounds[2])
    wide, tall = round((right - left) * 1.5), max(4, round(0.06 * figure.height))
    disc = soft_disc((wide, tall))
    shadow.paste(
        disc.point([value * 3 // 4 for value in range(256)]),
        (round((left + right - wide) / 2), bounds[3] - tall * 2 // 3),
    )
    return shadow
