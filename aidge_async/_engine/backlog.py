"""
Submits what was planned, in the background and in order: by this process, or before it by one that died.

It knows keys only; what they stand for is read when their turn comes, so a long backlog costs next to no memory. What a
submission's answer means is the submitter's matter.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import anyio
import anyio.abc

from aidge_async import events
from aidge_async._engine.gate import Gate
from aidge_async._engine.news import News

_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 120.0  # seconds for which nothing is tried after something could not be sent
_MOST_WORKERS: Final = 24  # whatever the limits: each holds a picture


class Backlog:
    """
    Submit planned entries, so many at once.

    Args:
        group: Where it works.
        submit: Submits what is planned under a key; where it raises, that is told and the key is tried again later.
        gate: What submissions have to pass; once it is shut, what is left is left to another process.
        news: Is told of trouble.
        workers: How many at once.
    """

    def __init__(
        self,
        group: anyio.abc.TaskGroup,
        *,
        submit: Callable[[str], Awaitable[None]],
        gate: Gate,
        news: News,
        workers: int,
    ) -> None:
        self._group = group
        self._submit = submit
        self._gate = gate
        self._news = news
        self._most = min(workers, _MOST_WORKERS)
        self._keys: deque[str] = deque()
        self._working = 0
        self._pause = 0.0
        self._not_before = 0.0

    def __repr__(self) -> str:
        return f"<Backlog, {len(self._keys)} keys, {self._working} workers>"

    def add(self, keys: Iterable[str]) -> None:
        """Have *keys* submitted."""
        self._keys.extend(keys)
        for _ in range(min(self._most - self._working, len(self._keys))):
            self._working += 1
            self._group.start_soon(self._work)

    async def _work(self) -> None:
        try:
            while self._keys and not self._gate.is_shut:
                if (wait := self._not_before - anyio.current_time()) > 0:
                    await anyio.sleep(wait)
                    continue
                await self._try(self._keys.popleft())
        finally:
            self._working -= 1

    async def _try(self, key: str) -> None:
        try:
            await self._submit(key)
        except Exception as exc:  # noqa: BLE001  the boundary: the client's other tasks go on
            self._keys.appendleft(key)
            self._hold(f"planned {key!r} waits: {exc}")
        else:
            self._pause = 0.0

    def _hold(self, reason: str) -> None:
        """Try nothing for a while, twice as long each time."""
        if not self._gate.is_shut and anyio.current_time() >= self._not_before:
            self._news.tell(events.RecordFailed(task_id="", reason=reason))
            self._pause = min(2 * self._pause or _FIRST_PAUSE, _LONGEST_PAUSE)
            self._not_before = anyio.current_time() + self._pause
            self._news.tell(events.SubmitsPaused(wait=self._pause))
