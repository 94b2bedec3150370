"""
The page, and what it is told about this place: files of the package, as they are, and a few facts.
"""

import json
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import PurePath
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aidge_async import Age, AidgeClient, Background, Gender, ModelAlternation
from aidge_async.integrations.asgi._access import PAGE_POLICY
from aidge_async.integrations.asgi._desk import desk_of
from aidge_async.integrations.asgi._reading import PHOTO_MOST_BYTES
from aidge_async.integrations.asgi._shelf import MEDIA_TYPES
from aidge_async.operations import operation_of

_INDEX: Final = "index.html"
_KINDS: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def page_routes() -> list[Route]:
    """Return the routes of the page's files, read once."""
    folder = files("aidge_async.integrations.asgi") / "page"
    found = {file.name: PurePath(file.name).suffix for file in folder.iterdir()}
    return [
        Route(
            "/" if name == _INDEX else f"/{name}",
            _file(folder.joinpath(name).read_bytes(), _KINDS[suffix]),
            methods=["GET"],
        )
        for name, suffix in sorted(found.items())
        if suffix in _KINDS
    ]


def _file(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}
        return Response(content, headers=headers, media_type=f"{media_type}; charset=utf-8")

    return answer


async def about(request: Request) -> Response:
    """Answer what a page has to know before it asks for anything."""
    desk = desk_of(request)
    return Response(json.dumps(_facts(desk.client, desk.house.max_waiting)), media_type="application/json")


def models_of(client: AidgeClient) -> list[str]:
    """Return the models that the client's dialect knows."""
    dialect = operation_of(_SAMPLE).dialects[client.settings.wire_format]
    return list(dialect.known_values["model"])


_SAMPLE: Final = ModelAlternation(image="https://example.com/look.jpg", model="any")


def _facts(client: AidgeClient, max_waiting: int) -> dict[str, Any]:
    return {
        # A gateway on this machine is the sandbox: base URLs without https are taken on loopback only.
        "sandbox": client.settings.on_loopback,
        "max_waiting": max_waiting,
        "image": {"most_bytes": PHOTO_MOST_BYTES, "types": sorted(MEDIA_TYPES.values())},
        "choices": {
            "model": models_of(client),
            "background": [background.value for background in Background],
            "gender": [gender.value for gender in Gender],
            "age": [age.value for age in Age],
            "count": [1, 4],
            "dimension": [512, 2048],
        },
        "defaults": {"model": models_of(client)[0], "count": 2, "dimension": 768},
    }
