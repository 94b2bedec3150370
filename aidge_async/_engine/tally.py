"""
Keeps a batch's outcomes until they are fetched, in the order that is wanted, and counts.

It starts nothing and decides about no item.
"""

from collections import Counter, deque
from typing import Final, Generic

import anyio
import anyio.lowlevel

from aidge_async._core.operation import ResultT_co
from aidge_async._core.outcome import (
    BatchStatistics,
    Failed,
    InDoubt,
    NotSubmitted,
    Outcome,
    Succeeded,
    Unfinished,
)
from aidge_async._engine.item import Item

_RATE_OVER: Final = 200  # outcomes; few enough to follow a change, enough to be steady


class Tally(Generic[ResultT_co]):
    """
    Keep what is open and what is ready.

    Args:
        total: How many there will be, where that is known.
        in_order: Whether outcomes are fetched in the order of their requests.
    """

    def __init__(self, total: int | None, *, in_order: bool) -> None:
        self._total = total
        self._in_order = in_order
        self._ready: deque[Outcome[ResultT_co]] = deque()
        self._early: dict[int, Outcome[ResultT_co]] = {}
        self._next_index = 0
        self._closed = False
        self._changed = anyio.Event()
        self._counts: Counter[type] = Counter()
        self._asked = 0
        self._delivered = 0
        self._moments: deque[float] = deque(maxlen=_RATE_OVER)
        self._last = False
        self.drawn = 0
        self.open: dict[int, Item[ResultT_co]] = {}
        """What was drawn and has no outcome, by its place."""

    def take(self, item: Item[ResultT_co]) -> None:
        """Note an item that was drawn."""
        self.open[item.index] = item
        self.drawn += 1

    def put(self, item: Item[ResultT_co], outcome: Outcome[ResultT_co]) -> None:
        """Take an item's outcome."""
        del self.open[item.index]
        self._counts[type(outcome)] += 1
        self._asked += item.pictures
        if isinstance(outcome, Succeeded):
            self._delivered += len(outcome.result) if hasattr(outcome.result, "__len__") else 1
        self._moments.append(anyio.current_time())
        if self._in_order:
            self._early[item.index] = outcome
            while self._next_index in self._early:
                self._ready.append(self._early.pop(self._next_index))
                self._next_index += 1
        else:
            self._ready.append(outcome)
        self._closed = self._closed or (self._last and not self.open)
        self._wake()

    def no_more(self) -> None:
        """Note that nothing more is drawn."""
        self._last = True
        self._closed = self._closed or not self.open
        self._wake()

    def close(self) -> None:
        """Let what is ready be the last."""
        self._closed = True
        self._wake()

    async def next(self) -> Outcome[ResultT_co] | None:
        """Return the next outcome, `None` after the last."""
        await anyio.lowlevel.checkpoint()
        while not self._ready and not self._closed:
            await self._changed.wait()
        return self._ready.popleft() if self._ready else None

    def tokens(self) -> tuple[str, ...]:
        """Return the tokens of the tasks that were accepted and are not fetched as an outcome."""
        waiting = [*self._ready, *self._early.values()]
        found = [item.token for item in self.open.values()]
        found += [outcome.token for outcome in waiting if not isinstance(outcome, Failed)]
        return tuple(token for token in found if token is not None)

    def statistics(self, now: float) -> BatchStatistics:
        """Return how far the batch is."""
        rate = None
        if len(self._moments) > 1 and now > self._moments[0]:
            rate = (len(self._moments) - 1) / (now - self._moments[0])
        left = None if self._total is None or not rate else (self._total - self._counts.total()) / rate
        accepted = [item for item in self.open.values() if item.poller is not None]
        return BatchStatistics(
            total=self._total,
            drawn=self.drawn,
            in_flight=len(accepted),
            succeeded=self._counts[Succeeded],
            not_submitted=self._counts[NotSubmitted],
            failed=self._counts[Failed],
            unfinished=self._counts[Unfinished],
            in_doubt=self._counts[InDoubt],
            pictures_asked=self._asked + sum(item.pictures for item in accepted),
            pictures_delivered=self._delivered,
            rate=rate,
            time_left=left,
        )

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
