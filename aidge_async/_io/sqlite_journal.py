"""
Remembers what was submitted, in a file that outlives the process and that several processes of one machine share.

What may follow what is told by `_core/lifecycle.py` alone; a thread does the work, so that no event loop waits for a
disk. Rows are `sqlite_rows.py`'s, the file is `schema.py`'s, who lives is `owners.py`'s.
"""

import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self, TypeVar

import anyio
import anyio.to_thread
import attrs

from aidge_async._core.lifecycle import SOURCE_NEEDED, Entry, State, Verdict, judge, keys_aside, may_decide, may_follow
from aidge_async._core.source import Source
from aidge_async._io import schema, sqlite_rows
from aidge_async._io.journal import over_budget, refusal, tell_aside
from aidge_async._io.journal_view import JournalView
from aidge_async._io.opening import open_as
from aidge_async._io.owners import Owner
from aidge_async._io.spool import Spool
from aidge_async._io.sqlite_writer import SqliteWriter, Work
from aidge_async.errors import AidgeError, JournalError

logger = logging.getLogger("aidge_async.journal")

ResultT = TypeVar("ResultT")

_DIED: Final = "the process that was sending it ended before an answer was recorded"
_FIRST_LOOK, _LONGEST_LOOK = 0.02, 0.25  # seconds between looks at what another process is sending


class SqliteJournal:
    """
    Remember submissions on disk; fulfils `ports.Journal`.

    Each change is on disk when its call returns. Entries without a key of their caller's are kept too: a task id is
    never thrown away.

    Args:
        path: The file; made where it is missing, its folder is not.
        wall_clock: Epoch seconds.
        holder: The account that buys, which becomes the file's where it has none; `None`: nothing is bought.
    """

    def __init__(
        self, path: str | Path, *, wall_clock: Callable[[], float] = time.time, holder: str | None = None
    ) -> None:
        self._path = Path(path)
        self._wall_clock = wall_clock
        self._holder = holder
        self._writer: SqliteWriter | None = None
        self._owner: Owner | None = None
        self._spool = Spool(self._path)
        self.view = JournalView(self._do)
        self._adopted: deque[Entry] = deque()  # filled by the thread

    def __repr__(self) -> str:
        return f"<SqliteJournal '{self._path}', {self._writer or 'closed'}>"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def open(self) -> None:
        """
        Open the file; nothing is adopted by this alone.

        Raises:
            JournalError: It cannot be used, or it is another account's; nothing was changed.
        """
        if self._writer is not None:
            raise JournalError(f"the journal '{self._path}' is open already; give each client one of its own")
        with anyio.CancelScope(shield=True):  # or what was opened could not be closed
            self._path, connection, self._owner = await anyio.to_thread.run_sync(open_as, self._path, self._holder)
        self._writer = SqliteWriter(connection)
        self._spool = Spool(self._path)
        try:
            await self._do(self._sweep)  # in a commit, so that nobody plans with what is swept meanwhile
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Write what is waiting, close the file, and leave what is open to others."""
        writer, self._writer = self._writer, None
        if writer is None or self._owner is None:
            return
        with anyio.CancelScope(shield=True):
            await writer.aclose()
            await anyio.to_thread.run_sync(self._owner.end)

    async def find(self, key: str) -> Entry | None:
        """Return what is recorded under *key*; see `ports.Journal`."""
        pause = _FIRST_LOOK
        while True:
            entry, is_theirs = await self._do(lambda connection: self._look(connection, key), writes=False)
            if not is_theirs:
                return entry
            if not await self._adopt():
                await anyio.sleep(pause)
                pause = min(2 * pause, _LONGEST_LOOK)

    async def record(self, entry: Entry, *, budget: int | None = None, instead_of: str | None = None) -> None:
        """Record a submission's new state; see `ports.Journal`."""
        aside, source = await self._do(lambda connection: self._record(connection, entry, budget, instead_of))
        if aside is not None:
            tell_aside(entry, aside)
        await self._let_go(source)

    async def plan(self, entry: Entry, content: bytes | str) -> None:
        """Record a planned entry, and keep what its image is; see `ports.DurableJournal`."""
        source = Source.read(entry.source or "")
        if not source.is_spooled:
            return await self.record(entry)
        await anyio.to_thread.run_sync(self._spool.put, source.sha256, content)
        await self.record(entry)
        # An entry with the same image may have ended in between.
        return await anyio.to_thread.run_sync(self._spool.put, source.sha256, content)

    async def peek(self, key: str) -> Entry | None:
        """Return what is recorded under *key*, without waiting for who is sending it."""
        return await self.view.find(key)

    async def image(self, source: Source) -> Path | str:
        """Return the image of a planned request; see `ports.DurableJournal`."""
        if source.path is not None:
            return Path(source.path)
        if source.is_link:
            return await anyio.to_thread.run_sync(self._spool.text, source.sha256)
        return self._spool.place(source.sha256)

    async def settle(self, token: str, state: State, reason: str | None = None) -> None:
        """Record that a task ended; see `ports.Journal`."""
        at = self._wall_clock()

        def work(connection: sqlite3.Connection) -> None:
            for before in sqlite_rows.of_token(connection, token):
                if may_follow(before.state, state):
                    after = attrs.evolve(before, state=state, at=at, reason=reason)
                    sqlite_rows.write(connection, before.state, after, owner=self._name)

        await self._do(work)

    async def note_saved(self, token: str, paths: Sequence[str]) -> None:
        """Record where pictures were saved; see `ports.Journal`."""
        at = self._wall_clock()
        await self._do(lambda connection: sqlite_rows.note_saved(connection, token, paths, at))

    async def spent(self) -> int:
        """Return how many pictures may be billed by what is recorded."""
        return await self._do(sqlite_rows.spent, writes=False)

    async def adopt(self) -> list[Entry]:
        """
        Return the entries that were taken over from dead processes since this was asked last.

        What they were sending is in doubt now, what was accepted has to be followed, what succeeded and is not saved in
        its folder has to be saved. Whoever shares the file asks this every second.
        """
        await self._adopt()
        return [self._adopted.popleft() for _ in range(len(self._adopted))]

    async def resolve(self, key: str, state: State, *, token: str | None = None, task_id: str | None = None) -> Entry:
        """
        Record what a person decided on an entry that is in doubt, or ended without a picture, and return it.

        Args:
            key: Whose.
            state: Planned to have it submitted again, abandoned to leave it, accepted where a task was found.
            token: The task's token, where one was found.
            task_id: Its id, likewise.

        Raises:
            JournalError: There is no such entry, or as it stands there is nothing to decide.
        """
        at = self._wall_clock()
        await self._adopt()

        def work(connection: sqlite3.Connection) -> tuple[Entry, str | None]:
            before = sqlite_rows.read(connection, key)
            if before is None:
                raise JournalError(f"the journal holds nothing under {key!r}; list what it holds", key=key)
            if not may_decide(before.state, state):
                raise JournalError(
                    f"the journal holds {key!r} as {before.state.value}, and nobody can make that {state.value}; "
                    "leave it as it is",
                    key=key,
                )
            after = attrs.evolve(before, state=state, at=at, reason="decided by a person", token=token, task_id=task_id)
            sqlite_rows.write(connection, before.state, after, owner=self._name)
            return after, before.source if state not in SOURCE_NEEDED else None

        entry, source = await self._do(work)
        await self._let_go(source)
        return entry

    async def list(self, state: State | None = None, after: str | None = None, limit: int | None = None) -> list[Entry]:
        """
        Return entries in the order of their keys.

        Args:
            state: In this state; `None`: in any.
            after: With keys behind this one; `None`: from the first on.
            limit: At most so many; `None`: all.
        """
        return await self._do(
            lambda connection: sqlite_rows.page(connection, state=state, after=after, limit=limit), writes=False
        )

    async def remember(self, name: str, value: object) -> None:
        """Keep *value*, which JSON can write, under *name* beyond this process."""
        await self.view.remember(name, value)

    async def recall(self, name: str) -> object:
        """Return what was kept under *name*; `None`: nothing."""
        return await self.view.recall(name)

    @property
    def _name(self) -> str:
        return "" if self._owner is None else self._owner.name

    async def _do(self, work: Work[ResultT], *, writes: bool = True) -> ResultT:
        if self._writer is None:
            raise JournalError(f"the journal '{self._path}' is not open; open it first")
        try:
            return await self._writer.do(work, writes=writes)
        except sqlite3.ProgrammingError as exc:
            raise JournalError(
                f"the journal '{self._path}' is not open here ({exc}); open one in each process"
            ) from exc
        except (sqlite3.Error, OSError) as exc:
            raise schema.trouble(self._path, exc) from exc

    def _look(self, connection: sqlite3.Connection, key: str) -> tuple[Entry | None, bool]:
        """Return the entry under *key*, and whether another process is just sending it."""
        found = sqlite_rows.read_owned(connection, key)
        if found is None:
            return None, False
        entry, owner = found
        return entry, entry.state is State.SENDING and owner != self._name

    def _record(
        self, connection: sqlite3.Connection, entry: Entry, budget: int | None, instead_of: str | None = None
    ) -> tuple[Entry | None, str | None]:
        """Write what the table allows; return the entry made for a task id aside, and the source that may be let go."""
        before = sqlite_rows.standing(connection, entry.key)
        theirs = before is not None and before.owner != self._name
        verdict = judge(before, entry, theirs=theirs, instead_of=instead_of)
        error: AidgeError | None = refusal(verdict, before, entry)
        if error is None and budget is not None:
            error = over_budget(entry, sqlite_rows.spent(connection), budget)
        if error is not None:
            raise error
        if verdict is Verdict.WRITE:
            sqlite_rows.write(connection, None if before is None else before.state, entry, owner=self._name)
        aside = self._record_aside(connection, entry) if verdict is Verdict.ASIDE else None
        ended = before is not None and verdict is Verdict.WRITE and entry.state not in SOURCE_NEEDED
        return aside, before.source if ended and before is not None else None

    async def _let_go(self, source: str | None) -> None:
        """Let an image go, only when the record that needs it no more is on disk; `None`: there is none to let go."""
        if source is not None:
            await self._do(lambda connection: self._release(connection, source))

    def _release(self, connection: sqlite3.Connection, source: str) -> None:
        """Let the spool forget an image that no entry needs; in a commit, so that nobody plans with it meanwhile."""
        found = Source.read(source)
        if found.is_spooled and not sqlite_rows.needs(connection, source):
            self._spool.drop(found.sha256)

    def _sweep(self, connection: sqlite3.Connection) -> None:
        needed = {Source.read(source).sha256 for source in sqlite_rows.sources(connection)}
        self._spool.sweep(needed)

    def _record_aside(self, connection: sqlite3.Connection, entry: Entry) -> Entry | None:
        for key in keys_aside(entry):
            found = sqlite_rows.standing(connection, key)
            if found is None:
                aside = attrs.evolve(entry, key=key)
                sqlite_rows.write(connection, None, aside, owner=self._name)
                return aside
            if found.token == entry.token:
                return None
        raise AssertionError  # pragma: no cover  the keys have no end

    async def _adopt(self) -> bool:
        """Take over from the dead, and return whether there were any."""
        if not await self._do(self._are_any_dead, writes=False):
            return False
        at = self._wall_clock()
        await self._do(lambda connection: self._take_over(connection, at))
        return True

    def _are_any_dead(self, connection: sqlite3.Connection) -> bool:
        return self._owner is not None and not all(map(self._owner.lives, sqlite_rows.owners(connection)))

    def _take_over(self, connection: sqlite3.Connection, at: float) -> None:
        assert self._owner is not None, "it is open"
        with self._owner.dead(sqlite_rows.owners(connection)) as dead:
            for name in dead:
                self._adopted += sqlite_rows.adopt(connection, name, owner=self._name, at=at, reason=_DIED)
