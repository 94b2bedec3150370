"""
A caller of the standard library alone that sees what happens to its connection: bytes, FIN or RST.

A second implementation of HTTP's other side; nothing of the package and no httpx may come in here.
"""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from tests.sandbox.by_hand import QUERY, SUBMIT, element, quoted, sign_v2, wrapped

PATIENCE = 5.0  # seconds; nothing here takes that long


@attrs.frozen
class Seen:
    """What came of one call, and how the connection ended: `FIN` or `RST`."""

    content: bytes
    ended: str


@attrs.frozen(kw_only=True)
class Peer:
    """Somebody who knows a sandbox's URL and key."""

    url: str
    key_name: str
    key_secret: str
    trust: ssl.SSLContext | None = None

    def connect(self) -> socket.socket:
        """Open a connection."""
        parts = urlsplit(self.url)
        raw = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)
        return raw if self.trust is None else self.trust.wrap_socket(raw, server_hostname=parts.hostname)

    def head(self, method: str, target: str, length: int) -> bytes:
        """Return the head of a call after which the server is to close the connection."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {urlsplit(self.url).netloc}", "Connection: close"]
        if length:
            lines += ["Content-Type: application/json", f"Content-Length: {length}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def target(self, path: str, *, offset: float = 0) -> str:
        """Return a signed target; the clock of its timestamp is off by *offset* seconds."""
        signed = sign_v2(self.key_name, self.key_secret)
        timestamp = int(signed["timestamp"]) + int(offset * 1000)
        return f"/rest{path}?{quoted(sign_v2(self.key_name, self.key_secret, timestamp=timestamp))}"

    def sent(self, path: str, fields: Any) -> socket.socket:
        """Return a connection on which a signed POST has been sent whole."""
        content = json.dumps(fields).encode()
        connection = self.connect()
        connection.sendall(self.head("POST", self.target(path), len(content)) + content)
        return connection

    def submit(self, **changes: Any) -> Seen:
        """Submit, and read to the end of the connection."""
        return read_to_the_end(self.sent(SUBMIT, wrapped(element(**changes))))

    def query(self, task_id: str = "x") -> Seen:
        """Query, and read to the end of the connection."""
        return read_to_the_end(self.sent(QUERY, {"taskId": task_id}))

    def get(self, url: str, *, method: str = "GET") -> Seen:
        """Ask for a picture, and read to the end of the connection."""
        parts = urlsplit(url)
        connection = self.connect()
        connection.sendall(self.head(method, f"{parts.path}?{parts.query}", 0))
        return read_to_the_end(connection)


def read_to_the_end(connection: socket.socket) -> Seen:
    """Return what comes until the connection ends."""
    content = b""
    with connection:
        while True:
            try:
                piece = connection.recv(65_536)
            except ConnectionResetError:
                return Seen(content, "RST")
            except ssl.SSLError:  # TLS that ends without its own goodbye
                return Seen(content, "RST")
            if not piece:
                return Seen(content, "FIN")
            content += piece


@attrs.frozen(kw_only=True)
class Exchange:
    """A whole answer, as `http.client` reads it."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        """Return the content as JSON."""
        return dict(json.loads(self.content))


def call(peer: Peer, path: str, fields: Any, *, offset: float = 0) -> Exchange:
    """Return the answer to a signed POST."""
    content = json.dumps(fields)
    return ask(peer, "POST", peer.target(path, offset=offset), content, {"Content-Type": "application/json"})


def ask(peer: Peer, method: str, target: str, content: str | None = None, headers: Any = None) -> Exchange:
    """Return the answer to any call."""
    connection = http.client.HTTPConnection(urlsplit(peer.url).netloc, timeout=PATIENCE)
    try:
        connection.request(method, target, content, headers or {})
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Exchange(status=response.status, headers=fields, content=response.read())
    finally:
        connection.close()


def submit(peer: Peer, **changes: Any) -> Exchange:
    """Return the answer to a submit."""
    return call(peer, SUBMIT, wrapped(element(**changes)))


def query(peer: Peer, task_id: str) -> Exchange:
    """Return the answer to a query."""
    return call(peer, QUERY, {"taskId": task_id})
