"""
Reads a journal without a lock and without changing it, while others write to it or long after.

Nothing is checked here but whose file it is; what is damaged is told when it is met.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from aidge_async._core.lifecycle import Entry, State, Transition
from aidge_async._io import schema, sqlite_rows
from aidge_async.errors import JournalError

_PAGE: Final = 1000  # entries read at a time, so that a long reader does not keep SQLite from tidying up


class JournalReader:
    """
    Read entries; blocks while the disk works.

    Args:
        path: The file, resolved.
        connection: Read-only.
        stale: Whether the latest changes lie in a file beside it that cannot be read on this file system.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, stale: bool) -> None:
        self._path = path
        self._connection = connection
        self.stale = stale

    def __repr__(self) -> str:
        return f"<JournalReader '{self._path}'{', stale' if self.stale else ''}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def entries(self, state: State | None = None) -> Iterator[Entry]:
        """Yield the entries in *state* (`None`: in any) in the order of their keys."""
        after: str | None = None
        while True:
            try:
                page = sqlite_rows.page(self._connection, state=state, after=after, limit=_PAGE)
            except sqlite3.Error as exc:
                raise schema.trouble(self._path, exc) from exc
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].key

    def entry(self, key: str) -> Entry | None:
        """Return what is recorded under *key*."""
        try:
            return sqlite_rows.read(self._connection, key)
        except sqlite3.Error as exc:
            raise schema.trouble(self._path, exc) from exc

    def transitions(self, key: str) -> list[Transition]:
        """Return what became of *key*, in order."""
        try:
            return list(sqlite_rows.transitions(self._connection, key))
        except sqlite3.Error as exc:
            raise schema.trouble(self._path, exc) from exc


def read_journal(path: str | Path) -> JournalReader:
    """
    Open the journal at *path* to read it.

    Raises:
        JournalError: There is none, or it cannot be read.
    """
    found = Path(path).expanduser().resolve()
    if not found.is_file():
        raise JournalError(f"there is no journal '{found}'; name the file that was given as the journal")
    try:
        schema.check_header(found)
        return _reader(found, "mode=ro", stale=False)
    except sqlite3.OperationalError:
        # SQLite needs a file for its shared memory beside the journal, which a read-only file system refuses.
        wal = Path(f"{found}-wal")
        try:
            return _reader(found, "immutable=1", stale=wal.exists() and wal.stat().st_size > 0)
        except sqlite3.Error as exc:
            raise schema.trouble(found, exc) from exc
    except (sqlite3.Error, OSError) as exc:
        raise schema.trouble(found, exc) from exc


def _reader(path: Path, mode: str, *, stale: bool) -> JournalReader:
    with contextlib.ExitStack() as stack:
        connection = schema.connect(path, mode)
        stack.callback(connection.close)
        if not schema.check_tables(path, connection):
            raise JournalError(f"the journal '{path}' is empty; nothing was ever recorded in it")
        sqlite_rows.fill_in(connection)
        stack.pop_all()
    return JournalReader(path, connection, stale=stale)
