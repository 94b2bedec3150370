"""The proxy that breaks connections: each trouble does what it is called, by its seed, and heals."""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from tests.chaos import ChaosProxy, Trouble, chaos_proxy
from tests.io.loopback import RawServer, raw_server

ASKED = b"POST /submit HTTP/1.1\r\ncontent-length: 10\r\n\r\n0123456789"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz"
HEAD = len(ASKED) - 10


class Listener:
    """Keeps what it was sent, and answers each whole request."""

    def __init__(self) -> None:
        self.heard = b""

    def __call__(self, connection: socket.socket) -> None:
        """Listen until the other side ends."""
        while piece := connection.recv(65536):
            self.heard += piece
            if piece.endswith(ASKED[-1:]):
                connection.sendall(ANSWER)


@pytest.fixture
def listener() -> Listener:
    """Return what the server heard."""
    return Listener()


@pytest.fixture
def server(listener: Listener) -> Iterator[RawServer]:
    """Run a server that answers."""
    with raw_server(listener) as running:
        yield running


@contextlib.contextmanager
def connected(proxy: ChaosProxy) -> Iterator[socket.socket]:
    """Connect."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3) as connection:
        yield connection


def said(connection: socket.socket, asked: bytes = ASKED) -> bytes:
    """Ask, and return what comes until it is whole, over, or nothing more comes."""
    connection.sendall(asked)
    answer = b""
    with contextlib.suppress(TimeoutError):
        while not answer.endswith(ANSWER[-1:]):
            piece = connection.recv(65536)
            if not piece:
                break
            answer += piece
    return answer


def test_untroubled_bytes_pass_both_ways(server: RawServer, listener: Listener) -> None:
    """Without a trouble it is a wire, and counts exchanges on one connection."""
    with chaos_proxy(server.url) as proxy, connected(proxy) as connection:
        assert [said(connection), said(connection)] == [ANSWER, ANSWER]
        assert (proxy.connections, proxy.exchanges, proxy.struck) == (1, 2, 0)
    assert listener.heard == ASKED * 2


@pytest.mark.parametrize(
    ("trouble", "answer"),
    [
        (Trouble(kind="cut", at=9), ANSWER[:9]),
        (Trouble(kind="cut"), b""),
        (Trouble(kind="half_close", at=20), ANSWER[:20]),
        (Trouble(kind="silence", at=12), ANSWER[:12]),
        (Trouble(kind="duplicate", at=40, size=4), ANSWER[:44] + ANSWER[40:]),
        (Trouble(kind="delay", at=5, seconds=0.05), ANSWER),
        (Trouble(kind="drip", at=len(ANSWER) - 3, seconds=0.01), ANSWER),
    ],
    ids=lambda value: value.kind if isinstance(value, Trouble) else None,
)
def test_way_down_is_broken_at_its_byte(server: RawServer, listener: Listener, trouble: Trouble, answer: bytes) -> None:
    """The server hears all and answers; the client gets what the trouble leaves of that."""
    with chaos_proxy(server.url, trouble) as proxy, connected(proxy) as connection:
        assert said(connection) == answer
        assert proxy.struck == 1
    assert listener.heard == ASKED


@pytest.mark.parametrize("kind", ["cut", "silence", "half_close"])
def test_way_up_is_broken_at_its_byte(server: RawServer, listener: Listener, kind: str) -> None:
    """The server hears only what was let through."""
    trouble = Trouble(kind=kind, way="up", at=HEAD + 4)  # type: ignore[arg-type]  # one of three words
    with chaos_proxy(server.url, trouble) as proxy, connected(proxy) as connection:
        connection.settimeout(0.1)
        assert said(connection) == b""
    assert server.closed.acquire(timeout=5)
    assert listener.heard == ASKED[: HEAD + 4]


def test_reset_is_a_reset(server: RawServer) -> None:
    """The client reads ECONNRESET, not an end."""
    with chaos_proxy(server.url, Trouble(kind="reset", at=9)) as proxy, connected(proxy) as connection:
        connection.sendall(ASKED)
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: connection.recv(65536), b""))


def test_corrupted_bytes_are_of_the_seed(server: RawServer) -> None:
    """Only the bytes asked for are turned over, none stays as it was, and a seed turns them the same again."""

    def seen(seed: int) -> bytes:
        trouble = Trouble(kind="corrupt", at=10, size=5)
        with chaos_proxy(server.url, trouble, seed=seed) as proxy, connected(proxy) as connection:
            return said(connection)

    first, again, other = seen(1), seen(1), seen(2)
    assert first == again != other
    assert (first[:10], first[15:]) == (ANSWER[:10], ANSWER[15:])
    assert all(one != two for one, two in zip(first[10:15], ANSWER[10:15], strict=True))


def test_share_is_of_the_seed_and_of_those_it_is_about(server: RawServer) -> None:
    """Of the exchanges that a trouble is about the seed picks the same ones again; others pass."""

    def struck(seed: int) -> list[int]:
        counts = []
        trouble = Trouble(kind="delay", seconds=0, to=b"/submit", share=0.3)
        with chaos_proxy(server.url, trouble, seed=seed) as proxy, connected(proxy) as connection:
            for _ in range(40):
                said(connection)
                counts.append(proxy.struck)
            said(connection, ASKED.replace(b"/submit", b"/query"))
            assert proxy.struck == counts[-1]
        return counts

    first = struck(3)
    assert first == struck(3) != struck(4)
    assert 5 <= first[-1] <= 20


def test_refused_and_swallowed_connections_heal(server: RawServer) -> None:
    """A shut door refuses, a black hole lets nobody in, and an open one serves again."""
    with chaos_proxy(server.url) as proxy:
        proxy.door("refuse")
        with pytest.raises(ConnectionRefusedError), connected(proxy):
            pass
        proxy.door("black_hole")
        began = time.monotonic()
        with pytest.raises(TimeoutError), connected(proxy):
            pass
        assert time.monotonic() - began > 0.25
        proxy.door("open")
        with connected(proxy) as connection:
            assert said(connection) == ANSWER


def test_tunnel_is_refused_or_dug(server: RawServer) -> None:
    """CONNECT gets 403, or the way to the one server there is."""
    asked = b"CONNECT gateway.example:443 HTTP/1.1\r\n\r\n"
    with chaos_proxy(server.url) as proxy:
        proxy.refuses_tunnels = True
        with connected(proxy) as connection:
            assert said(connection, asked).startswith(b"HTTP/1.1 403")
        proxy.refuses_tunnels = False
        with connected(proxy) as connection:
            assert said(connection, asked).startswith(b"HTTP/1.1 200")
            assert said(connection) == ANSWER


def test_broken_handshake_heals(server: RawServer) -> None:
    """What a TLS client is sent is broken from its first byte: an exchange begins with whatever a client says."""
    context = ssl.create_default_context()
    with chaos_proxy(server.url, Trouble(kind="cut")) as proxy, connected(proxy) as connection:
        with pytest.raises((ssl.SSLError, OSError)):
            context.wrap_socket(connection, server_hostname="localhost")
        assert proxy.struck == 1
