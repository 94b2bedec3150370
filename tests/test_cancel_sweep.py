"""Cancelling at every await point of a submit: never a lost task id, never a second POST, and the pool stays good."""

import random
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from aidge_async import AidgeClient, Limits, ModelAlternation
from aidge_async._core.lifecycle import State
from aidge_async.events import Event, TaskAccepted
from aidge_async.sandbox.server import RunningSandbox, running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.sandbox.world import World
from aidge_async.testing.clock import virtual_backend
from tests.support import client_of, events_of, virtual_sandbox

STEPS = 40  # more than a submit without a socket takes
FREE = Limits(submit_rate=None, query_rate=None)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelling_after_any_number_of_steps_loses_nothing(backend: str, photo: bytes) -> None:
    """The submit is cancelled one scheduler step later each time, until it is through."""

    async def sweep() -> None:
        # Several times over on trio, which runs its tasks in another order each time.
        times = 8 if backend == "trio" else 1
        outcomes = {await _cancelled_after(steps, photo) for _ in range(times) for steps in range(STEPS)}
        # Early enough nothing is sent; later the task is told as unclaimed; in the end the caller has it.
        assert outcomes == {"nothing", "unclaimed", "held"}

    name, options = virtual_backend(backend)
    anyio.run(sweep, backend=name, backend_options=options)


async def _cancelled_after(steps: int, photo: bytes) -> str:
    seen: list[Event] = []
    world, client = virtual_sandbox(limits=FREE, observers=[seen.append])
    held: list[str] = []
    async with client as aidge:
        async with anyio.create_task_group() as group:
            group.start_soon(_submit, aidge, photo, held)
            for _ in range(steps):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        return await _outcome(aidge, world, seen, held)


async def _submit(aidge: AidgeClient, photo: bytes, held: list[str]) -> None:
    handle = await aidge.submit(ModelAlternation(image=photo, model="universal_model_1"), key="sku-1")
    held.append(handle.token)


async def _outcome(aidge: AidgeClient, world: World, seen: list[Event], held: list[str]) -> str:
    sold = [entry["task_id"] for entry in world.ledger()]
    told = {event.token: event.task_id for event in events_of(seen, TaskAccepted)}
    assert len(sold) <= 1
    assert list(told.values()) == sold
    assert set(held) | set(aidge.unclaimed) == set(told)
    entry = await aidge._open().journal.find("sku-1")
    assert (entry is not None and entry.state is State.ACCEPTED) == bool(sold)
    assert repr(aidge._open().limiter) == "<PacedLimiter, 0 waiting, 16 free places in flight>"
    return "held" if held else "unclaimed" if sold else "nothing"


@pytest.fixture
def slow_sandbox() -> Iterator[RunningSandbox]:
    """Run a sandbox on a socket whose tasks are never done, so that each query is a call."""
    with running_sandbox(SandboxSettings(duration=3600)) as running:
        yield running


@pytest.mark.slow
async def test_pool_is_good_after_a_thousand_cancelled_calls(slow_sandbox: RunningSandbox) -> None:
    """A thousand calls that were cancelled over a real socket leave a pool on which a thousand good ones succeed."""
    chance = random.Random(7)
    limits = Limits(submit_rate=None, query_rate=None, in_flight=50)
    async with client_of(slow_sandbox, limits=limits) as aidge:
        handle = await aidge.submit(ModelAlternation(image="https://example.com/a.jpg", model="universal_model_1"))
        statuses: list[Any] = []

        async def ask(within: float) -> None:
            with anyio.move_on_after(within):
                statuses.append(await aidge.resume(handle.token).status())

        async def thousand(least: float, most: float) -> int:
            statuses.clear()
            for _ in range(10):
                async with anyio.create_task_group() as group:
                    for _ in range(100):
                        group.start_soon(ask, chance.uniform(least, most))
            return len(statuses)

        assert await thousand(0, 0.1) < 1000
        assert await thousand(60, 60) == 1000
        assert repr(aidge._open().limiter) == "<PacedLimiter, 0 waiting, 50 free places in flight>"
