"""Cancelling at random moments over a real socket: no connection, permit or task id is lost."""

import random

import anyio
import pytest

from aidge_async import Limits, ModelAlternation, Polling
from aidge_async.events import Event, SubmitInDoubt, TaskAccepted
from aidge_async.sandbox.server import RunningSandbox
from tests.support import client_of, events_of, read_json

RUNS = 200


@pytest.mark.slow
async def test_random_cancellation_loses_nothing(sandbox: RunningSandbox, photo: bytes) -> None:
    """Of 200 cancelled runs every accepted task is held by a handle, an event or `unclaimed`; all permits come back."""
    seen: list[Event] = []
    held: set[str] = set()
    chance = random.Random(20261122)
    limits = Limits(submit_rate=None, query_rate=None, in_flight=8)
    async with client_of(sandbox, limits=limits, polling=Polling.every(1), observers=[seen.append]) as aidge:

        async def buy() -> None:
            with anyio.move_on_after(chance.uniform(0.0, 0.04)):
                handle = await aidge.submit(ModelAlternation(image=photo, model="universal_model_1"))
                held.add(handle.token)

        for _ in range(RUNS // 20):
            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(buy)

        ledger = {entry["task_id"] for entry in (await read_json(f"{sandbox.url}/_sandbox/ledger"))["accepted"]}
        told = {event.token: event.task_id for event in events_of(seen, TaskAccepted)}
        assert set(told.values()) == ledger
        assert held | set(aidge.unclaimed) == set(told)
        assert events_of(seen, SubmitInDoubt) == []
        limiter = aidge._open().limiter
        assert repr(limiter) == "<PacedLimiter, 0 waiting, 8 free places in flight>"
        # The connections left are good: as many calls at once as there are permits, and none fails.
        async with anyio.create_task_group() as group:
            for token in list(told)[:8]:
                group.start_soon(aidge.resume(token).status)
