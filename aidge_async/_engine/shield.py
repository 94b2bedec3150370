"""
Lets a step that must not be torn apart end, for a while, though its caller is cancelled.

It knows nothing of submissions.
"""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

ResultT = TypeVar("ResultT")


class Shielded(Generic[ResultT]):
    """
    Run one step in a task of its own.

    Args:
        step: What to run; it is cancelled when *grace* has passed since the caller's cancellation.
        grace: Seconds.
    """

    def __init__(self, step: Callable[[], Awaitable[ResultT]], grace: float) -> None:
        self._step = step
        self._grace = grace
        self._ended = anyio.Event()
        self._scope = anyio.CancelScope(shield=True)
        self._results: list[ResultT] = []
        self._errors: list[Exception] = []
        self.abandoned = False

    @property
    def result(self) -> ResultT | None:
        """Return what the step gave, if it ended; also after its caller was cancelled."""
        return self._results[0] if self._results else None

    async def run(self) -> ResultT:
        """Run the step; raise what it raises, and a cancellation when it has ended or *grace* has passed."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._run_step)
            try:
                await self._ended.wait()
            except anyio.get_cancelled_exc_class():
                self.abandoned = True
                with anyio.CancelScope(shield=True), anyio.move_on_after(self._grace):
                    await self._ended.wait()
                self._scope.cancel()
                raise
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    async def _run_step(self) -> None:
        with self._scope:
            try:
                self._results.append(await self._step())
            except Exception as exc:  # noqa: BLE001  raised again in `run`, where the caller stands
                self._errors.append(exc)
            finally:
                self._ended.set()
