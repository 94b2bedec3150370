"""
Opens a journal's file for one account: the file, whose it is, and the lock that says that its owner lives.

Blocks while the disk works; what is in the file is the journal's matter.
"""

import sqlite3
from pathlib import Path

from aidge_async._io import schema, sqlite_rows
from aidge_async._io.owners import Owner
from aidge_async.errors import JournalError


def open_as(path: Path, holder: str | None) -> tuple[Path, sqlite3.Connection, Owner]:
    """
    Return the file's one name, a connection, and a living owner.

    Args:
        path: As it was named.
        holder: The account that buys, which becomes the file's where it has none; `None`: nothing is bought.

    Raises:
        JournalError: It cannot be used, or is another account's.
    """
    path = schema.resolved(path)
    connection = schema.open_journal_file(path)
    try:
        _check_holder(path, connection, holder)
        owner = Owner(path)
        owner.sweep()
    except (sqlite3.Error, OSError) as exc:
        connection.close()
        raise schema.trouble(path, exc) from exc
    except JournalError:
        connection.close()
        raise
    return path, connection, owner


def _check_holder(path: Path, connection: sqlite3.Connection, holder: str | None) -> None:
    """Raise where the journal is another account's: its keys name tasks, and its budget pictures, that are not ours."""
    found = holder if holder is None else sqlite_rows.claim(connection, holder)
    if found != holder:
        raise JournalError(
            f"the journal '{path}' holds what the account {found} bought, and this is the account {holder}; name "
            "another file: each account and region has one of its own"
        )
