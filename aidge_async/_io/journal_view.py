"""
What a page or a program of one's own asks an open journal: entries by a common beginning of their keys, and changes by
number.

It changes nothing but what is kept under a name; what is recorded is the journal's matter.
"""

import json
from collections.abc import Collection
from typing import Protocol, TypeVar

from aidge_async._core.lifecycle import Entry, State, Transition
from aidge_async._io import sqlite_rows
from aidge_async._io.sqlite_writer import Work

ResultT = TypeVar("ResultT")


class _Do(Protocol):
    async def __call__(self, work: Work[ResultT], *, writes: bool = True) -> ResultT: ...


class JournalView:
    """
    Look into the journal of an open client; all of it is as of one moment, other processes' changes included.

    Every method raises `JournalError` where the journal cannot be read.
    """

    def __init__(self, do: _Do) -> None:
        self._do = do

    def __repr__(self) -> str:
        return "<JournalView>"

    async def find(self, key: str) -> Entry | None:
        """Return what is recorded under *key*, without waiting for who is sending it."""
        return await self._do(lambda connection: sqlite_rows.read(connection, key), writes=False)

    async def entries(self, prefix: str = "", *, before: int | None = None, limit: int) -> list[tuple[int, Entry]]:
        """
        Return entries, the newest first, each with the number of its first change.

        Args:
            prefix: What their keys begin with.
            before: Only those whose first change has a lower number; `None`: from the newest on.
            limit: At most so many.
        """
        return await self._do(
            lambda connection: sqlite_rows.newest(connection, prefix, before=before, limit=limit), writes=False
        )

    async def changes(self, *, after: int, limit: int) -> list[Transition]:
        """Return the changes with numbers behind *after*, at most *limit*, in order."""
        return await self._do(
            lambda connection: sqlite_rows.changes(connection, after=after, limit=limit), writes=False
        )

    async def latest(self) -> int:
        """Return the number of the latest change, 0 where there is none; cheap enough to be asked all the time."""
        return await self._do(sqlite_rows.latest, writes=False)

    async def count(self, prefix: str, states: Collection[State]) -> int:
        """Return how many entries in *states* have keys that begin with *prefix*."""
        return await self._do(lambda connection: sqlite_rows.count(connection, prefix, states), writes=False)

    async def remember(self, name: str, value: object) -> None:
        """Keep *value*, which JSON can write, under *name* beyond this process."""
        text = json.dumps(value)
        await self._do(lambda connection: sqlite_rows.remember(connection, name, text))

    async def recall(self, name: str) -> object:
        """Return what was kept under *name*; `None`: nothing."""
        text = await self._do(lambda connection: sqlite_rows.recall(connection, name), writes=False)
        return None if text is None else json.loads(text)
