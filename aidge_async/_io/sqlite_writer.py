"""
One thread that works on an SQLite connection for many coroutines: what they ask for at about the same time is one
commit, and one hop back to their event loop.

It knows no table and no state. A coroutine that is cancelled while it waits leaves its work to be done all the same.
"""

import copy
import os
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import attrs

ResultT = TypeVar("ResultT")

Work = Callable[[sqlite3.Connection], ResultT]


@attrs.define(eq=False)
class _Job(Generic[ResultT]):
    """One piece of work, and where its end is told."""

    work: Work[ResultT]
    writes: bool
    done: anyio.Event = attrs.field(factory=anyio.Event)
    result: Any = None
    error: Exception | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        """Work; an error of SQLite's is the whole commit's matter, any other is this job's alone."""
        try:
            self.result = self.work(connection)
        except sqlite3.Error:
            raise
        except Exception as exc:  # noqa: BLE001  raised again where the work was asked for
            self.error = exc


class SqliteWriter:
    """
    Work on one SQLite connection in a thread of its own.

    Work must decide before it writes: what raises anything but an error of SQLite's is told so and is not undone.
    Where SQLite raises one, nothing of that commit happened, and each job of it is tried once more in a commit of its
    own; not where another process held the file for too long, for then each would wait as long again.

    Args:
        connection: In autocommit mode, free to be used from another thread. Closed at the end.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._jobs: list[_Job[Any]] = []
        self._news = threading.Condition()
        self._closing = False
        self._loop = anyio.lowlevel.current_token()
        self._process = os.getpid()
        self._commits = 0
        # The connection is the thread's own: a fork that inherits this object must not close it, which would take
        # away the locks of the process it came from.
        self._thread = threading.Thread(target=self._run, args=(connection,), name="aidge-async journal", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<SqliteWriter, {len(self._jobs)} jobs waiting, {self._commits} commits>"

    async def do(self, work: Work[ResultT], *, writes: bool = True) -> ResultT:
        """
        Return what *work* returns, once it is on disk; raise what it or its commit raises.

        Args:
            work: Called in the thread.
            writes: Whether it changes anything; reading alone needs no commit.
        """
        job = _Job(work, writes)
        with self._news:
            if self._closing or os.getpid() != self._process:
                raise sqlite3.ProgrammingError("it is closed, or was opened by the process that this one came from")
            self._jobs.append(job)
            self._news.notify()
        await job.done.wait()
        if job.error is not None:
            raise job.error
        result: ResultT = job.result
        return result

    async def aclose(self) -> None:
        """Do what is waiting, then close the connection."""
        with self._news:
            self._closing = True
            self._news.notify()
        # Joined in a thread, because the one that ends still has to hop into this event loop; in one of our own,
        # because those that all share may all be waiting for something else.
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._thread.join, limiter=anyio.CapacityLimiter(1))

    def _run(self, connection: sqlite3.Connection) -> None:
        try:
            while jobs := self._next_jobs():
                self._work_off(connection, jobs)
                anyio.from_thread.run_sync(_tell, jobs, token=self._loop)
        except RuntimeError:
            self._closing = True  # the event loop has ended: nobody is left to be told, and nobody can ask
        finally:
            connection.close()

    def _next_jobs(self) -> list[_Job[Any]]:
        with self._news:
            self._news.wait_for(lambda: self._jobs or self._closing)
            jobs, self._jobs = self._jobs, []
            return jobs

    def _work_off(self, connection: sqlite3.Connection, jobs: list[_Job[Any]]) -> None:
        try:
            self._commit(connection, jobs)
        except sqlite3.Error as exc:
            for job in jobs:
                job.result, job.error = None, copy.copy(exc)  # each raises its own, with its own traceback
            if len(jobs) > 1 and not _is_busy(exc):
                for job in jobs:
                    job.error = None
                    self._work_off(connection, [job])

    def _commit(self, connection: sqlite3.Connection, jobs: list[_Job[Any]]) -> None:
        if not any(job.writes for job in jobs):
            for job in jobs:
                job.run(connection)
            return
        try:
            # Takes the write lock at once: what a job reads, no other process changes before it has written.
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                job.run(connection)
            connection.execute("COMMIT")
            self._commits += 1
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _is_busy(error: sqlite3.Error) -> bool:
    # The low byte is the kind, the rest its detail: https://www.sqlite.org/rescode.html
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _tell(jobs: list[_Job[Any]]) -> None:
    for job in jobs:
        job.done.set()
