"""A watch over a server's event loop, for tests: how long it was held, in CPU time, whatever else the machine does."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

BEFORE = """\
import aidge_async.cli.serving as serving
from tests.integrations.watched import watched
serving.make = watched(serving.make)
"""
"""What a process runs before `aidge-async serve`, with one worker, so that it tells at /held."""


def watched(make: Callable[[], Starlette]) -> Callable[[], Starlette]:
    """Return a factory of the same application that also tells, at /held, the seconds between looks 5 ms apart."""

    def factory() -> Starlette:
        app, held = make(), list[float]()
        inner = app.router.lifespan_context

        @asynccontextmanager
        async def around(whole: Any) -> AsyncIterator[Any]:
            async with inner(whole) as state:
                watch = asyncio.create_task(_watch(held))
                yield state
                watch.cancel()

        async def tell(_: Request) -> JSONResponse:
            return JSONResponse(held)

        app.router.lifespan_context = around
        app.router.routes.insert(0, Route("/held", tell))
        return app

    return factory


async def _watch(held: list[float]) -> None:
    while True:
        before = time.thread_time()
        await asyncio.sleep(0.005)
        held.append(time.thread_time() - before)
