"""
Carries calls to the gateway: signs them, sends them, and says of a lost one how far it came.

No decision about a call comes in here. Signing happens below httpx's client, on a new request that nobody above ever
sees, so that neither its log line nor `response.request` nor an exception holds the signature; what the layers below
raise is replaced here, with their frames, because a traceback that shows locals would show the signed URL.
"""

import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode, urlsplit

import httpx

from aidge_async._core import gateway, retry, signing
from aidge_async._core.call import Call, Content, Phase, Reply, TransportError
from aidge_async._io.connections import FreeList, WholeReplies, environment_proxy, one_connection
from aidge_async.config import Deadlines, Settings

InnerTransport: TypeAlias = httpx.AsyncBaseTransport

# Classes that httpx raises before the request leaves, for a transport that reports no trace of its own (measured with
# 33 socket faults on httpx 0.28.1). Any class that is not named here is ambiguous.
_BEFORE_SENDING: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    httpx.ProxyError,
)
_CLOCK_NOISE: Final = 2.0  # seconds; `Date` counts whole ones, and the answer travelled
_HEADERS: Final = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "aidge-async"}


class _Body(httpx.AsyncByteStream):
    """
    A call's content, encoded piece by piece while it is sent.

    No generator: a lost connection leaves the rest unread, and trio warns of each async generator left so.
    """

    def __init__(self, content: Content) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Chunks(self._content.chunks())


class _Chunks(AsyncIterator[bytes]):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    async def __anext__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration


class _Progress:
    """Notes from httpx's trace whether any part of the request, and not of a proxy's CONNECT, was given to the wire."""

    __slots__ = ("sent", "traced")

    def __init__(self) -> None:
        self.traced = False
        self.sent = False

    async def __call__(self, event: str, facts: dict[str, Any]) -> None:
        self.traced = True
        if event.endswith("send_request_headers.started") and facts["request"].method != b"CONNECT":
            self.sent = True

    def phase(self, exc: BaseException) -> Phase:
        if self.traced:
            return Phase.SENT if self.sent else Phase.NOT_SENT
        return Phase.NOT_SENT if isinstance(exc, _BEFORE_SENDING) else Phase.SENT


class _Signer(httpx.AsyncBaseTransport):
    """Signs requests to the gateway's origin, with a clock that can be corrected, and hands them on."""

    def __init__(self, inner: httpx.AsyncBaseTransport, settings: Settings, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._settings = settings
        self._origin = httpx.URL(settings.origin)
        self._clock = clock
        self.offset = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._inner.handle_async_request(self._signed(request))

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _signed(self, request: httpx.Request) -> httpx.Request:
        url = request.url
        if (url.scheme, url.host, url.port) != (self._origin.scheme, self._origin.host, self._origin.port):
            raise httpx.UnsupportedProtocol("calls are signed for the gateway's origin only")
        timestamp_ms = int((self._clock() + self.offset) * 1000)
        parameters = signing.system_parameters(self._settings.key_name, self._settings.key_secret, timestamp_ms)
        joint = b"&" if url.query else b"?"
        target = url.raw_path + joint + urlencode(parameters).encode()
        return httpx.Request(
            request.method,
            url.copy_with(raw_path=target),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )


class HttpTransport:
    """
    Carry calls over HTTP/1.1; fulfils `ports.Transport`.

    Args:
        settings: Whose account, and where.
        deadlines: For connecting and for each kind of call.
        inner: Another httpx transport below the signature; `None`: a free list of one-connection ones.
        proxy: URL of a proxy; `None`: what the environment names, and none on loopback.
        ssl_context: For TLS; `None`: httpx's default, made once.
        clock: Epoch seconds, for signing.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        deadlines: Deadlines,
        inner: InnerTransport | None = None,
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        carrier = WholeReplies(inner) if inner is not None else _free_list(settings, proxy, ssl_context)
        self._signer = _Signer(carrier, settings, clock)
        self._client = httpx.AsyncClient(
            transport=self._signer, base_url=settings.origin + gateway.PATH_PREFIX, headers=_HEADERS, trust_env=False
        )
        self._timeouts = {
            "submit": httpx.Timeout(deadlines.submit, connect=deadlines.connect),
            "query": httpx.Timeout(deadlines.query, connect=deadlines.connect),
        }

    async def send(self, call: Call) -> Reply:
        """Send one call; see `ports.Transport`."""
        progress = _Progress()
        try:
            response = await self._client.send(self._request(call, progress))
        except Exception as exc:  # noqa: BLE001  the boundary: whatever any transport raises has one meaning above
            fault = _fault(progress.phase(exc), exc)
        else:
            return Reply(status_code=response.status_code, fields=dict(response.headers), content=response.content)
        raise fault  # out here, so that what was raised below is no context of it

    def correct_clock(self, date: str) -> float | None:
        """Sign by the gateway's time from now on; see `ports.Transport`."""
        told = retry.epoch_of(date)
        if told is None:
            return None
        offset = told - self._clock()
        if abs(offset - self._signer.offset) <= _CLOCK_NOISE:
            return None
        self._signer.offset = offset
        return offset

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def _request(self, call: Call, progress: _Progress) -> httpx.Request:
        headers = {gateway.TRIAL_HEADER: "true"} if call.trial else {}
        if call.content is not None:
            headers |= {"content-type": "application/json", "content-length": str(call.content.size_bytes)}
        request = self._client.build_request(
            call.method,
            call.path,
            params=call.query or None,
            headers=headers,
            timeout=self._timeouts[call.kind],
            extensions={"trace": progress},
        )
        if call.content is not None:
            request.stream = _Body(call.content)  # as content= it would be wrapped in a generator
        return request


def _fault(phase: Phase, exc: Exception) -> TransportError:
    """
    Return what a foreign error means, with it as the cause but without the frames, whose locals hold the signed URL.

    An error that holds the URL itself (httpx's own never do, one of a user's transport may) is named by its class only.
    """
    links: list[BaseException] = [exc]
    for link in links:
        link.__traceback__ = None
        near = (link.__cause__, link.__context__, *getattr(link, "exceptions", ()))
        links += [other for other in near if other is not None and all(other is not known for known in links)]
    if any("sign=" in f"{link} {link!r} {vars(link)}" for link in links):
        return TransportError(phase, type(exc).__name__)
    # trio's errors are often empty while their causes are not; a cancellation's text is anyio's own matter.
    told = next((str(link) for link in links if isinstance(link, Exception) and str(link)), "")
    fault = TransportError(phase, f"{type(exc).__name__}: {told}" if told else type(exc).__name__)
    fault.__cause__ = exc
    return fault


def _free_list(settings: Settings, proxy: str | None, ssl_context: ssl.SSLContext | None) -> FreeList:
    """Return the free list; its one TLS context is made when the first connection needs it."""
    plain = urlsplit(settings.origin).scheme == "http"
    via = proxy or (None if settings.on_loopback else environment_proxy(settings.origin))
    shared: list[ssl.SSLContext] = [] if ssl_context is None else [ssl_context]

    def make() -> httpx.AsyncBaseTransport:
        if not shared:
            shared.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx.create_ssl_context())
        return one_connection(verify=shared[0], proxy=via)

    return FreeList(make)
