"""
One of several processes that share a journal: it does as it is told on the command line, and prints how often it did.

Nothing is judged here; see `shared_rate.py`.
"""

import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from aidge_async import AidgeClient, Limits, ModelAlternation
from aidge_async._core.call import Call, Content
from aidge_async._io.schema import open_journal_file, resolved
from aidge_async._io.shared_pace import SharedPace

CALLERS = 16

Told = dict[str, Any]


async def until_told(work: Callable[[], Awaitable[None]]) -> int:
    """Say that all is ready, and work from the moment to the moment that is told then; return how often."""
    done = 0
    print("ready", flush=True)
    begin, end = json.loads(await anyio.to_thread.run_sync(sys.stdin.readline))

    async def work_on() -> None:
        nonlocal done
        while True:
            await work()
            done += 1

    await anyio.sleep(max(0.0, begin - time.time()))
    with anyio.move_on_after(end - time.time()):
        async with anyio.create_task_group() as group:
            for _ in range(CALLERS):
                group.start_soon(work_on)
    return done


async def submit(told: Told) -> int:
    """Submit as fast as the client allows."""
    wish = ModelAlternation(image="https://example.com/look.jpg", model="universal_model_1")
    limits = Limits(submit_rate=told["rate"], in_flight=64)
    client = AidgeClient(told["key"], told["secret"], base_url=told["url"], limits=limits, journal=told["journal"])
    async with client as aidge:

        async def work() -> None:
            await aidge.submit(wish)

        return await until_told(work)


async def start(told: Told) -> int:
    """Start calls that nobody sends, as fast as the file allows."""
    open_journal_file(resolved(Path(told["journal"]))).close()
    shared = SharedPace(told["journal"], "benchmark", Limits(submit_rate=None, in_flight=64))
    await shared.open()

    async def work() -> None:
        call = Call(kind="submit", path="/submit", content=Content(b"{}"))
        permit = await shared.limiter.acquire(call)
        shared.limiter.answered(call)
        permit.release()

    async with anyio.create_task_group() as group:
        group.start_soon(shared.watch)
        done = await until_told(work)
        group.cancel_scope.cancel()
    await shared.aclose()
    return done


if __name__ == "__main__":
    facts = json.loads(sys.argv[1])
    print(anyio.run({"submit": submit, "start": start}[facts["what"]], facts, backend=facts["backend"]))
