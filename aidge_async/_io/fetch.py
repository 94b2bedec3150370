"""
Fetches one picture from its link into an open file: unsigned by us, checked at every step, capped.

Names and folders are `download.py`'s matter. A result link is signed by the storage, so it is a secret wherever it is
shown: httpx above sees it without its query, which is put back below, and no error leaves with the frames that held it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import BinaryIO, Final
from urllib.parse import urljoin, urlsplit

import anyio
import anyio.to_thread
import httpx

from aidge_async._core.image import format_of, is_whole
from aidge_async._core.pictures import GeneratedImage, masked_link
from aidge_async._io.addresses import check_link, pin
from aidge_async._io.tls import TlsContext
from aidge_async.errors import DownloadError
from aidge_async.tuning import Deadlines

MOST_PICTURE_BYTES: Final = 64 * 1024 * 1024  # a 2048 px PNG is about 12 MB
_MOST_REDIRECTS: Final = 5
_WRITE_BYTES: Final = 1024 * 1024  # one hop to a worker thread each
_TARGET: Final = "aidge_async.target"
_HEADERS: Final = {"accept": "image/*", "accept-encoding": "identity", "user-agent": "aidge-async"}
EXTENSIONS: Final = {"JPEG": "jpg", "PNG": "png", "BMP": "bmp", "WEBP": "webp", "GIF": "gif", "TIFF": "tiff"}


class _Aimed(httpx.AsyncBaseTransport):
    """Puts the query, which holds the storage's signature, back into the request that is sent."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._inner.handle_async_request(
            httpx.Request(
                request.method,
                request.url.copy_with(raw_path=request.extensions[_TARGET]),
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


class Fetcher:
    """
    Fetch pictures.

    Args:
        deadlines: For connecting and for each picture.
        loopback_allowed: Whether links to this machine may be fetched; only where the gateway is a sandbox here.
        transport: Another httpx transport; where links lead is then its own matter.
        proxy: URL of a proxy. It looks names up by itself, so addresses are then checked by text only.
        tls: What connections are made with.
    """

    def __init__(
        self,
        *,
        deadlines: Deadlines,
        loopback_allowed: bool,
        transport: httpx.AsyncBaseTransport | None = None,
        proxy: str | None = None,
        tls: TlsContext,
    ) -> None:
        self._deadlines = deadlines
        self._loopback_allowed = loopback_allowed
        self._transport = transport
        self._proxy = proxy
        self._tls = tls
        self._client: httpx.AsyncClient | None = None

    @property
    def longest(self) -> float:
        """Return the seconds that one picture may take."""
        return self._deadlines.download

    async def fetch(self, image: GeneratedImage, file: BinaryIO, until: float) -> DownloadError | None:
        """
        Write the picture into *file*; return why its link failed, or `None`.

        Args:
            image: What to fetch.
            file: Where to.
            until: Moment on the event loop's clock at which to give up.

        Raises:
            OSError: The file cannot be written.
        """
        try:
            with anyio.fail_after(until - anyio.current_time()):
                async with self._opened(image.url) as response:
                    await _copy(response, file, masked_link(image.url))
            return await anyio.to_thread.run_sync(_no_picture, file, masked_link(image.url))
        except DownloadError as exc:
            return _bare(exc)
        except TimeoutError:
            within = f"{self.longest:g} s"
            return DownloadError(f"{masked_link(image.url)!r} took longer than {within}; save the result again")
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, ValueError) as exc:  # the last are urllib's
            reason = f"{type(exc).__name__}: {exc}".rstrip(": ")
            return DownloadError(f"{masked_link(image.url)!r} was not fetched ({reason}); save the result again")

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    @asynccontextmanager
    async def _opened(self, url: str) -> AsyncIterator[httpx.Response]:
        """Open *url*, following redirects one by one, each checked as the first."""
        for _ in range(_MOST_REDIRECTS + 1):
            client = await self._connected()
            response = await client.send(await self._request(client, url), stream=True)
            try:
                if not response.has_redirect_location:
                    yield response
                    return
                url = urljoin(url, response.headers["location"])
            finally:
                await response.aclose()
        raise DownloadError(f"{masked_link(url)!r} redirects more than {_MOST_REDIRECTS} times; it is not fetched")

    async def _request(self, client: httpx.AsyncClient, url: str) -> httpx.Request:
        if self._transport is not None or self._proxy is not None:
            check_link(url, loopback_allowed=self._loopback_allowed and self._proxy is None)
            return _aimed(client, url, {}, {})
        target = await pin(url, loopback_allowed=self._loopback_allowed)
        return _aimed(client, target.url, {"host": target.host}, {"sni_hostname": target.server_name})

    async def _connected(self) -> httpx.AsyncClient:
        if self._client is not None:
            return self._client
        inner = self._transport or httpx.AsyncHTTPTransport(verify=await self._tls.context(), proxy=self._proxy)
        if self._client is None:  # others may have waited for the context as well
            timeout = httpx.Timeout(self._deadlines.query, connect=self._deadlines.connect)
            self._client = httpx.AsyncClient(
                transport=_Aimed(inner), timeout=timeout, headers=_HEADERS, trust_env=False
            )
        return self._client


def _aimed(
    client: httpx.AsyncClient, url: str, headers: dict[str, str], extensions: dict[str, object]
) -> httpx.Request:
    aim = {_TARGET: httpx.URL(url).raw_path}
    bare = urlsplit(url)._replace(query="", fragment="").geturl()
    return client.build_request("GET", bare, headers=headers, extensions={**extensions, **aim})


async def _copy(response: httpx.Response, file: BinaryIO, shown: str) -> None:
    if response.status_code != httpx.codes.OK:
        expired = response.status_code == httpx.codes.FORBIDDEN
        why = "its link has expired or is not valid" if expired else "the storage does not give it"
        raise DownloadError(
            f"{shown!r} answers HTTP {response.status_code} ({why}); resume the token for a fresh link",
            status_code=response.status_code,
        )
    # Where a transport made the answer itself, its content may be there already, and is not given twice.
    pieces = _given(response.content) if response.is_stream_consumed else response.aiter_raw()
    try:
        await _write(pieces, file, shown)
    except BaseException:
        with anyio.CancelScope(shield=True), suppress(httpx.HTTPError, httpx.StreamError):
            await response.aclose()  # and read on: the generators below then end by themselves, innermost first
            async for _ in pieces:
                pass
        raise


async def _given(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _write(pieces: AsyncIterator[bytes], file: BinaryIO, shown: str) -> None:
    size, pending = 0, bytearray()
    async for piece in pieces:
        size += len(piece)
        if size > MOST_PICTURE_BYTES:
            raise DownloadError(f"{shown!r} is over {MOST_PICTURE_BYTES:,} bytes; it is not read on")
        pending += piece
        if len(pending) >= _WRITE_BYTES:
            await anyio.to_thread.run_sync(file.write, bytes(pending))
            pending.clear()
    await anyio.to_thread.run_sync(_write_last, file, bytes(pending))


def _write_last(file: BinaryIO, content: bytes) -> None:
    file.write(content)
    file.flush()


def _no_picture(file: BinaryIO, shown: str) -> DownloadError | None:
    file.seek(0)
    content = file.read()
    found = format_of(content)
    if found not in EXTENSIONS:
        return DownloadError(f"{shown!r} is no picture ({found or 'unknown content'}); save the result again later")
    # A length that was announced and kept proves little: whoever stands between may have announced what it had.
    if not is_whole(content):
        return DownloadError(f"{shown!r} was cut after {len(content):,} bytes; save the result again")
    return None


def _bare(error: DownloadError) -> DownloadError:
    """Return *error* without the frames that raised it and what they handled: their locals hold the link."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
