"""
Values to the wire: the calls of an operation, to the byte.

What is written is told by an operation's data; no API's own names come in here, and nothing is sent. The way back is
`reading.py`'s.
"""

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import cattrs

from aidge_async._core.call import Call, Content
from aidge_async._core.operation import Dialect, Operation, ResultT_co, TaskRequest, WireFormat
from aidge_async.errors import RequestError

# Stands for an image's Base64 while the JSON round it is encoded. It is alphanumeric, as Base64 nearly is, so no level
# of JSON escapes it, and the text is split where it stood. No field can hold it: its letters are random.
_MARKER: Final = "aidgeImage7kQ2vX9mZ4tR8wB1nC6yD3sF5hJ0"


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


def text_of(request: TaskRequest[Any]) -> str:
    """Return `values_of` as JSON text, for a row."""
    return json.dumps(values_of(request), sort_keys=True)


def request_of(operation: Operation[ResultT_co], text: str, image: Path | bytes | str) -> TaskRequest[ResultT_co]:
    """
    Return the request that `text_of` wrote, with its *image*.

    Raises:
        RequestError: A value breaks a rule by now.
    """
    make: Callable[..., TaskRequest[ResultT_co]] = operation.request_type
    return make(**json.loads(text), image=image)


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


@functools.cache
def _writer() -> cattrs.Converter:
    return cattrs.Converter()
