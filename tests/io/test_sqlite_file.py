"""The journal's file: whatever is wrong with it is told before anything is trusted to it, and nothing is damaged."""

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aidge_async._core.lifecycle import State
from aidge_async._io import mounts, schema, sqlite_rows
from aidge_async._io.schema import APPLICATION_ID, MIGRATIONS, open_journal_file
from aidge_async._io.sqlite_journal import SqliteJournal
from aidge_async._io.sqlite_reader import read_journal
from aidge_async.errors import JournalError
from tests.io.journals import bring, entry, names, sqlite_journal


def foreign(path: Path, statements: str) -> bytes:
    """Make a database of another program, and return its bytes."""
    connection = sqlite3.connect(path)
    connection.executescript(statements)
    connection.close()
    return path.read_bytes()


async def refused(path: Path, words: str) -> None:
    """Hold that the journal cannot be opened, and that nobody holds anything afterwards."""
    journal = SqliteJournal(path)
    with pytest.raises(JournalError, match=words):
        await journal.open()
    assert repr(journal).endswith("closed>")
    assert names(path.parent, "*-owner-*") == []


async def filled(path: Path, entries: int = 1) -> None:
    """Make a journal with some entries."""
    async with sqlite_journal(path) as journal:
        for number in range(entries):
            await journal.record(entry(State.SENDING, key=f"{number:05}" + "x" * 300))


async def test_new_file_is_ours_and_only_its_owners(tmp_path: Path) -> None:
    """Its header says whose it is and in which version, and only its owner reads it."""
    path = tmp_path / "journal"
    await filled(path)
    header = path.read_bytes()[:100]
    assert header[68:72] == APPLICATION_ID.to_bytes(4, "big") == b"AIDG"
    assert int.from_bytes(header[60:64], "big") == len(MIGRATIONS)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["journal"]


async def test_all_files_beside_it_are_only_its_owners(tmp_path: Path) -> None:
    """What SQLite writes first lies in a file of its own."""
    async with sqlite_journal(tmp_path / "journal") as journal:
        await bring(journal, State.SENDING)
        found = {name.partition("-owner-")[0]: (tmp_path / name).stat() for name in names(tmp_path)}
    assert found.keys() == {"journal", "journal-wal", "journal-shm"}
    if os.name == "posix":
        assert {stat.S_IMODE(facts.st_mode) for facts in found.values()} == {0o600}


async def test_each_commit_is_synced(tmp_path: Path) -> None:
    """A write-ahead log that is synced with each commit, not only with each checkpoint."""
    connection = open_journal_file(tmp_path / "journal")
    asked = ("journal_mode", "synchronous", "fullfsync")
    assert [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked] == ["wal", 2, 1]
    connection.close()


@pytest.mark.parametrize(
    "content", [b"not a database, but a list of what is to be bought" * 20, b"x", b"SQLite format"]
)
async def test_other_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """A text file that was named by mistake is not written over, not even one that SQLite takes for empty."""
    path = tmp_path / "orders.txt"
    path.write_bytes(content)
    await refused(path, "is no SQLite database")
    with pytest.raises(JournalError, match="is no SQLite database"):
        read_journal(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "statements",
    [
        "CREATE TABLE entry (key TEXT)",
        "PRAGMA application_id = 7",
        "PRAGMA journal_mode = WAL; CREATE TABLE songs (name TEXT); INSERT INTO songs VALUES ('la')",
        "PRAGMA user_version = 1; CREATE TABLE t (x)",
    ],
)
async def test_database_of_another_program_is_left_alone(tmp_path: Path, statements: str) -> None:
    """By its header and its tables; even one whose tables are called as ours are."""
    path = tmp_path / "songs.db"
    content = foreign(path, statements)
    await refused(path, "is a database of another program, not a journal of ours; name another file")
    with pytest.raises(JournalError, match="another program"):
        read_journal(path)
    assert path.read_bytes() == content


async def test_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    """As one that was made and then the process died."""
    path = tmp_path / "journal"
    path.touch()
    with pytest.raises(JournalError, match="is empty; nothing was ever recorded"):
        read_journal(path)
    await filled(path)
    with read_journal(path) as reader:
        assert len(list(reader.entries())) == 1


async def test_newer_journal_is_left_alone(tmp_path: Path) -> None:
    """What a later version wrote, this one does not understand."""
    path = tmp_path / "journal"
    open_journal_file(path, [*MIGRATIONS, "CREATE TABLE later (x)"]).close()
    content = path.read_bytes()
    newer, known = len(MIGRATIONS) + 1, len(MIGRATIONS)
    await refused(path, rf"was written by a newer aidge_async \(schema {newer}, this one knows up to {known}\); update")
    with pytest.raises(JournalError, match="newer"):
        read_journal(path)
    assert path.read_bytes() == content


async def test_older_journal_is_brought_to_this_version(tmp_path: Path) -> None:
    """In one transaction, with all that it holds."""
    path = tmp_path / "journal"
    await filled(path, 3)
    connection = open_journal_file(path, [*MIGRATIONS, "ALTER TABLE entry ADD COLUMN n INTEGER DEFAULT 5;", "SELECT 1"])
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 2,)
    assert connection.execute("SELECT count(*), sum(n) FROM entry").fetchone() == (3, 15)
    connection.close()


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
async def test_each_older_version_is_brought_to_this_one(tmp_path: Path, version: int) -> None:
    """It has the tables and indexes of a new file then, and what it held is found."""
    old, new = tmp_path / "old", tmp_path / "new"
    connection = open_journal_file(old, MIGRATIONS[:version])
    connection.execute(
        "INSERT INTO entry (key, keyed, operation, fingerprint, state, at, pictures, paths, owner) "
        "VALUES ('sku-1', 1, 'model-alternation', 'f', 'sending', 1.5, 2, '[]', 'dead')"
    )
    connection.close()
    async with sqlite_journal(old) as journal:
        assert [found.state for found in await journal.adopt()] == [State.IN_DOUBT]
    open_journal_file(new).close()
    schemas = [sorted(schema_of(path)) for path in (old, new)]
    assert schemas[0] == schemas[1]


def schema_of(path: Path) -> list[tuple[str, str]]:
    """Return the tables and indexes of a file."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return found


def test_older_journal_is_read_as_it_is(tmp_path: Path) -> None:
    """Who only looks at a journal of an earlier version brings it to no other, and sees all its entries."""
    path = tmp_path / "journal"
    connection = open_journal_file(path, MIGRATIONS[:1])
    connection.execute(
        "INSERT INTO entry (key, keyed, operation, fingerprint, state, at, pictures, paths, owner) "
        "VALUES ('sku-1', 1, 'model-alternation', 'f', 'planned', 1.5, 2, '[]', 'nobody')"
    )
    connection.close()
    with read_journal(path) as reader:
        (entry,) = reader.entries()
        assert (entry.key, entry.pictures, entry.request, entry.source) == ("sku-1", 2, None, None)
        assert reader.entry("sku-1") == entry
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


async def test_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    """Half a migration would be a file of no version at all."""
    path = tmp_path / "journal"
    await filled(path, 3)
    with pytest.raises(JournalError, match="no such table: nowhere"):
        open_journal_file(path, [*MIGRATIONS, "ALTER TABLE entry ADD COLUMN n INTEGER; DROP TABLE nowhere"])
    connection = open_journal_file(path)
    assert "n" not in [row[1] for row in connection.execute("PRAGMA table_info(entry)")]
    connection.close()


async def test_damaged_header_is_told(tmp_path: Path) -> None:
    """And the file is left as it is, for whoever mends it."""
    path = tmp_path / "journal"
    await filled(path, 50)
    content = b"\0" * 40 + path.read_bytes()[40:]
    path.write_bytes(content)
    await refused(path, "is no SQLite database, or its beginning is damaged")
    assert path.read_bytes() == content


async def test_damaged_page_is_told(tmp_path: Path) -> None:
    """Pages in the middle are looked at before they are needed."""
    path = tmp_path / "journal"
    await filled(path, 200)
    content = bytearray(path.read_bytes())
    content[5 * 4096 : 8 * 4096] = b"\xa5" * (3 * 4096)
    path.write_bytes(content)
    await refused(path, "is damaged")
    assert path.read_bytes() == bytes(content)


async def test_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    """As by a disk that was full when it was copied."""
    path = tmp_path / "journal"
    await filled(path, 200)
    path.write_bytes(path.read_bytes()[: 6 * 4096])
    await refused(path, "damaged")


async def test_folder_or_missing_folder_is_told(tmp_path: Path) -> None:
    """No folder is made, and none is taken for a file."""
    await refused(tmp_path, "is a folder; name a file in it")
    await refused(tmp_path / "missing" / "journal", "its folder is missing; make it first")
    await refused(tmp_path / ("x" * 300), "cannot be used")
    with pytest.raises(JournalError, match="there is no journal"):
        read_journal(tmp_path / "journal")
    assert names(tmp_path) == []


@pytest.fixture
def locked_folder(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Yield what takes the right to write away from the folder."""
    yield lambda: tmp_path.chmod(0o500)
    tmp_path.chmod(0o700)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes wherever it likes")
async def test_read_only_folder_is_told(tmp_path: Path, locked_folder: Callable[[], None]) -> None:
    """Neither a new journal nor an old one can be used there; the old one can be read."""
    path = tmp_path / "journal"
    await filled(path)
    locked_folder()
    await refused(path, "cannot be used")
    await refused(tmp_path / "new", "cannot be used")
    with read_journal(path) as reader:
        assert len(list(reader.entries())) == 1
        assert not reader.stale


async def test_read_only_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SQLite may only read, the last step of opening finds out."""
    path = tmp_path / "journal"
    await filled(path)
    connect = schema.connect
    monkeypatch.setattr(schema, "connect", lambda path, _: connect(path, "mode=ro"))
    await refused(path, "readonly database.: the file, its folder or its file system is read-only")


async def test_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By SQLite's own limit on pages, which is told as a full disk is."""
    path = tmp_path / "journal"
    connect = schema.connect

    def small(path: Path, mode: str) -> sqlite3.Connection:
        connection = connect(path, mode)
        connection.execute("PRAGMA max_page_count = 2")
        return connection

    monkeypatch.setattr(schema, "connect", small)
    await refused(path, "the disk is full; make room")


async def test_file_that_another_process_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while; it may be a program that looks at it and never ends."""
    path = tmp_path / "journal"
    monkeypatch.setattr(schema, "_BUSY_SECONDS", 0.1)
    connection = open_journal_file(path)
    connection.execute("BEGIN IMMEDIATE")
    await refused(path, "another process has held it for")
    connection.close()


async def test_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a file is made there."""
    monkeypatch.setattr(schema, "network_kind", lambda path: mounts.network_kind(path, tmp_path / "table"))
    share = tmp_path / "a share"
    share.mkdir()
    mount = str(share).replace(" ", r"\040")
    (tmp_path / "table").write_text(f"1 2 0:3 / / rw - ext4 d rw\n3 1 0:4 / {mount} rw - nfs4 h:/x rw\n")
    await refused(share / "journal", r"lies on a network file system \(nfs4\), where locks do not hold; use a local")
    assert names(share) == []


def test_switch_to_the_log_waits_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite does not wait there by itself; another process that opens the file at the same moment is no trouble."""

    class Busy:
        """Stand for a connection to a file that others hold."""

        def __init__(self, times: int, code: int = sqlite3.SQLITE_BUSY) -> None:
            self.times, self.code = times, code

        def execute(self, _: str) -> None:
            """Be busy so many times."""
            self.times -= 1
            if self.times >= 0:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = self.code
                raise error

    busy: Any = Busy(2)
    schema._go_to_wal(busy)
    assert busy.times == -1
    broken: Any = Busy(1, sqlite3.SQLITE_IOERR)
    with pytest.raises(sqlite3.OperationalError):
        schema._go_to_wal(broken)
    monkeypatch.setattr(schema, "_BUSY_SECONDS", 0.0)
    forever: Any = Busy(2)
    with pytest.raises(sqlite3.OperationalError):
        schema._go_to_wal(forever)


async def test_lock_file_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, others would take us for dead."""

    def refuse(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aidge_async._io.opening.Owner", refuse)
    await refused(tmp_path / "journal", r"cannot be used \(No space left on device\)")


async def test_reader_tells_what_it_cannot_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it fails in the usual way or in the one for read-only file systems."""
    path, connect = tmp_path / "journal", schema.connect
    await filled(path)
    for fails in ({"mode=ro", "immutable=1"}, {"mode=ro"}):

        def refuse(path: Path, mode: str, fails: set[str] = fails) -> sqlite3.Connection:
            if mode in fails and len(fails) == 2:
                raise sqlite3.OperationalError("made up")
            if mode in fails:
                raise sqlite3.DatabaseError("made up")
            return connect(path, mode)

        monkeypatch.setattr(schema, "connect", refuse)
        with pytest.raises(JournalError, match="made up"):
            read_journal(path)


def test_processes_that_open_it_at_once_make_one_file(tmp_path: Path) -> None:
    """The first of them makes the tables, and none fails because of another."""
    path, troubles = tmp_path / "journal", []

    def opened() -> None:
        try:
            open_journal_file(path).close()
        except JournalError as error:
            troubles.append(error)

    threads = [threading.Thread(target=opened) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    open_journal_file(path).close()


async def test_journal_is_for_one_account(tmp_path: Path) -> None:
    """The first that buys with it; another is refused by name, and whoever only looks or decides is not."""
    path = tmp_path / "journal"
    for holder in (None, "one (global)", "one (global)", None):
        async with SqliteJournal(path, holder=holder) as journal:
            assert await journal.list() == []
    words = r"holds what the account one \(global\) bought, and this is the account two \(china\); name another file"
    other = SqliteJournal(path, holder="two (china)")
    with pytest.raises(JournalError, match=words):
        await other.open()
    assert names(tmp_path) == ["journal"]


def test_accounts_that_begin_a_journal_at_once_agree_whose_it_is(tmp_path: Path) -> None:
    """One of them has it, and all others are told whose it is."""
    path, found = tmp_path / "journal", []

    def claim(holder: str) -> None:
        connection = open_journal_file(path)
        found.append(sqlite_rows.claim(connection, holder))
        connection.close()

    threads = [threading.Thread(target=claim, args=(f"account {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
