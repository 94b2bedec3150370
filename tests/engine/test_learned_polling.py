"""A client that learns when to poll, against the sandbox in virtual time."""

from typing import Any

import anyio
import pytest

from aidge_async import AidgeClient, Polling
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.sandbox.world import World
from tests.support import URL_REQUEST, virtual_sandbox

SETTINGS = SandboxSettings(duration=20, spread=0.15)


async def buy(world: World, aidge: AidgeClient, number: int) -> tuple[float, float]:
    """Buy one after the other; return queries and detection delay of a task, as the sandbox counts them."""
    queries, delay = 0, 0.0
    for _ in range(number):
        result = await aidge.run(URL_REQUEST)
        tasks: Any = world.statistics()["tasks"]
        queries += tasks[result.task_id]["queries"]
        delay += tasks[result.task_id]["detection_delay"]
    return queries / number, delay / number


async def test_learned_client_asks_seldom_and_is_soon_told() -> None:
    """A client that has learned 20 s asks a seventh as often as every second, and is told within 3 s."""
    world, client = virtual_sandbox(SETTINGS, polling=Polling.learned())
    async with client as aidge:
        await buy(world, aidge, 40)
        queries, delay = await buy(world, aidge, 20)
    assert queries <= 20 / 7
    assert delay <= 3


@pytest.mark.slow
async def test_what_was_learned_lasts_as_long_as_the_client() -> None:
    """The second thirty tasks of a client cost less than the first five, and a new client begins anew."""
    world, client = virtual_sandbox(SETTINGS, polling=Polling.learned())
    async with client as aidge:
        cold = sum(await buy(world, aidge, 5))
        await buy(world, aidge, 25)
        warm = sum(await buy(world, aidge, 30))
    assert warm < cold
    world, fresh = virtual_sandbox(SETTINGS, polling=Polling.learned())
    async with fresh as aidge:
        assert sum(await buy(world, aidge, 5)) > warm


@pytest.mark.slow
async def test_many_at_once_are_learned_from_without_bias() -> None:
    """Sixty tasks in flight, the short ones ending first, teach what one at a time would."""
    world, client = virtual_sandbox(SETTINGS, polling=Polling.learned())
    async with client as aidge:
        async with anyio.create_task_group() as group:
            for _ in range(60):
                group.start_soon(aidge.run, URL_REQUEST)
        queries, delay = await buy(world, aidge, 20)
    assert queries <= 20 / 6
    assert delay <= 3
