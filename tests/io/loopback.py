"""A server below HTTP: it does to each connection what a test tells it, in threads beside the event loop."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import attrs

Behaviour = Callable[[socket.socket], None]


@attrs.define
class RawServer:
    """
    Hold a listening server's port and what it was sent.

    Args:
        port: On 127.0.0.1.
        connections: How many were accepted.
        closed: Is released once for each connection that was closed.
    """

    port: int
    connections: int = 0
    closed: threading.Semaphore = attrs.field(factory=lambda: threading.Semaphore(0))

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self.port}"


def read_request(connection: socket.socket) -> bytes:
    """Read one request, its content by its length; return what came if the other side hangs up."""
    content = b""
    while b"\r\n\r\n" not in content:
        piece = connection.recv(65536)
        if not piece:
            return content
        content += piece
    head, _, rest = content.partition(b"\r\n\r\n")
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    missing = int(lines.get(b"content-length", b"0")) - len(rest)
    while missing > 0:
        piece = connection.recv(65536)
        if not piece:
            break
        content += piece
        missing -= len(piece)
    return content


def reset(connection: socket.socket) -> None:
    """Close with RST: the other side reads a connection reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answer(*lines: bytes, content: bytes = b"") -> bytes:
    """Return an answer with these header lines, its length added."""
    length = b"content-length: %d" % len(content)
    return b"\r\n".join([b"HTTP/1.1 200 OK", *lines, length, b"", content])


@contextlib.contextmanager
def raw_server(*behaviours: Behaviour) -> Iterator[RawServer]:
    """Serve on loopback; connection n meets behaviour n, and the last one from then on."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = RawServer(listener.getsockname()[1])
    threads: list[threading.Thread] = []

    def meet(connection: socket.socket, behave: Behaviour) -> None:
        with connection, contextlib.suppress(OSError):
            behave(connection)
        server.closed.release()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(5)
                behave = behaviours[min(server.connections, len(behaviours) - 1)]
                server.connections += 1
                threads.append(threading.Thread(target=meet, args=(connection, behave), daemon=True))
                threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in [acceptor, *threads]:
            thread.join(10)
