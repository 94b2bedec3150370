"""
The task handle: our reference to one task, awaitable any number of times and from several places.

It decides nothing; the poller behind it finds out, once for all who watch.
"""

from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING, Any, Generic

import anyio

from aidge_async._core.operation import ResultT_co
from aidge_async._core.task_state import TaskFailed, TaskRunning, TaskState, TaskSucceeded

if TYPE_CHECKING:
    from aidge_async._engine.poller import Poller  # made when a client is open; importing a handle must not load it


class TaskHandle(Generic[ResultT_co]):
    """
    Refer to one task; get it from `AidgeClient.submit` or `AidgeClient.resume`.

    Await it for the result. Cancelling a wait only stops watching: the task goes on at the gateway, and whoever has the
    token resumes it, in this process or another.
    """

    def __init__(self, poller: "Poller[ResultT_co]", *, task_seconds: float) -> None:
        self._poller = poller
        self._task_seconds = task_seconds
        self.token = poller.token.text()
        """Resumes this task; a text without a secret, safe to store."""
        self.task_id = poller.token.task_id
        """The gateway's id of the task."""

    def __repr__(self) -> str:
        state = type(self._poller.state).__name__.removeprefix("Task").lower()
        return f"<TaskHandle {self.task_id} of {self._poller.token.operation}, {state}>"

    def __await__(self) -> Generator[Any, Any, ResultT_co]:
        return self.result().__await__()

    async def result(self, *, deadline: float | None = None) -> ResultT_co:
        """
        Return the task's result as soon as it is known.

        Args:
            deadline: Seconds to wait from now; `None`: as set by `Deadlines.task` (15 min).

        Raises:
            TaskFailedError: The task failed at the gateway.
            DeadlineError: It still runs, as one last query showed, or the client was closed; its token goes on with it.
            RefusedError: The gateway no longer answers us (credentials, quota); the task is not lost.
            ReplyError: The answers cannot be read.
        """
        seconds = self._task_seconds if deadline is None else deadline
        with self._poller.watched():
            with anyio.move_on_after(max(0.0, seconds)):
                return await self._outcome()
            if self._poller.stopped_by is None:
                await self._poller.ask_once_more()
        if self._poller.settled or self._poller.stopped_by is not None:
            return await self._outcome()
        raise self._poller.overdue(seconds)

    async def status(self) -> TaskState[ResultT_co]:
        """
        Ask the gateway once and return what is known; a settled task is not asked after again.

        Raises:
            AidgeError: The query was refused for good.
        """
        before = self._poller.stopped_by
        if not self._poller.settled:
            await self._poller.poll()
        stopped_by = self._poller.stopped_by
        if not self._poller.settled and stopped_by is not None and stopped_by is not before:
            raise _bare(stopped_by)
        return self._poller.state

    async def events(self) -> AsyncIterator[TaskState[ResultT_co]]:
        """
        Yield the state now, then each change, the end last.

        A reader that is slow misses what was overtaken in between, never the end; any number may read at once. It
        watches without a deadline; leave the loop to stop watching.

        Raises:
            AidgeError: Polling was given up, as in `result`.
        """
        with self._poller.watched():
            shown: TaskState[ResultT_co] | None = None
            while not isinstance(shown, (TaskSucceeded, TaskFailed)):
                changed = self._poller.changed
                if self._poller.state != shown:
                    shown = self._poller.state
                    yield shown
                    continue
                if self._poller.stopped_by is not None:
                    raise _bare(self._poller.stopped_by)
                await changed.wait()

    async def _outcome(self) -> ResultT_co:
        while True:
            match self._poller.state:
                case TaskSucceeded(result=result):
                    return result
                case TaskFailed(error=error):
                    raise _bare(error)
                case TaskRunning():
                    if self._poller.stopped_by is not None:
                        raise _bare(self._poller.stopped_by)
                    await self._poller.changed.wait()


def _bare(error: Exception) -> Exception:
    """Return a kept error without the frames of where it was raised before: it may be raised many times."""
    return error.with_traceback(None)
