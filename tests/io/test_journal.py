"""What every journal does: it follows the table, keeps what may be asked for again, and never drops a task id."""

import itertools
import logging
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aidge_async._core.lifecycle import TRANSITIONS, State
from aidge_async._io.journal import MemoryJournal
from aidge_async.errors import JournalError, TakenError
from aidge_async.ports import Journal
from tests.io.journals import ENTRY, NOW, OTHER_TASK, TASK, bring, entry, followed_by, sqlite_journal, way_to


@pytest.fixture(params=["memory", "sqlite"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    """Open each of the journals."""
    if request.param == "memory":
        yield MemoryJournal(wall_clock=lambda: NOW)
        return
    async with sqlite_journal(tmp_path / "journal") as opened:
        yield opened


async def test_unknown_key_is_not_found(journal: Journal) -> None:
    """Nothing is recorded under it."""
    assert await journal.find("sku/1") is None


async def test_latest_record_is_found(journal: Journal) -> None:
    """With all its fields, under its own key only."""
    last = await bring(journal, State.ACCEPTED, folder="out", pictures=3, reason="none")
    assert await journal.find("sku/1") == last
    assert await journal.find("sku/2") is None


@pytest.mark.parametrize("first", list(State))
async def test_key_begins_planned_sending_or_with_a_task(journal: Journal, first: State) -> None:
    """What has no beginning on record cannot go on, but a task id is taken in any case."""
    if first in {State.PLANNED, State.SENDING, State.ACCEPTED}:
        await journal.record(entry(first))
        assert await journal.find("sku/1") == entry(first)
        return
    with pytest.raises(JournalError, match=rf"holds nothing under 'sku/1' that {first.value} may follow") as caught:
        await journal.record(entry(first))
    assert caught.value.key == "sku/1"
    assert await journal.find("sku/1") is None


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, set(State) - {State.ACCEPTED})))
async def test_journal_follows_the_table_and_nothing_else(journal: Journal, before: State, after: State) -> None:
    """What the table does not allow is refused, and leaves what is recorded."""
    recorded = await bring(journal, before)
    if after in TRANSITIONS[before]:
        await journal.record(entry(after))
        assert await journal.find("sku/1") == entry(after)
        return
    words = rf"^the journal holds 'sku/1' as {before.value}, which {after.value} may not follow now; another caller"
    with pytest.raises(TakenError, match=words) as caught:
        await journal.record(entry(after))
    assert caught.value.key == "sku/1"
    assert await journal.find("sku/1") == recorded


@pytest.mark.parametrize("before", list(State))
async def test_late_task_id_is_recorded_whatever_the_row_says(
    journal: Journal, before: State, caplog: pytest.LogCaptureFixture
) -> None:
    """Under its key where there is room, else as an entry of its own, which is logged."""
    caplog.set_level(logging.WARNING)
    recorded = await bring(journal, before)
    late = entry(State.ACCEPTED, **OTHER_TASK)
    await journal.record(late)
    if State.ACCEPTED in TRANSITIONS[before]:
        assert await journal.find("sku/1") == late
        assert not caplog.messages
        return
    assert await journal.find("sku/1") == recorded
    assert await journal.find("sku/1~98765432") == entry(State.ACCEPTED, key="sku/1~98765432", **OTHER_TASK)
    assert caplog.messages == ["journal.accepted_aside key='sku/1' as='sku/1~98765432' task_id='9876543210'"]


@pytest.mark.parametrize("state", [State.ACCEPTED, State.SUCCEEDED, State.FAILED])
async def test_same_task_is_recorded_once(journal: Journal, state: State) -> None:
    """A record that is repeated because its answer was lost changes nothing."""
    recorded = await bring(journal, state)
    await journal.record(entry(State.ACCEPTED, at=99.0))
    assert await journal.find("sku/1") == recorded
    assert await journal.find("sku/1~01234567") is None


async def test_task_ids_that_begin_alike_each_have_an_entry(journal: Journal) -> None:
    """The short name, then the whole task id, then a number; one that is known is not recorded twice."""
    await bring(journal, State.ACCEPTED)
    for number in [*range(4), 0, 1, 2, 3]:
        task_id = "98765432-same" if number > 1 else f"98765432-{number}"
        await journal.record(entry(State.ACCEPTED, token=f"aidge1.{number}", task_id=task_id))
    aside = {
        "sku/1~98765432": "aidge1.0",
        "sku/1~98765432-1": "aidge1.1",
        "sku/1~98765432-same": "aidge1.2",
        "sku/1~98765432-same~2": "aidge1.3",
    }
    for key, token in aside.items():
        found = await journal.find(key)
        assert found is not None
        assert found.token == token
    assert await journal.spent() == 2 * 5
    assert len(await followed_by(journal)) == 5


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED])
async def test_settled_task_is_followed_no_more(journal: Journal, state: State) -> None:
    """Its end is recorded with the time and the reason, and stays as it is."""
    accepted = await bring(journal, State.ACCEPTED)
    assert await followed_by(journal) == [accepted]
    await journal.settle("aidge1.unknown", state)
    await journal.settle("aidge1.one", state, "because")
    await journal.settle("aidge1.one", State.FAILED, "late news")
    assert await journal.find("sku/1") == entry(state, at=NOW, reason="because")
    assert await followed_by(journal) == []


async def test_saved_pictures_are_noted(journal: Journal) -> None:
    """Paths and time, whatever the state; names that are no UTF-8 too."""
    await bring(journal, State.SUCCEEDED, folder="out/\udcff")
    await journal.note_saved("aidge1.unknown", ["out/b.png"])
    await journal.note_saved("aidge1.one", ["out/a\udcff.png", "out/b.png"])
    wanted = entry(State.SUCCEEDED, folder="out/\udcff", paths=("out/a\udcff.png", "out/b.png"), saved_at=NOW)
    assert await journal.find("sku/1") == wanted


@pytest.mark.parametrize("state", list(State))
async def test_what_may_be_billed_is_spent(journal: Journal, state: State) -> None:
    """A purchase counts from its sending on, unless it was certainly not made; giving a doubt up does not undo it."""
    assert await journal.spent() == 0
    await bring(journal, state)
    assert await journal.spent() == (0 if state in {State.PLANNED, State.REFUSED} else 2)


async def test_abandoned_doubt_that_was_accepted_is_spent_once(journal: Journal) -> None:
    """It is one purchase, whatever a person thought of it; bought again, it is two."""
    for step in (State.SENDING, State.IN_DOUBT, State.ABANDONED, State.ACCEPTED):
        await journal.record(entry(step))
        assert await journal.spent() == 2
    await journal.settle(TASK["token"], State.FAILED)
    for step, spent in ((State.PLANNED, 2), (State.SENDING, 4), (State.IN_DOUBT, 4), (State.PLANNED, 4)):
        await journal.record(entry(step))
        assert await journal.spent() == spent


class Purse:
    """Count what may be billed, by what happens and not by what is recorded."""

    _UNDONE: ClassVar = {
        (State.SENDING, State.PLANNED),
        (State.SENDING, State.REFUSED),
        (State.IN_DOUBT, State.REFUSED),
    }

    def __init__(self) -> None:
        self.purchases = 0
        self.states: dict[str, State] = {}

    def follow(self, key: str, after: State) -> None:
        """Take note of a change: a sending buys, and only who says that certainly nothing was bought takes it back."""
        before = self.states.get(key)
        self.states[key] = after
        if after is State.SENDING or (before is None and after is State.ACCEPTED):
            self.purchases += 1
        elif (before, after) in self._UNDONE:
            self.purchases -= 1

    def options(self, key: str) -> list[State]:
        """Return what may happen next to *key*."""
        before = self.states.get(key)
        after = {State.PLANNED, State.SENDING, State.ACCEPTED} if before is None else TRANSITIONS[before]
        return sorted(after, key=lambda state: state.value)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 11)), min_size=5, max_size=40))
def test_spending_is_counted_alike(steps: list[tuple[str, int]]) -> None:
    """Over any legal story of three keys both journals count what a purse counts that knows of no states."""

    async def tell() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with sqlite_journal(Path(folder) / "journal") as on_disk:
                await tell_story([on_disk, MemoryJournal()], steps)

    anyio.run(tell)


async def tell_story(journals: list[Journal], steps: list[tuple[str, int]]) -> None:
    """Record a story in each journal, and hold after each step that they have counted as the purse has."""
    purse = Purse()
    for number, (key, choice) in enumerate(steps):
        options = purse.options(key)
        if not options:
            continue
        after = options[choice % len(options)]
        task = {"token": f"aidge1.{number}", "task_id": f"{number:08}"} if after is State.ACCEPTED else {}
        for journal in journals:
            await journal.record(entry(after, **{"token": None, "task_id": None, "key": key, **task}))
        purse.follow(key, after)
        assert [await journal.spent() for journal in journals] == [2 * purse.purchases] * 2


async def test_retried_failure_is_spent_twice(journal: Journal) -> None:
    """Whether a failed task is billed is not documented, so a budget counts it and what comes after."""
    await bring(journal, State.FAILED)
    for state in (State.SENDING, State.PLANNED, State.SENDING):
        await journal.record(entry(state))
    assert await journal.spent() == 4
    await journal.record(entry(State.ACCEPTED, **OTHER_TASK))
    await journal.settle("aidge1.one", State.SUCCEEDED)
    assert await followed_by(journal) == [entry(State.ACCEPTED, **OTHER_TASK)]


async def test_failure_is_retried_by_who_saw_it(journal: Journal) -> None:
    """Who looked when another task had failed under the key, or none, is told that somebody else was faster."""
    recorded = await bring(journal, State.FAILED)
    for seen in ("", "aidge1.two"):
        with pytest.raises(TakenError, match="as failed, which sending may not follow now"):
            await journal.record(entry(State.SENDING), instead_of=seen)
    assert await journal.find("sku/1") == recorded
    await journal.record(entry(State.SENDING), instead_of="aidge1.one")
    assert await journal.spent() == 4


@pytest.mark.parametrize("key", ["a'b\"; DROP TABLE entry", "\udcff", "名", "x\x00y", "~", "%_"])
async def test_any_text_is_a_key(journal: Journal, key: str) -> None:
    """Quotes, half characters, other alphabets, a zero byte: each names itself only."""
    recorded = await bring(journal, State.IN_DOUBT, key=key, reason="half a character: \udcff")
    assert await journal.find(key) == recorded
    assert await journal.find(f"{key}x") is None


@pytest.mark.parametrize("task_id", ["\ud800", "a\0b", "' OR 1", "5" * 500])
async def test_any_text_is_a_task_id(journal: Journal, task_id: str) -> None:
    """It is the gateway's word, and the task is paid by then."""
    await bring(journal, State.SUCCEEDED, task_id=task_id)
    found = await journal.find("sku/1")
    assert found is not None
    assert found.task_id == task_id


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("cannot load https://a.example/b?sign=made-up now", "cannot load <link> now"),
        ("sent with sign=made-up&x=1", "sent with <link>"),
        ("OSSAccessKeyId=a&Signature=made-up", "OSSAccessKeyId=a&<link>"),
        ("no answer within 60 s", "no answer within 60 s"),
    ],
)
async def test_reason_holds_no_link(journal: Journal, said: str, kept: str) -> None:
    """The gateway may name a picture in its message, and its link may be signed."""
    await bring(journal, State.IN_DOUBT, reason=said)
    found = await journal.find("sku/1")
    assert found is not None
    assert found.reason == kept


@pytest.mark.parametrize("state", [State.SENDING, State.IN_DOUBT, State.ABANDONED])
async def test_key_of_our_own_is_kept_while_its_answer_is_open(journal: Journal, state: State) -> None:
    """A doubt is not forgotten because nobody gave it a name."""
    await journal.record(entry(State.SENDING, keyed=False))
    for step in way_to(state)[2:]:
        await journal.record(entry(step, keyed=False))
    assert await journal.find("sku/1") == entry(state, keyed=False)


@pytest.mark.parametrize("state", [State.PLANNED, State.ACCEPTED, State.REFUSED])
async def test_memory_forgets_a_key_of_our_own_once_its_answer_is_in(state: State) -> None:
    """A million purchases without keys leave nothing behind but their count."""
    journal = MemoryJournal()
    await journal.record(entry(State.SENDING, keyed=False))
    assert repr(journal) == "<MemoryJournal, 1 entries>"
    await journal.record(entry(state, keyed=False))
    assert await journal.find("sku/1") is None
    await journal.settle(TASK["token"], State.SUCCEEDED)
    assert repr(journal) == "<MemoryJournal, 0 entries>"
    assert await journal.spent() == (ENTRY.pictures if state is State.ACCEPTED else 0)
