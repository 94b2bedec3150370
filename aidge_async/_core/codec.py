"""
Values to the wire and back, through one cattrs converter a direction.

What is written and read is told by an operation's data; no API's own names come in here, and nothing is sent.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import cattrs
from cattrs.v import format_exception, transform_error

from aidge_async._core.call import Call, Content
from aidge_async._core.operation import Dialect, Operation, TaskRequest, WireFormat
from aidge_async.errors import RequestError

ValueT = TypeVar("ValueT")

# Stands for an image's Base64 while the JSON round it is encoded. It is alphanumeric, as Base64 nearly is, so no level
# of JSON escapes it, and the text is split where it stood. No field can hold it: its letters are random.
_MARKER: Final = "aidgeImage7kQ2vX9mZ4tR8wB1nC6yD3sF5hJ0"


class UnreadableValueError(Exception):
    """Raised for a value of an answer that is not of its type; the text names its path: `$.data.taskResult[2].url`."""


def write_submit(
    operation: Operation[Any], request: TaskRequest[Any], *, wire_format: WireFormat, image: str | bytes, trial: bool
) -> Call:
    """
    Return the call that submits *request*.

    Args:
        operation: The API.
        request: What the user wants.
        wire_format: The dialect the account takes.
        image: A URL, or the bytes that were looked at.
        trial: Whether to draw on the trial quota.

    Raises:
        RequestError: A value is not known in this dialect.
    """
    dialect = operation.dialects[wire_format]
    fields: dict[str, Any] = {dialect.image_url: image} if isinstance(image, str) else {dialect.image_base64: _MARKER}
    fields.update(_wire_fields(request, dialect, wire_format))
    body = {dialect.wrapper: _json([fields])} if dialect.wrapper else fields
    content = Content(_json(body).encode()) if isinstance(image, str) else _around(image, _json(body))
    return Call(kind="submit", path=operation.submit_path, content=content, trial=trial)


def write_query(operation: Operation[Any], task_id: str, *, trial: bool) -> Call:
    """Return the call that asks after a task."""
    parameters = {operation.query_id_field: task_id}
    if operation.query_method == "GET":
        return Call(kind="query", method="GET", path=operation.query_path, query=parameters, trial=trial)
    return Call(kind="query", path=operation.query_path, content=Content(_json(parameters).encode()), trial=trial)


def values_of(request: TaskRequest[Any]) -> dict[str, Any]:
    """Return a request's values as plain ones, without the image and what was left out."""
    values: dict[str, Any] = _writer().unstructure(request)
    return {name: value for name, value in values.items() if value is not None and name != "image"}


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


def _wire_fields(request: TaskRequest[Any], dialect: Dialect, wire_format: WireFormat) -> dict[str, Any]:
    values = values_of(request)
    for name, known in dialect.known_values.items():
        if name in values and values[name] not in known:
            raise RequestError(
                f"{name!r} must be one of {', '.join(known)} in the {wire_format.value} wire format "
                f"(got {values[name]!r}); choose one, or set the wire format your account takes"
            )
    wire = {dialect.names[name]: values[name] for name in dialect.names if name in values}
    return {name: _as_text(value) for name, value in wire.items()} if dialect.scalars_as_text else wire


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _around(image: bytes, text: str) -> Content:
    head, _, tail = text.partition(_MARKER)
    return Content(head.encode(), image, tail.encode())


def _json(value: Mapping[str, Any] | list[Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


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


@functools.cache
def _writer() -> cattrs.Converter:
    return cattrs.Converter()
