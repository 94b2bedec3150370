"""What a caller hears where the journal cannot take what happened, in virtual time."""

from typing import Any

import anyio
import pytest

from aidge_async import AidgeClient, InvalidInputError, SubmissionInDoubtError, Unfinished, _wiring
from aidge_async._core.lifecycle import Entry, State
from aidge_async._io.journal import MemoryJournal
from aidge_async.errors import JournalError, TakenError
from aidge_async.events import AcceptanceUnrecorded, Event, RecordFailed, SubmitInDoubt, TaskUnclaimed
from tests.engine.durable import FailingJournal, OvertakenJournal
from tests.support import URL_REQUEST, Answer, ScriptedGateway, accepted, business, events_of


def client_with(
    journal: MemoryJournal, gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> AidgeClient:
    """Return a client that remembers in *journal*."""
    monkeypatch.setattr(_wiring, "MemoryJournal", lambda _: journal)
    return gateway.client(**options)


async def test_intent_that_cannot_be_recorded_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the journal cannot be written nothing is submitted."""
    gateway = ScriptedGateway()
    async with client_with(FailingJournal(State.SENDING, 1), gateway, monkeypatch) as aidge:
        with pytest.raises(JournalError, match="disk is full") as caught:
            await aidge.submit(URL_REQUEST, key="sku-1")
        assert (caught.value.billable, caught.value.resend_safe) == ("no", True)
        assert gateway.posted == []
        assert (await aidge.submit(URL_REQUEST, key="sku-1")).task_id == "task-1"


async def test_acceptance_is_recorded_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task id that the journal refuses three times is recorded the fourth time, and nobody is troubled."""
    seen: list[Event] = []
    journal = FailingJournal(State.ACCEPTED, 3)
    async with client_with(journal, ScriptedGateway(), monkeypatch, observers=[seen.append]) as aidge:
        handle = await aidge.submit(URL_REQUEST, key="sku-1")
        found = await journal.find("sku-1")
    assert (found.state, found.token) == (State.ACCEPTED, handle.token) if found else False
    assert events_of(seen, AcceptanceUnrecorded) == []


async def test_acceptance_that_cannot_be_recorded_is_said_loudly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where it fails for good, the error, the event and the log hold the token: it is paid, and not sent again."""
    seen: list[Event] = []
    gateway = ScriptedGateway()
    async with client_with(FailingJournal(State.ACCEPTED, 4), gateway, monkeypatch, observers=[seen.append]) as aidge:
        began = anyio.current_time()
        with pytest.raises(JournalError, match="task task-1 was accepted and could not be recorded") as caught:
            await aidge.submit(URL_REQUEST, key="sku-1")
        assert anyio.current_time() - began < 5
        error = caught.value
        assert (error.billable, error.resend_safe, error.task_id) == ("yes", False, "task-1")
        assert error.token is not None
        assert [event.token for event in events_of(seen, AcceptanceUnrecorded)] == [error.token]
        assert error.token in caplog.text
        assert (await aidge.resume(error.token)).task_id == "task-1"
        with pytest.raises(SubmissionInDoubtError, match="in doubt since an earlier submission"):
            await aidge.submit(URL_REQUEST, key="sku-1")
    assert len(gateway.posted) == 1


async def test_batch_tells_all_of_a_task_that_cannot_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its outcome is to be resumed, with the token and the task's id."""
    gateway = ScriptedGateway()
    async with client_with(FailingJournal(State.ACCEPTED, 4), gateway, monkeypatch) as aidge:
        async with aidge.batch([URL_REQUEST]) as outcomes:
            (outcome,) = [outcome async for outcome in outcomes]
        assert isinstance(outcome, Unfinished)
        assert (outcome.task_id, aidge.resume(outcome.token).task_id) == ("task-1", "task-1")


async def test_acceptance_is_recorded_though_its_caller_was_cancelled_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer at the end of the ten seconds, and a journal that fails at first: the task id is not dropped."""
    seen: list[Event] = []
    journal = FailingJournal(State.ACCEPTED, 3)
    gateway = ScriptedGateway(submits=[14.5, accepted("task-1")])
    async with client_with(journal, gateway, monkeypatch, observers=[seen.append]) as aidge:
        with anyio.move_on_after(5) as scope:
            await aidge.submit(URL_REQUEST, key="sku-1")
        assert scope.cancelled_caught
        found = await journal.find("sku-1")
        assert found is not None
        assert (found.state, found.task_id) == (State.ACCEPTED, "task-1")
        assert aidge.unclaimed == (found.token,)
    assert [event.token for event in events_of(seen, TaskUnclaimed)] == [found.token]


@pytest.mark.parametrize(
    ("answer", "state", "kind", "billable"),
    [
        (business("500", "system error"), State.IN_DOUBT, SubmissionInDoubtError, "unknown"),
        (business("700", "age: unknown value"), State.REFUSED, InvalidInputError, "no"),
    ],
    ids=["in doubt", "refused"],
)
async def test_answer_is_told_though_it_cannot_be_recorded(
    answer: Answer, state: State, kind: type[Exception], billable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller hears what the gateway said, so that a doubt is not taken for a clean failure; it is not resent."""
    seen: list[Event] = []
    gateway = ScriptedGateway(submits=[answer])
    async with client_with(FailingJournal(state, 9), gateway, monkeypatch, observers=[seen.append]) as aidge:
        with pytest.raises(kind) as caught:
            await aidge.submit(URL_REQUEST, key="sku-1")
        assert caught.value.billable == billable  # type: ignore[attr-defined]  # one of ours
        assert [state.value in event.reason for event in events_of(seen, RecordFailed)] == [True]
        with pytest.raises(SubmissionInDoubtError):  # it stands as being sent, which is the safe side
            await aidge.submit(URL_REQUEST, key="sku-1")
    assert len(gateway.posted) == 1


async def test_postponed_submit_that_cannot_be_recorded_ends_unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certainly not processed, and the plan cannot be recorded: nothing more is sent, and the error says it is free."""
    gateway = ScriptedGateway(submits=[business("501", "rate limit exceed")])
    async with client_with(FailingJournal(State.PLANNED, 9), gateway, monkeypatch) as aidge:
        with pytest.raises(JournalError, match="disk is full") as caught:
            await aidge.submit(URL_REQUEST, key="sku-1")
        assert (caught.value.billable, caught.value.resend_safe) == ("no", True)
    assert len(gateway.posted) == 1


async def test_cancelled_submit_is_told_though_it_cannot_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A submit whose caller went, whose answer never came and which cannot be recorded is still told as in doubt."""
    seen: list[Event] = []
    gateway = ScriptedGateway(submits=[500.0, accepted("task-1")])
    async with client_with(FailingJournal(State.IN_DOUBT, 9), gateway, monkeypatch, observers=[seen.append]) as aidge:
        with anyio.move_on_after(5):
            await aidge.submit(URL_REQUEST, key="sku-1")
    assert len(events_of(seen, SubmitInDoubt)) == 1
    assert len(events_of(seen, RecordFailed)) == 1


@pytest.mark.parametrize("state", [State.ACCEPTED, State.FAILED])
async def test_faster_process_makes_it_one_task(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another process buys the same key between our look and our intent, its task is ours too, failed or not."""
    gateway = ScriptedGateway()
    async with gateway.client() as aidge:
        token = (await aidge.submit(URL_REQUEST)).token
    gateway.posted.clear()
    theirs = Entry(
        key="sku-1",
        keyed=True,
        operation="model-alternation",
        fingerprint="",
        state=state,
        at=1.0,
        token=token,
        task_id="task-1",
    )
    async with client_with(OvertakenJournal(theirs), gateway, monkeypatch) as aidge:
        assert (await aidge.submit(URL_REQUEST, key="sku-1")).token == token
    assert gateway.posted == []


async def test_taken_key_is_a_journal_error() -> None:
    """A caller of the journal that was too late is told so by name."""
    journal = MemoryJournal()
    entry = Entry(key="a", keyed=True, operation="o", fingerprint="f", state=State.SENDING, at=1.0)
    await journal.record(entry)
    with pytest.raises(TakenError, match="another caller uses the same key"):
        await journal.record(entry)


async def test_abandoned_key_is_not_bought(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person gave up is bought again only when a person says so."""
    gateway = ScriptedGateway(submits=[business("500", "system error"), accepted("task-2")])
    journal = MemoryJournal()
    async with client_with(journal, gateway, monkeypatch) as aidge:
        with pytest.raises(SubmissionInDoubtError):
            await aidge.submit(URL_REQUEST, key="sku-1")
        found = await journal.find("sku-1")
        assert found is not None
        for state in (State.ABANDONED, State.PLANNED):
            if state is State.PLANNED:
                with pytest.raises(JournalError, match="was abandoned by a person; resolve it"):
                    await aidge.submit(URL_REQUEST, key="sku-1")
            await journal.record(_as(found, state))
        assert (await aidge.submit(URL_REQUEST, key="sku-1")).task_id == "task-2"
    assert len(gateway.posted) == 2


def _as(entry: Entry, state: State) -> Entry:
    return Entry(key=entry.key, keyed=True, operation=entry.operation, fingerprint=entry.fingerprint, state=state, at=2)


async def test_end_that_cannot_be_recorded_is_delivered_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is there; that the journal does not know it is told, and it will be found out again."""
    heard: list[Event] = []

    async def unsettled(*_: object) -> None:
        raise JournalError("made-up trouble")

    async with ScriptedGateway().client(observers=[heard.append]) as aidge:
        handle = await aidge.submit(URL_REQUEST, key="sku-1")
        monkeypatch.setattr(aidge._open().journal, "settle", unsettled)
        assert len(await handle) == 1
    (told,) = events_of(heard, RecordFailed)
    assert (told.task_id, told.reason) == (handle.task_id, "made-up trouble")
