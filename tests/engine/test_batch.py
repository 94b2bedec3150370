"""Many requests through one client: each gets its outcome, in bounded memory, and leaving loses nothing."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from aidge_async import (
    AidgeClient,
    CredentialsError,
    DeadlineError,
    Failed,
    GeneratedImages,
    InDoubt,
    JournalError,
    Limits,
    ModelAlternation,
    NotSubmitted,
    Outcome,
    Polling,
    Succeeded,
    TaskRequest,
    TaskSucceeded,
    Unfinished,
)
from aidge_async._engine.batch import BatchRun
from aidge_async.events import Event, SubmitsPaused, TaskAccepted
from aidge_async.sandbox import SandboxSettings
from aidge_async.testing import InProcessSandbox
from tests.engine.test_edges import BrokenPolling
from tests.support import (
    URL_REQUEST,
    ScriptedGateway,
    accepted,
    business,
    events_of,
    failed,
    finished,
    refused,
    running,
    virtual_sandbox,
)

FREE = Limits(submit_rate=None, query_rate=None)
Look = Outcome[GeneratedImages]


def look(number: int) -> ModelAlternation:
    """Return a request unlike all others."""
    return ModelAlternation(image=f"https://example.com/{number}.jpg", model="universal_model_1", count=2)


async def all_of(aidge: AidgeClient, requests: Any, **options: Any) -> list[Look]:
    """Return all outcomes of a batch."""
    async with aidge.batch(requests, **options) as outcomes:
        return [outcome async for outcome in outcomes]


def kinds(outcomes: list[Look]) -> Counter[str]:
    """Return how many outcomes of each kind there are."""
    return Counter(type(outcome).__name__ for outcome in outcomes)


async def test_each_request_has_one_outcome_with_what_is_known_of_it() -> None:
    """Request, key, place, task id, token, result: a row can be told from the others."""
    world, client = virtual_sandbox(SandboxSettings(duration=20), limits=FREE)
    requests = [look(number) for number in range(60)]
    async with client as aidge:
        outcomes = await all_of(aidge, requests, window=25)
    assert sorted(outcome.index for outcome in outcomes) == list(range(60))
    assert all(outcome.request is requests[outcome.index] for outcome in outcomes)
    assert {outcome.task_id for outcome in outcomes} == {line["task_id"] for line in world.ledger()}
    assert len({outcome.key for outcome in outcomes}) == 60
    for outcome in outcomes:
        assert isinstance(outcome, Succeeded)
        assert (len(outcome.result), outcome.paths, outcome.result.task_id) == (2, (), outcome.task_id)
        assert outcome.token == outcome.result.token


async def test_parts_of_the_timeline_add_up() -> None:
    """Permit wait, submit, time at the gateway and detection delay are the time from being drawn to the outcome."""
    gateway = ScriptedGateway(
        submits=[0.5, accepted("task-1")], queries=[0.25, running("task-1"), 0.25, finished("task-1")]
    )
    async with gateway.client(polling=Polling.every(4)) as aidge, aidge.batch([URL_REQUEST]) as outcomes:
        (outcome,) = [(outcome, anyio.current_time()) async for outcome in outcomes]
    timeline = outcome[0].timeline
    assert timeline.submit == pytest.approx(0.5)
    # Polled at 4 and 8.25 s of its age; the answers took 0.25 s, so its end lies between 4.25 and 8.5.
    assert timeline.at_gateway + timeline.detection_delay == pytest.approx(8.5 - 0.5 + 0.5, abs=0.51)
    assert timeline.detection_delay == pytest.approx(2.1, abs=0.2)
    assert (timeline.permit_wait, timeline.saving) == (0.0, 0.0)
    assert timeline.total == pytest.approx(
        timeline.permit_wait + timeline.submit + timeline.at_gateway + timeline.detection_delay
    )


async def test_requests_are_drawn_only_as_the_consumer_fetches() -> None:
    """A slow consumer slows the submits: never more than the window is drawn and not delivered."""
    drawn = 0

    def endless() -> Iterator[ModelAlternation]:
        nonlocal drawn
        while True:
            drawn += 1
            yield look(drawn)

    world, client = virtual_sandbox(SandboxSettings(duration=1), limits=FREE)
    async with client as aidge, aidge.batch(endless(), window=7) as outcomes:
        for fetched in range(1, 30):
            await anext(outcomes)
            await anyio.sleep(60)
            assert drawn == fetched + 7
    assert len(world.ledger()) == drawn


async def test_requests_may_come_from_an_async_iterable_and_with_keys() -> None:
    """Pairs of a key and a request; the same key is one task."""

    async def rows() -> AsyncIterator[tuple[str, TaskRequest[GeneratedImages]]]:
        for number in (1, 2, 2, 3):
            await anyio.sleep(1)
            yield f"sku-{number}", look(number)

    world, client = virtual_sandbox(SandboxSettings(duration=5))
    async with client as aidge:
        outcomes = await all_of(aidge, rows())
    assert [outcome.key for outcome in sorted(outcomes, key=lambda outcome: outcome.index)] == [
        "sku-1",
        "sku-2",
        "sku-2",
        "sku-3",
    ]
    assert kinds(outcomes) == {"Succeeded": 4}
    assert len(world.ledger()) == 3


async def test_outcomes_may_come_in_the_order_of_their_requests() -> None:
    """Whatever their tasks take."""
    _, client = virtual_sandbox(SandboxSettings(duration=20, spread=1.0), limits=FREE)
    async with client as aidge:
        by_input = await all_of(aidge, [look(number) for number in range(20)], order="input", window=8)
        by_end = await all_of(aidge, [look(number) for number in range(20)], window=8)
    assert [outcome.index for outcome in by_input] == list(range(20))
    assert [outcome.index for outcome in by_end] != list(range(20))


async def test_bad_item_stops_no_other() -> None:
    """What is no request, what breaks a rule, what fails and what is refused each get their own outcome."""
    gateway = ScriptedGateway(
        submits=[accepted("task-1"), business("1000", "sensitive"), accepted("task-2")],
        queries=[failed("task-1"), finished("task-2")],
    )
    requests: list[Any] = [look(1), look(2), "nonsense", ("", look(4)), ("too", "many", "parts"), look(3)]
    async with gateway.client(limits=Limits(in_flight=1)) as aidge:
        outcomes = await all_of(aidge, requests)
    found = {outcome.index: outcome for outcome in outcomes}
    assert kinds(outcomes) == {"Failed": 1, "NotSubmitted": 4, "Succeeded": 1}
    assert isinstance(found[0], Failed)
    assert [str(outcome.error.code) for outcome in outcomes if isinstance(outcome, NotSubmitted)].count("1000") == 1
    assert isinstance(found[5], Succeeded)


async def test_source_that_raises_is_heard_when_all_else_is_delivered() -> None:
    """What was drawn before is brought to its end: it is paid."""

    def rows() -> Iterator[ModelAlternation]:
        yield look(1)
        yield look(2)
        raise LookupError("made-up fault in line 3")

    _, client = virtual_sandbox(SandboxSettings(duration=20))
    async with client as aidge, aidge.batch(rows()) as outcomes:
        assert kinds([await anext(outcomes), await anext(outcomes)]) == {"Succeeded": 2}
        with pytest.raises(LookupError, match="line 3"):
            await anext(outcomes)


async def test_what_is_left_early_is_named_by_its_tokens() -> None:
    """Accepted tasks without a delivered outcome are in `unfinished`, and each can be resumed."""
    world, client = virtual_sandbox(SandboxSettings(duration=30, spread=0.5), limits=FREE)
    async with client as aidge:
        async with aidge.batch([look(number) for number in range(50)], window=20) as outcomes:
            fetched = [await anext(outcomes) for _ in range(5)]
        bought = {line["task_id"] for line in world.ledger()}
        resumed = [aidge.resume(token) for token in outcomes.unfinished]
        assert {handle.task_id for handle in resumed} | {outcome.task_id for outcome in fetched} == bought
        assert len(resumed) + len(fetched) == len(bought) < 50
        assert len(await resumed[0]) == 2


@pytest.mark.parametrize("way", ["break", "exception", "cancellation"])
async def test_leaving_leaves_no_coroutine(way: str) -> None:
    """Whatever leaves the block: nothing follows or submits any more."""
    world, client = virtual_sandbox(SandboxSettings(duration=30), limits=Limits(submit_rate=2, query_rate=None))
    async with client as aidge:
        with anyio.move_on_after(8), contextlib.suppress(ZeroDivisionError):
            async with aidge.batch([look(number) for number in range(99)], window=50):
                await anyio.sleep(99 if way == "cancellation" else 7)
                if way == "exception":
                    raise ZeroDivisionError
        seen = world.statistics()
        assert len(world.ledger()) >= 14
        await anyio.sleep(100)
        assert world.statistics()["received"] == seen["received"]
        assert aidge._open()._busy._count == 0


async def test_cancelled_in_a_submit_it_still_names_the_task() -> None:
    """The answer is heard out under the shield; the token is in the batch's list."""
    gateway = ScriptedGateway(submits=[3.0, accepted("task-1")])
    async with gateway.client() as aidge:
        with anyio.move_on_after(1):
            async with aidge.batch([URL_REQUEST]) as outcomes:
                await anext(outcomes)
        assert [aidge.resume(token).task_id for token in outcomes.unfinished] == ["task-1"]
        assert outcomes.unfinished == aidge.unclaimed


@pytest.mark.parametrize("code", ["InvalidAppKey", "NoResource"])
async def test_refused_account_stops_submitting(code: str) -> None:
    """What was drawn and not sent is told as not submitted; the source is not drawn to its end."""
    gateway = ScriptedGateway(submits=[accepted("task-1"), refused(code)], queries=[finished("task-1")])
    async with gateway.client(limits=Limits(submit_rate=2, in_flight=1)) as aidge:
        outcomes = await all_of(aidge, (look(number) for number in range(1000)))
    assert len(gateway.posted) == 2
    assert kinds(outcomes)["Succeeded"] == 1
    rest = [outcome.error for outcome in outcomes if isinstance(outcome, NotSubmitted)]
    assert 1 < len(rest) < 20
    assert str(rest[-1]).startswith("nothing was sent: the account was refused before")
    assert {error.billable for error in rest} == {"no"}


async def test_account_refused_on_a_query_stops_submitting_too() -> None:
    """The tasks are not lost: their tokens are in the outcomes."""
    gateway = ScriptedGateway(queries=[refused("InvalidAppKey")])
    async with gateway.client(limits=Limits(submit_rate=0.1, in_flight=1)) as aidge:
        outcomes = await all_of(aidge, [look(number) for number in range(30)])
    unfinished = [outcome for outcome in outcomes if isinstance(outcome, Unfinished)]
    assert [type(outcome.error) for outcome in unfinished] == [CredentialsError]
    assert unfinished[0].token == unfinished[0].error.token
    assert len(gateway.posted) == 1


async def test_submitting_pauses_after_five_in_doubt_in_a_row() -> None:
    """One is tried after a minute, after two, after four; with a certain answer all go on."""
    heard: list[Event] = []
    sandbox = InProcessSandbox(SandboxSettings(duration=1))
    sandbox.fault("submit", "accept_then_drop", next=7)
    limits = Limits(submit_rate=2, in_flight=1)
    async with sandbox.client(limits=limits, observers=[heard.append]) as aidge:
        began = anyio.current_time()
        outcomes = await all_of(aidge, [look(number) for number in range(20)])
        took = anyio.current_time() - began
    assert kinds(outcomes) == {"InDoubt": 7, "Succeeded": 13}
    assert [event.wait for event in events_of(heard, SubmitsPaused)] == [60.0, 120.0, 240.0]
    assert 420 < took < 450
    assert len(sandbox.ledger()) == 20


async def test_what_was_not_sent_does_not_end_a_row_of_doubts() -> None:
    """A connection that failed says nothing of a gateway that swallows answers."""
    heard: list[Event] = []
    lost, unreachable = httpx.ReadError("gone"), httpx.ConnectError("nobody there")
    gateway = ScriptedGateway(submits=[lost, unreachable, lost, accepted("task-1")])
    async with gateway.client(limits=Limits(submit_rate=1, in_flight=1), observers=[heard.append]) as aidge:
        outcomes = await all_of(aidge, [look(number) for number in range(4)], brake=2)
    assert kinds(outcomes)["InDoubt"] == 2
    assert [event.wait for event in events_of(heard, SubmitsPaused)] == [60.0]


async def test_pause_may_be_set_and_left_out() -> None:
    """With `brake=None` all are sent."""
    sandbox = InProcessSandbox(SandboxSettings(duration=1))
    sandbox.fault("submit", "accept_then_drop")
    async with sandbox.client(limits=FREE) as aidge:
        outcomes = await all_of(aidge, [look(number) for number in range(20)], brake=None)
        assert kinds(outcomes) == {"InDoubt": 20}
        outcomes = await all_of(aidge, [look(number) for number in range(3)], brake=2, deadline=50)
    assert 1 <= kinds(outcomes)["NotSubmitted"] + kinds(outcomes)["InDoubt"] - 2 <= 1
    assert all(isinstance(outcome, (InDoubt, NotSubmitted)) for outcome in outcomes)


async def test_task_that_outlasts_its_deadline_is_unfinished() -> None:
    """It is asked once more, then told with its token, within a second of the deadline."""
    gateway = ScriptedGateway(queries=[running("task-1")])
    async with gateway.client(polling=Polling.every(60)) as aidge:
        began = anyio.current_time()
        (outcome,) = await all_of(aidge, [URL_REQUEST], deadline=100)
        assert anyio.current_time() - began == pytest.approx(100, abs=1)
        assert isinstance(outcome, Unfinished)
        assert isinstance(outcome.error, DeadlineError)
        assert len(gateway.query_times) == 2
        gateway.queries = [finished("task-1")]
        assert (await aidge.resume(outcome.token)).task_id == "task-1"


async def test_last_query_at_the_deadline_may_bring_the_result() -> None:
    """What is done by then is delivered as done."""
    gateway = ScriptedGateway(queries=[running("task-1"), finished("task-1")])
    async with gateway.client(polling=Polling.every(60)) as aidge:
        (outcome,) = await all_of(aidge, [URL_REQUEST], deadline=100)
    assert isinstance(outcome, Succeeded)


async def test_task_without_a_deadline_has_that_of_the_client() -> None:
    """A quarter of an hour, from its acceptance."""
    _, client = virtual_sandbox(SandboxSettings(duration=5000, spread=0), polling=Polling.every(60))
    async with client as aidge:
        began = anyio.current_time()
        (outcome,) = await all_of(aidge, [URL_REQUEST])
        assert anyio.current_time() - began == pytest.approx(900, abs=1)
    assert isinstance(outcome, Unfinished)


@pytest.mark.slow
async def test_many_deadlines_are_kept_and_forgotten() -> None:
    """The list of deadlines does not grow with the tasks that ended in time."""
    _, client = virtual_sandbox(SandboxSettings(duration=2), limits=FREE, polling=Polling.every(1))
    async with client as aidge, aidge.batch([look(number) for number in range(150)], window=5) as outcomes:
        assert kinds([outcome async for outcome in outcomes]) == {"Succeeded": 150}
        run: Any = outcomes._run
        assert isinstance(run, BatchRun)
        assert len(run._due._heap) <= 2 * 5 + 65


@pytest.mark.slow
async def test_statistics_tell_how_far_it_is() -> None:
    """Counts by outcome, what is in flight, the rate, the time left, and pictures asked for and delivered."""
    _, client = virtual_sandbox(SandboxSettings(duration=10, spread=0), limits=Limits(submit_rate=2, query_rate=None))
    async with client as aidge, aidge.batch([look(number) for number in range(100)]) as outcomes:
        assert (outcomes.statistics().total, outcomes.statistics().done) == (100, 0)
        assert outcomes.statistics().time_left is None
        seen = [await anext(outcomes) for _ in range(50)]
        half = outcomes.statistics()
        assert half.succeeded == half.done == 50
        assert half.rate == pytest.approx(2, rel=0.2)
        assert half.time_left == pytest.approx(25, rel=0.25)
        assert 15 <= half.in_flight <= 35
        assert half.pictures_asked == 2 * (50 + half.in_flight)
        assert half.pictures_delivered == 100
        assert "50 of 100 done" in repr(outcomes)
        seen += [outcome async for outcome in outcomes]
        assert (outcomes.statistics().done, outcomes.statistics().time_left) == (100, 0.0)
    assert len(seen) == 100


async def test_task_is_shared_with_a_handle() -> None:
    """Who resumes a task of a batch shares its poller, and goes on when the batch is left."""
    heard: list[Event] = []
    _, client = virtual_sandbox(SandboxSettings(duration=60, spread=0), observers=[heard.append])
    async with client as aidge:
        async with aidge.batch([URL_REQUEST]):
            await anyio.sleep(1)
            handle = aidge.resume(events_of(heard, TaskAccepted)[0].token)
            with anyio.move_on_after(10):
                await handle
        assert len(await handle) == 2
        assert isinstance(await handle.status(), TaskSucceeded)


async def test_bug_is_raised_and_loses_no_token() -> None:
    """What is no error of ours comes out where the batch is read; accepted tasks are named."""
    gateway = ScriptedGateway()
    async with gateway.client(polling=BrokenPolling("every", 5)) as aidge:
        batch = aidge.batch([URL_REQUEST])
        with pytest.raises(LookupError, match="made-up bug"):
            async with batch as outcomes:
                await anext(outcomes)
        assert [aidge.resume(token).task_id for token in batch.unfinished] == ["task-1"]


async def test_bug_in_a_submit_is_raised_too() -> None:
    """The source is not drawn any further."""

    class Odd(ModelAlternation):
        @property
        def image(self) -> Any:  # a bug, made up
            raise LookupError("made-up bug")

    request = object.__new__(Odd)
    async with ScriptedGateway().client() as aidge:
        with pytest.raises(LookupError, match="made-up bug"):
            await all_of(aidge, iter([request]))


async def test_async_source_is_closed() -> None:
    """What the source holds open is closed when the batch is left early."""
    closed = []

    async def rows() -> AsyncIterator[ModelAlternation]:
        try:
            for number in range(99):
                yield look(number)
        finally:
            closed.append(True)

    _, client = virtual_sandbox()
    async with client as aidge:
        async with aidge.batch(rows(), window=3) as outcomes:
            await anext(outcomes)
        assert closed == [True]


async def test_key_of_a_settled_task_is_delivered_at_once() -> None:
    """A task whose end is known to this client is not polled again."""
    gateway = ScriptedGateway()
    async with gateway.client() as aidge:
        handle = await aidge.submit(URL_REQUEST, key="sku-1")
        await handle
        polls = len(gateway.query_times)
        (outcome,) = await all_of(aidge, [("sku-1", URL_REQUEST)])
        assert isinstance(outcome, Succeeded)
        assert outcome.task_id == handle.task_id
        assert len(gateway.query_times) == polls


async def test_deadline_that_passes_while_saving_gives_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task is done by then, and its pictures are on their way."""
    async with ScriptedGateway().client() as aidge:

        async def slowly(*_: object, **__: object) -> list[Path]:
            await anyio.sleep(200)
            return [Path("look.jpg")]

        monkeypatch.setattr(aidge._open(), "save", slowly)
        (outcome,) = await all_of(aidge, [URL_REQUEST], deadline=100, save_to="out")
        assert isinstance(outcome, Succeeded)
        assert outcome.timeline.saving == 200


async def test_accepted_task_that_the_journal_did_not_take_is_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is paid, so its token is in the outcome."""
    async with ScriptedGateway().client() as aidge:
        token = (await aidge.submit(URL_REQUEST)).token

        async def unrecorded(*_: object, **__: object) -> None:
            raise JournalError("made-up trouble", token=token)

        monkeypatch.setattr(aidge._open().journal, "record", unrecorded)
        (outcome,) = await all_of(aidge, [URL_REQUEST])
    assert isinstance(outcome, Unfinished)
    assert outcome.token == token
