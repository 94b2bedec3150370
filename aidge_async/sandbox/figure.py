"""
Estimates who stands in front of what, as a mask; plausible, never exact.

A guess from colour alone: what looks like the picture's edges is surroundings, what stands in the middle and looks
different is the subject. No model is involved and no claim made; an alpha channel, where there is one, decides alone.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

from PIL import Image, ImageChops, ImageFilter, ImageMath

# The estimate is made on a thumbnail: some 8,000 pixels are enough for a silhouette.
_SHORT_SIDE_PX: Final = 80
_BINS: Final = 12  # colour classes a channel
_KEPT_SHARE: Final = 0.12  # of the largest piece: a leg that a belt cuts off still belongs
_CORE: Final = 0.05  # half the width of the column that surely is subject, a share of the picture
_FLANK: Final = 0.36  # from here outwards surely is not
_HEADROOM: Final = 0.12
_DOUBT: Final = -1.2  # what is enclosed by the subject and believed more than this belongs to it
_SAME_HUE: Final = 7  # of 512
_ROUNDS: Final = 3  # it changes little after that
_SURE: Final = 5.0  # a belief, as log odds, that later rounds do not touch

# How much the three kinds of evidence count against one another. Chosen on 22 drawn photographs whose subjects are
# known, half of them before plain walls: 0.86 of subject and estimate together is common to both.
_ODD: Final = 1.8
_COLOUR: Final = 1.8
_CALM: Final = 7  # the unrest at which a row's ends say a quarter of what those of an even wall say

_Pixel = tuple[int, int, int]


def estimate_figure(photo: Image.Image) -> Image.Image:
    """
    Return the subject of *photo* as a mask of its size: 255 subject, 0 surroundings, soft between.

    Args:
        photo: RGB, or RGBA whose transparency is taken as the answer.
    """
    if photo.mode == "RGBA":
        alpha = photo.getchannel("A")
        if alpha.histogram()[0]:
            return alpha
    coloured = photo.convert("RGB").convert("YCbCr")
    factor = _SHORT_SIDE_PX / min(photo.size)
    size = (round(photo.width * factor), round(photo.height * factor))
    small = coloured.resize(size, Image.Resampling.BOX).filter(ImageFilter.MedianFilter(3))
    return _refine(_rough_mask(small), _contrast(coloured, small))


def _rough_mask(small: Image.Image) -> Image.Image:
    size = small.size
    bands = small.tobytes()
    pixels: list[_Pixel] = list(zip(bands[0::3], bands[1::3], bands[2::3], strict=True))
    seeds, prior, odd = _seeds(size), _prior(size), _oddness(pixels, size)
    belief = seeds
    for _ in range(_ROUNDS):
        known = [seed if abs(seed) >= _SURE else value for seed, value in zip(seeds, belief, strict=True)]
        colour = _colour_evidence(pixels, known)
        evidence = zip(prior, odd, colour, strict=True)
        belief = _blurred([place + _ODD * o + _COLOUR * c for place, o, c in evidence], size, 1.2)
    return _one_piece(belief, size)


def _prior(size: tuple[int, int]) -> list[float]:
    """Return, a pixel, how much its place alone speaks for the subject: in the middle, and never at the sides."""
    width, height = size
    half = 0.21 * min(1.0, 0.9 * height / width)
    across = [max(-4.0, 1.6 * (1 - ((x + 0.5) / width - 0.5) ** 2 / half**2)) for x in range(width)]
    down = [min(0.0, 40 * ((y + 0.5) / height - 0.05)) for y in range(height)]
    return [a + d for d in down for a in across]


def _seeds(size: tuple[int, int]) -> list[float]:
    """Return the belief to begin with: a column in the middle is subject, the flanks are not, the rest is open."""
    width, height = size
    column = [abs((x + 0.5) / width - 0.5) for x in range(width)]
    sides = [_SURE if off < _CORE else -_SURE if off > _FLANK else -0.7 for off in column]
    ends = [-_SURE] * width
    return [value for y in range(height) for value in (sides if _HEADROOM < y / height < 1 - _HEADROOM else ends)]


def _oddness(pixels: Sequence[_Pixel], size: tuple[int, int]) -> list[float]:
    """
    Return how little each pixel looks like the left and right end of its row, or like the top.

    Where the ends themselves are full of different colours it says little: then place and colour have to decide.
    """
    width, height = size
    strip = max(2, width // 14)
    top = _mean(pixels[: 3 * width])
    oddness: list[float] = []
    for y in range(height):
        rows = range(max(0, y - 1), min(height, y + 2))
        ends = [[pixels[row * width + x + start] for row in rows for x in range(strip)] for start in (0, width - strip)]
        left, right = map(_mean, ends)
        unrest = sum(_difference(pixel, left) for pixel in ends[0]) + sum(
            _difference(pixel, right) for pixel in ends[1]
        )
        unrest /= len(ends[0]) + len(ends[1])
        for x, pixel in enumerate(pixels[y * width : (y + 1) * width]):
            near = min(_difference(pixel, _weighted(left, right, x / width)), _difference(pixel, left))
            near = min(near, _difference(pixel, right), _difference(pixel, top))
            oddness.append(max(-2.5, min(3.0, (near - 14 - unrest) / 7)) * (_CALM / (_CALM + unrest)) ** 2)
    return oddness


def _weighted(one: Sequence[float], other: Sequence[float], share: float) -> tuple[float, ...]:
    return tuple(a + (b - a) * share for a, b in zip(one, other, strict=True))


def _mean(pixels: Sequence[_Pixel]) -> tuple[float, ...]:
    return tuple(sum(channel) / len(pixels) for channel in zip(*pixels, strict=True))


def _difference(one: Sequence[float], other: Sequence[float]) -> float:
    light, hue = abs(one[0] - other[0]), abs(one[1] - other[1]) + abs(one[2] - other[2])
    # A shadow has the hue of the ground it falls on and is not black; it belongs to the ground.
    shadow = hue < _SAME_HUE and 0.5 * other[0] < one[0] < other[0]
    return (0.25 if shadow else 0.6) * light + 1.3 * hue


def _colour_evidence(pixels: Sequence[_Pixel], belief: Sequence[float]) -> list[float]:
    """Return how much more often each pixel's colour is believed subject than surroundings, as a log ratio."""
    classes = [(y * _BINS >> 8, cb * _BINS * 2 >> 8, cr * _BINS * 2 >> 8) for y, cb, cr in pixels]
    inside: dict[_Pixel, float] = {}
    outside: dict[_Pixel, float] = {}
    for colour, value in zip(classes, belief, strict=True):
        share = 1 / (1 + math.exp(-value))
        inside[colour] = inside.get(colour, 0.0) + share
        outside[colour] = outside.get(colour, 0.0) + 1 - share
    ratio = {colour: math.log((inside[colour] + 2) / (outside[colour] + 2)) for colour in inside}
    return [max(-2.5, min(2.5, ratio[colour])) for colour in classes]


def _blurred(values: Sequence[float], size: tuple[int, int], radius: float) -> list[float]:
    steps = bytes(max(0, min(255, round(128 + 20 * value))) for value in values)
    blurred = Image.frombytes("L", size, steps).filter(ImageFilter.GaussianBlur(radius))
    return [(value - 128) / 20 for value in blurred.tobytes()]


def _one_piece(belief: Sequence[float], size: tuple[int, int]) -> Image.Image:
    """Return the belief as a soft mask: its largest pieces alone, their holes filled."""
    width = size[0]
    pieces = sorted(_pieces({index for index, value in enumerate(belief) if value > 0}, size), key=len)
    large = [piece for piece in pieces if len(piece) >= _KEPT_SHARE * len(pieces[-1])]
    subject = set[int]().union(*large) or set(range(len(belief)))
    rest = set(range(len(belief))) - subject
    enclosed = set[int]().union(*(piece for piece in _pieces(rest, size) if not _touches_edge(piece, size)))
    small = {index for index in enclosed if belief[index] > _DOUBT}
    solid = subject | small
    soft = bytes(
        round(255 / (1 + math.exp(-4 * value))) if index in solid or _beside(index, solid, width) else 0
        for index, value in enumerate(
            max(value, 0.8) if index in small else value for index, value in enumerate(belief)
        )
    )
    return Image.frombytes("L", size, soft)


def _pieces(indices: set[int], size: tuple[int, int]) -> Iterable[set[int]]:
    left, width = set(indices), size[0]
    while left:
        piece, edge = set[int](), [left.pop()]
        while edge:
            index = edge.pop()
            piece.add(index)
            found = left.intersection(_neighbours(index, width))
            left -= found
            edge.extend(found)
        yield piece


def _neighbours(index: int, width: int) -> tuple[int, ...]:
    column = index % width
    beside = (index - 1,) if column == width - 1 else (index + 1,) if column == 0 else (index - 1, index + 1)
    return (*beside, index - width, index + width)


def _beside(index: int, solid: set[int], width: int) -> bool:
    return not solid.isdisjoint(_neighbours(index, width))


def _touches_edge(piece: set[int], size: tuple[int, int]) -> bool:
    width, height = size
    return any(index % width in (0, width - 1) or index // width in (0, height - 1) for index in piece)


def _contrast(photo: Image.Image, small: Image.Image) -> Image.Image:
    """Return, at full size, how far every pixel is from the colours at both ends of its row."""
    strip = max(2, small.width // 14)
    left, right = (small.crop((start, 0, start + strip, small.height)) for start in (0, small.width - strip))
    ends = Image.new("YCbCr", (2, small.height))
    for column, end in enumerate((left, right)):
        ends.paste(end.resize((1, small.height), Image.Resampling.BOX), (column, 0))
    apart = ImageChops.difference(photo, ends.resize(photo.size, Image.Resampling.BILINEAR))
    light, blue, red = apart.split()
    hue = ImageChops.lighter(blue, red).point([min(255, 4 * value) for value in range(256)])
    return ImageChops.lighter(light, hue)


def _refine(rough: Image.Image, guide: Image.Image) -> Image.Image:
    """
    Return *rough* at the size of *guide*, its edges drawn to those of the photograph.

    The fast guided filter (He and Sun, 2015): a linear model mask = a x guide + b is fitted round every pixel of the
    thumbnail, and its coefficients, enlarged, are applied at full size. The guide is the contrast to the surroundings:
    brightness alone would lose a pale arm before a pale wall.
    """
    size, radius, noise = rough.size, 3, 40.0
    light = [float(value) for value in guide.resize(size, Image.Resampling.BOX).tobytes()]
    mask = [float(value) for value in rough.tobytes()]
    mean_light, mean_mask = _boxed(light, size, radius), _boxed(mask, size, radius)
    both = _boxed([a * b for a, b in zip(light, mask, strict=True)], size, radius)
    square = _boxed([a * a for a in light], size, radius)
    slope = [
        (ab - a * b) / (aa - a * a + noise) for ab, aa, a, b in zip(both, square, mean_light, mean_mask, strict=True)
    ]
    offset = [b - s * a for a, b, s in zip(mean_light, mean_mask, slope, strict=True)]
    fitted: Image.Image = ImageMath.lambda_eval(
        lambda given: given["slope"] * given["light"] + given["offset"],
        slope=_enlarged(_boxed(slope, size, radius), size, guide.size),
        offset=_enlarged(_boxed(offset, size, radius), size, guide.size),
        light=guide.convert("F"),
    )
    # The edge lies from 0.35 to 0.8 of the fit: rather a little too tight than a rim of the old surroundings.
    return fitted.convert("L").point([max(0, min(255, (value - 90) * 11 // 5)) for value in range(256)])


def _enlarged(values: Sequence[float], size: tuple[int, int], to: tuple[int, int]) -> Image.Image:
    return Image.frombytes("F", size, array("f", values).tobytes()).resize(to, Image.Resampling.BILINEAR)


def _boxed(values: Sequence[float], size: tuple[int, int], radius: int) -> list[float]:
    """Return the mean of the square round every value."""
    width, height = size
    rows = [_running_mean(values[y * width : (y + 1) * width], radius) for y in range(height)]
    columns = [_running_mean(column, radius) for column in zip(*rows, strict=True)]
    return [value for row in zip(*columns, strict=True) for value in row]


def _running_mean(values: Sequence[float], radius: int) -> list[float]:
    window = 2 * radius + 1
    padded = (*[values[0]] * radius, *values, *[values[-1]] * radius)
    sums = list(accumulate(padded, initial=0.0))
    return [(end - start) / window for start, end in zip(sums, sums[window:], strict=False)]
