"""
A batch: many requests through one client, as an async context manager that is an async iterator of outcomes.

It is only the face; `_engine/batch.py` does the work.
"""

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self

from aidge_async._core.operation import ResultT_co
from aidge_async._core.outcome import BatchStatistics, Outcome
from aidge_async.errors import SettingsError

if TYPE_CHECKING:
    from aidge_async._engine.batch import BatchRun  # made when a batch is opened; importing this must not load it


class Batch(Generic[ResultT_co]):
    """
    Bring many requests to their outcomes; get it from `AidgeClient.batch`.

    Use it as `async with aidge.batch(requests) as outcomes:` and `async for outcome in outcomes:`. Leaving the block
    early stops what is not sent, hears out what is, for ten seconds, and follows no task any more; `unfinished` tells
    how to go on.
    """

    def __init__(self, make_run: "Callable[[], BatchRun[ResultT_co]]") -> None:
        self._make_run = make_run
        self._begun: BatchRun[ResultT_co] | None = None

    def __repr__(self) -> str:
        if self._begun is None:
            return "<Batch, not begun>"
        seen = self.statistics()
        of = "" if seen.total is None else f" of {seen.total}"
        return f"<Batch, {seen.done}{of} done, {seen.in_flight} in flight>"

    async def __aenter__(self) -> Self:
        if self._begun is not None:
            raise SettingsError("the batch was begun before, its requests are drawn; make a new one")
        self._begun = self._make_run()
        await self._begun.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._run.__aexit__(kind, exc, traceback)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[ResultT_co]:
        outcome = await self._run.next()
        if outcome is None:
            raise StopAsyncIteration
        return outcome

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Return the tokens of the tasks that were accepted and whose outcome was not fetched; resume them."""
        return self._run.unfinished

    def statistics(self) -> BatchStatistics:
        """Return how far it is; cheap enough for a progress bar."""
        return self._run.statistics()

    @property
    def _run(self) -> "BatchRun[ResultT_co]":
        if self._begun is None:
            raise SettingsError("the batch is not begun; use it inside 'async with aidge.batch(...) as outcomes:'")
        return self._begun
