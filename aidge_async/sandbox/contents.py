"""
Reads the content of a call, JSON or form, into fields; whatever a caller may send ends in fields or in one sentence.

What a field means is the business of `rules.py`. Deliberately not the client's codec.
"""

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "application/x-www-form-urlencoded"

_LONGEST_NUMBER: Final = 18  # digits; more is no count, no dimension, and past 4,300 int() itself gives up
_MOST_FORM_FIELDS: Final = 64  # the longest documented call has eleven
_MOST_SHOWN: Final = 60  # characters of a wrong value that a message repeats

Fields = Mapping[str, object]


class UnreadableError(Exception):
    """Raised when a content is neither JSON nor a form in the sense of this module; the message says why."""


def media_type(content_type: str) -> str:
    """Return the media type of a Content-Type field, without parameters and in lower case."""
    return content_type.partition(";")[0].strip().lower()


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UnreadableError(f"the field {twice[:_MOST_SHOWN]!r} is there twice")
    for name, value in pairs:
        if not (_is_unicode(name) and (not isinstance(value, str) or _is_unicode(value))):
            raise UnreadableError(f"the field {name[:_MOST_SHOWN]!r} holds half a surrogate pair")
    return fields


def _is_unicode(text: str) -> bool:
    # JSON can spell half a pair; it could neither be signed nor written anywhere.
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise UnreadableError(f"a number has {len(digits)} digits")
    return int(digits)


def _constant(name: str) -> object:
    raise UnreadableError(f"{name} is not JSON")


def read_json(text: str) -> object:
    """
    Return what JSON *text* says.

    Raises:
        UnreadableError: It is not JSON, says a name twice, nests without end, or holds a number beyond reason.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_int=_integer, parse_constant=_constant)
    except RecursionError:
        raise UnreadableError("it nests too deeply") from None
    except ValueError as error:
        raise UnreadableError(f"it is not JSON: {error}") from None


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is not UTF-8: byte {error.start} is 0x{content[error.start]:02x}") from None


def read_form(text: str) -> dict[str, object]:
    """
    Return the fields of a form or a query string.

    Raises:
        UnreadableError: A name is there twice, there are far too many, or an escape is not UTF-8.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FORM_FIELDS)
    except ValueError as error:
        raise UnreadableError(f"it is not a form: {error}") from None
    return _unique(list(pairs))


def read_fields(content_type: str, content: bytes) -> Fields:
    """
    Return the top-level fields of a call's content; none where it is empty.

    Raises:
        UnreadableError: The content cannot be read, or is JSON other than an object.
    """
    if not content:
        return {}
    text = _text(content)
    if media_type(content_type) == FORM_TYPE:
        return read_form(text)
    fields = read_json(text)
    if not isinstance(fields, dict):
        raise UnreadableError("it is JSON, but not an object")
    return fields


def read_list(content: bytes) -> list[Fields]:
    """
    Return the objects of a JSON content that is one, or a list of them.

    Raises:
        UnreadableError: The content is neither.
    """
    value = read_json(_text(content))
    listed: list[object] = value if isinstance(value, list) else [value]
    objects: list[Fields] = [element for element in listed if isinstance(element, dict)]
    if len(objects) < len(listed):
        raise UnreadableError("it is JSON, but neither an object nor a list of objects")
    return objects


def as_text(value: object) -> str:
    """Return a field as the text under which the classic signature covers it."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def shown(value: object) -> str:
    """Return *value* as a message may show it: short, and telling text from numbers."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, str):
        return repr(value if len(value) <= _MOST_SHOWN else value[: _MOST_SHOWN - 3] + "...")
    return json.dumps(value)
