"""
A TCP proxy that breaks connections on purpose, between a client and a server on loopback.

It knows bytes, not HTTP: an exchange begins where a client begins to speak, or with the first words of a request.
Which exchanges are struck, and what of them is corrupted, is drawn from a seed. What a whole answer says is the
sandbox's matter (`aidge_async/sandbox/faults.py`); here is what its own socket cannot do: refuse to be reached, swallow
what was sent, break the way up, and break TLS.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Final, Literal
from urllib.parse import urlsplit

import attrs
from anyio.from_thread import BlockingPortal, start_blocking_portal

Way = Literal["up", "down"]
Kind = Literal["reset", "cut", "half_close", "silence", "drip", "corrupt", "duplicate", "delay"]
Door = Literal["open", "refuse", "black_hole"]

_BLOCK: Final = 65_536
_TUNNEL: Final = b"CONNECT "
_BEGINNINGS: Final = (b"POST ", b"GET ", _TUNNEL)


@attrs.frozen(kw_only=True)
class Trouble:
    """
    Say what happens to an exchange, and to which.

    Args:
        kind: `reset` ends both connections with RST, `cut` with FIN; `half_close` ends this way only; `silence` lets
            nothing more pass; `drip` lets a byte pass each *seconds*; `corrupt` turns *size* bytes over; `duplicate`
            sends *size* bytes twice; `delay` waits *seconds*.
        way: `up`: what the client sends; `down`: what it is sent.
        at: Bytes of this way that pass before.
        seconds: For `drip` and `delay`.
        size: Bytes, for `corrupt` and `duplicate`.
        to: What the exchange's first bytes must hold, such as an API path.
        share: Of these exchanges, from 0 to 1.
    """

    kind: Kind
    way: Way = "down"
    at: int = 0
    seconds: float = 1.0
    size: int = 8
    to: bytes = b""
    share: float = 1.0


@attrs.define
class _Exchange:
    """What is under way on one connection: what is to happen to it, and how much has passed each way."""

    trouble: Trouble | None = None
    passed: dict[Way, int] = attrs.field(factory=lambda: {"up": 0, "down": 0})


@attrs.define
class _Link:
    """Both halves of one connection."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    exchange: _Exchange = attrs.field(factory=_Exchange)

    def end(self, *, reset: bool) -> None:
        for writer in (self.client, self.server):
            if reset:
                tcp = writer.get_extra_info("socket")
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            else:
                writer.close()


class ChaosProxy:
    """
    Stand between clients and a server; get one from `chaos_proxy`. All methods may be called from any other thread.

    Args:
        target: Base URL of the server.
        seed: Decides which exchanges are struck.
    """

    def __init__(self, portal: BlockingPortal, target: str, seed: int) -> None:
        parts = urlsplit(target)
        self._portal = portal
        self._scheme, self._target = parts.scheme, (parts.hostname or "", parts.port or 0)
        self._chance = random.Random(seed)
        self._troubles: tuple[Trouble, ...] = ()
        self._door: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._crowd: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()
        self.refuses_tunnels = False
        """Whether it answers CONNECT with 403 instead of being a tunnel."""
        self.exchanges = 0
        """Exchanges that began."""
        self.connections = 0
        """Connections that were accepted."""
        self.struck = 0
        """Exchanges that were given a trouble."""
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port: int = found.getsockname()[1]

    def __repr__(self) -> str:
        return f"<ChaosProxy, {self.struck} of {self.exchanges} exchanges struck>"

    @property
    def url(self) -> str:
        """Return the base URL to use instead of the server's."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def trouble(self, *troubles: Trouble) -> None:
        """Put these in force for the exchanges that begin from now on, instead of all others; none heals it."""
        self._troubles = troubles

    def door(self, door: Door) -> None:
        """
        Accept connections, have them refused, or let them knock for ever.

        What is connected already stays so. For a black hole the queue of a listener is filled that nobody accepts from:
        the kernel then drops what knocks.
        """
        with self._lock:
            self._portal.call(self._shut)
            if door == "open":
                self._portal.call(self._open)
            elif door == "black_hole":
                self._door = _listener(self.port, backlog=0)
                for _ in range(4):
                    waiting = socket.socket()
                    waiting.setblocking(False)
                    waiting.connect_ex(("127.0.0.1", self.port))
                    self._crowd.append(waiting)

    def hang_up(self) -> None:
        """End all connections that are open."""
        self._portal.call(self._hang_up)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._meet, sock=_listener(self.port, backlog=2048))

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for waiting in self._crowd:
            waiting.close()
        self._crowd.clear()
        if self._door is not None:
            self._door.close()
            self._door = None

    async def _hang_up(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):  # cancelled by `hang_up` alone
                await self._join(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(_BLOCK)
        if first.startswith(_TUNNEL):
            writer.write(_tunnel_answer(refused=self.refuses_tunnels))
            if self.refuses_tunnels:
                return await writer.drain()
            first = await reader.read(_BLOCK)
        theirs, server = await asyncio.open_connection(*self._target)
        link = _Link(writer, server)
        self._begin(link, first)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump("up", link, reader, server, first))
                group.create_task(self._pump("down", link, theirs, writer, b""))
        except* OSError:
            pass
        finally:
            server.transport.abort()

    async def _pump(
        self, way: Way, link: _Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, first: bytes
    ) -> None:
        """Pass on what comes one way until that ends, then end it too; an end that was made up ends both."""
        piece = first or await source.read(_BLOCK)
        while piece:
            await self._pass(way, link, sink, piece)
            piece = await source.read(_BLOCK)
            if way == "up" and piece.startswith(_BEGINNINGS):
                self._begin(link, piece)
        if sink.can_write_eof() and not sink.is_closing():
            sink.write_eof()

    def _begin(self, link: _Link, first: bytes) -> None:
        self.exchanges += 1
        link.exchange = _Exchange()
        for trouble in self._troubles:
            if trouble.to in first and self._chance.random() < trouble.share:
                self.struck += 1
                link.exchange.trouble = trouble
                return

    async def _pass(self, way: Way, link: _Link, sink: asyncio.StreamWriter, piece: bytes) -> None:
        exchange = link.exchange
        trouble, passed = exchange.trouble, exchange.passed[way]
        exchange.passed[way] += len(piece)
        if trouble is None or trouble.way != way or passed + len(piece) <= trouble.at:
            sink.write(piece)
            return await sink.drain()
        before = max(0, trouble.at - passed)
        sink.write(piece[:before])
        await sink.drain()
        return await self._strike(trouble, link, sink, piece[before:], first=passed <= trouble.at)

    async def _strike(
        self, trouble: Trouble, link: _Link, sink: asyncio.StreamWriter, rest: bytes, *, first: bool
    ) -> None:
        """Do to the *rest* of a piece what the trouble says; *first* tells the piece in which it begins."""
        match trouble.kind:
            case "reset" | "cut":
                link.end(reset=trouble.kind == "reset")
                raise ConnectionAbortedError
            case "half_close":
                if first:
                    sink.write_eof()
            case "silence":
                pass
            case "drip":
                for number in range(len(rest)):
                    sink.write(rest[number : number + 1])
                    await sink.drain()
                    await asyncio.sleep(trouble.seconds)
            case _:
                if first:
                    rest = await self._changed(trouble, rest)
                sink.write(rest)
                await sink.drain()

    async def _changed(self, trouble: Trouble, rest: bytes) -> bytes:
        if trouble.kind == "delay":
            await asyncio.sleep(trouble.seconds)
            return rest
        if trouble.kind == "duplicate":
            return rest[: trouble.size] + rest
        turned = bytes(each ^ self._chance.randrange(1, 256) for each in rest[: trouble.size])
        return turned + rest[trouble.size :]


def _listener(port: int, *, backlog: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(backlog)
    return listener


def _tunnel_answer(*, refused: bool) -> bytes:
    if refused:
        return b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"
    return b"HTTP/1.1 200 Connection established\r\n\r\n"


@contextlib.contextmanager
def chaos_proxy(target: str, *troubles: Trouble, seed: int = 0) -> Iterator[ChaosProxy]:
    """Run a proxy before the server at *target* while the block lasts, in a thread of its own."""
    with start_blocking_portal("asyncio") as portal:
        proxy = ChaosProxy(portal, target, seed)
        proxy.trouble(*troubles)
        proxy.door("open")
        try:
            yield proxy
        finally:
            proxy.door("refuse")
            proxy.hang_up()
