"""Pacing that processes share through one file: together they are one process, whatever becomes of each."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from aidge_async._core.call import Call, Content
from aidge_async._io import shared_pace, shared_rows
from aidge_async._io.schema import MIGRATIONS, open_journal_file
from aidge_async._io.shared_knowledge import snapshot
from aidge_async._io.shared_pace import SharedPace
from aidge_async._io.sqlite_writer import Work
from aidge_async.errors import JournalError
from aidge_async.testing import virtual_backend
from aidge_async.tuning import Limits

SUBMIT = Call(kind="submit", path="/submit", content=Content(b"{}"))
QUERY = Call(kind="query", path="/query", content=Content(b"{}"))
SCOPE = "account eu"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run in virtual time."""
    return virtual_backend(request.param)


class PromptWriter:
    """Works on the file at once and in the event loop: virtual time knows no threads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    async def do(self, work: Work[Any], **_: object) -> Any:
        """Work in a transaction, after others had their turn."""
        await anyio.lowlevel.checkpoint()
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            found = work(self.connection)
            self.connection.execute("COMMIT")
            return found
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    async def aclose(self) -> None:
        """Close the file."""
        self.connection.close()


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a journal that is worked on in virtual time."""
    path = tmp_path / "journal"
    open_journal_file(path).close()

    async def at_once(function: Any, *args: Any) -> Any:
        return function(*args)

    monkeypatch.setattr(anyio.to_thread, "run_sync", at_once)
    monkeypatch.setattr(shared_pace, "SqliteWriter", PromptWriter)
    return path


def common_clock() -> float:
    """Return the time of a machine that started long before the event loop."""
    return anyio.current_time() + 1000.0


@asynccontextmanager
async def process(path: Path, limits: Limits, scope: str = SCOPE) -> AsyncIterator[SharedPace]:
    """Be one process that shares the file."""
    shared = SharedPace(path, scope, limits, common_clock)
    await shared.open()
    async with anyio.create_task_group() as group:
        group.start_soon(shared.watch)
        yield shared
        group.cancel_scope.cancel()
    await shared.aclose()


class Starts:
    """Makes calls and notes when each started, by process."""

    def __init__(self) -> None:
        self.by: dict[SharedPace, list[float]] = {}

    async def make(self, shared: SharedPace, call: Call = SUBMIT, latency: float = 0.01) -> None:
        """Make one call, and have it answered."""
        call = attrs.evolve(call)
        permit = await shared.limiter.acquire(call)
        try:
            self.by.setdefault(shared, []).append(anyio.current_time())
            await anyio.sleep(latency)
            shared.limiter.answered(call)
        finally:
            permit.release()

    async def refuse(self, shared: SharedPace, wait: float | None, call: Call = SUBMIT) -> None:
        """Make one call, and have it refused."""
        call = attrs.evolve(call)
        permit = await shared.limiter.acquire(call)
        shared.limiter.refused(call, wait)
        permit.release()

    async def crowd(self, shared: SharedPace, number: int) -> None:
        """Make so many calls at once."""
        async with anyio.create_task_group() as group:
            for _ in range(number):
                group.start_soon(self.make, shared)

    def all(self) -> list[float]:
        """Return the starts of all processes, by time."""
        return sorted(at for starts in self.by.values() for at in starts)


def most_in_a_second(starts: list[float]) -> int:
    """Return the most starts that any half-open second holds."""
    return max(sum(first <= at < first + 1.0 for at in starts) for first in starts)


def rates(*shared: SharedPace) -> list[float | None]:
    """Return at which rate each process submits."""
    return [one.limiter.statistics().paths["/submit"].rate for one in shared]


@pytest.mark.slow
async def test_processes_keep_one_rate_together_and_use_it(journal: Path) -> None:
    """Three that want all they can get start 10 a second between them, not 30; the margin costs 2 % of it."""
    starts, limits = Starts(), Limits(submit_rate=10.0)
    async with process(journal, limits) as a, process(journal, limits) as b, process(journal, limits) as c:  # noqa: SIM117  one line holds no more
        async with anyio.create_task_group() as group:
            for shared in (a, b, c):
                group.start_soon(starts.crowd, shared, 100)
    found = starts.all()
    assert len(found) == 300
    assert most_in_a_second(found) <= 10
    assert found[-1] - found[0] < 300 / 10 * 1.05
    by_half_time = [sum(at < found[150] for at in one) for one in starts.by.values()]
    assert max(by_half_time) <= 1.3 * min(by_half_time)


async def test_one_process_alone_has_the_whole_rate(journal: Path) -> None:
    """Nothing is set aside for others that ask for nothing."""
    starts, limits = Starts(), Limits(submit_rate=10.0)
    async with process(journal, limits) as a, process(journal, limits):
        await starts.crowd(a, 100)
    assert starts.all()[-1] < 100 / 10 * 1.02


async def test_each_start_may_be_late_of_its_turn(journal: Path) -> None:
    """At 50 a second each is 3 ms late, for courtesy; that adds up over a second, not from one to the next."""
    starts, limits = Starts(), Limits(submit_rate=50.0)
    async with process(journal, limits) as a:
        await starts.crowd(a, 500)
    assert starts.all()[-1] < 500 / 50 * 1.02


async def test_total_rate_is_shared_too(journal: Path) -> None:
    """Submits of one process and queries of another keep it together."""
    starts, limits = Starts(), Limits(submit_rate=None, query_rate=None, total_rate=5.0)
    async with process(journal, limits) as a, process(journal, limits) as b, anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(starts.make, a, SUBMIT)
            group.start_soon(starts.make, b, QUERY)
    assert most_in_a_second(starts.all()) <= 5


async def test_other_accounts_have_limits_of_their_own(journal: Path) -> None:
    """The same file may serve several accounts."""
    starts, limits = Starts(), Limits(submit_rate=1.0)
    async with process(journal, limits) as a, process(journal, limits, "another eu") as b:
        await starts.make(a)
        await starts.make(b)
    assert starts.all()[-1] < 0.5


async def test_refusal_of_one_process_holds_and_slows_all(journal: Path) -> None:
    """Nobody starts for as long as the gateway told one of them, and all go on at the same lower rate."""
    starts, limits = Starts(), Limits(submit_rate=10.0)
    async with process(journal, limits) as a, process(journal, limits) as b:
        await starts.make(b)
        await starts.refuse(a, 7.0)
        refused_at = anyio.current_time()
        await starts.make(b)
        assert anyio.current_time() >= refused_at + 7.0
        await starts.make(a)
        slower, same = rates(a, b)
        assert slower == same
        assert slower is not None
        assert slower < 10.0


async def test_rate_is_learned_by_all_from_all(journal: Path) -> None:
    """Tries of one process are tries of all, so all find the same."""
    starts, limits = Starts(), Limits(submit_rate="learn", in_flight=100)
    async with process(journal, limits) as a, process(journal, limits) as b:
        async with anyio.create_task_group() as group:
            group.start_soon(starts.crowd, a, 100)
            group.start_soon(starts.crowd, b, 100)
        await anyio.sleep(30)
        higher, same = rates(a, b)
    assert higher == same
    assert higher is not None
    assert higher > 8.0


async def test_what_was_found_outlives_the_processes(journal: Path) -> None:
    """Whoever opens the file next begins at the lowered rate, holds what is held, and knows the last starts."""
    starts, limits = Starts(), Limits(submit_rate=10.0)
    async with process(journal, limits) as a:
        await starts.crowd(a, 20)
        await starts.refuse(a, 5.0)
        refused_at = anyio.current_time()
        await anyio.sleep(0.1)
        slower = rates(a)
    async with process(journal, limits) as b:
        assert rates(b) == slower
        await starts.make(b)
        assert anyio.current_time() >= refused_at + 5.0


async def test_killed_process_loses_nothing(journal: Path) -> None:
    """What it told is in the file before its next call starts; no closing is needed."""
    starts, limits = Starts(), Limits(submit_rate=10.0)
    a = SharedPace(journal, SCOPE, limits, common_clock)
    await a.open()
    await starts.refuse(a, 50.0)
    await a._exchange()
    async with process(journal, limits) as b:
        assert rates(b) == rates(a)
        await starts.make(b)
        assert anyio.current_time() >= 49.0


async def test_call_of_a_killed_process_counts_as_lost_in_the_end(journal: Path) -> None:
    """Nobody waits for ever for an answer to it, and its try ends."""
    limits = Limits(submit_rate=10.0)
    a = SharedPace(journal, SCOPE, limits, common_clock)
    await a.open()
    await a.limiter.acquire(attrs.evolve(SUBMIT))
    async with process(journal, limits) as b:
        assert "1 calls under way" in repr(b)
        await anyio.sleep(200)
        assert "0 calls under way" in repr(b)


async def test_cancelled_waiters_take_nothing(journal: Path) -> None:
    """A hundred that give up leave the rate to the one who waits."""
    starts, limits = Starts(), Limits(submit_rate=1.0)
    async with process(journal, limits) as a, process(journal, limits) as b:
        await starts.make(a)
        with anyio.move_on_after(0.5):
            await starts.crowd(a, 100)
        await starts.make(b)
        assert anyio.current_time() < 1.2
    assert a.limiter.statistics().total.in_flight == 0


async def test_start_that_was_written_for_one_who_was_cancelled_is_told_as_lost(journal: Path) -> None:
    """It is charged, for nobody knows, and its place in flight comes back."""
    limits = Limits(submit_rate=1.0, in_flight=1)
    async with process(journal, limits) as a:
        with anyio.CancelScope() as scope:
            call = attrs.evolve(SUBMIT)
            scope.cancel()
            permit = await a.limiter.acquire(call)
            permit.release()
        await anyio.sleep(0.1)
        assert "0 calls under way" in repr(a)
        assert a.limiter.statistics().total.in_flight == 0


async def test_file_that_cannot_be_written_leaves_each_to_itself(
    journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls go on at the rate, and a warning says that it is not shared."""
    starts, limits = Starts(), Limits(submit_rate=5.0)
    async with process(journal, limits) as a:
        await starts.make(a)
        call = attrs.evolve(SUBMIT)
        permit = await a.limiter.acquire(call)
        connection = sqlite3.connect(journal)
        connection.execute("DROP TABLE pace_event")
        connection.close()
        a.limiter.refused(call, 3.0)
        permit.release()
        begun = anyio.current_time()
        await anyio.sleep(0.01)
        await starts.crowd(a, 10)
        assert anyio.current_time() - begun >= 3.0 + 10 / 5.0 - 0.5
    assert most_in_a_second(starts.all()) <= 5
    assert "pace.unshared" in caplog.text


async def test_times_of_an_earlier_start_of_the_machine_are_forgotten(journal: Path) -> None:
    """Its clock begins anew, so starts may lie in the future; nobody waits for that."""
    starts, limits = Starts(), Limits(submit_rate=1.0)
    async with process(journal, limits) as a:
        await starts.make(a)
    connection = sqlite3.connect(journal)
    connection.execute("UPDATE pace_event SET at = at + 1e6")
    connection.execute("UPDATE pace SET at = at + 1e6")
    connection.commit()
    connection.close()
    async with process(journal, limits) as b:
        before = anyio.current_time()
        await starts.make(b)
        assert anyio.current_time() - before < 0.5


@pytest.mark.parametrize(
    "value",
    [
        "no JSON",
        "[]",
        '{"version": 2}',
        '{"version": 1}',
        '{"version": 1, "paces": [{"kind": "submit", "path": 7}]}',
        '{"version": 1, "paces": [{"kind": "submit", "path": "/submit", "held": 0, "ceiling": 10.0, "known": "x"}]}',
    ],
)
async def test_odd_checkpoint_is_left_out(journal: Path, value: str) -> None:
    """Whatever it is, the configured rate is begun with."""
    limits = Limits(submit_rate=10.0)
    connection = sqlite3.connect(journal)
    connection.execute("INSERT INTO pace VALUES (?, 0, 1.0, ?)", (SCOPE, value))
    connection.commit()
    connection.close()
    async with process(journal, limits) as a:
        await Starts().make(a)
        assert rates(a) == [10.0]


async def test_rate_found_under_a_total_is_recalled(journal: Path) -> None:
    """The total's own as well as the paths'."""
    starts, limits = Starts(), Limits(submit_rate=None, query_rate=None, total_rate=10.0)
    async with process(journal, limits) as a:
        await starts.make(a, QUERY)
        await starts.refuse(a, None)
    async with process(journal, limits) as b:
        assert b.limiter.statistics().total.rate == a.limiter.statistics().total.rate
        assert b.limiter.statistics().total.rate != 10.0


async def test_old_happenings_are_forgotten(journal: Path) -> None:
    """The file does not grow with every call that is made."""
    starts, limits = Starts(), Limits(submit_rate=10.0)
    async with process(journal, limits) as a:
        await starts.crowd(a, 50)
        await anyio.sleep(300)
    connection = sqlite3.connect(journal)
    assert connection.execute("SELECT count(*) FROM pace_event").fetchone() == (0,)
    assert json.loads(connection.execute("SELECT value FROM pace").fetchone()[0])["version"] == 1
    connection.close()


async def test_no_checkpoint_while_a_rate_is_tried(journal: Path) -> None:
    """What proves nothing yet is not kept."""
    limits = Limits(submit_rate="learn", in_flight=100)
    async with process(journal, limits) as a, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(Starts().make, a, SUBMIT, 10.0)
        await anyio.sleep(5)
        assert snapshot(a._paces(), anyio.current_time()) is None


async def test_missing_file_is_told(tmp_path: Path) -> None:
    """As trouble with the journal."""
    with pytest.raises(JournalError, match="cannot be used"):
        await SharedPace(tmp_path / "none", SCOPE, Limits()).open()


async def test_closing_what_is_not_open_is_nothing(tmp_path: Path) -> None:
    """As after an opening that failed."""
    await SharedPace(tmp_path / "none", SCOPE, Limits()).aclose()


def test_commits_are_not_synced_but_checkpoints_are(tmp_path: Path) -> None:
    """Or a checkpoint by this connection might lose what the journal has synced."""
    path = tmp_path / "journal"
    open_journal_file(path).close()
    connection = shared_rows.open_shared(path)
    asked = ("journal_mode", "synchronous", "checkpoint_fullfsync")
    assert [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked] == ["wal", 1, 1]
    connection.close()


def test_journal_of_the_first_version_gets_the_tables(tmp_path: Path) -> None:
    """With all that it holds."""
    path = tmp_path / "journal"
    connection = open_journal_file(path, MIGRATIONS[:1])
    connection.execute("INSERT INTO learned VALUES ('a', '1')")
    connection.close()
    connection = open_journal_file(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert connection.execute("SELECT * FROM learned").fetchall() == [("a", "1")]
    assert connection.execute("SELECT count(*) FROM pace_event").fetchone() == (0,)
    connection.close()
