"""The handle: many watchers, one poller; waits that end early lose nothing."""

from typing import Any

import anyio
import pytest

from aidge_async import (
    DeadlineError,
    Polling,
    TaskRunning,
    TaskSucceeded,
)
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.testing.clock import virtual_backend
from tests.support import URL_REQUEST, ScriptedGateway, queries_of, virtual_sandbox


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run every test on both event loops, in virtual time."""
    return virtual_backend(request.param)


async def test_handle_is_awaited_from_several_places_with_one_poller() -> None:
    """Twenty watchers of one task cost no more queries than one."""
    world, client = virtual_sandbox(SandboxSettings(duration=22, spread=0), polling=Polling.every(5))
    results = []
    async with client as aidge:
        handle = await aidge.submit(URL_REQUEST)

        async def watch() -> None:
            results.append(await handle)

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(watch)
        assert await handle is results[0]
    assert len(results) == 20
    assert queries_of(world, handle.task_id) == 5


async def test_cancelled_wait_only_stops_watching() -> None:
    """After a cancelled wait nobody polls, and a later await brings the result."""
    world, client = virtual_sandbox(SandboxSettings(duration=20, spread=0), polling=Polling.every(2))
    async with client as aidge:
        handle = await aidge.submit(URL_REQUEST)
        with anyio.move_on_after(5):
            await handle
        before = queries_of(world, handle.task_id)
        await anyio.sleep(100)
        assert queries_of(world, handle.task_id) == before
        assert len(await handle) == 2


async def test_events_tell_the_state_now_then_changes_then_the_end() -> None:
    """Every reader sees running before the end, and the end last."""
    _, client = virtual_sandbox(SandboxSettings(duration=6, spread=0), polling=Polling.every(1))
    async with client as aidge:
        handle = await aidge.submit(URL_REQUEST)
        states = [state async for state in handle.events()]
        again = [state async for state in handle.events()]
    assert states[0] == TaskRunning()
    assert TaskRunning("running") in states
    assert [type(state) for state in states].count(TaskSucceeded) == 1
    assert isinstance(states[-1], TaskSucceeded)
    assert again == states[-1:]


async def test_status_asks_once() -> None:
    """`status` says what the gateway says now, with one query, and none once the task is settled."""
    world, client = virtual_sandbox(SandboxSettings(duration=10, spread=0))
    async with client as aidge:
        handle = await aidge.submit(URL_REQUEST)
        assert await handle.status() == TaskRunning("submitted")
        await anyio.sleep(11)
        assert isinstance(await handle.status(), TaskSucceeded)
        assert isinstance(await handle.status(), TaskSucceeded)
    assert queries_of(world, handle.task_id) == 2


async def test_deadline_carries_the_token_after_one_last_query() -> None:
    """A task that still runs raises `DeadlineError`, also a `TimeoutError`, and is not lost."""
    world, client = virtual_sandbox(SandboxSettings(duration=60, spread=0), polling=Polling.every(50))
    async with client as aidge:
        handle = await aidge.submit(URL_REQUEST)
        with pytest.raises(DeadlineError, match="still runs after 20 s") as caught:
            await handle.result(deadline=20)
        assert isinstance(caught.value, TimeoutError)
        assert (caught.value.billable, caught.value.token) == ("yes", handle.token)
        assert queries_of(world, handle.task_id) == 1
        assert len(await aidge.resume(caught.value.token or "")) == 2


async def test_last_query_may_bring_the_result() -> None:
    """A task that ended between the last poll and the deadline is not called late."""
    _, client = virtual_sandbox(SandboxSettings(duration=15, spread=0), polling=Polling.every(50))
    async with client as aidge:
        assert len(await aidge.run(URL_REQUEST, deadline=20)) == 2


async def test_last_query_that_gets_no_answer_leaves_a_quarter_of_a_second() -> None:
    """Whoever named a deadline has heard within a second of it, though the gateway says nothing."""
    gateway = ScriptedGateway(queries=[60.0])
    async with gateway.client(polling=Polling.every(50)) as aidge:
        handle = await aidge.submit(URL_REQUEST)
        began = anyio.current_time()
        with pytest.raises(DeadlineError):
            await handle.result(deadline=20)
        assert anyio.current_time() - began <= 20.75 + 1e-6
