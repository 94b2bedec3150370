"""
Values from the wire: the gateway's JSON to ours, strict about text, tolerant of numbers written as text.

No API's own names come in here. An error names the path of the value it is about.
"""

import functools
import json
from typing import TypeVar

import cattrs
from cattrs.v import format_exception, transform_error

ValueT = TypeVar("ValueT")


class UnreadableValueError(Exception):
    """Raised for a value of an answer that is not of its type; the text names its path: `$.data.taskResult[2].url`."""


def read_value(value: object, kind: type[ValueT], path: str) -> ValueT:
    """
    Return *value* as *kind*; text must be text, a whole number may come as text.

    Raises:
        UnreadableValueError: It is of another shape; the message names the path below *path*.
    """
    try:
        return _reader().structure(value, kind)
    except (cattrs.BaseValidationError, ValueError, TypeError, KeyError) as exc:
        faults = transform_error(exc, path=path, format_exception=_fault)
        raise UnreadableValueError("; ".join(faults[:3])) from exc


def read_json_text(value: object) -> object:
    """Return the value of a JSON text, and anything that is no JSON text unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _fault(exc: BaseException, kind: type | None) -> str:
    return str(exc) if isinstance(exc, _ShapeError) else format_exception(exc, kind)


class _ShapeError(ValueError):
    """Raised by the strict hooks, in words that `transform_error` puts a path behind."""


def _strict_text(value: object, _: type) -> str:
    if isinstance(value, str):
        return value
    raise _ShapeError(f"expected text, got {type(value).__name__}")


def _whole_number(value: object, _: type) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:  # noqa: PLR2004  pixels
        return int(value)
    raise _ShapeError(f"expected a whole number, got {str(value)[:40]!r}")


@functools.cache
def _reader() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_structure_hook(str, _strict_text)
    converter.register_structure_hook(int, _whole_number)
    return converter
