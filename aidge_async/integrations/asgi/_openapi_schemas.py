"""
The values of the HTTP API as JSON schemas (2020-12, as OpenAPI 3.1 has them).

Choices are the library's own, so that they cannot differ from what is checked.
"""

from collections.abc import Collection
from typing import Any, Final

from aidge_async import Age, Background, Gender, ImageStyle
from aidge_async.journal import State

_TEXT: Final = {"type": "string"}
ID: Final = {"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"}
_MAYBE_TEXT: Final = {"type": ["string", "null"]}
_DATE: Final = {"type": "string", "format": "date-time"}
_NATURAL: Final = {"type": "integer", "minimum": 0}


def _one_of(kind: Any) -> dict[str, Any]:  # noqa: ANN401  any enumeration
    return {"type": "string", "enum": [member.value for member in kind]}


def _object(properties: dict[str, Any], *, optional: tuple[str, ...] = (), closed: bool = True) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": not closed,
    }


_CHOICES: Final[dict[str, Any]] = {
    "gender": _one_of(Gender),
    "age": _one_of(Age),
    "background": {**_one_of(Background), "description": "Replaces it; not together with `keep_background: true`."},
    "keep_background": {"type": "boolean", "description": "`false` needs a `background`."},
    "count": {"type": "integer", "minimum": 1, "maximum": 4, "description": "Pictures; each is paid."},
    "dimension": {"type": "integer", "minimum": 512, "maximum": 2048, "description": "Their short side in pixels."},
    "image_style": _one_of(ImageStyle),
}

_PHOTO: Final = {
    "type": "string",
    "contentMediaType": "application/octet-stream",
    "description": "JPEG, PNG, BMP or WEBP of at most 4 MB.",
}
_LINK: Final = {"type": "string", "format": "uri", "description": "http(s); the gateway fetches it."}


def schemas(models: Collection[str]) -> dict[str, Any]:
    """Return the schemas where *models* may be asked for."""
    wishes = {"model": {"type": "string", "enum": list(models)}, **_CHOICES}
    return {
        **_ANSWERS,
        "TaskForm": _object({"image": _PHOTO, **wishes}, optional=tuple(_CHOICES)),
        "TaskRequest": _object({"image_url": _LINK, **wishes}, optional=tuple(_CHOICES)),
    }


_ANSWERS: Final[dict[str, Any]] = {
    "Task": _object(
        {
            "id": ID,
            "state": _one_of(State),
            "name": {**_MAYBE_TEXT, "description": "What the photo's file is called."},
            "request": {"type": "object", "description": "What was asked for, without the picture."},
            "pictures": {**_NATURAL, "description": "How many were asked for."},
            "images": {"type": "array", "items": _object({"n": {"type": "integer", "minimum": 1}, "href": _TEXT})},
            "original": {**_MAYBE_TEXT, "description": "Where the photo is that was sent."},
            "saved": {"type": "boolean", "description": "Whether all its pictures are here."},
            "done": {"type": "boolean", "description": "Whether nothing more is to be expected."},
            "reason": {**_MAYBE_TEXT, "description": "Why it failed, was refused, or is in doubt."},
            "billable": {
                "type": "string",
                "enum": ["no", "yes", "unknown"],
                "description": "A refusal by the codes 1001 and 1002 is `unknown`, as a failure and a doubt are.",
            },
            "created_at": _DATE,
            "changed_at": _DATE,
            "seq": {
                **_NATURAL,
                "description": "The journal's number of its first change: the order of tasks, and no event's id.",
            },
            "links": _object({"self": _TEXT, "events": _TEXT}),
        }
    ),
    "TaskPage": _object(
        {
            "tasks": {"type": "array", "items": {"$ref": "#/components/schemas/Task"}},
            "next": {"type": ["integer", "null"], "description": "The cursor of the next page; null: there is none."},
        }
    ),
    "Forgotten": _object({"id": _TEXT, "detail": _TEXT}),
    "About": _object(
        {
            "sandbox": {"type": "boolean", "description": "Whether pictures are emulated and nothing is paid."},
            "max_waiting": {"type": "integer"},
            "image": _object({"most_bytes": _NATURAL, "types": {"type": "array", "items": _TEXT}}),
            "choices": {"type": "object"},
            "defaults": {"type": "object"},
        }
    ),
    "Problem": _object(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "instance": _TEXT,
            "errors": {"type": "array", "items": _object({"field": _TEXT, "detail": _TEXT})},
        },
        optional=("instance", "errors"),
        closed=False,
    ),
}
