"""
The HTTP API as an OpenAPI 3.1 document, written by hand, because it is a promise and not a by-product.

`tests/integrations/test_openapi.py` holds it to the routes and to what they answer.
"""

from collections.abc import Collection
from typing import Any, Final

from aidge_async.integrations.asgi._openapi_schemas import ID, schemas
from aidge_async.integrations.asgi._shelf import MEDIA_TYPES
from aidge_async.integrations.asgi._tasks import PAGE_DEFAULT, PAGE_MOST

_NUMBER: Final = {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}
_NOTE: Final = (
    "All errors are problem documents (RFC 9457); `errors` names the fields that are wrong. "
    "Beside these paths lies a page: `/`, and its files, each served by its name."
)


def document(mount: str, models: Collection[str]) -> dict[str, Any]:
    """
    Return the document of an application.

    Args:
        mount: The path under which it is mounted.
        models: What may be asked for as the model.
    """
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pictures by aidge-async", "version": "1", "description": _NOTE},
        "servers": [{"url": mount or "/"}],
        "paths": _PATHS,
        "components": {"schemas": schemas(models), "responses": _PROBLEMS, "parameters": _PARAMETERS},
    }


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


def _problem(description: str, *, again: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": description,
        "content": {"application/problem+json": {"schema": _ref("schemas", "Problem")}},
    }
    return {**found, "headers": {"Retry-After": _AGAIN}} if again else found


_AGAIN: Final = _header("Seconds after which to ask again.", "integer")
_PROBLEMS: Final = {
    "400": _problem("The message cannot be read, or its `Host` is not served here."),
    "401": _problem("Who asks is not known."),
    "403": _problem("A page of another origin asks."),
    "404": _problem("This principal has nothing of that name."),
    "405": _problem("The path knows other methods."),
    "408": _problem("The body did not arrive in time."),
    "413": _problem("The body is too heavy."),
    "415": _problem("The body is of another type."),
    "422": _problem("A field is wrong, or the idempotency key was used for another request."),
    "429": _problem("Too many tasks wait, or too many uploads or event streams of yours are open.", again=True),
    "500": _problem("A bug of the server."),
    "503": _problem("The server is being stopped, or cannot record anything; nothing was bought.", again=True),
}
_PARAMETERS: Final = {
    "id": {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": ID,
    },
    "n": {
        "name": "n",
        "in": "path",
        "required": True,
        "description": "From 1; 0 is the photo that was sent.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "download": {
        "name": "download",
        "in": "query",
        "description": "1: as a file to be saved.",
        "schema": {"type": "string", "enum": ["1"]},
    },
    "limit": {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": PAGE_MOST, "default": PAGE_DEFAULT},
    },
    "before": {
        "name": "before",
        "in": "query",
        "description": "The cursor `next` of the page before.",
        "schema": _NUMBER,
    },
    "idempotency_key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key is one task, whoever of this principal sends it how often.",
        "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
    },
    "if_none_match": {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}},
    "last_event_id": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "Go on behind this event; browsers send it by themselves.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
    },
}


def _operation(
    name: str,
    summary: str,
    *,
    answers: dict[str, Any],
    problems: str = "",
    parameters: str = "",
    **more: Any,
) -> dict[str, Any]:
    """Return one operation; every one may also meet what stands before the door."""
    codes = sorted({"400", "401", "500", *problems.split()})
    found = {
        "operationId": name,
        "summary": summary,
        "responses": {**answers, **{code: _ref("responses", code) for code in codes}},
        **more,
    }
    if parameters:
        found["parameters"] = [_ref("parameters", parameter) for parameter in parameters.split()]
    return found


_TASK: Final = _ref("schemas", "Task")
_STREAM: Final = {
    "200": {
        "description": (
            "Server-sent events: `id` is a number of the journal, `event` is `task` with the task as it stands now, "
            "or `bye` when the server stops; then come back with `Last-Event-ID`."
        ),
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
_PICTURE: Final = {"schema": {"type": "string", "contentEncoding": "binary"}}
_PICTURE_CONTENT: Final = dict.fromkeys(MEDIA_TYPES.values(), _PICTURE)

_PATHS: Final[dict[str, Any]] = {
    "/tasks": {
        "get": _operation(
            "listTasks",
            "List your tasks, the newest first.",
            answers={
                "200": {
                    "description": "A page.",
                    "headers": {"Link": _header("The next page, where there is one.")},
                    "content": _json(_ref("schemas", "TaskPage")),
                }
            },
            problems="422 503",
            parameters="limit before",
        ),
        "post": _operation(
            "createTask",
            "Ask for pictures; each is paid.",
            answers={
                "202": {
                    "description": "It is recorded and will be submitted, whatever happens to the server.",
                    "headers": {"Location": _header("The task."), "Retry-After": _AGAIN},
                    "content": _json(_TASK),
                }
            },
            problems="403 408 413 415 422 429 503",
            parameters="idempotency_key",
            requestBody={
                "required": True,
                "content": {
                    "multipart/form-data": {"schema": _ref("schemas", "TaskForm")},
                    "application/json": {"schema": _ref("schemas", "TaskRequest")},
                },
            },
        ),
    },
    "/tasks/{id}": {
        "get": _operation(
            "readTask",
            "Look at a task.",
            answers={
                "200": {
                    "description": "As it stands.",
                    "headers": {"ETag": _header("Of this state."), "Retry-After": _AGAIN},
                    "content": _json(_TASK),
                },
                "304": {"description": "It stands as `If-None-Match` says."},
            },
            problems="404 503",
            parameters="id if_none_match",
        ),
        "delete": _operation(
            "forgetTask",
            "Show a task no more. It is not cancelled: the gateway has no cancel, and it may be billed.",
            answers={"200": {"description": "It is shown no more.", "content": _json(_ref("schemas", "Forgotten"))}},
            problems="403 404 503",
            parameters="id",
        ),
    },
    "/tasks/{id}/events": {
        "get": _operation(
            "watchTask",
            "Watch a task to its end.",
            answers={**_STREAM, "204": {"description": "It is at its end, and all of it was shown; do not come back."}},
            problems="403 404 429 503",
            parameters="id last_event_id",
        )
    },
    "/tasks/{id}/images/{n}": {
        "get": _operation(
            "readPicture",
            "Get a picture, or the photo that was sent.",
            answers={
                "200": {"description": "The picture.", "content": _PICTURE_CONTENT},
                "206": {"description": "The part that `Range` asks for.", "content": _PICTURE_CONTENT},
            },
            problems="404 503",
            parameters="id n download",
        )
    },
    "/events": {
        "get": _operation(
            "watchTasks",
            "Watch all your tasks.",
            answers=_STREAM,
            problems="403 429 503",
            parameters="last_event_id",
        )
    },
    "/about": {
        "get": _operation(
            "about",
            "What can be asked for here.",
            answers={"200": {"description": "Facts.", "content": _json(_ref("schemas", "About"))}},
        )
    },
    "/openapi.json": {
        "get": _operation(
            "openapi",
            "This document.",
            answers={"200": {"description": "OpenAPI 3.1.", "content": _json({"type": "object"})}},
        )
    },
}
