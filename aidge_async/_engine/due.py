"""
Knows when the items of a batch are to be given up, as numbers: a deadline of the event loop's for each costs 2 KB.

What happens then is the batch's matter.
"""

import heapq
import math
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import anyio

ItemT = TypeVar("ItemT")


class Due(Generic[ItemT]):
    """
    Tell which items are due.

    Args:
        items: Those that may still become due, by number; others are forgotten.
        on_due: Is given each item when its moment has come.
    """

    def __init__(self, items: Mapping[int, ItemT], on_due: Callable[[ItemT], None]) -> None:
        self._items = items
        self._on_due = on_due
        self._heap: list[tuple[float, int]] = []
        self._earlier = anyio.Event()

    def __repr__(self) -> str:
        return f"<Due, {len(self._heap)} moments for {len(self._items)} items>"

    def add(self, moment: float, number: int) -> None:
        """Have the item *number* told of at *moment* on the event loop's clock."""
        if len(self._heap) > 2 * len(self._items) + 64:  # most of them ended in time: forget those, now and then
            self._heap = [entry for entry in self._heap if entry[1] in self._items]
            heapq.heapify(self._heap)
        if not self._heap or moment < self._heap[0][0]:
            self._earlier.set()
        heapq.heappush(self._heap, (moment, number))

    async def watch(self) -> None:
        """Tell what is due, until cancelled."""
        while True:
            with anyio.CancelScope(deadline=self._heap[0][0] if self._heap else math.inf):
                await self._earlier.wait()
            self._earlier = anyio.Event()
            now = anyio.current_time()
            while self._heap and self._heap[0][0] <= now:
                _, number = heapq.heappop(self._heap)
                if number in self._items:
                    self._on_due(self._items[number])
