"""
A watch over the event loops of `aidge-async serve`, for tests: how long they were held, in CPU time, whatever else the
machine does. Each worker writes down at its end what it has seen.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
from starlette.applications import Starlette

from aidge_async.cli.serving import make as make_plain

_FOLDER = "AIDGE_TEST_WATCH"
_WORK_SECONDS = 0.037  # what `_work` took where and when the bars were set
_BEFORE = """\
import os
import aidge_async.cli.serving as serving
os.environ[{variable!r}] = {folder!r}
plain = serving._config
def watched(given):
    config = plain(given)
    config.app = "tests.integrations.watched:make"
    return config
serving._config = watched
"""


def watching(folder: Path) -> str:
    """Return what a process runs before `serve`, so that its workers write into *folder*."""
    folder.mkdir()
    return _BEFORE.format(variable=_FOLDER, folder=str(folder))


@attrs.frozen(kw_only=True)
class Held:
    """Hold for how many ms of CPU time the loop was held between two looks 5 ms apart, one value each, sorted."""

    looks: list[float]

    @classmethod
    def of_all(cls, folder: Path) -> list["Held"]:
        """Return what each worker has written into *folder*."""
        return [cls(looks=sorted(json.loads(file.read_text()))) for file in folder.glob("*.json")]

    def share(self, share: float) -> float:
        """Return the ms that so large a share of the looks took at most."""
        return round(self.looks[min(int(len(self.looks) * share), len(self.looks) - 1)], 1)

    def __str__(self) -> str:
        shares = ", ".join(f"{self.share(share)}" for share in (0.5, 0.99, 0.999, 1))
        return f"held p50, p99, p999, most: {shares} ms of {len(self.looks)} looks"


def make() -> Starlette:
    """Return the application of a worker; uvicorn calls it in place of `serving.make`."""
    app, held = make_plain(), list[float]()
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def around(whole: Any) -> AsyncIterator[Any]:
        slower = max(1, min(_work() for _ in range(5)) / _WORK_SECONDS)
        async with inner(whole) as state:
            watch = asyncio.create_task(_watch(held))
            yield state
            watch.cancel()
        place = Path(os.environ[_FOLDER]) / f"{os.getpid()}.json"
        place.write_text(json.dumps([seconds * 1000 / slower for seconds in held]))

    app.router.lifespan_context = around
    return app


def _work() -> float:
    """Return the CPU seconds that something fixed takes; a slower machine may hold a loop for longer."""
    before = time.thread_time()
    sum(range(1_000_000))
    return time.thread_time() - before


async def _watch(held: list[float]) -> None:
    while True:
        before = time.thread_time()
        await asyncio.sleep(0.005)
        held.append(time.thread_time() - before)
