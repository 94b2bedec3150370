"""Bringing an image into memory: once, bounded, and never hanging."""

import io
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from aidge_async import read_image
from aidge_async._core import gateway
from aidge_async._core.image import ImageFacts, look_at
from aidge_async._io import images
from aidge_async._io.images import Images, PreparedImage, prepare_image
from aidge_async.errors import RequestError
from tests.conftest import draw_photo

MOST = gateway.IMAGE_MOST_BYTES_LENIENT


async def test_link_passes_unread() -> None:
    """The gateway fetches it, we do not."""
    assert await prepare_image("https://shop.example/look.jpg") == PreparedImage(
        content="https://shop.example/look.jpg"
    )


async def test_file_gives_its_bytes_and_its_name(tmp_path: Path, photo: bytes) -> None:
    """Saved results are called after its stem."""
    path = tmp_path / "look.v2.jpg"
    path.write_bytes(photo)
    assert await prepare_image(path) == PreparedImage(content=photo, name="look.v2")


@pytest.mark.parametrize("size", [images._SMALL_BYTES, images._SMALL_BYTES + 1])
async def test_bytes_are_looked_at_as_they_are(photo: bytes, size: int) -> None:
    """Small ones at once, large ones in a thread; the object that was looked at is the object that is sent."""
    content = photo + bytes(size - len(photo))
    prepared = await prepare_image(content)
    assert prepared.content is content
    assert (prepared.name, prepared.warnings) == ("", ())
    with pytest.raises(RequestError, match=r"^'image' is no picture; the gateway takes JPEG"):
        await prepare_image(bytes(size))


async def test_many_at_once_take_few_threads(photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread that is started holds the event loop for a moment; 32 at once held it for a tenth of a second."""
    looking: list[int] = []
    most = 0

    def noted(content: bytes, name: str) -> ImageFacts:
        nonlocal most
        looking.append(threading.get_ident())
        most = max(most, len(looking))
        facts = [look_at(content, name) for _ in range(50)]  # long enough for others to come in between
        looking.remove(threading.get_ident())
        return facts[0]

    monkeypatch.setattr(images, "look_at", noted)
    heavy, opened, seen = photo + bytes(images._SMALL_BYTES), Images(), []

    async def prepare() -> None:
        async with opened.prepared(heavy) as prepared:
            seen.append(prepared.content)

    async with anyio.create_task_group() as group:
        for _ in range(32):
            group.start_soon(prepare)
    assert seen == [heavy] * 32
    assert 1 <= most <= 4


async def test_warnings_of_an_unsure_edge_are_passed_on(tmp_path: Path) -> None:
    """They become events."""
    path = tmp_path / "edge.png"
    path.write_bytes(draw_photo(512, 600, "PNG"))
    (warning,) = (await prepare_image(path)).warnings
    assert warning.startswith("'edge.png' has 512x600 px: one side on or past the edge")


async def test_bytes_looked_at_are_the_bytes_returned(
    tmp_path: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is overwritten after the look changes nothing of what is sent."""
    path = tmp_path / "look.jpg"
    path.write_bytes(photo)
    looked: list[bytes] = []

    def look_and_overwrite(content: bytes, name: str) -> Any:
        looked.append(content)
        path.write_bytes(b"another picture")
        return look_at(content, name)

    monkeypatch.setattr(images, "look_at", look_and_overwrite)
    prepared = await prepare_image(path)
    assert prepared.content is looked[0]
    assert prepared.content == photo


async def test_missing_file_is_named_whole(tmp_path: Path) -> None:
    """The path, the reason and what to do."""
    with pytest.raises(
        RequestError, match=r"none\.jpg' cannot be read \(No such file or directory\); pass the path of a r"
    ):
        await prepare_image(tmp_path / "none.jpg")


@pytest.mark.parametrize("name", ["look\0.jpg", "x" * 300, "look.jpg/inside"])
async def test_unreadable_path_is_refused(tmp_path: Path, name: str) -> None:
    """A NUL, a name too long, a file taken for a folder."""
    (tmp_path / "look.jpg").write_bytes(b"")
    with pytest.raises(RequestError, match=r"cannot be read \(.+\); pass the path of a readable picture"):
        await prepare_image(tmp_path / name)


async def test_file_without_permission_is_refused(
    tmp_path: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs this, root included, meets the error here."""
    (tmp_path / "look.jpg").write_bytes(photo)

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(RequestError, match=r"look\.jpg' cannot be read \(Permission denied\); pass the path"):
        await prepare_image(tmp_path / "look.jpg")


async def test_circle_of_links_is_refused(tmp_path: Path) -> None:
    """It names no file."""
    (tmp_path / "a.jpg").symlink_to(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "a.jpg")
    with pytest.raises(RequestError, match="cannot be read"):
        await prepare_image(tmp_path / "a.jpg")


async def test_folder_is_refused(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(RequestError, match=rf"^'{tmp_path.name}' is a folder; pass the path of a picture$"):
        await prepare_image(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no named pipes")
async def test_pipe_and_device_are_refused_and_hang_nobody(tmp_path: Path) -> None:
    """Opening a pipe would wait for a writer for ever."""
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path(os.devnull)):
        with anyio.fail_after(5), pytest.raises(RequestError, match="is no regular file; pass the path of a picture"):
            await prepare_image(path)


async def test_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten gigabytes are refused by their size."""
    path = tmp_path / "film.jpg"
    path.touch()
    os.truncate(path, MOST + 1)

    def opened(*_: object) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(RequestError, match=r"^'film\.jpg' has 4,194,305 bytes; the gateway takes at most 4 MB"):
        await prepare_image(path)


async def test_file_that_grows_is_read_no_further_than_the_limit(
    tmp_path: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size was small when it was asked for."""
    path = tmp_path / "look.jpg"
    path.write_bytes(photo)

    def grown(*_: object) -> io.BytesIO:
        return io.BytesIO(photo + bytes(3 * MOST))

    monkeypatch.setattr(Path, "open", grown)
    with pytest.raises(RequestError, match=r"^'look\.jpg' has 4,194,305 bytes"):
        await prepare_image(path)


class AsyncFile:
    """An upload as web frameworks hand it over."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)
        self.sizes: list[int] = []

    async def read(self, size: int) -> bytes:
        await anyio.lowlevel.checkpoint()
        self.sizes.append(size)
        return self._file.read(size)


class Pieces:
    """An async iterable that is no generator, as a body of httpx's is."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        await anyio.lowlevel.checkpoint()
        piece = self._file.read(1000)
        if not piece:
            raise StopAsyncIteration
        return piece


async def pieces_of(content: bytes) -> AsyncIterator[bytes]:
    """Yield *content* in pieces of 1,000 bytes."""
    for start in range(0, len(content), 1000):
        await anyio.lowlevel.checkpoint()
        yield content[start : start + 1000]


def plain_pieces_of(content: bytes) -> Iterator[bytes | bytearray | memoryview]:
    """Yield *content* in pieces of three kinds of bytes."""
    for start in range(0, len(content), 3000):
        yield content[start : start + 1000]
        yield bytearray(content[start + 1000 : start + 2000])
        yield memoryview(content)[start + 2000 : start + 3000]


KINDS = [io.BytesIO, AsyncFile, Pieces, pieces_of, plain_pieces_of, lambda content: [content]]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("size", [0, 1, 65536, 200_001])
async def test_upload_is_read_from_every_kind_of_stream(make: Any, size: int) -> None:
    """Files, uploads, iterables and async iterables."""
    content = bytes(number % 251 for number in range(size))
    assert await read_image(make(content)) == content


@pytest.mark.parametrize("make", KINDS)
async def test_upload_over_the_limit_is_read_no_further(make: Any) -> None:
    """The limit itself passes; what is over it is refused in the middle of the stream."""
    assert len(await read_image(make(bytes(100_000)), limit=100_000)) == 100_000
    with pytest.raises(
        RequestError, match=r"^'stream' holds more than 99,999 bytes; the gateway takes at most 4 MB: save"
    ):
        await read_image(make(bytes(100_000)), limit=99_999)
    upload = AsyncFile(bytes(10 * MOST))
    with pytest.raises(RequestError, match="holds more than 4,194,304 bytes"):
        await read_image(upload)
    assert len(upload.sizes) == 65


@pytest.mark.parametrize("make", [lambda: io.StringIO("text"), lambda: ["text"], lambda: b"bytes", lambda: [[b"x"]]])
async def test_stream_that_gives_no_bytes_is_refused(make: Any) -> None:
    """The message says what it gave."""
    with pytest.raises(RequestError, match=r"^'stream' must give bytes \(got \w+\); open files in binary mode$"):
        await read_image(make())


async def test_error_of_a_stream_comes_out_as_it_is() -> None:
    """It is the caller's own."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionResetError("the browser left")

    with pytest.raises(ConnectionResetError, match="the browser left"):
        await read_image(broken())
