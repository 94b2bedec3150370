"""
A submit in one normal form, and the two dialects in which it may have been written.

Values only: how a call is read into one stands in `rules.py`, what becomes of one in `world.py`.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

import attrs

from aidge_async._core import gateway
from aidge_async.sandbox.photo import Photo


@attrs.frozen(kw_only=True)
class Dialect:
    """One of the two ways in which the vendor's own sources write a submit."""

    name: str
    flag: str
    models: Mapping[str, str]
    prefix: str


DOCUMENTED: Final = Dialect(
    name="documented",
    flag="maskKeepbg",
    models={model: model for model in gateway.DOCUMENTED_MODELS},
    prefix="requestParams[0].",
)
# That the names stand for the four models in this order is a guess; the vendor's sources give no table.
FLAT: Final = Dialect(
    name="flat",
    flag="maskKeepBg",
    models=dict(zip(gateway.FLAT_MODELS, gateway.DOCUMENTED_MODELS, strict=True)),
    prefix="",
)


@attrs.frozen(kw_only=True)
class Submission:
    """
    A submit that keeps every rule, in one normal form whatever the dialect and the encoding.

    Args:
        image: The decoded picture; `None` where only a URL was sent.
        photo: What its header says.
        image_url: The URL; `None` where Base64 was sent, which wins.
        background: One of the four; `None` where the background is kept, whatever was sent beside.
    """

    dialect: Dialect
    image: bytes | None = attrs.field(repr=False)
    photo: Photo | None
    image_url: str | None
    model: str
    gender: str | None
    age: str | None
    background: str | None
    count: int
    dimension: int

    def fingerprint(self, image_sha256: str | None) -> str:
        """
        Return SHA-256 over the image and the parameters, the same for every way of writing the same wish.

        It covers the compact JSON, with sorted names, of `image` (`sha256:` and the hex digest of the decoded bytes,
        or `url:` and the URL) and of every parameter: defaults filled in, models by their documented names.

        Args:
            image_sha256: Hex digest of *image*, which whoever kept it has at hand; `None` where only a URL was sent.
        """
        image = f"url:{self.image_url}" if image_sha256 is None else f"sha256:{image_sha256}"
        normal = {
            "age": self.age,
            "bgStyle": self.background,
            "count": self.count,
            "dimension": self.dimension,
            "gender": self.gender,
            "image": image,
            "imageStyle": gateway.IMAGE_STYLES[0],
            "maskKeepbg": self.background is None,
            "model": self.model,
        }
        return hashlib.sha256(json.dumps(normal, separators=(",", ":"), sort_keys=True).encode()).hexdigest()
