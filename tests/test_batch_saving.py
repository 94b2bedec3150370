"""Batches that read files and save pictures, over a socket in real time."""

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from aidge_async import (
    AidgeClient,
    DownloadError,
    Limits,
    ModelAlternation,
    NotSubmitted,
    Polling,
    RequestError,
    Succeeded,
    Unfinished,
)
from aidge_async._io import images
from aidge_async._io.images import Images
from aidge_async.sandbox import SandboxSettings
from aidge_async.testing import SocketSandbox

FREE = Limits(submit_rate=None, query_rate=None)


def look(image: Path | bytes | str) -> ModelAlternation:
    """Return a small request."""
    return ModelAlternation(image=image, model="universal_model_1", count=1, dimension=512)


@pytest.mark.slow
async def test_pictures_are_saved_before_their_outcome_is_delivered(tmp_path: Path, photo: bytes) -> None:
    """Each outcome names its files; the time it took is told; a file that cannot be read stops no other."""
    files = [tmp_path / f"look-{number}.jpg" for number in range(3)]
    for file in files:
        file.write_bytes(photo)
    requests = [*map(look, files), look(tmp_path / "missing.jpg")]
    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        async with (
            sandbox.client(limits=FREE, polling=Polling.every(1)) as aidge,
            aidge.batch(requests, save_to=tmp_path / "out", order="input") as outcomes,
        ):
            seen = [outcome async for outcome in outcomes]
    for outcome, file in zip(seen, files, strict=False):
        assert isinstance(outcome, Succeeded)
        (saved,) = outcome.paths
        assert saved.name.startswith(f"{file.stem}-{str(outcome.task_id)[:8]}-1")
        assert saved.stat().st_size > 1000
        assert outcome.timeline.saving > 0
    assert isinstance(seen[3], NotSubmitted)
    assert isinstance(seen[3].error, RequestError)


@pytest.mark.slow
async def test_pictures_that_cannot_be_saved_leave_a_task_unfinished(tmp_path: Path) -> None:
    """The task is paid, so its token is there to fetch them again."""
    (tmp_path / "out").write_text("a file where the folder should be")
    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        async with sandbox.client(limits=FREE, polling=Polling.every(1)) as aidge:
            requests = [look("https://example.com/a.jpg"), look("https://example.com/b.jpg")]
            async with aidge.batch(requests, save_to=tmp_path / "out") as outcomes:
                seen = [outcome async for outcome in outcomes]
            for outcome in seen:
                assert isinstance(outcome, Unfinished)
                assert isinstance(outcome.error, DownloadError)
                (saved,) = await aidge.save(await aidge.resume(outcome.token), tmp_path / "elsewhere")
                assert saved.exists()


@pytest.mark.slow
async def test_bug_in_saving_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no error of ours comes out where the batch is read."""

    async def broken(*_: object, **__: object) -> list[Path]:
        raise LookupError("made-up bug")

    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        async with sandbox.client(polling=Polling.every(1)) as aidge:
            monkeypatch.setattr(aidge._open(), "save", broken)
            async with aidge.batch([look("https://example.com/a.jpg")], save_to=tmp_path) as outcomes:
                with pytest.raises(LookupError, match="made-up bug"):
                    await anext(outcomes)


async def test_files_in_memory_are_bounded_together(
    tmp_path: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two fit, so the third waits until one is done; none is read before its turn."""
    monkeypatch.setattr(images, "_MOST_BYTES_AT_ONCE", 2 * len(photo) + 1)
    file = tmp_path / "look.jpg"
    file.write_bytes(photo)
    desk = Images()
    release = anyio.Event()
    held: list[int] = []

    async def hold(number: int) -> None:
        async with desk.prepared(file) as image:
            assert image.content == photo
            held.append(number)
            await release.wait()

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(hold, number)
        while len(held) < 2:
            await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
        assert len(held) == 2
        assert repr(desk) == f"<Images, {2 * len(photo)} bytes in memory>"
        release.set()
    assert sorted(held) == [0, 1, 2]
    assert repr(desk) == "<Images, 0 bytes in memory>"


async def test_file_heavier_than_all_that_may_be_held_is_still_read(
    tmp_path: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone, rather than never."""
    monkeypatch.setattr(images, "_MOST_BYTES_AT_ONCE", 10)
    file = tmp_path / "look.jpg"
    file.write_bytes(photo)
    async with Images().prepared(file) as image:
        assert image.content == photo


async def run_all(aidge: AidgeClient, requests: list[ModelAlternation]) -> int:
    """Return how many succeed."""
    async with aidge.batch(requests) as outcomes:
        return sum([isinstance(outcome, Succeeded) async for outcome in outcomes])


@pytest.mark.slow
async def test_two_batches_share_one_client() -> None:
    """Side by side, under the same limits."""
    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        async with sandbox.client(limits=FREE, polling=Polling.every(1)) as aidge:
            counts: list[int] = []

            async def work(start: int) -> None:
                requests = [look(f"https://example.com/{number}.jpg") for number in range(start, start + 20)]
                counts.append(await run_all(aidge, requests))

            async with anyio.create_task_group() as group:
                group.start_soon(work, 0)
                group.start_soon(work, 100)
        assert counts == [20, 20]
        assert len(sandbox.ledger()) == 40
