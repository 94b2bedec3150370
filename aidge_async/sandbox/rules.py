"""
The documented rules of Virtual Model Alternation, in both dialects: fields in, a submission or every broken rule out.

Written from the reference page and never from the client's codec. Nothing is fetched, drawn or remembered here.
"""

import difflib
import re
from typing import Final
from urllib.parse import urlsplit

from aidge_async._core import gateway
from aidge_async.sandbox.contents import Fields, UnreadableError, read_json, shown
from aidge_async.sandbox.photo import Photo, PhotoError, decode_base64, look
from aidge_async.sandbox.submission import DOCUMENTED, FLAT, Dialect, Submission

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,9}")
_LONGEST_URL: Final = 8192  # no rule of the page; every task keeps its URL, so there has to be one
_FLAGS: Final = {"true": True, "false": False}


class InvalidInputError(Exception):
    """Raised when a call breaks rules of the reference page; *problems* has a sentence for each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read_submission(fields: Fields, *, shape: str | None) -> Submission:
    """
    Return the submission that the top-level *fields* of a call make.

    Args:
        fields: As `contents.read_fields` gives them.
        shape: The dialect that this account takes; `None` takes the one that is recognised by `requestParams`.

    Raises:
        InvalidInputError: With every broken rule, not only the first.
    """
    if shape == DOCUMENTED.name or (shape is None and "requestParams" in fields):
        return _Reading(_unwrap(fields), DOCUMENTED).submission()
    return _Reading(fields, FLAT).submission()


def read_task_id(fields: Fields) -> str:
    """
    Return the task id that a query asks after.

    Raises:
        InvalidInputError: It is missing, not text, or not alone.
    """
    problems = _strangers(fields, known=("taskId",), prefix="")
    task_id = fields.get("taskId")
    if task_id in (None, ""):
        problems.append("taskId is required")
    elif not isinstance(task_id, str):
        problems.append(f"taskId must be text (got {shown(task_id)})")
    if problems or not isinstance(task_id, str):
        raise InvalidInputError(*problems)
    return task_id


def _unwrap(fields: Fields) -> Fields:
    problems = _strangers(fields, known=("requestParams",), prefix="")
    wrapped = fields.get("requestParams")
    if wrapped in (None, ""):
        raise InvalidInputError("requestParams is required", *problems)
    if isinstance(wrapped, str):
        try:
            wrapped = read_json(wrapped)
        except UnreadableError as error:
            raise InvalidInputError(f"requestParams must be a JSON array, but {error}", *problems) from None
    if not isinstance(wrapped, list) or len(wrapped) != 1:
        rule = "requestParams must be an array of exactly one element, one submit an image"
        raise InvalidInputError(f"{rule} (got {shown(wrapped)})", *problems)
    if not isinstance(wrapped[0], dict):
        raise InvalidInputError(f"requestParams[0] must be an object (got {shown(wrapped[0])})", *problems)
    if problems:
        raise InvalidInputError(*problems)
    return wrapped[0]


def _strangers(fields: Fields, *, known: tuple[str, ...], prefix: str) -> list[str]:
    # The real gateway may ignore them; a tester wants to hear of a misspelt field.
    problems = []
    for name in fields:
        if name not in known:
            near = difflib.get_close_matches(name[:60], known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append(f"{prefix}{name[:60]} is no field of this API{hint}")
    return problems[:5]


class _Reading:
    """Read one element's fields, collecting every broken rule on the way."""

    def __init__(self, fields: Fields, dialect: Dialect) -> None:
        # Empty text counts as absent: the classic signature skips it, so a form cannot tell the two apart.
        self._fields = {name: value for name, value in fields.items() if value not in (None, "")}
        self._dialect = dialect
        self._problems: list[str] = []

    def submission(self) -> Submission:
        names = ("imageUrl", "imageBase64", "imageStyle", "model", "gender", "age", self._dialect.flag, "bgStyle")
        self._problems = _strangers(self._fields, known=(*names, "count", "dimension"), prefix=self._dialect.prefix)
        image, photo, url = self._image()
        self._choice("imageStyle", gateway.IMAGE_STYLES, required=True)
        model = self._choice("model", tuple(self._dialect.models), required=True)
        read = {
            "gender": self._choice("gender", gateway.GENDERS),
            "age": self._choice("age", gateway.AGES),
            "background": self._background(),
        }
        count = self._whole("count", gateway.COUNT_LEAST, gateway.COUNT_MOST, gateway.COUNT_DEFAULT)
        least, most = gateway.DIMENSION_LEAST_PX, gateway.DIMENSION_MOST_PX
        dimension = self._whole("dimension", least, most, gateway.DIMENSION_DEFAULT_PX)
        if self._problems or model is None:
            raise InvalidInputError(*self._problems)
        return Submission(
            dialect=self._dialect,
            image=image,
            photo=photo,
            image_url=url,
            model=self._dialect.models[model],
            count=count,
            dimension=dimension,
            **read,
        )

    def _complain(self, name: str, rule: str) -> None:
        self._problems.append(f"{self._dialect.prefix}{name} {rule}")

    def _choice(self, name: str, allowed: tuple[str, ...], *, required: bool = False) -> str | None:
        value = self._fields.get(name)
        words = allowed[0] if len(allowed) == 1 else "one of " + ", ".join(allowed)
        if value is None:
            if required:
                self._complain(name, f"is required: {words}")
            return None
        if isinstance(value, str) and value in allowed:
            return value
        self._complain(name, f"must be {words} (got {shown(value)})")
        return None

    def _flag(self, name: str, *, default: bool) -> bool:
        value = self._fields.get(name, default)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in _FLAGS:
            return _FLAGS[value.lower()]
        self._complain(name, f"must be true or false (got {shown(value)})")
        return default

    def _whole(self, name: str, least: int, most: int, default: int) -> int:
        value = self._fields.get(name, default)
        number = _as_whole(value)
        if number is not None and least <= number <= most:
            return number
        self._complain(name, f"must be a whole number from {least} to {most} (got {shown(value)})")
        return default

    def _background(self) -> str | None:
        kept = self._flag(self._dialect.flag, default=True)
        background = self._choice("bgStyle", gateway.BACKGROUNDS)
        if kept:
            return None
        if "bgStyle" not in self._fields:
            words = ", ".join(gateway.BACKGROUNDS)
            self._complain("bgStyle", f"is required where {self._dialect.flag} is false: one of {words}")
        return background

    def _image(self) -> tuple[bytes | None, Photo | None, str | None]:
        if "imageBase64" in self._fields:
            return *self._base64(self._fields["imageBase64"]), None
        if "imageUrl" in self._fields:
            return None, None, self._url(self._fields["imageUrl"])
        prefix = self._dialect.prefix
        self._problems.append(f"one of {prefix}imageUrl and {prefix}imageBase64 is required")
        return None, None, None

    def _url(self, value: object) -> str | None:
        try:
            parts = urlsplit(value if isinstance(value, str) and len(value) <= _LONGEST_URL else "")
            if parts.scheme in ("http", "https") and parts.hostname:
                return str(value)
        except ValueError:
            pass
        rule = f"must be an absolute http(s) URL of at most {_LONGEST_URL} characters"
        self._complain("imageUrl", f"{rule} (got {shown(value)})")
        return None

    def _base64(self, value: object) -> tuple[bytes | None, Photo | None]:
        try:
            content = decode_base64(value)
            return content, look(content)
        except PhotoError as error:
            self._complain("imageBase64", str(error))
            return None, None


def _as_whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else None
