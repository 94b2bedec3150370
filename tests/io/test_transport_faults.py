"""What each foreign exception becomes, and that no signature is seen above the signing."""

import inspect
import logging
import ssl
import traceback
from collections.abc import Callable

import anyio
import httpcore
import httpx
import pytest

from aidge_async._core.call import Phase, TransportError, Way
from tests.io.carrier import QUERY, SECRET, SUBMIT, signature, transport


def all_text_of(exc: BaseException) -> str:
    """Return everything an error report could show: texts, reprs, chain, groups, and the locals of all frames."""
    shown, links, seen = [], [exc], set()
    while links:
        link = links.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        report = traceback.TracebackException.from_exception(link, capture_locals=True)
        shown += [repr(link), str(link), repr(vars(link)), repr(link.args), "".join(report.format())]
        links += [near for near in (link.__cause__, link.__context__) if near is not None]
        links += getattr(link, "exceptions", ())
    return "\n".join(shown)


class Failing(httpx.AsyncBaseTransport):
    """A layer below that notes the signed request and then raises, with that request among its locals."""

    def __init__(self, make: Callable[[httpx.Request], BaseException], *events: str, method: bytes = b"POST") -> None:
        self._make = make
        self._events = events
        self._method = method

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for event in self._events:
            told = httpcore.Request(self._method, "http://h/")
            await request.extensions["trace"](event, {"request": told, "return_value": None})
        signed = str(request.url)
        try:
            below = signed[len(signed)]  # fails, so that the context has a frame with the signed URL too
        except IndexError:
            raise self._make(request) from OSError(104, "reset")
        raise AssertionError(below)


HTTPX_ERRORS = sorted(
    {kind for kind in vars(httpx).values() if inspect.isclass(kind) and issubclass(kind, BaseException)},
    key=lambda kind: str(kind.__name__),
)
NEVER_LEFT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "InvalidURL", "ProxyError"}


def made(kind: type[BaseException], request: httpx.Request) -> BaseException:
    """Return an instance of any httpx exception, holding the request where it can."""
    if issubclass(kind, httpx.HTTPStatusError):
        return kind(f"403 for url {request.url}", request=request, response=httpx.Response(403, request=request))
    if issubclass(kind, (httpx.StreamConsumed, httpx.ResponseNotRead, httpx.RequestNotRead, httpx.StreamClosed)):
        return kind()
    return kind("made up")


def test_all_exceptions_of_httpx_are_looked_at() -> None:
    """The list below is the library's own; a new class turns up here by itself."""
    names = {kind.__name__ for kind in HTTPX_ERRORS}
    assert names > NEVER_LEFT
    assert len(names) >= 27


@pytest.mark.parametrize("kind", HTTPX_ERRORS)
async def test_every_exception_of_httpx_is_one_of_ours_with_its_phase(kind: type[BaseException]) -> None:
    """Without a trace the class decides; all that are not named are ambiguous."""
    carrier = transport(Failing(lambda request: made(kind, request)))
    with pytest.raises(TransportError) as caught:
        await carrier.send(SUBMIT)
    assert caught.value.phase is (Phase.NOT_SENT if kind.__name__ in NEVER_LEFT else Phase.SENT)
    assert caught.value.reason.startswith(kind.__name__)
    assert isinstance(caught.value.__cause__, (kind, type(None)))


FOREIGN: list[Exception] = [
    OSError(5, "i/o"), ssl.SSLError("tls"), KeyError("x"), RuntimeError(), RecursionError("deep"), TimeoutError(),
    ExceptionGroup("several", [OSError("one")]), UnicodeDecodeError("utf-8", b"x", 0, 1, "odd"),
    httpcore.ReadError("raw"), anyio.ClosedResourceError(), StopAsyncIteration(),
]  # fmt: skip


@pytest.mark.parametrize("exc", FOREIGN, ids=lambda exc: type(exc).__name__)
async def test_any_other_exception_is_one_of_ours_and_ambiguous(exc: Exception) -> None:
    """Whatever a transport of the user's raises."""
    carrier = transport(Failing(lambda _: exc))
    with pytest.raises(TransportError) as caught:
        await carrier.send(SUBMIT)
    assert caught.value.phase is Phase.SENT


CONNECT, HEADERS = "connection.connect_tcp.complete", "http11.send_request_headers.started"


@pytest.mark.parametrize(
    ("events", "method", "phase"),
    [
        ((CONNECT,), b"POST", Phase.NOT_SENT),
        ((CONNECT, HEADERS), b"POST", Phase.SENT),
        ((CONNECT, "http2.send_request_headers.started"), b"GET", Phase.SENT),
        ((CONNECT, HEADERS), b"CONNECT", Phase.NOT_SENT),
        ((), b"POST", None),
    ],
)
@pytest.mark.parametrize("kind", [httpx.ReadError, httpx.ConnectError])
async def test_trace_proves_more_than_the_class(
    kind: type[Exception], events: tuple[str, ...], method: bytes, phase: Phase | None
) -> None:
    """No headers started means nothing was sent, whatever the class; a proxy's CONNECT is none of ours."""
    carrier = transport(Failing(lambda _: kind("made up"), *events, method=method))
    with pytest.raises(TransportError) as caught:
        await carrier.send(SUBMIT)
    by_class = Phase.NOT_SENT if kind is httpx.ConnectError else Phase.SENT
    assert caught.value.phase is (phase or by_class)


@pytest.mark.parametrize("kind", HTTPX_ERRORS)
async def test_no_signature_in_anything_an_error_shows(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in its text, its whole chain, the locals of all frames, nor in any log line at DEBUG."""
    caplog.set_level(logging.DEBUG)
    carrier = transport(Failing(lambda request: made(kind, request), CONNECT, HEADERS))
    with pytest.raises(TransportError) as caught:
        await carrier.send(SUBMIT)
    shown = all_text_of(caught.value) + caplog.text
    assert "sign=" not in shown
    assert signature(1700000000250) not in shown
    assert SECRET not in shown


async def test_error_that_holds_the_signed_url_is_named_by_its_class_only() -> None:
    """A transport of the user's that raises for a status writes the URL into the text."""
    carrier = transport(Failing(lambda request: made(httpx.HTTPStatusError, request)))
    with pytest.raises(TransportError, match=r"^sent, no answer: HTTPStatusError$") as caught:
        await carrier.send(SUBMIT)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


async def test_cause_is_kept_where_it_shows_nothing() -> None:
    """A person wants to know what happened below."""
    carrier = transport(Failing(lambda _: httpx.ReadError("made up")))
    with pytest.raises(TransportError, match=r"^sent, no answer: ReadError: made up$") as caught:
        await carrier.send(SUBMIT)
    assert isinstance(caught.value.__cause__, httpx.ReadError)
    assert isinstance(caught.value.__cause__.__cause__, OSError)


async def test_frames_are_cut_from_every_branch_of_a_chain() -> None:
    """A cause hides the context from a print, not from a reporter that walks it; groups too; a circle ends."""
    circle = ExceptionGroup("made up", [OSError("one")])

    def make(request: httpx.Request) -> BaseException:
        held = str(request.url)
        try:
            held = held[len(held)]
        except IndexError as inner:
            circle.__context__ = OSError("two").with_traceback(inner.__traceback__)
        circle.exceptions[0].__cause__ = circle
        return circle

    carrier = transport(Failing(make))
    with pytest.raises(TransportError) as caught:
        await carrier.send(SUBMIT)
    shown = all_text_of(caught.value)
    assert "sign=" not in shown
    assert "OSError: one" in shown


async def test_cancellation_is_not_mapped() -> None:
    """It goes up as it is, on both loops."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        carrier = transport(httpx.MockTransport(_never))
        await carrier.send(QUERY)
    assert scope.cancelled_caught


class Interrupted(BaseException):
    """As KeyboardInterrupt is: no Exception, and of no event loop. The real one would end the test run."""


async def test_no_signature_in_an_interrupt() -> None:
    """An interrupt goes up in person, without the frames below, whose locals hold the signed URL."""
    interrupt = Interrupted("made up")
    carrier = transport(Failing(lambda _: interrupt, CONNECT, HEADERS))
    with pytest.raises(Interrupted, match="made up") as caught:
        await carrier.send(SUBMIT)
    shown = all_text_of(interrupt)
    assert caught.value is interrupt
    assert "sign=" not in shown
    assert isinstance(interrupt.__cause__, OSError)


async def test_no_signature_in_a_cancellation() -> None:
    """Nor does a cancellation show it, and it still ends at its scope."""
    carrier = transport(httpx.MockTransport(_never))
    shown: list[str] = []
    with anyio.move_on_after(0.01) as scope:
        try:
            await carrier.send(SUBMIT)
        except anyio.get_cancelled_exc_class() as exc:
            shown.append(all_text_of(exc))
            raise
    assert scope.cancelled_caught
    assert len(shown) == 1
    assert "sign=" not in shown[0]


@pytest.mark.parametrize(
    ("events", "phase"), [((CONNECT,), Phase.NOT_SENT), ((CONNECT, HEADERS), Phase.SENT), ((), Phase.SENT)]
)
async def test_cancelled_call_tells_how_far_it_came(events: tuple[str, ...], phase: Phase) -> None:
    """A trace proves that nothing left; without one nothing is proven."""
    way = Way()
    carrier = transport(Failing(lambda _: Interrupted(), *events))
    with pytest.raises(Interrupted):
        await carrier.send(SUBMIT, way)
    assert way.phase is phase


async def _never(_: httpx.Request) -> httpx.Response:
    await anyio.sleep_forever()
    raise AssertionError
