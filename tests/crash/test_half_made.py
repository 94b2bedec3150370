"""A journal whose maker was killed before it was quite made: in a transaction that is not in the WAL yet."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from aidge_async._io import schema
from aidge_async.errors import JournalError
from tests.io.journals import sqlite_journal


def half_made(folder: Path, application_id: int) -> Path:
    """Return a file as a kill leaves it in the middle of a transaction, with what undoes that beside it."""
    made, left = folder / "made", folder / "journal"
    with contextlib.closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {application_id}")
        for statement in schema.MIGRATIONS[0].split(";"):
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")
        connection.execute("PRAGMA cache_size = 1")  # so that it is written to the file before the commit
        connection.execute("BEGIN IMMEDIATE")
        for number in range(100):
            connection.execute("INSERT INTO learned VALUES (?, ?)", (f"{number}", "1" * 1000))
        shutil.copy(made, left)
        shutil.copy(f"{made}-journal", f"{left}-journal")
        connection.execute("ROLLBACK")
    return left


async def test_half_work_is_taken_back(tmp_path: Path) -> None:
    """Whoever opens the journal next undoes what was not committed, and goes on."""
    async with sqlite_journal(half_made(tmp_path, schema.APPLICATION_ID)) as journal:
        assert await journal.recall("1") is None
        await journal.remember("1", 5)
        assert await journal.recall("1") == 5


async def test_half_work_of_others_is_left_alone(tmp_path: Path) -> None:
    """What another program left half done is its own to take back."""
    path = half_made(tmp_path, 4711)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="cannot be used"):
        await sqlite_journal(path).open()
    assert path.read_bytes() == before
