"""
Holds many tasks in flight in this process and says what they cost.

    python -m benchmarks.crowd KIND LOOP TASKS WATCHED DOOR

The kinds are our batch and bare polling tasks of four frames under one deadline each, which only sleep: less than that
nobody can write. Started by `benchmarks/memory.py`, because memory is counted from a fresh process.
"""

import gc
import json
import logging
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Final

import anyio
import anyio.lowlevel
import attrs

from aidge_async import AidgeClient, Deadlines, Limits, ModelAlternation, Polling
from benchmarks.machine import resident_bytes

POLL_EVERY: Final = 60.0  # seconds; 10,000 tasks are then asked after some 167 times a second
TICK: Final = 0.005
IN_FLIGHT: Final = 32  # calls at once while submitting
AT_A_TIME: Final = 100  # bare tasks started in one tick
STARTED_WITHIN: Final = 300.0


@attrs.frozen(kw_only=True)
class Cost:
    """
    What was seen.

    Args:
        each_bytes: Growth of the resident memory over the number of tasks.
        traced_bytes: The same as tracemalloc counts; `None` where it was off, as it slows everything down.
        starting: Seconds until all were in flight.
        lag_p99: Seconds by which the event loop was late afterwards, 99 times of 100 at most.
        lag_most: The worst of them.
    """

    tasks: int
    each_bytes: float
    traced_bytes: float | None
    starting: float
    lag_p99: float
    lag_most: float


Crowd = Callable[[int], AbstractAsyncContextManager[None]]
"""Has so many tasks in flight while its block lasts."""


@asynccontextmanager
async def ours(door: dict[str, str]) -> AsyncIterator[Crowd]:
    """Open a client, which is not counted, and return our crowd."""
    async with AidgeClient(
        door["key_name"],
        door["key_secret"],
        base_url=door["url"],
        limits=Limits(submit_rate=None, query_rate=None, in_flight=IN_FLIGHT),
        polling=Polling.every(POLL_EVERY),
        deadlines=Deadlines(task=100_000),
    ) as aidge:
        async with anyio.create_task_group() as group:  # what is loaded, opened or grown once is no task's cost
            for number in range(2 * IN_FLIGHT):
                group.start_soon(aidge.submit, _request(-number))
        yield partial(_batch, aidge)


@asynccontextmanager
async def _batch(aidge: AidgeClient, tasks: int) -> AsyncIterator[None]:
    requests = (_request(number) for number in range(tasks))
    async with aidge.batch(requests, window=tasks) as outcomes, anyio.create_task_group() as group:

        async def consume() -> None:
            async for outcome in outcomes:
                raise AssertionError(f"no task ends here, and this one did: {outcome}")

        group.start_soon(consume)
        while outcomes.statistics().in_flight < tasks:  # noqa: ASYNC110  a batch tells nobody
            await anyio.sleep(0.5)
        yield
        group.cancel_scope.cancel()


def _request(number: int) -> ModelAlternation:
    return ModelAlternation(image=f"https://example.com/{number}.jpg", model="universal_model_1")


@asynccontextmanager
async def bare(door: dict[str, str]) -> AsyncIterator[Crowd]:  # noqa: ARG001  it calls nobody
    """Return a crowd of tasks that only sleep."""
    yield _sleepers


@asynccontextmanager
async def _sleepers(tasks: int) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        for number in range(tasks):
            group.start_soon(_followed, f"task-{number}")
            if number % AT_A_TIME == 0:
                await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        yield
        group.cancel_scope.cancel()


async def _followed(task_id: str) -> str:
    with anyio.fail_after(100_000):
        return await _polled(task_id)


async def _polled(task_id: str) -> str:
    while True:
        await _waited(task_id)


async def _waited(task_id: str) -> None:
    await anyio.sleep(POLL_EVERY if task_id else 0)


KINDS: Final = {"ours": ours, "bare": bare}


async def measured(kind: str, tasks: int, door: dict[str, str], *, watched: float) -> Cost:
    """Have so many tasks in flight, look, and watch the loop for so many seconds; 0 is for tracemalloc's process."""
    async with KINDS[kind](door) as crowd:
        gc.collect()
        before, traced_before = resident_bytes(), tracemalloc.get_traced_memory()[0]
        began = time.perf_counter()
        with anyio.fail_after(STARTED_WITHIN) as scope:
            async with crowd(tasks):
                scope.deadline = float("inf")
                starting = time.perf_counter() - began
                gc.collect()
                grown, traced_after = resident_bytes() - before, tracemalloc.get_traced_memory()[0]
                lags = await _lags(watched)
    return Cost(
        tasks=tasks,
        each_bytes=grown / tasks,
        traced_bytes=(traced_after - traced_before) / tasks if tracemalloc.is_tracing() else None,
        starting=starting,
        lag_p99=lags[len(lags) * 99 // 100] if lags else 0.0,
        lag_most=lags[-1] if lags else 0.0,
    )


async def _lags(seconds: float) -> list[float]:
    """Return in ascending order by how much a sleeper was woken late."""
    lags = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        await anyio.sleep(TICK)
        lags.append(time.perf_counter() - began - TICK)
    return sorted(lags)


def main(kind: str, loop: str, tasks: str, watched: str, door: str) -> None:
    """Be the process."""
    logging.getLogger("aidge_async").addHandler(logging.NullHandler())  # what is left at the end is told on purpose
    if not float(watched):
        tracemalloc.start()
    known: dict[str, str] = json.loads(door)
    cost = anyio.run(partial(measured, kind, int(tasks), known, watched=float(watched)), backend=loop)
    print(json.dumps(attrs.asdict(cost)))


if __name__ == "__main__":
    main(*sys.argv[1:])
