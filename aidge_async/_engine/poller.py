"""
Follows one task to its end: ask the schedule, sleep, permit, query, read. The only loop over a task's life.

It starts with the first watcher and stops with the last, keeps the outcome for whoever asks later, and never raises
into the task group it runs in. Submitting is not its matter.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, assert_never

import anyio
import anyio.abc
import attrs

from aidge_async import events
from aidge_async._core import codec, envelope, reading, retry
from aidge_async._core.call import Phase, TransportError
from aidge_async._core.envelope import Completed, Unreadable
from aidge_async._core.operation import Operation, ResultT_co, TaskFacts
from aidge_async._core.outcome import Failed, Running, Succeeded, TaskState
from aidge_async._core.retry import Ruling
from aidge_async._core.schedule import FixedInterval
from aidge_async._core.token import Token
from aidge_async._engine.caller import Caller, Patience
from aidge_async._engine.news import News
from aidge_async.config import Deadlines
from aidge_async.errors import TaskFailedError

_UNREADABLE_SIGHTINGS = 3  # a result that cannot be read so often will not be read the next time


@attrs.frozen(kw_only=True)
class PollerParts:
    """Hold what all pollers of one client share."""

    caller: Caller
    group: anyio.abc.TaskGroup
    schedule: FixedInterval
    news: News
    deadlines: Deadlines
    wall_clock: Callable[[], float]


class Poller(Generic[ResultT_co]):
    """
    Know one task's state, and find it out while anybody watches.

    Args:
        parts: What all pollers share.
        operation: How to ask and to read.
        token: The task.
    """

    def __init__(self, parts: PollerParts, operation: Operation[ResultT_co], token: Token) -> None:
        self._parts = parts
        self._operation = operation
        self._token = token
        self._call = codec.write_query(operation, token.task_id, trial=token.trial)
        self._patience = Patience()
        # The clock of the machine may jump, so a task's age is counted on the event loop's from here on.
        self._born = anyio.current_time() - max(0.0, parts.wall_clock() - token.submitted_at)
        self._scope: anyio.CancelScope | None = None
        self._watchers = 0
        self._changed = anyio.Event()
        self.state: TaskState[ResultT_co] = Running()
        self.stopped_by: Exception | None = None
        """Why polling was given up, where that says nothing about the task (credentials, say)."""

    @property
    def settled(self) -> bool:
        """Return whether the task's end is known."""
        return not isinstance(self.state, Running)

    @property
    def changed(self) -> anyio.Event:
        """Return the event that is set at the next change."""
        return self._changed

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Keep the poller polling inside the block."""
        self._watchers += 1
        if self._scope is None and not self.settled:
            self._scope = anyio.CancelScope()
            self.stopped_by = None
            self._parts.group.start_soon(self._follow, self._scope)
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers and self._scope is not None:
                self._scope.cancel()
                self._scope = None

    async def poll(self) -> float | None:
        """Ask once; return the seconds to wait after a fault that may pass, `None` otherwise."""
        answer = await self._ask()
        if self.settled:
            return None
        match answer:
            case Ruling():
                return self._faulted(answer)
            case Completed():
                return self._completed(answer)
            case envelope.Running():
                self._patience.restore()
                self._seen_running(answer)
                return None
            case _:
                assert_never(answer)

    async def _follow(self, scope: anyio.CancelScope) -> None:
        with scope:
            try:
                await self._poll_until_settled()
            except Exception as exc:  # noqa: BLE001  the boundary: watchers raise it, the client's other tasks go on
                self._stop(exc)
        if self._scope is scope:
            self._scope = None

    async def _poll_until_settled(self) -> None:
        last_poll: float | None = None
        wait: float | None = None
        while not self.settled and self.stopped_by is None:
            if wait is None:
                wait = self._parts.schedule.next_delay(self._age(), last_poll)
            await anyio.sleep(wait)
            wait = await self.poll()
            last_poll = self._age()

    async def _ask(self) -> envelope.Running | Completed | Ruling:
        within = self._parts.deadlines.query + self._parts.deadlines.connect
        permit = await self._parts.caller.permit(self._call)
        try:
            with anyio.move_on_after(within):
                return await self._parts.caller.ask(self._call, envelope.read_query, task_age=self._age())
        finally:
            permit.release()
        lost = TransportError(Phase.SENT, f"no answer within {within:.0f} s")
        return retry.judge("query", lost, now=self._parts.wall_clock())

    def _seen_running(self, answer: envelope.Running) -> None:
        task_id, age = self._token.task_id, self._age()
        self._parts.news.tell(events.TaskPolled(task_id=task_id, word=answer.word, known=answer.known, age=age))
        if self.state != Running(answer.word):
            self._change(Running(answer.word))

    def _completed(self, answer: Completed) -> float | None:
        facts = TaskFacts(
            task_id=self._token.task_id, request_id=answer.request_id, token=self._token.text(), name=self._token.name
        )
        try:
            result = self._operation.read_result(answer.data, facts)
        except reading.UnreadableValueError as exc:
            unreadable = Unreadable(
                reason=f"its result is malformed: {exc}", status_code=200, request_id=answer.request_id
            )
            ruling = retry.judge("query", unreadable, now=self._parts.wall_clock())
            return self._faulted(attrs.evolve(ruling, sightings=_UNREADABLE_SIGHTINGS))
        if result is None:
            said = envelope.TaskFailed(message="finished without a picture", request_id=answer.request_id)
            return self._faulted(retry.judge("query", said, now=self._parts.wall_clock()))
        self._change(Succeeded(result))
        self._settle("")
        return None

    def _faulted(self, ruling: Ruling) -> float | None:
        wait = self._patience.wait_after(ruling)
        error = ruling.error
        if wait is not None:
            self._parts.news.tell(events.PollFaulted(task_id=self._token.task_id, wait=wait, reason=str(error)))
            return wait
        error.about(task_id=self._token.task_id, token=self._token.text())
        if isinstance(error, TaskFailedError):
            self._change(Failed(error))
            self._settle(str(error))
        else:
            self._stop(error)
        return None

    def _stop(self, error: Exception) -> None:
        self.stopped_by = error
        self._patience = Patience()
        self._change(self.state)

    def _change(self, state: TaskState[ResultT_co]) -> None:
        self.state = state
        self._changed.set()
        self._changed = anyio.Event()

    def _settle(self, reason: str) -> None:
        self._parts.news.tell(
            events.TaskSettled(task_id=self._token.task_id, succeeded=not reason, reason=reason, age=self._age())
        )

    def _age(self) -> float:
        return anyio.current_time() - self._born
