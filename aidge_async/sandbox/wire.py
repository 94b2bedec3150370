"""
The connection below HTTP, as far as faults need it: write bytes, close it, break it.

Three implementations of one Protocol: the server's socket, a double for a process without one, and what stands in
where nobody put a wire into the scope. What is written, and when, is decided in `mischief.py`.
"""

import asyncio
import socket
import struct
from typing import Final, Literal, Protocol

import anyio
from starlette.types import Scope

# The key in `scope["extensions"]` under which a wire is handed to the application.
WIRE_EXTENSION: Final = "aidge_async.sandbox.wire"

Ending = Literal["close", "reset"]

# Seconds that a peer is given to take what was written, and TLS to say goodbye.
_PATIENCE: Final = 2.0
_LOOK: Final = 0.001  # seconds between two looks at a buffer that has to empty


class Wire(Protocol):
    """One connection. After `close` or `abort` nothing more is written, and the application just returns."""

    def write(self, content: bytes) -> None:
        """Write *content* past HTTP's own layer."""

    async def close(self) -> None:
        """End the connection in order (TCP: FIN) after what was written, and return when it has ended."""

    async def abort(self) -> None:
        """
        Break the connection (TCP: RST) after what was written, and return when it is broken.

        A peer that is slow to read loses what still lies in the kernel: it sees at most what was written.
        """


class SocketWire:
    """
    A connection of the server.

    It returns from `close` and `abort` only when the server knows that the connection is lost: otherwise uvicorn
    misses the answer and logs an error. Named after asyncio because uvicorn runs on nothing else.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._lost = asyncio.Event()

    def lost(self) -> None:
        """Note that the connection is no more; for the server's protocol."""
        self._lost.set()

    def write(self, content: bytes) -> None:
        """Write *content*."""
        self.transport.write(content)

    async def close(self) -> None:
        """Send what is left, then FIN."""
        self.transport.close()
        with anyio.move_on_after(_PATIENCE):
            await self._lost.wait()
        self.transport.abort()
        await self._lost.wait()

    async def abort(self) -> None:
        """Send what is left, then RST: with no time to linger, that is what the kernel sends on close."""
        with anyio.move_on_after(_PATIENCE):
            # asyncio tells nobody but uvicorn's protocol when it has emptied.
            while self.transport.get_write_buffer_size() and not self._lost.is_set():  # noqa: ASYNC110
                await anyio.sleep(_LOOK)
        raw: socket.socket | None = self.transport.get_extra_info("socket")
        if raw is not None and not self._lost.is_set():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        await self._lost.wait()


class InProcessWire:
    """
    A connection without a socket: it remembers what was written and how it ended.

    For an in-process transport that puts one into `scope["extensions"][WIRE_EXTENSION]` of each request. Where *ended*
    is not `None`, no ASGI answer follows: *sent* is all that the caller would have read.
    """

    def __init__(self) -> None:
        self.sent = b""
        self.ended: Ending | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self.sent)} bytes, ended={self.ended}>"

    def write(self, content: bytes) -> None:
        """Remember *content*."""
        self.sent += content

    async def close(self) -> None:
        """Remember that the connection was closed."""
        self.ended = "close"

    async def abort(self) -> None:
        """Remember that the connection was reset."""
        self.ended = "reset"


class SeveredError(ConnectionError):
    """
    Raised out of the application where a fault ends a connection and the scope has no wire.

    The caller of `httpx.ASGITransport` gets it as it is. *sent* is what would have been read before.
    """

    def __init__(self, ended: Ending, sent: bytes) -> None:
        super().__init__(f"a fault of the sandbox ended the connection after {len(sent)} bytes ({ended})")
        self.ended = ended
        self.sent = sent


class AbsentWire(InProcessWire):
    """What stands in where the scope has no wire: it raises what cannot be done."""

    async def close(self) -> None:
        """Raise SeveredError."""
        raise SeveredError("close", self.sent)

    async def abort(self) -> None:
        """Raise SeveredError."""
        raise SeveredError("reset", self.sent)


def wire_of(scope: Scope) -> Wire:
    """Return the wire of a request."""
    wire: Wire | None = scope.get("extensions", {}).get(WIRE_EXTENSION)
    return AbsentWire() if wire is None else wire
