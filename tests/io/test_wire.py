"""What becomes of a call when the connection itself goes wrong, over real sockets on loopback."""

import gzip
import logging
import re
import socket
import ssl
import traceback
import zlib
from typing import Any

import anyio
import pytest

from aidge_async._core.call import Call, Content, Phase, Reply, TransportError
from aidge_async._io import connections
from aidge_async._io.tls import TlsContext
from aidge_async._io.transport import HttpTransport
from aidge_async.config import Settings
from aidge_async.tuning import Deadlines
from tests.io.loopback import Behaviour, RawServer, answer, raw_server, read_request, reset

SUBMIT = Call(kind="submit", path="/ai/submit", content=Content(b'{"a":"', bytes(100_000), b'"}'))
QUERY = Call(kind="query", path="/ai/query", content=Content(b'{"taskId":"t-1"}'))


def carrier_to(url: str, tls: ssl.SSLContext | None = None, **options: Any) -> HttpTransport:
    """Return a transport for a server at *url*, over a free list of real connections."""
    settings = Settings(key_name="512345", key_secret="made-up-secret", base_url=url)
    return HttpTransport(settings, deadlines=Deadlines(connect=5, submit=5, query=5), tls=TlsContext(tls), **options)


async def send(url: str, call: Call = SUBMIT, **options: Any) -> Reply:
    """Send one call and close."""
    carrier = carrier_to(url, **options)
    try:
        return await carrier.send(call)
    finally:
        with anyio.CancelScope(shield=True):
            await carrier.aclose()


def says(content: bytes, *, then_reset: bool = False) -> Behaviour:
    """Return a behaviour: read the request whole, send *content*, close."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(content)
        if then_reset:
            reset(connection)

    return behave


def hang_up(_: socket.socket) -> None:
    """Accept and close."""


def reset_in_the_middle(connection: socket.socket) -> None:
    """Read some of the request, then reset."""
    connection.recv(100)
    reset(connection)


SENT = [
    pytest.param(hang_up, id="accepted and closed"),
    pytest.param(reset_in_the_middle, id="reset under the upload"),
    pytest.param(says(b""), id="closed after the request"),
    pytest.param(says(b"", then_reset=True), id="reset after the request"),
    pytest.param(says(b"HTTP/1.1 20"), id="half a status line"),
    pytest.param(says(b"HTTP/1.1 200 OK\r\ncontent-le"), id="half a header"),
    pytest.param(says(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}"), id="truncated content"),
    pytest.param(says(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}", then_reset=True), id="reset in the content"),
    pytest.param(says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{}"), id="truncated chunk"),
    pytest.param(says(b"HTTP/1.1 200 OK\r\ncontent-length: minus\r\n\r\n{}"), id="a length that is none"),
    pytest.param(says(b"\0\1\2\3garbage\r\n\r\n"), id="garbage"),
    pytest.param(says(b"SSH-2.0-OpenSSH_9.6\r\n"), id="another protocol"),
]


@pytest.mark.parametrize("behave", SENT)
async def test_lost_answer_means_sent(behave: Behaviour, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever happens once the headers are started, the gateway may have the call; and no log shows the signature."""
    caplog.set_level(logging.DEBUG)
    with raw_server(behave) as server, pytest.raises(TransportError) as caught:
        await send(server.url)
    assert caught.value.phase is Phase.SENT
    assert server.connections == 1
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = caplog.text + "".join(report.format()) + repr(caught.value)
    assert "send_request_headers" in shown
    assert not re.search(r"sign=|[0-9A-F]{64}|made-up-secret'", shown)


async def test_refused_connection_means_not_sent() -> None:
    """Nothing listens there."""
    with raw_server(hang_up) as server:
        url = server.url
    with pytest.raises(TransportError, match=r"^not sent: ConnectError: ") as caught:
        await send(url)
    assert caught.value.phase is Phase.NOT_SENT


async def test_failed_handshake_means_not_sent() -> None:
    """A server that does not speak TLS gets no request."""
    seen: list[bytes] = []

    def plain(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with raw_server(plain) as server, pytest.raises(TransportError, match=r"^not sent: ConnectError") as caught:
        await send(server.url.replace("http:", "https:"), tls=ssl.create_default_context())
    assert caught.value.phase is Phase.NOT_SENT
    assert seen
    assert b"sign=" not in seen[0]


async def test_proxy_that_refuses_means_not_sent_and_sees_no_signature() -> None:
    """CONNECT is none of our calls, and names the host only."""
    seen: list[bytes] = []

    def proxy(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")

    with raw_server(proxy) as server, pytest.raises(TransportError, match=r"^not sent: ProxyError: 403") as caught:
        await send("https://gateway.example", proxy=server.url)
    assert caught.value.phase is Phase.NOT_SENT
    assert seen[0].startswith(b"CONNECT gateway.example:443 HTTP/1.1")
    assert b"sign" not in seen[0]


async def test_upload_goes_over_the_wire_to_the_byte() -> None:
    """One length, no chunks, and the content whole."""
    seen: list[bytes] = []

    def note(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(answer(content=b"{}"))

    with raw_server(note) as server:
        reply = await send(server.url)
    head, _, content = seen[0].partition(b"\r\n\r\n")
    assert SUBMIT.content is not None
    assert content == b"".join(SUBMIT.content.chunks())
    assert b"content-length: %d" % len(content) in head
    assert b"transfer-encoding" not in head
    assert reply == Reply(status_code=200, content=b"{}")


PLAIN = b'{"code":"0"}'


@pytest.mark.parametrize(
    ("encoding", "content", "expected"),
    [
        (b"gzip", gzip.compress(PLAIN), PLAIN),
        (b"GZIP", gzip.compress(PLAIN), PLAIN),
        (b"deflate", zlib.compress(PLAIN), PLAIN),
        (b"gzip", b"no gzip at all", b"no gzip at all"),
        (b"br", b"\x0b\x05\x80", b"\x0b\x05\x80"),
        (b"identity", PLAIN, PLAIN),
    ],
)
async def test_answer_that_is_compressed_all_the_same_is_read(encoding: bytes, content: bytes, expected: bytes) -> None:
    """Identity was asked for; what cannot be inflated stays as it is, and is unreadable further up."""
    with raw_server(says(answer(b"content-encoding: " + encoding, content=content))) as server:
        reply = await send(server.url)
    assert reply.content == expected
    assert "content-encoding" not in reply.fields


async def test_bomb_is_inflated_to_a_megabyte_and_no_further() -> None:
    """255 KiB may mean 256 MiB."""
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    with raw_server(says(answer(b"content-encoding: gzip", content=bomb))) as server:
        reply = await send(server.url)
    assert len(reply.content) == connections.MOST_REPLY_BYTES


@pytest.mark.parametrize(("over", "read"), [(0, True), (1, False)])
async def test_answer_over_a_megabyte_is_not_read_on(over: int, read: bool) -> None:
    """The cap itself is read; a byte more is a fault of the other side, and the call was sent."""
    content = b"x" * (connections.MOST_REPLY_BYTES + over)
    with raw_server(says(answer(content=content))) as server:
        if read:
            assert len((await send(server.url)).content) == len(content)
            return
        with pytest.raises(
            TransportError, match=r"^sent, no answer: ReplyTooLargeError: the answer is over 1048576 bytes"
        ):
            await send(server.url)


async def test_endless_answer_is_not_read_on() -> None:
    """Without a length, the cap alone ends it."""

    def pour(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(bytes(65536))

    with raw_server(pour) as server, pytest.raises(TransportError, match="ReplyTooLargeError"):
        await send(server.url)


def keeps_alive(server_log: list[int]) -> Behaviour:
    """Return a behaviour: answer every request on one connection until the other side closes it."""

    def behave(connection: socket.socket) -> None:
        number = len(server_log)
        server_log.append(0)
        while read_request(connection):
            server_log[number] += 1
            connection.sendall(answer(content=b"{}"))

    return behave


async def test_connection_is_used_again() -> None:
    """Query after query on one connection."""
    log: list[int] = []
    with raw_server(keeps_alive(log)) as server:
        carrier = carrier_to(server.url)
        for _ in range(5):
            await carrier.send(QUERY)
        await carrier.aclose()
    assert log == [5]


async def test_connection_closed_by_the_other_side_is_not_used_again() -> None:
    """The commonest avoidable doubt: a keep-alive connection that the server gave up meanwhile."""

    def once(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer(content=b"{}"))

    with raw_server(once) as server:
        carrier = carrier_to(server.url)
        for _ in range(3):
            await carrier.send(QUERY)
            await anyio.to_thread.run_sync(server.closed.acquire)
        await carrier.aclose()
    assert server.connections == 3


async def test_cancelled_call_leaves_no_connection_behind() -> None:
    """The next call takes a fresh one; the answer of the cancelled one is nobody's."""
    first: list[RawServer] = []
    asked = anyio.Event()

    def silent(connection: socket.socket) -> None:
        read_request(connection)
        anyio_loop(asked.set)
        connection.recv(1)

    async with anyio.create_task_group() as group:
        token = anyio.lowlevel.current_token()

        def anyio_loop(function: Any) -> None:
            anyio.from_thread.run_sync(function, token=token)

        with raw_server(silent, says(answer(content=b"{}"))) as server:
            first.append(server)
            carrier = carrier_to(server.url)
            with anyio.CancelScope() as scope:
                group.start_soon(_cancel_when, asked, scope)
                await carrier.send(QUERY)
            assert scope.cancelled_caught
            reply = await carrier.send(QUERY)
            await carrier.aclose()
    assert (reply.content, server.connections) == (b"{}", 2)


async def _cancel_when(event: anyio.Event, scope: anyio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
