"""What the tests of journals share: an entry, and the way to each state."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from aidge_async._core.lifecycle import TRANSITIONS, Entry, State
from aidge_async._io.journal import MemoryJournal
from aidge_async._io.sqlite_journal import SqliteJournal
from aidge_async.ports import Journal

ENTRY = Entry(key="sku/1", keyed=True, operation="o", fingerprint="f", state=State.PLANNED, at=1.0, pictures=2)
TASK = {"token": "aidge1.one", "task_id": "0123456789"}
OTHER_TASK = {"token": "aidge1.two", "task_id": "9876543210"}
NOW = 7.0


def entry(state: State, **fields: Any) -> Entry:
    """Return an entry in another state; an accepted one has a task."""
    has_task = state in {State.ACCEPTED, State.SUCCEEDED, State.FAILED}
    return attrs.evolve(ENTRY, **{"state": state, **(TASK if has_task else {}), **fields})


def way_to(state: State) -> Sequence[State]:
    """Return a shortest way to *state* from a plan, by the table."""
    ways: list[tuple[State, ...]] = [(State.PLANNED,)]
    for way in ways:
        if way[-1] is state:
            return way
        ways += [(*way, after) for after in sorted(TRANSITIONS[way[-1]], key=lambda after: after.value)]
    raise AssertionError


async def bring(journal: Journal, state: State, **fields: Any) -> Entry:
    """Record an entry step by step until it is in *state*, and return it."""
    for step in way_to(state):
        await journal.record(entry(step, **fields))
    return entry(state, **fields)


async def followed_by(journal: Journal) -> list[Entry]:
    """Return the accepted entries that are *journal*'s own, the oldest first: its process has to follow them."""
    if isinstance(journal, MemoryJournal):
        return [entry for entry in journal._entries.values() if entry.state is State.ACCEPTED]
    assert isinstance(journal, SqliteJournal)
    question = "SELECT key FROM entry WHERE owner = ? AND state = 'accepted' ORDER BY at, key"
    keys = await journal._do(lambda connection: connection.execute(question, (journal._name,)).fetchall(), writes=False)
    mine = {key for (key,) in keys}
    return sorted((one for one in await journal.list() if one.key in mine), key=lambda one: (one.at, one.key))


def sqlite_journal(path: Path) -> SqliteJournal:
    """Return a journal on disk whose clock stands still."""
    return SqliteJournal(path, wall_clock=lambda: NOW)


def names(folder: Path, pattern: str = "*") -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.glob(pattern))
