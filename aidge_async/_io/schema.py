"""
The journal's file: its tables, its versions, and what is looked at before anything is trusted to it.

Every trouble becomes one `JournalError` that names the file, the cause and the next step. What is not ours, or is newer
than we are, is only read.
"""

import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aidge_async._io.folders import sync_folder
from aidge_async._io.mounts import network_kind
from aidge_async.errors import JournalError

APPLICATION_ID: Final = 0x41494447
"""Says in the file's header whose it is, "AIDG"; no entry of SQLite's magic.txt has it."""

# Each leads from the version of its index to the next. What was released is never changed, only added to.
MIGRATIONS: Final[Sequence[str]] = (
    """
    CREATE TABLE entry (
        key TEXT PRIMARY KEY, keyed INTEGER NOT NULL, operation TEXT NOT NULL, fingerprint TEXT NOT NULL,
        state TEXT NOT NULL, at REAL NOT NULL, token TEXT, reason TEXT, task_id TEXT, pictures INTEGER NOT NULL,
        folder TEXT, paths TEXT NOT NULL, saved_at REAL, owner TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX entry_open ON entry (owner, state) WHERE state IN ('sending', 'accepted');
    CREATE INDEX entry_token ON entry (token) WHERE token IS NOT NULL;
    CREATE TABLE transition (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, "from" TEXT, "to" TEXT NOT NULL, at REAL NOT NULL,
        token TEXT, reason TEXT
    );
    CREATE INDEX transition_key ON transition (key);
    CREATE INDEX transition_again ON transition (key) WHERE "from" = 'failed';
    CREATE TABLE learned (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    """,
    """
    CREATE TABLE pace_event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, what TEXT NOT NULL, at REAL NOT NULL,
        path TEXT NOT NULL, kind TEXT NOT NULL, start INTEGER, wait REAL, waited_for TEXT NOT NULL
    );
    CREATE TABLE pace (scope TEXT PRIMARY KEY, seq INTEGER NOT NULL, at REAL NOT NULL, value TEXT NOT NULL);
    """,
    """
    DROP INDEX transition_again;
    CREATE INDEX transition_planned ON transition (key)
        WHERE "to" = 'planned' AND "from" IN ('in_doubt', 'failed', 'abandoned');
    CREATE INDEX entry_unsaved ON entry (owner)
        WHERE state = 'succeeded' AND folder IS NOT NULL AND saved_at IS NULL;
    """,
    """
    ALTER TABLE entry ADD COLUMN request TEXT;
    ALTER TABLE entry ADD COLUMN source TEXT;
    CREATE INDEX entry_waiting ON entry (owner) WHERE state = 'planned' AND source IS NOT NULL;
    CREATE INDEX entry_source ON entry (source) WHERE source IS NOT NULL;
    CREATE INDEX transition_first ON transition (key) WHERE "from" IS NULL
    """,
    """
    DROP INDEX transition_planned;
    CREATE INDEX transition_again ON transition (key)
        WHERE "to" IN ('planned', 'sending') AND "from" IN ('in_doubt', 'failed', 'abandoned')
    """,
)

_MAGIC: Final = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html, 1.3
_BUSY_SECONDS: Final = 10.0  # for which another process may hold the file; a commit takes milliseconds
_WHY: Final = {
    sqlite3.SQLITE_FULL: "the disk is full; make room",
    sqlite3.SQLITE_READONLY: "the file, its folder or its file system is read-only; use a place that can be written",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; keep a copy, and begin a new one under another name",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database, or it is damaged; name another one",
    sqlite3.SQLITE_BUSY: f"another process has held it for {_BUSY_SECONDS:.0f} s; end that process",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened by this user; look at the rights of the file and of its folder",
    sqlite3.SQLITE_PERM: "it cannot be opened by this user; look at the rights of the file and of its folder",
    sqlite3.SQLITE_IOERR: "the disk reports an error, or is full; look at the system's log",
}


def trouble(path: Path, error: sqlite3.Error | OSError) -> JournalError:
    """Return what to raise for an error of SQLite's or of the system's."""
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte: https://www.sqlite.org/rescode.html
    why = _WHY.get(kind, "look at the file and its folder")
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return JournalError(f"the journal '{path}' cannot be used ({said}): {why}; nothing is submitted unrecorded")


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Return a connection in autocommit mode; *mode* as in https://www.sqlite.org/uri.html."""
    # as_uri escapes what a path may hold and a URI may not.
    return sqlite3.connect(
        f"{path.as_uri()}?{mode}", uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def resolved(path: Path) -> Path:
    """
    Return the one name under which all processes know the file.

    Raises:
        JournalError: There can be no journal.
    """
    try:
        path = path.expanduser().resolve()
        kind = network_kind(path)
        if path.is_dir():
            raise JournalError(f"the journal '{path}' is a folder; name a file in it")
        if not path.parent.is_dir():
            raise JournalError(f"the journal '{path}' cannot be made: its folder is missing; make it first")
    except (OSError, RuntimeError, ValueError) as exc:
        raise JournalError(f"the journal '{path}' cannot be used ({exc}); name another file") from exc
    if kind is not None:
        raise JournalError(
            f"the journal '{path}' lies on a network file system ({kind}), where locks do not hold; use a local disk"
        )
    return path


def open_journal_file(path: Path, migrations: Sequence[str] = MIGRATIONS) -> sqlite3.Connection:
    """
    Return a connection to the journal at *path*, made or brought to this version where it has to be.

    Args:
        path: From `resolved`.
        migrations: What leads from each version to the next.

    Raises:
        JournalError: It cannot be used; nothing was changed.
    """
    try:
        _make_file(path)
        with_tables = check_file(path, len(migrations))
        connection = connect(path, "mode=rw")
    except (sqlite3.Error, OSError) as exc:
        raise trouble(path, exc) from exc
    try:
        if with_tables:
            _check_pages(path, connection)
        _prepare(connection, migrations)
    except BaseException as exc:
        connection.close()
        if isinstance(exc, sqlite3.Error):
            raise trouble(path, exc) from exc
        raise
    return connection


def check_file(path: Path, version: int = len(MIGRATIONS)) -> bool:
    """
    Return whether the file at *path* has tables, without writing to it; what was left half done in ours is undone.

    Raises:
        JournalError: It is another program's, or of a newer version.
    """
    check_header(path)
    try:
        return _check_as(path, "mode=ro", version)
    except sqlite3.OperationalError as exc:
        # Who made the file was killed before the mode was WAL: only who may write can take its half work back.
        if exc.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK or not _names_us(path):
            raise
        return _check_as(path, "mode=rw", version)


def _check_as(path: Path, mode: str, version: int) -> bool:
    connection = connect(path, mode)
    try:
        return check_tables(path, connection, version)
    finally:
        connection.close()


def _names_us(path: Path) -> bool:
    """Return whether the file's header names us, as it stands: https://www.sqlite.org/fileformat.html, 1.3."""
    with path.open("rb") as file:
        return file.read(72)[68:] == APPLICATION_ID.to_bytes(4, "big")


def check_header(path: Path) -> None:
    """
    Look at the first bytes: SQLite takes any file of under 512 bytes for an empty one, and would write over it.

    Raises:
        JournalError: It is neither empty nor a database.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) not in (b"", _MAGIC):
            raise JournalError(f"'{path}' is no SQLite database, or its beginning is damaged; name another file")


def check_tables(path: Path, connection: sqlite3.Connection, version: int = len(MIGRATIONS)) -> bool:
    """As `check_file`, on a connection."""
    tables = bool(_value(connection, "SELECT count(*) FROM sqlite_master"))
    if (tables or _value(connection, "PRAGMA application_id")) and not _is_ours(connection):
        raise JournalError(f"'{path}' is a database of another program, not a journal of ours; name another file")
    found = _value(connection, "PRAGMA user_version")
    if found > version:
        raise JournalError(
            f"the journal '{path}' was written by a newer aidge_async (schema {found}, this one knows up to "
            f"{version}); update it"
        )
    return tables


def _is_ours(connection: sqlite3.Connection) -> bool:
    return _value(connection, "PRAGMA application_id") == APPLICATION_ID


def _make_file(path: Path) -> None:
    """Make an empty file that only its owner reads; SQLite gives its other files the same rights."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    existed = path.exists()
    os.close(os.open(path, flags, 0o600))
    if not existed:
        sync_folder(path.parent)  # or a crash of the machine may forget that there is a file at all


def _check_pages(path: Path, connection: sqlite3.Connection) -> None:
    # Reads the whole file: some 10 ms for 10,000 entries.
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise JournalError(f"the journal '{path}' is damaged ({found}); keep a copy, and begin a new one elsewhere")


def _prepare(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # on macOS alone; there fsync leaves it in the disk's cache
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute("BEGIN IMMEDIATE")
    try:
        _migrate(connection, migrations)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    _go_to_wal(connection)
    # Written even where nothing changes, for this is the last moment to find out that it cannot be.
    connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    version = _value(connection, "PRAGMA user_version")
    for migration in migrations[version:]:
        for statement in migration.split(";"):
            connection.execute(statement)  # not executescript, which would commit first
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _go_to_wal(connection: sqlite3.Connection) -> None:
    """Switch the mode on, which needs the file alone and does not wait for that by itself."""
    give_up_at = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up_at:
                raise
            time.sleep(0.01)
        else:
            return


def _value(connection: sqlite3.Connection, question: str) -> int:
    return int(connection.execute(question).fetchone()[0])
