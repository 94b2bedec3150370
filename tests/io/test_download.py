"""Saving pictures over a real loopback server: never half, never over another file."""

import errno
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from aidge_async._core.pictures import GeneratedImages
from aidge_async._io import fetch
from aidge_async.errors import DownloadError
from aidge_async.events import PictureSaved
from aidge_async.tuning import Deadlines
from tests.conftest import draw_photo
from tests.io.loopback import answer, raw_server
from tests.io.storage import OTHER, PICTURE, Storage, downloader, files, nothing_fresh, result, save


async def test_pictures_are_saved_under_their_names(storage: Storage, tmp_path: Path) -> None:
    """Key or stem, eight letters of the task id, number, and the extension of the content; observers are told."""
    storage.answers["/b.png"] = answer(content=draw_photo(40, 30, "JPEG"))
    told: list[PictureSaved] = []
    folder = tmp_path / "out" / "deeper"
    async with downloader(told) as opened:
        wanted = result(storage.link("/a.png"), storage.link("/b.png"))
        paths = await opened.save(wanted, folder, nothing_fresh)
    assert paths == [folder / "look-01234567-1.png", folder / "look-01234567-2.jpg"]
    assert files(folder)["look-01234567-1.png"] == PICTURE
    assert told[0] == PictureSaved(task_id="0123456789ab", path=str(paths[0]), size_bytes=len(PICTURE))
    assert [event.path for event in told] == [str(path) for path in paths]


async def test_storage_is_asked_plainly_and_never_signed(storage: Storage, tmp_path: Path) -> None:
    """Its own name as host, no content coding, and the link's query as it came."""
    await save(tmp_path, result(storage.link("/a.png")))
    request = storage.asked[0]
    assert storage.server is not None
    assert request.startswith(b"GET /a.png?OSSAccessKeyId=made-up&Signature=made-up HTTP/1.1\r\n")
    assert b"\r\nhost: 127.0.0.1:%d\r\n" % storage.server.port in request.lower()
    assert b"\r\naccept-encoding: identity\r\n" in request.lower()
    assert b"sign=" not in request
    assert b"authorization" not in request.lower()


async def test_saving_twice_leaves_one_file(storage: Storage, tmp_path: Path) -> None:
    """An equal file counts as done."""
    first = await save(tmp_path, result(storage.link("/a.png")))
    assert await save(tmp_path, result(storage.link("/a.png"))) == first
    assert files(tmp_path) == {"look-01234567-1.png": PICTURE}


async def test_another_file_is_never_overwritten(storage: Storage, tmp_path: Path) -> None:
    """A file, a folder or a link to nowhere in the way: the new one goes beside it, and again counts as done."""
    (tmp_path / "look-01234567-1.png").write_bytes(OTHER)
    (tmp_path / "dir-01234567-1.png").mkdir()
    (tmp_path / "link-01234567-1.png").symlink_to(tmp_path / "nowhere")
    for name in ("look", "dir", "link"):
        names = await save(tmp_path, result(storage.link("/a.png"), name=name))
        assert names == await save(tmp_path, result(storage.link("/a.png"), name=name))
        assert names[0].startswith(f"{name}-01234567-1~")
    assert (tmp_path / "look-01234567-1.png").read_bytes() == OTHER
    assert not (tmp_path / "nowhere").exists()


async def test_both_names_taken_is_an_error_that_names_the_file(storage: Storage, tmp_path: Path) -> None:
    """Nothing is overwritten even then."""
    (name,) = await save(tmp_path, result(storage.link("/a.png")))
    (tmp_path / name).write_bytes(OTHER)
    (beside,) = await save(tmp_path, result(storage.link("/a.png")))
    (tmp_path / beside).write_bytes(OTHER)
    with pytest.raises(
        DownloadError, match=r"look-01234567-1~\w{6}\.png' is something else already; name another folder"
    ):
        await save(tmp_path, result(storage.link("/a.png")))
    assert set(files(tmp_path).values()) == {OTHER}


HTML = b"<html>expired</html>"
REFUSALS = [
    (answer(content=HTML), r"is no picture \(unknown content\); save the result again later"),
    (answer(content=b"%PDF-1.7"), r"is no picture \(PDF\)"),
    (answer(content=b"<?xml version='1.0'?>"), r"is no picture \(XML\)"),
    (answer(content=b""), r"is no picture \(unknown content\)"),
    (
        b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
        r"answers HTTP 403 \(its link has expired or is not valid\); re",
    ),
    (
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        r"answers HTTP 404 \(the storage does not give it\); resume",
    ),
    (b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", r"answers HTTP 500"),
    (b"HTTP/1.1 206 Partial Content\r\ncontent-length: 0\r\n\r\n", r"answers HTTP 206"),
    (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 0\r\n\r\n", r"answers HTTP 304"),
    (b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n", r"answers HTTP 302"),
    (
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 999\r\n\r\n" + PICTURE,
        r"was not fetched \(RemoteProtocolErr",
    ),
    (b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\nff\r\n\x89PNG", r"was not fetched"),
    (b"garbage\r\nconnection: close\r\n\r\n", r"was not fetched \(RemoteProtocolError"),
    (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + PICTURE[:50], r"was cut after 50 bytes; save the result again$"),
    (answer(content=PICTURE[:50]), r"was cut after 50 bytes; save the result again$"),
]


@pytest.mark.parametrize(("sent", "words"), REFUSALS)
async def test_no_picture_leaves_no_file(storage: Storage, tmp_path: Path, sent: bytes, words: str) -> None:
    """Other content, refusals and torn answers: an error with task and token, no signature in it, nothing on disk."""
    storage.answers["/a.png"] = sent
    with pytest.raises(DownloadError, match=words) as caught:
        await save(tmp_path, result(storage.link("/a.png")))
    assert files(tmp_path) == {}
    assert (caught.value.task_id, caught.value.token) == ("0123456789ab", "aidge1.x")
    assert (caught.value.billable, caught.value.resend_safe) == ("yes", False)
    assert "made-up" not in repr(caught.value)


async def test_pictures_before_a_failed_one_stay(storage: Storage, tmp_path: Path) -> None:
    """They are paid."""
    storage.answers["/gone.png"] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
    with pytest.raises(DownloadError, match="HTTP 404"):
        await save(tmp_path, result(storage.link("/a.png"), storage.link("/gone.png")))
    assert files(tmp_path) == {"look-01234567-1.png": PICTURE}


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("over", [0, 1])
async def test_picture_over_the_cap_is_not_read_on(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: int, announced: bool
) -> None:
    """Counted on the wire, whatever length was announced."""
    cap = len(PICTURE) - over
    monkeypatch.setattr(fetch, "MOST_PICTURE_BYTES", cap)
    if not announced:
        storage.answers["/a.png"] = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + PICTURE
    if not over:
        assert await save(tmp_path, result(storage.link("/a.png")))
        return
    with pytest.raises(DownloadError, match=rf"a\.png' is over {cap:,} bytes; it is not read on$"):
        await save(tmp_path, result(storage.link("/a.png")))
    assert files(tmp_path) == {}


async def test_large_picture_is_written_in_pieces(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hop to a thread each; the file is whole."""
    monkeypatch.setattr(fetch, "_WRITE_BYTES", 16)
    assert await save(tmp_path, result(storage.link("/a.png"))) == ["look-01234567-1.png"]
    assert files(tmp_path) == {"look-01234567-1.png": PICTURE}


async def test_slow_picture_is_given_up(tmp_path: Path) -> None:
    """The whole picture has one deadline, and what was written is gone."""
    with raw_server(_silent) as server:
        with pytest.raises(DownloadError, match=r"took longer than 0\.05 s; save the result again$"):
            await save(tmp_path, result(f"{server.url}/a"), deadlines=Deadlines(download=0.05))
        assert files(tmp_path) == {}


async def test_fresh_link_has_no_deadline_of_its_own(tmp_path: Path) -> None:
    """What was slow is not fetched again, and a gateway that gives no fresh link in time is not waited for."""
    asked = []

    async def refresh() -> GeneratedImages:
        asked.append(anyio.current_time())
        await anyio.sleep(60)
        raise AssertionError

    with raw_server(_silent) as server, raw_server(lambda connection: connection.close()) as broken:
        async with downloader(deadlines=Deadlines(download=0.2)) as opened:
            began = anyio.current_time()
            with pytest.raises(DownloadError, match=r"took longer than 0\.2 s"):
                await opened.save(result(f"{server.url}/a"), tmp_path, refresh)
            assert asked == []
            with pytest.raises(DownloadError, match="was not fetched"):
                await opened.save(result(f"{broken.url}/a"), tmp_path, refresh)
            assert len(asked) == 1
            assert anyio.current_time() - began < 2 * 0.2 + 1


def _silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


async def test_cancelled_download_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled with half of it on disk: the temporary file goes."""
    with anyio.CancelScope() as scope:

        async def stop(*_: Any, **__: Any) -> None:
            assert [name.endswith(".part") for name in files(tmp_path)] == [True]
            scope.cancel()
            await anyio.lowlevel.checkpoint()

        monkeypatch.setattr(fetch, "pin", stop)
        await save(tmp_path, result("https://storage.example/a.png"))
    assert scope.cancelled_caught
    assert files(tmp_path) == {}


async def test_place_of_a_file_is_no_folder(storage: Storage, tmp_path: Path) -> None:
    """The message names it."""
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"^the folder '.*file' cannot be made \(File exists\); name another one$"):
        await save(tmp_path / "file", result(storage.link("/a.png")))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("pathlib.Path.open", r"^the folder '.*' cannot be written to \(Denied\); name another one$"),
        ("os.link", r"look-01234567-1\.png' cannot be written \(Denied\); name another folder$"),
    ],
)
async def test_folder_that_cannot_be_written_to_is_named(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, words: str
) -> None:
    """Neither the temporary file nor the final name can be made; nothing is left."""
    monkeypatch.setattr(what, _raising(PermissionError(13, "Denied")))
    with pytest.raises(DownloadError, match=words):
        await save(tmp_path, result(storage.link("/a.png")))
    monkeypatch.undo()
    assert files(tmp_path) == {}


async def test_file_system_without_links_saves_too(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where hard links are not known a picture is renamed, and still nothing is overwritten."""
    monkeypatch.setattr("os.link", _raising(PermissionError(errno.EPERM, "no links here")))
    assert await save(tmp_path, result(storage.link("/a.png"))) == ["look-01234567-1.png"]
    (tmp_path / "look-01234567-1.png").write_bytes(OTHER)
    (name,) = await save(tmp_path, result(storage.link("/a.png")))
    assert files(tmp_path) == {"look-01234567-1.png": OTHER, name: PICTURE}


async def test_full_disk_says_to_make_room(storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture is paid and can be saved again; no half of it is left."""
    monkeypatch.setattr(fetch, "_write_last", _raising(OSError(28, "No space left")))
    with pytest.raises(
        DownloadError, match=r"^a picture cannot be written \(No space left\); make room and save the res"
    ):
        await save(tmp_path, result(storage.link("/a.png")))
    assert files(tmp_path) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
@pytest.mark.parametrize("room", [10, 50_000, 1_200_000])
async def test_disk_that_is_really_full_raises_nothing_foreign(storage: Storage, tmp_path: Path, room: int) -> None:
    """The system call itself fails, and fails again when the file is closed."""
    import resource  # not on every platform

    storage.answers["/a.png"] = answer(content=PICTURE + bytes(2_000_000))
    _, most = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    try:
        with pytest.raises(DownloadError, match=r"cannot be written \(File too large\); make room and save"):
            await save(tmp_path, result(storage.link("/a.png")))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files(tmp_path) == {}


async def test_file_in_the_way_that_cannot_be_read_is_another_one(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays, and the picture goes beside it."""
    (tmp_path / "look-01234567-1.png").write_bytes(PICTURE)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", _raising(PermissionError(13, "Denied")))
        (beside,) = await save(tmp_path, result(storage.link("/a.png")))
    assert files(tmp_path) == {"look-01234567-1.png": PICTURE, beside: PICTURE}


async def test_failed_link_is_asked_for_once_more(storage: Storage, tmp_path: Path) -> None:
    """A fresh link saves the picture; what was saved before is not fetched again, and the gateway is asked once."""
    storage.answers["/gone.png"] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
    asked = []

    async def refresh() -> GeneratedImages:
        asked.append(1)
        return result(storage.link("/a.png"), storage.link("/a.png"))

    async with downloader() as opened:
        paths = await opened.save(result(storage.link("/a.png"), storage.link("/gone.png")), tmp_path, refresh)
        assert [path.name for path in paths] == ["look-01234567-1.png", "look-01234567-2.png"]
        with pytest.raises(DownloadError, match="answers HTTP 404"):
            await opened.save(
                result(storage.link("/gone.png"), task_id="other"),
                tmp_path,
                _answering(result(storage.link("/gone.png"))),
            )
    assert asked == [1]


def _answering(fresh: GeneratedImages) -> Callable[[], Awaitable[GeneratedImages]]:
    async def refresh() -> GeneratedImages:
        return fresh

    return refresh


async def test_error_and_log_hold_no_signed_link(
    storage: Storage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A storage's signature is in no message, no log at DEBUG, and no local of a traceback."""
    storage.answers["/gone.png"] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
    caplog.set_level("DEBUG")
    with pytest.raises(DownloadError) as caught:
        await save(tmp_path, result(storage.link("/a.png"), storage.link("/gone.png")))
    told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    library = told.split("tests/io/")[0] + "".join(
        part for part in told.split("  File ") if "aidge_async/_io" in part or "/httpx/" in part or "/httpcore/" in part
    )
    assert "Signature=" not in library + repr(caught.value) + caplog.text
    assert "HTTP/1.1 200 OK" in caplog.text


def _raising(exc: OSError) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise exc

    return fail
