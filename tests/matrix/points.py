"""
Cancels a piece of work at one of its await points, each in turn, on either event loop.

A point is where the work really suspends: not each `await` in its text, but each time the event loop gets the control
back. So the sweep needs no guess at how long anything takes, and works over sockets and in virtual time.
"""

from collections.abc import Awaitable, Callable, Generator
from typing import Any

import anyio
import attrs


@attrs.define
class _Stepped:
    """
    Await *work*, and cancel *scope* when it suspends for the time number *at*.

    Args:
        points: How often it has suspended so far.
    """

    work: Generator[Any, Any, Any]
    at: int
    scope: anyio.CancelScope
    points: int = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Callable[[Any], Any] = self.work.send
        given: Any = None
        while True:
            try:
                suspended = step(given)
            except StopIteration as end:
                return end.value
            self.points += 1
            if self.points == self.at:
                self.scope.cancel()
            try:
                given, step = (yield suspended), self.work.send
            except BaseException as exc:  # noqa: BLE001  what the event loop throws in is the work's to handle
                given, step = exc, self.work.throw


async def cancelled_at(at: int, work: Callable[[], Awaitable[Any]]) -> bool:
    """Run *work*, cancelled at its point number *at*; return whether it came so far."""
    with anyio.CancelScope() as scope:
        stepped = _Stepped(work().__await__(), at, scope)
        await stepped
    return stepped.points >= at
