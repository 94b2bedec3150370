"""
Virtual Model Alternation: another model, and if wanted another background, for clothing on a person.

Facts of this one API only; how they travel is `_core`'s matter. Source, where none is named: the vendor's "Virtual
Model Alternation Submit API Reference", read in November 2026 and not checked against the live gateway.
"""

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

import attrs

from aidge_async._core import gateway, reading
from aidge_async._core.operation import Dialect, Operation, TaskFacts, TaskRequest, WireFormat
from aidge_async._core.pictures import GeneratedImage, GeneratedImages, masked_link
from aidge_async.errors import RequestError

Image: TypeAlias = Path | bytes | str


class ImageStyle(enum.Enum):
    """What kind of photo is sent; the gateway knows one."""

    REAL_PHOTO = "realPhoto"
    """Clothing worn by a real person; no mannequin, no flat lay."""


class Gender(enum.Enum):
    """The new model's gender."""

    MALE = "MALE"
    FEMALE = "FEMALE"


class Age(enum.Enum):
    """The new model's age band."""

    OLD_AGE = "OLD_AGE"
    """60 and over."""
    MIDDLE_AGE = "MIDDLE_AGE"
    """30 to 50."""
    YOUTH = "YOUTH"
    """20 to 30."""


class Background(enum.Enum):
    """What the background is replaced with."""

    STUDIO = "studio"
    ROOM = "room"
    EUROPEAN_STREET = "European_street"
    BEACH = "beach"


ChoiceT = TypeVar("ChoiceT", bound=enum.Enum)


def _choice(kind: type[ChoiceT], name: str, value: ChoiceT | str | None) -> ChoiceT | None:
    if value is None or isinstance(value, kind):
        return value
    for member in kind:
        if isinstance(value, str) and value.lower() == member.value.lower():
            return member
    known = ", ".join(str(member.value) for member in kind)
    raise RequestError(f"{name!r} must be one of {known} (got {value!r}); choose one, or leave it out")


def _image_style(value: ImageStyle | str) -> ImageStyle:
    return _choice(ImageStyle, "image_style", value) or ImageStyle.REAL_PHOTO


def _gender(value: Gender | str | None) -> Gender | None:
    return _choice(Gender, "gender", value)


def _age(value: Age | str | None) -> Age | None:
    return _choice(Age, "age", value)


def _background(value: Background | str | None) -> Background | None:
    return _choice(Background, "background", value)


def _check_image(_: object, __: object, value: Any) -> None:  # noqa: ANN401  attrs takes the field's type from here
    if isinstance(value, (Path, bytes)):
        return
    if not isinstance(value, str):
        raise RequestError(
            f"'image' must be a Path, bytes or an http(s) URL (got {type(value).__name__}); "
            "use read_image(stream) for an upload"
        )
    try:
        parts = urlsplit(value)
        is_link = parts.scheme in {"http", "https"} and bool(parts.hostname) and not set(value) & set(" \t\r\n")
    except ValueError:
        is_link = False
    if not is_link:
        raise RequestError(
            f"'image' as text must be an absolute http(s) URL (got {value[:80]!r}); use Path({value[:80]!r}) for a file"
        )


def _check_model(_: object, __: object, value: Any) -> None:  # noqa: ANN401  attrs takes the field's type from here
    if not isinstance(value, str) or not value.strip():
        raise RequestError(
            f"'model' must be text (got {value!r}); "
            f"the documented wire format knows {', '.join(gateway.DOCUMENTED_MODELS)}"
        )


def _check_range(name: str, value: object, least: int, most: int, unit: str) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise RequestError(
            f"{name!r} must be a whole number of {unit} from {least} to {most} (got {value!r}); change it"
        )


def _check_count(_: object, __: object, value: Any) -> None:  # noqa: ANN401  attrs takes the field's type from here
    _check_range("count", value, gateway.COUNT_LEAST, gateway.COUNT_MOST, "pictures")


def _check_dimension(_: object, __: object, value: Any) -> None:  # noqa: ANN401  attrs takes the field's type from here
    _check_range("dimension", value, gateway.DIMENSION_LEAST_PX, gateway.DIMENSION_MOST_PX, "pixels")


def _check_keep_background(_: object, __: object, value: Any) -> None:  # noqa: ANN401  attrs takes the field's type from here
    if value is not None and not isinstance(value, bool):
        raise RequestError(f"'keep_background' must be True, False or None (got {value!r}); change it")


def _shown_image(value: Image) -> str:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return repr(masked_link(value)) if isinstance(value, str) else repr(value)


@attrs.frozen(kw_only=True)
class ModelAlternation(TaskRequest[GeneratedImages]):
    """
    Ask for pictures of the same clothing on another model.

    All rules that need no look at the picture are checked here, before anything is sent. What is left out is left out
    of the call, and the gateway decides.

    Args:
        image: A photo of clothing worn by a real person: a `Path`, its `bytes`, or text that is an http(s) URL (and
            nothing else: text from a web form never opens a file). JPEG, PNG, BMP or WEBP, at most 4 MB, more than
            512x512 and fewer than 3000x3000 pixels. A URL is passed on unread; the gateway fetches it.
        model: The new model. Documented wire format: `universal_model_1` to `universal_model_4`; flat: `WHITE`,
            `BLACK`, `YELLOW`, `BROWN` (vendor's example code). Checked when the call is built.
        image_style: What kind of photo is sent; always sent along.
        gender: `Gender` or its text; `None`: the gateway recognises it from the picture.
        age: `Age` or its text (`YOUTH` 20 to 30, `MIDDLE_AGE` 30 to 50, `OLD_AGE` 60 and over); `None`: the gateway
            recognises it from the picture.
        keep_background: `True` keeps the background, `False` replaces it and needs *background*; `None`: the gateway
            keeps it, unless a *background* is given.
        background: `Background` or its text; implies that the background is not kept. `None`: none is drawn.
        count: Pictures to make and pay for, 1 to 4; `None`: the gateway makes 2.
        dimension: Short side of the results in pixels, 512 to 2048, the aspect is kept; `None`: the gateway takes 768.

    Raises:
        RequestError: A value breaks a rule above; the message names it, and nothing was sent.
    """

    image: Image = attrs.field(validator=_check_image, repr=_shown_image)
    model: str = attrs.field(validator=_check_model)
    image_style: ImageStyle = attrs.field(default=ImageStyle.REAL_PHOTO, converter=_image_style)
    gender: Gender | None = attrs.field(default=None, converter=_gender)
    age: Age | None = attrs.field(default=None, converter=_age)
    keep_background: bool | None = attrs.field(default=None, validator=_check_keep_background)
    background: Background | None = attrs.field(default=None, converter=_background)
    count: int | None = attrs.field(default=None, validator=_check_count)
    dimension: int | None = attrs.field(default=None, validator=_check_dimension)

    def __attrs_post_init__(self) -> None:
        """Hold the two background fields to each other."""
        if self.background is None:
            if self.keep_background is False:
                raise RequestError(
                    "'background' must be given where 'keep_background' is False (got None); "
                    f"choose one of {', '.join(gateway.BACKGROUNDS)}"
                )
        elif self.keep_background is True:
            raise RequestError(
                f"'keep_background' must not be True where 'background' is given (got {self.background.value!r}); "
                "leave one of them out"
            )
        else:
            object.__setattr__(self, "keep_background", False)  # frozen: the one value that follows from another


def _read_result(data: Mapping[str, Any], facts: TaskFacts) -> GeneratedImages | None:
    """Read `data.taskResult`; the field table and the sample name the link differently, so all names are taken."""
    found: object = next((data[name] for name in ("taskResult", "task_result", "TaskResult") if data.get(name)), [])
    rows = reading.read_json_text(found)
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list):
        raise reading.UnreadableValueError(f"expected a list, got {type(rows).__name__} @ $.data.taskResult")
    images = [image for number, row in enumerate(rows) for image in _read_row(row, f"$.data.taskResult[{number}]")]
    if not images:
        return None
    return GeneratedImages(
        images=tuple(images), task_id=facts.task_id, request_id=facts.request_id, token=facts.token, name=facts.name
    )


_LINK_NAMES: Final = ("url", "imageUrl", "imageUrlList")


def _read_row(row: object, path: str) -> list[GeneratedImage]:
    if isinstance(row, str):
        row = {"url": row}
    if not isinstance(row, dict):
        raise reading.UnreadableValueError(f"expected an object, got {type(row).__name__} @ {path}")
    known = [name for name in _LINK_NAMES if name in row]
    if not known:
        raise reading.UnreadableValueError(f"expected one of {', '.join(_LINK_NAMES)} @ {path}")
    links = reading.read_json_text(next((row[name] for name in known if row[name]), []))
    links = links if isinstance(links, list) else [links]
    sides = {"width_px": _side(row.get("width")), "height_px": _side(row.get("height"))}
    # An empty link is a picture that was not made; fewer pictures than asked for are a success with fewer.
    return [reading.read_value({"url": link, **sides}, GeneratedImage, path) for link in links if link]


def _side(value: object) -> int | None:
    """Return a side's pixels, `None` where it cannot be read: that must not cost a picture that is paid."""
    try:
        return reading.read_value(value, int, "$")
    except reading.UnreadableValueError:
        return None


_NAMES: Final = {
    "image_style": "imageStyle",
    "model": "model",
    "gender": "gender",
    "age": "age",
    "keep_background": "maskKeepbg",
    "background": "bgStyle",
    "count": "count",
    "dimension": "dimension",
}

MODEL_ALTERNATION: Final = Operation(
    name="model-alternation",
    request_type=ModelAlternation,
    submit_path=gateway.MODEL_ALTERNATION_SUBMIT_PATH,
    query_path=gateway.MODEL_ALTERNATION_QUERY_PATH,
    dialects={
        WireFormat.DOCUMENTED: Dialect(
            names=_NAMES,
            image_url="imageUrl",
            image_base64="imageBase64",
            wrapper="requestParams",
            known_values={"model": gateway.DOCUMENTED_MODELS},
        ),
        WireFormat.FLAT: Dialect(
            names={**_NAMES, "keep_background": "maskKeepBg"},
            image_url="imageUrl",
            image_base64="imageBase64",
            scalars_as_text=True,
            known_values={"model": gateway.FLAT_MODELS},
        ),
    },
    image_of=lambda request: request.image,
    picture_count=lambda request: request.count or gateway.COUNT_DEFAULT,
    workload=lambda request: (
        request.count or gateway.COUNT_DEFAULT,
        request.dimension or gateway.DIMENSION_DEFAULT_PX,
    ),
    read_result=_read_result,
)
