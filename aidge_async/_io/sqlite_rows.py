"""
Entries as rows: all the SQL that the journal speaks on its tables.

Nothing here decides, waits or commits.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from aidge_async._core.lifecycle import MAYBE_BILLED, SOURCE_NEEDED, Entry, State, Transition

_COLUMNS: Final = tuple(field.name for field in attrs.fields(Entry))
_LIST: Final = ", ".join(_COLUMNS)
# Names and reasons may hold what Python cannot write as UTF-8 (a file's name that is none), so they come and go as
# bytes; a cast leaves them text to whoever looks into the file.
_RAW: Final = ("key", "reason", "folder", "task_id")
_MARKS: Final = ", ".join("CAST(? AS TEXT)" if name in _RAW else "?" for name in _COLUMNS)
_READ: Final = ", ".join(f"CAST({name} AS BLOB)" if name in _RAW else name for name in _COLUMNS)
_SELECT: Final = f"SELECT {_READ} FROM entry"  # noqa: S608  column names only
# What was planned stays known, whoever submits it.
_KEPT: Final = ("request", "source")
_CHANGED: Final = ", ".join(
    f"{name} = coalesce(excluded.{name}, {name})" if name in _KEPT else f"{name} = excluded.{name}"
    for name in (*_COLUMNS[1:], "owner")
)
_WRITE: Final = f"INSERT INTO entry ({_LIST}, owner) VALUES ({_MARKS}, ?) ON CONFLICT (key) DO UPDATE SET {_CHANGED}"  # noqa: S608  column names only
_NOTE: Final = (
    'INSERT INTO transition (key, "from", "to", at, token, reason) '
    "VALUES (CAST(? AS TEXT), ?, ?, ?, ?, CAST(? AS TEXT))"
)
# Word for word as the indexes `entry_open`, `entry_unsaved` and `entry_waiting` have them, or SQLite reads the whole
# table.
_OPEN: Final = "state IN ('sending', 'accepted')"
_UNSAVED: Final = "state = 'succeeded' AND folder IS NOT NULL AND saved_at IS NULL"
_WAITING: Final = "state = 'planned' AND source IS NOT NULL"
_HOLDER: Final = "holder"  # under this name what is learned says whose journal it is


def _listed(states: Iterable[State]) -> str:
    return ", ".join(sorted(f"'{state.value}'" for state in states))


_STATES: Final = {state.value: state for state in State}
_BILLED: Final = _listed(MAYBE_BILLED)
# Word for word as the index `transition_again` has it, or SQLite reads the whole table.
_AGAIN: Final = "\"to\" IN ('planned', 'sending') AND \"from\" IN ('in_doubt', 'failed', 'abandoned')"


@attrs.frozen
class Standing:
    """What has to be known of an entry before another takes its place."""

    state: State
    token: str | None
    owner: str
    source: str | None


def fill_in(connection: sqlite3.Connection) -> None:
    """Let an older journal that is only read look like a present one."""
    there = {row[1] for row in connection.execute("PRAGMA table_info(entry)")}
    missing = [name for name in _COLUMNS if name not in there]
    if missing:
        columns = ", ".join(f"NULL AS {name}" for name in missing)
        connection.execute(f"CREATE TEMP VIEW entry AS SELECT *, {columns} FROM main.entry")  # noqa: S608  column names only


def standing(connection: sqlite3.Connection, key: str) -> Standing | None:
    """Return how *key* stands; a quarter of the work of reading it whole."""
    found = connection.execute(
        "SELECT state, token, owner, source FROM entry WHERE key = CAST(? AS TEXT)", (_bytes(key),)
    )
    row = found.fetchone()
    return None if row is None else Standing(_STATES[row[0]], *row[1:])


def read(connection: sqlite3.Connection, key: str) -> Entry | None:
    """Return the entry under *key*."""
    found = read_owned(connection, key)
    return None if found is None else found[0]


def read_owned(connection: sqlite3.Connection, key: str) -> tuple[Entry, str] | None:
    """Return the entry under *key* and its owner, as of one moment."""
    question = f"SELECT {_READ}, owner FROM entry WHERE key = CAST(? AS TEXT)"  # noqa: S608  column names only
    row = connection.execute(question, (_bytes(key),)).fetchone()
    return None if row is None else (_entry(row[:-1]), row[-1])


def of_token(connection: sqlite3.Connection, token: str) -> list[Entry]:
    """Return the entries of a task; more than one only where a person attached it twice."""
    return _entries(connection, f"{_SELECT} WHERE token = ?", (token,))


def page(connection: sqlite3.Connection, *, state: State | None, after: str | None, limit: int | None) -> list[Entry]:
    """Return entries by the order of their keys; see `SqliteJournal.list`."""
    return _entries(
        connection,
        f"{_SELECT} WHERE (?1 IS NULL OR state = ?1) AND key > CAST(?2 AS TEXT) ORDER BY key LIMIT ?3",
        (None if state is None else state.value, _bytes(after or ""), -1 if limit is None else limit),
    )


def transitions(connection: sqlite3.Connection, key: str) -> Iterator[Transition]:
    """Yield what became of *key*, in order."""
    return _transitions(connection, "WHERE key = CAST(? AS TEXT) ORDER BY seq", (_bytes(key),))


def changes(connection: sqlite3.Connection, *, after: int, limit: int) -> list[Transition]:
    """Return the transitions behind the number *after*, at most *limit*, in order."""
    return list(_transitions(connection, "WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)))


def latest(connection: sqlite3.Connection) -> int:
    """Return the greatest number of a transition, 0 where there is none."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM transition").fetchone()[0])


def newest(connection: sqlite3.Connection, prefix: str, *, before: int | None, limit: int) -> list[tuple[int, Entry]]:
    """Return entries whose key begins with *prefix*, the newest first, each with the number of its first transition."""
    columns = ", ".join(f"CAST(entry.{name} AS BLOB)" if name in _RAW else f"entry.{name}" for name in _COLUMNS)
    rows = connection.execute(
        f"SELECT first.seq, {columns} FROM transition AS first JOIN entry USING (key) "  # noqa: S608  column names only
        'WHERE first."from" IS NULL AND first.key >= CAST(?1 AS TEXT) AND first.key < CAST(?2 AS TEXT) '
        "AND (?3 IS NULL OR first.seq < ?3) ORDER BY first.seq DESC LIMIT ?4",
        (*_range(prefix), before, limit),
    )
    return [(row[0], _entry(row[1:])) for row in rows]


def count(connection: sqlite3.Connection, prefix: str, states: Iterable[State]) -> int:
    """Return how many entries in *states* have a key that begins with *prefix*."""
    question = (
        f"SELECT count(*) FROM entry WHERE state IN ({_listed(states)}) "  # noqa: S608  our own words
        "AND key >= CAST(? AS TEXT) AND key < CAST(? AS TEXT)"
    )
    return int(connection.execute(question, _range(prefix)).fetchone()[0])


def _range(prefix: str) -> tuple[bytes | None, bytes | None]:
    return _bytes(prefix), _bytes(prefix + chr(0x10FFFF))


def _transitions(connection: sqlite3.Connection, which: str, values: tuple[Any, ...]) -> Iterator[Transition]:
    question = 'SELECT seq, CAST(key AS BLOB), "from", "to", at, token, CAST(reason AS BLOB) FROM transition '
    for seq, key, before, after, at, token, reason in connection.execute(question + which, values):
        yield Transition(
            seq=seq,
            key=_text(key) or "",
            before=None if before is None else _STATES[before],
            after=_STATES[after],
            at=at,
            token=token,
            reason=_text(reason),
        )


def write(connection: sqlite3.Connection, before: State | None, entry: Entry, *, owner: str) -> None:
    """Let *entry* take the place of what stood as *before*, and note the change."""
    values = _row(entry)
    left = None if before is None else before.value
    connection.execute(_WRITE, (*values, owner))
    connection.execute(_NOTE, (values[0], left, entry.state.value, entry.at, entry.token, _bytes(entry.reason)))


def note_saved(connection: sqlite3.Connection, token: str, paths: Iterable[str], at: float) -> None:
    """Note where the pictures of a task lie."""
    connection.execute("UPDATE entry SET paths = ?, saved_at = ? WHERE token = ?", (json.dumps(list(paths)), at, token))
    # Noted as a change that leaves the state as it is, so that who follows the numbers hears of it.
    connection.execute(
        'INSERT INTO transition (key, "from", "to", at, token, reason) '
        "SELECT key, state, state, ?, token, 'saved' FROM entry WHERE token = ?",
        (at, token),
    )


def needs(connection: sqlite3.Connection, source: str) -> bool:
    """Return whether an entry needs the image at *source*."""
    question = f"SELECT 1 FROM entry WHERE source = ? AND state IN ({_listed(SOURCE_NEEDED)})"  # noqa: S608  our own words
    return connection.execute(question, (source,)).fetchone() is not None


def sources(connection: sqlite3.Connection) -> list[str]:
    """Return the sources of the images that entries need."""
    question = f"SELECT source FROM entry WHERE source IS NOT NULL AND state IN ({_listed(SOURCE_NEEDED)})"  # noqa: S608  our own words
    return [source for (source,) in connection.execute(question)]


def owners(connection: sqlite3.Connection) -> set[str]:
    """Return whose entries are open, planned to be sent, or succeeded and not saved where they were meant to be."""
    question = " UNION ".join(f"SELECT owner FROM entry WHERE {left}" for left in (_OPEN, _UNSAVED, _WAITING))  # noqa: S608  our own words
    return {owner for (owner,) in connection.execute(question)}


def adopt(connection: sqlite3.Connection, dead: str, *, owner: str, at: float, reason: str) -> list[Entry]:
    """Give to *owner* what *dead* left to be done, what was being sent as in doubt, and return it."""
    connection.execute(
        'INSERT INTO transition (key, "from", "to", at, reason) '
        "SELECT key, state, 'in_doubt', ?, ? FROM entry WHERE owner = ? AND state = 'sending' ORDER BY at, key",
        (at, reason, dead),
    )
    entries: list[Entry] = []
    for left in (_OPEN, _UNSAVED, _WAITING):
        entries += _entries(connection, f"{_SELECT} WHERE owner = ? AND {left} ORDER BY at, key", (dead,))
    connection.execute(
        "UPDATE entry SET state = 'in_doubt', at = ?, reason = ?, owner = ? WHERE owner = ? AND state = 'sending'",
        (at, reason, owner, dead),
    )
    for left in ("state = 'accepted'", _UNSAVED, _WAITING):
        connection.execute(f"UPDATE entry SET owner = ? WHERE owner = ? AND {left}", (owner, dead))  # noqa: S608  our own words
    return [
        attrs.evolve(entry, state=State.IN_DOUBT, at=at, reason=reason) if entry.state is State.SENDING else entry
        for entry in entries
    ]


def spent(connection: sqlite3.Connection) -> int:
    """Return how many pictures may be billed: those of entries by their state, and of what was begun anew since."""
    by_state = f"SELECT coalesce(sum(pictures), 0) FROM entry WHERE state IN ({_BILLED})"  # noqa: S608  our own words
    # A key has the same request each time, so the same count.
    again = f"SELECT coalesce(sum(entry.pictures), 0) FROM transition JOIN entry USING (key) WHERE {_AGAIN}"  # noqa: S608  our own words
    return int(connection.execute(f"SELECT ({by_state}) + ({again})").fetchone()[0])


def remember(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep what was learned."""
    connection.execute("INSERT OR REPLACE INTO learned (name, value) VALUES (?, ?)", (name, value))


def recall(connection: sqlite3.Connection, name: str) -> str | None:
    """Return what was learned."""
    row = connection.execute("SELECT value FROM learned WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def claim(connection: sqlite3.Connection, holder: str) -> str:
    """Make *holder* whose journal it is, unless it is somebody's, and return whose it is."""
    connection.execute("INSERT OR IGNORE INTO learned (name, value) VALUES (?, ?)", (_HOLDER, holder))
    return recall(connection, _HOLDER) or holder


def _entries(connection: sqlite3.Connection, question: str, values: tuple[Any, ...]) -> list[Entry]:
    return [_entry(row) for row in connection.execute(question, values)]


def _entry(row: Iterable[Any]) -> Entry:
    values = dict(zip(_COLUMNS, row, strict=True))
    for name in _RAW:
        values[name] = _text(values[name])
    values["keyed"] = bool(values["keyed"])
    values["state"] = _STATES[values["state"]]
    values["paths"] = () if values["paths"] == "[]" else tuple(json.loads(values["paths"]))
    return Entry(**values)


def _row(entry: Entry) -> tuple[Any, ...]:
    return (
        _bytes(entry.key),
        entry.keyed,
        entry.operation,
        entry.fingerprint,
        entry.state.value,
        entry.at,
        entry.token,
        _bytes(entry.reason),
        _bytes(entry.task_id),
        entry.pictures,
        _bytes(entry.folder),
        json.dumps(entry.paths) if entry.paths else "[]",
        entry.saved_at,
        entry.request,
        entry.source,
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode(errors="surrogatepass")


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode(errors="surrogatepass")
