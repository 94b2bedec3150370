"""
The application: routes and what stands before them.

It has no lifespan of its own, because servers tell only the outermost application when they start and stop.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aidge_async import SettingsError
from aidge_async.integrations.asgi._access import (
    LOOPBACK_HOSTS,
    Authenticate,
    Door,
    Hosts,
    allowed_host,
    allowed_origin,
)
from aidge_async.integrations.asgi._desk import House, desk_of
from aidge_async.integrations.asgi._mount import MountedApp
from aidge_async.integrations.asgi._openapi import document
from aidge_async.integrations.asgi._page import about, models_of, page_routes
from aidge_async.integrations.asgi._pictures import picture
from aidge_async.integrations.asgi._problems import HANDLERS
from aidge_async.integrations.asgi._shelf import Shelf
from aidge_async.integrations.asgi._streams import all_events, task_events
from aidge_async.integrations.asgi._tasks import forget, listing, one, submit

# Some four minutes of submits at the default rate, and at most 2 GB of photos in the spool.
_MOST_WAITING: Final = 500
# A tenth of the places, so that one with slow bodies leaves some to others; the page needs three and a stream a tab.
_MOST_OPEN: Final = 50


def tasks_app(
    *,
    folder: str | Path,
    authenticate: Authenticate | None = None,
    allow_anonymous: bool = False,
    max_waiting: int = _MOST_WAITING,
    max_open: int = _MOST_OPEN,
    allowed_hosts: Collection[str] = LOOPBACK_HOSTS,
    allowed_origins: Collection[str] = (),
) -> Starlette:
    """
    Return an application with a page and an HTTP API for tasks, to be mounted anywhere.

    It works with the client of `lifespan`, which must have a `journal=`.

    Args:
        folder: Where the pictures of tasks are saved, each task in a folder of its own; made if need be. All processes
            that share the journal must have the same.
        authenticate: Tells from a request who asks: any text that stands for one person or account, or `None` for
            nobody. A coroutine function, or a plain one, which is called in a worker thread.
        allow_anonymous: Whether whoever reaches this may buy and see everything, as one and the same principal.
        max_waiting: Tasks that may wait to be submitted; one more is answered with 429.
        max_open: Uploads on their way in, and event streams, that one principal may have open at the same time in each
            process; one more is answered with 429. With `allow_anonymous` all share the one principal, and none has a
            share of its own.
        allowed_hosts: Names under which this is reached, without ports; by default those of this machine.
        allowed_origins: Origins beside its own whose pages may ask, as `https://shop.example.com`.

    Raises:
        SettingsError: Nobody said who may come in, or a value is of the wrong form.
    """
    if (authenticate is None) != allow_anonymous:
        raise SettingsError(
            "tasks_app needs 'authenticate', which tells from a request who asks, or 'allow_anonymous=True' where "
            "everybody who reaches it may buy; give one of them"
        )
    _check_number("max_waiting", "tasks", max_waiting)
    _check_number("max_open", "uploads and of streams", max_open)
    hosts = [allowed_host(host) for host in allowed_hosts]
    origins = [allowed_origin(origin) for origin in allowed_origins]
    app = MountedApp(
        routes=[*page_routes(), *api_routes()],
        middleware=[
            Middleware(Hosts, hosts=hosts),
            *([_cors(origins)] if origins else []),
            Middleware(Door, authenticate=authenticate, origins=origins),
        ],
        exception_handlers=HANDLERS,
    )
    app.router.redirect_slashes = False  # an address has one spelling
    app.state.house = House(
        shelf=Shelf(Path(folder).expanduser().absolute()),
        max_waiting=max_waiting,
        max_open=None if authenticate is None else max_open,
    )
    return app


def api_routes() -> list[Route]:
    """Return the routes of the HTTP API; `_openapi.py` describes the same."""
    return [
        Route("/about", about, methods=["GET"]),
        Route("/tasks", listing, methods=["GET"]),
        Route("/tasks", submit, methods=["POST"]),
        Route("/tasks/{id}", one, methods=["GET"]),
        Route("/tasks/{id}", forget, methods=["DELETE"]),
        Route("/tasks/{id}/events", task_events, methods=["GET"]),
        Route("/tasks/{id}/images/{n}", picture, methods=["GET"]),
        Route("/events", all_events, methods=["GET"]),
        Route("/openapi.json", _openapi, methods=["GET"]),
    ]


def _check_number(name: str, what: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingsError(f"{name!r} must be a whole number of {what} from 1 (got {value!r}); change it")


async def _openapi(request: Request) -> Response:
    desk = desk_of(request)
    return JSONResponse(document(desk.mount, models_of(desk.client)))


def _cors(origins: Collection[str]) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID"],
        expose_headers=["ETag", "Link", "Location", "Retry-After"],
        allow_credentials=True,
    )
