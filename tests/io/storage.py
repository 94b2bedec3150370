"""An object storage on loopback, and a downloader that may fetch from it."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from aidge_async._core.pictures import GeneratedImage, GeneratedImages
from aidge_async._io.download import Downloader
from aidge_async._io.fetch import Fetcher
from aidge_async._io.tls import TlsContext
from aidge_async.errors import ReplyError
from aidge_async.events import PictureSaved
from aidge_async.tuning import Deadlines
from tests.conftest import draw_photo
from tests.io.loopback import RawServer, read_request

PICTURE = draw_photo(40, 30, "PNG")
OTHER = draw_photo(40, 30, "PNG", shade=100)


class Storage:
    """An object storage: what it answers by path, and what it was asked."""

    def __init__(self, server: RawServer | None = None) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[bytes] = []
        self.server = server

    def __call__(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            self.asked.append(request)
            found = self.answers[request.split(b" ")[1].decode().partition("?")[0]]
            connection.sendall(found)
            if b"connection: close" in found:
                return

    def link(self, path: str) -> str:
        """Return a signed link."""
        assert self.server is not None
        return f"{self.server.url}{path}?OSSAccessKeyId=made-up&Signature=made-up"


def result(*links: str, name: str = "look", task_id: str = "0123456789ab") -> GeneratedImages:
    """Return a result with these links."""
    images = tuple(GeneratedImage(url=link) for link in links)
    return GeneratedImages(images=images, task_id=task_id, request_id="r", token="aidge1.x", name=name)


@asynccontextmanager
async def downloader(told: list[PictureSaved] | None = None, **options: Any) -> AsyncIterator[Downloader]:
    """Open a downloader that may fetch from this machine."""
    plain: dict[str, Any] = {"deadlines": Deadlines(), "loopback_allowed": True, "proxy": None}
    plain["tls"] = TlsContext(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # reads no certificates: 30 ms less
    opened = Downloader(Fetcher(**{**plain, **options}), ([] if told is None else told).append)
    try:
        yield opened
    finally:
        with anyio.CancelScope(shield=True):
            await opened.aclose()


async def nothing_fresh() -> GeneratedImages:
    """Stand for a gateway that cannot be asked for fresh links."""
    raise ReplyError("made up: no answer")


async def save(folder: Path, wanted: GeneratedImages, **options: Any) -> list[str]:
    """Save, and return the names of the files."""
    async with downloader(**options) as opened:
        return [path.name for path in await opened.save(wanted, folder, nothing_fresh)]


def files(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder, hidden files included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
