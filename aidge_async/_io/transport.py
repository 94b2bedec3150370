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
from urllib.parse import urlencode

import httpcore  # noqa: F401  httpx loads it at the first call, which would hold the event loop for 0.1 s
import httpx

from aidge_async._core import gateway, retry, signing
from aidge_async._core.call import Call, Content, Phase, Reply, TransportError, Way
from aidge_async._io.connections import (
    Carrier,
    Closable,
    FreeList,
    OneConnection,
    WholeReplies,
    close,
    environment_proxy,
)
from aidge_async._io.tls import TlsContext
from aidge_async.config import Settings
from aidge_async.tuning import Deadlines

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
_NOTHING: Final = Content(b"")
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
    """
    Notes from httpx's trace whether any part of the request, and not of a proxy's CONNECT, was given to the wire.

    It also holds the stream that a handshake is done on: cancelled there, httpcore 1.0.9 forgets to close it.
    """

    __slots__ = ("handshaking", "sent", "traced")

    def __init__(self, *, traced: bool) -> None:
        self.traced = traced
        self.sent = False
        self.handshaking: Closable | None = None

    async def __call__(self, event: str, facts: dict[str, Any]) -> None:
        self.traced = True
        if event.endswith("send_request_headers.started") and facts["request"].method != b"CONNECT":
            self.sent = True
        elif event == "connection.connect_tcp.complete":
            self.handshaking = facts["return_value"]
        elif event == "connection.start_tls.complete":
            self.handshaking = None

    def phase(self, exc: BaseException) -> Phase:
        if self.traced:
            return Phase.SENT if self.sent else Phase.NOT_SENT
        return Phase.NOT_SENT if isinstance(exc, _BEFORE_SENDING) and _is_of_httpx(exc.__cause__) else Phase.SENT


class _Signer(httpx.AsyncBaseTransport):
    """Signs requests, with a clock that can be corrected, and has them carried."""

    def __init__(self, carrier: Carrier, settings: Settings, clock: Callable[[], float]) -> None:
        self._carrier = carrier
        self._settings = settings
        self._clock = clock
        self.offset = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        reply = await self._carrier.carry(self._signed(request))
        return httpx.Response(reply.status_code, content=reply.content, extensions={"reply": reply})

    async def aclose(self) -> None:
        await self._carrier.aclose()

    def _signed(self, request: httpx.Request) -> httpx.Request:
        url = request.url
        timestamp_ms = int((self._clock() + self.offset) * 1000)
        parameters = signing.system_parameters(self._settings.key_name, self._settings.key_secret, timestamp_ms)
        target = url.raw_path + (b"&" if url.query else b"?") + urlencode(parameters).encode("ascii")
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
        tls: What connections are made with.
        clock: Epoch seconds, for signing.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        deadlines: Deadlines,
        inner: InnerTransport | None = None,
        proxy: str | None = None,
        tls: TlsContext,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._traced = inner is None
        carrier: Carrier = _free_list(settings, proxy, tls) if inner is None else WholeReplies(inner)
        self._signer = _Signer(carrier, settings, clock)
        self._client = httpx.AsyncClient(transport=self._signer, trust_env=False)
        self._base = httpx.URL(settings.origin)
        # By path, of which there are few: parsing one costs a twentieth of a call.
        self._urls: dict[str, httpx.URL] = {}
        self._headers = {"host": self._base.netloc.decode("ascii"), **_HEADERS}
        self._timeouts = {
            "submit": httpx.Timeout(deadlines.submit, connect=deadlines.connect).as_dict(),
            "query": httpx.Timeout(deadlines.query, connect=deadlines.connect).as_dict(),
        }

    async def send(self, call: Call, way: Way | None = None) -> Reply:
        """
        Send one call; see `ports.Transport`.

        A submit goes out on a connection of its own; see `connections.py`.
        """
        progress = _Progress(traced=self._traced)
        try:
            response = await self._client.send(self._request(call, progress))
        except Exception as exc:  # noqa: BLE001  the boundary: whatever any transport raises has one meaning above
            fault = _fault(progress.phase(exc), exc)
        except BaseException as exc:
            # A cancellation or an interrupt goes up as it is, in person, because event loops know theirs by identity.
            _strip(exc)
            if way is not None:
                way.phase = progress.phase(exc)
            if progress.handshaking is not None:
                await close(progress.handshaking)
            raise
        else:
            reply: Reply = response.extensions["reply"]
            return reply
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
        if not call.path.startswith("/"):
            raise httpx.UnsupportedProtocol("calls are signed for the gateway's origin only")
        url = self._urls.get(call.path)
        if url is None:
            url = self._urls[call.path] = self._base.copy_with(path=gateway.PATH_PREFIX + call.path)
        return httpx.Request(  # not the client's own way, which merges settings that it does not have
            call.method,
            url.copy_with(params=call.query) if call.query else url,
            headers=self._fields(call),
            stream=_Body(call.content or _NOTHING),  # as content= it would be wrapped in a generator
            extensions={"timeout": self._timeouts[call.kind], "trace": progress},
        )

    def _fields(self, call: Call) -> dict[str, str]:
        fields = dict(self._headers)
        if call.kind == "submit":
            fields["connection"] = "close"
        if call.trial:
            fields[gateway.TRIAL_HEADER] = "true"
        if call.content is not None:
            fields["content-type"] = "application/json"
            fields["content-length"] = str(call.content.size_bytes)
        elif call.method == "POST":
            fields["content-length"] = "0"
        return fields


def _is_of_httpx(cause: BaseException | None) -> bool:
    """
    Return whether a class of httpx's means what httpx means by it.

    It does not where another library's error was renamed: httpx-aiohttp 0.2.0 calls a connection lost under the
    request, or while its answer is awaited, ConnectTimeout (measured).
    """
    return cause is None or type(cause).__module__.partition(".")[0] in {"builtins", "httpcore", "httpx", "ssl"}


def _fault(phase: Phase, exc: Exception) -> TransportError:
    """
    Return what a foreign error means, with it as the cause but without the frames, whose locals hold the signed URL.

    An error that holds the URL itself (httpx's own never do, one of a user's transport may) is named by its class only.
    """
    links = _strip(exc)
    if any("sign=" in f"{link} {link!r} {vars(link)}" for link in links):
        return TransportError(phase, type(exc).__name__)
    # trio's errors are often empty while their causes are not; a cancellation's text is anyio's own matter.
    told = next((str(link) for link in links if isinstance(link, Exception) and str(link)), "")
    fault = TransportError(phase, f"{type(exc).__name__}: {told}" if told else type(exc).__name__)
    fault.__cause__ = exc
    return fault


def _strip(exc: BaseException) -> list[BaseException]:
    """Cut the frames off an error and all that hangs on it, and return them, it first."""
    links = [exc]
    for link in links:
        link.__traceback__ = None
        near = (link.__cause__, link.__context__, *getattr(link, "exceptions", ()))
        links += [other for other in near if other is not None and all(other is not known for known in links)]
    return links


def _free_list(settings: Settings, proxy: str | None, tls: TlsContext) -> FreeList:
    if settings.origin.startswith("http:"):
        tls = TlsContext(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # no certificate is read for what nobody checks
    via = proxy or (None if settings.on_loopback else environment_proxy(settings.origin))

    async def make() -> OneConnection:
        return OneConnection(verify=await tls.context(), proxy=via)

    return FreeList(make)
