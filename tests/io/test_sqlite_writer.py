"""The thread that writes: one commit for many, each told what became of its own, nobody left waiting."""

import os
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from aidge_async._io.sqlite_journal import SqliteJournal
from aidge_async._io.sqlite_writer import SqliteWriter
from aidge_async.errors import JournalError


def connected(path: Path) -> sqlite3.Connection:
    """Connect to a file with one table."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.1)
    connection.execute("CREATE TABLE IF NOT EXISTS t (x UNIQUE)")
    return connection


@asynccontextmanager
async def writer_on(path: Path) -> AsyncIterator[SqliteWriter]:
    """Run a writer."""
    writer = SqliteWriter(connected(path))
    try:
        yield writer
    finally:
        await writer.aclose()


def kept(path: Path) -> list[int]:
    """Return what is on disk."""
    connection = sqlite3.connect(path)
    rows = [x for (x,) in connection.execute("SELECT x FROM t ORDER BY x")]
    connection.close()
    return rows


def insert(value: int) -> Callable[[sqlite3.Connection], int]:
    """Return work that inserts *value* and returns it."""

    def work(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO t VALUES (?)", (value,))
        return value

    return work


class Held:
    """Work that keeps the thread until it is let go, so that what is asked for meanwhile is one commit."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, _: sqlite3.Connection) -> None:
        self.begun.set()
        assert self.go.wait(10)


async def test_what_is_asked_for_together_is_one_commit(tmp_path: Path) -> None:
    """Two hundred rows that come while the thread is busy are synced once, and are on disk when their calls return."""
    path, results = tmp_path / "t", []
    async with writer_on(path) as writer:
        held = Held()

        async def one(value: int) -> None:
            results.append(await writer.do(insert(value)))
            assert value in kept(path)

        async with anyio.create_task_group() as group:
            group.start_soon(writer.do, held)
            for value in range(200):
                group.start_soon(one, value)
            await anyio.wait_all_tasks_blocked()
            held.go.set()
        assert sorted(results) == list(range(200)) == kept(path)
        assert writer._commits <= 2
        assert repr(writer) == f"<SqliteWriter, 0 jobs waiting, {writer._commits} commits>"


async def test_work_that_only_reads_makes_no_commit(tmp_path: Path) -> None:
    """It needs no lock against other processes."""
    async with writer_on(tmp_path / "t") as writer:
        other = sqlite3.connect(tmp_path / "t", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        rows = await writer.do(lambda connection: connection.execute("SELECT * FROM t").fetchall(), writes=False)
        other.close()
        assert rows == []
        assert writer._commits == 0


async def test_work_that_raises_spoils_no_others(tmp_path: Path) -> None:
    """An error of its own is told to it alone; one of SQLite's undoes the commit, and the others are done again."""
    path, errors = tmp_path / "t", []
    async with writer_on(path) as writer:
        held = Held()

        async def one(work: Callable[[sqlite3.Connection], object]) -> None:
            try:
                await writer.do(work)
            except (ZeroDivisionError, sqlite3.IntegrityError) as error:
                errors.append(type(error))

        async with anyio.create_task_group() as group:
            group.start_soon(writer.do, held)
            await anyio.wait_all_tasks_blocked()
            for work in (insert(1), lambda _: 1 / 0, insert(1), insert(2)):
                group.start_soon(one, work)
            await anyio.wait_all_tasks_blocked()
            held.go.set()
    assert sorted(map(str, errors)) == sorted(map(str, [ZeroDivisionError, sqlite3.IntegrityError]))
    assert kept(path) == [1, 2]


async def test_held_file_is_told_to_all_at_once(tmp_path: Path) -> None:
    """Each waiting as long again for a file that another process holds would take minutes."""
    path, waited = tmp_path / "t", []
    async with writer_on(path) as writer:
        held = Held()
        other = sqlite3.connect(path, isolation_level=None)

        async def one(value: int) -> None:
            begun = anyio.current_time()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                await writer.do(insert(value))
            waited.append(anyio.current_time() - begun)

        async with anyio.create_task_group() as group:
            group.start_soon(lambda: writer.do(held, writes=False))
            await anyio.to_thread.run_sync(held.begun.wait)
            other.execute("BEGIN IMMEDIATE")
            for value in range(50):
                group.start_soon(one, value)
            await anyio.wait_all_tasks_blocked()
            held.go.set()
        other.close()
        assert max(waited) < 2.5
        assert await writer.do(insert(1)) == 1
    assert kept(path) == [1]


async def test_cancelled_waiter_leaves_its_row(tmp_path: Path) -> None:
    """What was asked for is written, whoever still waits for it."""
    path = tmp_path / "t"
    async with writer_on(path) as writer:
        held = Held()
        async with anyio.create_task_group() as group:
            group.start_soon(writer.do, held)
            async with anyio.create_task_group() as inner:
                inner.start_soon(writer.do, insert(1))
                await anyio.wait_all_tasks_blocked()
                inner.cancel_scope.cancel()
            held.go.set()
    assert kept(path) == [1]


@pytest.mark.parametrize("cancelled", [False, True])
async def test_closing_does_what_is_waiting_and_never_hangs(tmp_path: Path, cancelled: bool) -> None:
    """Though the thread still has to hop into the loop that waits for it; cancellation does not tear it apart."""
    path, results = tmp_path / "t", []
    writer = SqliteWriter(connected(path))

    async def one(value: int) -> None:
        results.append(await writer.do(insert(value)))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for value in range(20):
                group.start_soon(one, value)
            await anyio.wait_all_tasks_blocked()
            with anyio.CancelScope() as scope:
                if cancelled:
                    scope.cancel()
                await writer.aclose()
    assert sorted(results) == kept(path) == list(range(20))
    with pytest.raises(sqlite3.ProgrammingError, match="is closed"):
        await writer.do(insert(1))
    await writer.aclose()


def test_event_loop_that_ends_takes_the_thread_with_it(tmp_path: Path) -> None:
    """Nobody can be told any more; what was asked for is on disk."""
    path, held, writers = tmp_path / "t", Held(), []

    async def leave() -> None:
        writer = SqliteWriter(connected(path))
        writers.append(writer)

        def work(connection: sqlite3.Connection) -> None:
            held(connection)
            insert(1)(connection)

        with anyio.move_on_after(0):
            await writer.do(work)

    for backend in ("asyncio", "trio"):
        held.go.clear()
        path.unlink(missing_ok=True)
        anyio.run(leave, backend=backend)
        held.go.set()
        writers[-1]._thread.join(10)
        assert not writers[-1]._thread.is_alive()
        assert kept(path) == [1]


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
async def test_child_of_a_fork_is_told_to_open_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread stays behind in the parent, and whoever waited for it in the child would wait for ever."""
    async with SqliteJournal(tmp_path / "journal") as journal:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(JournalError, match=r"is not open here .* open one in each process"):
            await journal.find("a")
        monkeypatch.undo()
        assert await journal.find("a") is None
