"""
A free list of one-connection transports, last in, first out.

It carries httpx requests and knows nothing of the gateway. httpx's own pool hands one idle connection to many waiting
requests and scans them all: 1,000 calls started in one tick held the loop for 19 s and all failed. Here a call takes
a connection nobody else has, so its cost does not grow with their number, and the last used one, which is the least
likely to have gone stale under us. How many are open is the limiter's to bound.
"""

import ssl
import urllib.request
import zlib
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import anyio
import httpx

MOST_REPLY_BYTES: Final = 1024 * 1024  # an API answer is a few hundred bytes; a megabyte is already a fault
# Seconds an idle connection may be used again. Servers commonly close after 5 s or more; a request under which the
# connection is closed is the commonest avoidable doubt.
_KEEPALIVE: Final = 4.0
_CLOSE_WITHIN: Final = 2.0  # seconds; closing a broken connection must not hold anyone


class ReplyTooLargeError(httpx.TransportError):
    """Raised for an answer that is over the cap; it is not read on."""


class FreeList(httpx.AsyncBaseTransport):
    """
    Carry each request on a connection of its own and keep idle ones for the next.

    An answer's content is read here, whole and capped, so that the connection is free when the answer is returned.

    Args:
        make: Makes a transport for one connection.
    """

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._make = make
        self._idle: list[httpx.AsyncBaseTransport] = []
        self._closed = False

    def __repr__(self) -> str:
        return f"<FreeList, {len(self._idle)} idle connections>"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*; on any failure, cancellation included, its connection is never used again."""
        connection = self._idle.pop() if self._idle else self._make()
        try:
            response = await connection.handle_async_request(request)
            whole = await _whole(response)
        except BaseException:
            await _close(connection)
            raise
        if self._closed:
            await _close(connection)
        else:
            self._idle.append(connection)
        return whole

    async def aclose(self) -> None:
        """Close the idle connections; those in use are closed when their answer is in."""
        self._closed = True
        while self._idle:
            await _close(self._idle.pop())


class WholeReplies(httpx.AsyncBaseTransport):
    """
    Read the answers of another transport whole, capped and undecoded, as those of the free list are.

    Args:
        inner: A transport of the user's.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* and return its answer with its content."""
        return await _whole(await self._inner.handle_async_request(request))

    async def aclose(self) -> None:
        """Close the other transport."""
        await self._inner.aclose()


async def _whole(response: httpx.Response) -> httpx.Response:
    try:
        content = response.content  # there already, where a transport made the answer itself
    except httpx.ResponseNotRead:
        content = await _read(response)
    return httpx.Response(response.status_code, headers=_plain_headers(response), content=content)


async def _close(connection: httpx.AsyncBaseTransport) -> None:
    with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_WITHIN):
        await connection.aclose()


async def _read(response: httpx.Response) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in response.aiter_raw():
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


def _plain_headers(response: httpx.Response) -> list[tuple[bytes, bytes]]:
    gone = {b"content-encoding", b"transfer-encoding", b"content-length"}
    return [(name, value) for name, value in response.headers.raw if name.lower() not in gone]


def environment_proxy(url: str) -> str | None:
    """Return the proxy that the environment names for *url*: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY less NO_PROXY."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy is None or urllib.request.proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def one_connection(*, verify: ssl.SSLContext, proxy: str | None) -> httpx.AsyncHTTPTransport:
    """Return a transport that holds one connection."""
    return httpx.AsyncHTTPTransport(
        verify=verify,
        proxy=proxy,
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEPALIVE),
    )
