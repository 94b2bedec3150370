"""Closing a client ends what others still wait for through it, each with the token of its task."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from aidge_async import AidgeClient, DeadlineError, Polling, TaskHandle, TaskSucceeded, Unfinished
from aidge_async.sandbox import SandboxSettings
from tests.support import URL_REQUEST, virtual_sandbox

SLOW = SandboxSettings(duration=500, spread=0)
CLOSED = "is not followed any more, because its client was closed; it goes on at the gateway: resume its token"


async def watch(handle: TaskHandle[Any]) -> None:
    """Watch a task to its end."""
    async for _ in handle.events():
        pass


@pytest.mark.parametrize("wait", [TaskHandle.result, watch], ids=["result", "events"])
async def test_wait_ends_when_the_client_is_closed(wait: Callable[[TaskHandle[Any]], Awaitable[Any]]) -> None:
    """A request handler that outlives its client waits no quarter of an hour for a poller that is no more."""
    _, client = virtual_sandbox(SLOW, polling=Polling.every(1))
    ended: list[Any] = []

    async def wait_on() -> None:
        with pytest.raises(DeadlineError, match=CLOSED) as caught:
            await wait(handle)
        ended.append((anyio.current_time() - begun, caught.value.token))

    async with anyio.create_task_group() as group, client as aidge:
        handle = await aidge.submit(URL_REQUEST)
        begun = anyio.current_time()
        group.start_soon(wait_on)
        await anyio.sleep(5)
    assert ended == [(pytest.approx(5, abs=0.1), handle.token)]


@pytest.mark.parametrize("ask", [TaskHandle.result, TaskHandle.status, watch], ids=["result", "status", "events"])
async def test_handle_of_a_closed_client_says_so(ask: Callable[[TaskHandle[Any]], Awaitable[Any]]) -> None:
    """Its token is told, and nothing is sent; it was a foreign error of the event loop's library."""
    world, client = virtual_sandbox(SLOW)
    async with client as aidge:
        handle = await aidge.submit(URL_REQUEST)
    queries = world.statistics()
    with pytest.raises(DeadlineError, match=CLOSED) as caught:
        await ask(handle)
    assert caught.value.token == handle.token
    assert world.statistics() == queries


async def test_result_outlives_the_client() -> None:
    """What was brought home once needs no client."""
    _, client = virtual_sandbox(SandboxSettings(duration=1, spread=0), polling=Polling.every(1))
    async with client as aidge:
        handle = await aidge.submit(URL_REQUEST)
        result = await handle
    assert await handle == result
    assert await handle.status() == TaskSucceeded(result)


async def test_batch_in_another_task_is_left_unfinished() -> None:
    """A batch whose client is closed under it names what was accepted."""
    _, client = virtual_sandbox(SLOW, polling=Polling.every(1))
    outcomes: list[Any] = []

    async def buy(aidge: AidgeClient) -> None:
        async with aidge.batch([URL_REQUEST, URL_REQUEST]) as batch:
            outcomes.extend([outcome async for outcome in batch])

    async with anyio.create_task_group() as group, client as aidge:
        group.start_soon(buy, aidge)
        await anyio.sleep(5)
    assert [type(outcome) for outcome in outcomes] == [Unfinished, Unfinished]
    assert all(outcome.token for outcome in outcomes)
