"""
The control plane under `/_sandbox/`: what a tester asks and changes, for callers on this machine only.

It is no part of what is emulated. A page in a browser must not reach it, whatever name its author had resolved to
loopback: hence the rules on peer, Host and Origin.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Final

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aidge_async.sandbox.calls import host_name
from aidge_async.sandbox.checks import SandboxError
from aidge_async.sandbox.contents import UnreadableError, read_fields, read_list
from aidge_async.sandbox.fetching import is_loopback
from aidge_async.sandbox.settings import CHANGEABLE
from aidge_async.sandbox.world import World

CONTROL_PATH: Final = "/_sandbox"
_MOST_CONTENT_BYTES: Final = 64 * 1024  # settings are a few hundred bytes


class ControlError(Exception):
    """Raised when the control plane refuses a call; the message says what to do instead."""

    def __init__(self, status_code: int, message: str) -> None:
        super().__init__(message)
        self.status_code = status_code


Answer = Mapping[str, object]
Endpoint = Callable[[World, Request], Awaitable[Answer]]


def control_routes(world: World, *, hosts: Collection[str] | None) -> list[Route]:
    """
    Return the routes of the control plane.

    Args:
        hosts: Host names under which it may be called besides loopback's; `None` takes any, which is right only where
            there is no socket.
    """
    table: tuple[tuple[str, str, Endpoint], ...] = (
        ("GET", "health", _health),
        ("GET", "ledger", _ledger),
        ("GET", "statistics", _statistics),
        ("POST", "settings", _settings),
        ("POST", "reset", _reset),
        ("GET POST DELETE", "faults", _faults),
    )
    return [
        Route(f"{CONTROL_PATH}/{name}", partial(_guarded, world, hosts, endpoint), methods=methods.split())
        for methods, name, endpoint in table
    ]


async def _guarded(world: World, hosts: Collection[str] | None, endpoint: Endpoint, request: Request) -> Response:
    try:
        _check_caller(request, hosts)
        return JSONResponse(await endpoint(world, request))
    except ControlError as error:
        return JSONResponse({"error": str(error)}, error.status_code)


def _check_caller(request: Request, hosts: Collection[str] | None) -> None:
    if request.client is not None and not is_loopback(request.client.host):
        raise ControlError(403, "the control plane answers callers on its own machine only")
    host = host_name(request.headers.get("host", ""))
    if hosts is not None and not is_loopback(host) and host not in hosts:
        raise ControlError(403, f"the control plane is not called by that name (got Host {str(host)[:60]!r})")
    if "origin" in request.headers:
        raise ControlError(403, "the control plane does not answer web pages")


async def _content(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():  # to its end, whatever its weight: trio complains of what is left standing
        if len(content) <= _MOST_CONTENT_BYTES:
            content += chunk
    if len(content) > _MOST_CONTENT_BYTES:
        raise ControlError(413, f"settings and faults take at most {_MOST_CONTENT_BYTES} bytes")
    return bytes(content)


def _in_force(world: World) -> Answer:
    return {name: value for name, value in attrs.asdict(world.settings).items() if name in CHANGEABLE}


async def _health(world: World, _: Request) -> Answer:
    return {"status": "ok", "sandbox": True, "settings": _in_force(world)}


async def _ledger(world: World, _: Request) -> Answer:
    return {"accepted": world.ledger()}


async def _statistics(world: World, _: Request) -> Answer:
    return world.statistics()


async def _settings(world: World, request: Request) -> Answer:
    try:
        world.reconfigure(read_fields("application/json", await _content(request)))
    except UnreadableError as error:
        raise ControlError(400, f"settings come as one JSON object, but {error}") from None
    except SandboxError as error:
        raise ControlError(400, str(error)) from None
    return {"settings": _in_force(world)}


async def _reset(world: World, _: Request) -> Answer:
    world.reset()
    return {"settings": _in_force(world)}


async def _faults(world: World, request: Request) -> Answer:
    if request.method == "POST":
        await _add_faults(world, request)
    elif request.method == "DELETE":
        world.faults.clear()
    return {"faults": [rule.as_json() for rule in world.faults.list()]}


async def _add_faults(world: World, request: Request) -> None:
    try:
        world.faults.add(*read_list(await _content(request)))
    except UnreadableError as error:
        raise ControlError(400, f"faults come as a JSON object or a list of them, but {error}") from None
    except SandboxError as error:
        raise ControlError(422, str(error)) from None
