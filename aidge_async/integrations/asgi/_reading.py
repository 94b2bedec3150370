"""
Reads what somebody wants from a form or from JSON, no further than a photo may weigh.

What a value may be is the library's matter; here only the forms' text becomes numbers and flags.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, Final

import anyio
import attrs
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive

from aidge_async import ModelAlternation, RequestError
from aidge_async.integrations.asgi._problems import ProblemError, wrong_field

PHOTO_MOST_BYTES: Final = 4 * 1024 * 1024
"""The heaviest photo that the gateway may take, in the lenient reading of "4 MB"."""
_FORM_MOST_BYTES: Final = PHOTO_MOST_BYTES + 64 * 1024  # some fields, and the lines between the parts
_JSON_MOST_BYTES: Final = 64 * 1024
_FIELD_MOST_BYTES: Final = 8 * 1024
_HELD_BYTES: Final = 64 * 1024  # of a photo in memory while others are written; the rest is in a file without a name
_NAME_MOST: Final = 200  # characters of a file's name; it is only shown
_READ_WITHIN: Final = 60.0  # seconds for a whole body: 4 MB at 70 kB/s
_UTF_8: Final = frozenset({b"utf-8", b"utf8"})
_DIGITS: Final = re.compile(r"-?[0-9]{1,9}")
_FLAGS: Final = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
_VALUES: Final = frozenset(field.name for field in attrs.fields(ModelAlternation)) - {"image"}
_NUMBERS: Final = frozenset({"count", "dimension"})
_LINK_RULE: Final = "'image_url' must be an absolute http(s) URL; upload a file as a form otherwise"
_NAMED_FIELD: Final = re.compile(r"'(\w+)'")


@attrs.frozen(kw_only=True)
class Wanted:
    """
    Hold what somebody wants.

    Args:
        request: The request, which breaks no rule that can be seen without its picture.
        name: What the photo's file is called there.
        image_field: What the picture's field is called there.
    """

    request: ModelAlternation
    name: str | None
    image_field: str

    @property
    def photo(self) -> bytes | None:
        """Return the photo as it was sent; `None`: a URL was."""
        return self.request.image if isinstance(self.request.image, bytes) else None


@attrs.frozen(kw_only=True)
class Sent:
    """
    Hold a body that was read whole; a photo still lies in a file, so that many may wait for their turn.

    Args:
        image: The photo, or a link.
        values: The other fields.
        name: What the photo's file is called there.
        image_field: What the picture's field is called there.
    """

    image: UploadFile | str
    values: Mapping[str, Any]
    name: str | None
    image_field: str

    async def wanted(self) -> Wanted:
        """
        Return what is wanted, with the photo in memory.

        Raises:
            ProblemError: A value breaks a rule.
        """
        image = self.image if isinstance(self.image, str) else await self.image.read()
        request = _request(self.image_field, image, self.values)
        return Wanted(request=request, name=self.name, image_field=self.image_field)

    async def aclose(self) -> None:
        """Throw the file away."""
        if not isinstance(self.image, str):
            await self.image.close()


async def read_sent(request: Request) -> Sent:
    """
    Read the body of *request*.

    Raises:
        ProblemError: It is too heavy, too slow, of another type or with other fields; it names the field.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a compressed body is not taken; send it plain")
    readers: dict[str, Callable[[Request], Awaitable[Sent]]] = {
        "multipart/form-data": _from_form,
        "application/json": _from_json,
    }
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    reader = readers.get(kind)
    if reader is None:
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send one of {', '.join(readers)}")
    with anyio.move_on_after(_READ_WITHIN):
        return await reader(request)
    detail = f"the body did not arrive within {_READ_WITHIN:g} seconds; try again"
    raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, detail)


def problem_of(error: RequestError, image_field: str) -> ProblemError:
    """Return the problem of an error of the library, at the field it names; whatever else it names is the picture."""
    found = _NAMED_FIELD.match(str(error))
    name = found[1] if found else ""
    if name == "image" and image_field == "image_url":
        return wrong_field(image_field, _LINK_RULE)  # the library's sentence repeats the link, which may be signed
    field = name if name in _VALUES else image_field
    return wrong_field(field, str(error).replace("'image'", f"'{image_field}'"))


class _Parser(MultiPartParser):
    spool_max_size = _HELD_BYTES


async def _from_form(request: Request) -> Sent:
    _, parameters = parse_options_header(request.headers["content-type"])
    if parameters.get(b"charset", b"utf-8").lower() not in _UTF_8:
        # Starlette would decode by any codec of Python's; some raise what it does not expect (1.10).
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a form must be UTF-8, as browsers send it")
    stream = _bounded(request, _FORM_MOST_BYTES).stream()
    parser = _Parser(request.headers, stream, max_files=1, max_fields=len(_VALUES), max_part_size=_FIELD_MOST_BYTES)
    try:
        async with aclosing(stream):
            form = await parser.parse()
    except MultiPartException as exc:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the form cannot be read ({exc.message}); correct it") from None
    try:
        return _sent(form.multi_items())
    except BaseException:
        await form.close()
        raise


def _sent(items: Sequence[tuple[str, UploadFile | str]]) -> Sent:
    given = dict(items)
    _refuse_unknown(given, {"image"})
    if len(given) < len(items):
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "a field is given twice; send each once")
    image = given.pop("image", None)
    if not isinstance(image, UploadFile):
        raise wrong_field("image", "'image' must be a file; choose a photo")
    if (image.size or 0) > PHOTO_MOST_BYTES:
        raise _too_heavy()
    texts = {name: _text(name, value) for name, value in given.items()}
    values = {name: _value(name, text) for name, text in texts.items() if text}
    return Sent(image=image, values=values, name=_name(image.filename), image_field="image")


def _text(name: str, value: UploadFile | str) -> str:
    if isinstance(value, UploadFile):
        raise wrong_field(name, f"{name!r} must be text (got a file)")
    return value.strip()


def _value(name: str, text: str) -> object:
    """Return a form's text as what it may stand for; what it cannot stand for is left to be complained about."""
    if name in _NUMBERS and _DIGITS.fullmatch(text):
        return int(text)
    if name == "keep_background":
        return _FLAGS.get(text.lower(), text)
    return text


async def _from_json(request: Request) -> Sent:
    content = await _bounded(request, _JSON_MOST_BYTES).body()
    try:
        given = json.loads(content)
    except (ValueError, RecursionError):
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body is not JSON; correct it") from None
    if not isinstance(given, dict):
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "the body must be a JSON object; correct it")
    _refuse_unknown(given, {"image_url"})
    link = given.pop("image_url", None)
    if not isinstance(link, str):
        raise wrong_field("image_url", _LINK_RULE)
    name = _name(link.partition("?")[0].rpartition("/")[2])
    return Sent(image=link, values=given, name=name, image_field="image_url")


def _refuse_unknown(given: Mapping[str, object], more: set[str]) -> None:
    unknown = sorted(set(given) - _VALUES - more)
    if unknown:
        shown = unknown[0][:40]
        raise wrong_field(shown, f"{shown!r} is no field; the fields are {', '.join(sorted(_VALUES | more))}")


def _request(image_field: str, image: bytes | str, values: Mapping[str, Any]) -> ModelAlternation:
    try:
        return ModelAlternation(image=image, **{"model": None, **values})
    except RequestError as exc:
        raise problem_of(exc, image_field) from None
    except (TypeError, ValueError) as exc:  # JSON has values that no field expects
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"a value is of the wrong type ({exc})") from None


def _name(text: str | None) -> str | None:
    """Return what a file is called, without folders and without what would steer a terminal."""
    last = (text or "").replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in last if letter.isprintable())[:_NAME_MOST]
    return shown or None


def _bounded(request: Request, most: int) -> Request:
    """Return *request* with a body that ends in a problem once it is heavier than *most* bytes."""
    told = request.headers.get("content-length", "")
    if told.isascii() and told.isdecimal() and (len(told) > len(str(most)) or int(told) > most):
        raise _heavier_than(most)
    return Request(request.scope, _counted(request.receive, most))


def _counted(receive: Receive, most: int) -> Receive:
    left = most

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _heavier_than(most)
        return message

    return counted


def _heavier_than(most: int) -> ProblemError:
    if most >= PHOTO_MOST_BYTES:
        return _too_heavy()
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body must be at most {most:,} bytes; send less")


def _too_heavy() -> ProblemError:
    detail = f"the gateway takes photos of at most 4 MB ({PHOTO_MOST_BYTES:,} bytes); save it smaller"
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, fields=[("image", detail)])
