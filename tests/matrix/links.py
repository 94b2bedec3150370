"""
Links that lead elsewhere, answers that are wrong or torn, and places that are not what they seem.

What must come of them is the row's matter.
"""

import gzip
import itertools
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import anyio
import attrs
import pytest
import trio

from tests.io.loopback import answer, read_request
from tests.io.storage import PICTURE
from tests.io.test_download_links import redirect

GIGABYTES: Final = 5 * 1024**3
NOT_THERE: Final = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
EXPIRED: Final = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"
CHUNKED: Final = b"transfer-encoding: chunked"
CLOSES: Final = b"connection: close"
CUT: Final = PICTURE[: len(PICTURE) // 2]


@attrs.frozen
class Bad:
    """
    One answer to a link, given whenever it is asked for.

    Args:
        says: What the error must say.
        asks: How often the gateway must be asked for a fresh link.
    """

    name: str
    given: bytes
    says: str
    asks: int = 1


REDIRECTS: Final = [
    Bad(f"redirect to {kind}", redirect(to), "is not fetched$")
    for kind, to in (
        ("link-local", "https://169.254.169.254/latest/meta-data/"),
        ("link-local, IPv6", "https://[fe80::1]/a"),
        ("private", "https://10.0.0.1/a"),
        ("private, another", "https://192.168.1.1:8080/a"),
        ("private, IPv6", "https://[fc00::1]/a"),
        ("IPv4-mapped", "https://[::ffff:10.0.0.1]/a"),
        ("IPv4-mapped link-local", "https://[::ffff:169.254.169.254]/a"),
        ("NAT64", "https://[64:ff9b::a00:1]/a"),
        ("a decimal address", "https://167772161/a"),
        ("a name for inside", "https://inside.example/a"),
        ("a file", "file:///etc/passwd"),
        ("plain http elsewhere", "http://example.com/a"),
        ("itself", "/a.png"),
    )
]


def _told(*lines: bytes, content: bytes) -> bytes:
    """Return an answer with these field lines, after which the connection is closed."""
    return b"\r\n".join([b"HTTP/1.1 200 OK", CLOSES, *lines, b"", content])


ANSWERS: Final = [
    Bad("wrong type: HTML", answer(b"content-type: image/png", content=b"<html>"), "is no picture"),
    Bad("wrong type: PDF", answer(b"content-type: image/png", content=b"%PDF-1.7"), "is no picture"),
    Bad("gzip bomb", answer(b"content-encoding: gzip", content=gzip.compress(bytes(200_000_000), 1)), "is no picture"),
    Bad("more announced", _told(b"content-length: 9999", content=PICTURE), "not fetched"),
    Bad("less announced", _told(b"content-length: 3", content=PICTURE), "is no picture"),
    Bad("a length that is none", _told(b"content-length: x", content=PICTURE), "not fetched"),
    Bad("cut, its length announced", _told(b"content-length: %d" % len(PICTURE), content=CUT), "not fetched"),
    Bad("cut, no length", _told(content=CUT), "was cut after"),
    Bad("cut, the cut length announced", answer(content=CUT), "was cut after"),
    Bad("cut in a chunk", _told(CHUNKED, content=b"ff\r\n" + CUT[:9]), "not fetched"),
    Bad(
        "cut between chunks", _told(b"transfer-encoding: chunked", content=b"3\r\n" + CUT[:3] + b"\r\n"), "not fetched"
    ),
    Bad("expired link", EXPIRED, "its link has expired"),
    Bad("gone", NOT_THERE, "HTTP 404"),
]


@contextmanager
def names_inside(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> Iterator[None]:
    """Let every name stand for the next of these addresses, on either loop."""
    turn = itertools.cycle(addresses)
    known = anyio.getaddrinfo

    async def look_up(host: str, port: int, **options: Any) -> Any:
        if not host.endswith((".example", ".aliyuncs.com")):
            return await known(host, port, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(turn), port))]

    with monkeypatch.context() as patch:
        patch.setattr(anyio, "getaddrinfo", look_up)
        yield


def pour(sent: list[int]) -> Callable[[socket.socket], None]:
    """Return a server that announces 5 GB and sends until it is hung up on."""

    def behave(connection: socket.socket) -> None:
        while read_request(connection):
            sent.append(0)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % GIGABYTES + PICTURE[:32])
            piece = bytes(1024 * 1024)
            while sent[-1] < GIGABYTES:
                connection.sendall(piece)
                sent[-1] += len(piece)

    return behave


@contextmanager
def room(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: the kernel refuses as it does on a full disk."""
    _, most = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def stood_in_for(address: str, port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let whoever connects to *address* reach this machine's *port*, on either loop."""
    on_asyncio, on_trio = anyio.connect_tcp, trio.open_tcp_stream

    def led(host: str, wanted: int) -> tuple[str, int]:
        return ("127.0.0.1", port) if host == address else (host, wanted)

    async def connect(remote_host: str, remote_port: int, **options: Any) -> Any:
        return await on_asyncio(*led(remote_host, remote_port), **options)

    async def open_stream(host: str, port: int, **options: Any) -> Any:
        return await on_trio(*led(host, port), **options)

    with monkeypatch.context() as patch:
        patch.setattr(anyio, "connect_tcp", connect)
        patch.setattr(trio, "open_tcp_stream", open_stream)
        yield
