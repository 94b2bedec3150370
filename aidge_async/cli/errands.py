"""
Carries jobs out: submit, follow, save, side by side; one's failure is never another's.

How results are written is `output.py`'s matter. Nothing is decided here about an answer of the gateway.
"""

import shlex
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import anyio
import attrs

from aidge_async import (
    AidgeClient,
    AidgeError,
    BudgetError,
    CredentialsError,
    GeneratedImages,
    ModelAlternation,
    QuotaError,
    ReplyError,
    TaskHandle,
    TaskRunning,
)
from aidge_async.cli import records
from aidge_async.cli.jobs import Board, Job
from aidge_async.cli.output import Desk, counted
from aidge_async.cli.records import Outcome, Record

# Images at work at once. At the usual two submits a second and half a minute a task, 60 run at the gateway; more
# would only wait for their permit, with their bytes in memory.
_AT_ONCE: Final = 64
# Submits at once, as many as the client uploads at once: when the account is refused, so many have been tried.
_SUBMITS_AT_ONCE: Final = 4
# Seconds. A person waits at this prompt, and a port that refuses now seldom opens within a minute; the library's own
# default, 60, is for services.
UNREACHABLE: Final = 8.0
_REACH_EVERY: Final = 1.0  # seconds, the vendor's least interval


@attrs.frozen(kw_only=True)
class Wishes:
    """
    Say what holds for all jobs.

    Args:
        folder: Where pictures are saved; `None`: they are not.
        deadline: Seconds for each image; `None`: the library's own.
        flags: What has to be typed again to resume a task, with a space in front.
        resumable: Whether tasks outlive the command; those of a demo do not.
        journal: Remembers what is bought; `None`: nothing does.
    """

    folder: Path | None
    deadline: float | None
    flags: str = ""
    resumable: bool = True
    journal: Path | None = None

    def resume_command(self, outcome: Outcome, token: str | None) -> str | None:
        """Return the line to type to go on with a task, where there is one to go on with."""
        if outcome != "unfinished" or not self.resumable:
            return None
        out = f" --out {shlex.quote(str(self.folder))}" if self.folder else ""
        return f"aidge-async task {token}{out}{self.flags}"


class Work(Protocol):
    """What is carried out: it can say how far each job has come when the command stops."""

    @property
    def begun(self) -> bool:
        """Return whether anything may have been sent."""
        ...

    def close_outstanding(self, reason: str, error_type: str) -> None:
        """Report all jobs whose end was not."""
        ...


class Errands:
    """
    Carry out jobs.

    Args:
        jobs: All of them.
        desk: Is given what becomes of each.
        board: Has followed the client's events from the start.
        wishes: What holds for all.
        on_done: Called with each job whose end was reported and its records.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        desk: Desk,
        board: Board,
        wishes: Wishes,
        on_done: Callable[[Job, list[Record]], None],
    ) -> None:
        self._jobs = jobs
        self._desk = desk
        self._board = board
        self._wishes = wishes
        self._on_done = on_done
        self._submits = anyio.Semaphore(_SUBMITS_AT_ONCE)
        self._refused_by: AidgeError | None = None
        self._untried = 0
        self.begun = False

    async def buy_all(self, client: AidgeClient) -> None:
        """
        Check all jobs, then carry them out.

        Raises:
            RequestError: A job would be refused before it is sent; nothing was sent.
        """
        for job in self._jobs:
            await client.check(_wanted(job))
        self.begun = True
        waiting = iter(self._jobs)
        async with anyio.create_task_group() as outer:
            outer.start_soon(tell_of_stopping, self._under_way, self._desk.notice)
            async with anyio.create_task_group() as workers:
                for _ in range(min(_AT_ONCE, len(self._jobs))):
                    workers.start_soon(self._work, client, waiting)
            outer.cancel_scope.cancel()
        if self._untried:
            why = "the budget is used up" if isinstance(self._refused_by, BudgetError) else "the account is refused"
            self._desk.notice(f"{counted(self._untried, 'more image')} not sent: {why}")

    async def resume_all(self, client: AidgeClient) -> None:
        """
        Go on with the tasks whose tokens the jobs hold.

        Raises:
            RequestError: One is no token, or another account's; nothing was asked.
        """
        handles = [client.resume(job.token or "") for job in self._jobs]
        for job, handle in zip(self._jobs, handles, strict=True):
            job.token, job.task_id = handle.token, handle.task_id
        self.begun = True
        waiting = zip(self._jobs, handles, strict=True)
        async with anyio.create_task_group() as workers:
            for _ in range(min(_AT_ONCE, len(self._jobs))):
                workers.start_soon(self._go_on, client, waiting)

    async def _go_on(self, client: AidgeClient, waiting: Iterator[tuple[Job, TaskHandle[Any]]]) -> None:
        for job, handle in waiting:
            try:
                await self._reach(handle)
            except AidgeError as exc:
                self._close(job, [records.ended_by(job, exc)])
            else:
                await self._follow(client, handle, job, self._wishes.deadline)

    async def _reach(self, handle: TaskHandle[Any]) -> None:
        """Ask until the gateway answers once: at a port that refuses nobody waits for a quarter of an hour."""
        give_up_at = anyio.current_time() + UNREACHABLE
        while await handle.status() == TaskRunning():
            if anyio.current_time() >= give_up_at:
                fault = self._board.faults.get(handle.task_id, "no answer came")
                raise ReplyError(fault, task_id=handle.task_id, token=handle.token)
            await anyio.sleep(_REACH_EVERY)

    async def _follow(self, client: AidgeClient, handle: TaskHandle[Any], job: Job, deadline: float | None) -> None:
        """Follow an accepted task to its end, save its pictures, and report."""
        try:
            result: GeneratedImages = await handle.result(deadline=deadline)
            if self._wishes.folder is None:
                return self._leave_unsaved(job, result)
            paths = await client.save(result, self._wishes.folder)
        except AidgeError as exc:
            saved = records.succeeded(job, self._board.saved(handle.task_id), request_id=None)
            return self._close(job, [*saved, records.ended_by(job, exc)])
        return self._close(job, records.succeeded(job, paths, request_id=result.request_id))

    def close_outstanding(self, reason: str, error_type: str) -> None:
        """Report all jobs whose end was not: the command stops."""
        quiet = 0
        for job in [job for job in self._jobs if not job.done]:
            record = records.cut_off(job, reason, error_type)
            lost = record.outcome == "not_submitted" or not self._wishes.resumable
            quiet += lost
            self._close(job, [record], quiet=lost)
        if quiet:
            left = "not submitted" if self._wishes.resumable else "left"
            self._desk.notice(f"{counted(quiet, 'image')} {left}: {reason}")

    async def _work(self, client: AidgeClient, waiting: Iterator[Job]) -> None:
        for job in waiting:
            await self._buy(client, job)

    async def _buy(self, client: AidgeClient, job: Job) -> None:
        async with self._submits:
            if self._refused_by is not None:
                self._untried += 1
                return self._close(job, [records.not_tried(job, self._refused_by)], quiet=True)
            until = None if self._wishes.deadline is None else anyio.current_time() + self._wishes.deadline
            try:
                handle = await client.submit(_wanted(job), key=job.key, deadline=self._wishes.deadline)
            except AidgeError as exc:
                if isinstance(exc, (BudgetError, CredentialsError, QuotaError)):
                    self._refused_by = exc
                return self._close(job, [records.ended_by(job, exc)])
        return await self._follow(client, handle, job, None if until is None else until - anyio.current_time())

    def _leave_unsaved(self, job: Job, result: GeneratedImages) -> None:
        pictures = counted(len(result), "picture")
        self._desk.notice(f"task {job.task_id} succeeded with {pictures}; save them with --out DIR")
        self._close(job, [records.succeeded_unsaved(job, request_id=result.request_id)])

    def _close(self, job: Job, told: list[Record], *, quiet: bool = False) -> None:
        job.done = True
        for record in told:
            self._desk.record(record, command=self._wishes.resume_command(record.outcome, record.token), quiet=quiet)
        self._on_done(job, told)

    def _under_way(self) -> bool:
        return any(job.under_way and not job.done for job in self._jobs)


def _wanted(job: Job) -> ModelAlternation:
    if job.request is None:
        raise AssertionError(f"{job!r} is resumed, not bought")
    return job.request


async def tell_of_stopping(under_way: Callable[[], bool], notice: Callable[[str], None]) -> None:
    """Sleep until the command is stopped, and then say why it does not end at once, where it does not."""
    try:
        await anyio.sleep_forever()
    except anyio.get_cancelled_exc_class():
        if under_way():
            notice("stopping: waiting at most 10 s for the answer to what was sent; Ctrl-C again does not wait")
        raise


def carry_out(main: Callable[[], Awaitable[None]], work: Work) -> None:
    """
    Run *main*, and whatever ends it, report first what was accepted: a paid picture must not be lost.

    Raises:
        KeyboardInterrupt: Ctrl-C, or SIGTERM.
    """
    try:
        with _terminable() as obey:
            anyio.run(_obeying, main, obey)
    except KeyboardInterrupt:
        if work.begun:
            work.close_outstanding("interrupted", "Interrupted")
        raise
    except BaseException as exc:
        if work.begun:
            work.close_outstanding("stopped by a bug of aidge-async", type(exc).__name__)
        raise


async def _obeying(main: Callable[[], Awaitable[None]], obey: Callable[[], None]) -> None:
    obey()
    await main()


@contextmanager
def _terminable() -> Iterator[Callable[[], None]]:
    """
    Let SIGTERM end an event loop as Ctrl-C does, and where Ctrl-C is ignored (a script's `&`), SIGTERM alone.

    Yields what is to be called inside the loop: it takes the handler that the loop put up for Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # loops put up theirs in place of this one only

    def obey() -> None:
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
        if former[signal.SIGINT] is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    try:
        yield obey
    finally:
        for number, handler in former.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
