"""What one principal holds open: its share, and no more, so that it keeps nobody else out."""

from pathlib import Path
from typing import Any, Self

import anyio
import httpx

from tests.conftest import draw_photo
from tests.integrations.support import ANNA, BERT, MODEL, MOUNT, Backend, Listener, backend_in

EVENTS = f"{MOUNT}/events"


class SlowBody(httpx.AsyncByteStream):
    """A body whose second half comes when it is told to."""

    def __init__(self, content: bytes) -> None:
        self.left = [content[100:], content[:100]]
        self.begun, self.go_on = anyio.Event(), anyio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        if len(self.left) == 1:
            self.begun.set()
            await self.go_on.wait()
        return self.left.pop()


class SlowUpload:
    """An upload that has begun, and waits for the rest of its body."""

    def __init__(self, backend: Backend, by: dict[str, str]) -> None:
        files = {"image": ("look.jpg", draw_photo(shade=7))}
        self.request = backend.http.build_request("POST", f"{MOUNT}/tasks", data=MODEL, files=files, headers=by)
        self.body = self.request.stream = SlowBody(self.request.read())
        self.backend = backend
        self.answer: Any = None

    async def send(self) -> None:
        """Send it, and keep the answer."""
        self.answer = await self.backend.http.send(self.request)


async def test_uploads_of_one_leave_places_to_others(tmp_path: Path) -> None:
    """One upload more than a principal may have open is 429 with `Retry-After`; others come in, and it does later."""
    async with backend_in(tmp_path, max_open=1) as backend, anyio.create_task_group() as group:
        slow = SlowUpload(backend, ANNA)
        group.start_soon(slow.send)
        with anyio.fail_after(30):
            await slow.body.begun.wait()
            refused = await backend.post()
            assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
            assert int(refused.headers["retry-after"]) > 0
            assert (await backend.post(by=BERT)).status_code == 202
            slow.body.go_on.set()
            while slow.answer is None:  # noqa: ASYNC110  an answer has no event
                await anyio.sleep(0.01)
            assert slow.answer.status_code == 202
            assert (await backend.post()).status_code == 202


async def test_uploads_that_break_off_give_their_place_back(tmp_path: Path) -> None:
    """An upload that is refused, and one that is cut off, count no more."""
    async with backend_in(tmp_path, max_open=1) as backend:
        assert (await backend.post(b"no picture")).status_code == 422
        async with anyio.create_task_group() as group:
            slow = SlowUpload(backend, ANNA)
            group.start_soon(slow.send)
            with anyio.fail_after(30):
                await slow.body.begun.wait()
            group.cancel_scope.cancel()
        assert (await backend.post()).status_code == 202


async def test_streams_of_one_leave_places_to_others(tmp_path: Path) -> None:
    """One event stream more than a principal may have open is 429; a stream that ends gives its place back."""
    async with backend_in(tmp_path, max_open=1) as backend:
        own = (await backend.post()).json()["links"]["self"]
        async with backend.listening(EVENTS) as listener:
            assert await listener.next() is not None
            for path in (EVENTS, f"{own}/events"):
                with anyio.fail_after(30):  # a stream that is not refused has no end
                    refused = await backend.get(path)
                assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
                assert int(refused.headers["retry-after"]) > 0
            assert (await backend.post(draw_photo(shade=3))).status_code == 202  # uploads are counted by themselves
            async with Listener.on(backend.app, EVENTS, BERT) as other:
                assert await other.next() is not None
        async with backend.listening(EVENTS) as listener:
            assert await listener.next() is not None
        assert listener.status_code == 200


async def test_everybody_has_no_share(tmp_path: Path) -> None:
    """Where everybody is one principal, no number of streams is refused to it."""
    async with (
        backend_in(tmp_path, authenticate=None, allow_anonymous=True, max_open=1) as backend,
        backend.listening(EVENTS) as first,
        backend.listening(EVENTS) as second,
    ):
        assert await first.next() is not None
        assert await second.next() is not None
    assert (first.status_code, second.status_code) == (200, 200)
