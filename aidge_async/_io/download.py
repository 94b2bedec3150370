"""
Saves result pictures under their final names: never half, never over another file.

What a picture is called never comes from its link. It is fetched into a temporary file, looked at, and renamed.
"""

import errno
import hashlib
import os
import re
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

import anyio
import anyio.to_thread

from aidge_async._core.image import format_of
from aidge_async._core.pictures import GeneratedImage, GeneratedImages
from aidge_async._io.fetch import EXTENSIONS, Fetcher
from aidge_async.errors import AidgeError, DownloadError
from aidge_async.events import PictureSaved

_UNSAFE: Final = re.compile(r"[^\w.\-]+")
# Names of devices on Windows, with any extension; of the digits the three small raised ones count too.
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|(com|lpt)[\d\xb9\xb2\xb3])(\..*)?")
# What a file system without hard links (exFAT, some network drives) answers.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_MOST_NAME_BYTES: Final = 100  # of a key or stem that are kept; file systems end at 255


class Downloader:
    """
    Save pictures.

    Args:
        fetcher: Fetches one picture from its link.
        tell: Is told of each saved picture.
    """

    def __init__(self, fetcher: Fetcher, tell: Callable[[PictureSaved], None]) -> None:
        self._fetcher = fetcher
        self._tell = tell

    async def save(
        self, result: GeneratedImages, folder: Path, refresh: Callable[[], Awaitable[GeneratedImages]]
    ) -> list[Path]:
        """
        Save all pictures of *result* in *folder*, which is made if need be; return their paths, in order.

        Args:
            result: What to save.
            folder: Where to.
            refresh: Asks the gateway for the same result with fresh links; called once at most, when a link fails.

        Raises:
            DownloadError: A picture could not be fetched or written; those before it are saved.
        """
        try:
            return await self._save(result, folder, refresh)
        except DownloadError as exc:
            exc.about(task_id=result.task_id, token=result.token)
            raise

    async def aclose(self) -> None:
        """Close the connections."""
        await self._fetcher.aclose()

    async def _save(
        self, result: GeneratedImages, folder: Path, refresh: Callable[[], Awaitable[GeneratedImages]]
    ) -> list[Path]:
        await anyio.to_thread.run_sync(_make_folder, folder)
        stem = f"{safe_name(result.name) or 'aidge'}-{safe_name(result.task_id)[:8] or 'task'}"
        images, fresh = result.images, False
        paths: list[Path] = []
        until = anyio.current_time() + self._fetcher.longest
        while len(paths) < len(result.images):
            number = len(paths)
            path = await self._save_one(images[number], folder, f"{stem}-{number + 1}", until)
            if isinstance(path, DownloadError):
                if fresh or anyio.current_time() >= until:  # a fresh link is for the same picture, and no faster
                    raise path
                images, fresh = await _refreshed(result, refresh, path, until), True
                continue
            self._tell(PictureSaved(task_id=result.task_id, path=str(path), size_bytes=path.stat().st_size))
            paths.append(path)
            until = anyio.current_time() + self._fetcher.longest
        return paths

    async def _save_one(self, image: GeneratedImage, folder: Path, stem: str, until: float) -> Path | DownloadError:
        """Save one picture; return why its link failed where it did, and raise what a fresh link would not mend."""
        with _temporary(folder) as (file, temporary):
            try:
                failed = await self._fetcher.fetch(image, file, until)
                if failed is not None:
                    return failed
                return await anyio.to_thread.run_sync(_place, file, temporary, folder, stem)
            except OSError as exc:
                raise DownloadError(
                    f"a picture cannot be written ({exc.strerror}); make room and save the result again"
                ) from exc


async def _refreshed(
    result: GeneratedImages, refresh: Callable[[], Awaitable[GeneratedImages]], failed: DownloadError, until: float
) -> tuple[GeneratedImage, ...]:
    """Return the pictures with fresh links; where they cannot be had, what is told is why the link failed."""
    try:
        with anyio.fail_after(until - anyio.current_time()):
            images = (await refresh()).images
    except (AidgeError, TimeoutError):
        raise failed from None
    if len(images) < len(result.images):
        raise failed
    return images


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
        yield file, path
    finally:
        with suppress(OSError):  # on a full disk closing tries to write once more what the error on its way is about
            file.close()
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _place(file: BinaryIO, temporary: Path, folder: Path, stem: str) -> Path:
    """Give a complete picture its final name; an equal file counts as done, another one is never overwritten."""
    file.seek(0)
    content = file.read()
    extension = EXTENSIONS[format_of(content) or ""]
    digest = hashlib.sha256(content).hexdigest()[:6]
    for name in (stem, f"{stem}~{digest}"):
        path = folder / f"{name}.{extension}"
        try:
            _claim(temporary, path)
        except FileExistsError:
            if _holds(path, content):
                return path
        except OSError as exc:
            raise DownloadError(f"'{path}' cannot be written ({exc.strerror}); name another folder") from exc
        else:
            return path
    raise DownloadError(f"'{path}' is something else already; name another folder")


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.is_file() and path.read_bytes() == content
    except OSError:  # what may not be read is somebody else's
        return False


def _claim(temporary: Path, path: Path) -> None:
    """Give the file its final name; raise FileExistsError where somebody has it."""
    try:
        os.link(temporary, path)
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        with path.open("xb"):  # takes the name, so that the rename cannot overwrite another's file
            pass
        temporary.replace(path)


def safe_name(text: str) -> str:
    """
    Return *text* as part of a file name that every platform takes, or an empty text.

    What is neither letter, digit, dot, dash nor underscore becomes an underscore; none of these three at either end;
    no reserved names; at most 100 bytes. Different texts may give one name, so who writes a file must look whether it
    is there.
    """
    name = _UNSAFE.sub("_", text).strip("._- ").encode()[:_MOST_NAME_BYTES].decode(errors="ignore")
    return f"_{name}" if _RESERVED.fullmatch(name) else name
