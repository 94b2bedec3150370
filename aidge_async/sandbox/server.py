"""
Puts the sandbox on a socket: in a thread beside the caller's own loop, or as the whole of a process.

Nothing of the gateway is decided here. uvicorn speaks HTTP; its `Server` is not used, since it takes up to 0.4 s to
stop and turns SIGTERM into a death by signal. asyncio is named here alone, because uvicorn runs on nothing else.
"""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Final

import attrs
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from aidge_async.sandbox.app import make_app
from aidge_async.sandbox.checks import SandboxError
from aidge_async.sandbox.fault_reading import Wish
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.sandbox.wire import WIRE_EXTENSION, SocketWire
from aidge_async.sandbox.world import World

# Seconds that an idle connection is kept, as nginx does by default; uvicorn's 5 would reset many a client's next call.
_KEEP_ALIVE: Final = 75
# Seconds that answers under way are given at each of the three steps of the end.
_GRACE: Final = 0.05
_BACKLOG: Final = 2048  # a thousand connections opened in one tick must all be taken
_LAST_PORT: Final = 65_535
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  compared with, never bound by itself


class WireInScope(H11Protocol):
    """Speak HTTP, and hand the connection to the application, where faults below HTTP are made."""

    _wire: SocketWire

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the parent
        """Begin a connection."""
        super().connection_made(transport)
        self._wire = SocketWire(transport)
        self.app = partial(_with_wire, self.app, self._wire)

    def connection_lost(self, exc: Exception | None) -> None:
        """End it; only now does uvicorn expect no answer any more."""
        super().connection_lost(exc)
        self._wire.lost()


async def _with_wire(app: ASGIApp, wire: SocketWire, scope: Scope, receive: Receive, send: Send) -> None:
    scope.setdefault("extensions", {})[WIRE_EXTENSION] = wire
    try:
        await app(scope, receive, send)
    except asyncio.CancelledError:
        # Only the server's end cancels a call, with its connection gone and its task over: passed on, uvicorn would
        # log it as a failure of the application.
        wire.transport.abort()


@attrs.frozen(kw_only=True)
class RunningSandbox:
    """
    A sandbox that accepts connections.

    Args:
        url: Base URL, without a trailing slash.
        key_name: The made-up key that it knows.
        key_secret: Its made-up secret.
        world: Its state. It lives on the server's thread: read it; change it through the control plane. Its `faults`
            may be changed from any thread.
    """

    url: str
    key_name: str
    key_secret: str = attrs.field(repr=False)
    world: World

    def announcement(self) -> dict[str, str]:
        """Return what the command line prints when the sandbox is ready."""
        return {"url": self.url, "key_name": self.key_name, "key_secret": self.key_secret}


@contextlib.contextmanager
def running_sandbox(
    settings: SandboxSettings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    certfile: str | None = None,
    keyfile: str | None = None,
    faults: Iterable[Wish] = (),
) -> Iterator[RunningSandbox]:
    """
    Run a sandbox in a thread of its own while the block lasts.

    Args:
        settings: What it is told to be; the defaults where left out.
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
        certfile: PEM file with the certificate, for https.
        keyfile: PEM file with its key, where it is not in *certfile*.
        faults: The rules of faults at the start, as `sandbox/faults.py` has them.

    Raises:
        SandboxError: The address cannot be bound, or a certificate or a fault cannot be used.
    """
    world = World(settings, faults=faults)
    prepared = _prepared(world, host=host, port=port, certfile=certfile, keyfile=keyfile)
    with prepared as (running, listener, config), _in_thread(config, listener):
        yield running


def serve(
    settings: SandboxSettings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    certfile: str | None = None,
    keyfile: str | None = None,
    faults: Iterable[Wish] = (),
    announce: Callable[[dict[str, str]], None],
) -> None:
    """
    Run a sandbox until SIGINT or SIGTERM, then return. Call it on the main thread.

    Args:
        settings: What it is told to be; the defaults where left out.
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
        certfile: PEM file with the certificate, for https.
        keyfile: PEM file with its key, where it is not in *certfile*.
        faults: The rules of faults at the start, as `sandbox/faults.py` has them.
        announce: Called once, with `url`, `key_name` and `key_secret`, when connections are accepted.

    Raises:
        SandboxError: The address cannot be bound, or a certificate or a fault cannot be used.
    """
    world = World(settings, faults=faults)
    with _prepared(world, host=host, port=port, certfile=certfile, keyfile=keyfile) as (running, listener, config):
        stop = _Stop()
        with _until_signal(stop):
            asyncio.run(_serve(config, listener, ready=lambda: announce(running.announcement()), stop=stop))


@contextlib.contextmanager
def _in_thread(config: Config, listener: socket.socket) -> Iterator[None]:
    stop = _Stop()
    ready: Future[None] = Future()

    def run() -> None:
        try:
            asyncio.run(_serve(config, listener, ready=partial(ready.set_result, None), stop=stop))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=run, name="aidge-sandbox", daemon=True)
    thread.start()
    try:
        ready.result()
        yield
    finally:
        stop.set()
        thread.join()


class _Stop:
    """A wish to stop that any thread, and a signal handler, may express before or while the loop runs."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # re-entrant: a signal may strike the thread that holds it
        self._wished = False
        self._wake: Callable[[], object] | None = None

    def set(self) -> None:
        with self._lock:
            self._wished = True
            if self._wake is not None:
                self._wake()

    async def wait(self) -> None:
        event, loop = asyncio.Event(), asyncio.get_running_loop()
        with self._lock:
            if self._wished:
                return
            self._wake = partial(loop.call_soon_threadsafe, event.set)
        try:
            await event.wait()
        finally:
            with self._lock:
                self._wake = None


@contextlib.contextmanager
def _until_signal(stop: _Stop) -> Iterator[None]:
    watched = (signal.SIGINT, signal.SIGTERM)
    former = {number: signal.signal(number, lambda *_: stop.set()) for number in watched}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _prepared(
    world: World, *, host: str, port: int, certfile: str | None, keyfile: str | None
) -> Iterator[tuple[RunningSandbox, socket.socket, Config]]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(world)
        config = _config(world, host=host, certfile=certfile, keyfile=keyfile)
        listener = stack.enter_context(_listener(host, port))
        running = RunningSandbox(
            url=_url("https" if certfile else "http", host, listener.getsockname()[1]),
            key_name=world.settings.key_name,
            key_secret=world.settings.key_secret,
            world=world,
        )
        yield running, listener, config


def _config(world: World, *, host: str, certfile: str | None, keyfile: str | None) -> Config:
    if keyfile and not certfile:
        raise SandboxError(f"'keyfile' needs a 'certfile' beside it (got only {keyfile!r})")
    config = Config(
        make_app(world, control_hosts=frozenset({host})),
        http=WireInScope,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # a header must not make a caller local
        server_header=False,
        date_header=False,  # the application dates its answers by the world's clock
        timeout_keep_alive=_KEEP_ALIVE,
        ssl_certfile=certfile,
        ssl_keyfile=keyfile,
    )
    try:
        config.load()
    except OSError as error:
        raise SandboxError(f"the certificate {certfile!r} cannot be used: {error}") from None
    return config


def _listener(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:  # some systems take it modulo 65,536
        raise SandboxError(f"'port' must be from 0 to {_LAST_PORT} (got {port})")
    try:
        # With the protocol named, asyncio turns Nagle's algorithm off; `socket.create_server` leaves it out, and every
        # answer then waits 40 ms for a delayed acknowledgement (measured on Linux).
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SandboxError(f"cannot listen on {host!r}: {error}") from None
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SandboxError(f"cannot listen on {host} port {port}: {error}") from None
    return listener


def _url(scheme: str, host: str, port: int) -> str:
    reached = _ANY_ADDRESS.get(host, host)
    return f"{scheme}://[{reached}]:{port}" if ":" in reached else f"{scheme}://{reached}:{port}"


async def _serve(config: Config, listener: socket.socket, *, ready: Callable[[], None], stop: _Stop) -> None:
    loop, state = asyncio.get_running_loop(), ServerState()
    server = await loop.create_server(
        partial(WireInScope, config, state, {}, loop), sock=listener, ssl=config.ssl, backlog=_BACKLOG
    )
    ready()
    await stop.wait()
    server.close()
    await _hang_up(state)
    await server.wait_closed()


async def _hang_up(state: ServerState) -> None:
    """Let short answers end, tell the rest that nobody waits any more, and cancel what does not hear that."""
    for connection in list(state.connections):
        connection.shutdown()
    await _ended(state)
    for connection in list(state.connections):
        connection.transport.abort()
    await _ended(state)
    for task in list(state.tasks):
        task.cancel()
    await _ended(state)


async def _ended(state: ServerState) -> None:
    if state.tasks:
        await asyncio.wait(state.tasks, timeout=_GRACE)
