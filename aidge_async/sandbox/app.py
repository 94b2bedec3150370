"""
The sandbox as one ASGI application: the gateway, the object store, the control plane and a sentence at `/`.

Routes and marks only. Every answer says that it comes from a sandbox. Runs on asyncio and on trio, and needs no
socket; only drawing needs a thread.
"""

from collections.abc import Collection
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aidge_async._core import gateway
from aidge_async.sandbox.answers import marks
from aidge_async.sandbox.calls import clock_offset
from aidge_async.sandbox.control import control_routes
from aidge_async.sandbox.front import Front
from aidge_async.sandbox.gallery import Gallery
from aidge_async.sandbox.mischief import Mischief
from aidge_async.sandbox.objects import OBJECTS_PATH
from aidge_async.sandbox.world import World

_WELCOME: Final = f"""\
This is the sandbox of aidge-async: a stand-in for the Aidge gateway on one machine.

It judges calls by the documented rules and draws pictures from what was sent. It generates nothing, knows no model,
and is not connected to Alibaba. Keys are made up; never send it a real one.

Emulated:      POST      {gateway.PATH_PREFIX}{gateway.MODEL_ALTERNATION_SUBMIT_PATH}
               POST|GET  {gateway.PATH_PREFIX}{gateway.MODEL_ALTERNATION_QUERY_PATH}
Control plane: GET /_sandbox/health, /_sandbox/ledger, /_sandbox/statistics
               POST /_sandbox/settings, /_sandbox/reset
               GET, POST, DELETE /_sandbox/faults
"""


class Marks:
    """ASGI middleware that dates every answer and marks it as the sandbox's."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with three fields added to the head of the answer."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = marks(self._world.wall() + clock_offset(scope))
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, marked)


def make_app(world: World, *, control_hosts: Collection[str] | None = None) -> Starlette:
    """
    Return the sandbox over *world* as an ASGI application.

    Args:
        control_hosts: Host names, besides loopback's, under which the control plane may be called. `None` takes any
            name: right in a process without a socket, as under `httpx.ASGITransport`, and nowhere else.
    """
    gallery = Gallery(world)
    return Starlette(
        routes=[
            Route(gateway.PATH_PREFIX + "/{path:path}", Front(world, gallery)),
            Route(OBJECTS_PATH + "/{name:path}", gallery.serve, methods=["GET", "HEAD"]),
            *control_routes(world, hosts=control_hosts),
            Route("/", _welcome),
        ],
        middleware=[Middleware(Mischief, world=world), Middleware(Marks, world=world)],
        exception_handlers={404: _not_found},
    )


async def _welcome(_: Request) -> Response:
    return PlainTextResponse(_WELCOME)


async def _not_found(request: Request, _: Exception) -> Response:
    return JSONResponse({"error": f"nothing is at {request.url.path[:200]}; the sandbox says at / what it has"}, 404)
