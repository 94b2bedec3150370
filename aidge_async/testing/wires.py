"""
Carries httpx requests to a sandbox in the same process, with its faults below HTTP.

What a fault is, is the sandbox's matter; here it becomes the error that httpx raises for it on a socket.
"""

from typing import Final

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from aidge_async.sandbox.wire import WIRE_EXTENSION, InProcessWire

_RESET: Final = "the sandbox reset the connection"
_CLOSED: Final = "the sandbox closed the connection"


class InProcessTransport(httpx.AsyncBaseTransport):
    """
    Answer requests by an ASGI application, on any event loop and in virtual time.

    Args:
        app: The sandbox's application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*; raise as a socket would where a fault ends the connection."""
        wire = InProcessWire()

        async def wired(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"] = {WIRE_EXTENSION: wire}
            await self._app(scope, receive, send)

        try:
            response = await httpx.ASGITransport(app=wired).handle_async_request(request)
        except AssertionError:  # the transport misses an answer where a fault has ended the connection
            if wire.ended is None:
                raise
        if wire.ended == "reset":
            raise httpx.ReadError(_RESET, request=request)
        if wire.ended == "close":
            raise httpx.RemoteProtocolError(_CLOSED, request=request)
        return response
