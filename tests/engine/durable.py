"""Journals for virtual time: nothing lies on a disk, and the test decides what fails and what others leave behind."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio.lowlevel
import attrs

from aidge_async._core.lifecycle import Entry, State
from aidge_async._core.source import Source
from aidge_async._io.journal import MemoryJournal
from aidge_async._io.sqlite_writer import Work
from aidge_async.errors import JournalError

ResultT = TypeVar("ResultT")


class InlineWriter:
    """
    Work on one SQLite connection where it is asked to: virtual time does not pass over a disk that works.

    Args:
        connection: In autocommit mode.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def do(self, work: Work[ResultT], *, writes: bool = True) -> ResultT:
        """Return what *work* returns, committed."""
        await anyio.lowlevel.checkpoint()
        if not writes:
            return work(self._connection)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            return work(self._connection)
        finally:
            self._connection.execute("COMMIT")

    async def aclose(self) -> None:
        """Close the connection."""
        self._connection.close()


async def inline(work: Callable[..., ResultT], *arguments: Any, **_: Any) -> ResultT:
    """Call *work* in the event loop instead of in a thread."""
    await anyio.lowlevel.checkpoint()
    return work(*arguments)


class FailingJournal(MemoryJournal):
    """
    Remember in memory, and fail so many times to record one state.

    Args:
        state: Which one.
        times: How often.
    """

    def __init__(self, state: State, times: int) -> None:
        super().__init__()
        self._state = state
        self._times = times

    async def record(self, entry: Entry, *, budget: int | None = None, instead_of: str | None = None) -> None:
        """Fail, or record."""
        if entry.state is self._state and self._times:
            self._times -= 1
            raise JournalError("the disk is full", key=entry.key)
        await super().record(entry, budget=budget, instead_of=instead_of)


class OvertakenJournal(MemoryJournal):
    """Remember in memory; another process is faster than the first submit: `rival` is what it recorded."""

    def __init__(self, rival: Entry) -> None:
        super().__init__()
        self._rival: Entry | None = rival

    async def record(self, entry: Entry, *, budget: int | None = None, instead_of: str | None = None) -> None:
        """Let the other process be first."""
        rival, self._rival = self._rival, None
        if rival is not None:
            self._write(None, attrs.evolve(rival, fingerprint=entry.fingerprint))
        await super().record(entry, budget=budget, instead_of=instead_of)


class InheritedJournal(MemoryJournal):
    """Remember in memory; what dead processes left is put into `left`, and what fails next into `fails`."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[Entry] = []
        self.fails: list[JournalError] = []

    async def open(self) -> None:
        """Do nothing."""

    async def aclose(self) -> None:
        """Do nothing."""

    async def plan(self, entry: Entry, content: bytes | str) -> None:
        """Record it; the content is forgotten."""
        assert content
        await self.record(entry)

    async def peek(self, key: str) -> Entry | None:
        """Return what is recorded."""
        return await self.find(key)

    async def image(self, source: Source) -> Path | str:
        """Return no image's place."""
        return Path(source.sha256)

    async def adopt(self) -> list[Entry]:
        """Take over what is left."""
        if self.fails:
            raise self.fails.pop()
        left, self.left = self.left, []
        for entry in left:
            self._write(None, entry)
        return left

    async def remember(self, name: str, value: object) -> None:
        """Do nothing."""

    async def recall(self, name: str) -> object:
        """Know nothing."""
        return name and None
