"""Event streams: ids are the journal's numbers, nothing is lost over a reconnect, and all end when the server does."""

import signal
from pathlib import Path
from typing import Any

import anyio
import pytest

from aidge_async import JournalError
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.testing import InProcessSandbox
from tests.conftest import draw_photo
from tests.integrations.support import BERT, MOUNT, ONE_SUBMIT, Backend, Listener, backend_in

EVENTS = f"{MOUNT}/events"


async def read_until(listener: Listener, state: str, task: str = "") -> list[Any]:
    """Return the events up to the first that shows *state* of *task*, or of any."""
    found = []
    while True:
        event = await listener.next()
        assert event is not None
        found.append(event)
        if event.kind == "task" and event.data["state"] == state and event.data["id"].startswith(task):
            return found


async def test_stream_begins_with_an_id_and_shows_what_happens_next(backend: Backend) -> None:
    """A stream of all tasks shows nothing older than itself, and has an id before the first event."""
    await backend.post(draw_photo(shade=1))
    async with backend.listening(EVENTS) as listener:
        first = await listener.next()
        assert first is not None
        assert (first.kind, first.data) == (None, None)
        assert int(first.id or "") > 0
        task = (await backend.post(draw_photo(shade=2))).json()
        seen = await read_until(listener, "accepted", task["id"])
    assert listener.status_code == 200
    numbers = [int(event.id) for event in seen]
    assert numbers == sorted(set(numbers))


async def test_reconnect_misses_nothing(backend: Backend) -> None:
    """With `Last-Event-ID` a stream goes on behind it; what happened meanwhile is shown, once for each task."""
    async with backend.listening(EVENTS) as listener:
        first = await listener.next()
    assert first is not None
    ids = {(await backend.post(draw_photo(shade=shade))).json()["id"] for shade in range(3)}
    async with backend.listening(EVENTS, **{"Last-Event-ID": str(first.id)}) as listener:
        seen = [await listener.next() for _ in range(4)]
    assert {event.data["id"] for event in seen if event and event.kind == "task"} == ids


@pytest.mark.slow
async def test_task_stream_ends_with_its_task(backend: Backend) -> None:
    """A task's stream begins with its state and ends with its last; a browser that comes back is told not to."""
    own = (await backend.post()).json()["links"]["self"]
    async with backend.listening(f"{own}/events") as listener:
        seen = await read_until(listener, "succeeded")
        while not seen[-1].data["done"]:
            event = await listener.next()
            assert event is not None
            seen.append(event)
        assert await listener.next() is None
    assert seen[-1].data["saved"]
    assert (await backend.get(f"{own}/events", Last_Event_ID=seen[-1].id)).status_code == 204
    for earlier in (seen[0].id, "999999"):  # what was missed, and a number of another journal
        again = await backend.get(f"{own}/events", Last_Event_ID=earlier)
        assert (again.status_code, "succeeded" in again.text) == (200, True)


async def test_streams_show_ones_own_tasks_only(backend: Backend) -> None:
    """What another principal does is not in a stream."""
    async with backend.listening(EVENTS) as listener:
        await listener.next()
        await backend.post(draw_photo(shade=1), by=BERT)
        mine = (await backend.post(draw_photo(shade=2))).json()
        event = await listener.next()
    assert event is not None
    assert event.data["id"] == mine["id"]


async def test_streams_see_what_other_processes_record(tmp_path: Path) -> None:
    """A stream of one process shows a task that another one took."""
    sandbox = InProcessSandbox(SandboxSettings(duration=0))
    async with (
        backend_in(tmp_path, sandbox=sandbox) as one,
        backend_in(tmp_path, sandbox=sandbox) as other,
        one.listening(EVENTS) as listener,
    ):
        await listener.next()
        task = (await other.post()).json()
        event = await listener.next()
    assert event is not None
    assert event.data["id"] == task["id"]


async def test_streams_say_goodbye(tmp_path: Path) -> None:
    """When the process is about to end, streams say so with the id to come back with, and end."""
    async with backend_in(tmp_path, limits=ONE_SUBMIT) as backend:
        await backend.post(draw_photo(shade=1))
        own = (await backend.post(draw_photo(shade=2))).json()["links"]["self"]
        for path in (EVENTS, f"{own}/events"):
            async with backend.listening(path) as listener:
                await listener.next()
                backend.news.stop()
                last = await listener.next()
                assert last is not None
                assert (last.kind, last.data) == ("bye", {})
                assert int(last.id or "") > 0
                assert await listener.next() is None
        with anyio.fail_after(30):
            await backend.news.quiet()


async def test_uvicorns_wish_to_end_is_seen(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is told to end is noticed by its handler of SIGTERM, before it tells the application."""

    class Server:
        should_exit = False

        def handle_exit(self) -> None:
            """Stand in for uvicorn's method."""

    server = Server()
    monkeypatch.setattr(signal, "getsignal", lambda _: server.handle_exit)
    async with backend.listening(EVENTS) as listener:
        await listener.next()
        assert not backend.news.stopping
        server.should_exit = True
        last = await listener.next()
    assert last is not None
    assert last.kind == "bye"
    assert "stopping" in repr(backend.news)


async def test_forgotten_task_ends_its_stream(tmp_path: Path) -> None:
    """A stream of a task that is forgotten ends at the next change."""
    async with backend_in(tmp_path) as backend:
        own = (await backend.post()).json()["links"]["self"]
        async with backend.listening(f"{own}/events", **{"Last-Event-ID": "0"}) as listener:
            assert (await listener.next()) is not None
            await backend.http.delete(own, headers={"X-Who": "anna"})
            while (event := await listener.next()) is not None:
                assert event.data["id"] in own


async def test_journal_that_cannot_be_read_closes_no_stream(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A stream survives a while in which the journal cannot be read, and shows then what it missed."""
    async with backend.listening(EVENTS) as listener:
        await listener.next()
        whole = type(backend.client.journal).latest

        async def broken(_: object) -> int:
            raise JournalError("locked")

        monkeypatch.setattr(type(backend.client.journal), "latest", broken)
        task = (await backend.post()).json()
        with anyio.fail_after(30):
            while "not readable" not in caplog.text:  # noqa: ASYNC110  a log has no event
                await anyio.sleep(0.02)
        monkeypatch.setattr(type(backend.client.journal), "latest", whole)
        event = await listener.next()
    assert event is not None
    assert event.data["id"] == task["id"]


async def test_odd_event_ids_are_refused(backend: Backend) -> None:
    """A `Last-Event-ID` that is no number of a journal is a problem."""
    for number in ("x", "-1", "1.0", "9" * 30, "٣"):
        answer = await backend.http.get(EVENTS, headers=[(b"X-Who", b"anna"), (b"Last-Event-ID", number.encode())])
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


async def test_head_of_a_stream_ends(backend: Backend) -> None:
    """HEAD answers with the fields of a stream and opens none."""
    answer = await backend.http.head(EVENTS, headers={"X-Who": "anna"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
