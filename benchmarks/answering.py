"""
A server that answers calls at once, in a process of its own, for as little CPU as asyncio needs.

It parses a request no further than its length, so that on a machine of few cores a client's figures are not the
server's; it judges nothing, unlike the sandbox. Each query is answered "running", each submit with a task. As a script
it is that process.
"""

import asyncio
import contextlib
import itertools
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import attrs

from aidge_async._core import gateway

_ROOT: Final = Path(__file__).parents[1]
_BODY: Final = {"code": "0", "requestId": "made-up", "success": True, "resCode": "200", "resMessage": "success"}
_RUNNING: Final = json.dumps({**_BODY, "data": {"taskId": "made-up-1", "taskStatus": "running"}}).encode()
_ACCEPTED: Final = json.dumps({**_BODY, "data": {"result": {"taskId": "made-up-%d"}}}).encode()
_SUBMIT: Final = gateway.MODEL_ALTERNATION_SUBMIT_PATH.encode() + b"?"
_BACKLOG: Final = 4096


@attrs.frozen(kw_only=True)
class Answering:
    """
    Hold a running server.

    Args:
        url: Base URL, without a trailing slash.
        trust: Trusts its certificate, where it speaks TLS.
    """

    url: str
    trust: ssl.SSLContext | None


@contextlib.contextmanager
def answering_process(*, tls: bool = False) -> Iterator[Answering]:
    """Run it in another process while the block lasts; over TLS with a certificate made for the occasion."""
    with TemporaryDirectory() as folder:
        trust = _certified(Path(folder)) if tls else None
        command = [sys.executable, "-m", "benchmarks.answering", *([folder] if tls else [])]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
        try:
            assert process.stdout is not None, "a pipe was asked for"
            port = int(process.stdout.readline())
            yield Answering(url=f"http{'s' if tls else ''}://127.0.0.1:{port}", trust=trust)
        finally:
            process.kill()  # it has nothing to tidy up
            process.communicate()


def _certified(folder: Path) -> ssl.SSLContext:
    import trustme

    authority, trust = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trust)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    return trust


class _Exchange(asyncio.Protocol):
    """Answer request after request on one connection."""

    _numbers = itertools.count()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._head = b""
        self._missing = -1
        """Bytes of the content still to come; -1 while the head is read."""

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head, data = self._head[:end], self._head[end + 4 :]
            length = self._head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            self._missing = int(length or 0)
        self._missing -= len(data)
        if self._missing == 0:
            self._answer()

    def _answer(self) -> None:
        submit = _SUBMIT in self._head.partition(b"\r\n")[0]
        content = _ACCEPTED % next(self._numbers) if submit else _RUNNING
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(content), content))
        if b"\r\nconnection: close" in self._head.lower():
            self._transport.close()
        self._head, self._missing = b"", -1


async def _serve(folder: str | None) -> None:
    tls = None
    if folder:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(Path(folder) / "server.pem")
    server = await asyncio.get_running_loop().create_server(_Exchange, "127.0.0.1", 0, ssl=tls, backlog=_BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _watch() -> None:
    """End this process when its parent has gone and the pipe from it has closed."""
    os.read(0, 1)
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_watch, daemon=True).start()
    asyncio.run(_serve(sys.argv[1] if len(sys.argv) > 1 else None))
