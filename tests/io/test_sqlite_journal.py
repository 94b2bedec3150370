"""What only the journal on disk does: it outlives its process, takes over from the dead, and can be looked at."""

import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from aidge_async._core.lifecycle import DECISIONS, TRANSITIONS, State
from aidge_async._core.source import Source
from aidge_async._io import schema, sqlite_rows
from aidge_async._io.spool import Spool
from aidge_async._io.sqlite_journal import SqliteJournal
from aidge_async._io.sqlite_reader import read_journal
from aidge_async.errors import JournalError, TakenError
from tests.io.journals import NOW, OTHER_TASK, TASK, bring, entry, followed_by, names, sqlite_journal, way_to


@pytest.mark.parametrize("state", list(State))
async def test_journal_outlives_its_process(tmp_path: Path, state: State) -> None:
    """Each state is found as it was left, but for what was being sent, which is in doubt; key or no key."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as journal:
        keyed = await bring(journal, state)
        own = await bring(journal, state, keyed=False, key="sku/2", token="aidge1.2")
    async with sqlite_journal(path) as journal:
        adopted = await journal.adopt()
        if state is State.SENDING:
            assert [found.state for found in adopted] == [State.IN_DOUBT, State.IN_DOUBT]
            assert adopted[0].at == NOW
        else:
            assert await journal.find("sku/1") == keyed
            assert adopted == ([keyed, own] if state is State.ACCEPTED else [])  # these have no folder
        assert await followed_by(journal) == (adopted if state is State.ACCEPTED else [])


async def test_dead_are_taken_over_once(tmp_path: Path) -> None:
    """Of two that live, one follows the tasks of the third."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as one, sqlite_journal(path) as other:
        async with sqlite_journal(path) as third:
            await bring(third, State.ACCEPTED)
            await bring(third, State.SENDING, key="sku/2")
            assert await one.adopt() == []
            assert await followed_by(one) == []
        assert [found.key for found in await one.adopt()] == ["sku/1", "sku/2"]
        assert await one.adopt() == await other.adopt() == []
        assert await followed_by(other) == []
        assert [found.key for found in await followed_by(one)] == ["sku/1"]


async def test_unsaved_pictures_of_the_dead_are_taken_over_once(tmp_path: Path) -> None:
    """What succeeded and is not saved in its folder goes to one of the living; what is saved or has none, to nobody."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as one, sqlite_journal(path) as other:
        async with sqlite_journal(path) as third:
            unsaved = await bring(third, State.SUCCEEDED, folder="out")
            await bring(third, State.SUCCEEDED, key="saved", folder="out", token="aidge1.2")
            await third.note_saved("aidge1.2", ["out/a.png"])
            await bring(third, State.SUCCEEDED, key="no folder", token="aidge1.3")
            await bring(third, State.FAILED, key="failed", folder="out", token="aidge1.4")
            assert await one.adopt() == []  # its process lives, and may be saving it
        assert await one.adopt() == [unsaved]
        assert await one.adopt() == await other.adopt() == []
    async with sqlite_journal(path) as heir:
        assert await heir.adopt() == [unsaved]
        await heir.note_saved(TASK["token"], ["out/a.png"])
    async with sqlite_journal(path) as last:
        assert await last.adopt() == []


async def test_late_answer_follows_a_doubt_whoever_brings_it(tmp_path: Path) -> None:
    """Though the row is another's by then."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as one, sqlite_journal(path) as other:
        await bring(one, State.IN_DOUBT)
        await other.record(entry(State.ACCEPTED))
        assert await followed_by(other) == [entry(State.ACCEPTED)]
        assert await followed_by(one) == []


async def test_refused_key_is_bought_by_one(tmp_path: Path) -> None:
    """Two that found it refused both plan it anew: the second must not make a plan of what the first is sending."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as one, sqlite_journal(path) as other:
        await bring(one, State.REFUSED)
        for state in (State.PLANNED, State.SENDING):
            await one.record(entry(state))
        for state in (State.PLANNED, State.SENDING):
            with pytest.raises(TakenError, match="as sending, which"):
                await other.record(entry(state))
        await one.record(entry(State.ACCEPTED))
        assert await other.find("sku/1") == entry(State.ACCEPTED)


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize("after", list(State))
async def test_person_decides_what_nobody_works_on(tmp_path: Path, before: State, after: State) -> None:
    """By the table; what is being sent is its sender's, and only three states are a person's to give."""
    async with sqlite_journal(tmp_path / "journal") as journal:
        recorded = await bring(journal, before)
        task = OTHER_TASK if after is State.ACCEPTED else {}
        if before is State.SENDING or after not in DECISIONS & TRANSITIONS[before]:
            words = f"holds 'sku/1' as {before.value}, and nobody can make that {after.value}; leave it as it is"
            with pytest.raises(JournalError, match=words):
                await journal.resolve("sku/1", after, **task)
            assert await journal.find("sku/1") == recorded
            return
        decided = await journal.resolve("sku/1", after, **task)
        assert await journal.find("sku/1") == decided
        assert (decided.state, decided.at, decided.reason) == (after, NOW, "decided by a person")
        assert (decided.token, decided.pictures) == (task.get("token"), 2)


async def test_person_decides_on_what_the_dead_left(tmp_path: Path) -> None:
    """It is in doubt at once; a key that is not there is told."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as journal:
        await bring(journal, State.SENDING)
    async with sqlite_journal(path) as journal:
        with pytest.raises(JournalError, match="holds nothing under 'sku/2'"):
            await journal.resolve("sku/2", State.PLANNED)
        assert (await journal.resolve("sku/1", State.PLANNED)).state is State.PLANNED
        await journal.record(entry(State.SENDING))


async def test_transitions_are_numbered_in_their_order(tmp_path: Path) -> None:
    """Over all keys and over restarts: a later change has a higher number, and none is given twice."""
    path, keys = tmp_path / "journal", ["a", "b", "a", "c", "b"]
    for key in keys:
        async with sqlite_journal(path) as journal:
            found = await journal.find(key)
            steps = way_to(State.FAILED) if found is None else way_to(State.FAILED)[:2]
            for step in steps:
                await journal.record(entry(step, key=key, token=f"aidge1.{key}" if step is State.ACCEPTED else None))
    with read_journal(path) as reader:
        changes = [change for key in "abc" for change in reader.transitions(key)]
        assert reader.transitions("d") == []
        first = reader.transitions("a")
    assert sorted(change.seq for change in changes) == list(range(1, len(changes) + 1))
    assert [(change.before, change.after) for change in first[:5]] == [
        (None, State.PLANNED),
        (State.PLANNED, State.SENDING),
        (State.SENDING, State.ACCEPTED),
        (State.ACCEPTED, State.FAILED),
        (State.FAILED, State.PLANNED),
    ]
    assert [change.seq for change in first] == sorted(change.seq for change in first)
    assert first[2].token == "aidge1.a"


async def test_entries_are_listed_by_key_page_by_page(tmp_path: Path) -> None:
    """All of them, or those in a state; the reader sees what the journal sees, while it writes."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as journal:
        for number in range(7):
            await bring(journal, State.IN_DOUBT if number % 2 else State.REFUSED, key=f"k{number}")
        assert [found.key for found in await journal.list()] == [f"k{number}" for number in range(7)]
        assert [found.key for found in await journal.list(State.IN_DOUBT, limit=2)] == ["k1", "k3"]
        assert [found.key for found in await journal.list(State.IN_DOUBT, after="k3")] == ["k5"]
        with read_journal(path) as reader:
            assert list(reader.entries()) == await journal.list()
            assert [found.key for found in reader.entries(State.REFUSED)] == ["k0", "k2", "k4", "k6"]
            await bring(journal, State.IN_DOUBT, key="new")
            assert reader.entry("new") == await journal.find("new")
            assert reader.entry("none") is None
            assert repr(reader) == f"<JournalReader '{path}'>"


async def test_long_list_is_read_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each entry comes once, wherever a page ends."""
    monkeypatch.setattr("aidge_async._io.sqlite_reader._PAGE", 3)
    async with sqlite_journal(tmp_path / "journal") as journal:
        for number in range(6):
            await bring(journal, State.PLANNED, key=f"k{number}")
            with read_journal(tmp_path / "journal") as reader:
                assert len(list(reader.entries())) == number + 1


async def test_reader_changes_nothing(tmp_path: Path) -> None:
    """Not even where it might."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as journal:
        await bring(journal, State.ACCEPTED)
    content = path.read_bytes()
    with read_journal(path) as reader:
        assert list(reader.entries()) == [entry(State.ACCEPTED)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM entry")
    assert path.read_bytes() == content


async def test_reader_says_what_it_cannot_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a read-only file system SQLite cannot read the latest changes, where they were left in a file beside it."""
    path, connect = tmp_path / "journal", schema.connect

    def refuse(path: Path, mode: str) -> sqlite3.Connection:
        if mode == "mode=ro":
            raise sqlite3.OperationalError("unable to open database file")
        return connect(path, mode)

    async with sqlite_journal(path) as journal:
        await bring(journal, State.ACCEPTED)
    async with sqlite_journal(path) as journal:
        await journal.settle(TASK["token"], State.SUCCEEDED)
        monkeypatch.setattr(schema, "connect", refuse)
        with read_journal(path) as reader:
            assert reader.stale
            assert repr(reader).endswith(", stale>")
            assert list(reader.entries()) == [entry(State.ACCEPTED)]
    with read_journal(path) as reader:
        assert not reader.stale
        assert [found.state for found in reader.entries()] == [State.SUCCEEDED]


async def test_damage_met_while_reading_is_told(tmp_path: Path) -> None:
    """A reader looks at no page before it is asked for."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as journal:
        for number in range(200):
            await journal.record(entry(State.SENDING, key=f"{number:05}" + "x" * 300))
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = b"\xa5" * (len(content) - 4096 * 2)
    path.write_bytes(content)
    with read_journal(path) as reader:
        for ask in (lambda: list(reader.entries()), lambda: reader.entry("00001"), lambda: reader.transitions("0")):
            with pytest.raises(JournalError, match="is damaged; keep a copy"):
                ask()


async def test_what_was_learned_outlives_the_process(tmp_path: Path) -> None:
    """By name; nothing where nothing was learned."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as journal:
        assert await journal.recall("rate") is None
        await journal.remember("rate", {"submit": 1.5, "seen": [1, None, "ä"]})
        await journal.remember("rate", {"submit": 2.5, "seen": [1, None, "ä"]})
    async with sqlite_journal(path) as journal:
        assert await journal.recall("rate") == {"submit": 2.5, "seen": [1, None, "ä"]}


async def test_closed_journal_says_so(tmp_path: Path) -> None:
    """Before it was opened and after it was closed; it can be opened again, not twice at once."""
    journal = sqlite_journal(tmp_path / "journal")
    for _ in range(2):
        with pytest.raises(JournalError, match="is not open; open it first"):
            await journal.find("sku/1")
        async with journal:
            assert await journal.find("sku/1") is None
            assert "jobs waiting" in repr(journal)
            with pytest.raises(JournalError, match="is open already"):
                await journal.open()
    await journal.aclose()
    assert repr(journal) == f"<SqliteJournal '{tmp_path / 'journal'}', closed>"


async def test_trouble_while_it_is_open_is_a_journal_error(tmp_path: Path) -> None:
    """With the cause in words; the row is not recorded, and later ones are."""
    async with sqlite_journal(tmp_path / "journal") as journal:
        (pages,) = await journal._do(lambda connection: connection.execute("PRAGMA page_count").fetchone())
        limit = f"PRAGMA max_page_count = {pages}"
        await journal._do(lambda connection: connection.execute(limit).fetchone(), writes=False)
        with pytest.raises(JournalError, match=r"cannot be used \(database or disk is full\): the disk is full; make"):
            await journal.record(entry(State.SENDING, key="x" * 9000))
        assert await journal.list() == []
        await journal.record(entry(State.SENDING))
        assert await journal.list() == [entry(State.SENDING)]


@pytest.mark.slow
async def test_ten_thousand_rows_are_recovered_in_a_second(tmp_path: Path) -> None:
    """Opened, looked at, adopted and read: a thousandth of that on a quiet machine; the bar is with benchmarks."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as journal:

        def fill(connection: sqlite3.Connection) -> None:
            for number in range(10_000):
                state = State.ACCEPTED if number % 10 else State.SENDING
                journal._record(connection, entry(state, key=f"{number}", token=f"aidge1.{number}"), None)

        await journal._do(fill)
    begun = time.perf_counter()
    async with SqliteJournal(path) as journal:
        adopted = await journal.adopt()
        followed = await followed_by(journal)
        took = time.perf_counter() - begun
        assert (len(adopted), len(followed)) == (10_000, 9_000)
        assert await journal.spent() == 20_000
    assert took < 5


async def test_questions_of_every_submit_and_second_use_an_index(tmp_path: Path) -> None:
    """What a budget and the look for the dead ask does not read the journal whole."""
    asked: list[str] = []
    async with sqlite_journal(tmp_path / "journal") as journal:

        def work(connection: sqlite3.Connection) -> list[str]:
            connection.set_trace_callback(asked.append)
            sqlite_rows.spent(connection)
            sqlite_rows.owners(connection)
            connection.set_trace_callback(None)
            plans = [connection.execute(f"EXPLAIN QUERY PLAN {question}").fetchall() for question in asked]
            return [str(row[-1]) for plan in plans for row in plan]

        told = " ".join(await journal._do(work))
    assert "INDEX transition_again" in told
    assert "INDEX entry_open" in told
    assert "INDEX entry_unsaved" in told


async def test_nobody_plans_while_the_spool_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is needed and what is swept are of one moment, or an image could go that was planned in between."""
    path, told = tmp_path / "journal", list[str]()
    async with sqlite_journal(path):
        pass

    def sweep(*_: object) -> None:
        connection = sqlite3.connect(path, timeout=0)
        with contextlib.closing(connection):
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as exc:
                told.append(str(exc))

    monkeypatch.setattr(Spool, "sweep", sweep)
    async with sqlite_journal(path):
        pass
    assert told == ["database is locked"]


async def test_journal_that_cannot_be_opened_is_left_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds no lock, so what it had adopted is adopted by the next."""

    def sweep(*_: object) -> None:
        raise PermissionError(13, "made-up trouble")

    monkeypatch.setattr(Spool, "sweep", sweep)
    journal = sqlite_journal(tmp_path / "journal")
    with pytest.raises(JournalError, match="made-up trouble"):
        await journal.open()
    assert names(tmp_path, "*-owner-*") == []
    assert "closed" in repr(journal)


async def test_decision_is_on_disk_before_its_image_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the commit failed the other way round, the doubt would stand and could not be sent again."""
    path, seen = tmp_path / "journal", list[State]()

    def drop(*_: object) -> None:
        with read_journal(path) as reader:
            seen.extend(found.state for found in reader.entries())

    async with sqlite_journal(path) as journal:
        await journal.plan(entry(State.PLANNED, source=Source.of(b"photo").text()), b"photo")
        for state in (State.SENDING, State.IN_DOUBT):
            await journal.record(entry(state))
        monkeypatch.setattr(Spool, "drop", drop)
        await journal.resolve("sku/1", State.ABANDONED)
    assert seen == [State.ABANDONED]
