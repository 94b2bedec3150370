"""Which connection a call goes out on: a submit on one of its own, a query on none that holds a foreign answer."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import anyio
import anyio.to_thread
import pytest
import trustme

from aidge_async._core.call import Call, Phase, Way
from aidge_async._io.transport import HttpTransport
from tests.io.carrier import QUERY, SUBMIT, transport
from tests.io.loopback import RawServer, answer, raw_server, read_request

OURS, FOREIGN = answer(content=b"{}"), answer(content=b'{"foreign":1}')


class Tls:
    """One end of TLS whose records are written to the socket when told to, so that several arrive as one piece."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._when_ready(self._tls.do_handshake)

    def recv(self, size: int) -> bytes:
        return self._when_ready(lambda: self._tls.read(size))

    def sendall(self, *records: bytes) -> None:
        for record in records:
            self._tls.write(record)
        self._connection.sendall(self._outgoing.read())

    def _when_ready(self, step: Callable[[], bytes | None]) -> bytes:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                done = None
                wants = True
            else:
                wants = False
            self._connection.sendall(self._outgoing.read())
            if not wants:
                return done or b""
            received = self._connection.recv(65536)
            if not received:
                return b""
            self._incoming.write(received)


@contextlib.contextmanager
def tls_server(behave: Callable[[Tls], None]) -> Iterator[tuple[RawServer, HttpTransport]]:
    """Serve over TLS, with a transport that trusts it."""
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    authority.configure_trust(ours)
    with raw_server(lambda connection: behave(Tls(connection, theirs))) as server:
        yield server, transport(base_url=server.url.replace("http:", "https:"), ssl_context=ours)


async def contents(carrier: HttpTransport, *calls: Call) -> list[bytes]:
    """Send the calls one after the other, close, and return what was answered."""
    answered = [(await carrier.send(call)).content for call in calls]
    await carrier.aclose()
    return answered


@pytest.mark.parametrize("second", [SUBMIT, QUERY])
@pytest.mark.parametrize("first", [SUBMIT, QUERY])
async def test_content_beyond_its_length_is_not_taken_for_the_next_answer(first: Call, second: Call) -> None:
    """What stands after the announced end belongs to nobody; the connection is not used again."""

    def two_at_once(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(OURS + FOREIGN)
        while read_request(connection):
            connection.sendall(OURS)

    with raw_server(two_at_once) as server:
        assert await contents(transport(base_url=server.url), first, second) == [b"{}", b"{}"]
    assert server.connections == 2


@pytest.mark.parametrize("records", [(OURS + FOREIGN,), (OURS, FOREIGN), (OURS[:-1], OURS[-1:] + FOREIGN[:9])])
async def test_foreign_answer_is_found_under_tls_too(records: tuple[bytes, ...]) -> None:
    """In the record of the answer, or in one of its own that came with it and is not decrypted yet."""

    def too_much(tls: Tls) -> None:
        while read_request(tls):  # type: ignore[arg-type]  # it only receives
            tls.sendall(*records)

    with tls_server(too_much) as (server, carrier):
        assert await contents(carrier, QUERY, QUERY, SUBMIT) == [b"{}"] * 3
    assert server.connections == 3


async def test_connection_is_used_again_under_tls() -> None:
    """Looking for a foreign answer finds none where there is none; a submit still has its own."""

    def answering(tls: Tls) -> None:
        while read_request(tls):  # type: ignore[arg-type]  # it only receives
            tls.sendall(OURS)

    with tls_server(answering) as (server, carrier):
        assert await contents(carrier, QUERY, SUBMIT, QUERY, QUERY) == [b"{}"] * 4
    assert server.connections == 2


async def test_foreign_answer_that_comes_later_is_not_taken_either() -> None:
    """A connection whose socket holds something while it is idle is not used again."""
    asked, sent = threading.Event(), threading.Event()

    def late(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(OURS)
        asked.wait(5)
        connection.sendall(FOREIGN)
        sent.set()
        read_request(connection)

    def well(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(OURS)

    with raw_server(late, well) as server:
        carrier = transport(base_url=server.url)
        assert (await carrier.send(QUERY)).content == b"{}"
        asked.set()
        await anyio.to_thread.run_sync(sent.wait)
        assert await contents(carrier, QUERY) == [b"{}"]


async def test_submit_has_a_connection_of_its_own() -> None:
    """None was used before it and none after it, and it says so; queries share theirs meanwhile."""
    log: list[list[bytes]] = []

    def note(connection: socket.socket) -> None:
        mine: list[bytes] = []
        log.append(mine)
        while request := read_request(connection):
            mine.append(request)
            connection.sendall(OURS)

    with raw_server(note) as server:
        await contents(transport(base_url=server.url), QUERY, SUBMIT, QUERY, SUBMIT, SUBMIT, QUERY)
    assert [len(requests) for requests in log] == [3, 1, 1, 1]
    closing = [b"\r\nconnection: close\r\n" in request.lower() for requests in log for request in requests]
    assert closing == [False, False, False, True, True, True]


@pytest.mark.parametrize("proxied", [False, True])
async def test_connection_is_used_again_through_a_proxy(proxied: bool) -> None:
    """One layer more lies round the connection then, and it is found all the same."""

    def note(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(OURS)

    with raw_server(note) as server:
        carrier = transport(base_url=server.url, proxy=server.url if proxied else None)
        await contents(carrier, QUERY, QUERY)
    assert server.connections == 1


async def test_call_cancelled_before_it_left_says_so() -> None:
    """While the handshake hangs nothing of the call has left; once the request is sent it may have arrived."""
    hello = threading.Event()

    def silent(connection: socket.socket) -> None:
        while connection.recv(65536):
            hello.set()

    for scheme, phase in (("https", Phase.NOT_SENT), ("http", Phase.SENT)):
        hello.clear()
        way = Way()
        with raw_server(silent) as server:
            carrier = transport(base_url=server.url.replace("http", scheme), ssl_context=ssl.create_default_context())
            async with anyio.create_task_group() as group:
                group.start_soon(carrier.send, SUBMIT, way)
                await anyio.to_thread.run_sync(hello.wait)
                group.cancel_scope.cancel()
            await carrier.aclose()
        assert way.phase is phase
