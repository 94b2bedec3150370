"""
Brings an image's bytes into memory, once, in a worker thread, and has them looked at.

The limits are `_core/image.py`'s matter. The bytes that were looked at are the bytes that are sent: a file that
changes meanwhile changes nothing.
"""

import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import attrs

from aidge_async._core import gateway
from aidge_async._core.image import look_at, refuse_weight
from aidge_async.errors import RequestError

# Bytes up to which the header is looked at in the event loop: a hop to a thread costs more than the look.
_SMALL_BYTES: Final = 256 * 1024
# Bytes of files that are in memory at once: sixteen of the heaviest that the gateway takes.
_MOST_BYTES_AT_ONCE: Final = 64 * 1024 * 1024
# Threads that read and look at once, as many as uploads are on the wire by default. Starting one costs the event loop
# a hand-over of the interpreter: 32 begun in one moment held it for 100 ms.
_THREADS: Final = 4


@attrs.frozen(kw_only=True)
class PreparedImage:
    """
    Hold what is sent as the image.

    Args:
        content: The URL, or the bytes.
        name: What saved results are called after; empty for bytes and URLs.
        warnings: What may be wrong with it in one reading of the reference page.
    """

    content: str | bytes = attrs.field(repr=False)
    name: str = ""
    warnings: tuple[str, ...] = ()


async def prepare_image(image: Path | bytes | str, threads: anyio.CapacityLimiter | None = None) -> PreparedImage:
    """
    Return what to send for *image*.

    Args:
        image: As in a request.
        threads: Bounds those that read; `None`: anyio's default bound.

    Raises:
        RequestError: The file cannot be read, or the picture is outside a documented limit.
    """
    if isinstance(image, str):
        return PreparedImage(content=image)
    if isinstance(image, Path):
        return await anyio.to_thread.run_sync(_from_file, image, limiter=threads)
    if len(image) <= _SMALL_BYTES:
        return _from_bytes(image, "image")
    return await anyio.to_thread.run_sync(_from_bytes, image, "image", limiter=threads)


class Images:
    """Bring images into memory, so many bytes of files at once that memory stays bounded, first come first served."""

    def __init__(self) -> None:
        self._bytes_held = 0
        self._turn = anyio.Lock(fast_acquire=True)
        self._freed = anyio.Event()
        self._threads = anyio.CapacityLimiter(_THREADS)

    def __repr__(self) -> str:
        return f"<Images, {self._bytes_held} bytes in memory>"

    @asynccontextmanager
    async def prepared(self, image: Path | bytes | str) -> AsyncIterator[PreparedImage]:
        """
        Hold inside the block what to send for *image*.

        Raises:
            RequestError: As `prepare_image`.
        """
        if not isinstance(image, Path):
            yield await prepare_image(image, self._threads)
            return
        size_bytes = await anyio.to_thread.run_sync(_size_of, image, limiter=self._threads)
        async with self._turn:
            while self._bytes_held and self._bytes_held + size_bytes > _MOST_BYTES_AT_ONCE:
                await self._freed.wait()
            self._bytes_held += size_bytes
        try:
            yield await prepare_image(image, self._threads)
        finally:
            self._bytes_held -= size_bytes
            self._freed.set()
            self._freed = anyio.Event()


def _from_bytes(content: bytes, shown: str, name: str = "") -> PreparedImage:
    facts = look_at(content, shown)
    return PreparedImage(content=content, name=name, warnings=facts.warnings)


def _from_file(path: Path) -> PreparedImage:
    _size_of(path)
    with _readable(path), path.open("rb") as file:
        content = file.read(gateway.IMAGE_MOST_BYTES_LENIENT + 1)
    return _from_bytes(content, path.name, path.stem)


def _size_of(path: Path) -> int:
    """Return the weight of a file that may be opened: regular, and not too heavy."""
    with _readable(path):
        found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise RequestError(f"{path.name!r} is {kind}; pass the path of a picture")
    refuse_weight(found.st_size, path.name)
    return found.st_size


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise RequestError(f"'{path}' cannot be read ({reason}); pass the path of a readable picture") from exc
