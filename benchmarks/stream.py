"""
Draws a million rows from a generator and says how many, and how the memory went: `python -m benchmarks.stream`.

The gateway is scripted and in this process, so a row costs what the library costs. In the first quarter of the time the
consumer is slow. Started by `benchmarks/memory.py`, because memory is counted from a fresh process.
"""

import gc
import itertools
import json
import logging
import sys
import time
from collections.abc import Iterator
from typing import Final

import anyio
import anyio.lowlevel
import attrs
import httpx

from aidge_async import AidgeClient, Limits, ModelAlternation, Polling, Succeeded
from benchmarks.machine import resident_bytes

ROWS: Final = 1_000_000
SLOW: Final = 0.02  # seconds that the slow consumer takes for a row
LOOKS: Final = 40


@attrs.define
class ScriptedGateway(httpx.AsyncBaseTransport):
    """Accept every submit and call every task finished."""

    numbers: Iterator[int] = attrs.field(factory=itertools.count)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer *request* by its path."""
        await anyio.lowlevel.checkpoint()
        content = await request.aread()
        if request.url.path.endswith("/batch"):
            return _answer({"result": {"taskId": f"task-{next(self.numbers)}"}})
        picture = {"url": "https://example.com/made-up.png", "width": 768, "height": 1024}
        return _answer(
            {"taskId": json.loads(content)["taskId"], "taskStatus": "finished", "taskResult": [picture]},
        )


def _answer(content: dict[str, object]) -> httpx.Response:
    return httpx.Response(200, json={"code": "0", "success": True, "resCode": 200, "data": content})


@attrs.define
class Count:
    """What was drawn and consumed so far, and what was seen on the way."""

    drawn: int = 0
    consumed: int = 0
    most_ahead: int = 0
    looks: list[tuple[float, int, int]] = attrs.field(factory=list)
    """Seconds, rows consumed, resident bytes."""

    def rows(self) -> Iterator[ModelAlternation]:
        """Yield the rows, counted."""
        for number in range(ROWS):
            self.drawn += 1
            self.most_ahead = max(self.most_ahead, self.drawn - self.consumed)
            yield ModelAlternation(image=f"https://example.com/{number}.jpg", model="universal_model_1")


async def measured(seconds: float, window: int) -> Count:
    """Buy a picture of every row until the time is up."""
    count = Count()
    async with (
        AidgeClient(
            "made-up-key",
            "made-up-secret",
            base_url="http://localhost",
            transport=ScriptedGateway(),
            limits=Limits(submit_rate=None, query_rate=None, in_flight=32),
            polling=Polling.every(1),
        ) as aidge,
        aidge.batch(count.rows(), window=window) as outcomes,
    ):
        began = time.perf_counter()
        async for outcome in outcomes:
            assert isinstance(outcome, Succeeded), outcome
            count.consumed += 1
            spent = time.perf_counter() - began
            if spent > seconds:
                break
            if spent >= seconds * len(count.looks) / LOOKS:
                gc.collect()
                count.looks.append((spent, count.consumed, resident_bytes()))
            if spent < seconds / 4:
                await anyio.sleep(SLOW)
    return count


def main(seconds: str, window: str) -> None:
    """Be the process."""
    logging.getLogger("aidge_async").addHandler(logging.NullHandler())  # what is left at the end is told on purpose
    print(json.dumps(attrs.asdict(anyio.run(measured, float(seconds), int(window)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
