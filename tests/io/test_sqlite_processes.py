"""Several real processes on one journal: one task a key, nothing forgotten of those that die."""

import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from aidge_async._core.lifecycle import State
from aidge_async._io.sqlite_reader import read_journal
from tests.io.journal_process import process
from tests.io.journals import entry, followed_by, names, sqlite_journal

DIED = "the process that was sending it ended before an answer was recorded"


async def test_killed_while_sending_is_in_doubt(tmp_path: Path) -> None:
    """SIGKILL between the intent and the answer: the next process finds the doubt, and nothing else is changed."""
    path = tmp_path / "journal"
    with process(path, "walk", "a") as child:
        assert child.said() == "open"
        child.go_on()
        assert child.said() == "sending"
        child.kill()
    async with sqlite_journal(path) as journal:
        assert [(found.key, found.state, found.reason) for found in await journal.adopt()] == [
            ("a", State.IN_DOUBT, DIED)
        ]
        assert await journal.adopt() == []
        found = await journal.find("a")
        assert found is not None
        assert found.state is State.IN_DOUBT
        assert await journal.spent() == 2
        with read_journal(path) as reader:
            assert [step.after for step in reader.transitions("a")] == [State.SENDING, State.IN_DOUBT]
    assert names(tmp_path, "*-owner-*") == []


async def test_killed_after_acceptance_is_followed_by_another(tmp_path: Path) -> None:
    """A living process adopts the task of one that died beside it, and follows it."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as journal:
        with process(path, "walk", "a") as child:
            for said in ("open", "sending", "accepted"):
                assert child.said() == said
                if said != "accepted":
                    child.go_on()
            assert await journal.adopt() == []
            assert await followed_by(journal) == []
            child.kill()
        (adopted,) = await journal.adopt()
        assert (adopted.state, adopted.token, adopted.task_id) == (State.ACCEPTED, "aidge1.a", "aaaaaaaa")
        assert await followed_by(journal) == [adopted]


@pytest.mark.slow
async def test_find_waits_for_what_another_process_is_sending(tmp_path: Path) -> None:
    """Until there is a task, which is then everybody's."""
    path = tmp_path / "journal"
    tokens: list[str | None] = []
    async with sqlite_journal(path) as journal:
        with process(path, "walk", "a") as child:
            assert child.said() == "open"
            child.go_on()
            assert child.said() == "sending"

            async def find() -> None:
                found = await journal.find("a")
                tokens.append(None if found is None else found.token)

            async with anyio.create_task_group() as group:
                group.start_soon(find)
                await anyio.sleep(0.1)
                assert tokens == []
                child.go_on()
                assert await anyio.to_thread.run_sync(child.said) == "accepted"
        assert tokens == ["aidge1.a"]


async def test_find_tells_the_doubt_of_who_died_while_it_waited(tmp_path: Path) -> None:
    """The one that waits adopts the row itself, and does not wait for anybody's periodic look."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as journal:
        with process(path, "walk", "a") as child:
            assert child.said() == "open"
            child.go_on()
            assert child.said() == "sending"
            async with anyio.create_task_group() as group:
                states: list[State | None] = []

                async def find() -> None:
                    found = await journal.find("a")
                    states.append(None if found is None else found.state)

                group.start_soon(find)
                await anyio.sleep(0.05)
                child.kill()
        assert states == [State.IN_DOUBT]
        assert [found.key for found in await journal.adopt()] == ["a"]


async def test_what_a_living_process_is_sending_is_nobody_elses(tmp_path: Path) -> None:
    """Not planned again, not refused, not in doubt by another; another's late task id is put aside."""
    path = tmp_path / "journal"
    async with sqlite_journal(path) as journal, sqlite_journal(path) as other:
        await journal.record(entry(State.SENDING))
        for state in (State.PLANNED, State.IN_DOUBT, State.REFUSED, State.SENDING):
            with pytest.raises(Exception, match="another caller uses the same key"):
                await other.record(entry(state))
        with pytest.raises(Exception, match="nobody can make that planned"):
            await other.resolve("sku/1", State.PLANNED)
        await other.record(entry(State.ACCEPTED))
        assert (await journal.find("sku/1")) == entry(State.SENDING)
        await journal.record(entry(State.IN_DOUBT))
        assert [found.key for found in await followed_by(other)] == ["sku/1~01234567"]


@pytest.mark.slow
def test_same_keys_in_several_processes_are_bought_once(tmp_path: Path) -> None:
    """Four processes that want the same forty pictures at once buy forty, and all learn the same task ids."""
    path, ledger = tmp_path / "journal", tmp_path / "ledger"
    keys = [f"key{number}" for number in range(40)]
    with ExitStack() as stack:
        children = [stack.enter_context(process(path, "race", ledger, ",".join(keys))) for _ in range(4)]
        assert [child.said() for child in children] == ["open"] * 4
        for child in children:
            child.go_on()
        told = [child.said().split() for child in children]
    assert told == [[f"aidge1.{key}" for key in keys]] * 4
    assert Counter(ledger.read_text(encoding="ascii").split()) == dict.fromkeys(keys, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="the limit on a file's size is one of POSIX")
@pytest.mark.slow
async def test_disk_that_fills_up_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """The record that does not fit fails with the cause; all before it are kept, and the file is sound."""
    path = tmp_path / "journal"
    with process(path, "fill") as child:
        assert "is full" in (said := child.said()), said
        assert said.startswith(f"the journal '{path}' cannot be used (")
        child.go_on()
        recorded, kept = child.said().split()
        assert recorded == kept
        child.go_on()
    async with sqlite_journal(path) as journal:
        assert len(await journal.list()) == int(kept) > 0
        assert len(await journal.adopt()) == int(kept)
