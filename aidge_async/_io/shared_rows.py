"""
The SQL of shared pacing: one list of what happened, in the one order in which all processes read it.

What follows from it is decided in `shared_pace.py`.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import attrs

from aidge_async._core.call import CallKind
from aidge_async._io import schema

_COLUMNS: Final = "seq, what, at, path, kind, start, wait, waited_for"
_OVERTAKING: Final = ("start", "refused")  # after these, what was decided without them may be wrong


@attrs.frozen
class Happening:
    """
    Something that happened to a call in one of the processes.

    Args:
        seq: Its place in the order of all; 0: it has none yet.
        what: `start`, `answered`, `lost` or `refused`.
        at: When, on the clock that the processes of a machine have in common.
        path: The call's.
        kind: The call's.
        start: The place of the start that it belongs to.
        wait: Seconds that a refusal named.
        waited_for: The pace that a start waited for: `own`, `total`, or none.
    """

    seq: int
    what: str
    at: float
    path: str
    kind: CallKind
    start: int | None = None
    wait: float | None = None
    waited_for: str = ""


@attrs.frozen
class Checkpoint:
    """What had been found out about the paces by a place in the order, and when that was."""

    seq: int
    at: float
    value: str


def open_shared(path: Path) -> sqlite3.Connection:
    """
    Return a second connection to an open journal, whose commits are not synced one by one.

    What a crash of the machine takes is forgotten by the gateway's limits as well. NORMAL, not OFF: a checkpoint by
    this connection must not throw away what the journal has synced.
    """
    connection = schema.connect(schema.resolved(path), "mode=rw")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    return connection


def exchange(
    connection: sqlite3.Connection,
    scope: str,
    *,
    seen: int,
    told: Sequence[Happening],
    start: Happening | None,
    clock: Callable[[], float],
) -> tuple[list[Happening], int | None]:
    """
    Tell what happened here, return what happened after *seen*, and start, if nobody was first.

    Args:
        connection: In a transaction that holds the lock, so that nothing happens meanwhile.
        scope: Whose limits they are.
        seen: Up to which place all is known here.
        told: What happened here.
        start: The start that is wanted, and may come by what is known here; its time is set by *clock*.
        clock: The machine's.
    """
    for happening in told:
        _write(connection, scope, happening)
    news = list(_after(connection, scope, seen))
    if start is None or any(happening.what in _OVERTAKING for happening in news):
        return news, None
    # Only now: who waits for the lock starts later than was thought, and the others must know when.
    start = attrs.evolve(start, at=clock())
    number = _write(connection, scope, start)
    return [*news, attrs.evolve(start, seq=number)], number


def load(
    connection: sqlite3.Connection, scope: str, clock: Callable[[], float]
) -> tuple[Checkpoint | None, list[Happening]]:
    """Return what is known from before, without what a clock that has begun anew since cannot tell."""
    now = clock()
    connection.execute("DELETE FROM pace_event WHERE at > ?", (now,))
    row = connection.execute("SELECT seq, at, value FROM pace WHERE scope = ?", (scope,)).fetchone()
    return None if row is None else Checkpoint(row[0], min(row[1], now), row[2]), list(_after(connection, scope, 0))


def keep(connection: sqlite3.Connection, scope: str, found: Checkpoint, oldest: float) -> None:
    """Keep a checkpoint unless there is a later one, and forget what happened before *oldest*."""
    connection.execute(
        "INSERT INTO pace (scope, seq, at, value) VALUES (?, ?, ?, ?) ON CONFLICT (scope) DO UPDATE SET "
        "seq = excluded.seq, at = excluded.at, value = excluded.value WHERE excluded.seq >= seq",
        (scope, found.seq, found.at, found.value),
    )
    connection.execute("DELETE FROM pace_event WHERE scope = ? AND at < ? AND seq <= ?", (scope, oldest, found.seq))


def _write(connection: sqlite3.Connection, scope: str, happening: Happening) -> int:
    values = attrs.astuple(happening)[1:]
    places = connection.execute(
        "INSERT INTO pace_event (scope, what, at, path, kind, start, wait, waited_for) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (scope, *values),
    )
    return places.lastrowid or 0


def _after(connection: sqlite3.Connection, scope: str, seen: int) -> list[Happening]:
    question = f"SELECT {_COLUMNS} FROM pace_event WHERE seq > ? AND scope = ? ORDER BY seq"  # noqa: S608  our own words
    return [Happening(*row) for row in connection.execute(question, (seen, scope))]
