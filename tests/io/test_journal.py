"""The memory journal: it follows the table, and keeps what may be asked for again."""

import itertools
from typing import Any

import attrs
import pytest

from aidge_async._core.lifecycle import TRANSITIONS, Entry, State
from aidge_async._io.journal import MemoryJournal
from aidge_async.errors import JournalError

ENTRY = Entry(key="sku/1", keyed=True, operation="o", fingerprint="f", state=State.PLANNED, at=1.0)


def entry(state: State, **fields: Any) -> Entry:
    """Return an entry in another state."""
    return attrs.evolve(ENTRY, state=state, **fields)


async def test_unknown_key_is_not_found() -> None:
    """Nothing is recorded under it."""
    assert await MemoryJournal().find("sku/1") is None


async def test_latest_record_is_found() -> None:
    """Under its own key only."""
    journal = MemoryJournal()
    for state in (State.PLANNED, State.SENDING, State.ACCEPTED):
        await journal.record(entry(state, token="aidge1.x"))
    assert await journal.find("sku/1") == entry(State.ACCEPTED, token="aidge1.x")
    assert await journal.find("sku/2") is None
    assert repr(journal) == "<MemoryJournal, 1 entries>"


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
async def test_journal_follows_the_table_and_nothing_else(before: State, after: State) -> None:
    """What the table does not allow is refused, and leaves what is recorded."""
    journal = MemoryJournal()
    await journal.record(entry(before))
    if after in TRANSITIONS[before]:
        await journal.record(entry(after))
        assert await journal.find("sku/1") == entry(after)
        return
    words = rf"^the journal holds 'sku/1' as {before.value}, which {after.value} may not follow; another caller uses"
    with pytest.raises(JournalError, match=words) as caught:
        await journal.record(entry(after))
    assert caught.value.key == "sku/1"
    assert await journal.find("sku/1") == entry(before)


@pytest.mark.parametrize("state", [State.SENDING, State.IN_DOUBT, State.ABANDONED])
async def test_key_of_our_own_is_kept_while_its_answer_is_open(state: State) -> None:
    """A doubt is not forgotten because nobody gave it a name."""
    journal = MemoryJournal()
    await journal.record(entry(state, keyed=False))
    assert await journal.find("sku/1") == entry(state, keyed=False)


@pytest.mark.parametrize("state", [State.PLANNED, State.ACCEPTED, State.REFUSED])
async def test_key_of_our_own_is_forgotten_once_its_answer_is_in(state: State) -> None:
    """A million purchases without keys leave nothing behind."""
    journal = MemoryJournal()
    await journal.record(entry(State.SENDING, keyed=False))
    await journal.record(entry(state, keyed=False))
    assert await journal.find("sku/1") is None
    assert repr(journal) == "<MemoryJournal, 0 entries>"
