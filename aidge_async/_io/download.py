"""
Fetches result pictures and writes them to disk: never signed, never half, never over another file.

What a picture is called never comes from its link. A picture is written under a temporary name, checked, and renamed.
"""

import hashlib
import os
import re
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urljoin

import anyio
import anyio.to_thread
import httpx

from aidge_async._core.image import format_of
from aidge_async._core.pictures import GeneratedImages, masked_link
from aidge_async._io.addresses import Target, check_link, pin
from aidge_async.config import Deadlines
from aidge_async.errors import AidgeError, DownloadError
from aidge_async.events import PictureSaved

MOST_PICTURE_BYTES: Final = 64 * 1024 * 1024  # a 2048 px PNG is about 12 MB
_MOST_REDIRECTS: Final = 5
_EXTENSIONS: Final = {"JPEG": "jpg", "PNG": "png", "BMP": "bmp", "WEBP": "webp", "GIF": "gif", "TIFF": "tiff"}
_UNSAFE: Final = re.compile(r"[^\w.\-]+")
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_MOST_NAME_BYTES: Final = 100  # of a key or stem that are kept; file systems end at 255
_WRITE_BYTES: Final = 1024 * 1024  # one hop to a worker thread each
_HEADERS: Final = {"accept": "image/*", "accept-encoding": "identity", "user-agent": "aidge-async"}


class Downloader:
    """
    Save pictures.

    Args:
        deadlines: For connecting and for each picture.
        loopback_allowed: Whether links to this machine may be fetched; only where the gateway is a sandbox here.
        proxy: URL of a proxy. It looks names up by itself, so addresses are then checked by text only.
        ssl_context: For TLS; `None`: httpx's default, made when the first picture is fetched.
        tell: Is told of each saved picture.
    """

    def __init__(
        self,
        *,
        deadlines: Deadlines,
        loopback_allowed: bool,
        proxy: str | None,
        ssl_context: ssl.SSLContext | None,
        tell: Callable[[PictureSaved], None],
    ) -> None:
        self._deadlines = deadlines
        self._loopback_allowed = loopback_allowed
        self._proxy = proxy
        self._ssl_context = ssl_context
        self._tell = tell
        self._client: httpx.AsyncClient | None = None

    async def save(self, result: GeneratedImages, folder: Path) -> list[Path]:
        """
        Save all pictures of *result* in *folder*, which is made if need be; return their paths, in order.

        Raises:
            DownloadError: A picture could not be fetched or written; those before it are saved.
        """
        await anyio.to_thread.run_sync(_make_folder, folder)
        stem = f"{safe_name(result.name) or 'aidge'}-{safe_name(result.task_id)[:8] or 'task'}"
        paths = []
        for number, image in enumerate(result.images, start=1):
            try:
                path = await self._save_one(image.url, folder, f"{stem}-{number}")
            except AidgeError as exc:
                exc.about(task_id=result.task_id, token=result.token)
                raise
            self._tell(PictureSaved(task_id=result.task_id, path=str(path), size_bytes=path.stat().st_size))
            paths.append(path)
        return paths

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _save_one(self, url: str, folder: Path, stem: str) -> Path:
        with _temporary(folder) as (file, temporary):
            try:
                with anyio.fail_after(self._deadlines.download):
                    async with self._opened(url) as response:
                        await _copy(response, file, url)
            except TimeoutError as exc:
                seconds = f"{self._deadlines.download:g} s"
                raise DownloadError(f"{masked_link(url)!r} took longer than {seconds}; save the result again") from exc
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:  # urllib's, for a malformed redirect
                reason = f"{type(exc).__name__}: {exc}".rstrip(": ")
                raise DownloadError(f"{masked_link(url)!r} was not fetched ({reason}); save the result again") from None
            return await anyio.to_thread.run_sync(_place, file, temporary, folder, stem)

    @asynccontextmanager
    async def _opened(self, url: str) -> AsyncIterator[httpx.Response]:
        """Open *url*, following redirects one by one, each checked as the first."""
        for _ in range(_MOST_REDIRECTS + 1):
            request = await self._request(url)
            response = await self._connected().send(request, stream=True)
            try:
                if not response.has_redirect_location:
                    yield response
                    return
                url = urljoin(url, response.headers["location"])
            finally:
                await response.aclose()
        raise DownloadError(f"{masked_link(url)!r} redirects more than {_MOST_REDIRECTS} times; it is not fetched")

    async def _request(self, url: str) -> httpx.Request:
        client = self._connected()
        if self._proxy is not None:
            check_link(url, loopback_allowed=False)
            return client.build_request("GET", url)
        target: Target = await pin(url, loopback_allowed=self._loopback_allowed)
        return client.build_request(
            "GET", target.url, headers={"host": target.host}, extensions={"sni_hostname": target.server_name}
        )

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            timeout = httpx.Timeout(self._deadlines.query, connect=self._deadlines.connect)
            verify = self._ssl_context or httpx.create_ssl_context()
            self._client = httpx.AsyncClient(
                verify=verify, proxy=self._proxy, timeout=timeout, headers=_HEADERS, trust_env=False
            )
        return self._client


async def _copy(response: httpx.Response, file: BinaryIO, url: str) -> None:
    if response.status_code != httpx.codes.OK:
        expired = response.status_code == httpx.codes.FORBIDDEN
        why = "its link has expired or is not valid" if expired else "the storage does not give it"
        raise DownloadError(
            f"{masked_link(url)!r} answers HTTP {response.status_code} ({why}); resume the token for a fresh link",
            status_code=response.status_code,
        )
    size, pending = 0, bytearray()
    try:
        async for piece in response.aiter_raw():
            size += len(piece)
            if size > MOST_PICTURE_BYTES:
                await response.aclose()  # and read on: the generators below then end by themselves, innermost first
                continue
            pending += piece
            if len(pending) >= _WRITE_BYTES:
                await anyio.to_thread.run_sync(_write, file, bytes(pending))
                pending.clear()
    except httpx.HTTPError:
        if size <= MOST_PICTURE_BYTES:
            raise
    if size > MOST_PICTURE_BYTES:
        raise DownloadError(f"{masked_link(url)!r} is over {MOST_PICTURE_BYTES:,} bytes; it is not read on")
    await anyio.to_thread.run_sync(_write, file, bytes(pending))


def _write(file: BinaryIO, content: bytes) -> None:
    try:
        file.write(content)
        file.flush()
    except OSError as exc:
        raise DownloadError(
            f"a picture cannot be written ({exc.strerror}); make room and save the result again"
        ) from exc


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DownloadError(f"the folder '{folder}' cannot be made ({exc.strerror}); name another one") from exc


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Open a file in *folder* that is gone at the end, unless it was renamed."""
    path = folder / f".aidge-{uuid.uuid4().hex}.part"
    try:
        file = path.open("x+b")
    except OSError as exc:
        raise DownloadError(f"the folder '{folder}' cannot be written to ({exc.strerror}); name another one") from exc
    try:
        with file:
            yield file, path
    finally:
        path.unlink(missing_ok=True)


def _place(file: BinaryIO, temporary: Path, folder: Path, stem: str) -> Path:
    """Give a complete picture its final name; an equal file counts as done, another one is never overwritten."""
    file.seek(0)
    content = file.read()
    found = format_of(content)
    if found not in _EXTENSIONS:
        raise DownloadError(
            f"the result for '{stem}' is no picture ({found or 'unknown content'}); save it again later"
        )
    digest = hashlib.sha256(content).hexdigest()[:6]
    for name in (stem, f"{stem}~{digest}"):
        path = folder / f"{name}.{_EXTENSIONS[found]}"
        try:
            os.link(temporary, path)
        except FileExistsError:
            if path.is_file() and path.read_bytes() == content:
                return path
        except OSError as exc:
            raise DownloadError(f"'{path}' cannot be written ({exc.strerror}); name another folder") from exc
        else:
            return path
    raise DownloadError(f"'{path}' is something else already; name another folder")


def safe_name(text: str) -> str:
    """
    Return *text* as part of a file name that every platform takes, or an empty text.

    What is neither letter, digit, dot, dash nor underscore becomes an underscore; no dots in front; no reserved names;
    at most 100 bytes. Different texts may give one name, so who writes a file must look whether it is there.
    """
    name = _UNSAFE.sub("_", text).strip("._ ").encode()[:_MOST_NAME_BYTES].decode(errors="ignore")
    return f"_{name}" if _RESERVED.fullmatch(name) else name
