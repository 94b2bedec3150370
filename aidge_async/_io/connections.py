"""
A free list of one-connection transports, last in, first out.

It carries httpx requests, reads their answers whole, and knows nothing of the gateway. httpx's own pool hands one idle
connection to many waiting requests and scans them all: 1,000 calls started in one tick held the loop for 19 s and all
failed. Here a call takes a connection nobody else has, so its cost does not grow with their number, and the last used
one, which is the least likely to have gone stale under us. How many are open is the limiter's to bound.

A request that says `Connection: close` gets a connection that nobody used before and nobody will use after it: on a
used one, what the server sent unasked would be read as the answer to it (seen with httpcore 1.0.9), and a server that
gives the connection up at that moment leaves it in doubt. That rules both out, whatever the layers below do, for a
handshake a request.
"""

import ssl
import urllib.request
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import anyio
import httpx

from aidge_async._core.call import Reply

MOST_REPLY_BYTES: Final = 1024 * 1024  # an API answer is a few hundred bytes; a megabyte is already a fault
# Seconds an idle connection may be used again. Servers commonly close after 5 s or more; a request under which the
# connection is closed is the commonest avoidable doubt.
_KEEPALIVE: Final = 4.0
# Field lines about the content as it travelled; what is handed on is whole and plain.
_OF_THE_WIRE: Final = frozenset({"content-encoding", "transfer-encoding", "content-length"})
_CLOSE_WITHIN: Final = 2.0  # seconds; closing a broken connection must not hold anyone


class ReplyTooLargeError(httpx.TransportError):
    """Raised for an answer that is over the cap; it is not read on."""


class Closable(Protocol):
    """What can be closed: a connection, or the stream of one that is not ready yet."""

    async def aclose(self) -> None:
        """Close it."""
        ...


class Connection(Closable, Protocol):
    """A transport that holds one connection at most."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* and return its answer, whose content is still to be read."""
        ...

    def has_surplus(self) -> bool:
        """Return whether something stands unread behind the answer, which is read: never use it again then."""
        ...


class Carrier(Protocol):
    """Carries one request and brings its answer, whole."""

    async def carry(self, request: httpx.Request) -> Reply:
        """Send *request* and return its answer; what httpx raises goes up as it is."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class FreeList:
    """
    Carry each request on a connection of its own and keep idle ones for the next.

    An answer's content is read here, whole and capped, so that the connection is free when the answer is returned.

    Args:
        make: Makes a transport for one connection.
    """

    def __init__(self, make: Callable[[], Awaitable[Connection]]) -> None:
        self._make = make
        self._idle: list[Connection] = []
        self._closed = False

    def __repr__(self) -> str:
        return f"<FreeList, {len(self._idle)} idle connections>"

    async def carry(self, request: httpx.Request) -> Reply:
        """Send *request*; on any failure, cancellation included, its connection is never used again."""
        alone = request.headers.get("connection") == "close"
        connection = await self._make() if alone or not self._idle else self._idle.pop()
        try:
            reply = await _whole(await connection.handle_async_request(request))
        except BaseException:
            await close(connection)
            raise
        if alone or self._closed or connection.has_surplus():
            await close(connection)
        else:
            self._idle.append(connection)
        return reply

    async def aclose(self) -> None:
        """Close the idle connections; those in use are closed when their answer is in."""
        self._closed = True
        while self._idle:
            await close(self._idle.pop())


class WholeReplies:
    """
    Read the answers of another transport whole, capped and undecoded, as those of the free list are.

    Args:
        inner: A transport of the user's.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def carry(self, request: httpx.Request) -> Reply:
        """Send *request* and return its answer with its content."""
        return await _whole(await self._inner.handle_async_request(request))

    async def aclose(self) -> None:
        """Close the other transport."""
        await self._inner.aclose()


async def _whole(response: httpx.Response) -> Reply:
    # Where a transport made the answer itself, its content may be there already.
    content = response.content if response.is_closed else await _read(response)
    fields: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name not in _OF_THE_WIRE:
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return Reply(status_code=response.status_code, fields=fields, content=content)


async def close(connection: Closable) -> None:
    """Close what a failed or cancelled call leaves, in two seconds at most, though its caller is cancelled."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_WITHIN):
        await connection.aclose()


async def _read(response: httpx.Response) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        assert isinstance(response.stream, httpx.AsyncByteStream), "an asynchronous transport gives nothing else"
        async for piece in response.stream:
            size += len(piece)
            if size <= MOST_REPLY_BYTES:
                pieces.append(piece)
            else:
                await response.aclose()  # and read on: the generators below then end by themselves, innermost first
    except httpx.HTTPError:
        if size <= MOST_REPLY_BYTES:
            raise
    finally:
        with anyio.CancelScope(shield=True):
            await response.aclose()
    if size > MOST_REPLY_BYTES:
        raise ReplyTooLargeError(f"the answer is over {MOST_REPLY_BYTES} bytes")
    return _inflated(b"".join(pieces), response.headers.get("content-encoding", "identity"))


def _inflated(content: bytes, encoding: str) -> bytes:
    """Return the content of an answer that was compressed though identity was asked for; capped, never raising."""
    if encoding.lower() not in {"gzip", "deflate"}:
        return content
    try:
        return zlib.decompressobj(wbits=47).decompress(content, MOST_REPLY_BYTES)
    except zlib.error:
        return content


def environment_proxy(url: str) -> str | None:
    """Return the proxy that the environment names for *url*: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY less NO_PROXY."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy is None or urllib.request.proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


class OneConnection(httpx.AsyncHTTPTransport):
    """
    Hold one connection of httpx's.

    Args:
        verify: For TLS.
        proxy: URL of a proxy, or none.
    """

    def __init__(self, *, verify: ssl.SSLContext, proxy: str | None) -> None:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEPALIVE)
        super().__init__(verify=verify, proxy=proxy, limits=limits)

    def has_surplus(self) -> bool:
        """
        Return whether anything was read behind the answer.

        It may stand in h11, read together with the end of the answer, or undecrypted in the TLS layer. What stands in
        the socket is not looked for here: httpcore does before it uses a connection again. No public way leads to h11;
        where it is not found the answer is yes, which costs a handshake and nothing worse.
        """
        pool: Any = self._pool
        return any(_has_unread(connection) for connection in pool.connections)


def _has_unread(connection: Any) -> bool:  # noqa: ANN401  whatever layer httpcore has there
    while not hasattr(connection, "_h11_state"):  # httpcore puts one or two layers round it, with a proxy another
        connection = getattr(connection, "_connection", None)
        if connection is None:
            return True
    if connection._h11_state.trailing_data[0]:  # noqa: SLF001  see `has_surplus`
        return True
    tls = connection._network_stream.get_extra_info("ssl_object")  # noqa: SLF001
    return tls is not None and _has_undecrypted(tls)


def _has_undecrypted(tls: ssl.SSLObject) -> bool:
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        pass
    return True
