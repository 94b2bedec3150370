"""The free list: who gets which connection, and which are never used again. In virtual time, without sockets."""

import ssl
from typing import Any

import anyio
import httpx
import pytest

from aidge_async._io.connections import FreeList, OneConnection, environment_proxy
from aidge_async.testing.clock import virtual_backend


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Run in virtual time: what hangs is over in a moment."""
    return virtual_backend(request.param)


class Content(httpx.AsyncByteStream):
    """A content that notes whether it was closed."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.closed = False

    async def __aiter__(self) -> Any:
        for piece in self._pieces:
            if self.closed:
                raise httpx.ReadError("closed")
            yield piece

    async def aclose(self) -> None:
        self.closed = True


class Connection(httpx.AsyncBaseTransport):
    """A connection that answers when it is told to, and notes whether it was closed."""

    def __init__(self, number: int, *, hangs_on_close: bool = False) -> None:
        self.number = number
        self.go = anyio.Event()
        self.fails: Exception | None = None
        self.closed = False
        self.surplus = False
        self._hangs_on_close = hangs_on_close

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self.go.wait()
        if self.fails is not None:
            raise self.fails
        return httpx.Response(200, stream=Content(b"%d" % self.number), request=request)

    def has_surplus(self) -> bool:
        return self.surplus

    async def aclose(self) -> None:
        self.closed = True
        if self._hangs_on_close:
            await anyio.sleep_forever()


class Made:
    """Makes connections and remembers them."""

    def __init__(self, *, answers: bool = True, **options: bool) -> None:
        self.all: list[Connection] = []
        self._answers = answers
        self._options = options

    async def __call__(self) -> Connection:
        connection = Connection(len(self.all), **self._options)
        if self._answers:
            connection.go.set()
        self.all.append(connection)
        return connection


def request() -> httpx.Request:
    """Return any request."""
    return httpx.Request("POST", "https://gateway.example/")


async def ask(connections: FreeList, into: list[str] | None = None) -> str:
    """Send one request and return the number of the connection that carried it."""
    number = (await connections.carry(request())).content.decode()
    if into is not None:
        into.append(number)
    return number


async def three_at_once(connections: FreeList, made: Made) -> None:
    """Have three connections in use at once, and give them back in the order 1, 0, 2."""
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask, connections)
        await anyio.wait_all_tasks_blocked()
        for number in (1, 0, 2):
            made.all[number].go.set()
            await anyio.wait_all_tasks_blocked()


async def test_idle_connection_is_taken_last_in_first_out() -> None:
    """The one used last is the least likely to have gone stale."""
    made = Made(answers=False)
    connections = FreeList(made)
    await three_at_once(connections, made)
    assert repr(connections) == "<FreeList, 3 idle connections>"
    for connection in made.all:
        connection.go = anyio.Event()
    order: list[str] = []
    async with anyio.create_task_group() as group:
        for number in (2, 0, 1):
            group.start_soon(ask, connections, order)
            await anyio.wait_all_tasks_blocked()
            made.all[number].go.set()
            await anyio.wait_all_tasks_blocked()
            made.all[number].go = anyio.Event()
            connections._idle.remove(made.all[number])
    assert order == ["2", "0", "1"]


async def test_each_call_in_flight_has_a_connection_of_its_own() -> None:
    """Nobody waits for another's answer; one after another they share one."""
    made = Made(answers=False)
    await three_at_once(FreeList(made), made)
    assert len(made.all) == 3
    alone = Made()
    connections = FreeList(alone)
    assert [await ask(connections) for _ in range(4)] == ["0"] * 4


async def test_failed_connection_is_closed_and_never_used_again() -> None:
    """Whatever state it is in."""
    made = Made()
    connections = FreeList(made)
    await ask(connections)
    made.all[0].fails = httpx.ReadError("reset")
    with pytest.raises(httpx.ReadError, match="reset"):
        await ask(connections)
    assert made.all[0].closed
    assert await ask(connections) == "1"


async def test_connection_with_a_surplus_is_closed_and_never_used_again() -> None:
    """What stands behind its answer belongs to nobody."""
    made = Made()
    connections = FreeList(made)
    await ask(connections)
    made.all[0].surplus = True
    assert [await ask(connections), await ask(connections)] == ["0", "1"]
    assert made.all[0].closed


async def test_request_that_closes_its_connection_has_one_of_its_own() -> None:
    """None that was used before, and none is left of it; the idle ones stay for others."""
    made = Made()
    connections = FreeList(made)
    await ask(connections)
    closing = httpx.Request("POST", "https://gateway.example/", headers={"connection": "close"})
    assert (await connections.carry(closing)).content == b"1"
    assert [connection.closed for connection in made.all] == [False, True]
    assert await ask(connections) == "0"


async def test_cancelled_connection_is_closed_and_never_used_again() -> None:
    """Its answer may still come."""
    made = Made(answers=False)
    connections = FreeList(made)
    with anyio.move_on_after(1) as scope:
        await ask(connections)
    assert scope.cancelled_caught
    assert made.all[0].closed
    assert repr(connections) == "<FreeList, 0 idle connections>"


async def test_connection_that_does_not_close_holds_nobody() -> None:
    """Two seconds, shielded from the cancellation that caused it."""
    connections = FreeList(Made(answers=False, hangs_on_close=True))
    begun = anyio.current_time()
    with anyio.move_on_after(1):
        await ask(connections)
    assert anyio.current_time() - begun == pytest.approx(3)


@pytest.mark.parametrize(("pieces", "error"), [([b"a", b"b"], None), ([bytes(1024)] * 1025, httpx.TransportError)])
async def test_content_is_read_whole_and_closed(pieces: list[bytes], error: type[Exception] | None) -> None:
    """The connection is free when the answer is returned; over the cap it is closed with the connection."""
    content = Content(*pieces)
    made = Made()

    async def handle(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=content)

    connections = FreeList(made)
    (await made()).handle_async_request = handle  # type: ignore[method-assign,assignment]  # the one double answers otherwise
    connections._idle.append(made.all[0])
    if error is None:
        reply = await connections.carry(request())
        assert reply.content == b"".join(pieces)
    else:
        with pytest.raises(error, match="over 1048576 bytes"):
            await connections.carry(request())
    assert content.closed
    assert made.all[0].closed is (error is not None)


async def test_closing_closes_the_idle_and_then_those_in_use() -> None:
    """A call under way gets its answer, and its connection is not kept."""
    made = Made(answers=False)
    connections = FreeList(made)
    async with anyio.create_task_group() as group:
        group.start_soon(ask, connections)
        group.start_soon(ask, connections)
        await anyio.wait_all_tasks_blocked()
        made.all[0].go.set()
        await anyio.wait_all_tasks_blocked()
        await connections.aclose()
        assert [connection.closed for connection in made.all] == [True, False]
        made.all[1].go.set()
    assert [connection.closed for connection in made.all] == [True, True]
    assert repr(connections) == "<FreeList, 0 idle connections>"


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://api.aidc-ai.com", None),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, "https://api.aidc-ai.com", "http://proxy.example:3128"),
        ({"https_proxy": "proxy.example:3128"}, "https://api.aidc-ai.com", "http://proxy.example:3128"),
        ({"ALL_PROXY": "http://proxy.example"}, "https://api.aidc-ai.com", "http://proxy.example"),
        ({"HTTP_PROXY": "http://proxy.example"}, "https://api.aidc-ai.com", None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "aidc-ai.com"}, "https://api.aidc-ai.com", None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, "https://api.aidc-ai.com:8443", None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "other.example"}, "https://api.aidc-ai.com:8443", "http://p"),
    ],
)
def test_proxy_is_what_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, proxy: str | None
) -> None:
    """HTTPS_PROXY and its kin, less NO_PROXY; a proxy without a scheme is http."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert environment_proxy(url) == proxy


async def test_connection_of_ours_is_one() -> None:
    """httpx's pool below is held to a single connection, kept for four seconds."""
    transport = OneConnection(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), proxy=None)
    pool: Any = transport._pool
    assert (pool._max_connections, pool._max_keepalive_connections, pool._keepalive_expiry) == (1, 1, 4.0)
    await transport.aclose()


class Layer:
    """What httpcore might put round a connection one day."""

    def __init__(self, **inner: Any) -> None:
        vars(self).update(inner)


@pytest.mark.parametrize("layer", [Layer(), Layer(_connection=None), Layer(_connection=Layer(_other=1))])
async def test_connection_whose_inside_is_not_found_has_a_surplus(layer: Layer) -> None:
    """A handshake too many is better than another call's answer."""
    transport = OneConnection(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), proxy=None)
    assert not transport.has_surplus()
    pool: Any = transport._pool
    pool._connections.append(layer)
    assert transport.has_surplus()


async def test_fields_are_told_by_lower_case_name() -> None:
    """Repeated ones are joined (RFC 9110 5.3), and those about the content as it travelled are left out."""

    async def handle(_: httpx.Request) -> httpx.Response:
        headers = [
            (b"Retry-After", b"7"),
            (b"Via", b"a"),
            (b"via", b"b"),
            (b"Content-Length", b"1"),
            (b"Date", b"\xe4"),
        ]
        return httpx.Response(200, headers=headers, stream=Content(b"x"))

    made = Made()
    connections = FreeList(made)
    (await made()).handle_async_request = handle  # type: ignore[method-assign,assignment]  # the one double answers otherwise
    connections._idle.append(made.all[0])
    reply = await connections.carry(request())
    assert reply.fields == {"retry-after": "7", "via": "a, b", "date": "\xe4"}
