"""
Follows one task to its end: ask the schedule, sleep, permit, query, read. The only loop over a task's life.

It starts with the first watcher and stops with the last, keeps the outcome for whoever asks later, and never raises
into the task group it runs in. Submitting is not its matter.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, assert_never

import anyio
import anyio.abc
import attrs

from aidge_async import events
from aidge_async._core import codec, envelope, reading, retry
from aidge_async._core.call import Phase, TransportError
from aidge_async._core.envelope import Completed, Unreadable
from aidge_async._core.lifecycle import State
from aidge_async._core.operation import Operation, ResultT_co, TaskFacts
from aidge_async._core.retry import Ruling
from aidge_async._core.schedule import LEAST_INTERVAL, Course, Schedule
from aidge_async._core.task_state import TaskFailed, TaskRunning, TaskState, TaskSucceeded
from aidge_async._core.token import Token
from aidge_async._engine.busy import Busy
from aidge_async._engine.caller import Caller, Patience
from aidge_async._engine.news import News
from aidge_async.errors import DeadlineError, JournalError, TaskFailedError
from aidge_async.ports import Journal
from aidge_async.tuning import Deadlines

_LAST_QUERY: Final = 0.75  # seconds: who named a deadline must have heard within one of it
_UNREADABLE_SIGHTINGS: Final = 3  # a result that cannot be read so often will not be read the next time


@attrs.frozen(kw_only=True)
class PollerParts:
    """Hold what all pollers of one client share."""

    caller: Caller
    group: anyio.abc.TaskGroup
    schedule: Schedule
    news: News
    deadlines: Deadlines
    wall_clock: Callable[[], float]
    busy: Busy
    journal: Journal


class Poller(Generic[ResultT_co]):
    """
    Know one task's state, and find it out while anybody watches.

    Args:
        parts: What all pollers share.
        operation: How to ask and to read.
        token: The task.
        workload: What tasks take about as long as this one have in common.
    """

    # Ten thousand of these may be followed at once, so they hold no dictionary, and an event only where one is awaited.
    __slots__ = (
        "__weakref__",
        "_born",
        "_changed",
        "_course",
        "_is_closed",
        "_loops",
        "_on_end",
        "_operation",
        "_parts",
        "_patience",
        "_scope",
        "_watchers",
        "_workload",
        "ended_at",
        "seen_running_at",
        "state",
        "stopped_by",
        "token",
    )

    def __init__(self, parts: PollerParts, operation: Operation[ResultT_co], token: Token, workload: Hashable) -> None:
        self._parts = parts
        self._operation = operation
        self.token = token
        """The task."""
        self._workload = workload
        self._patience: Patience | None = None
        self._course: Course | None = None
        # The clock of the machine may jump, so a task's age is counted on the event loop's from here on.
        self._born = anyio.current_time() - max(0.0, parts.wall_clock() - token.submitted_at)
        self._scope: anyio.CancelScope | None = None
        self._watchers = 0
        self._is_closed = False
        self._on_end: tuple[Callable[[], None], ...] = ()
        self._loops = Busy()
        self._changed: anyio.Event | None = None
        self.state: TaskState[ResultT_co] = TaskRunning()
        self.seen_running_at: float | None = None
        """Moment of the last poll that found the task not done, on the event loop's clock."""
        self.ended_at: float | None = None
        """Moment at which its end was known."""
        self.stopped_by: Exception | None = None
        """Why polling was given up, where that says nothing about the task (credentials, say)."""

    @property
    def settled(self) -> bool:
        """Return whether the task's end is known."""
        return not isinstance(self.state, TaskRunning)

    @property
    def changed(self) -> anyio.Event:
        """Return the event that is set at the next change."""
        if self._changed is None:
            self._changed = anyio.Event()
        return self._changed

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Keep the poller polling inside the block."""
        self._begin()
        try:
            yield
        finally:
            self._leave()

    def watch(self, on_end: Callable[[], None]) -> None:
        """Keep the poller polling; call *on_end* when the end is known or polling given up. `unwatch` ends it."""
        self._on_end += (on_end,)
        self._begin()

    def unwatch(self, on_end: Callable[[], None]) -> None:
        """End what `watch` began."""
        self._on_end = tuple(other for other in self._on_end if other is not on_end)
        self._leave()

    async def rested(self) -> None:
        """Wait until no coroutine follows the task any more."""
        await self._loops.none()

    def stop(self, error: Exception) -> None:
        """Give polling up; whoever watches is told *error*."""
        self.stopped_by = error
        self._patience = None
        self._change(self.state)
        self._end()

    def close(self) -> None:
        """Give polling up for good, because the client is being closed."""
        self._is_closed = True
        if not self.settled:
            self.stop(self._left("is not followed any more, because its client was closed"))

    def _begin(self) -> None:
        self._watchers += 1
        if self._scope is None and not (self.settled or self._is_closed):
            self._scope = anyio.CancelScope()
            self.stopped_by = None
            self._parts.group.start_soon(self._follow, self._scope)

    def _leave(self) -> None:
        self._watchers -= 1
        if not self._watchers:
            self._cancel()

    def _cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()
            self._scope = None
        if self._course is not None:  # now: what is cancelled may still be ending when the next watcher comes
            self._course.left()
            self._course = None

    async def poll(self) -> float | None:
        """Ask once; return the seconds to wait after a fault that may pass, `None` otherwise."""
        if self._is_closed and self.stopped_by is not None:
            raise self.stopped_by
        answer = await self._ask()
        if self.settled:
            return None
        match answer:
            case Ruling():
                wait = self._faulted(answer)
            case Completed():
                wait = self._completed(answer)
            case envelope.Running():
                self._seen_running(answer)
                return None
            case _:
                assert_never(answer)
        if self.settled:
            await self._record_end()
        return wait

    async def ask_once_more(self) -> None:
        """Ask for the last time before a deadline is called missed, within the second."""
        with anyio.move_on_after(_LAST_QUERY):
            await self.poll()

    def overdue(self, seconds: float) -> DeadlineError:
        """Return the error of a wait that took *seconds* in vain."""
        return self._left(f"still runs after {max(0.0, seconds):.3g} s of waiting")

    def _left(self, how: str) -> DeadlineError:
        task_id = self.token.task_id
        said = f"task {task_id} {how}; it goes on at the gateway: resume its token"
        return DeadlineError(said, task_id=task_id, token=self.token.text())

    async def _follow(self, scope: anyio.CancelScope) -> None:
        with scope, self._parts.busy, self._loops:
            try:
                await self._poll_until_settled()
            except Exception as exc:  # noqa: BLE001  the boundary: watchers raise it, the client's other tasks go on
                self.stop(exc)

    async def _poll_until_settled(self) -> None:
        course = self._parts.schedule.follow((self._operation.name, self._workload))
        self._course = course
        while not self.settled and self.stopped_by is None:
            await anyio.sleep(max(course.next_delay(self._age()), self._too_soon()))
            wait = await self.poll()
            while wait is not None:
                await anyio.sleep(wait)
                wait = await self.poll()

    def _too_soon(self) -> float:
        """Return the seconds for which it was polled too lately, by a watcher who has left meanwhile."""
        return 0.0 if self.seen_running_at is None else self.seen_running_at + LEAST_INTERVAL - anyio.current_time()

    async def _ask(self) -> envelope.Running | Completed | Ruling:
        within = self._parts.deadlines.query + self._parts.deadlines.connect
        call = codec.write_query(self._operation, self.token.task_id, trial=self.token.trial)
        permit = await self._parts.caller.permit(call)
        try:
            with anyio.move_on_after(within):
                return await self._parts.caller.ask(call, envelope.read_query, task_age=self._age())
        finally:
            permit.release()
        lost = TransportError(Phase.SENT, f"no answer within {within:.0f} s")
        return retry.judge("query", lost, now=self._parts.wall_clock())

    async def _record_end(self) -> None:
        reason = str(self.state.error) if isinstance(self.state, TaskFailed) else None
        state = State.SUCCEEDED if reason is None else State.FAILED
        with anyio.CancelScope(shield=True):  # who followed it may have left with the news
            try:
                await self._parts.journal.settle(self.token.text(), state, reason)
            except JournalError as exc:
                self._parts.news.tell(events.RecordFailed(task_id=self.token.task_id, reason=str(exc)))

    def _seen_running(self, answer: envelope.Running) -> None:
        task_id, age = self.token.task_id, self._age()
        if self._patience is not None:
            self._patience.restore()
        self.seen_running_at = anyio.current_time()
        if self._course is not None:
            self._course.seen_running(age)
        self._parts.news.tell(events.TaskPolled(task_id=task_id, word=answer.word, known=answer.known, age=age))
        if self.state != TaskRunning(answer.word):
            self._change(TaskRunning(answer.word))

    def _completed(self, answer: Completed) -> float | None:
        facts = TaskFacts(
            task_id=self.token.task_id, request_id=answer.request_id, token=self.token.text(), name=self.token.name
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
        self._settle(TaskSucceeded(result))
        return None

    def _faulted(self, ruling: Ruling) -> float | None:
        if self._patience is None:
            self._patience = Patience()
        wait = self._patience.wait_after(ruling)
        error = ruling.error
        if wait is not None:
            self._parts.news.tell(events.PollFaulted(task_id=self.token.task_id, wait=wait, reason=str(error)))
            return wait
        error.about(task_id=self.token.task_id, token=self.token.text())
        if isinstance(error, TaskFailedError):
            self._settle(TaskFailed(error), str(error))
        else:
            self.stop(error)
        return None

    def _change(self, state: TaskState[ResultT_co]) -> None:
        self.state = state
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def _settle(self, state: TaskState[ResultT_co], reason: str = "") -> None:
        self.ended_at = anyio.current_time()
        if self._course is not None:
            self._course.ended(self._age())
            self._course = None
        self._change(state)
        self._parts.news.tell(
            events.TaskSettled(task_id=self.token.task_id, succeeded=not reason, reason=reason, age=self._age())
        )
        self._end()

    def _end(self) -> None:
        self._cancel()
        for on_end in self._on_end:
            on_end()

    def _age(self) -> float:
        return anyio.current_time() - self._born
