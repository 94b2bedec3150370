"""
Many requests through one client: drawn as the window allows, bought by a few workers, followed by one coroutine each.

How one is bought, followed or saved is others' matter; what became of them is counted in `tally.py`. Nothing raised for
one item stops the others.
"""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Generic, Self, assert_never

import anyio
import anyio.abc
import attrs

from aidge_async._core.operation import ResultT_co
from aidge_async._core.outcome import BatchStatistics, Failed, InDoubt, NotSubmitted, Outcome, Succeeded, Unfinished
from aidge_async._core.task_state import TaskFailed, TaskRunning, TaskState, TaskSucceeded
from aidge_async._engine.buyer import Wish
from aidge_async._engine.due import Due
from aidge_async._engine.gate import Gate
from aidge_async._engine.item import Item
from aidge_async._engine.plan import BatchPlan, Drawn
from aidge_async._engine.poller import Poller
from aidge_async._engine.tally import Tally
from aidge_async.errors import AidgeError, BudgetError, CredentialsError, QuotaError, SubmissionInDoubtError

_SAVES_AT_ONCE = 8  # tasks whose pictures are fetched at once
_SPARE_WORKERS = 8  # beyond those whose submit is in flight: they read pictures and wait for permits meanwhile


@attrs.frozen(kw_only=True)
class BatchParts:
    """
    Hold what a batch needs of its client.

    Args:
        buy: Buys one request and returns the poller of its task.
        save: Saves the pictures of a result, under a key, in a folder.
        gate: What submissions have to pass.
        in_flight: Calls at the gateway at once.
        by_fingerprint: Whether equal requests without a key are one purchase.
        retry_failed_until: Epoch seconds; what failed until then is bought again.
    """

    buy: Callable[[Wish[Any]], Awaitable[Poller[Any]]]
    save: Callable[[str, Any, Path], Awaitable[list[Path]]]
    gate: Gate
    in_flight: int
    by_fingerprint: bool
    retry_failed_until: float


class BatchRun(Generic[ResultT_co]):
    """
    Carry a batch out.

    Args:
        plan: What is wanted.
        parts: What it needs.
    """

    def __init__(self, plan: BatchPlan[ResultT_co], parts: BatchParts) -> None:
        self._plan = plan
        self._parts = parts
        self._group = anyio.create_task_group()
        self._window = anyio.Semaphore(plan.window, fast_acquire=True)
        self._drawing = anyio.Lock(fast_acquire=True)
        self._saving = anyio.Semaphore(_SAVES_AT_ONCE)
        self._tally: Tally[ResultT_co] = Tally(plan.total, in_order=plan.in_order)
        self._due = Due(self._tally.open, self._overdue)
        self._exhausted = False
        self.broken_by: Exception | None = None
        """What the requests' source raised, or a bug; raised when all else is delivered."""

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._group.start_soon(self._due.watch)
        for _ in range(min(self._plan.window, self._parts.in_flight + _SPARE_WORKERS)):
            self._group.start_soon(self._work)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._group.cancel_scope.cancel()
        try:
            # Told of no exception: its tasks raise none, and the caller's own must come out as it is, in no group.
            await self._group.__aexit__(None, None, None)
        finally:
            with anyio.CancelScope(shield=True):
                await self._rest()

    def statistics(self) -> BatchStatistics:
        """Return how far it is."""
        return self._tally.statistics(anyio.current_time())

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Return the tokens of the tasks that were accepted and whose outcome was not delivered."""
        return self._tally.tokens()

    async def next(self) -> Outcome[ResultT_co] | None:
        """Return the next outcome, `None` after the last."""
        outcome = await self._tally.next()
        if outcome is not None:
            self._window.release()
        elif self.broken_by is not None:
            raise self.broken_by
        return outcome

    async def _rest(self) -> None:
        """Stop following, and wait until nothing of this batch runs any more."""
        followed = [(item, item.poller) for item in self._tally.open.values() if item.poller is not None]
        for item, _ in followed:
            item.leave()
        for _, poller in followed:
            await poller.rested()
        if isinstance(self._plan.source, AsyncGenerator):
            await self._plan.source.aclose()

    async def _work(self) -> None:
        while (item := await self._draw()) is not None:
            try:
                await self._buy(item)
            except Exception as exc:  # noqa: BLE001  the boundary: a bug is raised where the caller stands
                self._break(exc)

    async def _draw(self) -> Item[ResultT_co] | None:
        async with self._drawing:
            await self._window.acquire()
            drawn = None if self._exhausted or self._parts.gate.is_shut else await self._next_request()
            if drawn is None:
                self._exhausted = True
                self._window.release()
                self._tally.no_more()
                return None
            return self._item(drawn)

    def _item(self, drawn: Drawn[ResultT_co]) -> Item[ResultT_co]:
        key: str | None = None
        match drawn:
            case (key, request):
                pass
            case request:
                pass
        now = anyio.current_time()
        wish = Wish(
            request=request,
            key=key,
            by_fingerprint=self._parts.by_fingerprint,
            retry_failed_until=self._parts.retry_failed_until,
            folder=self._plan.folder,
            until=now + self._plan.deadline,
            gate=self._parts.gate,
        )
        item = Item(index=self._tally.drawn, wish=wish, drawn_at=now)
        self._tally.take(item)
        return item

    async def _next_request(self) -> Drawn[ResultT_co] | None:
        source = self._plan.source
        try:
            return await anext(source) if isinstance(source, AsyncIterator) else next(source)
        except (StopIteration, StopAsyncIteration):
            return None
        except Exception as exc:  # noqa: BLE001  the user's own: what is in flight is brought to its end first
            self.broken_by = exc
            return None

    async def _buy(self, item: Item[ResultT_co]) -> None:
        try:
            poller = await self._parts.buy(item.wish)
        except AidgeError as exc:
            self._heed(exc)
            return self._unbought(item, exc)
        item.poller, item.bought_at = poller, anyio.current_time()
        if poller.settled:
            return self._ended(item, poller)
        item.on_end = partial(self._ended, item, poller)
        until = item.wish.until
        due = until if until < math.inf else item.bought_at + self._plan.task_deadline
        self._due.add(due, item.index)
        return poller.watch(item.on_end)

    def _unbought(self, item: Item[ResultT_co], error: AidgeError) -> None:
        about = item.about(anyio.current_time())
        if error.token is not None:  # accepted, and the journal could not take it
            about = {**about, "token": error.token, "task_id": error.task_id}
            self._tally.put(item, Unfinished(**about, error=error))
        elif isinstance(error, SubmissionInDoubtError):
            self._tally.put(item, InDoubt(**about, error=error))
        else:
            self._tally.put(item, NotSubmitted(**about, error=error))

    def _ended(self, item: Item[ResultT_co], poller: Poller[ResultT_co]) -> None:
        """Take note of a poller that knows its task's end, or was given up."""
        item.leave()
        state: TaskState[ResultT_co] = poller.state
        match state:
            case TaskSucceeded() if self._plan.folder is not None:
                self._group.start_soon(self._save, item, state, self._plan.folder)
            case TaskSucceeded(result=result):
                self._tally.put(item, Succeeded(**item.about(anyio.current_time()), result=result))
            case TaskFailed(error=error):
                self._tally.put(item, Failed(**item.about(anyio.current_time()), error=error))
            case TaskRunning() if isinstance(poller.stopped_by, AidgeError):
                self._heed(poller.stopped_by)
                self._unfinished(item, poller.stopped_by)
            case TaskRunning():
                self._break(poller.stopped_by or AssertionError("a poller stops with a reason"))
            case _:
                assert_never(state)

    async def _save(self, item: Item[ResultT_co], done: TaskSucceeded[ResultT_co], folder: Path) -> None:
        try:
            async with self._saving:
                paths = tuple(await self._parts.save(item.wish.progress.key, done.result, folder))
        except AidgeError as exc:
            return self._unfinished(item, exc)
        except Exception as exc:  # noqa: BLE001  the boundary: a bug is raised where the caller stands
            return self._break(exc)
        return self._tally.put(item, Succeeded(**item.about(anyio.current_time()), result=done.result, paths=paths))

    def _overdue(self, item: Item[ResultT_co]) -> None:
        if item.poller is not None and item.on_end is not None:
            self._group.start_soon(self._ask_once_more, item, item.poller)

    async def _ask_once_more(self, item: Item[ResultT_co], poller: Poller[ResultT_co]) -> None:
        """Query a task at its deadline for the last time."""
        await poller.ask_once_more()
        if item.on_end is not None:
            item.leave()
            self._unfinished(item, poller.overdue(anyio.current_time() - item.drawn_at))

    def _unfinished(self, item: Item[ResultT_co], error: AidgeError) -> None:
        about = item.about(anyio.current_time())
        self._tally.put(item, Unfinished(**about, error=error.about(task_id=about["task_id"], token=about["token"])))

    def _heed(self, error: AidgeError) -> None:
        """Stop submitting where the account is refused or the budget used up: others would hardly fare better."""
        if isinstance(error, (CredentialsError, QuotaError)):
            self._parts.gate.shut(f"the account was refused before ({error})")
        elif isinstance(error, BudgetError):
            self._parts.gate.shut(f"the budget is used up ({error})")

    def _break(self, exc: Exception) -> None:
        self.broken_by = self.broken_by or exc
        self._exhausted = True
        self._tally.close()
